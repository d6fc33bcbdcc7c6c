//! The live shadow: a second machine that follows the journal on the supervisor's thread.
//!
//! It is the self-check (a difference ends the run), the source of everything that a person sees,
//! and the one who knows when nothing is open any more.

use engine::machine::Machine;
use engine::pipeline::OperatorLane;
use journal::Reader;
use model::body::{Notice, StateHash};
use model::event::{Event, View, view};
use model::record::{Kind, Record};
use replay::Shadow;

use super::tally::Tally;
use crate::output::Failure;

/// Most records that are taken in one go, so that signals and status get their turn.
const BATCH_MAX: usize = 100_000;

/// The shadow with its reader and what it counted.
pub(crate) struct Follower {
    reader: Reader,
    shadow: Shadow,
    /// What the run did so far.
    pub(crate) tally: Tally,
    checkpoint_sent: u64,
    connection_notes: Vec<String>,
    notices: Vec<Notice>,
}

impl Follower {
    /// Follows `reader`, which stands behind what `shadow` has taken.
    pub(crate) fn new(reader: Reader, shadow: Shadow) -> Self {
        Self {
            reader,
            shadow,
            tally: Tally::default(),
            checkpoint_sent: 0,
            connection_notes: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// The machine as far as it was followed.
    pub(crate) const fn machine(&self) -> &Machine {
        self.shadow.machine()
    }

    /// The shadow as far as it was led.
    pub(crate) const fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// Log sequence of the last record taken.
    pub(crate) const fn last_seq(&self) -> u64 {
        self.shadow.last_seq()
    }

    /// Commands that the machine decided and the journal does not hold yet.
    pub(crate) fn commands_pending(&self) -> usize {
        self.shadow.commands_pending()
    }

    /// Remarks about connections since the last call, for a person.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.connection_notes)
    }

    /// What risk told since the last call.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Takes what the journal holds by now. True if there may be more.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the journal cannot be read, or the live machine and this one differ.
    pub(crate) fn follow(&mut self) -> Result<bool, Failure> {
        for _ in 0..BATCH_MAX {
            let Some(record) = self.reader.next().map_err(Failure::because)? else {
                return Ok(false);
            };
            let difference = self.shadow.take(record).map_err(Failure::because)?;
            if let Some(difference) = difference {
                return Err(Failure::while_doing(
                    "self-check: the live machine and its shadow differ, trading is stopped",
                    difference,
                ));
            }
            self.tally.count(record);
            self.connection_notes.extend(replay::remark(record));
            if let Ok(View::Event(Event::RiskNotice(notice))) = view(record) {
                self.notices.push(*notice);
            }
        }
        Ok(true)
    }

    /// Takes everything up to log sequence `last_seq`, which the journal holds.
    ///
    /// # Errors
    ///
    /// As [`Follower::follow`]; also if the journal ends before.
    pub(crate) fn follow_to(&mut self, last_seq: u64) -> Result<(), Failure> {
        while self.last_seq() < last_seq {
            if !self.follow()? && self.last_seq() < last_seq {
                let have = self.last_seq();
                return Err(Failure::Message(format!(
                    "the journal ends at sequence {have}, but {last_seq} was written"
                )));
            }
        }
        Ok(())
    }

    /// Puts the newest checkpoint's state hash into the log, once.
    pub(crate) fn publish_checkpoint(&mut self, lane: &mut OperatorLane) {
        let Some((at_event, hash)) = self.shadow.checkpoint() else {
            return;
        };
        let body = StateHash {
            at_event,
            hash,
            reserved: [0; 40],
        };
        if self.checkpoint_sent < at_event && lane.push(&Record::new(Kind::StateHash, &body)) {
            self.checkpoint_sent = at_event;
        }
    }
}
