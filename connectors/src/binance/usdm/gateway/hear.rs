//! The venue's answers and private events in the gateway's neutral words.
//!
//! Hot path: yes. Allocates: for lists.

use model::body::{
    AssetName, Balance, Fill, MarginMode, OrderStatus, PositionReport, RejectReason, Text as Cut,
    Transfer, TransferKind,
};
use model::num::{Lots, Money, NumberError, Ticks};
use rust_decimal::Decimal;

use super::dialect::{ORDERS_MINUTE, ORDERS_TEN, WEIGHT};
use super::kept::KeptOrders;
use crate::binance::gateway::hear::{liquidity, owner_of};
use crate::binance::usdm::wire::account::done;
use crate::binance::usdm::wire::codes::classify;
use crate::binance::usdm::wire::request::Kept;
use crate::binance::usdm::wire::user::{
    self, AccountUpdate, BalanceChange, ConfigUpdate, Execution, MarginCall, PositionChange,
    Report, UserEvent,
};
use crate::binance::wire::frame::{self, ErrorBody, Frame, RateLimit};
use crate::gateway::known::Owner;
use crate::gateway::numbers::{self, Terms};
use crate::gateway::said::{
    Absence, Answer, Change, Count, Event, FillSeen, OrderChange, OrderSeen, OrderState,
    PositionSeen, Refusal, StopScope,
};
use crate::gateway::table::MoneyKind;
use crate::net::HttpResponse;
use crate::wire::error::from_json;
use crate::wire::symbols::Entry;
use crate::wire::text::Text;
use crate::wire::{Inline, Raw, Symbols, WireError};

/// The venue does not know the order.
const NO_SUCH_ORDER: i32 = -2013;
/// Too many orders: only new ones wait.
const TOO_MANY_ORDERS: i32 = -1015;
/// Codes of notices: what is for people has none of the venue's.
const NO_CODE: i32 = 0;

/// One message of the order connection or the private stream.
pub(super) fn message<'a>(
    bytes: &'a [u8],
    symbols: &Symbols,
    kept: &mut KeptOrders,
    events: &mut Vec<Event>,
) -> Result<Option<Answer<'a, Raw<'a>>>, WireError> {
    // Spot's reader knows the envelope; of events it only knows that they are some.
    let Frame::Answer(answer) = frame::decode(bytes)? else {
        told(&user::decode(bytes)?, symbols, kept, events);
        return Ok(None);
    };
    let mut counts = Inline::default();
    let known = answer.limits.iter().filter_map(count);
    known.for_each(|count| counts.push(count));
    let outcome = match answer.outcome {
        Ok(result) => Ok(result.unwrap_or(Raw::NULL)),
        Err(error) => Err(refusal(answer.status, error)),
    };
    Ok(Some(Answer {
        id: answer.id,
        outcome,
        counts,
    }))
}

/// The venue's own count of one of the windows that we keep.
fn count(limit: &RateLimit<'_>) -> Option<Count> {
    let interval = limit.interval.as_str();
    let window = match (limit.rate_limit_type.as_str(), interval, limit.interval_num) {
        ("REQUEST_WEIGHT", "MINUTE", 1) => WEIGHT,
        ("ORDERS", "SECOND", 10) => ORDERS_TEN,
        ("ORDERS", "MINUTE", 1) => ORDERS_MINUTE,
        _ => return None,
    };
    Some(Count {
        window,
        limit: limit.limit,
        used: limit.count,
    })
}

/// An answer over HTTP: its counts stand in headers, its end of a stop in the words.
pub(super) fn response<'a>(response: &HttpResponse<'a>) -> Result<Answer<'a, Raw<'a>>, WireError> {
    let mut counts = Inline::default();
    for (name, window) in [
        ("x-mbx-used-weight-1m", WEIGHT),
        ("x-mbx-order-count-10s", ORDERS_TEN),
        ("x-mbx-order-count-1m", ORDERS_MINUTE),
    ] {
        let value = response
            .header(name)
            .and_then(|value| str::from_utf8(value).ok());
        if let Some(used) = value.and_then(|value| value.trim().parse().ok()) {
            counts.push(Count {
                window,
                limit: 0,
                used,
            });
        }
    }
    let good = (200..300).contains(&response.status);
    let body = from_json::<Raw<'a>>(response.body);
    let outcome = match body {
        Ok(raw) if good && (!raw.get().starts_with('{') || done(raw)?) => Ok(raw),
        // A firewall stops us without a word of the venue's.
        Err(_) if matches!(response.status, 403 | 418 | 429) => {
            Err(refusal(response.status, from_json(b"{}")?))
        }
        _ => Err(refusal(response.status, from_json(response.body)?)),
    };
    Ok(Answer {
        id: None,
        outcome,
        counts,
    })
}

