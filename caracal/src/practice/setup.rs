//! What a practice venue is started with: the configured market, and the state it goes on from.

use std::net::SocketAddr;

use connectors::practice::{
    AccountSeed, FeeRates, FirstIds, MarketConfig, PracticeConfig, PracticeInstrument, SeedOrder,
    Speed,
};
use model::num::Ticks;
use rust_decimal::Decimal;

use super::keys::KeyPair;
use crate::config::{MarketChoice, PracticeVenue};
use crate::output::Failure;

/// What the venue goes on from: at first what is configured, later what the journal says.
#[derive(Debug, Clone)]
pub(crate) struct Restored {
    /// Asset and amount, including what open orders lock.
    pub(crate) balances: Vec<(String, Decimal)>,
    /// Orders that rest.
    pub(crate) open_orders: Vec<SeedOrder>,
    /// Where the venue's numbering goes on.
    pub(crate) first_ids: FirstIds,
    /// Where the synthetic price goes on.
    pub(crate) price: Option<Ticks>,
}

impl Restored {
    /// The state of a venue that was never run.
    pub(crate) fn fresh(venue: &PracticeVenue) -> Self {
        Self {
            balances: venue.balances.clone(),
            open_orders: Vec::new(),
            first_ids: FirstIds::default(),
            price: None,
        }
    }
}

/// The practice venue's configuration.
///
/// # Errors
///
/// [`Failure`]: a symbol that the practice venue does not have, or a price off its tick.
pub(crate) fn practice_config(
    venue: &PracticeVenue,
    symbols: &[String],
    listen: SocketAddr,
    key: &KeyPair,
    restored: Restored,
) -> Result<PracticeConfig, Failure> {
    let mut config = PracticeConfig::synthetic(1);
    config.listen = listen;
    config.instruments = symbols
        .iter()
        .map(|symbol| instrument(symbol))
        .collect::<Result<_, _>>()?;
    match &venue.market {
        MarketChoice::Synthetic {
            seed,
            start_price,
            events_per_second,
        } => {
            config.market = MarketConfig::Synthetic {
                seed: *seed,
                events_per_second: f64::from(*events_per_second),
            };
            for instrument in &mut config.instruments {
                let start =
                    instrument.spec.tick.steps(*start_price).map_err(|error| {
                        Failure::while_doing("venue.practice.start_price", error)
                    })?;
                instrument.start_price = restored.price.unwrap_or(Ticks(start));
            }
        }
        MarketChoice::Recording { path, speed } => {
            let speed = match speed.as_str() {
                "max" => Speed::Max,
                times => Speed::Times(times.parse().map_err(Failure::because)?),
            };
            config.market = MarketConfig::Recording {
                path: path.clone(),
                speed,
            };
        }
    }
    let basis_point = Decimal::new(1, 4);
    config.fees = FeeRates {
        maker: venue.maker_fee_bps * basis_point,
        taker: venue.taker_fee_bps * basis_point,
    };
    config.faults = venue.faults.clone();
    config.first_ids = restored.first_ids;
    config.accounts = vec![AccountSeed {
        api_key: key.api_key.clone(),
        credential: key.credential.clone(),
        balances: restored.balances,
        open_orders: restored.open_orders,
    }];
    Ok(config)
}

fn instrument(symbol: &str) -> Result<PracticeInstrument, Failure> {
    let instrument = PracticeInstrument::btcusdt();
    if instrument.spec.symbol == symbol {
        return Ok(instrument);
    }
    Err(Failure::Message(format!(
        "the practice venue has no \"{symbol}\": it has \"{}\"; change venue.symbols",
        instrument.spec.symbol
    )))
}
