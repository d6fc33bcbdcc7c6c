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
use crate::net::{HttpRequest, SendError};

/// Texts on their way to the venue.
#[derive(Debug, Default)]
pub(crate) struct Written(pub(crate) VecDeque<String>);

impl Outlet for Written {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError> {
        let text = String::from_utf8_lossy(text).into_owned();
        self.0.push_back(text);
        Ok(())
    }

    fn http(&mut self, _: u64, _: &HttpRequest<'_>) -> Result<(), SendError> {
        Err(SendError::NotOpen)
    }
}

/// A session whose socket somebody else plays; a venue that needs HTTP cannot be drilled so.
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
