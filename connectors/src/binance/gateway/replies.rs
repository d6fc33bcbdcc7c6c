//! What the venue's answers say, by what was asked, in the gateway's neutral words.
//!
//! Hot path: yes. Allocates: for lists.

use model::body::{AssetName, Liquidity, Side};
use model::num::Lots;

use super::dialect::TRADES_PAGE;
use super::hear::{liquidity, owner_of, refusal};
use crate::binance::wire::order::{
    AmendAnswer, CancelReplace, CancelledList, Half as WireHalf, OrderAnswer, TradeRow,
};
use crate::binance::wire::rest::{Account, ServerTime};
use crate::gateway::numbers::{self, Terms};
use crate::gateway::said::{AccountSeen, FillSeen, Half, OrderSeen, OrderState, Reply, TradesSeen};
use crate::gateway::table::{Purpose, Task};
use crate::wire::error::from_raw;
use crate::wire::symbols::Entry;
use crate::wire::{Inline, Raw, Symbols, WireError};

/// Reads an answer by what was asked.
pub(super) fn reply<'a>(
    purpose: &Purpose,
    body: Raw<'a>,
    symbols: &Symbols,
    entries: &[Entry],
) -> Result<Reply<'a, Raw<'a>>, WireError> {
    let order = |raw| OrderAnswer::read(raw).map(|answer| seen(&answer, symbols));
    Ok(match *purpose {
        Purpose::Place(key) => {
            let answer = OrderAnswer::read(body)?;
            let fills = fills(&answer, key.slot, entries)?;
            Reply::Placed(seen(&answer, symbols), fills)
        }
        Purpose::Cancel(_) | Purpose::Status(_) => Reply::Order(order(body)?),
        Purpose::Replace { new, .. } => {
            let halves = CancelReplace::read(body)?;
            Reply::Halves(
                half(halves.cancel, new.slot, symbols, entries)?,
                half(halves.place, new.slot, symbols, entries)?,
            )
        }
        Purpose::Amend(_) => {
            let answer: AmendAnswer<'_> = from_raw(body)?;
            let mut seen = seen(&answer.amended_order, symbols);
            if let Ok(state) = &mut seen.state {
                state.time_ns = numbers::nanoseconds(answer.transact_time);
            }
            Reply::Order(seen)
        }
        Purpose::Own(task) => own(task, body, symbols, entries)?,
    })
}

fn own<'a>(
    task: Task,
    body: Raw<'a>,
    symbols: &Symbols,
    entries: &[Entry],
) -> Result<Reply<'a, Raw<'a>>, WireError> {
    Ok(match task {
        Task::Time => Reply::Time(from_raw::<ServerTime>(body)?.server_time),
        Task::Reconcile { .. } | Task::List { .. } => {
            let rows: Vec<OrderAnswer<'_>> = from_raw(body)?;
            let seen = rows.iter().map(|row| Ok(seen(row, symbols))).collect();
            Reply::Orders(seen, None)
        }
        Task::CancelAll { .. } => Reply::Orders(cancelled(body, symbols)?, None),
        Task::Trades { slot, .. } => Reply::Trades(trades(body, &entries[slot], |last| last)?),
        Task::TradesOf { key, .. } => {
            let next = |last: u64| last.saturating_add(1);
            Reply::Trades(trades(body, &entries[key.slot], next)?)
        }
        Task::Account => Reply::Account(account(&from_raw(body)?)),
        Task::WhoIs { .. } => Reply::Order(seen(&OrderAnswer::read(body)?, symbols)),
        Task::Logon | Task::Subscribe => Reply::Done,
        Task::KeepAlive
        | Task::DeadMan { .. }
        | Task::Positions
        | Task::Money { .. }
        | Task::CancelSome { .. } => {
            return Err(WireError::UnknownKind);
        }
    })
}

pub(in crate::binance) fn seen(answer: &OrderAnswer<'_>, symbols: &Symbols) -> OrderSeen {
    let entry = symbols.find(answer.symbol.as_bytes());
    OrderSeen {
        slot: entry.map(|entry| entry.slot),
        owner: owner_of(answer.client_id()),
        order_id: answer.order_id,
        state: match entry {
            Some(entry) => state(answer, entry),
            None => Err(WireError::UnknownSymbol),
        },
    }
}

