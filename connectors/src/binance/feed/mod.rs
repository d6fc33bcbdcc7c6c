//! Market data of Binance spot: one stream connection for all instruments, snapshots over REST.
//!
//! [`MarketFeed`] owns the sockets and the clocks' deadlines; `core` turns messages into events;
//! `sync` keeps each book in step; `snapshots` spaces the requests. While the lane is full
//! nothing is read: what was read is kept, the rest waits in the socket.
//!
//! Thread: one worker. Hot path: yes. Allocates: no in steady state; connecting, snapshots and
//! words may. Syscalls: the sockets' only.

mod config;
mod core;
mod emit;
mod snapshots;
pub(crate) mod sync;
#[cfg(test)]
mod tests;

use mio::{Poll, Token};
use model::body::LinkState;
use model::ports::{Clock, EventSink, Feed, Worked};

pub use config::{FeedConfig, FeedTiming, StartError};

use self::core::{Core, SnapshotResult, Wish};
use self::snapshots::Snapshots;
use crate::link::backoff::Backoff;
use crate::link::lane::{Backlog, Lane};
use crate::link::speaker::needs_a_person;
use crate::net::{
    CloseReason, Endpoint, HttpClient, HttpConfig, HttpRequest, Method, Target, WsClient, WsConfig,
    WsMessage,
};

/// A snapshot of 5,000 levels a side needs 2,501 records.
const BACKLOG_RECORDS: usize = 4_096;
const SNAPSHOT_BYTES_MAX: usize = 4 << 20;
const RETRY_AFTER_NS: u64 = 60_000_000_000;
const LOOK_APART_NS: u64 = 1_000_000_000;
/// A connection that lived so long was no failure.
const STEADY_NS: u64 = 10_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No connection; the next attempt is due then.
    Waiting { until_ns: u64 },
    /// Being opened.
    Opening,
    /// Open since then; the last message came then.
    Open {
        since_ns: u64,
        heard_ns: u64,
        /// When to look at the books again.
        look_ns: u64,
    },
    /// The end was asked for.
    Ending,
    /// Over.
    Ended,
}

/// The market feed of one venue.
#[derive(Debug)]
pub struct MarketFeed {
    backlog: Backlog,
    wires: Wires,
}

/// Everything but the backlog, so that both can be borrowed at once.
struct Wires {
    config: FeedConfig,
    core: Core,
    snapshots: Snapshots,
    phase: Phase,
    backoff: Backoff,
    ws: Option<WsClient>,
    ws_config: WsConfig,
    http: HttpClient,
    /// Keeps the registry alive; readiness is found by reading.
    poll: Poll,
}

impl std::fmt::Debug for Wires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wires")
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl MarketFeed {
    /// Resolves the addresses and prepares everything; connects at the first poll.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn new(config: FeedConfig) -> Result<Self, StartError> {
        let count = config.instruments.len();
        if count == 0 || count > config::INSTRUMENTS_MAX {
            return Err(StartError::InstrumentCount {
                count,
                max: config::INSTRUMENTS_MAX,
            });
        }
        let core = Core::new(&config)?;
        let path = config::stream_path(&config.instruments);
        let endpoint = |url: &str, error| StartError::Endpoint {
            url: url.to_owned(),
            error,
        };
        let base = config.stream_url.trim_end_matches('/');
        let target = Endpoint::parse(&format!("{base}{path}"))
            .and_then(|parsed| Target::resolve(&parsed, config.rest.tls.as_ref()))
            .map_err(|error| endpoint(&config.stream_url, error))?;
        let rest = config.rest.target();
        let rest = rest.map_err(|error| endpoint(&config.rest.url, error))?;
        let poll = Poll::new().map_err(StartError::Socket)?;
        let mut http_config = HttpConfig::new(rest);
        http_config.response_bytes_max = SNAPSHOT_BYTES_MAX;
        let http = HttpClient::new(http_config, poll.registry(), Token(1));
        let wires = Wires {
            snapshots: Snapshots::new(count),
            phase: Phase::Waiting { until_ns: 0 },
            backoff: Backoff::default(),
            ws: None,
            ws_config: WsConfig::new(target),
            http: http.map_err(StartError::Client)?,
            poll,
            core,
            config,
        };
        Ok(Self {
            backlog: Backlog::with_capacity(BACKLOG_RECORDS),
            wires,
        })
    }

    /// Messages that could not be read since the start.
    #[must_use]
    pub const fn unparsed(&self) -> u64 {
        self.wires.core.unparsed()
    }

    /// Whether every book is whole and in step, and the lane has all of it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.backlog.is_empty() && self.wires.core.is_live()
    }
}

