//! The way out for requests: numbered, timed, signed, counted, and kept until their answer.
//!
//! Sans-I/O: the socket is an [`Outlet`]. Hot path: yes. Allocates: no.

use crate::binance::wire::request::{Context, Proof, Scratch, WriteError};
use crate::link::venue_time::{TimeOffset, VenueTime};
use crate::net::{SendError, WsClient};
use crate::sign::Signer;

use super::config::GatewayConfig;
use super::limits::{Class, Ledger};
use super::table::{Purpose, Request, Table, Task};

/// Room for the longest request.
const REQUEST_BYTES: usize = 2_048;

/// Takes one text message, or refuses it whole.
pub(super) trait Outlet {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError>;
}

impl Outlet for WsClient {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError> {
        self.send_text(text).map(|_| ())
    }
}

/// Why a request did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotWritten {
    #[error("rate limit: waits for the venue's window")]
    Limited,
    #[error("too many requests wait for an answer")]
    TableFull,
    #[error("{0}")]
    Write(WriteError),
    #[error("{0}")]
    Send(SendError),
}

impl NotWritten {
    /// Whether a later attempt would fail as this one did.
    pub(super) const fn is_final(self) -> bool {
        match self {
            Self::Write(_) | Self::Send(SendError::TooLarge | SendError::Empty) => true,
            Self::Limited | Self::TableFull | Self::Send(SendError::Full | SendError::NotOpen) => {
                false
            }
        }
    }
}

/// The way out.
pub(super) struct Line {
    api_key: String,
    signer: Signer,
    scratch: Scratch,
    buffer: Box<[u8; REQUEST_BYTES]>,
    recv_window_ms: u64,
    request_ns: u64,
    /// Requests need no signature of their own.
    pub(super) logged_on: bool,
    pub(super) time: VenueTime,
    pub(super) ledger: Ledger,
    pub(super) table: Table,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// Request weights of the venue's documentation; an order that succeeds costs none.
const fn cost(purpose: &Purpose) -> (Class, u64) {
    match purpose {
        Purpose::Place(_) | Purpose::Replace { .. } => (Class::Place, 1),
        Purpose::Cancel(_) => (Class::Cancel, 1),
        Purpose::Amend(_) => (Class::Cancel, 4),
        Purpose::Status(_) => (Class::Query, 4),
        Purpose::Own(task) => match task {
            Task::Time => (Class::Query, 1),
            Task::Logon | Task::Subscribe => (Class::Query, 2),
            Task::Reconcile | Task::List => (Class::Query, 80),
            Task::TradesOf { .. } => (Class::Query, 5),
            Task::Account => (Class::Query, 20),
            Task::WhoIs { .. } => (Class::Query, 4),
            Task::Trades { .. } => (Class::Routine, 20),
            Task::CancelAll { .. } => (Class::CancelAll, 1),
        },
    }
}

impl Line {
    pub(super) fn new(config: &mut GatewayConfig) -> Self {
        let signer = std::mem::replace(&mut config.signer, Signer::hmac(&[]));
        Self {
            api_key: std::mem::take(&mut config.api_key),
            signer,
            scratch: Scratch::default(),
            buffer: Box::new([0; REQUEST_BYTES]),
            recv_window_ms: config.recv_window_ms,
            request_ns: config.timing.request_ns,
            logged_on: false,
            time: VenueTime::new(config.time, 0),
            ledger: Ledger::new(&config.limits),
            table: Table::new(),
        }
    }

    /// Whether the key can log the connection on.
    pub(super) const fn can_log_on(&self) -> bool {
        matches!(self.signer, Signer::Ed25519(_))
    }

    /// The venue's time, nanoseconds.
    pub(super) const fn venue_ns(&self, now_ns: u64) -> u64 {
        self.time.now_ms(now_ns).saturating_mul(1_000_000)
    }

    pub(super) const fn measured(&mut self, offset: TimeOffset, now_ns: u64) {
        self.time.set(offset, now_ns);
    }

    /// Whether the limits let it through now.
    pub(super) const fn allows(&self, purpose: &Purpose, now_ns: u64) -> bool {
        let (class, weight) = cost(purpose);
        self.ledger.allows(class, weight, self.venue_ns(now_ns))
    }

    /// Writes a request and hands it to the outlet; then it waits for its answer.
    pub(super) fn submit(
        &mut self,
        outlet: &mut impl Outlet,
        now_ns: u64,
        purpose: Purpose,
        write: impl FnOnce(&Context<'_>, &mut Scratch, &mut [u8]) -> Result<usize, WriteError>,
    ) -> Result<(), NotWritten> {
        if !self.allows(&purpose, now_ns) {
            return Err(NotWritten::Limited);
        }
        let id = self.table.next_id().ok_or(NotWritten::TableFull)?;
        let context = Context {
            id,
            timestamp_ms: self.time.now_ms(now_ns),
            recv_window_ms: self.recv_window_ms,
            proof: if self.logged_on {
                Proof::Session
            } else {
                Proof::Signed {
                    api_key: &self.api_key,
                    signer: &self.signer,
                }
            },
        };
        let length =
            write(&context, &mut self.scratch, &mut self.buffer[..]).map_err(NotWritten::Write)?;
        outlet
            .text(&self.buffer[..length])
            .map_err(NotWritten::Send)?;
        let (class, weight) = cost(&purpose);
        let venue_ns = self.venue_ns(now_ns);
        self.ledger.sent(class, weight, venue_ns);
        self.table.put(Request {
            id,
            sent_ns: now_ns,
            deadline_ns: now_ns.saturating_add(self.request_ns),
            purpose,
        });
        Ok(())
    }
}
