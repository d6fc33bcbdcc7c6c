//! What risk tells people: a queue of notices that travel back as events, like refusals.
//!
//! The machine has acted by the time that it tells. At most [`NOTICES_IN_FLIGHT_MAX`] are on their
//! way at a time, so that the refusals' lane always has room (C3); the others wait here, in order.
//! What a crash lost on its way is told again in the next run. A queue that is full counts what it
//! could not take: the state and the cause are in the log all the same.
//!
//! Hot path: yes. Allocates: only at creation.

use std::collections::VecDeque;

use model::body::{Notice, NoticeCode, NoticeLevel};
use model::control::{Control, Scope};
use model::limits::NOTICES_IN_FLIGHT_MAX;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use serde::{Deserialize, Serialize};

use super::Risk;
use crate::machine::digest::{Digest, Sink};
use crate::machine::outputs::Outputs;
use crate::machine::saved::{COUNT_MAX, Unsound, require};

/// Notices that may wait.
const WAITING_MAX: usize = 1_024;

/// One thing to tell. Made with [`Told::new`], and the numbers that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) code: NoticeCode,
    pub(crate) level: NoticeLevel,
    pub(crate) scope: Scope,
    pub(crate) control: Option<Control>,
    pub(crate) value: i64,
    pub(crate) threshold: i64,
    /// Client id, trade id or number of a request.
    pub(crate) other: u64,
    pub(crate) price: Ticks,
    pub(crate) qty: Lots,
}

impl Told {
    /// Without numbers.
    pub(crate) const fn new(code: NoticeCode, level: NoticeLevel, scope: Scope) -> Self {
        Self {
            code,
            level,
            scope,
            control: None,
            value: 0,
            threshold: 0,
            other: 0,
            price: Ticks::ZERO,
            qty: Lots::ZERO,
        }
    }

    /// By a control that saw `value` and holds `threshold`.
    #[must_use]
    pub(crate) const fn by(self, control: Control, value: i64, threshold: i64) -> Self {
        Self {
            control: Some(control),
            value,
            threshold,
            ..self
        }
    }

    /// About an order, a trade or a request.
    #[must_use]
    pub(crate) const fn about(self, other: u64) -> Self {
        Self { other, ..self }
    }

    /// With a price and a quantity.
    #[must_use]
    pub(crate) const fn at(self, price: Ticks, qty: Lots) -> Self {
        Self { price, qty, ..self }
    }
}

/// A notice that waits, or is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    cause: u64,
    version: u32,
    told: Told,
}

/// The queue. Those at the front are on their way.
#[derive(Debug, Clone)]
pub(crate) struct Notices {
    queue: VecDeque<Waiting>,
    on_their_way: u32,
    /// Number of the last one that came back.
    seen: u64,
    /// What found no room.
    lost: u64,
    /// Between a run's start and its first tick nothing may be decided.
    quiet: bool,
}

/// The queue as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedNotices {
    queue: Vec<Waiting>,
    on_their_way: u32,
    seen: u64,
    lost: u64,
    quiet: bool,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            queue: VecDeque::with_capacity(WAITING_MAX),
            on_their_way: 0,
            seen: 0,
            lost: 0,
            quiet: false,
        }
    }
}

impl Notices {
    /// Takes something to tell, which follows from the event `cause`.
    pub(crate) fn tell(&mut self, cause: u64, version: u32, told: Told) {
        if self.queue.len() >= WAITING_MAX {
            self.lost += 1;
            return;
        }
        self.queue.push_back(Waiting {
            cause,
            version,
            told,
        });
    }

