//! The running engine's side of the spool: requests become events, notices become answers.
//!
//! Thread: main, once a look. Hot path: no.

use std::io;
use std::time::{Duration, Instant};

use engine::machine::{ChangeRefusal, Machine};
use model::body::{ControlAction, ControlRequest, Notice, NoticeCode, Outcome, Text};
use model::control::{Control, Scope};
use model::ids::ClientOrderId;
use model::record::{Kind, Record};

use super::show;
use super::spool::{Answer, Request, Spool};
use super::words::{self, Names};
use crate::output::remark;

/// Pause between two looks into the spool.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// See the module's header.
pub(crate) struct Obedience {
    /// None where nothing is to be left on a disk: signals reach the engine all the same.
    spool: Option<Spool>,
    venues: Vec<String>,
    /// Requests that wait for their place in the lane, oldest first.
    waiting: Vec<Request>,
    /// Numbers and actions of those whose answer is awaited.
    asked: Vec<(u64, String)>,
    looked: Option<Instant>,
    complained: bool,
}

impl Obedience {
    /// Begins to obey; what an engine before this one had taken comes first. `venues`: their names,
    /// by id.
    pub(crate) fn begin(spool: Option<Spool>, venues: Vec<String>) -> Self {
        let mut this = Self {
            spool,
            venues,
            waiting: Vec::new(),
            asked: Vec::new(),
            looked: None,
            complained: false,
        };
        if let Some(spool) = &this.spool {
            let left = spool.prepare().and_then(|()| spool.take(true));
            this.waiting = this.told(left).unwrap_or_default();
        }
        this
    }

    /// A spool that cannot be read is told once; signals still reach the engine.
    fn told<T>(&mut self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                if let Some(spool) = self.spool.as_ref().filter(|_| !self.complained) {
                    let dir = spool.dir().display();
                    remark(&format!(
                        "{dir}: {error}; `caracal control` cannot reach this engine, signals can"
                    ));
                }
                self.complained = true;
                None
            }
        }
    }

    /// Whether somebody wants everything killed by the file, and why.
    pub(crate) fn kill_wanted(&self) -> Option<String> {
        self.spool.as_ref()?.kill_wanted()
    }

    /// The kill is on its way.
    pub(crate) fn kill_taken(&mut self, now_ns: u64) {
        if let Some(spool) = &self.spool {
            let moved = spool.kill_taken(now_ns);
            self.told(moved);
        }
    }

    /// Takes what came, gives it to `push` as events (false: no room, later again), and answers
    /// what `notices` answer.
    pub(crate) fn look(
        &mut self,
        machine: &Machine,
        notices: &[Notice],
        mut push: impl FnMut(&Record) -> bool,
    ) {
        for notice in notices {
            self.answer(machine, notice);
        }
        if self
            .looked
            .is_none_or(|looked| LOOK_EVERY <= looked.elapsed())
        {
            self.looked = Some(Instant::now());
            if let Some(spool) = &self.spool {
                let came = spool.take(false);
                let came = self.told(came).unwrap_or_default();
                self.waiting.extend(came);
            }
        }
        while let Some(request) = self.waiting.first() {
            let (number, action) = (request.number, request.action.clone());
            match self.event(machine, request) {
                Ok(record) => {
                    if !push(&record) {
                        return;
                    }
                    remark(&format!("control: {action} {number} by {}", request.by));
                    self.asked.push((number, action));
                }
                Err(answer) => self.finish(number, &answer),
            }
            self.waiting.remove(0);
        }
    }

    fn finish(&mut self, number: u64, answer: &Answer) {
        if let Some(spool) = &self.spool {
            let done = spool.finish(number, answer);
            self.told(done);
        }
    }

    fn answer(&mut self, machine: &Machine, notice: &Notice) {
        let place = self
            .asked
            .iter()
            .position(|(number, _)| *number == notice.other);
        let Some(place) = place.filter(|_| is_answer(notice.code)) else {
            return;
        };
        let (number, action) = self.asked.remove(place);
        let accepted = notice.code != NoticeCode::ChangeRefused;
        let names = Names::of(machine, &self.venues);
        let text = answer_text(&names, notice, &action);
        remark(&format!("control: {text}"));
        self.finish(number, &Answer { accepted, text });
    }

    /// The event of a request, or the answer where there is none to make.
    fn event(&self, machine: &Machine, request: &Request) -> Result<Record, Answer> {
        let names = Names::of(machine, &self.venues);
        if request.action == "show" {
            return Err(Answer {
                accepted: true,
                text: show::text(machine, &names),
            });
        }
        let body = body(machine, &names, request).map_err(|text| Answer {
            accepted: false,
            text: format!("control {}: {text}", request.action),
        })?;
        Ok(Record::new(Kind::Control, &body))
    }
}

