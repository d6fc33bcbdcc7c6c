//! Change control: what persons ask of risk, and who has to agree.
//!
//! What makes risk smaller takes effect at once, by any person of the configuration. What makes it
//! larger (a limit raised, a kill released, a pause ended, an order's fate decided) is a proposal,
//! which another person has to approve before it expires. Each request is one event, and each gets
//! exactly one answer: a notice whose `other` is the request's number.
//!
//! Hot path: no (but at a tick: a look at the oldest proposal). Allocates: only at creation.

use std::collections::VecDeque;

use model::body::{ControlAction, ControlRequest, NoticeCode, NoticeLevel, Outcome};
use model::control::{Control, Scope, Stricter};
use model::ids::{ClientOrderId, InstrumentId};
use serde::{Deserialize, Serialize};

use super::Risk;
pub use super::change_refusal::ChangeRefusal;
use super::notices::Told;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Most proposals that wait for a second person.
pub(crate) const PROPOSALS_MAX: usize = 32;
/// Requests whose numbers are remembered, so that none takes effect twice.
const NUMBERS_REMEMBERED: usize = 256;
/// Stands for "no limit" in a request.
const NO_LIMIT: i64 = i64::MAX;

/// What a person decided about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// The venue never had it.
    Absent,
    /// It ended; its fills are those that we have.
    Cancelled,
}

/// What a proposal would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Release a kill.
    Release(Scope),
    /// End a pause, and reduce-only by a loss.
    Enable(Scope),
    /// Take an instrument off the restricted list.
    Unrestrict(InstrumentId),
    /// Decide what became of an order.
    Resolve(ClientOrderId, Decision),
    /// Loosen a limit.
    Limit(LimitChange),
}

/// A limit's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitChange {
    /// The control.
    pub control: Control,
    /// What it holds for.
    pub scope: Scope,
    /// As the person saw it, in the control's unit; [`i64::MAX`]: none. So for the others.
    pub old: i64,
    /// The hard limit wanted.
    pub new: i64,
    /// The soft limit wanted.
    pub soft: i64,
}

impl LimitChange {
    /// Whether the second limit is looser than the first, or the same way for the soft ones. No
    /// limit is the loosest.
    pub(crate) const fn loosens(&self, hard: i64, soft: i64) -> bool {
        let way = self.control.stricter();
        looser(way, hard, self.new) || looser(way, soft, self.soft)
    }

    /// Whether the soft limit, if there is one, is at least as strict as the hard one.
    pub(crate) const fn is_sound(&self) -> bool {
        let way = self.control.stricter();
        self.new >= 0
            && self.soft >= 0
            && (self.soft == NO_LIMIT || !looser(way, self.new, self.soft))
    }
}

/// Whether going from `old` to `new` loosens.
const fn looser(way: Stricter, old: i64, new: i64) -> bool {
    match (old == NO_LIMIT, new == NO_LIMIT, way) {
        (true, _, _) => false,
        (false, true, _) => true,
        (false, false, Stricter::Lower) => new > old,
        (false, false, Stricter::Higher) => new < old,
    }
}

/// A change that waits for a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Number of its request.
    pub number: u64,
    /// Who asked: place in the configuration's list of persons.
    pub person: u16,
    /// When it is over, machine time.
    pub expires_ns: u64,
    /// What it would do.
    pub change: Change,
}

/// What waits, and which requests were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Oldest first.
    proposals: VecDeque<Proposal>,
    numbers: VecDeque<u64>,
}

/// The same as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedChanges {
    proposals: Vec<Proposal>,
    numbers: Vec<u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            proposals: VecDeque::with_capacity(PROPOSALS_MAX),
            numbers: VecDeque::with_capacity(NUMBERS_REMEMBERED),
        }
    }
}

impl Changes {
    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedChanges {
        let Self { proposals, numbers } = self;
        SavedChanges {
            proposals: proposals.iter().copied().collect(),
            numbers: numbers.iter().copied().collect(),
        }
    }

    /// The changes of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(super) fn restore(saved: &SavedChanges) -> Result<Self, Unsound> {
        let fits =
            saved.proposals.len() <= PROPOSALS_MAX && saved.numbers.len() <= NUMBERS_REMEMBERED;
        require(fits, "proposals")?;
        let mut changes = Self::default();
        changes.proposals.extend(&saved.proposals);
        changes.numbers.extend(&saved.numbers);
        Ok(changes)
    }

    /// Whether the number is new; it is not from now on.
    fn take_number(&mut self, number: u64) -> bool {
        if number == 0 || self.numbers.contains(&number) {
            return false;
        }
        if self.numbers.len() == NUMBERS_REMEMBERED {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
        true
    }

    fn place_of(&self, number: u64) -> Result<usize, ChangeRefusal> {
        let place = self.proposals.iter().position(|one| one.number == number);
        place.ok_or(ChangeRefusal::NoProposal)
    }
}

/// What became of a request that was not refused.
enum Answer {
    Proposed,
    Withdrawn,
    /// Value and threshold of the notice.
    Applied(i64, i64),
}

