//! The venue's answers and private events in the gateway's neutral words.
//!
//! Hot path: yes. Allocates: for lists.

use model::body::{
    AssetName, Liquidity, OrderStatus, RejectReason, Text as Cut, Transfer, TransferKind,
};

use super::dialect::{ORDERS_DAY, ORDERS_TEN, WEIGHT};
use crate::binance::wire::codes::classify;
use crate::binance::wire::frame::{self, ErrorBody, Frame, RateLimit};
use crate::binance::wire::user::{self, Balances, Execution, Report, UserEvent};
use crate::gateway::known::Owner;
use crate::gateway::numbers::{self, Terms};
use crate::gateway::said::{
    Absence, Answer, Change, Count, Event, FillSeen, OrderChange, OrderSeen, OrderState, Refusal,
    StopScope,
};
use crate::wire::symbols::Entry;
use crate::wire::text::Text;
use crate::wire::{Inline, Raw, Symbols, WireError, order_id};

/// The venue does not know the order.
const NO_SUCH_ORDER: i32 = -2013;
/// The order ended without fills, long ago.
const ARCHIVED: i32 = -2026;
/// "Unknown order sent.": there is nothing to cancel.
const NOTHING_OPEN: i32 = -2011;
/// Too many orders: only new ones wait.
const TOO_MANY_ORDERS: i32 = -1015;

/// One message of the connection.
pub(super) fn message<'a>(
    bytes: &'a [u8],
    symbols: &Symbols,
    events: &mut Vec<Event>,
) -> Result<Option<Answer<'a, Raw<'a>>>, WireError> {
    match frame::decode(bytes)? {
        Frame::Answer(answer) => {
            let mut counts = Inline::default();
            answer
                .limits
                .iter()
                .filter_map(count)
                .for_each(|count| counts.push(count));
            let outcome = match answer.outcome {
                Ok(Some(result)) => Ok(result),
                // `time` and the like have one; a bare success has nothing to read.
                Ok(None) => Ok(Raw::NULL),
                Err(error) => Err(refusal(answer.status, error)),
            };
            Ok(Some(Answer {
                id: answer.id,
                outcome,
                counts,
            }))
        }
        Frame::Event(event) => {
            told(&event, symbols, events);
            Ok(None)
        }
    }
}

/// The venue's own count of one of the windows that we keep.
fn count(limit: &RateLimit<'_>) -> Option<Count> {
    let interval = limit.interval.as_str();
    let window = match (limit.rate_limit_type.as_str(), interval, limit.interval_num) {
        ("REQUEST_WEIGHT", "MINUTE", 1) => WEIGHT,
        ("ORDERS", "SECOND", 10) => ORDERS_TEN,
        ("ORDERS", "DAY", 1) => ORDERS_DAY,
        _ => return None,
    };
    Some(Count {
        window,
        limit: limit.limit,
        used: limit.count,
    })
}

pub(super) fn refusal(status: u16, error: ErrorBody<'_>) -> Refusal<'_, Raw<'_>> {
    let code = error.code;
    Refusal {
        verdict: classify(status, code, error.message()),
        absence: match code {
            NO_SUCH_ORDER => Absence::Unknown,
            ARCHIVED => Absence::Archived,
            _ => Absence::No,
        },
        nothing_open: code == NOTHING_OPEN,
        code,
        stops: if code == TOO_MANY_ORDERS {
            StopScope::Orders
        } else if status == 418 {
            StopScope::Ban
        } else {
            StopScope::All
        },
        until_ms: error.retry_after_ms(),
        body: error.data,
        words: error.into_message(),
    }
}

pub(in crate::binance) fn owner_of(client_id: &[u8]) -> Owner {
    match order_id::parse(client_id) {
        Some(id) => Owner::Ours(id.raw()),
        None => Owner::Foreign,
    }
}

pub(in crate::binance) const fn liquidity(maker: bool) -> Liquidity {
    if maker {
        Liquidity::Maker
    } else {
        Liquidity::Taker
    }
}

fn told(event: &UserEvent<'_>, symbols: &Symbols, events: &mut Vec<Event>) {
    match event {
        UserEvent::Report(report) => events.push(execution(report, symbols)),
        UserEvent::Balances(balances) => said_balances(balances, events),
        UserEvent::Transfer(moved) => events.push(match transfer(moved) {
            Ok(transfer) => Event::Transfer(transfer),
            Err(error) => Event::Strange("a transfer that cannot be booked", error),
        }),
        UserEvent::Terminated => events.push(Event::Ended("the venue ended the private stream")),
        UserEvent::Shutdown => events.push(Event::Closing),
        UserEvent::Ignored => {}
    }
}

fn said_balances(balances: &Balances<'_>, events: &mut Vec<Event>) {
    for row in balances.rows.iter() {
        let asset = row.asset.as_str();
        let balance = numbers::balance(asset, &row.free, &row.locked, balances.time_ms);
        events.push(match balance {
            Ok(balance) => Event::Balance(balance),
            Err(error) => Event::Strange("a balance", error),
        });
    }
}

