//! From a configuration to a venue that can open.

use std::collections::VecDeque;

use rust_decimal::Decimal;

use super::auth::Key;
use super::core::Core;
use super::playback::RECORDED;
use super::player::Player;
use super::recorded;
use crate::binance::usdm::practice::state::UsdmState;
use crate::practice::exchange::{Exchange, Listing, Refusal};
use crate::practice::limits::Meter;
use crate::practice::liquidity::Liquidity;
use crate::practice::perps::Perps;
use crate::practice::recorded::{GRAIN_DECIMALS, RecordedMarket};
use crate::practice::recording::Lines;
use crate::practice::request_log::RequestLog;
use crate::practice::{
    AccountSeed, Balance, EVENTS_PER_SECOND, MarketConfig, PracticeConfig, PracticeError,
    PracticeInstrument, SeedOrder, Speed, VenueOrder,
};
use crate::protocol::Protocol;

/// Builds exchange, keys and limits; restores the seeded orders, then fills the market around
/// them.
pub(in crate::binance) fn build(
    config: &PracticeConfig,
) -> Result<(Core, Option<Player>), PracticeError> {
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
    let (markets, player) = markets(config)?;
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
    let core = Core {
        keys: config
            .accounts
            .iter()
            .map(|account| Key::new(&account.api_key, &account.credential))
            .collect(),
        meter: Meter::new(
            config.limits,
            config.accounts.len(),
            config.protocol == Protocol::BinanceUsdm,
        ),
        exchange,
        orders_max: config.orders_max,
        log: RequestLog::default(),
        now_ms: 0,
        now_ns: 0,
        skew_ms: 0,
        next_generated_id: 0,
        protocol: config.protocol,
        usdm: UsdmState::default(),
    };
    Ok((core, player))
}

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> PracticeError {
    PracticeError::Config {
        field: field.into(),
        problem: problem.into(),
    }
}

/// One market per instrument, and the player if the market is a recording.
fn markets(config: &PracticeConfig) -> Result<(Vec<Liquidity>, Option<Player>), PracticeError> {
    match &config.market {
        MarketConfig::Synthetic {
            seed,
            events_per_second,
        } => {
            if !(events_per_second.is_finite() && *events_per_second > 0.0) {
                return Err(wrong(
                    "market.events_per_second",
                    "must be a number above 0",
                ));
            }
            Ok((synthetic(config, *seed, *events_per_second), None))
        }
        MarketConfig::Recording { path, speed } => {
            let instrument = &config.instruments[RECORDED];
            if *speed == Speed::Times(0) {
                return Err(wrong("market.speed", "must be at least 1, or max"));
            }
            let checked = recorded::check(path, &instrument.spec)?;
            let grains_per_lot =
                instrument
                    .spec
                    .lot
                    .decimal(1)
                    .and_then(grains)
                    .ok_or_else(|| {
                        wrong(
                            "instruments[0].lot",
                            "a recording needs lots of whole hundred-millionths",
                        )
                    })?;
            let mut market = RecordedMarket::new(grains_per_lot);
            market.apply(&checked.snapshot);
            let player = Player::new(Lines::open(path)?, &checked, *speed)?;
            let mut markets = synthetic(config, config.fault_seed, EVENTS_PER_SECOND);
            markets[RECORDED] = Liquidity::Recorded(Box::new(market));
            Ok((markets, Some(player)))
        }
    }
}

/// A market of seeded flow for each instrument, each with a seed of its own.
fn synthetic(config: &PracticeConfig, seed: u64, events_per_second: f64) -> Vec<Liquidity> {
    let seeds = (0_u64..).map(|index| seed.wrapping_add(index));
    let market = |(instrument, seed): (&PracticeInstrument, u64)| {
        let update_id = config.first_ids.update;
        Liquidity::synthetic(seed, events_per_second, instrument.start_price, update_id)
    };
    config.instruments.iter().zip(seeds).map(market).collect()
}

/// A quantity in hundred-millionths, if it is a whole number of them.
fn grains(quantity: Decimal) -> Option<i64> {
    let grains = quantity.checked_mul(Decimal::from(10_u64.pow(GRAIN_DECIMALS.into())))?;
    if grains.trunc() == grains {
        i64::try_from(grains).ok()
    } else {
        None
    }
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
        time_in_force: crate::practice::TimeInForce::Gtc,
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
