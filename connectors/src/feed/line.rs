//! One stream connection: opening it, subscribing in the venue's pace, reading it, replacing it.
//!
//! ```text
//!   Waiting --due--> Opening --> Open --(gone | silent | old | asked to)--> Waiting
//!                                  \--(shut down)--> Ending --> Ended
//! ```
//!
//! Hot path: reading. Allocates: connecting, subscriptions and words may.

use mio::{Registry, Token};
use model::body::LinkState;
use model::ports::{Clock, EventSink};

use super::config::FeedTiming;
use super::core::Core;
use super::dialect::FeedDialect;
use super::frame_log::FrameLog;
use super::frames::Wish;
use super::subscribe::Subscriber;
use crate::link::backoff::Backoff;
use crate::link::lane::Lane;
use crate::link::speaker::needs_a_person;
use crate::net::{CloseReason, WsClient, WsConfig, WsMessage};

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

/// One connection.
pub(super) struct Line {
    index: usize,
    phase: Phase,
    backoff: Backoff,
    ws: Option<WsClient>,
    ws_config: WsConfig,
    timing: FeedTiming,
    subscriber: Subscriber,
    /// Of redundant connections the first one is.
    is_recorded: bool,
    /// When our last ping went out, if nothing came since.
    pinged_ns: Option<u64>,
}

impl Line {
    pub(super) fn new(
        index: usize,
        ws_config: WsConfig,
        timing: FeedTiming,
        subscriber: Subscriber,
        is_recorded: bool,
    ) -> Self {
        Self {
            index,
            phase: Phase::Waiting { until_ns: 0 },
            backoff: Backoff::default(),
            ws: None,
            ws_config,
            timing,
            subscriber,
            is_recorded,
            pinged_ns: None,
        }
    }

