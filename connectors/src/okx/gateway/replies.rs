//! What the venue's answers say, by what was asked, in the gateway's neutral words.
//!
//! An order's answer only says that it was taken: what became of it is the order channel's to say.
//! Hot path: yes. Allocates: for lists.

use model::body::{AssetName, Fill, Funding, OrderStatus, Transfer, TransferKind};
use model::num::Lots;

use super::dialect::HISTORY;
use super::events::{self, owner_of};
use super::hear::Body;
use crate::gateway::known;
use crate::gateway::numbers;
use crate::gateway::said::{
    AccountSeen, FillSeen, MoneyRow, MoneySeen, Moved, OrderSeen, OrderState, PositionSeen, Reply,
    TradesSeen,
};
use crate::gateway::table::{MoneyKind, OrderKey, Purpose, Task};
use crate::okx::wire::account::{AccountRow, BillRow, PositionRow};
use crate::okx::wire::frame::Ack;
use crate::okx::wire::private::{FillRow, OrderRow};
use crate::okx::wire::request::TradeMode;
use crate::okx::wire::rest::TimeRow;
use crate::wire::error::from_raw;
use crate::wire::symbols::Entry;
use crate::wire::{Inline, Raw, Symbols, WireError};

/// Rows of a full page, of orders and of fills.
const PAGE: usize = 100;

/// Reads an answer by what was asked.
pub(super) fn reply<'a>(
    purpose: &Purpose,
    body: Body<'a>,
    symbols: &Symbols,
    (mode, entries): (TradeMode, &[Entry]),
) -> Result<Reply<'a, Body<'a>>, WireError> {
    let data = |body| match body {
        Body::Data(data) => Ok(data),
        Body::Acks(_) | Body::Done => Err(WireError::UnknownKind),
    };
    Ok(match (*purpose, body) {
        (Purpose::Place(key), Body::Acks(acks)) => {
            let ack = acks.iter().next().ok_or(WireError::UnknownKind)?;
            Reply::Placed(placed(key, ack), Inline::default())
        }
        (Purpose::Cancel(_) | Purpose::Amend(_), Body::Acks(_)) => Reply::Done,
        (Purpose::Status(_), body) => Reply::Order(only(data(body)?, symbols)?),
        (Purpose::Own(task), body) => match (task, body) {
            (Task::Logon | Task::Subscribe, Body::Done)
            | (Task::CancelSome { .. }, Body::Acks(_))
            | (Task::DeadMan { .. }, _) => Reply::Done,
            (task, body) => own(task, data(body)?, symbols, (mode, entries))?,
        },
        // Two requests replace; every other answer about orders says what it is of.
        (
            Purpose::Replace { .. } | Purpose::Place(_) | Purpose::Cancel(_) | Purpose::Amend(_),
            _,
        ) => {
            return Err(WireError::UnknownKind);
        }
    })
}

fn placed(key: OrderKey, ack: &Ack<'_>) -> OrderSeen {
    OrderSeen {
        slot: Some(key.slot),
        owner: owner_of(ack.client_id()),
        order_id: ack.order_id(),
        state: Ok(OrderState {
            status: OrderStatus::NotStated,
            cum_qty: Lots(0),
            qty: None,
            time_ns: numbers::nanoseconds(ack.time_ms()),
        }),
    }
}

/// The one order that was asked for.
fn only(data: Raw<'_>, symbols: &Symbols) -> Result<OrderSeen, WireError> {
    let rows: Inline<OrderRow<'_>, 1> = from_raw(data)?;
    let row = rows.iter().next();
    events::seen(row.ok_or(WireError::Missing { field: "data" })?, symbols)
}

