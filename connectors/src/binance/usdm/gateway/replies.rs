//! What the venue's answers say, by what was asked, in the gateway's neutral words.
//!
//! Hot path: yes. Allocates: for lists.

use model::body::{AssetName, Funding, MarginMode, OrderStatus, PositionReport};
use model::num::{Lots, Money, Ticks};
use rust_decimal::Decimal;

use super::hear::{one_way, signed_lots, wallet};
use super::kept::KeptOrders;
use crate::binance::gateway::hear::owner_of;
use crate::binance::gateway::replies::{seen, trades};
use crate::binance::usdm::wire::account::{BalanceRow, IncomeRow, ListenKeyAnswer, PositionRow};
use crate::binance::usdm::wire::request::Kept;
use crate::binance::wire::order::OrderAnswer;
use crate::binance::wire::rest::ServerTime;
use crate::gateway::known::Owner;
use crate::gateway::numbers;
use crate::gateway::said::{
    AccountSeen, MoneyRow, MoneySeen, Moved, OrderSeen, PositionSeen, Reply,
};
use crate::gateway::table::{Purpose, Task};
use crate::wire::error::from_raw;
use crate::wire::symbols::Entry;
use crate::wire::{Inline, Raw, Symbols, WireError};

/// Reads an answer by what was asked.
pub(super) fn reply<'a>(
    purpose: &Purpose,
    body: Raw<'a>,
    symbols: &Symbols,
    (entries, kept): (&[Entry], &mut KeptOrders),
) -> Result<Reply<'a, Raw<'a>>, WireError> {
    Ok(match *purpose {
        Purpose::Place(_) => {
            let answer = OrderAnswer::read(body)?;
            Reply::Placed(placed(seen(&answer, symbols)), Inline::default())
        }
        Purpose::Cancel(_) | Purpose::Status(_) => {
            Reply::Order(seen(&OrderAnswer::read(body)?, symbols))
        }
        Purpose::Amend(_) => {
            let order = seen(&OrderAnswer::read(body)?, symbols);
            let ended = matches!(&order.state, Ok(state) if !lives(state.status));
            // Its new quantity is filled already, or it would take: the stream says how it ended.
            if ended {
                Reply::Done
            } else {
                Reply::Order(order)
            }
        }
        // Two requests do it.
        Purpose::Replace { .. } => return Err(WireError::UnknownKind),
        Purpose::Own(task) => own(task, body, symbols, (entries, kept))?,
    })
}

const fn lives(status: OrderStatus) -> bool {
    match status {
        OrderStatus::NotStated | OrderStatus::Open | OrderStatus::PartiallyFilled => true,
        OrderStatus::Filled
        | OrderStatus::Cancelled
        | OrderStatus::Expired
        | OrderStatus::Rejected => false,
    }
}

/// The answer tells what is filled and not by which fills. Those go out first: what is filled, and
/// an end behind it, are the private stream's to say.
fn placed(mut order: OrderSeen) -> OrderSeen {
    if let Ok(state) = &mut order.state
        && state.cum_qty > Lots(0)
    {
        state.status = OrderStatus::Open;
        state.cum_qty = Lots(0);
    }
    order
}

