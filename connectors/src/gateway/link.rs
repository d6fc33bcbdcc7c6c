//! The sockets of the order connection: opened, read, closed, and opened again, as one.
//!
//! A venue has an order connection, maybe a private stream beside it, maybe requests over HTTP. If
//! one WebSocket ends, so does the other: what was missed between is found by reconciling.
//!
//! Thread: one worker. Hot path: yes. Allocates: no once open. Syscalls: the sockets'.

use std::collections::VecDeque;

use mio::{Poll, Token};
use model::body::LinkState;
use model::ports::Clock;

use super::config::{GatewayError, GatewayTiming, Ways};
use super::dialect::{Dialect, Habits};
use super::line::Outlet;
use super::session::{End, Phase, Session};
use crate::link::backoff::Backoff;
use crate::link::speaker::needs_a_person;
use crate::net::{
    CloseReason, HttpClient, HttpConfig, HttpRequest, Progress, RequestId, SendError, SubmitError,
    Target, WsClient, WsConfig, WsMessage,
};

/// A list of all open orders, or a page of a thousand trades.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// A connection that was up so long was no failure.
const STEADY_NS: u64 = 10_000_000_000;
const SOCKET: Token = Token(0);
const STREAM: Token = Token(1);
const REST: Token = Token(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No connection; the next attempt is due then.
    Waiting { until_ns: u64 },
    /// Being opened.
    Opening,
    /// Open; reconciled since then.
    Open { up_since_ns: Option<u64> },
    /// The end was asked for: to be closed.
    Closing,
    /// Our goodbye is said; the last answers are waited for until then.
    Ending { until_ns: u64 },
    /// Over.
    Ended,
}

/// The sockets.
pub(super) struct Wires {
    ws: Option<WsClient>,
    ws_config: WsConfig,
    /// The private stream beside the order connection, and the host that it is on.
    stream: Option<WsClient>,
    stream_host: Option<Target>,
    stream_open: bool,
    rest: Option<HttpClient>,
    /// Requests over HTTP: the client's number and ours.
    asked: VecDeque<(RequestId, u64)>,
    /// Keeps the registry alive; readiness is found by reading.
    poll: Poll,
}

impl Outlet for Wires {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError> {
        match &mut self.ws {
            Some(ws) => ws.send_text(text).map(|_| ()),
            None => Err(SendError::NotOpen),
        }
    }

    fn http(&mut self, id: u64, request: &HttpRequest<'_>) -> Result<(), SendError> {
        let Some(rest) = &mut self.rest else {
            return Err(SendError::NotOpen);
        };
        let asked = rest.submit(request).map_err(|error| match error {
            SubmitError::QueueFull => SendError::Full,
            SubmitError::TooLarge | SubmitError::BadPath | SubmitError::BadHeader => {
                SendError::TooLarge
            }
        })?;
        self.asked.push_back((asked, id));
        Ok(())
    }
}

