//! A second machine that applies the log and compares every recorded decision with its own.
//!
//! Called by recovery, by the audit, and live by the supervisor on an ordinary thread. Not on the
//! hot path.
//!
//! Invariants
//! - S1: events come in their number's order, without a gap.
//! - S2: commands stand in the log in the order in which the machine decides them, each after its
//!   cause. So a queue of computed and not yet seen commands is enough to compare.
//! - S3: after a crash the tail of decided commands may be missing from the log. The next run's
//!   first event says how many commands the log holds; exactly the ones behind that are void.
//! - S4: the machine checks double entry at each event that moves money; a sum that is not zero is
//!   a difference like any other.

use std::collections::VecDeque;

use engine::machine::{ApplyError, Explanation, Machine, Outputs};
use engine::strategy::Registry;
use model::body::StateHash;
use model::event::{self, BadRecord, Event, View};
use model::record::{Kind, Record};

use crate::difference::Difference;

/// A state hash is taken after each tick whose count is a multiple of this: every 10 seconds at
/// the default tick.
pub const CHECKPOINT_TICKS: u64 = 100;

/// Checkpoints that are kept until their record comes.
pub(crate) const CHECKPOINTS_KEPT: usize = 64;

/// Why the shadow cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// A record is not of this version.
    #[error("seq {seq}: {source}; this journal needs another version of caracal")]
    BadRecord {
        /// Its log sequence.
        seq: u64,
        /// What is wrong.
        source: BadRecord,
    },
    /// Event numbers have a gap or fall back (S1).
    #[error("seq {seq}: event {got} stands where event {expected} must")]
    EventGap {
        /// Log sequence.
        seq: u64,
        /// Expected event number.
        expected: u64,
        /// Event number found.
        got: u64,
    },
    /// The machine refuses the event.
    #[error("seq {seq}: {source}")]
    Apply {
        /// Log sequence.
        seq: u64,
        /// Why.
        source: ApplyError,
    },
}

/// A machine that follows a journal.
#[derive(Debug)]
pub struct Shadow {
    pub(crate) machine: Machine,
    pub(crate) outputs: Outputs,
    pub(crate) commands: VecDeque<Record>,
    pub(crate) refusals: VecDeque<Record>,
    pub(crate) checkpoints: VecDeque<(u64, [u8; 32])>,
    pub(crate) commands_seen: u64,
    pub(crate) last_seq: u64,
    /// Checksum of that record, so that a snapshot knows its log.
    pub(crate) last_checksum: u32,
    pub(crate) ended: bool,
}

impl Default for Shadow {
    fn default() -> Self {
        Self::new()
    }
}

