//! A gateway and a practice venue in one thread, without a socket and by a clock that is handed in.
//!
//! The session of the gateway and the venue are the real ones; only the ways between them are
//! played here (the order connection, the private stream beside it, and HTTP), so that drills are
//! quick, seeded and exact about what was lost where. A message takes [`WAY_NS`] each way. Whoever
//! plays may lose a request, or everything that the venue says from a request on, with or without
//! breaking the connection.
//!
//! `played` plays them for any dialect and venue, `venues` says which there are.
//!
//! Thread: the caller's. Not on the hot path.

mod played;
mod venues;
mod wires;

use std::marker::PhantomData;

use model::body::Side;
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Gateway, Trace, Worked};
use model::record::Record;

use crate::binance::gateway::GatewayConfig;
use crate::binance::usdm::gateway::UsdmGatewayConfig;
use crate::gateway::GatewayError;
use crate::okx::gateway::OkxGatewayConfig;
use crate::practice::{FaultSpec, OrderRequest, PracticeConfig, PracticeError, Truth, VenueOrder};
use played::Play;
pub(crate) use wires::request_of;

/// How long a message takes one way.
pub const WAY_NS: u64 = 1_000_000;

/// What is lost, once, at the next order request that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The request never arrives, and the connection breaks.
    Request,
    /// The request never arrives; the connection stays and says nothing of it.
    RequestOnly,
    /// The request is done; everything that the venue says from then on is lost with the
    /// connection.
    Answer,
    /// The request is done; its answer is lost and nothing else.
    AnswerOnly,
    /// The request is done; its answer and what the private stream says of it are lost.
    Both,
}

/// Why a drill cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The gateway's configuration.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The venue's configuration.
    #[error(transparent)]
    Venue(#[from] PracticeError),
}

/// The gateway of a drill: what it is told at start, by venue. Addresses are not used.
#[derive(Debug)]
pub enum DrillSetup {
    /// Binance spot.
    BinanceSpot(GatewayConfig),
    /// Binance USD-M futures.
    BinanceUsdm(UsdmGatewayConfig),
    /// OKX, spot or perpetuals.
    Okx(OkxGatewayConfig),
}

/// A gateway with its venue.
#[derive(Debug)]
pub struct DrillGateway<C> {
    play: Box<dyn Play>,
    commands: PhantomData<fn(C)>,
}

impl<C> DrillGateway<C> {
    /// A venue that opens at `start_ns` of the clock, and a gateway that will connect to it.
    ///
    /// # Errors
    ///
    /// [`DrillError`].
    pub fn new(
        gateway: DrillSetup,
        venue: &PracticeConfig,
        start_ns: u64,
    ) -> Result<Self, DrillError> {
        Ok(Self {
            play: venues::play(gateway, venue, start_ns)?,
            commands: PhantomData,
        })
    }

    /// Loses something at the next request of this method as the venue calls it, for example
    /// `order.place`, or `rest` for one over HTTP; an empty method takes any order request.
    pub fn lose(&mut self, method: &'static str, loss: Loss) {
        self.play.lose(Some((method, loss)));
    }

    /// Nothing is to be lost any more.
    pub fn forget_loss(&mut self) {
        self.play.lose(None);
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.play.losses()
    }

    /// Whether orders can be placed.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.play.is_up()
    }

    /// Lets something go wrong at the venue; see [`FaultSpec`].
    pub fn fault(&mut self, fault: FaultSpec) {
        self.play.fault(fault);
    }

    /// What the venue holds to be true.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.play.truth()
    }

    /// Each order that changed since the last call, as it stood right after each change, in order;
    /// from the first call on.
    pub fn take_changes(&mut self) -> Vec<VenueOrder> {
        self.play.take_changes()
    }

    /// The order requests that arrived so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<OrderRequest> {
        self.play.requests()
    }

    /// Best levels of an instrument, best first: price and quantity.
    #[must_use]
    pub fn book(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)> {
        self.play.book(instrument, side, levels)
    }
}

impl<C: AsRef<Record>> Gateway<C> for DrillGateway<C> {
    fn capacity(&self) -> usize {
        self.play.capacity()
    }

    fn send(&mut self, command: C, trace: Trace, clock: &impl Clock) {
        self.play.send(command.as_ref(), trace, clock.now_ns());
    }

    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        Worked::from(self.play.poll(clock.now_ns(), sink))
    }

    fn shut_down(&mut self) {}
}