    /// Whether the next attempt to connect is due.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        matches!(self.phase, Phase::Waiting { until_ns } if now_ns >= until_ns)
    }

    pub(super) fn connect<D: FeedDialect, S: EventSink>(
        &mut self,
        registry: &Registry,
        core: &mut Core<D>,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let started = match &mut self.ws {
            Some(ws) => ws.reconnect(now_ns),
            none => {
                let config = self.ws_config.clone();
                WsClient::connect(config, registry, Token(self.index), now_ns)
                    .map(|ws| *none = Some(ws))
            }
        };
        match started {
            Ok(()) => self.phase = Phase::Opening,
            Err(reason) => self.gone(reason, core, now_ns, lane),
        }
    }

    /// The connection ended by itself.
    #[cold]
    fn gone<D: FeedDialect, S: EventSink>(
        &mut self,
        reason: CloseReason,
        core: &mut Core<D>,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let state = if needs_a_person(reason) {
            LinkState::Failed
        } else {
            LinkState::Down
        };
        core.lost(self.index, state, &reason.to_string(), now_ns, lane);
        if matches!(self.phase, Phase::Ending) {
            self.phase = Phase::Ended;
            return;
        }
        let until_ns = now_ns.saturating_add(self.backoff.failed());
        self.phase = Phase::Waiting { until_ns };
    }

    /// We end the connection, to open another.
    #[cold]
    fn replace<D: FeedDialect, S: EventSink>(
        &mut self,
        words: &str,
        core: &mut Core<D>,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        if let Some(ws) = &mut self.ws {
            ws.close(now_ns);
        }
        core.lost(self.index, LinkState::Down, words, now_ns, lane);
        let until_ns = now_ns.saturating_add(self.backoff.failed());
        self.phase = Phase::Waiting { until_ns };
    }

    /// Reads what came, if there is a connection.
    pub(super) fn drive<D: FeedDialect, S: EventSink>(
        &mut self,
        core: &mut Core<D>,
        frames: &mut Option<FrameLog>,
        clock: &impl Clock,
        lane: &mut Lane<'_, S>,
    ) -> bool {
        if matches!(self.phase, Phase::Waiting { .. } | Phase::Ended) {
            return false;
        }
        let Some(ws) = &mut self.ws else {
            return false;
        };
        let progress = ws.poll(clock.now_ns());
        // Once for all messages of this read: when their bytes were here.
        let stamp_ns = clock.now_ns();
        if let Err(reason) = progress {
            self.gone(reason, core, stamp_ns, lane);
            return true;
        }
        if self.phase == Phase::Opening {
            if !ws.is_open() {
                return false;
            }
            self.phase = Phase::Open {
                since_ns: stamp_ns,
                heard_ns: stamp_ns,
                look_ns: stamp_ns.saturating_add(self.timing.first_message_ns),
            };
            self.pinged_ns = None;
            self.subscriber.opened(stamp_ns);
            core.opened(self.index, stamp_ns, lane);
        }
        self.drain(core, frames, stamp_ns, lane)
    }

    fn drain<D: FeedDialect, S: EventSink>(
        &mut self,
        core: &mut Core<D>,
        frames: &mut Option<FrameLog>,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) -> bool {
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
                    if let Some(log) = frames
                        && self.is_recorded
                    {
                        log.put(stamp_ns, &[bytes]);
                    }
                    match core.text(self.index, bytes, stamp_ns, lane) {
                        Wish::Nothing => {}
                        Wish::Left(slot) => self.subscriber.left(slot),
                        Wish::Replace => {
                            self.replace("the venue is shutting down", core, stamp_ns, lane);
                            return true;
                        }
                    }
                }
                Ok(None) => break,
                Err(reason) => {
                    self.gone(reason, core, stamp_ns, lane);
                    return true;
                }
            }
        }
        worked
    }

    /// What is due by time: subscriptions, our ping, and whether the connection is any good.
    pub(super) fn watch<D: FeedDialect, S: EventSink>(
        &mut self,
        core: &mut Core<D>,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let Phase::Open {
            since_ns,
            heard_ns,
            look_ns,
        } = self.phase
        else {
            return;
        };
        let timing = self.timing;
        let waited = now_ns.saturating_sub(heard_ns);
        if now_ns.saturating_sub(since_ns) >= timing.renew_ns {
            self.replace("old: renewed", core, now_ns, lane);
        } else if !core.has_heard(self.index) && waited >= timing.first_message_ns {
            self.replace("no first message", core, now_ns, lane);
        } else if waited >= timing.silence_ns {
            self.replace("silent", core, now_ns, lane);
        } else if self.is_deaf::<D>(heard_ns, now_ns) {
            self.replace("no answer to a ping", core, now_ns, lane);
        } else {
            if let Some(ws) = &mut self.ws {
                self.subscriber.send(self.index, core, ws, now_ns, timing);
            }
            if now_ns >= look_ns {
                self.look(core, now_ns, lane);
            }
        }
    }

    /// Sends our ping if it is due; whether the last one was not answered.
    fn is_deaf<D: FeedDialect>(&mut self, heard_ns: u64, now_ns: u64) -> bool {
        let Some(ping) = D::RULES.ping else {
            return false;
        };
        let pinged_ns = self.pinged_ns.filter(|at_ns| *at_ns > heard_ns);
        if let Some(at_ns) = pinged_ns {
            return now_ns.saturating_sub(at_ns) >= ping.answer_ns;
        }
        if now_ns.saturating_sub(heard_ns) >= ping.after_ns
            && let Some(ws) = &mut self.ws
            && ws.send_text(ping.text.as_bytes()).is_ok()
        {
            self.pinged_ns = Some(now_ns);
        }
        false
    }

    /// The first look is when everything should have spoken, the others once a second.
    fn look<D: FeedDialect, S: EventSink>(
        &mut self,
        core: &mut Core<D>,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let Phase::Open {
            since_ns, look_ns, ..
        } = &mut self.phase
        else {
            return;
        };
        let is_first = *look_ns == since_ns.saturating_add(self.timing.first_message_ns);
        *look_ns = now_ns.saturating_add(LOOK_APART_NS);
        if now_ns.saturating_sub(*since_ns) >= STEADY_NS {
            self.backoff.succeeded();
        }
        if is_first {
            core.name_the_silent(self.index, now_ns, lane);
        }
        if core.misses_updates(self.index, now_ns, self.timing.lag_ns) {
            let words = "best prices move without updates of levels";
            self.replace(words, core, now_ns, lane);
        }
    }

    pub(super) fn shut_down(&mut self) {
        self.phase = match (&mut self.ws, self.phase) {
            (Some(ws), Phase::Opening | Phase::Open { .. }) => {
                ws.close(ws.last_received_ns());
                Phase::Ending
            }
            (Some(_), Phase::Ending) => Phase::Ending,
            (Some(_) | None, _) => Phase::Ended,
        };
    }
}