impl Risk {
    /// Takes a person's request, and answers it.
    pub(super) fn on_control(&mut self, request: &ControlRequest) {
        let scope = Scope::from_parts(request.scope, request.scope_id).unwrap_or(Scope::Overall);
        let control = Control::from_code(request.control).unwrap_or(Control::LimitChange);
        let (code, value, threshold) = match self.take_request(request) {
            Ok(Answer::Proposed) => (NoticeCode::ChangeProposed, request.new, request.old),
            Ok(Answer::Withdrawn) => (NoticeCode::ChangeWithdrawn, 0, 0),
            Ok(Answer::Applied(new, old)) => (NoticeCode::ChangeApplied, new, old),
            Err(refusal) => (NoticeCode::ChangeRefused, refusal as i64, 0),
        };
        let told = Told::new(code, NoticeLevel::Info, scope);
        self.notice(told.by(control, value, threshold).about(request.number));
    }

    fn take_request(&mut self, request: &ControlRequest) -> Result<Answer, ChangeRefusal> {
        let persons = self
            .config
            .as_ref()
            .map_or(0, |config| config.control.persons.len());
        if usize::from(request.person) >= persons {
            return Err(ChangeRefusal::UnknownPerson);
        }
        if !self.changes.take_number(request.number) {
            return Err(ChangeRefusal::Repeated);
        }
        match request.action {
            ControlAction::Approve => self.approve_change(request.target, request.person),
            ControlAction::Withdraw
                if self.killing.forget_flatten(request.target)
                    | self.stop_flatten(|_, number| number == request.target) =>
            {
                Ok(Answer::Withdrawn)
            }
            ControlAction::Withdraw => {
                let place = self.changes.place_of(request.target)?;
                self.changes.proposals.remove(place);
                Ok(Answer::Withdrawn)
            }
            ControlAction::SetLimit => self.ask_limit(request),
            ControlAction::Resolve => self.ask_resolve(request),
            ControlAction::Kill
            | ControlAction::Release
            | ControlAction::Enable
            | ControlAction::Pause
            | ControlAction::Restrict
            | ControlAction::Unrestrict
            | ControlAction::Flatten => self.ask_switch(request),
        }
    }

    /// The scope of a request, if it is one of ours.
    fn scope_of(&self, request: &ControlRequest) -> Result<Scope, ChangeRefusal> {
        Scope::from_parts(request.scope, request.scope_id)
            .filter(|scope| self.knows(*scope))
            .ok_or(ChangeRefusal::UnknownScope)
    }

    /// Whether there is such a thing.
    pub(in crate::machine::risk) fn knows(&self, scope: Scope) -> bool {
        let Some(config) = &self.config else {
            return false;
        };
        match scope {
            Scope::Overall => true,
            Scope::Venue(venue) => config.accounts.iter().any(|account| account.venue == venue),
            Scope::Account(account) => account.index() < config.accounts.len(),
            Scope::Strategy(strategy) => strategy.index() < config.strategies.len(),
            Scope::Instrument(instrument) => self.entry(instrument).is_some(),
        }
    }

    fn ask_switch(&mut self, request: &ControlRequest) -> Result<Answer, ChangeRefusal> {
        let scope = self.scope_of(request)?;
        let switch = self.switches.of(scope);
        let number = request.number;
        let done = |holds: bool| {
            if holds {
                Ok(Answer::Applied(1, 0))
            } else {
                Err(ChangeRefusal::NothingToDo)
            }
        };
        match (request.action, scope) {
            (ControlAction::Kill, _) => done(self.pull_kill(scope, Control::KillSwitch, number)),
            (ControlAction::Pause, _) => {
                done(self.pause(scope, Control::KillSwitch, (0, 0), number))
            }
            (ControlAction::Release, _) if switch.is_killed() => {
                self.propose(request, Change::Release(scope))
            }
            (ControlAction::Enable, _) if switch.is_paused() || switch.is_reducing() => {
                self.propose(request, Change::Enable(scope))
            }
            (ControlAction::Restrict, Scope::Instrument(instrument)) => {
                let until = u64::try_from(request.new).map_err(|_| ChangeRefusal::Contradiction)?;
                done(self.restrict(instrument, until, number))
            }
            (ControlAction::Unrestrict, Scope::Instrument(instrument)) => {
                if !self.is_restricted(instrument) {
                    return Err(ChangeRefusal::NothingToDo);
                }
                self.propose(request, Change::Unrestrict(instrument))
            }
            (ControlAction::Flatten, _) => self.ask_flatten(scope, number),
            (ControlAction::Restrict | ControlAction::Unrestrict, _) => {
                Err(ChangeRefusal::UnknownScope)
            }
            _ => Err(ChangeRefusal::NothingToDo),
        }
    }

