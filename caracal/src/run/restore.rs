//! What the embedded practice venue goes on from: the journal is the only one who knows.

use connectors::binance::wire::order_id;
use connectors::practice::{FirstIds, OrderKind, SeedOrder, SelfTrade, Side as PracticeSide};
use engine::machine::{Machine, Order, OrderState};
use model::body::{OrderType, Side};
use model::ids::AccountId;
use rust_decimal::Decimal;

use crate::config::PracticeVenue;
use crate::practice::Restored;

/// Numbers of one run of the embedded venue: what it gave out without the journal's knowledge
/// before it died is behind this.
const IDS_APART: u64 = 1_000_000;

/// The venue's state as the journal has it; the configured one if the journal has none.
pub(crate) fn restored(venue: &PracticeVenue, machine: &Machine) -> Restored {
    let mut restored = Restored::fresh(venue);
    let Some(ledger) = machine.portfolio().ledger(AccountId(0)) else {
        return restored;
    };
    if ledger.holdings().is_empty() {
        return restored;
    }
    restored.balances = ledger
        .holdings()
        .iter()
        .map(|holding| (holding.asset.as_str().to_owned(), holding.total))
        .collect();
    restored.open_orders = machine
        .orders()
        .live()
        .filter_map(|o| seed_order(machine, o))
        .collect();
    restored.first_ids = first_ids(machine);
    let first = machine.instruments().next();
    restored.price = first.and_then(|spec| {
        let listing = machine.listing(spec.id)?;
        listing.last_trade().map(|trade| trade.price)
    });
    restored
}

/// An order that the venue had confirmed. One whose outcome was unknown when the venue died with
/// the engine never came to rest: the venue will say so when it is asked.
fn seed_order(machine: &Machine, order: &Order) -> Option<SeedOrder> {
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
        instrument: order.instrument.index(),
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

fn first_ids(machine: &Machine) -> FirstIds {
    let fresh = FirstIds::default();
    let trades = machine.instruments().map(|spec| {
        let market = machine.market_trade_id(spec.id).unwrap_or(0);
        market.max(machine.own_trade_id_max(spec.id))
    });
    let updates = machine
        .instruments()
        .filter_map(|spec| machine.listing(spec.id))
        .map(|l| l.book().update_id());
    FirstIds {
        order: fresh.order.max(machine.venue_order_id_max() + IDS_APART),
        trade: fresh.trade.max(trades.max().unwrap_or(0) + IDS_APART),
        update: fresh.update.max(updates.max().unwrap_or(0) + IDS_APART),
        execution: fresh.execution,
    }
}
