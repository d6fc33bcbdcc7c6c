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
//! Hot path: yes. Allocates: no.

use std::sync::Arc;

use journal::AppendError;
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
        commands.each(COMMANDS_IN_FLIGHT_MAX as u64, |slot| {
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
            let step = log.append(command);
            if step == Step::Next {
                log.control.gauges.commands_journaled.add(1);
            }
            step
        })
    }
}

fn append_events(events: &mut First<Record>, log: &mut Log) -> Found {
    let found = events.each(BATCH, |event| {
        let step = log.append(event);
        if step == Step::Next {
            log.last_event = event.event;
            if event.kind == Kind::Sent.code() {
                log.sample(event);
            }
        }
        step
    });
    if found.is_some() {
        log.control.gauges.journaled.set(log.last_event);
    }
    found
}

impl Log {
    fn append(&mut self, record: &Record) -> Step {
        match self.writer.append(record) {
            Ok(seq) => {
                self.control.gauges.journal_seq.set(seq);
                Step::Next
            }
            Err(error) => self.refused(record, error),
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
    fn refused(&self, record: &Record, error: AppendError) -> Step {
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
        Step::Keep
    }
}
