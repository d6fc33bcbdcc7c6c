//! How a recorded decision differs from the computed one, in words that name the field.

use std::fmt;

use model::record::Record;

/// Why log and machine do not agree, at which log sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// The log holds another command than the machine computed.
    Command {
        /// Log sequence of the recorded command.
        seq: u64,
        /// As recorded.
        recorded: Box<Record>,
        /// As computed.
        computed: Box<Record>,
    },
    /// The log holds a command that the machine did not compute.
    Unexpected {
        /// Log sequence of the recorded command.
        seq: u64,
        /// As recorded.
        recorded: Box<Record>,
    },
    /// The machine computed a command that the log does not hold although it must.
    Missing {
        /// Log sequence of the record that shows it.
        seq: u64,
        /// As computed.
        computed: Box<Record>,
    },
    /// The log holds a refusal by risk that the machine did not compute, or another one.
    Refusal {
        /// Log sequence of the recorded refusal.
        seq: u64,
        /// As recorded.
        recorded: Box<Record>,
        /// As computed; `None` if there was none.
        computed: Option<Box<Record>>,
    },
    /// The state hash that a run wrote is not the one computed now.
    StateHash {
        /// Log sequence of the hash's record.
        seq: u64,
        /// Event after which the hash was taken.
        at_event: u64,
    },
    /// The books do not sum to zero after this event: a defect of the machine's own.
    Unbalanced {
        /// Log sequence of the event.
        seq: u64,
    },
}

impl Difference {
    /// Log sequence at which it shows.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Command { seq, .. }
            | Self::Unexpected { seq, .. }
            | Self::Missing { seq, .. }
            | Self::Refusal { seq, .. }
            | Self::StateHash { seq, .. }
            | Self::Unbalanced { seq } => *seq,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command {
                seq,
                recorded,
                computed,
            } => {
                write!(f, "seq {seq}: the command differs: ")?;
                fields(f, recorded, computed)
            }
            Self::Unexpected { seq, recorded } => {
                write!(f, "seq {seq}: recorded, but not computed: {recorded:?}")
            }
            Self::Missing { seq, computed } => {
                write!(
                    f,
                    "seq {seq}: computed before here, but not recorded: {computed:?}"
                )
            }
            Self::Refusal {
                seq,
                recorded,
                computed: Some(computed),
            } => {
                write!(f, "seq {seq}: risk's refusal differs: ")?;
                fields(f, recorded, computed)
            }
            Self::Refusal {
                seq,
                recorded,
                computed: None,
            } => {
                write!(
                    f,
                    "seq {seq}: a refusal is recorded, but not computed: {recorded:?}"
                )
            }
            Self::StateHash { seq, at_event } => write!(
                f,
                "seq {seq}: the state hash after event {at_event} is not the recorded one"
            ),
            Self::Unbalanced { seq } => write!(
                f,
                "seq {seq}: the books do not sum to zero after this event: stop, keep the journal"
            ),
        }
    }
}

/// Writes each differing field as `name: recorded A, computed B`.
fn fields(f: &mut fmt::Formatter<'_>, recorded: &Record, computed: &Record) -> fmt::Result {
    let (recorded, computed) = (recorded.decided(), computed.decided());
    let pairs = [
        ("kind", u64::from(recorded.kind), u64::from(computed.kind)),
        (
            "flags",
            u64::from(recorded.flags),
            u64::from(computed.flags),
        ),
        (
            "source",
            u64::from(recorded.source),
            u64::from(computed.source),
        ),
        (
            "detail",
            u64::from(recorded.detail),
            u64::from(computed.detail),
        ),
        ("time_ns", recorded.time_ns, computed.time_ns),
        ("event", recorded.event, computed.event),
    ];
    let mut separator = "";
    for (name, left, right) in pairs {
        if left != right {
            write!(f, "{separator}{name}: recorded {left}, computed {right}")?;
            separator = "; ";
        }
    }
    let ids = [
        (
            "instrument",
            recorded.instrument().map(|id| id.0),
            computed.instrument().map(|id| id.0),
        ),
        (
            "account",
            recorded.account().map(|id| u32::from(id.0)),
            computed.account().map(|id| u32::from(id.0)),
        ),
        (
            "strategy",
            recorded.strategy().map(|id| u32::from(id.0)),
            computed.strategy().map(|id| u32::from(id.0)),
        ),
    ];
    for (name, left, right) in ids {
        if left != right {
            write!(
                f,
                "{separator}{name}: recorded {left:?}, computed {right:?}"
            )?;
            separator = "; ";
        }
    }
    if recorded.body != computed.body {
        write!(
            f,
            "{separator}body: recorded {recorded:?}, computed {computed:?}"
        )?;
    }
    Ok(())
}