/// The sockets and their life.
pub(super) struct Link {
    wires: Wires,
    stage: Stage,
    backoff: Backoff,
    retried: bool,
    timing: GatewayTiming,
    heartbeat: Option<(&'static [u8], u64)>,
    heartbeat_due_ns: u64,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(
        ways: &Ways,
        timing: GatewayTiming,
        habits: Habits,
    ) -> Result<Self, GatewayError> {
        let poll = Poll::new().map_err(GatewayError::Socket)?;
        let rest = match &ways.rest {
            Some(target) => {
                let mut config = HttpConfig::new(target.clone());
                config.response_bytes_max = MESSAGE_BYTES_MAX;
                let client = HttpClient::new(config, poll.registry(), REST);
                Some(client.map_err(GatewayError::Client)?)
            }
            None => None,
        };
        let mut ws_config = WsConfig::new(ways.socket.clone());
        ws_config.message_bytes_max = MESSAGE_BYTES_MAX;
        Ok(Self {
            wires: Wires {
                ws: None,
                ws_config,
                stream: None,
                stream_host: ways.stream.clone(),
                stream_open: false,
                rest,
                asked: VecDeque::with_capacity(64),
                poll,
            },
            stage: Stage::Waiting { until_ns: 0 },
            backoff: Backoff::default(),
            retried: false,
            timing,
            heartbeat: habits.heartbeat,
            heartbeat_due_ns: 0,
        })
    }

    /// Where requests go, if there is a connection.
    pub(super) fn outlet(&mut self) -> Option<&mut Wires> {
        match self.stage {
            Stage::Open { .. } => Some(&mut self.wires),
            Stage::Waiting { .. }
            | Stage::Opening
            | Stage::Closing
            | Stage::Ending { .. }
            | Stage::Ended => None,
        }
    }

    pub(super) const fn shut_down(&mut self) {
        self.stage = match self.stage {
            Stage::Opening | Stage::Open { .. } => Stage::Closing,
            Stage::Waiting { .. } => Stage::Ended,
            other @ (Stage::Closing | Stage::Ending { .. } | Stage::Ended) => other,
        };
    }

    /// One turn; whether anything was done.
    pub(super) fn turn<D: Dialect>(
        &mut self,
        session: &mut Session<D>,
        clock: &impl Clock,
    ) -> bool {
        let now_ns = clock.now_ns();
        match self.stage {
            Stage::Open { .. } => self.drive(session, now_ns, clock),
            Stage::Waiting { until_ns } => {
                let due = now_ns >= until_ns;
                if due {
                    self.connect(session, now_ns);
                }
                due
            }
            Stage::Opening => self.open(session, now_ns),
            Stage::Closing => {
                self.close(session, now_ns);
                true
            }
            Stage::Ending { until_ns } => self.finish(until_ns, now_ns),
            Stage::Ended => false,
        }
    }

    fn connect<D: Dialect>(&mut self, session: &mut Session<D>, now_ns: u64) {
        let wires = &mut self.wires;
        wires.stream = None;
        wires.stream_open = false;
        let started = match &mut wires.ws {
            Some(ws) => ws.reconnect(now_ns),
            none => {
                let config = wires.ws_config.clone();
                WsClient::connect(config, wires.poll.registry(), SOCKET, now_ns)
                    .map(|ws| *none = Some(ws))
            }
        };
        self.stage = Stage::Opening;
        if let Err(reason) = started {
            self.gone(session, reason, now_ns);
        }
    }

    fn open<D: Dialect>(&mut self, session: &mut Session<D>, now_ns: u64) -> bool {
        let Some(ws) = &mut self.wires.ws else {
            return false;
        };
        match ws.poll(now_ns) {
            Err(reason) => {
                self.gone(session, reason, now_ns);
                true
            }
            Ok(_) if ws.is_open() => {
                session.opened(now_ns);
                session.pump(&mut self.wires, now_ns);
                self.stage = Stage::Open { up_since_ns: None };
                true
            }
            Ok(_) => false,
        }
    }

    fn drive<D: Dialect>(
        &mut self,
        session: &mut Session<D>,
        now_ns: u64,
        clock: &impl Clock,
    ) -> bool {
        let mut worked = false;
        let heard = self
            .read_socket(session, now_ns, clock, &mut worked)
            .and_then(|()| self.read_stream(session, now_ns, clock, &mut worked));
        if let Err(reason) = heard {
            self.gone(session, reason, now_ns);
            return true;
        }
        worked = self.wires.read_rest(session, now_ns) || worked;
        session.tick(now_ns);
        worked = session.pump(&mut self.wires, now_ns) || worked;
        if let Some(end) = session.end.take() {
            self.wires.say_goodbye(now_ns);
            self.wait(session, &end, now_ns);
            return true;
        }
        self.keep_open(now_ns);
        self.note_steady(session.phase, now_ns);
        worked
    }

    fn read_socket<D: Dialect>(
        &mut self,
        session: &mut Session<D>,
        now_ns: u64,
        clock: &impl Clock,
        worked: &mut bool,
    ) -> Result<(), CloseReason> {
        let Some(ws) = &mut self.wires.ws else {
            return Ok(());
        };
        if ws.poll(now_ns)? == Progress::Received {
            *worked = true;
            // Once for all messages of this read: when their bytes were here.
            drain(ws, session, clock.now_ns())?;
        }
        Ok(())
    }

    fn read_stream<D: Dialect>(
        &mut self,
        session: &mut Session<D>,
        now_ns: u64,
        clock: &impl Clock,
        worked: &mut bool,
    ) -> Result<(), CloseReason> {
        if let Some(path) = session.stream_path.take()
            && let Some(host) = &self.wires.stream_host
        {
            let mut config = WsConfig::new(host.with_path(&path));
            config.message_bytes_max = MESSAGE_BYTES_MAX;
            let registry = self.wires.poll.registry();
            self.wires.stream = Some(WsClient::connect(config, registry, STREAM, now_ns)?);
            self.wires.stream_open = false;
        }
        let Some(stream) = &mut self.wires.stream else {
            return Ok(());
        };
        let progress = stream.poll(now_ns)?;
        if !self.wires.stream_open && stream.is_open() {
            self.wires.stream_open = true;
            *worked = true;
            session.stream_opened(now_ns);
        }
        if progress == Progress::Received {
            *worked = true;
            drain(stream, session, clock.now_ns())?;
        }
        Ok(())
    }

    /// A venue that closes silent connections hears from us.
    fn keep_open(&mut self, now_ns: u64) {
        if let Some((text, every_ns)) = self.heartbeat
            && now_ns >= self.heartbeat_due_ns
        {
            self.heartbeat_due_ns = now_ns.saturating_add(every_ns);
            // What does not leave now is said again in its time; a dead socket shows by itself.
            let _said = self.wires.text(text);
        }
    }

    fn note_steady(&mut self, phase: Phase, now_ns: u64) {
        if phase != Phase::Up {
            return;
        }
        match self.stage {
            Stage::Open { up_since_ns: None } => {
                let up_since_ns = Some(now_ns);
                self.stage = Stage::Open { up_since_ns };
            }
            Stage::Open {
                up_since_ns: Some(since_ns),
            } if self.retried && now_ns.saturating_sub(since_ns) >= STEADY_NS => {
                self.retried = false;
                self.backoff.succeeded();
            }
            Stage::Open { .. }
            | Stage::Waiting { .. }
            | Stage::Opening
            | Stage::Closing
            | Stage::Ending { .. }
            | Stage::Ended => {}
        }
    }

    /// The connection ended by itself.
    #[cold]
    fn gone<D: Dialect>(&mut self, session: &mut Session<D>, reason: CloseReason, now_ns: u64) {
        let wires = &self.wires;
        let sockets = [&wires.ws, &wires.stream];
        let detail = sockets
            .into_iter()
            .find_map(|ws| ws.as_ref().and_then(WsClient::close_detail));
        let words = match detail {
            Some(detail) => format!("{reason}: {detail}"),
            None => reason.to_string(),
        };
        let state = if needs_a_person(reason) {
            LinkState::Failed
        } else {
            LinkState::Down
        };
        let end = End {
            state,
            code: 0,
            words,
        };
        self.wires.say_goodbye(now_ns);
        self.wait(session, &end, now_ns);
    }

    fn wait<D: Dialect>(&mut self, session: &mut Session<D>, end: &End, now_ns: u64) {
        session.lost(end, now_ns);
        let wait_ns = if end.state == LinkState::Failed {
            self.timing.refused_retry_ns
        } else if self.retried {
            self.backoff.failed()
        } else {
            self.retried = true;
            self.timing.first_retry_ns
        };
        self.stage = Stage::Waiting {
            until_ns: now_ns.saturating_add(wait_ns),
        };
    }

    /// The end that was asked for: what has to be taken back at the venue goes out first.
    fn close<D: Dialect>(&mut self, session: &mut Session<D>, now_ns: u64) {
        if session.phase == Phase::Up {
            session.dead_man(false);
            session.pump(&mut self.wires, now_ns);
        }
        self.wires.say_goodbye(now_ns);
        let end = End {
            state: LinkState::Down,
            code: 0,
            words: "closed by us".to_owned(),
        };
        session.lost(&end, now_ns);
        let until_ns = now_ns.saturating_add(self.timing.request_ns);
        self.stage = Stage::Ending { until_ns };
    }

    /// Reads what still comes until the other side has agreed, and HTTP has answered.
    fn finish(&mut self, until_ns: u64, now_ns: u64) -> bool {
        let closed = match &mut self.wires.ws {
            Some(ws) => ws.poll(now_ns).and_then(|_| while_some(ws)).is_err(),
            None => true,
        };
        let answered = match &mut self.wires.rest {
            Some(rest) => {
                while rest.poll(now_ns).is_some() {}
                rest.pending_requests() == 0
            }
            None => true,
        };
        let over = closed && (answered || now_ns >= until_ns);
        if over {
            self.stage = Stage::Ended;
        }
        over
    }
}

impl Wires {
    /// Answers over HTTP; those of a connection before are late and say nothing.
    fn read_rest<D: Dialect>(&mut self, session: &mut Session<D>, now_ns: u64) -> bool {
        let Some(rest) = &mut self.rest else {
            return false;
        };
        let mut worked = false;
        // Ends: each answer is of a request that waited.
        while let Some(outcome) = rest.poll(now_ns) {
            worked = true;
            let place = self
                .asked
                .iter()
                .position(|(asked, _)| *asked == outcome.id);
            if let Some((_, id)) = place.and_then(|place| self.asked.remove(place)) {
                session.http(id, outcome.result, now_ns);
            }
        }
        worked
    }

    fn say_goodbye(&mut self, now_ns: u64) {
        for ws in [&mut self.ws, &mut self.stream].into_iter().flatten() {
            ws.close(now_ns);
        }
    }
}

fn drain<D: Dialect>(
    ws: &mut WsClient,
    session: &mut Session<D>,
    stamp_ns: u64,
) -> Result<(), CloseReason> {
    // Ends: a read is bounded, and nothing is read in here.
    while let Some(WsMessage::Text(bytes) | WsMessage::Binary(bytes)) = ws.next_message()? {
        session.text(bytes, stamp_ns);
    }
    Ok(())
}

fn while_some(ws: &mut WsClient) -> Result<(), CloseReason> {
    while ws.next_message()?.is_some() {}
    Ok(())
}
