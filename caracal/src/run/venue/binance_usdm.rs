//! Binance USD-M futures in a run: where it is, what it lists, its feed and its gateways.

use std::sync::Arc;

use connectors::binance::usdm::feed::MarketFeed;
use connectors::binance::usdm::gateway::{DEAD_MAN, UsdmGateway, UsdmGatewayConfig};
use connectors::binance::usdm::{Loaded, UsdmKey, load_usdm};
use connectors::feed::Contents;
use connectors::gateway::GatewayTiming;
use connectors::load::Wanted;
use engine::clock::WallClock;
use model::ids::VenueId;
use model::instrument::InstrumentSpec;

use super::market::Resume;
use super::ports::{AnyFeed, AnyGateway};
use super::{Access, Key, START_MAX, feed_config};
use crate::output::Failure;

/// Where the order interface of a practice venue is on its host.
pub(super) const ORDERS_PATH: &str = "/ws-fapi/v1";

/// Asks the venue for its instruments, and with the first account's key for their tiers.
pub(super) fn load(
    access: &Access,
    keys: &[Key],
    venue: VenueId,
    wanted: &[Wanted],
    clock: &WallClock,
) -> Result<Loaded, Failure> {
    let signed = keys.first().and_then(|key| key.proof.signed());
    let key = signed.map(|(api_key, signer)| UsdmKey { api_key, signer });
    load_usdm(&access.rest, key, venue, wanted, clock, START_MAX)
        .map_err(|error| Failure::while_doing(&format!("venue {}", access.rest.url), error))
}

/// The market feed.
pub(super) fn feed(
    access: &Access,
    venue: VenueId,
    instruments: &Arc<[InstrumentSpec]>,
) -> Result<AnyFeed, Failure> {
    // Marks are what positions are valued by.
    let config = feed_config(access, venue, instruments, Contents::ALL);
    let feed = MarketFeed::new(config).map_err(Failure::because)?;
    Ok(AnyFeed::BinanceUsdm(feed))
}

/// The order gateway of one account. The venue cancels everything two minutes after it last heard
/// of us.
pub(super) fn gateway(
    access: &Access,
    venue: VenueId,
    loaded: &Loaded,
    resume: Resume,
) -> Result<AnyGateway, Failure> {
    let account = resume.account();
    let (api_key, signer) = resume.key.proof.into_signed()?;
    let config = UsdmGatewayConfig {
        url: access.orders.clone(),
        stream_url: access.streams.clone(),
        rest_url: access.rest.url.clone(),
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
        dead_man: Some(DEAD_MAN),
        timing: GatewayTiming::default(),
    };
    let gateway = UsdmGateway::new(config).map_err(Failure::because)?;
    Ok(AnyGateway::BinanceUsdm(gateway))
}