    /// Whether one more finds room.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < WAITING_MAX
    }

    /// A run starts: what was on its way and did not come back goes again.
    pub(super) const fn start(&mut self) {
        self.on_their_way = 0;
        self.quiet = true;
    }

    /// Time passes in the run: it may be told now.
    pub(super) const fn wake(&mut self) {
        self.quiet = false;
    }

    /// One came back as an event.
    pub(super) fn seen(&mut self, notice: &Notice) {
        self.seen = self.seen.max(notice.number);
        if self.on_their_way > 0 {
            self.on_their_way -= 1;
            self.queue.pop_front();
        }
    }

    /// Lets go what may go.
    #[inline]
    pub(super) fn emit(&mut self, out: &mut Outputs) {
        while !self.quiet
            && (self.on_their_way as usize) < NOTICES_IN_FLIGHT_MAX
            && let Some(waiting) = self.queue.get(self.on_their_way as usize)
        {
            self.on_their_way += 1;
            let number = self.seen + u64::from(self.on_their_way);
            out.refusals.push(record(number, waiting));
        }
    }

    /// How many were told and came back.
    pub(crate) const fn told(&self) -> u64 {
        self.seen
    }

    /// How many found no room in the queue.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedNotices {
        let Self {
            queue,
            on_their_way,
            seen,
            lost,
            quiet,
        } = self;
        SavedNotices {
            queue: queue.iter().copied().collect(),
            on_their_way: *on_their_way,
            seen: *seen,
            lost: *lost,
            quiet: *quiet,
        }
    }

    /// The queue of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(super) fn restore(saved: &SavedNotices) -> Result<Self, Unsound> {
        let on_their_way = saved.on_their_way as usize;
        let fits = saved.queue.len() <= WAITING_MAX
            && on_their_way <= saved.queue.len().min(NOTICES_IN_FLIGHT_MAX)
            && saved.seen < COUNT_MAX
            && saved.lost < COUNT_MAX;
        require(fits, "notices")?;
        let mut notices = Self {
            on_their_way: saved.on_their_way,
            seen: saved.seen,
            lost: saved.lost,
            quiet: saved.quiet,
            ..Self::default()
        };
        notices.queue.extend(&saved.queue);
        Ok(notices)
    }
}

fn record(number: u64, waiting: &Waiting) -> Record {
    let Waiting {
        cause,
        version,
        told,
    } = waiting;
    let body = Notice {
        number,
        cause: *cause,
        value: told.value,
        threshold: told.threshold,
        other: told.other,
        price: told.price,
        qty: told.qty,
        scope_id: told.scope.id(),
        version: *version,
        code: told.code,
        control: told.control.map_or(0, Control::code),
        scope: told.scope.kind(),
        level: told.level,
        reserved: [0; 10],
    };
    let record = Record::new(Kind::RiskNotice, &body);
    match told.scope {
        Scope::Instrument(instrument) => record.on_instrument(instrument),
        Scope::Account(account) => record.on_account(account),
        Scope::Overall | Scope::Venue(_) | Scope::Strategy(_) => record,
    }
}

impl Risk {
    /// Tells people something that follows from the present event.
    pub(crate) fn notice(&mut self, told: Told) {
        self.notices
            .tell(self.last_event, self.levels.version(), told);
    }
}

impl Digest for Notices {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.queue.len() as u64);
        for waiting in &self.queue {
            sink.value(waiting);
        }
        sink.number(self.on_their_way);
        sink.number(self.seen);
        sink.number(self.lost);
        sink.number(self.quiet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::TryFromBytes as _;

    fn told(other: u64) -> Told {
        Told::new(NoticeCode::NeedsHuman, NoticeLevel::Hard, Scope::Overall).about(other)
    }

    fn body(record: &Record) -> Notice {
        *Notice::try_ref_from_bytes(&record.body).unwrap()
    }

    #[test]
    fn notices_go_in_order_and_no_more_than_fit_the_lane() {
        let mut notices = Notices::default();
        for other in 0..40 {
            notices.tell(7, 1, told(other));
        }
        let (mut out, mut next) = (Outputs::new(), 0);
        while next < 40 {
            out.clear();
            notices.emit(&mut out);
            assert!(!out.refusals.is_empty() && out.refusals.len() <= NOTICES_IN_FLIGHT_MAX);
            for record in &out.refusals {
                let notice = body(record);
                assert_eq!((notice.number, notice.other), (next + 1, next));
                next += 1;
                notices.seen(&notice);
            }
        }
        assert_eq!(notices.told(), 40);
    }

    #[test]
    fn notices_lost_on_their_way_are_told_again_in_the_next_run() {
        let (mut notices, mut out) = (Notices::default(), Outputs::new());
        notices.tell(7, 1, told(5));
        notices.emit(&mut out);
        let first = body(&out.refusals[0]);
        out.clear();
        notices.start();
        notices.emit(&mut out);
        assert!(out.refusals.is_empty(), "quiet until the first tick");
        notices.wake();
        notices.emit(&mut out);
        assert_eq!(body(&out.refusals[0]), first);
    }

    #[test]
    fn notices_beyond_the_queue_are_counted() {
        let mut notices = Notices::default();
        for other in 0..=WAITING_MAX as u64 {
            notices.tell(7, 1, told(other));
        }
        assert_eq!(notices.lost(), 1);
    }
}