fn refusal(status: u16, error: ErrorBody<'_>) -> Refusal<'_, Raw<'_>> {
    let code = error.code;
    let until_ms = error.retry_after_ms().or(banned_until(error.message()));
    Refusal {
        verdict: classify(status, code, error.message()),
        absence: match code {
            NO_SUCH_ORDER => Absence::Unknown,
            _ => Absence::No,
        },
        nothing_open: false,
        code,
        stops: match (code, status) {
            (TOO_MANY_ORDERS, _) => StopScope::Orders,
            (_, 418) => StopScope::Ban,
            _ => StopScope::All,
        },
        until_ms,
        body: error.data,
        words: error.into_message(),
    }
}

/// "IP banned until 1570000000000."
fn banned_until(words: &str) -> Option<u64> {
    let (_, rest) = words.split_once("until ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn told(event: &UserEvent<'_>, symbols: &Symbols, kept: &mut KeptOrders, events: &mut Vec<Event>) {
    match event {
        UserEvent::Report(report) => {
            learn(report, symbols, kept);
            events.push(execution(report, symbols));
        }
        UserEvent::Account(update) => account(update, symbols, events),
        UserEvent::MarginCall(call) => events.push(Event::Notice(NO_CODE, margin_call(call))),
        UserEvent::Config(update) => events.push(Event::Notice(NO_CODE, setting(update))),
        UserEvent::Expired => events.push(Event::Ended("the listen key expired")),
        UserEvent::Shutdown => events.push(Event::Closing),
        // The report follows, with fee and state.
        UserEvent::Lite(_) | UserEvent::Ignored => {}
    }
}

fn margin_call(call: &MarginCall<'_>) -> String {
    let row = call.positions.iter().next();
    let (symbol, amount, mark) = row.map_or(("", "", ""), |row| {
        (row.symbol.as_str(), row.amount.as_str(), row.mark.as_str())
    });
    format!("margin call: position {amount} in {symbol} at a mark of {mark}; add margin or reduce")
}

fn setting(update: &ConfigUpdate<'_>) -> String {
    match (&update.leverage, update.assets) {
        (Some(change), _) => {
            let symbol = change.symbol.as_str();
            format!(
                "leverage of {symbol} was set to {} at the venue",
                change.leverage
            )
        }
        (None, Some(mode)) if mode.multi => {
            "the account was set to several assets behind a position: set it back".to_owned()
        }
        (None, _) => "a setting of the account was changed at the venue".to_owned(),
    }
}

/// Remembers an order's price as the venue has it now.
fn learn(report: &Report<'_>, symbols: &Symbols, kept: &mut KeptOrders) {
    let Owner::Ours(client_id) = owner_of(report.client_id.as_bytes()) else {
        return;
    };
    let entry = symbols.find(report.symbol.as_bytes());
    let (Some(entry), Some(price), Ok(side)) = (entry, &report.price, report.side()) else {
        return;
    };
    if let Some(price) = entry
        .price
        .parse(price.as_bytes())
        .ok()
        .filter(|price| *price > 0)
    {
        let price = Ticks(price);
        kept.learn(client_id, Kept { side, price });
    }
}

fn execution(report: &Report<'_>, symbols: &Symbols) -> Event {
    let owner = owner_of(report.client_id.as_bytes());
    let entry = symbols.find(report.symbol.as_bytes());
    let told = match entry {
        Some(entry) => executed(report, entry),
        None => Err(WireError::UnknownSymbol),
    };
    let order = |state| OrderSeen {
        slot: entry.map(|entry| entry.slot),
        owner,
        order_id: report.order_id,
        state,
    };
    Event::Order(match (told, entry) {
        (Ok(Told::Trade(trade_id)), Some(entry)) => {
            return Event::Fill(FillSeen {
                slot: entry.slot,
                owner: Some(owner),
                order_id: report.order_id,
                trade_id,
                fill: traded(report, trade_id, entry),
            });
        }
        (Ok(Told::Change(change, state)), _) => {
            let expiry = report.expiry.map_or("", |raw| raw.get().trim_matches('"'));
            let why = if expiry == "0" { "" } else { expiry };
            changed(order(Ok(state)), Some(change), why)
        }
        (Ok(Told::Trade(_)), None) => changed(order(Err(WireError::UnknownSymbol)), None, ""),
        (Err(error), _) => changed(order(Err(error)), None, ""),
    })
}

fn changed(order: OrderSeen, change: Option<Change>, why: &str) -> OrderChange {
    OrderChange {
        order,
        change,
        reason: RejectReason::None,
        code: 0,
        words: Cut::cut(why),
    }
}

/// What a report is about.
enum Told {
    Trade(u64),
    Change(Change, OrderState),
}

fn executed(report: &Report<'_>, entry: &Entry) -> Result<Told, WireError> {
    let execution = report.execution()?;
    match (execution, report.trade_id()) {
        (Execution::Trade, None) => return Err(WireError::Missing { field: "t" }),
        // A forced order's fill is a fill; before it there may be a report without one.
        (Execution::Trade | Execution::Calculated, Some(id)) => return Ok(Told::Trade(id)),
        _ => {}
    }
    let state = OrderState {
        status: report.status()?,
        cum_qty: numbers::filled(entry, &report.cum_qty, "z")?,
        qty: report
            .qty
            .as_ref()
            .map(|qty| numbers::ordered(entry, qty, "q")),
        time_ns: numbers::nanoseconds(report.time_ms),
    };
    let ended = !matches!(
        state.status,
        OrderStatus::Open | OrderStatus::PartiallyFilled | OrderStatus::NotStated
    );
    let change = match execution {
        Execution::New | Execution::Calculated | Execution::Trade => Change::Open,
        Execution::Cancelled => Change::Cancelled,
        Execution::Amended => Change::Amended,
        // A part was prevented and the rest lives, or all of it is over.
        Execution::Expired if ended => Change::Expired,
        Execution::Expired => Change::Open,
    };
    Ok(Told::Change(change, state))
}

fn traded(report: &Report<'_>, trade_id: u64, entry: &Entry) -> Result<Fill, WireError> {
    one_way(report.position_side.as_ref())?;
    let missing = |field| WireError::Missing { field };
    let free = Text("0".into());
    let terms = Terms {
        order_id: report.order_id,
        trade_id,
        time_ms: report.time_ms,
        price: report.last_price.as_ref().ok_or(missing("L"))?,
        qty: report.last_qty.as_ref().ok_or(missing("l"))?,
        // The venue leaves out a fee that there is none of.
        fee: report.fee.as_ref().unwrap_or(&free),
        fee_asset: report.fee_asset.as_ref().map_or("", Text::as_str),
        side: report.side()?,
        liquidity: liquidity(report.maker),
    };
    terms.fill(entry)
}

/// We keep one position an instrument: one of hedge mode cannot be booked.
pub(super) fn one_way(side: Option<&Text<'_>>) -> Result<(), WireError> {
    match side.map(Text::as_str) {
        None | Some("BOTH") => Ok(()),
        Some(_) => Err(WireError::Value { field: "ps" }),
    }
}

fn account(update: &AccountUpdate<'_>, symbols: &Symbols, events: &mut Vec<Event>) {
    let time_ms = update.time_ms;
    for row in update.change.balances.iter() {
        let told = wallet(row.asset.as_str(), &row.wallet, &row.cross_wallet, time_ms);
        events.push(match told {
            Ok(balance) => Event::Balance(balance),
            Err(error) => Event::Strange("a balance", error),
        });
        match moved(update, row) {
            Ok(moved) => events.extend(moved),
            Err(error) => events.push(Event::Strange("money that cannot be booked", error)),
        }
    }
    for row in update.change.positions.iter() {
        // A position in an instrument that we do not trade is none of ours.
        let Some(entry) = symbols.find(row.symbol.as_bytes()) else {
            continue;
        };
        events.push(match held(row, entry, time_ms) {
            Ok(report) => Event::Position(PositionSeen {
                slot: entry.slot,
                report,
            }),
            Err(error) => Event::Strange("a position", error),
        });
    }
}

/// A wallet: what isolated positions have aside counts as held back.
pub(super) fn wallet(
    asset: &str,
    wallet: &Text<'_>,
    cross: &Text<'_>,
    time_ms: u64,
) -> Result<Balance, WireError> {
    let cross = numbers::money(cross, "cw")?.get();
    let aside = numbers::money(wallet, "wb")?.get().checked_sub(cross);
    let out_of_range = WireError::Number {
        field: "wb",
        error: NumberError::OutOfRange,
    };
    Ok(Balance {
        free: Money::new(cross),
        locked: Money::new(aside.ok_or(out_of_range)?),
        venue_time_ns: numbers::nanoseconds(time_ms),
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    })
}

/// Money that moved beside profit and fees. Those come with the fills, and what goes between the
/// wallet and an isolated position stays ours.
fn moved(update: &AccountUpdate<'_>, row: &BalanceChange<'_>) -> Result<Option<Event>, WireError> {
    let reason = update.change.reason.as_str();
    let Some(change) = &row.change else {
        return Ok(None);
    };
    let amount = numbers::money(change, "bc")?;
    let value = amount.get();
    if value.is_zero() || matches!(reason, "ORDER" | "MARGIN_TRANSFER") {
        return Ok(None);
    }
    if reason == "FUNDING_FEE" {
        // Of cross positions the venue does not say here which.
        return Ok(Some(Event::MoneyMoved(MoneyKind::Funding)));
    }
    Ok(Some(Event::Transfer(Transfer {
        amount,
        id: id_of(update, row, change),
        venue_time_ns: numbers::nanoseconds(update.time_ms),
        asset: AssetName::cut(row.asset.as_str()),
        kind: if value.is_sign_negative() {
            TransferKind::Withdrawal
        } else {
            TransferKind::Deposit
        },
        reserved: [0; 33],
    })))
}

/// The venue gives no id: one is made of all that it says, the wallet behind it among that.
fn id_of(update: &AccountUpdate<'_>, row: &BalanceChange<'_>, change: &Text<'_>) -> u64 {
    let times = [update.event_ms.to_le_bytes(), update.time_ms.to_le_bytes()];
    let words = [
        row.asset.as_bytes(),
        b"/",
        change.as_bytes(),
        b"/",
        row.wallet.as_bytes(),
    ];
    let bytes = times.iter().flatten().chain(words.into_iter().flatten());
    bytes.fold(FNV_START, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
    })
}

