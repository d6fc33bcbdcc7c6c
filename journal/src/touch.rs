//! The thread `journal-touch`: keeps the pages ahead of the writer present and writable, so that an
//! append does not fault.
//!
//! Writing a page back (a sync, or the kernel on its own) makes it read-only again, and the next
//! store to it would fault, and may wait for the disk. So a window ahead of the writer is made
//! writable again and again. It follows the rate, because what is made writable is also written
//! back with the next sync.
//!
//! Thread: its own. Hot path: no. Not here: making segments (`prepare`), syncing them (`sync`).

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::format::{Geometry, RECORD};
use crate::options::Durability;
use crate::prepare::{Live, lock};
use crate::shared::Shared;

/// How often it looks where the writer is, while that moves.
const TICK: Duration = Duration::from_millis(1);
/// The same while it stands still: the window is there already.
const TICK_IDLE: Duration = Duration::from_millis(5);
/// Smallest window where every sync writes it back: 256 records, what a quiet market needs between
/// two looks.
const WINDOW_MIN_SYNCED: u64 = 32 << 10;
/// Smallest window where nothing but the kernel writes back, every half minute.
const WINDOW_MIN: u64 = 4 << 20;
/// Largest window.
const WINDOW_MAX: u64 = 16 << 20;
/// The window is this many times what came since the last look.
const WINDOW_AHEAD: u64 = 4;

/// State of the thread.
pub(crate) struct Toucher {
    pub(crate) geometry: Geometry,
    pub(crate) live: Arc<Live>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) durability: Durability,
}

impl Toucher {
    /// Works until the other end of `stop` is dropped.
    pub(crate) fn run(self, stop: &Receiver<()>) {
        let window_min = match self.durability {
            Durability::Process => WINDOW_MIN,
            Durability::Interval(_) => WINDOW_MIN_SYNCED,
            // No such thread there: what is made writable would be written with the next commit.
            Durability::Volatile | Durability::Group | Durability::Sync => return,
        };
        let mut last_seen = self.shared.appended();
        self.touch(last_seen, window_min);
        loop {
            let appended = self.shared.appended();
            let tick = if appended > last_seen {
                TICK
            } else {
                TICK_IDLE
            };
            if appended > last_seen {
                let came = (appended - last_seen) * RECORD;
                let window = (came * WINDOW_AHEAD).clamp(window_min, WINDOW_MAX);
                self.touch(appended, window);
                last_seen = appended;
            }
            match stop.recv_timeout(tick) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn touch(&self, appended: u64, window: u64) {
        let Some(place) = self.geometry.place(appended + 1) else {
            return;
        };
        let over = (place.offset + window).saturating_sub(self.geometry.records_end());
        let find = |id| lock(&self.live).iter().find(|s| s.id == id).cloned();
        if let Some(segment) = find(place.segment) {
            segment.region.populate(index(place.offset), index(window));
        }
        if over > 0
            && let Some(segment) = find(place.segment.saturating_add(1))
        {
            segment
                .region
                .populate(0, index(over + crate::format::HEADER_BYTES));
        }
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
