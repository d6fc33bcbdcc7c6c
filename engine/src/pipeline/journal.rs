//! Journal stage: appends every event and every command, in the one order that the log has.
//!
//! Invariants
//! - J1, journal before send: the gateways' readers stand behind this stage's reader of the
//!   command ring, and it consumes a command only after the journal took it.
//! - J2, cause before effect: a command is appended only after the event that caused it. The
//!   stage first looks at how many commands there are, then drains the inbound ring as far as
//!   their causes, then appends them. The cause is always there: risk read it from the same ring
//!   before it published the command.
//!
//! The journal is full or not ready: the record is kept, nothing overtakes it, and the rings fill
//! up behind it until the sources stop reading their sockets.
//!
//! Durability: in `group` mode the writer is polled each turn, which answers the journal's sync
//! thread; the gateways' gates wait for the disk, nobody else does. In `sync` mode this stage
//! stands before the strategies on the inbound ring too, and syncs each batch before anybody
//! behind it sees it. After a failed sync it appends and lets go on, for the cancels: the gates
//! send no order then, and the supervisor ends the run.
//!
//! Hot path: yes, but for the syncs of `sync` mode. Allocates: no.

use std::sync::Arc;

use journal::{AppendError, Durability};
use model::body::Sent;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::ports::Worked;
use model::record::{Kind, Record};
use zerocopy::FromBytes;

use super::control::{Control, Fault};
use super::gateway::CommandSlot;
use super::ring::{First, Found, Step};
use super::stage::{BATCH, Remains, Stage};

pub(crate) struct JournalStage {
    pub(crate) events: First<Record>,
    pub(crate) commands: First<CommandSlot>,
    pub(crate) log: Log,
    pub(crate) ended: bool,
}

/// The writer, with what the stage counts.
pub(crate) struct Log {
    pub(crate) writer: Box<journal::Writer>,
    pub(crate) last_event: u64,
    pub(crate) samples: rtrb::Producer<Sent>,
    pub(crate) control: Arc<Control>,
}

impl Stage for JournalStage {
    fn name(&self) -> &str {
        "journal"
    }

    fn poll(&mut self) -> Worked {
        let commands = self.append_commands();
        let events = append_events(&mut self.events, &mut self.log);
        self.ended = commands == Found::End && events == Found::End;
        let worked = commands.is_some() || events.is_some();
        self.log.writer.poll();
        let gauges = &self.log.control.gauges;
        gauges.durable_seq.set(self.log.writer.durable_seq());
        worked.into()
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn finish(mut self: Box<Self>) -> Remains {
        // After a fault elsewhere, what had happened by then still belongs into the log; what was
        // decided and not sent does not.
        while append_events(&mut self.events, &mut self.log).is_some() {}
        Remains::Journal(self.log.writer)
    }
}

impl JournalStage {
    fn append_commands(&mut self) -> Found {
        let Self {
            events,
            commands,
            log,
            ..
        } = self;
        let append = |log: &mut Log, slot: &CommandSlot| {
            let Some(command) = &slot.command else {
                return Step::Next;
            };
            let command = command.as_ref();
            while log.last_event < command.event {
                match append_events(events, log) {
                    Found::Some(1..) => {}
                    // The journal took nothing: not ready, or failed.
                    Found::Some(0) => return Step::Keep,
                    Found::Nothing | Found::End => {
                        let event = command.event;
                        log.control.raise(Fault::Invariant { label: "J2", event });
                        return Step::Keep;
                    }
                }
            }
            let Some(seq) = log.append(command) else {
                return Step::Keep;
            };
            slot.set_log_seq(seq);
            log.control.gauges.commands_journaled.add(1);
            Step::Next
        };
        commands.each_then(COMMANDS_IN_FLIGHT_MAX as u64, log, append, Log::sync)
    }
}

fn append_events(events: &mut First<Record>, log: &mut Log) -> Found {
    let append = |log: &mut Log, event: &Record| {
        if log.append(event).is_none() {
            return Step::Keep;
        }
        log.last_event = event.event;
        if event.kind == Kind::Sent.code() {
            log.sample(event);
        }
        Step::Next
    };
    let found = events.each_then(BATCH, log, append, Log::sync);
    if found.is_some() {
        log.control.gauges.journaled.set(log.last_event);
    }
    found
}

impl Log {
    /// The record's log sequence; `None` if it must be kept.
    fn append(&mut self, record: &Record) -> Option<u64> {
        match self.writer.append(record) {
            Ok(seq) => {
                self.control.gauges.journal_seq.set(seq);
                Some(seq)
            }
            Err(error) => {
                self.refused(record, error);
                None
            }
        }
    }

    /// In `sync` mode: puts the batch on stable storage before anybody behind sees it.
    fn sync(&mut self) {
        if self.writer.durability() == Durability::Sync {
            // A failure is latched in the journal, where the gates and the supervisor see it.
            let _ = self.writer.sync_now();
        }
    }

    /// The waterfall of a sent order, for whoever prints tables. Nobody waits for it: a full lane
    /// loses the sample and counts it.
    fn sample(&mut self, event: &Record) {
        let Ok(sent) = Sent::read_from_bytes(&event.body) else {
            return;
        };
        if self.samples.push(sent).is_err() {
            self.control.gauges.samples_dropped.add(1);
        }
    }

    /// Not ready or no space: the helper behind the writer is at it, so keep the record. Anything
    /// else ends the run.
    #[cold]
    fn refused(&self, record: &Record, error: AppendError) {
        match error {
            AppendError::SegmentNotReady | AppendError::NoSpace { .. } => {
                self.control.gauges.journal_stalls.add(1);
            }
            AppendError::NoKind | AppendError::OwnKind => {
                self.control.raise(Fault::Journal {
                    event: record.event,
                    cause: error.to_string(),
                });
            }
        }
    }
}
