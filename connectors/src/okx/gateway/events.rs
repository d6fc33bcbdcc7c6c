//! Private events in the gateway's neutral words.
//!
//! One push of an order may be a fill, an end and the word about an amendment at once: the fill
//! goes first, so that no state shows more than was reported. Hot path: yes. Allocates: no.

use model::body::{
    AssetName, Balance, Fill, MarginMode, OrderStatus, PositionReport, RejectReason, Text as Cut,
};
use model::num::{Lots, Money, NumberError, Ticks};
use rust_decimal::Decimal;

use crate::gateway::known::Owner;
use crate::gateway::numbers;
use crate::gateway::said::{
    Change, Event, FillSeen, OrderChange, OrderSeen, OrderState, PositionSeen,
};
use crate::okx::wire::account::{AccountRow, BalanceRow, PositionRow};
use crate::okx::wire::private::{Amendment, OrderRow};
use crate::okx::wire::request::TradeMode;
use crate::wire::symbols::Entry;
use crate::wire::text::Text;
use crate::wire::{Symbols, WireError, order_id};

/// Code of notices: what is for people has none of the venue's.
const NO_CODE: i32 = 0;

pub(super) fn owner_of(client_id: &[u8]) -> Owner {
    match order_id::parse_plain(client_id) {
        Some(id) => Owner::Ours(id.raw()),
        None => Owner::Foreign,
    }
}

/// An order as a row describes it; an error where not even its id can be read.
pub(super) fn seen(row: &OrderRow<'_>, symbols: &Symbols) -> Result<OrderSeen, WireError> {
    let entry = symbols.find(row.inst_id.as_bytes());
    Ok(OrderSeen {
        slot: entry.map(|entry| entry.slot),
        owner: owner_of(row.client_id()),
        order_id: row.order_id()?,
        state: match entry {
            Some(entry) => state(row, entry),
            None => Err(WireError::UnknownSymbol),
        },
    })
}

fn state(row: &OrderRow<'_>, entry: &Entry) -> Result<OrderState, WireError> {
    let cum_qty = match row.filled() {
        Some(qty) => numbers::filled(entry, qty, "accFillSz")?,
        None => Lots(0),
    };
    let (status, _) = row.status()?;
    // An amount of money is no count of lots.
    let qty = (!row.is_in_quote()).then(|| numbers::ordered(entry, &row.sz, "sz"));
    Ok(OrderState {
        status,
        cum_qty,
        qty,
        time_ns: numbers::nanoseconds(row.time_ms()?),
    })
}

/// A push of the order channel.
pub(super) fn order(row: &OrderRow<'_>, symbols: &Symbols, events: &mut Vec<Event>) {
    let order = match seen(row, symbols) {
        Ok(order) => order,
        Err(error) => {
            events.push(Event::Strange("an order", error));
            return;
        }
    };
    if !matches!(row.category(), "" | "normal") {
        let words = format!(
            "the venue forced an order on {}: {}",
            row.inst_id.as_str(),
            row.category()
        );
        events.push(Event::Notice(NO_CODE, words));
    }
    let entry = symbols.find(row.inst_id.as_bytes());
    match (row.trade_id(), entry) {
        (Ok(Some(trade_id)), Some(entry)) => {
            events.push(Event::Fill(FillSeen {
                slot: entry.slot,
                owner: Some(order.owner),
                order_id: order.order_id,
                trade_id,
                fill: traded(row, (order.order_id, trade_id), entry),
            }));
            changed(row, order, true, events);
        }
        (Ok(_), _) => changed(row, order, false, events),
        (Err(error), _) => {
            let state = Err(error);
            let order = OrderSeen { state, ..order };
            events.push(Event::Order(told(order, None)));
        }
    }
}

/// What the push says beside a fill: an amendment, and how the order is.
fn changed(row: &OrderRow<'_>, order: OrderSeen, has_fill: bool, events: &mut Vec<Event>) {
    let (amendment, code, words) = match row.amendment() {
        Ok(amendment) => amendment,
        Err(error) => {
            let state = Err(error);
            let order = OrderSeen { state, ..order };
            events.push(Event::Order(told(order, None)));
            return;
        }
    };
    let state = match (&order.state, row.status()) {
        (Ok(state), Ok((status, reason))) => (state, status, reason),
        (Err(_), _) | (_, Err(_)) => {
            events.push(Event::Order(told(order, None)));
            return;
        }
    };
    match amendment {
        Amendment::Done => events.push(Event::Order(told(order, Some(Change::Amended)))),
        Amendment::Refused => {
            let mut change = told(order, Some(Change::NotAmended));
            change.code = code;
            change.words = Cut::cut(words);
            change.reason = RejectReason::Other;
            events.push(Event::Order(change));
        }
        Amendment::None | Amendment::Cancelled => {}
    }
    let (state, status, reason) = state;
    let said_already = has_fill || amendment != Amendment::None;
    let change = match status {
        OrderStatus::Open | OrderStatus::PartiallyFilled | OrderStatus::NotStated
            if said_already =>
        {
            return;
        }
        OrderStatus::Open | OrderStatus::PartiallyFilled | OrderStatus::NotStated => Change::Open,
        // The last fill says it, unless the order became as small as what was filled before.
        OrderStatus::Filled if has_fill => return,
        OrderStatus::Filled => {
            let qty = state.qty;
            let whole = qty.is_some_and(|qty| qty == Ok(state.cum_qty));
            if whole { Change::Open } else { Change::Expired }
        }
        OrderStatus::Cancelled => Change::Cancelled,
        OrderStatus::Expired => Change::Expired,
        OrderStatus::Rejected => Change::Rejected,
    };
    let mut change = told(order, Some(change));
    change.reason = reason;
    change.words = Cut::cut(row.cancel_source());
    events.push(Event::Order(change));
}

