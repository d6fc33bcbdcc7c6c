//! Records in which a simulated venue answers.

use model::body::{
    Amended, Channel, Connection, Fill, LinkState, Liquidity, OpenOrders, OrderReport, OrderStatus,
    RejectReason, RunEnded, Sent, Side, Text, Tick,
};
use model::command::CommandView;
use model::ids::{AccountId, ClientOrderId, InstrumentId, VenueId};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record};

/// What a report says of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) client_id: u64,
    pub(super) venue_order_id: u64,
    pub(super) status: OrderStatus,
    pub(super) cum: i64,
    pub(super) reason: RejectReason,
    pub(super) text: &'static str,
}

pub(super) fn report(kind: Kind, instrument: InstrumentId, now_ns: u64, said: Said) -> Record {
    let body = OrderReport {
        client_id: said.client_id,
        venue_order_id: said.venue_order_id,
        venue_time_ns: now_ns,
        cum_qty: Lots(said.cum),
        code: 0,
        status: said.status,
        reason: said.reason,
        text: Text::cut(said.text),
    };
    of_order(Record::new(kind, &body), said.client_id).on_instrument(instrument)
}

/// A refusal of an order, a cancel or an amendment.
pub(super) fn refusal(
    kind: Kind,
    instrument: InstrumentId,
    now_ns: u64,
    client_id: u64,
    reason: RejectReason,
    text: &'static str,
) -> Record {
    let said = Said {
        client_id,
        venue_order_id: 0,
        status: OrderStatus::NotStated,
        cum: 0,
        reason,
        text,
    };
    report(kind, instrument, now_ns, said)
}

/// A fill of one of our orders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) client_id: u64,
    pub(super) venue_order_id: u64,
    pub(super) trade_id: u64,
    pub(super) price: i64,
    pub(super) qty: i64,
    pub(super) side: Side,
    pub(super) liquidity: Liquidity,
    pub(super) fee: (model::body::AssetName, rust_decimal::Decimal),
}

pub(super) fn fill(instrument: InstrumentId, now_ns: u64, filled: &Filled) -> Record {
    let body = Fill {
        client_id: filled.client_id,
        venue_order_id: filled.venue_order_id,
        venue_time_ns: now_ns,
        trade_id: filled.trade_id,
        price: Ticks(filled.price),
        qty: Lots(filled.qty),
        fee: Money::new(filled.fee.1),
        fee_asset: filled.fee.0,
        side: filled.side,
        liquidity: filled.liquidity,
    };
    of_order(Record::new(Kind::OrderFilled, &body), filled.client_id).on_instrument(instrument)
}

pub(super) fn amended(
    instrument: InstrumentId,
    now_ns: u64,
    ids: (u64, u64),
    qty: i64,
    cum: i64,
) -> Record {
    let body = Amended {
        client_id: ids.0,
        venue_order_id: ids.1,
        venue_time_ns: now_ns,
        qty: Lots(qty),
        cum_qty: Lots(cum),
        reserved: [0; 40],
    };
    of_order(Record::new(Kind::OrderAmended, &body), ids.0).on_instrument(instrument)
}

pub(super) fn open_orders(ours: u64) -> Record {
    let body = OpenOrders {
        ours,
        foreign: 0,
        reserved: [0; 64],
    };
    Record::new(Kind::OpenOrders, &body)
}

pub(super) fn link(venue: VenueId, channel: Channel, state: LinkState, text: &str) -> Record {
    let body = Connection {
        venue: venue.0,
        channel,
        state,
        reserved: 0,
        code: 0,
        text: Text::cut(text),
    };
    Record::new(Kind::Connection, &body)
}

pub(super) fn tick(count: u64) -> Record {
    let body = Tick {
        count,
        reserved: [0; 72],
    };
    Record::new(Kind::Tick, &body)
}

/// The end of the data.
pub(super) fn run_ended(open_orders: u64) -> Record {
    let body = RunEnded {
        open_orders,
        reserved: [0; 72],
    };
    Record::new(Kind::RunEnded, &body)
}

/// The gateway's word that a command left, with the times of a machine that takes none.
pub(super) fn sent(command: &Record, view: &CommandView<'_>, now_ns: u64) -> Record {
    let body = Sent {
        command: view.number(),
        client_id: view.client_id(),
        received_ns: now_ns,
        sequenced_ns: now_ns,
        intended_ns: now_ns,
        approved_ns: now_ns,
        taken_ns: now_ns,
        written_ns: now_ns,
        reserved: [0; 16],
    };
    like(Record::new(Kind::Sent, &body), command)
}

/// The gateway's word that a command did not leave.
pub(super) fn send_failed(command: &Record, client_id: u64, text: &str) -> Record {
    let body = OrderReport {
        client_id,
        venue_order_id: 0,
        venue_time_ns: 0,
        cum_qty: Lots(0),
        code: 0,
        status: OrderStatus::NotStated,
        reason: RejectReason::NotSent,
        text: Text::cut(text),
    };
    let mut record = like(Record::new(Kind::SendFailed, &body), command);
    record.detail = command.kind;
    record
}

/// About what the command is about, for its account.
fn like(record: Record, command: &Record) -> Record {
    let account = command.account().unwrap_or(AccountId(0));
    let record = record.on_account(account);
    let record = match command.strategy() {
        Some(strategy) => record.by_strategy(strategy),
        None => record,
    };
    match command.instrument() {
        Some(instrument) => record.on_instrument(instrument),
        None => record,
    }
}

fn of_order(record: Record, client_id: u64) -> Record {
    match ClientOrderId::from_raw(client_id).and_then(ClientOrderId::strategy) {
        Some(strategy) => record.by_strategy(strategy),
        None => record,
    }
}
