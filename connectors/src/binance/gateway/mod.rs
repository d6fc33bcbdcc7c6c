//! Orders of Binance spot: one WebSocket API connection for requests and private events.
//!
//! [`BinanceGateway`] is the port; `link` owns the socket; `session` is the connection without it:
//! `commands` writes what the machine decided, `answers`, `changes` (amendments, cancels of
//! everything) and `reports` say what became of it, `reconcile` finds out what happened while
//! nobody listened. `line` numbers, signs and counts requests, `table` keeps them until their
//! answer, `limits` counts what the venue allows, `known` remembers whose an order is, `emit` makes
//! records and keeps them until the lane takes them.
//!
//! While the lane is full nothing is read. Thread: one worker. Hot path: yes. Allocates: no in
//! steady state; connecting, reconciling and words may. Syscalls: the socket's only.

mod answers;
mod changes;
mod commands;
mod config;
pub(super) mod drilled;
mod emit;
mod known;
mod limits;
mod line;
mod link;
mod numbers;
mod reconcile;
mod reports;
mod session;
mod table;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use model::ports::{Clock, EventSink, Gateway, Trace, Worked};
use model::record::Record;

pub use config::{GatewayConfig, GatewayError, GatewayTiming};
pub use session::GatewayCounts;

use self::link::Link;
use self::session::Session;

/// The way to one account. `C` is the type of command that it sends, and the only one.
#[derive(Debug)]
pub struct BinanceGateway<C> {
    session: Session,
    link: Link,
    commands: PhantomData<fn(C)>,
}

impl<C> BinanceGateway<C> {
    /// Resolves the address and prepares everything; connects at the first polls.
    ///
    /// # Errors
    ///
    /// [`GatewayError`].
    pub fn new(mut config: GatewayConfig) -> Result<Self, GatewayError> {
        let link = Link::new(&config)?;
        Ok(Self {
            session: Session::new(&mut config)?,
            link,
            commands: PhantomData,
        })
    }

    /// What was seen and not acted on, since the start.
    #[must_use]
    pub const fn counts(&self) -> GatewayCounts {
        self.session.counts
    }

    /// Whether orders can be placed: connected, subscribed and reconciled.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.session.phase == session::Phase::Up
    }
}

impl<C: AsRef<Record>> Gateway<C> for BinanceGateway<C> {
    fn capacity(&self) -> usize {
        self.session.line.table.room()
    }

    fn send(&mut self, command: C, trace: Trace, clock: &impl Clock) {
        let outlet = self.link.outlet();
        self.session.command(command.as_ref(), trace, outlet, clock);
    }

    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let flushed = self.session.emit.flush(sink);
        if !self.session.emit.is_clear() {
            return Worked::from(flushed);
        }
        let worked = self.link.turn(&mut self.session, clock);
        let flushed = self.session.emit.flush(sink) || flushed;
        Worked::from(worked || flushed)
    }

    fn shut_down(&mut self) {
        self.link.shut_down();
    }
}