fn own<'a>(
    task: Task,
    body: Raw<'a>,
    symbols: &Symbols,
    (entries, kept): (&[Entry], &mut KeptOrders),
) -> Result<Reply<'a, Raw<'a>>, WireError> {
    Ok(match task {
        Task::Time => Reply::Time(from_raw::<ServerTime>(body)?.server_time),
        Task::Reconcile { .. } | Task::List { .. } => {
            let rows: Vec<OrderAnswer<'_>> = from_raw(body)?;
            rows.iter().for_each(|row| learn(row, symbols, kept));
            let seen = rows.iter().map(|row| Ok(seen(row, symbols))).collect();
            Reply::Orders(seen, None)
        }
        Task::Trades { slot, .. } => Reply::Trades(trades(body, &entries[slot], |last| last)?),
        Task::TradesOf { key, .. } => {
            let next = |last: u64| last.saturating_add(1);
            Reply::Trades(trades(body, &entries[key.slot], next)?)
        }
        Task::Account => Reply::Account(account(&from_raw::<Vec<BalanceRow<'_>>>(body)?)),
        Task::Positions => {
            let rows: Vec<PositionRow<'_>> = from_raw(body)?;
            Reply::Positions(positions(&rows, symbols, entries))
        }
        Task::Money { .. } => {
            let rows: Vec<IncomeRow<'_>> = from_raw(body)?;
            Reply::Money(incomes(&rows, symbols)?)
        }
        Task::WhoIs { .. } => Reply::Order(seen(&OrderAnswer::read(body)?, symbols)),
        Task::Subscribe => {
            let answer: ListenKeyAnswer<'_> = from_raw(body)?;
            let missing = WireError::Missing { field: "listenKey" };
            let key = answer.listen_key.ok_or(missing)?;
            let usable = key.as_bytes().iter().all(u8::is_ascii_alphanumeric);
            if key.as_str().is_empty() || !usable {
                return Err(WireError::Value { field: "listenKey" });
            }
            Reply::Stream(format!("/private/ws/{}", key.as_str()))
        }
        Task::Logon | Task::KeepAlive | Task::DeadMan { .. } | Task::CancelAll { .. } => {
            Reply::Done
        }
        Task::CancelSome { .. } => return Err(WireError::UnknownKind),
    })
}

/// Remembers an open order's price: after a start nobody else has told it.
fn learn(row: &OrderAnswer<'_>, symbols: &Symbols, kept: &mut KeptOrders) {
    let Owner::Ours(client_id) = owner_of(row.client_id()) else {
        return;
    };
    let entry = symbols.find(row.symbol.as_bytes());
    let (Some(entry), Some(price), Ok(side)) = (entry, &row.price, row.side()) else {
        return;
    };
    if let Ok(price) = entry.price.parse(price.as_bytes()) {
        let price = Ticks(price);
        kept.learn(client_id, Kept { side, price });
    }
}

fn account(rows: &[BalanceRow<'_>]) -> AccountSeen {
    let balances = rows.iter().map(|row| {
        let asset = row.asset.as_str();
        let time_ms = row.update_time;
        let balance = wallet(asset, &row.balance, &row.cross_wallet_balance, time_ms);
        (AssetName::cut(asset), balance)
    });
    let latest = rows.iter().map(|row| row.update_time).max();
    AccountSeen {
        can_trade: true,
        time_ns: numbers::nanoseconds(latest.unwrap_or(0)),
        balances: balances.collect(),
    }
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
        let Some(entry) = symbols.find(row.symbol.as_bytes()) else {
            continue;
        };
        if let Some(place) = listed.get_mut(entry.slot) {
            *place = true;
        }
        let slot = entry.slot;
        seen.push(held(row, entry).map(|report| PositionSeen { slot, report }));
    }
    let flat = listed.iter().enumerate().filter(|(_, listed)| !**listed);
    seen.extend(flat.map(|(slot, _)| Ok(PositionSeen::flat(slot))));
    seen
}

/// Rows of a full page of incomes.
const INCOMES: usize = 1_000;

/// Funding by its instrument, the oldest first. Of an instrument that we do not trade it is none of
/// ours.
fn incomes(rows: &[IncomeRow<'_>], symbols: &Symbols) -> Result<MoneySeen, WireError> {
    let mut seen = MoneySeen::default();
    for row in rows {
        let Some(entry) = symbols.find(row.symbol.as_bytes()) else {
            continue;
        };
        let id = row.id().ok_or(WireError::Missing { field: "tranId" })?;
        let moved = numbers::money(&row.income, "income").map(|amount| {
            let funding = Funding {
                amount,
                id,
                rate_e9: 0,
                qty: Lots(0),
                venue_time_ns: numbers::nanoseconds(row.time),
                asset: AssetName::cut(row.asset.as_str()),
                reserved: [0; 18],
            };
            Moved::Funding(entry.slot, funding)
        });
        seen.rows.push(MoneyRow {
            at: row.time,
            id,
            moved,
        });
    }
    let last = rows.iter().map(|row| row.time).max();
    seen.next = last.filter(|_| rows.len() >= INCOMES);
    Ok(seen)
}

fn held(row: &PositionRow<'_>, entry: &Entry) -> Result<PositionReport, WireError> {
    one_way(Some(&row.position_side))?;
    let margin = match &row.isolated_wallet {
        Some(text) => numbers::money(text, "isolatedWallet")?,
        None => Money::new(Decimal::ZERO),
    };
    let isolated = match &row.margin_type {
        Some(word) => word.as_str().eq_ignore_ascii_case("isolated"),
        None => !margin.get().is_zero(),
    };
    let leverage: u32 = match &row.leverage {
        Some(text) => text.as_str().parse().unwrap_or(0),
        None => 0,
    };
    let liquidation = entry.price.parse_down(row.liquidation_price.as_bytes());
    Ok(PositionReport {
        qty: signed_lots(entry, &row.position_amt)?,
        entry: numbers::money(&row.entry_price, "entryPrice")?,
        // Below zero and beyond all prices there is none.
        liquidation: Ticks(liquidation.unwrap_or(0)),
        margin,
        venue_time_ns: numbers::nanoseconds(row.update_time),
        leverage_bps: leverage.saturating_mul(10_000),
        mode: if isolated {
            MarginMode::Isolated
        } else {
            MarginMode::Cross
        },
        reserved: [0; 19],
    })
}