fn own<'a>(
    task: Task,
    data: Raw<'_>,
    symbols: &Symbols,
    (mode, entries): (TradeMode, &[Entry]),
) -> Result<Reply<'a, Body<'a>>, WireError> {
    Ok(match task {
        Task::Time => {
            let rows: Inline<TimeRow<'_>, 1> = from_raw(data)?;
            let row = rows.iter().next();
            Reply::Time(row.ok_or(WireError::Missing { field: "data" })?.ms()?)
        }
        Task::Reconcile { .. } | Task::List { .. } | Task::CancelAll { .. } => {
            let rows: Vec<OrderRow<'_>> = from_raw(data)?;
            let orders: Vec<_> = rows.iter().map(|row| events::seen(row, symbols)).collect();
            let ids = orders.iter().flatten().map(|order| order.order_id);
            // The latest first: the next page lies behind the oldest.
            let next = ids.min().filter(|_| rows.len() >= PAGE);
            Reply::Orders(orders, next)
        }
        Task::Trades {
            slot, after, page, ..
        } => Reply::Trades(trades(data, &entries[slot], after, page)?),
        Task::TradesOf { key, page, .. } => {
            Reply::Trades(trades_of(data, &entries[key.slot], page)?)
        }
        Task::Money { kind, .. } => {
            let rows: Vec<BillRow<'_>> = from_raw(data)?;
            Reply::Money(bills(&rows, kind, symbols)?)
        }
        Task::Account => {
            let rows: Inline<AccountRow<'_>, 1> = from_raw(data)?;
            let row = rows.iter().next();
            Reply::Account(account(
                row.ok_or(WireError::Missing { field: "data" })?,
                mode,
            )?)
        }
        Task::Positions => {
            let rows: Vec<PositionRow<'_>> = from_raw(data)?;
            Reply::Positions(positions(&rows, symbols, entries))
        }
        Task::WhoIs { .. } => Reply::Order(only(data, symbols)?),
        Task::Logon
        | Task::Subscribe
        | Task::KeepAlive
        | Task::DeadMan { .. }
        | Task::CancelSome { .. } => return Err(WireError::UnknownKind),
    })
}

