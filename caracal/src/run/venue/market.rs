//! What a venue of any protocol has told us, and the ports that it is traded through.

use std::sync::Arc;

use connectors::load::Wanted;
use connectors::okx::start;
use connectors::protocol::Protocol;
use engine::clock::WallClock;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;

use super::ports::{AnyFeed, AnyGateway};
use super::{Access, Key};
use super::{binance_spot, binance_usdm, okx};
use crate::output::Failure;

/// What was loaded, by protocol.
pub(super) enum Market {
    /// Binance spot.
    BinanceSpot(connectors::binance::Loaded),
    /// Binance USD-M futures.
    BinanceUsdm(connectors::binance::usdm::Loaded),
    /// OKX, spot or perpetuals.
    Okx(okx::Okx),
}

/// What a gateway goes on from.
pub(super) struct Resume {
    /// Our account and its key.
    pub(super) key: Key,
    /// What may be traded.
    pub(super) instruments: Arc<[InstrumentSpec]>,
    /// The last trades of ours that the journal has.
    pub(super) trades: Vec<(InstrumentId, u64)>,
    /// How long a request is good for.
    pub(super) recv_window_ms: u64,
}

impl Resume {
    /// The account.
    pub(super) const fn account(&self) -> AccountId {
        self.key.account
    }
}

impl Market {
    /// Asks the venue.
    ///
    /// # Errors
    ///
    /// [`Failure`]: no connection, or an unlisted symbol.
    pub(super) fn load(
        protocol: Protocol,
        (access, keys): (&Access, &[Key]),
        venue: VenueId,
        wanted: &[Wanted],
        clock: &WallClock,
    ) -> Result<Self, Failure> {
        match protocol {
            Protocol::BinanceSpot => {
                binance_spot::load(access, venue, wanted, clock).map(Self::BinanceSpot)
            }
            Protocol::BinanceUsdm => {
                binance_usdm::load(access, keys, venue, wanted, clock).map(Self::BinanceUsdm)
            }
            Protocol::OkxSpot | Protocol::OkxSwap => {
                let market = if protocol.has_perpetuals() {
                    start::Market::Swap
                } else {
                    start::Market::Spot
                };
                okx::load(market, (access, keys), venue, wanted, clock).map(Self::Okx)
            }
        }
    }

    /// What is traded, as the venue defines it.
    pub(super) const fn instruments(&mut self) -> &mut Vec<InstrumentSpec> {
        match self {
            Self::BinanceSpot(loaded) => &mut loaded.instruments,
            Self::BinanceUsdm(loaded) => &mut loaded.instruments,
            Self::Okx(market) => &mut market.loaded.instruments,
        }
    }

    /// The market feed.
    ///
    /// # Errors
    ///
    /// [`Failure`]: an address without a host, or no socket.
    pub(super) fn feed(
        &self,
        access: &Access,
        venue: VenueId,
        instruments: &Arc<[InstrumentSpec]>,
    ) -> Result<AnyFeed, Failure> {
        match self {
            Self::BinanceSpot(_) => binance_spot::feed(access, venue, instruments),
            Self::BinanceUsdm(_) => binance_usdm::feed(access, venue, instruments),
            Self::Okx(market) => okx::feed(market, access, venue, instruments),
        }
    }

    /// The order gateway of one account.
    ///
    /// # Errors
    ///
    /// [`Failure`]: an address without a host, or no socket.
    pub(super) fn gateway(
        &self,
        access: &Access,
        venue: VenueId,
        resume: Resume,
    ) -> Result<AnyGateway, Failure> {
        match self {
            Self::BinanceSpot(loaded) => binance_spot::gateway(access, venue, loaded, resume),
            Self::BinanceUsdm(loaded) => binance_usdm::gateway(access, venue, loaded, resume),
            Self::Okx(market) => okx::gateway(market, access, venue, resume),
        }
    }
}