/// Constants of the hash FNV-1a.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn held(
    row: &PositionChange<'_>,
    entry: &Entry,
    time_ms: u64,
) -> Result<PositionReport, WireError> {
    one_way(Some(&row.side))?;
    let margin = match &row.isolated {
        Some(text) => numbers::money(text, "iw")?,
        None => Money::new(Decimal::ZERO),
    };
    Ok(PositionReport {
        qty: signed_lots(entry, &row.amount)?,
        entry: numbers::money(&row.entry, "ep")?,
        liquidation: Ticks(0),
        margin,
        venue_time_ns: numbers::nanoseconds(time_ms),
        leverage_bps: 0,
        mode: if row.margin_type.as_str().eq_ignore_ascii_case("isolated") {
            MarginMode::Isolated
        } else {
            MarginMode::Cross
        },
        reserved: [0; 19],
    })
}

/// A quantity with its sign, exact.
pub(super) fn signed_lots(entry: &Entry, text: &Text<'_>) -> Result<Lots, WireError> {
    let (sign, digits) = match text.as_bytes().strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, text.as_bytes()),
    };
    match entry.qty.parse(digits) {
        Ok(lots) => Ok(Lots(sign * lots)),
        Err(error) => Err(WireError::Number { field: "pa", error }),
    }
}