    /// Closing positions makes risk smaller: one person is enough. What trades on would open them
    /// again, so the scope is killed first.
    fn ask_flatten(&mut self, scope: Scope, number: u64) -> Result<Answer, ChangeRefusal> {
        let config = self.config.as_ref();
        if !config.is_some_and(|config| config.control.flatten_passes) {
            return Err(ChangeRefusal::FlattenBlocked);
        }
        if self.killing.is_flattening(scope) {
            return Err(ChangeRefusal::NothingToDo);
        }
        self.pull_kill(scope, Control::KillSwitch, number);
        self.killing.want_flatten(scope, number, self.time_ns);
        Ok(Answer::Applied(1, 0))
    }

    fn ask_resolve(&mut self, request: &ControlRequest) -> Result<Answer, ChangeRefusal> {
        let decision = match request.outcome {
            Outcome::Absent => Decision::Absent,
            Outcome::Cancelled => Decision::Cancelled,
            Outcome::None => return Err(ChangeRefusal::NotResolvable),
        };
        let id = ClientOrderId::from_raw(request.target)
            .filter(|id| self.may_resolve(*id))
            .ok_or(ChangeRefusal::NotResolvable)?;
        self.propose(request, Change::Resolve(id, decision))
    }

    fn ask_limit(&mut self, request: &ControlRequest) -> Result<Answer, ChangeRefusal> {
        let control = Control::from_code(request.control).ok_or(ChangeRefusal::UnknownControl)?;
        let change = LimitChange {
            control,
            scope: self.scope_of(request)?,
            old: request.old,
            new: request.new,
            soft: request.soft,
        };
        let (hard, soft) = self.limit_of(control, change.scope)?;
        if hard != change.old {
            return Err(ChangeRefusal::OldDiffers);
        }
        if !change.is_sound() {
            return Err(ChangeRefusal::Contradiction);
        }
        if (change.new, change.soft) == (hard, soft) {
            return Err(ChangeRefusal::NothingToDo);
        }
        if change.loosens(hard, soft) {
            return self.propose(request, Change::Limit(change));
        }
        self.set_limit(&change)?;
        Ok(Answer::Applied(change.new, hard))
    }

    fn propose(
        &mut self,
        request: &ControlRequest,
        change: Change,
    ) -> Result<Answer, ChangeRefusal> {
        if self.changes.proposals.len() == PROPOSALS_MAX {
            return Err(ChangeRefusal::TooMany);
        }
        let life = self
            .config
            .as_ref()
            .map_or(0, |config| config.control.proposal_life_ns);
        self.changes.proposals.push_back(Proposal {
            number: request.number,
            person: request.person,
            expires_ns: self.time_ns.saturating_add(life),
            change,
        });
        Ok(Answer::Proposed)
    }

    /// The second person. What the proposal rests on is looked at again.
    fn approve_change(&mut self, number: u64, person: u16) -> Result<Answer, ChangeRefusal> {
        self.expire_proposals();
        let place = self.changes.place_of(number)?;
        let proposal = self.changes.proposals[place];
        if proposal.person == person {
            return Err(ChangeRefusal::SamePerson);
        }
        self.changes.proposals.remove(place);
        let done = |holds: bool, new: i64| {
            if holds {
                Ok(Answer::Applied(new, 1 - new))
            } else {
                Err(ChangeRefusal::NothingToDo)
            }
        };
        match proposal.change {
            Change::Release(scope) => done(self.release_kill(scope, number), 0),
            Change::Enable(scope) => done(self.enable(scope, number), 1),
            Change::Unrestrict(instrument) => done(self.unrestrict(instrument, number), 0),
            Change::Resolve(id, decision) => {
                if !self.may_resolve(id) {
                    return Err(ChangeRefusal::NotResolvable);
                }
                self.resolve(id, decision);
                Ok(Answer::Applied(1, 0))
            }
            Change::Limit(change) => {
                let (hard, _) = self.limit_of(change.control, change.scope)?;
                if hard != change.old {
                    return Err(ChangeRefusal::OldDiffers);
                }
                self.set_limit(&change)?;
                Ok(Answer::Applied(change.new, hard))
            }
        }
    }

    /// Takes the proposals away whose time is over. Those behind the first have longer: one life
    /// for all, and machine time never falls.
    pub(super) fn expire_proposals(&mut self) {
        while let Some(proposal) = self.changes.proposals.front()
            && proposal.expires_ns <= self.time_ns
        {
            let told = Told::new(NoticeCode::ChangeExpired, NoticeLevel::Info, Scope::Overall);
            self.notice(told.about(proposal.number));
            self.changes.proposals.pop_front();
        }
    }

    /// How many changes wait for a second person.
    #[must_use]
    pub fn changes_waiting(&self) -> usize {
        self.changes.proposals.len()
    }

    /// What waits for a second person, oldest first.
    pub fn proposals(&self) -> impl Iterator<Item = &Proposal> {
        self.changes.proposals.iter()
    }
}

impl Digest for Changes {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.proposals.len() as u64);
        for proposal in &self.proposals {
            sink.value(proposal);
        }
        sink.number(self.numbers.len() as u64);
        for number in &self.numbers {
            sink.number(*number);
        }
    }
}
