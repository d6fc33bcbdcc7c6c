//! What the scenarios share: a maker with its two quotes at the venue, and short words for them.

use engine::machine::{Order, OrderState};
use model::body::{OrderStatus, RejectReason, Side};
use model::command::{CommandView, command};
use model::ids::ClientOrderId;
use model::record::{Kind, Record};

use crate::kit::{ACCOUNT, INSTRUMENT, Rig, config, maker, new_order, report, sent};

/// The ids of a buy and a sell order of 100 lots, as the commands that placed them.
pub(crate) struct Quotes {
    pub(crate) buy: Record,
    pub(crate) sell: Record,
}

/// A maker that asked for its quotes; nothing is said of them yet.
pub(crate) fn asked() -> (Rig, Quotes) {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    let of = |side: Side| {
        let placed = rig
            .commands
            .iter()
            .find(|record| new_order(record).side == side);
        *placed.unwrap()
    };
    let quotes = Quotes {
        buy: of(Side::Buy),
        sell: of(Side::Sell),
    };
    (rig, quotes)
}

/// The same, sent and confirmed.
pub(crate) fn resting() -> (Rig, Quotes) {
    let (mut rig, quotes) = asked();
    for quote in [&quotes.buy, &quotes.sell] {
        rig.apply(sent(quote));
        rig.apply(say(Kind::OrderAcked, id(quote)));
    }
    (rig, quotes)
}

pub(crate) fn id(command: &Record) -> u64 {
    new_order(command).client_id
}

/// A report without a count or a reason.
pub(crate) fn say(kind: Kind, client_id: u64) -> Record {
    counted(kind, client_id, OrderStatus::NotStated, 0)
}

/// A report with the venue's count of what is filled.
pub(crate) fn counted(kind: Kind, client_id: u64, status: OrderStatus, cum: i64) -> Record {
    report(kind, client_id, status, cum, RejectReason::None)
}

pub(crate) fn order(rig: &Rig, client_id: u64) -> Order {
    let id = ClientOrderId::from_raw(client_id).unwrap();
    *rig.machine.orders().get(id).unwrap()
}

pub(crate) fn state(rig: &Rig, client_id: u64) -> OrderState {
    order(rig, client_id).state
}

/// Position of the account, lots.
pub(crate) fn position(rig: &Rig) -> i64 {
    let position = rig.machine.position(INSTRUMENT, ACCOUNT);
    position.map_or(0, |position| position.lots.0)
}

/// Client ids of everything that was placed, by new orders and replacements.
pub(crate) fn placed(commands: &[Record]) -> Vec<u64> {
    let id = |record: &Record| match command(record).unwrap() {
        CommandView::NewOrder(order) => Some(order.client_id),
        CommandView::ReplaceOrder(order) => Some(order.client_id),
        CommandView::CancelOrder(_)
        | CommandView::QueryOrder(_)
        | CommandView::QueryOpenOrders(_)
        | CommandView::AmendOrder(_)
        | CommandView::CancelAll(_)
        | CommandView::Latch(_) => None,
    };
    commands.iter().filter_map(id).collect()
}

/// Queries for one order among the commands.
pub(crate) fn queries(commands: &[Record], client_id: u64) -> Vec<Record> {
    let asks = |record: &&Record| {
        let view = command(record).unwrap();
        matches!(view, CommandView::QueryOrder(query) if query.client_id == client_id)
    };
    commands.iter().filter(asks).copied().collect()
}
