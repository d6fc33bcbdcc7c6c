//! The gateway's session without its sockets, for drills.
//!
//! Everything but the bytes' way is the real thing: what is written, numbered, believed, asked
//! again.

use std::collections::VecDeque;

use model::body::LinkState;
use model::ports::{Clock, EventSink, Trace};
use model::record::Record;

use super::config::{GatewayError, Setup};
use super::dialect::Dialect;
use super::line::Outlet;
use super::session::{End, Phase, Session};
use crate::drill::request_of;
use crate::net::{CloseReason, HttpFailure, HttpRequest, HttpResponse, SendError};
use crate::practice::server::Request;

/// What was written and is to go on its way to the venue.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Over the order connection.
    pub(crate) texts: VecDeque<String>,
    /// Over HTTP, under our numbers.
    pub(crate) requests: VecDeque<(u64, Request)>,
}

impl Outlet for Written {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError> {
        let text = String::from_utf8_lossy(text).into_owned();
        self.texts.push_back(text);
        Ok(())
    }

    fn http(&mut self, id: u64, request: &HttpRequest<'_>) -> Result<(), SendError> {
        self.requests.push_back((id, request_of(request)));
        Ok(())
    }
}

/// A session whose sockets somebody else plays.
#[derive(Debug)]
pub(crate) struct Drilled<D> {
    session: Session<D>,
    open: bool,
}

impl<D: Dialect> Drilled<D> {
    pub(crate) fn new(setup: &Setup, dialect: D) -> Result<Self, GatewayError> {
        Ok(Self {
            session: Session::new(setup, dialect)?,
            open: false,
        })
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.session.line.table.room()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.session.phase == Phase::Up
    }

    pub(crate) fn command(
        &mut self,
        record: &Record,
        trace: Trace,
        written: &mut Written,
        clock: &impl Clock,
    ) {
        let outlet = self.open.then_some(written);
        self.session.command(record, trace, outlet, clock);
    }

    pub(crate) fn opened(&mut self, now_ns: u64) {
        self.open = true;
        self.session.opened(now_ns);
    }

    pub(crate) fn text(&mut self, text: &str, now_ns: u64) {
        self.session.text(text.as_bytes(), now_ns);
    }

    /// The path of the private stream, once the venue has said it.
    pub(crate) const fn take_stream_path(&mut self) -> Option<String> {
        self.session.stream_path.take()
    }

    /// The private stream beside the order connection is open.
    pub(crate) fn stream_opened(&mut self, now_ns: u64) {
        self.session.stream_opened(now_ns);
    }

    /// What keeps the connection open, and how often.
    pub(crate) const fn heartbeat(&self) -> Option<(&'static [u8], u64)> {
        self.session.habits.heartbeat
    }

    /// What became of a request over HTTP.
    pub(crate) fn http(
        &mut self,
        id: u64,
        result: Result<HttpResponse<'_>, HttpFailure>,
        now_ns: u64,
    ) {
        self.session.http(id, result, now_ns);
    }

    /// The same, of the bytes of an answer.
    pub(crate) fn http_bytes(&mut self, id: u64, bytes: &[u8], now_ns: u64) {
        match HttpResponse::of(bytes) {
            Some(response) => self.session.http(id, Ok(response), now_ns),
            None => {
                let failure = HttpFailure::Unknown(CloseReason::PeerClosedMidMessage);
                self.session.http(id, Err(failure), now_ns);
            }
        }
    }

    /// The connection broke.
    pub(crate) fn broke(&mut self, now_ns: u64) {
        let end = End {
            state: LinkState::Down,
            code: 0,
            words: "cut by the drill".to_owned(),
        };
        self.lost(&end, now_ns);
    }

    fn lost(&mut self, end: &End, now_ns: u64) {
        self.open = false;
        self.session.lost(end, now_ns);
    }

    /// Deadlines and requests of its own; false if it ended the connection itself.
    pub(crate) fn turn(&mut self, written: &mut Written, now_ns: u64) -> bool {
        if !self.open {
            return true;
        }
        self.session.tick(now_ns);
        self.session.pump(written, now_ns);
        match self.session.end.take() {
            Some(end) => {
                self.lost(&end, now_ns);
                false
            }
            None => true,
        }
    }

    pub(crate) fn flush(&mut self, sink: &mut impl EventSink) -> bool {
        self.session.flush(sink)
    }

    pub(crate) fn is_clear(&self) -> bool {
        self.session.emit.is_clear()
    }
}
