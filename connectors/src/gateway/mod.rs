//! The order gateway of any venue: what is asked, in which order, and what is believed.
//!
//! [`VenueGateway`] is the port; `link` owns the sockets; `session` is the connection without them:
//! `commands` writes what the machine decided, `answers`, `changes` (amendments, cancels of
//! everything), `replacing` and `reports` say what became of it, `reconcile` finds out what
//! happened while nobody listened, `upkeep` watches the time. `line` numbers and counts requests,
//! `table` keeps them until their answer, `limits` counts what the venue allows, `known` remembers
//! whose an order is, `emit` makes records and keeps them until the lane takes them. How the venue
//! speaks is its [`Dialect`]'s: it writes requests and makes the neutral words of [`said`] of what
//! comes back.
//!
//! While the lane is full nothing is read. Thread: one worker. Hot path: yes. Allocates: no in
//! steady state; connecting, reconciling and words may. Syscalls: the sockets' only.

mod answers;
mod changes;
mod commands;
mod config;
pub mod dialect;
pub(crate) mod drilled;
mod emit;
pub mod known;
pub mod limits;
pub(crate) mod line;
mod link;
mod money;
pub(crate) mod numbers;
mod reconcile;
mod replacing;
mod reports;
pub mod said;
pub(crate) mod session;
pub mod table;
mod upkeep;

use std::marker::PhantomData;

use model::ports::{Clock, EventSink, Gateway, Trace, Worked};
use model::record::Record;

pub use config::{GatewayError, GatewayTiming, Setup, Ways};
pub use dialect::Dialect;
pub use session::GatewayCounts;

use self::link::Link;
use self::session::Session;

/// The way to one account at a venue that speaks `D`. `C` is the type of command that it sends, and
/// the only one.
#[derive(Debug)]
pub struct VenueGateway<C, D> {
    session: Session<D>,
    link: Link,
    commands: PhantomData<fn(C)>,
}

impl<C, D: Dialect> VenueGateway<C, D> {
    /// Prepares everything; connects at the first polls.
    ///
    /// # Errors
    ///
    /// [`GatewayError`].
    pub fn over(ways: &Ways, setup: &Setup, dialect: D) -> Result<Self, GatewayError> {
        let session = Session::new(setup, dialect)?;
        Ok(Self {
            link: Link::new(ways, setup.timing, session.habits)?,
            session,
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

impl<C: AsRef<Record>, D: Dialect> Gateway<C> for VenueGateway<C, D> {
    fn capacity(&self) -> usize {
        self.session.line.table.room()
    }

    fn send(&mut self, command: C, trace: Trace, clock: &impl Clock) {
        let outlet = self.link.outlet();
        self.session.command(command.as_ref(), trace, outlet, clock);
    }

    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let flushed = self.session.flush(sink);
        if !self.session.emit.is_clear() {
            return Worked::from(flushed);
        }
        let worked = self.link.turn(&mut self.session, clock);
        let flushed = self.session.flush(sink) || flushed;
        Worked::from(worked || flushed)
    }

    fn shut_down(&mut self) {
        self.link.shut_down();
    }
}