impl Wires {
    fn connect<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) {
        let started = match &mut self.ws {
            Some(ws) => ws.reconnect(now_ns),
            none => {
                let config = self.ws_config.clone();
                WsClient::connect(config, self.poll.registry(), Token(0), now_ns)
                    .map(|ws| *none = Some(ws))
            }
        };
        match started {
            Ok(()) => self.phase = Phase::Opening,
            Err(reason) => self.gone(reason, now_ns, lane),
        }
    }

    /// The connection ended by itself.
    #[cold]
    fn gone<S: EventSink>(&mut self, reason: CloseReason, now_ns: u64, lane: &mut Lane<'_, S>) {
        let state = if needs_a_person(reason) {
            LinkState::Failed
        } else {
            LinkState::Down
        };
        self.core.lost(state, &reason.to_string(), now_ns, lane);
        if matches!(self.phase, Phase::Ending) {
            self.phase = Phase::Ended;
            return;
        }
        let until_ns = now_ns.saturating_add(self.backoff.failed());
        self.phase = Phase::Waiting { until_ns };
    }

    /// We end the connection, to open another.
    #[cold]
    fn replace<S: EventSink>(&mut self, words: &str, now_ns: u64, lane: &mut Lane<'_, S>) {
        if let Some(ws) = &mut self.ws {
            ws.close(now_ns);
        }
        self.core.lost(LinkState::Down, words, now_ns, lane);
        let until_ns = now_ns.saturating_add(self.backoff.failed());
        self.phase = Phase::Waiting { until_ns };
    }

    fn drive_socket<S: EventSink>(&mut self, clock: &impl Clock, lane: &mut Lane<'_, S>) -> bool {
        let Some(ws) = &mut self.ws else {
            return false;
        };
        let progress = ws.poll(clock.now_ns());
        // Once for all messages of this read: when their bytes were here.
        let stamp_ns = clock.now_ns();
        if let Err(reason) = progress {
            self.gone(reason, stamp_ns, lane);
            return true;
        }
        if self.phase == Phase::Opening {
            if !ws.is_open() {
                return false;
            }
            self.phase = Phase::Open {
                since_ns: stamp_ns,
                heard_ns: stamp_ns,
                look_ns: stamp_ns.saturating_add(self.config.timing.first_message_ns),
            };
            self.core.opened(stamp_ns, lane);
        }
        self.drain(stamp_ns, lane)
    }

    fn drain<S: EventSink>(&mut self, stamp_ns: u64, lane: &mut Lane<'_, S>) -> bool {
        let Some(ws) = &mut self.ws else {
            return false;
        };
        let mut worked = false;
        // Ends: a read is bounded, and nothing is read in here.
        while lane.is_clear() {
            match ws.next_message() {
                Ok(Some(WsMessage::Text(bytes) | WsMessage::Binary(bytes))) => {
                    worked = true;
                    if let Phase::Open { heard_ns, .. } = &mut self.phase {
                        *heard_ns = stamp_ns;
                    }
                    if self.core.text(bytes, stamp_ns, lane) == Wish::Replace {
                        self.replace("the venue is shutting down", stamp_ns, lane);
                        return true;
                    }
                }
                Ok(None) => break,
                Err(reason) => {
                    self.gone(reason, stamp_ns, lane);
                    return true;
                }
            }
        }
        worked
    }

    fn watch<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) {
        let Phase::Open {
            since_ns,
            heard_ns,
            look_ns,
        } = self.phase
        else {
            return;
        };
        let timing = self.config.timing;
        let waited = now_ns.saturating_sub(heard_ns);
        if now_ns.saturating_sub(since_ns) >= timing.renew_ns {
            self.replace("old: renewed", now_ns, lane);
        } else if !self.core.has_heard() && waited >= timing.first_message_ns {
            self.replace("no first message", now_ns, lane);
        } else if waited >= timing.silence_ns {
            self.replace("silent", now_ns, lane);
        } else if now_ns >= look_ns {
            self.look(now_ns, lane);
        }
    }

    /// The first look is when everything should have spoken, the others once a second.
    fn look<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) {
        let timing = self.config.timing;
        let Phase::Open {
            since_ns, look_ns, ..
        } = &mut self.phase
        else {
            return;
        };
        let is_first = *look_ns == since_ns.saturating_add(timing.first_message_ns);
        *look_ns = now_ns.saturating_add(LOOK_APART_NS);
        if now_ns.saturating_sub(*since_ns) >= STEADY_NS {
            self.backoff.succeeded();
        }
        if is_first {
            self.core.name_the_silent(now_ns, lane);
        }
        if self.core.misses_updates(now_ns, timing.lag_ns) {
            self.replace("best prices move without updates of levels", now_ns, lane);
        }
    }

    fn drive_snapshots<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) -> bool {
        let open = matches!(self.phase, Phase::Open { .. });
        let wanted = |slot| open && self.core.wants_snapshot(slot);
        if let Some(slot) = self.snapshots.pick(now_ns, wanted) {
            self.ask(slot, now_ns);
        }
        if !self.snapshots.is_under_way() {
            return false;
        }
        let Some(outcome) = self.http.poll(now_ns) else {
            return false;
        };
        let Some(slot) = self.snapshots.answered(outcome.id) else {
            return true;
        };
        let words = match outcome.result {
            Ok(answer) if answer.status == 200 => {
                match self.core.snapshot(slot, answer.body, now_ns, lane) {
                    SnapshotResult::Taken => self.snapshots.taken(slot),
                    SnapshotResult::Unwanted => {}
                    SnapshotResult::AskAgain => self.snapshots.failed(slot, now_ns),
                }
                return true;
            }
            Ok(answer) => {
                if matches!(answer.status, 418 | 429) {
                    let wait = answer.header("retry-after").and_then(seconds);
                    let wait = wait.unwrap_or(RETRY_AFTER_NS);
                    self.snapshots.stop_until(now_ns.saturating_add(wait));
                }
                format!("snapshot refused with HTTP {}", answer.status)
            }
            Err(failure) => format!("snapshot: {failure}"),
        };
        self.snapshots.failed(slot, now_ns);
        let speaker = self.core.speaker();
        lane.push(&speaker.says(LinkState::Notice, 0, &words, now_ns));
        true
    }

    fn ask(&mut self, slot: usize, now_ns: u64) {
        let symbol = super::start::percent_encoded(self.core.symbol(slot).as_bytes());
        let levels = self.config.snapshot_levels;
        let path = format!("/api/v3/depth?symbol={symbol}&limit={levels}");
        let request = HttpRequest {
            method: Method::Get,
            path: &path,
            headers: &[],
            body: &[],
            deadline_ns: now_ns.saturating_add(self.config.timing.snapshot_ns),
        };
        match self.http.submit(&request) {
            Ok(id) => self.snapshots.asked(id, slot, now_ns),
            // The queue is ours alone and has room; whatever it is, later is early enough.
            Err(_) => self.snapshots.failed(slot, now_ns),
        }
    }
}

