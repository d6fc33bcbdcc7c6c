//! The ports of any venue: one feed and one gateway type for all protocols, so that a pipeline can
//! take them. Each call goes to the protocol's own.
//!
//! Hot path: yes; a branch that is always the same. Allocates: no.

use connectors::binance::feed::MarketFeed;
use connectors::binance::gateway::BinanceGateway;
use connectors::binance::usdm::{self, UsdmGateway};
use connectors::feed::FrameLog;
use connectors::okx::{self, gateway::OkxGateway};
use engine::machine::Approved;
use model::ids::AccountId;
use model::ports::{Clock, EventSink, Feed, Gateway, Trace, Worked};
use model::record::Record;
use replay::backtest::{PaperFeed, PaperGateway};

/// What an order gateway takes: approved commands and nothing else.
type Command = Approved<Record>;

/// A market feed.
pub(crate) enum AnyFeed {
    /// Binance spot.
    BinanceSpot(MarketFeed),
    /// Binance USD-M futures.
    BinanceUsdm(usdm::feed::MarketFeed),
    /// OKX.
    Okx(okx::feed::MarketFeed),
}

/// An order gateway.
pub(crate) enum AnyGateway {
    /// Binance spot.
    BinanceSpot(BinanceGateway<Command>),
    /// Binance USD-M futures.
    BinanceUsdm(UsdmGateway<Command>),
    /// OKX.
    Okx(OkxGateway<Command>),
}

/// A venue's feed and the gateway of each of its accounts.
pub(crate) enum Ports {
    /// Orders go to the venue.
    Live(AnyFeed, Vec<(AccountId, AnyGateway)>),
    /// Orders go to a simulated venue over its market.
    Paper(PaperFeed<AnyFeed>, Vec<(AccountId, PaperGateway<Command>)>),
}

impl AnyFeed {
    /// Raw frames are recorded from now on.
    pub(super) fn record_frames(&mut self, log: FrameLog) {
        match self {
            Self::BinanceSpot(feed) => feed.record_frames(log),
            Self::BinanceUsdm(feed) => feed.record_frames(log),
            Self::Okx(feed) => feed.record_frames(log),
        }
    }
}

impl Feed for AnyFeed {
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        match self {
            Self::BinanceSpot(feed) => feed.poll(clock, sink),
            Self::BinanceUsdm(feed) => feed.poll(clock, sink),
            Self::Okx(feed) => feed.poll(clock, sink),
        }
    }

    fn shut_down(&mut self) {
        match self {
            Self::BinanceSpot(feed) => feed.shut_down(),
            Self::BinanceUsdm(feed) => feed.shut_down(),
            Self::Okx(feed) => feed.shut_down(),
        }
    }
}

impl Gateway<Command> for AnyGateway {
    fn capacity(&self) -> usize {
        match self {
            Self::BinanceSpot(gateway) => gateway.capacity(),
            Self::BinanceUsdm(gateway) => gateway.capacity(),
            Self::Okx(gateway) => gateway.capacity(),
        }
    }

    fn send(&mut self, command: Command, trace: Trace, clock: &impl Clock) {
        match self {
            Self::BinanceSpot(gateway) => gateway.send(command, trace, clock),
            Self::BinanceUsdm(gateway) => gateway.send(command, trace, clock),
            Self::Okx(gateway) => gateway.send(command, trace, clock),
        }
    }

    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        match self {
            Self::BinanceSpot(gateway) => gateway.poll(clock, sink),
            Self::BinanceUsdm(gateway) => gateway.poll(clock, sink),
            Self::Okx(gateway) => gateway.poll(clock, sink),
        }
    }

    fn shut_down(&mut self) {
        match self {
            Self::BinanceSpot(gateway) => gateway.shut_down(),
            Self::BinanceUsdm(gateway) => gateway.shut_down(),
            Self::Okx(gateway) => gateway.shut_down(),
        }
    }
}
