//! A machine whose books follow depths that are kept once for many: the variants of a backtest.
//!
//! Machines that hear the same market at the same times have the same depths. So whoever leads
//! them keeps the depths ([`Depths`]), applies each market event there once, and hands what it did
//! to each machine. A strategy sees the full depth as ever: it is lent for the time of its call.
//!
//! Invariants
//! - D1: while it follows, a machine gets every event through [`Following::apply`], behind
//!   [`Depths::apply`] of the same event; the steps of no instrument change meanwhile.
//! - D2: [`Following::end`] gives the machine that applied the same events on its own.
//!
//! Hot path: yes, of a backtest. Allocates: at the beginning and at the end.

use model::event::event;
use model::ids::InstrumentId;
use model::record::{Kind, Record};

use super::market::{Depth, Moved};
use super::{ApplyError, Machine, Outputs, StrategyRunner};

/// The depths of all instruments.
#[derive(Debug, Clone, Default)]
pub struct Depths {
    width: Option<u32>,
    /// By the instrument's id.
    of: Vec<Option<Box<Depth>>>,
}

impl Depths {
    /// Applies an event: what it did to a depth, if it concerns one.
    #[inline]
    pub fn apply(&mut self, record: &Record) -> Option<Moved> {
        let place = record.instrument()?.index();
        let depth = self.of.get_mut(place)?.as_deref_mut()?;
        depth.apply(record, &event(record).ok()?)
    }

    fn get_mut(&mut self, instrument: InstrumentId) -> Option<&mut Box<Depth>> {
        self.of.get_mut(instrument.index())?.as_mut()
    }
}

/// See the module's header.
#[derive(Debug, Default)]
pub struct Following {
    machine: Machine,
}

impl Following {
    /// Lets a machine's books follow these depths.
    ///
    /// # Errors
    ///
    /// The machine as it was, if one of its books was used already or has another width.
    pub fn new(mut machine: Machine, depths: &mut Depths) -> Result<Self, Box<Machine>> {
        let width = machine.risk.config().map_or(0, |one| one.book_window_ticks);
        if depths.width.unwrap_or(width) != width || !is_unused(&mut machine, width) {
            return Err(Box::new(machine));
        }
        depths.width = Some(width);
        for (id, book) in machine.risk.books_mut() {
            let depth = book.give_depth();
            if depths.of.len() <= id.index() {
                depths.of.resize_with(id.index() + 1, || None);
            }
            depths.of[id.index()].get_or_insert(depth);
        }
        for runner in &mut machine.strategies {
            for (_, book) in runner.books_mut() {
                drop(book.give_depth());
            }
        }
        Ok(Self { machine })
    }

    /// The machine. Its books have no depth of their own: their best prices hold, and nothing else.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Applies one event, as [`Machine::apply`]; `moved` is what [`Depths::apply`] said of it.
    ///
    /// # Errors
    ///
    /// As [`Machine::apply`].
    pub fn apply(
        &mut self,
        record: &Record,
        moved: Option<Moved>,
        depths: &mut Depths,
        out: &mut Outputs,
    ) -> Result<(), ApplyError> {
        let machine = &mut self.machine;
        machine.intents.clear();
        for runner in &mut machine.strategies {
            lend(runner, depths);
            let applied = runner.apply_followed(record, &mut machine.buffer, moved);
            lend(runner, depths);
            applied?;
            machine.intents.extend(machine.buffer.iter().copied());
        }
        let configured = machine.risk.configured();
        let risk = &mut machine.risk;
        risk.apply_followed(record, &machine.intents, out, moved)?;
        machine.follow(record, configured)
    }

    /// Before this machine time a market event for which [`Self::can_wait`] only changes what the
    /// machine knows: it decides nothing, and no strategy is called. It holds until the next event
    /// of another kind, or of a later time. 0 where no event may wait.
    #[must_use]
    #[inline]
    pub fn quiet_until_ns(&self) -> u64 {
        let runners = self.machine.strategies.iter();
        let each = runners.map(StrategyRunner::quiet_until_ns);
        let first = each.min().unwrap_or(u64::MAX);
        if first == 0 {
            return 0;
        }
        first.min(self.machine.risk.quiet_until_ns())
    }

    /// Whether an event is of a kind that can wait.
    #[must_use]
    #[inline]
    pub const fn can_wait(record: &Record) -> bool {
        const LEVELS: u8 = Kind::BookLevels.code();
        const QUOTE: u8 = Kind::Quote.code();
        const TRADE: u8 = Kind::Trade.code();
        matches!(record.kind, LEVELS | QUOTE | TRADE)
    }

    /// Applies events that waited, numbered from `first` on, as [`Self::apply`] would have at their
    /// times: each with what [`Depths::apply`] said of it. All are before [`Self::quiet_until_ns`].
    ///
    /// # Errors
    ///
    /// As [`Machine::apply`].
    pub fn pass<'a>(
        &mut self,
        first: u64,
        waited: impl Iterator<Item = (&'a Record, Option<Moved>)>,
    ) -> Result<(), ApplyError> {
        let machine = &mut self.machine;
        let expected = machine.risk.last_event() + 1;
        if first != expected {
            return Err(ApplyError::Gap {
                expected,
                got: first,
            });
        }
        for (number, (record, moved)) in (first..).zip(waited) {
            let event = event(record).map_err(|error| ApplyError::Record {
                event: number,
                error,
            })?;
            for runner in &mut machine.strategies {
                runner.pass(number, record, &event, moved);
            }
            machine.risk.pass(number, record, &event, moved);
        }
        machine.risk.passed();
        Ok(())
    }

    /// The machine, with depths of its own.
    #[must_use]
    pub fn end(mut self, depths: &Depths) -> Machine {
        let copy = |id: InstrumentId| depths.of.get(id.index()).and_then(Clone::clone);
        for (id, book) in self.machine.risk.books_mut() {
            if let Some(depth) = copy(id) {
                book.take_depth(depth);
            }
        }
        for runner in &mut self.machine.strategies {
            for (id, book) in runner.books_mut() {
                if let Some(depth) = copy(id) {
                    book.take_depth(depth);
                }
            }
        }
        self.machine
    }
}

/// Whether no book of it was used yet, and all are this wide.
fn is_unused(machine: &mut Machine, width: u32) -> bool {
    let runners = machine.strategies.iter_mut();
    let books = runners.flat_map(StrategyRunner::books_mut);
    let mut books = books.chain(machine.risk.books_mut());
    books.all(|(_, book)| book.is_unused(width))
}

/// Lends a strategy the depths of its books, or takes them back.
#[inline]
fn lend(runner: &mut StrategyRunner, depths: &mut Depths) {
    for (id, book) in runner.books_mut() {
        if let Some(depth) = depths.get_mut(id) {
            book.swap_depth(depth);
        }
    }
}
