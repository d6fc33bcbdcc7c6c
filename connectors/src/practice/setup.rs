//! From a configuration to an exchange that can open, whichever the venue.

use std::collections::VecDeque;

use rust_decimal::Decimal;

use super::exchange::{Exchange, Listing, Refusal};
use super::liquidity::Liquidity;
use super::perps::Perps;
use super::{
    AccountSeed, Balance, PracticeConfig, PracticeError, PracticeInstrument, SeedOrder,
    TimeInForce, VenueOrder,
};

/// Builds the exchange over these markets, one per instrument; restores the seeded orders, then
/// fills the market around them.
///
/// # Errors
///
/// [`PracticeError::Config`], which names the field.
pub(crate) fn exchange(
    config: &PracticeConfig,
    markets: Vec<Liquidity>,
) -> Result<Exchange, PracticeError> {
    let listings = config
        .instruments
        .iter()
        .zip(markets)
        .map(|(instrument, liquidity)| Listing {
            spec: instrument.spec.clone(),
            liquidity,
            next_trade_id: config.first_ids.trade,
            trades: VecDeque::new(),
            unpublished: 0,
        })
        .collect();
    let mut exchange = Exchange::new(listings, config.fees, config.first_ids);
    exchange.fees_in_bnb = config.fees_in_bnb;
    exchange.perps = Perps::new(config.perps);
    for (index, account) in config.accounts.iter().enumerate() {
        open_account(&mut exchange, config, index, account)?;
    }
    for (number, seed) in config.positions.iter().enumerate() {
        let there = seed.instrument < exchange.listings.len() && exchange.is_perp(seed.instrument);
        if !there || seed.account >= config.accounts.len() {
            let field = format!("positions[{number}]");
            return Err(wrong(field, "names no account or no perpetual"));
        }
        let position = exchange.perps.position_mut(seed.account, seed.instrument);
        (position.lots, position.cost) = (seed.lots, seed.cost);
    }
    exchange.open_markets();
    Ok(exchange)
}

/// Each instrument once, and at least one.
///
/// # Errors
///
/// [`PracticeError::Config`].
pub(crate) fn check_instruments(config: &PracticeConfig) -> Result<(), PracticeError> {
    if config.instruments.is_empty() {
        return Err(wrong("instruments", "give at least one instrument"));
    }
    let symbol = |at: usize| &config.instruments[at].spec.symbol;
    let twice =
        (1..config.instruments.len()).find(|at| (0..*at).any(|one| symbol(one) == symbol(*at)));
    if let Some(twice) = twice {
        let problem = format!("{} is there twice", symbol(twice));
        return Err(wrong(format!("instruments[{twice}]"), problem));
    }
    Ok(())
}

/// A field of the configuration that is wrong.
pub(crate) fn wrong(field: impl Into<String>, problem: impl Into<String>) -> PracticeError {
    PracticeError::Config {
        field: field.into(),
        problem: problem.into(),
    }
}

/// The rate of arrivals of a synthetic market.
///
/// # Errors
///
/// [`PracticeError::Config`]: it is no number above 0.
pub(crate) fn check_rate(events_per_second: f64) -> Result<(), PracticeError> {
    if events_per_second.is_finite() && events_per_second > 0.0 {
        Ok(())
    } else {
        Err(wrong(
            "market.events_per_second",
            "must be a number above 0",
        ))
    }
}

/// A market of seeded flow for each instrument, each with a seed of its own.
pub(crate) fn synthetic(
    config: &PracticeConfig,
    seed: u64,
    events_per_second: f64,
) -> Vec<Liquidity> {
    let seeds = (0_u64..).map(|index| seed.wrapping_add(index));
    let market = |(instrument, seed): (&PracticeInstrument, u64)| {
        let update_id = config.first_ids.update;
        let start = (instrument.start_price, instrument.flow_unit);
        Liquidity::synthetic(seed, events_per_second, start, update_id)
    };
    config.instruments.iter().zip(seeds).map(market).collect()
}

fn open_account(
    exchange: &mut Exchange,
    config: &PracticeConfig,
    index: usize,
    account: &AccountSeed,
) -> Result<(), PracticeError> {
    let field = |name: &str| format!("accounts[{index}].{name}");
    let earlier = &config.accounts[..index];
    if account.api_key.is_empty() || earlier.iter().any(|other| other.api_key == account.api_key) {
        return Err(wrong(
            field("api_key"),
            "must not be empty, and differ from every other",
        ));
    }
    if let Some((asset, _)) = account
        .balances
        .iter()
        .find(|(_, amount)| *amount < Decimal::ZERO)
    {
        return Err(wrong(field("balances"), format!("{asset} is below zero")));
    }
    exchange
        .accounts
        .open(account.balances.iter().map(|(asset, amount)| {
            (
                asset.clone(),
                Balance {
                    free: *amount,
                    locked: Decimal::ZERO,
                },
            )
        }));
    for (number, order) in account.open_orders.iter().enumerate() {
        let name = field(&format!("open_orders[{number}] ({})", order.client_id));
        if order.instrument >= config.instruments.len() {
            return Err(wrong(name, "names an instrument that is not configured"));
        }
        let sane = order.executed.0 >= 0 && order.executed < order.qty && order.price.0 > 0;
        if !sane {
            return Err(wrong(name, "needs a price above 0 and 0 <= executed < qty"));
        }
        exchange
            .restore(restored(index, order))
            .map_err(|refusal| {
                let problem = match refusal {
                    Refusal::Duplicate => "its id is in use",
                    Refusal::Insufficient => "the balance does not cover it",
                    Refusal::WouldTake => "it crosses another restored order",
                    Refusal::OutOfRange | Refusal::ReduceOnly | Refusal::Unknown => {
                        "its value is out of range"
                    }
                };
                wrong(name, problem)
            })?;
    }
    Ok(())
}

fn restored(account: usize, order: &SeedOrder) -> VenueOrder {
    VenueOrder {
        id: order.venue_order_id,
        account,
        instrument: order.instrument,
        client_id: order.client_id.clone(),
        cancel_id: None,
        side: order.side,
        kind: order.kind,
        time_in_force: TimeInForce::Gtc,
        self_trade: order.self_trade,
        price: Some(order.price),
        qty: order.qty,
        executed: order.executed,
        executed_quote: order.executed_quote,
        amends: 0,
        quote_qty: None,
        reduce_only: false,
        status: order.status(),
        created_ms: order.created_ms,
        updated_ms: order.created_ms,
    }
}
