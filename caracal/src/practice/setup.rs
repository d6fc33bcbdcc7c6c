//! What a practice venue is started with: the configured market, and the state it goes on from.

use std::net::SocketAddr;

use connectors::binance::usdm::{usdm_instrument, usdm_symbols};
use connectors::okx::practice::{okx_instrument, okx_symbols};
use connectors::practice::{
    AccountSeed, FeeRates, FirstIds, MarketConfig, PracticeConfig, PracticeInstrument, SeedOrder,
    Speed,
};
use connectors::protocol::Protocol;
use model::num::Ticks;
use rust_decimal::Decimal;

use super::keys::KeyPair;
use crate::config::{MarketChoice, PracticeVenue};
use crate::output::Failure;

/// What the venue goes on from: at first what is configured, later what the journal says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restored {
    /// Where the venue's numbering goes on.
    pub(crate) first_ids: FirstIds,
    /// Where the synthetic prices go on, by symbol.
    pub(crate) prices: Vec<(String, Ticks)>,
}

/// An account that the venue opens with.
pub(crate) struct PracticeAccount<'a> {
    /// How it proves who it is.
    pub(crate) key: &'a KeyPair,
    /// Asset and amount, including what open orders lock.
    pub(crate) balances: Vec<(String, Decimal)>,
    /// Orders that rest.
    pub(crate) open_orders: Vec<SeedOrder>,
}

/// The practice venue's configuration.
///
/// # Errors
///
/// [`Failure`]: a symbol that the practice venue does not have, or a price off its tick.
pub(crate) fn practice_config(
    (venue, protocol): (&PracticeVenue, Protocol),
    symbols: &[String],
    listen: SocketAddr,
    accounts: Vec<PracticeAccount<'_>>,
    restored: &Restored,
) -> Result<PracticeConfig, Failure> {
    let mut config = PracticeConfig::synthetic(1);
    config.listen = listen;
    config.protocol = protocol;
    config.instruments = symbols
        .iter()
        .map(|symbol| instrument(protocol, symbol))
        .collect::<Result<_, _>>()?;
    match &venue.market {
        MarketChoice::Synthetic {
            seed,
            start_prices,
            events_per_second,
        } => {
            config.market = MarketConfig::Synthetic {
                seed: *seed,
                events_per_second: f64::from(*events_per_second),
            };
            start_at(&mut config.instruments, start_prices)?;
        }
        MarketChoice::Recording { path, .. } if protocol != Protocol::BinanceSpot => {
            return Err(Failure::Message(format!(
                "recording {}: the practice venue plays recordings of Binance spot only; leave it \
                 out for a synthetic market",
                path.display()
            )));
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
    for (symbol, price) in &restored.prices {
        let mut all = config.instruments.iter_mut();
        if let Some(one) = all.find(|one| one.spec.symbol == *symbol) {
            one.start_price = *price;
        }
    }
    let basis_point = Decimal::new(1, 4);
    config.fees = FeeRates {
        maker: venue.maker_fee_bps * basis_point,
        taker: venue.taker_fee_bps * basis_point,
    };
    config.fees_in_bnb = venue.fees_in_bnb;
    config.faults = venue.faults.clone();
    config.first_ids = restored.first_ids;
    let seeds = accounts.into_iter().map(|account| AccountSeed {
        api_key: account.key.api_key.clone(),
        credential: account.key.credential.clone(),
        balances: account.balances,
        open_orders: account.open_orders,
    });
    config.accounts = seeds.collect();
    Ok(config)
}

/// The configured prices instead of the venue's own choice.
fn start_at(
    instruments: &mut [PracticeInstrument],
    prices: &[(String, Decimal)],
) -> Result<(), Failure> {
    for (symbol, price) in prices {
        let doing = format!("venue.practice.start_prices \"{symbol} {price}\"");
        let mut all = instruments.iter_mut();
        let Some(one) = all.find(|one| one.spec.symbol == *symbol) else {
            return Err(Failure::Message(format!(
                "{doing}: venue.symbols does not have {symbol}"
            )));
        };
        let ticks = one.spec.tick.steps(*price);
        let ticks = Ticks(ticks.map_err(|error| Failure::while_doing(&doing, error))?);
        let (low, high) = (one.spec.price_min, one.spec.price_max);
        if low.is_some_and(|low| ticks < low) || high.is_some_and(|high| high < ticks) {
            return Err(Failure::Message(format!(
                "{doing}: beyond the prices that {symbol} may have"
            )));
        }
        one.start_price = ticks;
    }
    Ok(())
}

/// The symbols of all instruments of a practice venue.
pub(super) fn symbols(protocol: Protocol) -> Vec<String> {
    match protocol {
        Protocol::BinanceSpot => PracticeInstrument::symbols(),
        Protocol::BinanceUsdm => usdm_symbols(),
        Protocol::OkxSpot | Protocol::OkxSwap => okx_symbols(protocol.has_perpetuals()),
    }
}

fn instrument(protocol: Protocol, symbol: &str) -> Result<PracticeInstrument, Failure> {
    let all = symbols(protocol);
    let found = match protocol {
        Protocol::BinanceSpot => PracticeInstrument::named(symbol),
        Protocol::BinanceUsdm => usdm_instrument(symbol),
        // One table has both.
        Protocol::OkxSpot | Protocol::OkxSwap => {
            okx_instrument(symbol).filter(|_| all.iter().any(|one| one == symbol))
        }
    };
    found.ok_or_else(|| {
        Failure::Message(format!(
            "the practice venue has no \"{symbol}\": it has {}; change venue.symbols",
            all.join(", ")
        ))
    })
}
