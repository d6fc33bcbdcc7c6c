//! From a configuration to a venue that can open.

use std::collections::VecDeque;

use rust_decimal::Decimal;

use super::auth::Key;
use super::core::Core;
use crate::practice::exchange::{Exchange, Listing, Refusal};
use crate::practice::limits::Meter;
use crate::practice::liquidity::{Liquidity, synthetic};
use crate::practice::{
    AccountSeed, Balance, MarketConfig, PracticeConfig, PracticeError, SeedOrder, VenueOrder,
};

/// Builds exchange, keys and limits; restores the seeded orders, then fills the market around
/// them.
pub(super) fn build(config: &PracticeConfig) -> Result<Core, PracticeError> {
    if config.instruments.is_empty() {
        return Err(wrong("instruments", "give at least one instrument"));
    }
    let listings = config
        .instruments
        .iter()
        .enumerate()
        .map(|(index, instrument)| Listing {
            spec: instrument.spec.clone(),
            liquidity: liquidity(config, index),
            next_trade_id: config.first_ids.trade,
            trades: VecDeque::new(),
            unpublished: 0,
        })
        .collect();
    let mut exchange = Exchange::new(listings, config.fees, config.first_ids);
    for (index, account) in config.accounts.iter().enumerate() {
        open_account(&mut exchange, config, index, account)?;
    }
    exchange.open_markets();
    Ok(Core {
        keys: config
            .accounts
            .iter()
            .map(|account| Key::new(&account.api_key, &account.credential))
            .collect(),
        meter: Meter::new(config.limits, config.accounts.len()),
        exchange,
        now_ms: 0,
        skew_ms: 0,
        next_generated_id: 0,
    })
}

fn wrong(field: impl Into<String>, problem: impl Into<String>) -> PracticeError {
    PracticeError::Config {
        field: field.into(),
        problem: problem.into(),
    }
}

fn liquidity(config: &PracticeConfig, index: usize) -> Liquidity {
    let MarketConfig::Synthetic {
        seed,
        events_per_second,
    } = &config.market
    else {
        unreachable!()
    };
    let seed = seed.wrapping_add(u64::try_from(index).unwrap_or(0));
    let start = config.instruments[index].start_price;
    synthetic(seed, *events_per_second, start, config.first_ids.update)
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
                    Refusal::OutOfRange => "its value is out of range",
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
        quote_qty: None,
        status: order.status(),
        created_ms: order.created_ms,
        updated_ms: order.created_ms,
    }
}
