//! OKX in a run, spot and perpetuals: where it is, what it lists, its feed and its gateways.

use std::sync::Arc;

use connectors::feed::Contents;
use connectors::gateway::GatewayTiming;
use connectors::load::Wanted;
use connectors::okx::feed::MarketFeed;
use connectors::okx::gateway::{DEAD_MAN, OkxGateway, OkxGatewayConfig};
use connectors::okx::start::{Loaded, Market, Wish, load_okx};
use connectors::okx::wire::request::TradeMode;
use engine::clock::WallClock;
use model::ids::VenueId;
use model::instrument::InstrumentSpec;

use super::market::Resume;
use super::ports::{AnyFeed, AnyGateway};
use super::{Access, Key, Proof, START_MAX, feed_config};
use crate::output::Failure;

/// Where the private connection of a practice venue is on its host.
pub(super) const ORDERS_PATH: &str = "/ws/v5/private";

/// What was loaded, and of which market.
pub(super) struct Okx {
    pub(super) loaded: Loaded,
    market: Market,
}

/// Asks the venue for its instruments, and with the first account's key for their tiers and the
/// account's settings.
pub(super) fn load(
    market: Market,
    (access, keys): (&Access, &[Key]),
    venue: VenueId,
    wanted: &[Wanted],
    clock: &WallClock,
) -> Result<Okx, Failure> {
    let keys = keys.first().and_then(|key| match &key.proof {
        Proof::Worded(keys) => Some(keys),
        Proof::Signed { .. } => None,
    });
    let wish = Wish {
        market,
        keys,
        demo: access.demo,
    };
    let loaded = load_okx(&access.rest, wish, venue, wanted, clock, START_MAX)
        .map_err(|error| Failure::while_doing(&format!("venue {}", access.rest.url), error))?;
    Ok(Okx { loaded, market })
}

/// The market feed.
pub(super) fn feed(
    market: &Okx,
    access: &Access,
    venue: VenueId,
    instruments: &Arc<[InstrumentSpec]>,
) -> Result<AnyFeed, Failure> {
    let contents = match market.market {
        Market::Spot => Contents::BOOK,
        // Marks are what positions are valued by.
        Market::Swap => Contents::ALL,
    };
    let config = feed_config(access, venue, instruments, contents);
    let feed = MarketFeed::new(config).map_err(Failure::because)?;
    Ok(AnyFeed::Okx(feed))
}

/// The order gateway of one account, in cross margin. The venue cancels everything of the account a
/// minute after it last heard of us.
pub(super) fn gateway(
    market: &Okx,
    access: &Access,
    venue: VenueId,
    resume: Resume,
) -> Result<AnyGateway, Failure> {
    let account = resume.account();
    let Proof::Worded(keys) = resume.key.proof else {
        let words = "an OKX key has a passphrase: give its file as passphrase_file";
        return Err(Failure::Message(words.to_owned()));
    };
    let config = OkxGatewayConfig {
        url: access.orders.clone(),
        rest_url: access.rest.url.clone(),
        tls: access.rest.tls.clone(),
        keys,
        mode: match market.market {
            Market::Spot => TradeMode::Cash,
            Market::Swap => TradeMode::Cross,
        },
        demo: access.demo,
        account,
        venue,
        instruments: resume.instruments,
        codes: market.loaded.codes.clone(),
        validity_ms: resume.recv_window_ms,
        time: market.loaded.time,
        resume: resume.trades,
        dead_man: Some(DEAD_MAN),
        timing: GatewayTiming::default(),
    };
    let gateway = OkxGateway::new(config).map_err(Failure::because)?;
    Ok(AnyGateway::Okx(gateway))
}