fn execution(report: &Report<'_>, symbols: &Symbols) -> Event {
    let owner = owner_of(report.client_id());
    let entry = symbols.find(report.symbol.as_bytes());
    let told = match entry {
        Some(entry) => executed(report, entry),
        None => Err(WireError::UnknownSymbol),
    };
    if let (Ok(Told::Trade(trade_id)), Some(entry)) = (&told, entry) {
        return Event::Fill(FillSeen {
            slot: entry.slot,
            owner: Some(owner),
            order_id: report.order_id,
            trade_id: *trade_id,
            fill: traded(report, *trade_id, entry),
        });
    }
    let order = |state| OrderSeen {
        slot: entry.map(|entry| entry.slot),
        owner,
        order_id: report.order_id,
        state,
    };
    Event::Order(match told {
        Ok(Told::Change(change, state)) => {
            let reason = report.reason.as_ref().map_or("", |reason| reason.as_str());
            let expiry = report.expiry.as_ref().map_or("", |expiry| expiry.as_str());
            let rejected = change == Change::Rejected;
            OrderChange {
                order: order(Ok(state)),
                change: Some(change),
                reason: if rejected {
                    reason_of(reason)
                } else {
                    RejectReason::None
                },
                code: 0,
                words: Cut::cut(if rejected { reason } else { expiry }),
            }
        }
        Ok(Told::Trade(_)) => unread(order(Err(WireError::UnknownSymbol))),
        Err(error) => unread(order(Err(error))),
    })
}

const fn unread(order: OrderSeen) -> OrderChange {
    OrderChange {
        order,
        change: None,
        reason: RejectReason::None,
        code: 0,
        words: Cut::EMPTY,
    }
}

/// What a report is about.
enum Told {
    Trade(u64),
    Change(Change, OrderState),
}

fn executed(report: &Report<'_>, entry: &Entry) -> Result<Told, WireError> {
    let execution = report.execution()?;
    if execution == Execution::Trade {
        let missing = WireError::Missing { field: "t" };
        return Ok(Told::Trade(report.trade_id().ok_or(missing)?));
    }
    let status = report.status()?;
    let state = OrderState {
        status,
        cum_qty: numbers::filled(entry, &report.cum_qty, "z")?,
        qty: report
            .qty
            .as_ref()
            .map(|qty| numbers::ordered(entry, qty, "q")),
        time_ns: numbers::nanoseconds(report.time_ms),
    };
    let ended = !matches!(
        status,
        OrderStatus::Open | OrderStatus::PartiallyFilled | OrderStatus::NotStated
    );
    let change = match execution {
        Execution::New => Change::Open,
        Execution::Cancelled => Change::Cancelled,
        Execution::Rejected => Change::Rejected,
        Execution::Expired => Change::Expired,
        Execution::Replaced => Change::Amended,
        // A part was prevented and the rest lives, or all of it is over.
        Execution::TradePrevention if ended => Change::Expired,
        Execution::TradePrevention => Change::Open,
        Execution::Trade | Execution::Calculated => {
            return Err(WireError::Value { field: "x" });
        }
    };
    Ok(Told::Change(change, state))
}

fn traded(
    report: &Report<'_>,
    trade_id: u64,
    entry: &Entry,
) -> Result<model::body::Fill, WireError> {
    let missing = |field| WireError::Missing { field };
    let terms = Terms {
        order_id: report.order_id,
        trade_id,
        time_ms: report.time_ms,
        price: report.last_price.as_ref().ok_or(missing("L"))?,
        qty: report.last_qty.as_ref().ok_or(missing("l"))?,
        fee: report.fee.as_ref().ok_or(missing("n"))?,
        fee_asset: report.fee_asset.as_ref().map_or("", Text::as_str),
        side: report.side()?,
        liquidity: liquidity(report.maker),
    };
    terms.fill(entry)
}

fn reason_of(word: &str) -> RejectReason {
    match word {
        "INSUFFICIENT_BALANCES" => RejectReason::Balance,
        "WOULD_MATCH_IMMEDIATELY" => RejectReason::WouldTake,
        _ => RejectReason::Other,
    }
}

/// What moved without a trade. The venue gives no id: one is made of all that it says.
fn transfer(moved: &user::Transfer<'_>) -> Result<Transfer, WireError> {
    let amount = numbers::money(&moved.delta, "d")?;
    let value = amount.get();
    let kind = if value.is_zero() {
        TransferKind::Adjustment
    } else if value.is_sign_negative() {
        TransferKind::Withdrawal
    } else {
        TransferKind::Deposit
    };
    let times = [moved.event_ms.to_le_bytes(), moved.time_ms.to_le_bytes()];
    let words = [moved.asset.as_bytes(), b"/", moved.delta.as_bytes()];
    let bytes = times.iter().flatten().chain(words.into_iter().flatten());
    Ok(Transfer {
        amount,
        id: bytes.fold(FNV_START, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
        }),
        venue_time_ns: numbers::nanoseconds(moved.time_ms),
        asset: AssetName::cut(moved.asset.as_str()),
        kind,
        reserved: [0; 33],
    })
}

/// Constants of the hash FNV-1a.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