fn state(answer: &OrderAnswer<'_>, entry: &Entry) -> Result<OrderState, WireError> {
    let cum_qty = match &answer.executed_qty {
        Some(qty) => numbers::filled(entry, qty, "executedQty")?,
        None => Lots(0),
    };
    let qty = answer.orig_qty.as_ref();
    Ok(OrderState {
        status: answer.status()?,
        cum_qty,
        qty: qty.map(|qty| numbers::ordered(entry, qty, "qty")),
        time_ns: numbers::nanoseconds(answer.time_ms()),
    })
}

/// Fills at placement. One without an id is left out: the stream brings it with its id.
fn fills(
    answer: &OrderAnswer<'_>,
    slot: usize,
    entries: &[Entry],
) -> Result<Inline<FillSeen, 4>, WireError> {
    let mut fills = Inline::default();
    for row in answer.fills.iter() {
        let Some(trade_id) = row.trade_id else {
            continue;
        };
        let terms = Terms {
            order_id: answer.order_id,
            trade_id,
            time_ms: answer.time_ms(),
            price: &row.price,
            qty: &row.qty,
            fee: &row.commission,
            fee_asset: row.commission_asset.as_str(),
            side: answer.side()?,
            liquidity: Liquidity::Taker,
        };
        fills.push(FillSeen {
            slot,
            owner: Some(owner_of(answer.client_id())),
            order_id: answer.order_id,
            trade_id,
            fill: terms.fill(&entries[slot]),
        });
    }
    Ok(fills)
}

fn half<'a>(
    half: WireHalf<'a>,
    slot: usize,
    symbols: &Symbols,
    entries: &[Entry],
) -> Result<Half<'a, Raw<'a>>, WireError> {
    Ok(match half {
        WireHalf::Done(answer) => {
            let fills = fills(&answer, slot, entries)?;
            Half::Done(seen(&answer, symbols), fills)
        }
        WireHalf::Failed(error) => Half::Failed(refusal(400, error)),
        WireHalf::NotAttempted => Half::NotAttempted,
    })
}

/// Each row of a cancel of everything is an order or a list of some.
fn cancelled(
    body: Raw<'_>,
    symbols: &Symbols,
) -> Result<Vec<Result<OrderSeen, WireError>>, WireError> {
    let rows: Vec<Raw<'_>> = from_raw(body)?;
    let mut orders = Vec::with_capacity(rows.len());
    for row in rows {
        match OrderAnswer::read(row) {
            Ok(answer) => orders.push(Ok(seen(&answer, symbols))),
            Err(error) => match from_raw::<CancelledList<'_>>(row) {
                Ok(list) => {
                    let reports = list.order_reports.iter();
                    orders.extend(reports.map(|answer| Ok(seen(answer, symbols))));
                }
                Err(_) => orders.push(Err(error)),
            },
        }
    }
    Ok(orders)
}

/// A page of trades; the next begins where `next` says behind the last one. In a page of all trades
/// that is the last one again: one with ourselves has two rows, which a page may part.
pub(in crate::binance) fn trades(
    body: Raw<'_>,
    entry: &Entry,
    next: impl Fn(u64) -> u64,
) -> Result<TradesSeen, WireError> {
    let rows: Vec<TradeRow<'_>> = from_raw(body)?;
    let last = rows.iter().map(|row| row.id).max();
    let full = rows.len() as u64 >= TRADES_PAGE;
    Ok(TradesSeen {
        rows: rows.iter().map(|row| trade(row, entry)).collect(),
        next: last.filter(|_| full).map(next),
    })
}

fn trade(row: &TradeRow<'_>, entry: &Entry) -> FillSeen {
    let terms = Terms {
        order_id: row.order_id,
        trade_id: row.id,
        time_ms: row.time,
        price: &row.price,
        qty: &row.qty,
        fee: &row.commission,
        fee_asset: row.commission_asset.as_str(),
        side: if row.is_buyer { Side::Buy } else { Side::Sell },
        liquidity: liquidity(row.is_maker),
    };
    FillSeen {
        slot: entry.slot,
        owner: None,
        order_id: row.order_id,
        trade_id: row.id,
        fill: terms.fill(entry),
    }
}

fn account(account: &Account<'_>) -> AccountSeen {
    let balances = account.balances.iter().map(|row| {
        let asset = row.asset.as_str();
        let balance = numbers::balance(asset, &row.free, &row.locked, account.update_time);
        (AssetName::cut(asset), balance)
    });
    AccountSeen {
        can_trade: account.can_trade,
        time_ns: numbers::nanoseconds(account.update_time),
        balances: balances.collect(),
    }
}
