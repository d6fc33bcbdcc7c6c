//! The socket of the order connection: opened, read, closed, and opened again.
//!
//! Thread: one worker. Hot path: yes. Allocates: no once open. Syscalls: the socket's.

use mio::{Poll, Token};
use model::body::LinkState;
use model::ports::Clock;

use super::config::{GatewayConfig, GatewayError, GatewayTiming};
use super::session::{End, Phase, Session};
use crate::link::backoff::Backoff;
use crate::link::speaker::needs_a_person;
use crate::net::{CloseReason, Endpoint, Progress, Target, WsClient, WsConfig, WsMessage};

/// Where the venue's WebSocket API is on its host.
const PATH: &str = "/ws-api/v3";
/// A list of all open orders, or a page of a thousand trades.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// A connection that was up so long was no failure.
const STEADY_NS: u64 = 10_000_000_000;

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
    /// Our goodbye is said.
    Ending,
    /// Over.
    Ended,
}

/// The socket and its life.
pub(super) struct Link {
    ws: Option<WsClient>,
    ws_config: WsConfig,
    /// Keeps the registry alive; readiness is found by reading.
    poll: Poll,
    stage: Stage,
    backoff: Backoff,
    retried: bool,
    timing: GatewayTiming,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(config: &GatewayConfig) -> Result<Self, GatewayError> {
        let target = target(config).map_err(|error| GatewayError::Endpoint {
            url: config.url.clone(),
            error,
        })?;
        let mut ws_config = WsConfig::new(target);
        ws_config.message_bytes_max = MESSAGE_BYTES_MAX;
        Ok(Self {
            ws: None,
            ws_config,
            poll: Poll::new().map_err(GatewayError::Socket)?,
            stage: Stage::Waiting { until_ns: 0 },
            backoff: Backoff::default(),
            retried: false,
            timing: config.timing,
        })
    }

    /// Where requests go, if there is a connection.
    pub(super) fn outlet(&mut self) -> Option<&mut WsClient> {
        match self.stage {
            Stage::Open { .. } => self.ws.as_mut(),
            Stage::Waiting { .. }
            | Stage::Opening
            | Stage::Closing
            | Stage::Ending
            | Stage::Ended => None,
        }
    }

    pub(super) const fn shut_down(&mut self) {
        self.stage = match self.stage {
            Stage::Opening | Stage::Open { .. } => Stage::Closing,
            Stage::Waiting { .. } => Stage::Ended,
            other @ (Stage::Closing | Stage::Ending | Stage::Ended) => other,
        };
    }

    /// One turn; whether anything was done.
    pub(super) fn turn(&mut self, session: &mut Session, clock: &impl Clock) -> bool {
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
                if let Some(ws) = &mut self.ws {
                    ws.close(now_ns);
                }
                session.lost(&down("closed by us"), now_ns);
                self.stage = Stage::Ending;
                true
            }
            Stage::Ending => self.finish(now_ns),
            Stage::Ended => false,
        }
    }

    fn connect(&mut self, session: &mut Session, now_ns: u64) {
        let started = match &mut self.ws {
            Some(ws) => ws.reconnect(now_ns),
            none => {
                let config = self.ws_config.clone();
                WsClient::connect(config, self.poll.registry(), Token(0), now_ns)
                    .map(|ws| *none = Some(ws))
            }
        };
        self.stage = Stage::Opening;
        if let Err(reason) = started {
            self.gone(session, reason, now_ns);
        }
    }

    fn open(&mut self, session: &mut Session, now_ns: u64) -> bool {
        let Some(ws) = &mut self.ws else {
            return false;
        };
        match ws.poll(now_ns) {
            Err(reason) => {
                self.gone(session, reason, now_ns);
                true
            }
            Ok(_) if ws.is_open() => {
                session.opened(now_ns);
                session.pump(ws, now_ns);
                self.stage = Stage::Open { up_since_ns: None };
                true
            }
            Ok(_) => false,
        }
    }

    fn drive(&mut self, session: &mut Session, now_ns: u64, clock: &impl Clock) -> bool {
        let Some(ws) = &mut self.ws else {
            return false;
        };
        let mut worked = false;
        let polled = ws.poll(now_ns).and_then(|progress| {
            if progress == Progress::Received {
                // Once for all messages of this read: when their bytes were here.
                let stamp_ns = clock.now_ns();
                worked = true;
                drain(ws, session, stamp_ns)?;
            }
            Ok(())
        });
        if let Err(reason) = polled {
            self.gone(session, reason, now_ns);
            return true;
        }
        session.tick(now_ns);
        worked = session.pump(ws, now_ns) || worked;
        if let Some(end) = session.end.take() {
            ws.close(now_ns);
            self.wait(session, &end, now_ns);
            return true;
        }
        self.note_steady(session, now_ns);
        worked
    }

    fn note_steady(&mut self, session: &Session, now_ns: u64) {
        if session.phase != Phase::Up {
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
            | Stage::Ending
            | Stage::Ended => {}
        }
    }

    /// The connection ended by itself.
    #[cold]
    fn gone(&mut self, session: &mut Session, reason: CloseReason, now_ns: u64) {
        let detail = self.ws.as_ref().and_then(WsClient::close_detail);
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
        self.wait(session, &end, now_ns);
    }

    fn wait(&mut self, session: &mut Session, end: &End, now_ns: u64) {
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

    /// Reads what still comes until the other side has agreed.
    fn finish(&mut self, now_ns: u64) -> bool {
        let over = match &mut self.ws {
            Some(ws) => ws.poll(now_ns).and_then(|_| while_some(ws)).is_err(),
            None => true,
        };
        if over {
            self.stage = Stage::Ended;
        }
        over
    }
}

fn drain(ws: &mut WsClient, session: &mut Session, stamp_ns: u64) -> Result<(), CloseReason> {
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

fn down(words: &str) -> End {
    End {
        state: LinkState::Down,
        code: 0,
        words: words.to_owned(),
    }
}

fn target(config: &GatewayConfig) -> Result<Target, crate::net::EndpointError> {
    let endpoint = Endpoint::parse(&config.url)?;
    let endpoint = if endpoint.path() == "/" {
        endpoint.with_path(PATH)
    } else {
        endpoint
    };
    Target::resolve(&endpoint, config.tls.as_ref())
}
