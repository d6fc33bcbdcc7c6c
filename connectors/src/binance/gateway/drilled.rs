//! The gateway's session without its socket, for [`crate::binance::drill`].
//!
//! Everything but the bytes' way is the real thing: what is written, numbered, believed, asked
//! again.

use std::collections::VecDeque;

use model::body::LinkState;
use model::ports::{Clock, EventSink, Trace};
use model::record::Record;

use super::config::{GatewayConfig, GatewayError};
use super::line::Outlet;
use super::session::{End, Phase, Session};
use crate::net::SendError;

/// Texts on their way to the venue.
#[derive(Debug, Default)]
pub(in crate::binance) struct Written(pub(in crate::binance) VecDeque<String>);

impl Outlet for Written {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError> {
        let text = String::from_utf8_lossy(text).into_owned();
        self.0.push_back(text);
        Ok(())
    }
}

/// A session whose socket somebody else plays.
#[derive(Debug)]
pub(in crate::binance) struct Drilled {
    session: Session,
    open: bool,
}

impl Drilled {
    pub(in crate::binance) fn new(config: &mut GatewayConfig) -> Result<Self, GatewayError> {
        Ok(Self {
            session: Session::new(config)?,
            open: false,
        })
    }

    pub(in crate::binance) const fn capacity(&self) -> usize {
        self.session.line.table.room()
    }

    pub(in crate::binance) fn is_up(&self) -> bool {
        self.session.phase == Phase::Up
    }

    pub(in crate::binance) fn command(
        &mut self,
        record: &Record,
        trace: Trace,
        written: &mut Written,
        clock: &impl Clock,
    ) {
        let outlet = self.open.then_some(written);
        self.session.command(record, trace, outlet, clock);
    }

    pub(in crate::binance) fn opened(&mut self, now_ns: u64) {
        self.open = true;
        self.session.opened(now_ns);
    }

    pub(in crate::binance) fn text(&mut self, text: &str, now_ns: u64) {
        self.session.text(text.as_bytes(), now_ns);
    }

    /// The connection broke.
    pub(in crate::binance) fn broke(&mut self, now_ns: u64) {
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
    pub(in crate::binance) fn turn(&mut self, written: &mut Written, now_ns: u64) -> bool {
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

    pub(in crate::binance) fn flush(&mut self, sink: &mut impl EventSink) -> bool {
        self.session.emit.flush(sink)
    }

    pub(in crate::binance) fn is_clear(&self) -> bool {
        self.session.emit.is_clear()
    }
}
