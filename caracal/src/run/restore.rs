//! What the embedded practice venue goes on from: the journal is the only one who knows.

use connectors::practice::{
    FirstIds, OrderKind, SeedOrder, SeedPosition, SelfTrade, Side as PracticeSide,
};
use connectors::wire::order_id;
use engine::machine::{Machine, Order, OrderState};
use model::body::{OrderType, Side};
use model::ids::{AccountId, InstrumentId};
use model::instrument::Contract;
use rust_decimal::Decimal;

use crate::config::AccountDraft;
use crate::practice::Restored;

/// Numbers of one run of the embedded venue: what it gave out without the journal's knowledge
/// before it died is behind this.
const IDS_APART: u64 = 1_000_000;

/// The venue's numbering and prices as the journal has them, for its instruments and their symbols.
pub(super) fn restored(machine: &Machine, instruments: &[(InstrumentId, String)]) -> Restored {
    let last = |(id, symbol): &(InstrumentId, String)| {
        let trade = machine.listing(*id)?.last_trade()?;
        Some((symbol.clone(), trade.price))
    };
    Restored {
        first_ids: first_ids(machine, instruments),
        prices: instruments.iter().filter_map(last).collect(),
    }
}

/// What an account holds: what the journal says, and of what it never heard, what is configured.
pub(super) fn balances(
    machine: &Machine,
    account: AccountId,
    configured: &[(String, Decimal)],
) -> Vec<(String, Decimal)> {
    let ledger = machine.portfolio().ledger(account);
    let holdings = ledger.map_or(&[][..], |ledger| ledger.holdings());
    let known = holdings
        .iter()
        .map(|holding| (holding.asset.as_str().to_owned(), holding.total));
    let mut balances: Vec<(String, Decimal)> = known.collect();
    for (asset, amount) in configured {
        if !balances.iter().any(|(known, _)| known == asset) {
            balances.push((asset.clone(), *amount));
        }
    }
    balances
}

/// The positions of accounts in perpetuals, by their places. `instruments`: the venue's, in its
/// order.
pub(super) fn positions(
    machine: &Machine,
    accounts: &[(AccountId, &AccountDraft)],
    instruments: &[(InstrumentId, String)],
) -> Vec<SeedPosition> {
    let mut positions = Vec::new();
    for (account, (id, _)) in accounts.iter().enumerate() {
        for (instrument, (of, _)) in instruments.iter().enumerate() {
            let listing = machine.listing(*of);
            let spot = listing.is_none_or(|one| one.spec().contract == Contract::Spot);
            let Some(held) = machine.portfolio().position(*id, *of).filter(|_| !spot) else {
                continue;
            };
            positions.push(SeedPosition {
                account,
                instrument,
                lots: held.lots.0,
                cost: held.cost,
            });
        }
    }
    positions
}

/// The orders of an account that rest at the venue. `instruments`: the venue's, in its order.
pub(super) fn open_orders(
    machine: &Machine,
    account: AccountId,
    instruments: &[(InstrumentId, String)],
) -> Vec<SeedOrder> {
    machine
        .orders()
        .live()
        .filter(|order| order.account == account)
        .filter_map(|order| {
            let place = instruments
                .iter()
                .position(|(id, _)| *id == order.instrument);
            seed_order(machine, order, place?)
        })
        .collect()
}

/// An order that the venue had confirmed. One whose outcome was unknown when the venue died with
/// the engine never came to rest: the venue will say so when it is asked.
fn seed_order(machine: &Machine, order: &Order, instrument: usize) -> Option<SeedOrder> {
    if order.venue_order_id == 0 || !matches!(order.state, OrderState::Open | OrderState::Unknown) {
        return None;
    }
    let spec = machine
        .instruments()
        .find(|spec| spec.id == order.instrument)?;
    let kind = match order.order_type {
        OrderType::PostOnly => OrderKind::PostOnly,
        OrderType::Limit | OrderType::Market => OrderKind::Limit,
    };
    let side = match order.side {
        Side::Buy => PracticeSide::Buy,
        Side::Sell => PracticeSide::Sell,
    };
    let text = order_id::text_of(order.client_id.raw());
    Some(SeedOrder {
        instrument,
        client_id: String::from_utf8_lossy(&text).into_owned(),
        venue_order_id: order.venue_order_id,
        side,
        kind,
        self_trade: SelfTrade::ExpireMaker,
        price: order.price,
        qty: order.qty,
        executed: order.filled,
        executed_quote: spec
            .notional(order.price, order.filled)
            .unwrap_or(Decimal::ZERO),
        created_ms: i64::try_from(order.approved_ns / 1_000_000).unwrap_or(0),
    })
}

fn first_ids(machine: &Machine, instruments: &[(InstrumentId, String)]) -> FirstIds {
    let fresh = FirstIds::default();
    let accounts = machine.config().map_or(0, |config| config.accounts.len());
    let trades = instruments.iter().map(|(id, _)| {
        let market = machine.market_trade_id(*id).unwrap_or(0);
        let own = (0..).map(AccountId).take(accounts);
        own.map(|account| machine.own_trade_id_max(account, *id))
            .fold(market, u64::max)
    });
    let updates = instruments
        .iter()
        .filter_map(|(id, _)| machine.listing(*id))
        .map(|listing| listing.book().update_id());
    let (trade, update) = (trades.max().unwrap_or(0), updates.max().unwrap_or(0));
    if trade == 0 && update == 0 && machine.venue_order_id_max() == 0 {
        return fresh;
    }
    FirstIds {
        order: fresh.order.max(machine.venue_order_id_max() + IDS_APART),
        trade: fresh.trade.max(trade + IDS_APART),
        update: fresh.update.max(update + IDS_APART),
        execution: fresh.execution,
    }
}