/// The ledger's id of the oldest row, and whether the page is full.
fn oldest(rows: &[FillRow<'_>]) -> Result<(Option<u64>, bool), WireError> {
    let mut oldest = None;
    for row in rows {
        let id = row.bill_id()?;
        oldest = Some(oldest.map_or(id, |oldest: u64| oldest.min(id)));
    }
    Ok((oldest, rows.len() >= PAGE))
}

/// A page of our trades, the latest first; the next one is older, until the trade that is known has
/// been seen. What three days do not hold the longer history is asked for.
fn trades(
    data: Raw<'_>,
    entry: &Entry,
    after: Option<u64>,
    page: Option<u64>,
) -> Result<TradesSeen, WireError> {
    let rows: Vec<FillRow<'_>> = from_raw(data)?;
    let (oldest, full) = oldest(&rows)?;
    let history = page.unwrap_or(0) & HISTORY;
    let seen: Vec<FillSeen> = rows
        .iter()
        .map(|row| trade(row, entry))
        .collect::<Result<_, _>>()?;
    let known = |row: &FillSeen| known::is_counted(row.trade_id) && Some(row.trade_id) <= after;
    let next = match after {
        // Nothing of before concerns us.
        None => None,
        // Nor does what is older than three days, where nothing was known at the start.
        Some(0) => oldest.filter(|_| full),
        Some(_) if seen.iter().any(known) => None,
        Some(_) if full => oldest.map(|oldest| oldest | history),
        Some(_) if history == 0 => {
            let behind = oldest.or(page).unwrap_or(0);
            Some(behind | HISTORY)
        }
        Some(_) => None,
    };
    Ok(TradesSeen { rows: seen, next })
}

/// A page of one order's trades, the latest first.
fn trades_of(data: Raw<'_>, entry: &Entry, page: Option<u64>) -> Result<TradesSeen, WireError> {
    let rows: Vec<FillRow<'_>> = from_raw(data)?;
    let (oldest, full) = oldest(&rows)?;
    let history = page.unwrap_or(0) & HISTORY;
    let next = match page {
        _ if full => oldest.map(|oldest| oldest | history),
        // It has trades, so they are older than three days.
        None if rows.is_empty() => Some(HISTORY),
        _ => None,
    };
    let rows = rows.iter().map(|row| trade(row, entry));
    Ok(TradesSeen {
        rows: rows.collect::<Result<_, _>>()?,
        next,
    })
}

fn trade(row: &FillRow<'_>, entry: &Entry) -> Result<FillSeen, WireError> {
    let (order_id, trade_id) = (row.order_id()?, row.trade_id()?);
    let owner = Some(row.client_id()).filter(|id| !id.is_empty());
    Ok(FillSeen {
        slot: entry.slot,
        owner: owner.map(owner_of),
        order_id,
        trade_id,
        fill: filled(row, (order_id, trade_id), entry),
    })
}

fn filled(
    row: &FillRow<'_>,
    (venue_order_id, trade_id): (u64, u64),
    entry: &Entry,
) -> Result<Fill, WireError> {
    let (fee, fee_asset) = row.fee()?;
    Ok(Fill {
        client_id: 0,
        venue_order_id,
        venue_time_ns: numbers::nanoseconds(row.time_ms()?),
        trade_id,
        price: events::ticks(entry, &row.fill_px)?,
        qty: numbers::ordered(entry, &row.fill_sz, "fillSz")?,
        fee,
        fee_asset: AssetName::cut(fee_asset),
        side: row.side()?,
        liquidity: row.liquidity()?,
    })
}

fn account(row: &AccountRow<'_>, mode: TradeMode) -> Result<AccountSeen, WireError> {
    let balances = row.details.iter().map(|asset| {
        let name = AssetName::cut(asset.ccy.as_str());
        (name, events::balance(asset, mode))
    });
    Ok(AccountSeen {
        can_trade: true,
        time_ns: numbers::nanoseconds(row.time_ms()?),
        balances: balances.collect(),
    })
}

/// Entries of the ledger, the latest first. Funding of an instrument that we do not trade is none
/// of ours.
fn bills(rows: &[BillRow<'_>], kind: MoneyKind, symbols: &Symbols) -> Result<MoneySeen, WireError> {
    let mut seen = MoneySeen::default();
    let mut oldest = None;
    for row in rows {
        let id = row.id()?;
        oldest = Some(oldest.map_or(id, |oldest: u64| oldest.min(id)));
        let slot = symbols.find(row.inst_id.as_bytes()).map(|entry| entry.slot);
        let moved = match (kind, slot) {
            (MoneyKind::Funding, None) => continue,
            (MoneyKind::Funding, Some(slot)) => {
                funding(row, id).map(|funding| Moved::Funding(slot, funding))
            }
            (MoneyKind::Transfer, _) => transfer(row, id).map(Moved::Transfer),
        };
        seen.rows.push(MoneyRow { at: id, id, moved });
    }
    seen.next = oldest.filter(|_| rows.len() >= PAGE);
    Ok(seen)
}

fn funding(row: &BillRow<'_>, id: u64) -> Result<Funding, WireError> {
    Ok(Funding {
        amount: numbers::money(&row.bal_chg, "balChg")?,
        id,
        rate_e9: 0,
        qty: Lots(0),
        venue_time_ns: numbers::nanoseconds(row.time_ms()?),
        asset: AssetName::cut(row.ccy.as_str()),
        reserved: [0; 18],
    })
}

fn transfer(row: &BillRow<'_>, id: u64) -> Result<Transfer, WireError> {
    let amount = numbers::money(&row.bal_chg, "balChg")?;
    Ok(Transfer {
        amount,
        id,
        venue_time_ns: numbers::nanoseconds(row.time_ms()?),
        asset: AssetName::cut(row.ccy.as_str()),
        kind: if amount.get().is_sign_negative() {
            TransferKind::Withdrawal
        } else {
            TransferKind::Deposit
        },
        reserved: [0; 33],
    })
}

/// The venue lists only what is open: an instrument of ours that it leaves out is flat.
fn positions(
    rows: &[PositionRow<'_>],
    symbols: &Symbols,
    entries: &[Entry],
) -> Vec<Result<PositionSeen, WireError>> {
    let mut seen = Vec::with_capacity(entries.len());
    let mut listed = vec![false; entries.len()];
    for row in rows {
        // A position in an instrument that we do not trade is none of ours.
        let Some(entry) = symbols.find(row.inst_id.as_bytes()) else {
            continue;
        };
        let slot = entry.slot;
        listed[slot] = true;
        seen.push(events::held(row, entry).map(|report| PositionSeen { slot, report }));
    }
    let flat = listed.iter().enumerate().filter(|(_, listed)| !**listed);
    seen.extend(flat.map(|(slot, _)| Ok(PositionSeen::flat(slot))));
    seen
}
