//! Binance spot in a run: where it is, what it lists, its feed and its gateways.

use std::sync::Arc;

use connectors::binance::feed::MarketFeed;
use connectors::binance::gateway::{BinanceGateway, GatewayConfig, GatewayTiming};
use connectors::binance::{Loaded, Wanted, load_instruments};
use connectors::feed::Contents;
use engine::clock::WallClock;
use model::ids::VenueId;
use model::instrument::InstrumentSpec;

use super::market::Resume;
use super::ports::{AnyFeed, AnyGateway};
use super::{Access, START_MAX, feed_config};
use crate::output::Failure;

/// Where the order interface of a practice venue is on its host.
pub(super) const ORDERS_PATH: &str = "/ws-api/v3";

/// Asks the venue for its instruments.
pub(super) fn load(
    access: &Access,
    venue: VenueId,
    wanted: &[Wanted],
    clock: &WallClock,
) -> Result<Loaded, Failure> {
    load_instruments(&access.rest, venue, wanted, clock, START_MAX)
        .map_err(|error| Failure::while_doing(&format!("venue {}", access.rest.url), error))
}

/// The market feed.
pub(super) fn feed(
    access: &Access,
    venue: VenueId,
    instruments: &Arc<[InstrumentSpec]>,
) -> Result<AnyFeed, Failure> {
    let config = feed_config(access, venue, instruments, Contents::BOOK);
    let feed = MarketFeed::new(config).map_err(Failure::because)?;
    Ok(AnyFeed::BinanceSpot(feed))
}

/// The order gateway of one account.
pub(super) fn gateway(
    access: &Access,
    venue: VenueId,
    loaded: &Loaded,
    resume: Resume,
) -> Result<AnyGateway, Failure> {
    let account = resume.account();
    let (api_key, signer) = resume.key.proof.into_signed()?;
    let config = GatewayConfig {
        url: access.orders.clone(),
        tls: access.rest.tls.clone(),
        account,
        api_key,
        signer,
        venue,
        instruments: resume.instruments,
        recv_window_ms: resume.recv_window_ms,
        limits: loaded.limits,
        time: loaded.time,
        resume: resume.trades,
        timing: GatewayTiming::default(),
    };
    let gateway = BinanceGateway::new(config).map_err(Failure::because)?;
    Ok(AnyGateway::BinanceSpot(gateway))
}
