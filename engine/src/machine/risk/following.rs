//! Risk whose books follow a depth that is kept elsewhere.
//!
//! Hot path: yes, of a backtest. Allocates: no.

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

    /// Its books, to give or take their depth.
    pub(in crate::machine) fn books_mut(
        &mut self,
    ) -> impl Iterator<Item = (InstrumentId, &mut Book)> {
        let entries = self.entries.iter_mut().flatten();
        entries.map(|entry| (entry.listing.spec().id, entry.listing.book_mut()))
    }
}
