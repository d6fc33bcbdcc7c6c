//! The journal's health: a disk that is behind, full, or has failed, and what the engine does then.
//!
//! - Behind its promise: cancel-only, with the reason and the time in the log, until it keeps up.
//! - No room for the next segment: cancel-only at once, long before the last segment ends; in order
//!   to the end if it lasts, or if what room there is would no longer hold the way out.
//! - Failed: in order to the end. What rests is cancelled, although nothing becomes durable any
//!   more.
//!
//! Thread: main. Not on the hot path.

use std::time::{Duration, Instant};

use engine::pipeline::OperatorLane;
use journal::{Space, Watch};
use model::body::OperatorAction;

use crate::output::remark;

/// How long a disk must keep up before orders go out again.
const CALM: Duration = Duration::from_millis(500);
/// How long the engine waits in cancel-only for room.
const NO_ROOM_MAX: Duration = Duration::from_secs(5);
/// Records that an orderly end needs room for, in a market that goes on.
const RECORDS_FOR_THE_END: u64 = 30_000;
/// The same where each commit is filled up to a block.
const RECORDS_FOR_THE_END_FILLED: u64 = 300_000;

/// What is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ailment {
    Behind { lag: Duration },
    NoRoom { records_left: u64, errno: i32 },
}

impl Ailment {
    /// In at most 72 bytes, for the log.
    fn text(&self, wait_max: Option<Duration>) -> String {
        match self {
            Self::Behind { lag } => format!(
                "journal's disk behind: {} ms, more than {} ms",
                lag.as_millis(),
                wait_max.unwrap_or_default().as_millis()
            ),
            Self::NoRoom {
                records_left,
                errno,
            } => format!("no room for a segment (errno {errno}), {records_left} records left"),
        }
    }
}

/// Watches the journal, and tells the machine.
pub(crate) struct Health {
    watch: Watch,
    wait_max: Option<Duration>,
    /// Records of a whole segment: what the reserve can be at most.
    segment_records: u64,
    /// Since when the machine is in cancel-only by us, and the last time that it had to be.
    cancel_only: Option<(Instant, Instant)>,
    no_room_since: Option<Instant>,
}

impl Health {
    /// Watches `watch`; `wait_max` is how long events may wait for the disk, `segment_bytes` the
    /// size of a segment.
    pub(crate) fn new(watch: Watch, wait_max: Option<Duration>, segment_bytes: u64) -> Self {
        Self {
            watch,
            wait_max,
            segment_records: segment_bytes / 128,
            cancel_only: None,
            no_room_since: None,
        }
    }

    /// Looks once. Returns why the run must end, if it must.
    pub(crate) fn look(&mut self, operator: &mut OperatorLane) -> Option<String> {
        if let Some(errno) = self.watch.failed() {
            let durable = self.watch.durable_seq();
            return Some(format!(
                "the disk failed to keep the journal: {} (up to sequence {durable} it is on stable \
                 storage); no sync is tried again. Check the disk and its file system (kernel \
                 log, SMART), move the journal to a good one, then start again: the next start \
                 recovers what is there",
                system_text(errno)
            ));
        }
        let ailment = self.ailment();
        match &ailment {
            Some(ailment) => self.go_cancel_only(ailment, operator),
            None => self.go_on(operator),
        }
        self.ends_for_room(ailment.as_ref())
    }

    fn ailment(&self) -> Option<Ailment> {
        if let Space::Low {
            records_left,
            errno,
        } = self.watch.space()
        {
            return Some(Ailment::NoRoom {
                records_left,
                errno,
            });
        }
        let lag = self.watch.sync_lag();
        let is_behind = self.wait_max.is_some_and(|most| most < lag);
        is_behind.then_some(Ailment::Behind { lag })
    }

    fn go_cancel_only(&mut self, ailment: &Ailment, operator: &mut OperatorLane) {
        let now = Instant::now();
        if let Some((_, last)) = &mut self.cancel_only {
            *last = now;
            return;
        }
        let text = ailment.text(self.wait_max);
        // A full lane: at the next look.
        if operator.send(OperatorAction::CancelOnly, &text) {
            remark(&format!("cancel-only: {text}"));
            self.cancel_only = Some((now, now));
        }
    }

    fn go_on(&mut self, operator: &mut OperatorLane) {
        let Some((since, last)) = self.cancel_only else {
            return;
        };
        if last.elapsed() < CALM {
            return;
        }
        let text = format!(
            "the journal keeps up again, after {} ms",
            since.elapsed().as_millis()
        );
        if operator.send(OperatorAction::Resume, &text) {
            remark(&format!("resumed: {text}"));
            self.cancel_only = None;
        }
    }

    fn ends_for_room(&mut self, ailment: Option<&Ailment>) -> Option<String> {
        let Some(Ailment::NoRoom {
            records_left,
            errno,
        }) = ailment
        else {
            self.no_room_since = None;
            return None;
        };
        let since = *self.no_room_since.get_or_insert_with(Instant::now);
        let reserve = if self.watch.durability().is_strict() {
            RECORDS_FOR_THE_END_FILLED
        } else {
            RECORDS_FOR_THE_END
        };
        let reserve = reserve.min(self.segment_records);
        if since.elapsed() < NO_ROOM_MAX && reserve < *records_left {
            return None;
        }
        Some(format!(
            "no room for the next journal segment: {} ({records_left} records left): free disk \
             space, then start again",
            system_text(*errno)
        ))
    }
}

/// The system's words for an error number.
fn system_text(errno: i32) -> String {
    if errno > 0 {
        std::io::Error::from_raw_os_error(errno).to_string()
    } else {
        "an error without a number".to_owned()
    }
}
