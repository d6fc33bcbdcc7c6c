//! The way out for requests: numbered, timed, signed, counted, and kept until their answer.
//!
//! Sans-I/O: the socket is an [`Outlet`]. Hot path: yes. Allocates: no.

use super::config::Setup;
use super::dialect::{Ask, Dialect, HEADERS_MAX, HttpLetter, Letter, Moment};
use super::limits::Ledger;
use super::table::{Purpose, Request, Table};
use crate::link::venue_time::{TimeOffset, VenueTime};
use crate::net::{HttpRequest, SendError};
use crate::wire::WriteError;
use crate::wire::symbols::Entry;

/// Room for the longest request.
const REQUEST_BYTES: usize = 4_096;

/// Takes one request, or refuses it whole.
pub(crate) trait Outlet {
    /// Over the order connection.
    fn text(&mut self, text: &[u8]) -> Result<(), SendError>;

    /// Over HTTP; the answer comes back under our number.
    fn http(&mut self, id: u64, request: &HttpRequest<'_>) -> Result<(), SendError>;
}

/// Why a request did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotWritten {
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
    pub(crate) const fn is_final(self) -> bool {
        match self {
            Self::Write(_) | Self::Send(SendError::TooLarge | SendError::Empty) => true,
            Self::Limited | Self::TableFull | Self::Send(SendError::Full | SendError::NotOpen) => {
                false
            }
        }
    }
}

/// The way out.
pub(crate) struct Line<D> {
    pub(crate) dialect: D,
    buffer: Box<[u8; REQUEST_BYTES]>,
    request_ns: u64,
    pub(super) time: VenueTime,
    pub(super) ledger: Ledger,
    pub(super) table: Table,
}

impl<D> std::fmt::Debug for Line<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl<D: Dialect> Line<D> {
    pub(crate) fn new(setup: &Setup, dialect: D) -> Self {
        let windows = dialect.windows();
        Self {
            dialect,
            buffer: Box::new([0; REQUEST_BYTES]),
            request_ns: setup.timing.request_ns,
            time: VenueTime::new(setup.time, 0),
            ledger: Ledger::new(&windows, setup.instruments.len()),
            table: Table::new(),
        }
    }

    /// The venue's time, nanoseconds.
    pub(crate) const fn venue_ns(&self, now_ns: u64) -> u64 {
        self.time.now_ms(now_ns).saturating_mul(1_000_000)
    }

    pub(crate) const fn measured(&mut self, offset: TimeOffset, now_ns: u64) {
        self.time.set(offset, now_ns);
    }

    /// Writes a request and hands it to the outlet; then it waits for its answer.
    pub(crate) fn submit(
        &mut self,
        outlet: &mut impl Outlet,
        now_ns: u64,
        purpose: Purpose,
        ask: Ask<'_>,
        entries: &[Entry],
    ) -> Result<(), NotWritten> {
        let cost = self.dialect.cost(&purpose);
        let venue_ns = self.venue_ns(now_ns);
        if !self.ledger.allows(&cost, venue_ns) {
            return Err(NotWritten::Limited);
        }
        let id = self.table.next_id().ok_or(NotWritten::TableFull)?;
        let moment = Moment {
            id,
            venue_ms: self.time.now_ms(now_ns),
        };
        let deadline_ns = now_ns.saturating_add(self.request_ns);
        let out = &mut self.buffer[..];
        let letter = self.dialect.write(ask, moment, entries, out);
        match letter.map_err(NotWritten::Write)? {
            Letter::Socket(length) => outlet.text(&self.buffer[..length]),
            Letter::Http(letter) => post(outlet, id, deadline_ns, &self.buffer[..], &letter),
        }
        .map_err(NotWritten::Send)?;
        self.ledger.sent(&cost, venue_ns);
        self.table.put(Request {
            id,
            sent_ns: now_ns,
            deadline_ns,
            purpose,
        });
        Ok(())
    }
}

/// Hands a request over HTTP to the outlet.
fn post(
    outlet: &mut impl Outlet,
    id: u64,
    deadline_ns: u64,
    buffer: &[u8],
    letter: &HttpLetter,
) -> Result<(), SendError> {
    let bytes = |range: &std::ops::Range<usize>| buffer.get(range.clone()).unwrap_or_default();
    let text = |range| std::str::from_utf8(bytes(range)).map_err(|_| SendError::Empty);
    let mut headers = [("", ""); HEADERS_MAX];
    let mut count = 0;
    for (name, value) in letter.headers.iter().flatten() {
        headers[count] = (*name, text(value)?);
        count += 1;
    }
    let request = HttpRequest {
        method: letter.method,
        path: text(&letter.path)?,
        headers: &headers[..count],
        body: bytes(&letter.body),
        deadline_ns,
    };
    outlet.http(id, &request)
}