impl Shadow {
    /// A shadow of the empty journal, with the strategies that Caracal brings.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Registry::standard())
    }

    /// A shadow of the empty journal, with these strategies.
    #[must_use]
    pub fn with(registry: Registry) -> Self {
        Self {
            machine: Machine::with(registry),
            outputs: Outputs::default(),
            commands: VecDeque::new(),
            refusals: VecDeque::new(),
            checkpoints: VecDeque::new(),
            commands_seen: 0,
            last_seq: 0,
            last_checksum: 0,
            ended: false,
        }
    }

    /// The machine, at the last applied event.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Gives the machine away, for a live run that goes on from here, and keeps a copy. The copy
    /// may allocate, the one given away need not.
    #[must_use]
    pub fn fork(&mut self) -> Machine {
        let copy = self.machine.clone();
        std::mem::replace(&mut self.machine, copy)
    }

    /// Log sequence of the last record taken.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Commands found in the log so far.
    #[must_use]
    pub const fn commands_seen(&self) -> u64 {
        self.commands_seen
    }

    /// Commands that the machine decided and the log does not hold (yet).
    #[must_use]
    pub fn commands_pending(&self) -> usize {
        self.commands.len()
    }

    /// Whether the log's last run ended in order.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The newest checkpoint: event number and state hash.
    #[must_use]
    pub fn checkpoint(&self) -> Option<(u64, [u8; 32])> {
        self.checkpoints.back().copied()
    }

    /// Takes the next record of the log. Returns how it differs from what the machine computes.
    ///
    /// # Errors
    ///
    /// [`ShadowError`]: the log cannot be followed beyond this record.
    pub fn take(&mut self, record: &Record) -> Result<Option<Difference>, ShadowError> {
        let seq = record.seq;
        let view = event::view(record).map_err(|source| ShadowError::BadRecord { seq, source })?;
        let difference = match view {
            View::Command(_) => self.compare_command(record),
            // The journal's own filling: the machine knows nothing of it.
            View::Mark(_) => None,
            View::Event(event) => {
                let difference = self.check_before(record, event);
                let unbalanced = self.machine.portfolio().unbalanced();
                self.apply(record)?;
                self.checkpoint_after(event);
                let books = self.machine.portfolio().unbalanced() != unbalanced;
                difference.or(books.then_some(Difference::Unbalanced { seq }))
            }
        };
        self.last_seq = seq;
        self.last_checksum = record.checksum;
        Ok(difference)
    }

    fn compare_command(&mut self, recorded: &Record) -> Option<Difference> {
        self.commands_seen += 1;
        let seq = recorded.seq;
        match self.commands.pop_front() {
            Some(computed) if computed.same_decision(recorded) => None,
            Some(computed) => Some(Difference::Command {
                seq,
                recorded: Box::new(*recorded),
                computed: Box::new(computed),
            }),
            None => Some(Difference::Unexpected {
                seq,
                recorded: Box::new(*recorded),
            }),
        }
    }

    /// What an event says about decisions made before it.
    fn check_before(&mut self, record: &Record, event: Event<'_>) -> Option<Difference> {
        let seq = record.seq;
        self.ended = record.kind() == Some(Kind::RunEnded);
        if let Event::RunStarted(start) = event {
            self.refusals.clear();
            let commands = std::mem::take(&mut self.commands);
            let held_back = commands
                .front()
                .filter(|_| self.commands_seen < start.commands_journaled);
            return held_back.map(|computed| Difference::Missing {
                seq,
                computed: Box::new(*computed),
            });
        }
        if let Event::RunEnded(_) = event {
            let computed = self.commands.front();
            return computed.map(|computed| Difference::Missing {
                seq,
                computed: Box::new(*computed),
            });
        }
        if let Event::RiskRefused(refusal) = event {
            debug_assert!(
                refusal.number > 0,
                "Invariant: refusals are numbered from 1"
            );
            return self.compare_refusal(record);
        }
        if let Event::RiskNotice(_) = event {
            return self.compare_refusal(record);
        }
        if let Event::StateHash(hash) = event {
            return self.compare_hash(seq, hash);
        }
        None
    }

    /// A refusal or a notice travels back through the sequencer, so its own number, time and lane
    /// are new; what was decided is its body and whom it concerns.
    fn compare_refusal(&mut self, recorded: &Record) -> Option<Difference> {
        let computed = self.refusals.pop_front();
        let same = computed.as_ref().is_some_and(|computed| {
            computed.body == recorded.body
                && computed.strategy() == recorded.strategy()
                && computed.instrument() == recorded.instrument()
                && computed.account() == recorded.account()
        });
        if same {
            return None;
        }
        Some(Difference::Refusal {
            seq: recorded.seq,
            recorded: Box::new(*recorded),
            computed: computed.map(Box::new),
        })
    }

    fn compare_hash(&self, seq: u64, hash: &StateHash) -> Option<Difference> {
        let known = self
            .checkpoints
            .iter()
            .find(|(event, _)| *event == hash.at_event);
        match known {
            Some((_, computed)) if *computed == hash.hash => None,
            Some(_) => Some(Difference::StateHash {
                seq,
                at_event: hash.at_event,
            }),
            None => None,
        }
    }

    fn apply(&mut self, record: &Record) -> Result<(), ShadowError> {
        let seq = record.seq;
        let expected = self.machine.last_event() + 1;
        if record.event != expected {
            return Err(ShadowError::EventGap {
                seq,
                expected,
                got: record.event,
            });
        }
        self.outputs.clear();
        self.machine
            .apply(record, &mut self.outputs)
            .map_err(|source| ShadowError::Apply { seq, source })?;
        self.commands.extend(
            self.outputs
                .commands
                .iter()
                .map(|approved| *approved.as_ref()),
        );
        self.refusals.extend(self.outputs.refusals.iter().copied());
        Ok(())
    }

    /// Applies the next event and tells what each check of each intent saw. Its commands are not
    /// compared: the shadow is of no further use.
    ///
    /// # Errors
    ///
    /// [`ShadowError`].
    pub(crate) fn explain(&mut self, record: &Record) -> Result<Vec<Explanation>, ShadowError> {
        let seq = record.seq;
        let mut explanations = Vec::new();
        self.machine
            .apply_explained(record, &mut self.outputs, &mut explanations)
            .map_err(|source| ShadowError::Apply { seq, source })?;
        Ok(explanations)
    }

    fn checkpoint_after(&mut self, event: Event<'_>) {
        if let Event::Tick(tick) = event
            && tick.count % CHECKPOINT_TICKS == 0
        {
            if self.checkpoints.len() == CHECKPOINTS_KEPT {
                self.checkpoints.pop_front();
            }
            self.checkpoints
                .push_back((self.machine.last_event(), self.machine.state_hash()));
        }
    }
}
