//! Risk whose books follow a depth that is kept elsewhere.
//!
//! Hot path: yes, of a backtest. Allocates: no.

use model::event::Event;
use model::ids::InstrumentId;
use model::record::Record;

use super::Risk;
use super::trace::Silent;
use crate::machine::error::ApplyError;
use crate::machine::intent::Intent;
use crate::machine::market::{Book, Moved};
use crate::machine::outputs::Outputs;

impl Risk {
    /// As [`Risk::apply`], where `moved` is what the event did to its book's depth.
    pub(in crate::machine) fn apply_followed(
        &mut self,
        record: &Record,
        intents: &[Intent],
        out: &mut Outputs,
        moved: Option<Moved>,
    ) -> Result<(), ApplyError> {
        self.apply_with(record, intents, out, &mut Silent, moved)
    }

    /// Before this machine time a market event only changes what is known: no limit looks at
    /// prices, nothing waits for one. 0 if that is not so.
    pub(in crate::machine) fn quiet_until_ns(&self) -> u64 {
        let Some(config) = &self.config else {
            return 0;
        };
        let mut rules = config.protection.strategies.iter();
        let quiet = !self.stale
            && self.held.len() == 0
            && self.exits.is_idle()
            && rules.all(|rules| rules.exits.is_none());
        if quiet { self.unwatched_until_ns() } else { 0 }
    }

    /// Takes a market event that has this number before [`Self::quiet_until_ns`].
    #[inline]
    pub(in crate::machine) fn pass(
        &mut self,
        number: u64,
        record: &Record,
        event: &Event<'_>,
        moved: Option<Moved>,
    ) {
        self.last_event = number;
        self.time_ns = self.time_ns.max(record.time_ns);
        self.inputs.push_as(record, number);
        self.on_market(record, event, moved);
        self.show_sizing(record, event);
        self.watch(record, event);
    }

    /// Behind the last of those.
    #[inline]
    pub(in crate::machine) fn passed(&mut self) {
        self.bucket.refill(self.time_ns);
    }

    /// Its books, to give or take their depth.
    pub(in crate::machine) fn books_mut(
        &mut self,
    ) -> impl Iterator<Item = (InstrumentId, &mut Book)> {
        let entries = self.entries.iter_mut().flatten();
        entries.map(|entry| (entry.listing.spec().id, entry.listing.book_mut()))
    }
}