fn told(order: OrderSeen, change: Option<Change>) -> OrderChange {
    OrderChange {
        order,
        change,
        reason: RejectReason::None,
        code: 0,
        words: Cut::EMPTY,
    }
}

fn traded(
    row: &OrderRow<'_>,
    (venue_order_id, trade_id): (u64, u64),
    entry: &Entry,
) -> Result<Fill, WireError> {
    let missing = |field| WireError::Missing { field };
    let (fee, fee_asset) = row.fill_fee()?;
    let price = row.fill_px.as_ref().ok_or(missing("fillPx"))?;
    let qty = row.fill_sz.as_ref().ok_or(missing("fillSz"))?;
    let time_ms = match row.fill_ms()? {
        0 => row.time_ms()?,
        time_ms => time_ms,
    };
    Ok(Fill {
        client_id: 0,
        venue_order_id,
        venue_time_ns: numbers::nanoseconds(time_ms),
        trade_id,
        price: ticks(entry, price)?,
        qty: numbers::ordered(entry, qty, "fillSz")?,
        fee,
        fee_asset: AssetName::cut(fee_asset),
        side: row.side()?,
        liquidity: row.liquidity()?,
    })
}

/// A price of a fill, exact.
pub(super) fn ticks(entry: &Entry, text: &Text<'_>) -> Result<Ticks, WireError> {
    let wrong = |error| WireError::Number {
        field: "fillPx",
        error,
    };
    entry.price.parse(text.as_bytes()).map(Ticks).map_err(wrong)
}

/// The account's assets that changed.
pub(super) fn account(row: &AccountRow<'_>, mode: TradeMode, events: &mut Vec<Event>) {
    for asset in row.details.iter() {
        events.push(match balance(asset, mode) {
            Ok(balance) => Event::Balance(balance),
            Err(error) => Event::Strange("a balance", error),
        });
    }
}

/// An asset. Of spot a part is held back by orders; of perpetuals all of it is one wallet, which
/// profits and fees change and orders do not.
pub(super) fn balance(row: &BalanceRow<'_>, mode: TradeMode) -> Result<Balance, WireError> {
    let cash = numbers::money(&row.cash_bal, "cashBal")?.get();
    let locked = match mode {
        TradeMode::Cash => numbers::money(&row.frozen_bal, "frozenBal")?.get(),
        TradeMode::Cross | TradeMode::Isolated => Decimal::ZERO,
    };
    let out_of_range = WireError::Number {
        field: "cashBal",
        error: NumberError::OutOfRange,
    };
    let free = cash.checked_sub(locked).ok_or(out_of_range)?;
    Ok(Balance {
        free: Money::new(free),
        locked: Money::new(locked),
        venue_time_ns: numbers::nanoseconds(row.time_ms()?),
        asset: AssetName::cut(row.ccy.as_str()),
        reserved: [0; 26],
    })
}

/// A position that changed. One in an instrument that we do not trade is none of ours.
pub(super) fn position(row: &PositionRow<'_>, symbols: &Symbols, events: &mut Vec<Event>) {
    let Some(entry) = symbols.find(row.inst_id.as_bytes()) else {
        return;
    };
    events.push(match held(row, entry) {
        Ok(report) => Event::Position(PositionSeen {
            slot: entry.slot,
            report,
        }),
        Err(error) => Event::Strange("a position", error),
    });
}

/// A position; we keep one an instrument, so one of long-short mode cannot be booked.
pub(super) fn held(row: &PositionRow<'_>, entry: &Entry) -> Result<PositionReport, WireError> {
    if row.pos_side.as_str() != "net" {
        return Err(WireError::Value { field: "posSide" });
    }
    let said = |text: &Option<Text<'_>>| -> Option<Text<'static>> {
        let text = text.as_ref()?.as_str();
        (!text.is_empty()).then(|| Text(text.to_owned().into()))
    };
    let zero = || Money::new(Decimal::ZERO);
    let isolated = row.mgn_mode.as_str() == "isolated";
    let margin = match said(&row.margin).filter(|_| isolated) {
        Some(text) => numbers::money(&text, "margin")?,
        None => zero(),
    };
    let entry_price = match said(&row.avg_px) {
        Some(text) => numbers::money(&text, "avgPx")?,
        None => zero(),
    };
    let liquidation =
        said(&row.liq_px).and_then(|text| entry.price.parse_down(text.as_bytes()).ok());
    Ok(PositionReport {
        qty: signed_lots(entry, &row.pos)?,
        entry: entry_price,
        // Below zero and beyond all prices there is none.
        liquidation: Ticks(liquidation.unwrap_or(0)),
        margin,
        venue_time_ns: numbers::nanoseconds(row.time_ms()?),
        leverage_bps: said(&row.lever).map_or(0, |text| leverage_bps(text.as_str())),
        mode: if isolated {
            MarginMode::Isolated
        } else {
            MarginMode::Cross
        },
        reserved: [0; 19],
    })
}

/// Leverage for people; 0 where it is none.
fn leverage_bps(text: &str) -> u32 {
    use rust_decimal::prelude::ToPrimitive;
    let value = Decimal::from_str_exact(text).ok();
    let bps = value.and_then(|value| value.checked_mul(Decimal::from(10_000))?.to_u32());
    bps.unwrap_or(0)
}

/// A quantity with its sign, exact.
fn signed_lots(entry: &Entry, text: &Text<'_>) -> Result<Lots, WireError> {
    let (sign, digits) = match text.as_bytes().strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, text.as_bytes()),
    };
    match entry.qty.parse(digits) {
        Ok(lots) => Ok(Lots(sign * lots)),
        Err(error) => Err(WireError::Number {
            field: "pos",
            error,
        }),
    }
}
