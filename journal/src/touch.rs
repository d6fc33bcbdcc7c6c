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
use std::time::{Duration, Instant};

use crate::format::{Geometry, RECORD};
use crate::options::Durability;
use crate::prepare::{Live, lock};
use crate::segment::Segment;
use crate::shared::Shared;

/// How often it looks where the writer is, while that moves.
const TICK: Duration = Duration::from_millis(1);
/// The same while it stands still: the window is there already.
const TICK_IDLE: Duration = Duration::from_millis(5);
/// Smallest window where every sync writes it back: 256 records, what a quiet market needs between
/// two looks.
const WINDOW_MIN_SYNCED: u64 = 32 << 10;
/// Largest window there.
const WINDOW_MAX_SYNCED: u64 = 16 << 20;
/// The window there is this many times what came since the last look.
const WINDOW_AHEAD: u64 = 4;
/// Window where nothing but the kernel writes back, every half minute: what the fastest writer
/// stores in 8 ms, which is longer than this thread sleeps.
const WINDOW_UNSYNCED: u64 = 64 << 20;
/// As much of it is made writable again and again while the writer stands still: all of it would be
/// written back each time for nothing.
const WINDOW_IDLE: u64 = 256 << 10;
/// How often all of that is made writable, and not only what has come into it.
const WHOLE: Duration = Duration::from_secs(1);

/// State of the thread.
pub(crate) struct Toucher {
    geometry: Geometry,
    live: Arc<Live>,
    shared: Arc<Shared>,
    durability: Durability,
    /// Where nothing is synced: last sequence whose place was made writable, and when all of the
    /// window was; 0 and none at first.
    through: u64,
    whole_at: Option<Instant>,
}

impl Toucher {
    pub(crate) const fn new(
        geometry: Geometry,
        live: Arc<Live>,
        shared: Arc<Shared>,
        durability: Durability,
    ) -> Self {
        Self {
            geometry,
            live,
            shared,
            durability,
            through: 0,
            whole_at: None,
        }
    }

    /// Works until the other end of `stop` is dropped.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        let look = match self.durability {
            Durability::Process => Self::look_unsynced,
            Durability::Interval(_) => Self::look_synced,
            // No such thread there: what is made writable would be written with the next commit.
            Durability::Volatile | Durability::Group | Durability::Sync => return,
        };
        let mut last_seen = self.shared.appended();
        self.touch(last_seen + 1, last_seen + WINDOW_MIN_SYNCED / RECORD);
        loop {
            let appended = self.shared.appended();
            look(&mut self, appended, appended - last_seen);
            let tick = if appended > last_seen {
                TICK
            } else {
                TICK_IDLE
            };
            last_seen = appended;
            match stop.recv_timeout(tick) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Where every sync makes all of the window read-only again.
    fn look_synced(&mut self, appended: u64, came: u64) {
        if came > 0 {
            let window = (came * RECORD * WINDOW_AHEAD).clamp(WINDOW_MIN_SYNCED, WINDOW_MAX_SYNCED);
            self.touch(appended + 1, appended + window / RECORD);
        }
    }

    /// Where only the kernel does so, by and by: each second all of it again, a little of it while
    /// the writer stands still, and else what is new in it.
    fn look_unsynced(&mut self, appended: u64, came: u64) {
        let is_due = self.whole_at.is_none_or(|at| at.elapsed() >= WHOLE);
        if is_due {
            self.whole_at = Some(Instant::now());
        }
        let through = appended + WINDOW_UNSYNCED / RECORD;
        match (is_due, came > 0 || self.through == 0) {
            (true, true) => self.through = self.touch(appended + 1, through),
            (true, false) => {
                self.touch(appended + 1, appended + WINDOW_IDLE / RECORD);
            }
            (false, _) => self.through = self.touch(self.through.max(appended) + 1, through),
        }
    }

    /// Makes the places of these sequences writable, as far as there are segments for them;
    /// returns the last one.
    fn touch(&self, from: u64, through: u64) -> u64 {
        let mut next = from;
        while next <= through {
            let Some(place) = self.geometry.place(next) else {
                break;
            };
            let find = |segment: &&Arc<Segment>| segment.id == place.segment;
            let Some(segment) = lock(&self.live).iter().find(find).cloned() else {
                break;
            };
            let last = self.geometry.last_seq(place.segment).min(through);
            let len = (last + 1 - next) * RECORD;
            segment.region.populate(index(place.offset), index(len));
            next = last + 1;
        }
        next - 1
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