const fn is_answer(code: NoticeCode) -> bool {
    matches!(
        code,
        NoticeCode::ChangeProposed
            | NoticeCode::ChangeApplied
            | NoticeCode::ChangeRefused
            | NoticeCode::ChangeWithdrawn
    )
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
fn answer_text(names: &Names, notice: &Notice, action: &str) -> String {
    let scope = Scope::from_parts(notice.scope, notice.scope_id).unwrap_or(Scope::Overall);
    let scope = names.scope_text(scope);
    let number = notice.other;
    match notice.code {
        NoticeCode::ChangeProposed => format!(
            "{action} of {scope} waits for a second person: caracal control approve {number} \
             --by NAME --reason TEXT"
        ),
        NoticeCode::ChangeApplied => format!("{action} {scope}: done (request {number})"),
        NoticeCode::ChangeWithdrawn => format!("{action}: withdrawn (request {number})"),
        _ => {
            let reason = ChangeRefusal::from_code(notice.value);
            let reason = reason.map_or("refused", ChangeRefusal::text);
            format!("control {action} {scope}: {reason}")
        }
    }
}

fn action(name: &str) -> Option<ControlAction> {
    Some(match name {
        "kill" => ControlAction::Kill,
        "flatten" => ControlAction::Flatten,
        "release" => ControlAction::Release,
        "pause" => ControlAction::Pause,
        "enable" => ControlAction::Enable,
        "restrict" => ControlAction::Restrict,
        "unrestrict" => ControlAction::Unrestrict,
        "limit" => ControlAction::SetLimit,
        "approve" => ControlAction::Approve,
        "withdraw" => ControlAction::Withdraw,
        "resolve" => ControlAction::Resolve,
        _ => return None,
    })
}

fn body(machine: &Machine, names: &Names, request: &Request) -> Result<ControlRequest, String> {
    let action = action(&request.action).ok_or("there is no such request")?;
    let person = person(machine, &request.by)?;
    let scope = names.scope(request.scope.as_deref().unwrap_or("everything"))?;
    let mut body = ControlRequest {
        number: request.number,
        target: 0,
        old: i64::MAX,
        new: 0,
        soft: i64::MAX,
        scope_id: scope.id(),
        control: 0,
        person,
        action,
        scope: scope.kind(),
        outcome: Outcome::None,
        reason: Text::cut(&request.reason),
    };
    let target = request.target.as_deref().unwrap_or("");
    match action {
        ControlAction::SetLimit => {
            let control = words::control(request.control.as_deref().unwrap_or(""))?;
            let value = |text: &Option<String>| -> Result<i64, String> {
                words::value(control, text.as_deref().unwrap_or(""))
            };
            body.control = control.code();
            (body.old, body.new) = (value(&request.old)?, value(&request.new)?);
            body.soft = words::value(control, request.soft.as_deref().unwrap_or("none"))?;
        }
        ControlAction::Restrict => {
            if let Some(lasts) = &request.new {
                let lasts = words::value(Control::TimeStop, lasts)?;
                let now = i64::try_from(machine.time_ns()).unwrap_or(i64::MAX);
                body.new = now.saturating_add(lasts);
            }
        }
        ControlAction::Approve | ControlAction::Withdraw => {
            let number = target.parse();
            body.target = number.map_err(|_| format!("\"{target}\" is no proposal's number"))?;
        }
        ControlAction::Resolve => {
            let id = order_id(target).ok_or_else(|| format!("\"{target}\" is no order's id"))?;
            body.target = id.raw();
            body.outcome = match request.outcome.as_deref() {
                Some("absent") => Outcome::Absent,
                Some("cancelled") => Outcome::Cancelled,
                _ => return Err("--outcome must be absent or cancelled".to_owned()),
            };
        }
        ControlAction::Kill
        | ControlAction::Release
        | ControlAction::Pause
        | ControlAction::Enable
        | ControlAction::Flatten
        | ControlAction::Unrestrict => {}
    }
    Ok(body)
}

/// Place of a person in the running configuration.
pub(crate) fn person(machine: &Machine, name: &str) -> Result<u16, String> {
    let persons = machine
        .config()
        .map_or(&[][..], |config| &config.control.persons);
    let place = persons.iter().position(|known| known == name);
    place
        .and_then(|place| u16::try_from(place).ok())
        .ok_or_else(|| {
            format!(
                "\"{name}\" is none of the running configuration's persons: {}",
                persons.join(", ")
            )
        })
}

/// `epoch-strategy-counter`, or `epoch-e-counter`.
fn order_id(text: &str) -> Option<ClientOrderId> {
    let mut parts = text.split('-');
    let epoch = parts.next()?.parse().ok()?;
    let owner = parts.next()?;
    let counter = parts.next()?.parse().ok()?;
    let strategy = match owner {
        "e" => None,
        owner => Some(model::ids::StrategyId(owner.parse().ok()?)),
    };
    ClientOrderId::new(epoch, strategy, counter).filter(|_| parts.next().is_none())
}
