//! Plays a recording: which line is due, and when the clients are ready for it.

use super::recorded::{self, Message};
use crate::practice::recording::{Lines, RecordingError};
use crate::practice::{RecordingProgress, Speed};
use model::instrument::InstrumentSpec;

/// Lines in one turn, so that clients are served in between.
pub(in crate::binance) const LINES_PER_TURN: usize = 256;
/// At full speed the player waits while a client has more than this unread: nothing is dropped.
pub(in crate::binance) const UNREAD_BYTES_MAX: usize = 64 << 10;

/// The next line, taken out of the reader.
#[derive(Debug)]
struct Pending {
    number: u64,
    ns: u64,
    json: String,
}

/// A recording on its way.
#[derive(Debug)]
pub(in crate::binance) struct Player {
    lines: Lines,
    speed: Speed,
    first_ns: u64,
    started_ns: Option<u64>,
    pending: Option<Pending>,
    progress: RecordingProgress,
}

impl Player {
    /// A checked recording, at its first line.
    pub(in crate::binance) fn new(
        lines: Lines,
        checked: &recorded::Checked,
        speed: Speed,
    ) -> Result<Self, RecordingError> {
        let mut player = Self {
            lines,
            speed,
            first_ns: checked.first_ns,
            started_ns: None,
            pending: None,
            progress: RecordingProgress {
                lines: 0,
                lines_total: checked.lines,
                finished: false,
            },
        };
        player.fetch()?;
        Ok(player)
    }

    fn fetch(&mut self) -> Result<(), RecordingError> {
        self.pending = self.lines.next()?.map(|line| Pending {
            number: line.number,
            ns: line.ns,
            json: line.json.to_owned(),
        });
        Ok(())
    }

    pub(in crate::binance) const fn progress(&self) -> RecordingProgress {
        self.progress
    }

    pub(in crate::binance) const fn is_max(&self) -> bool {
        matches!(self.speed, Speed::Max)
    }

    /// Starts the clock, if it has not started.
    pub(in crate::binance) fn start(&mut self, now_ns: u64) {
        self.started_ns.get_or_insert(now_ns);
    }

    /// When the next line is due; `None` before the start and after the end.
    pub(in crate::binance) fn due_ns(&self) -> Option<u64> {
        let started_ns = self.started_ns?;
        let pending = self.pending.as_ref()?;
        match self.speed {
            Speed::Max => Some(started_ns),
            Speed::Times(times) => {
                let offset = (pending.ns - self.first_ns) / u64::from(times.max(1));
                Some(started_ns.saturating_add(offset))
            }
        }
    }

    /// Plays the next line: hands out its message.
    ///
    /// # Errors
    ///
    /// The file changed since it was checked.
    pub(in crate::binance) fn play(
        &mut self,
        spec: &InstrumentSpec,
        with: impl FnOnce(Message<'_>),
    ) -> Result<(), RecordingError> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let message = recorded::message(&pending.json, spec);
        with(message.map_err(|reason| self.lines.error(reason))?);
        self.progress.lines = pending.number;
        self.fetch()?;
        self.progress.finished = self.pending.is_none();
        Ok(())
    }
}