/// A header's whole seconds as nanoseconds.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    let seconds: u64 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    seconds.checked_mul(1_000_000_000)
}

impl Wires {
    fn turn<S: EventSink>(&mut self, clock: &impl Clock, lane: &mut Lane<'_, S>) -> bool {
        match self.phase {
            Phase::Waiting { until_ns } => {
                let now_ns = clock.now_ns();
                let due = now_ns >= until_ns;
                if due {
                    self.connect(now_ns, lane);
                }
                self.drive_snapshots(now_ns, lane) || due
            }
            Phase::Opening | Phase::Open { .. } => {
                // Snapshots first: a flood of updates must not keep a book from getting whole.
                let now_ns = clock.now_ns();
                let snapshot = self.drive_snapshots(now_ns, lane);
                let socket = lane.is_clear() && self.drive_socket(clock, lane);
                self.watch(now_ns, lane);
                socket || snapshot
            }
            Phase::Ending => self.drive_socket(clock, lane),
            Phase::Ended => false,
        }
    }
}

impl Feed for MarketFeed {
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let flushed = self.backlog.flush(sink);
        if !self.backlog.is_empty() {
            return Worked::from(flushed);
        }
        let mut lane = Lane::new(sink, &mut self.backlog);
        Worked::from(self.wires.turn(clock, &mut lane) || flushed)
    }

    fn shut_down(&mut self) {
        let wires = &mut self.wires;
        wires.phase = match (&mut wires.ws, wires.phase) {
            (Some(ws), Phase::Opening | Phase::Open { .. }) => {
                ws.close(ws.last_received_ns());
                Phase::Ending
            }
            (Some(_), Phase::Ending) => Phase::Ending,
            (Some(_) | None, _) => Phase::Ended,
        };
    }
}
