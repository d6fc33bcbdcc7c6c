//! Money that moves without a trade: asked for when the stream says that some did, behind each
//! connection, and now and then, so that a silent stream loses nothing.
//!
//! Invariant M1: the cursor of a list rises only by what was asked for and dealt with. What is at
//! the cursor itself is remembered by its ids: several rows may have one time.
//!
//! Control plane. Allocates: for lists.

use super::dialect::Dialect;
use super::said::{Event, MoneySeen, Moved};
use super::session::Session;
use super::table::{MoneyKind, Task};

const SECOND_NS: u64 = 1_000_000_000;
/// The lists are asked for at least this often.
pub(super) const MONEY_NS: u64 = 60 * SECOND_NS;

/// How far a list was read.
#[derive(Debug, Default)]
pub(crate) struct MoneyCursor {
    after: Option<u64>,
    /// What was seen at the cursor.
    ids: Vec<u64>,
}

const fn place(kind: MoneyKind) -> usize {
    match kind {
        MoneyKind::Funding => 0,
        MoneyKind::Transfer => 1,
    }
}

impl<D: Dialect> Session<D> {
    /// Asks for all lists behind what is known of them. What moved before the first connection is
    /// in the balances that it begins with.
    pub(super) fn ask_for_money(&mut self) {
        let Some(lists) = self.habits.money else {
            return;
        };
        let now_ns = self.emit.stamp_ns;
        self.money_due_ns = now_ns.saturating_add(MONEY_NS);
        for kind in lists.kinds {
            let cursor = &mut self.money[place(*kind)];
            if lists.by_time && cursor.after.is_none() {
                cursor.after = Some(self.line.time.now_ms(now_ns));
            }
            self.money_moved(*kind);
        }
    }

    /// Asks for one list.
    pub(super) fn money_moved(&mut self, kind: MoneyKind) {
        self.want(Task::Money {
            kind,
            after: self.money[place(kind)].after,
            page: None,
            latest: 0,
        });
    }

    /// A page of a list.
    pub(super) fn on_money(
        &mut self,
        (kind, after): (MoneyKind, Option<u64>),
        latest: u64,
        seen: &MoneySeen,
    ) {
        let latest = seen.rows.iter().map(|row| row.at).fold(latest, u64::max);
        let mut rows: Vec<_> = seen.rows.iter().collect();
        rows.sort_by_key(|row| (row.at, row.id));
        for row in rows {
            let known = &self.money[place(kind)];
            let is_new = known.after.is_some_and(|after| row.at > after)
                || (known.after == Some(row.at) && !known.ids.contains(&row.id));
            if is_new && after.is_some() {
                match row.moved {
                    Ok(Moved::Funding(slot, funding)) => self.event(Event::Funding(slot, funding)),
                    Ok(Moved::Transfer(transfer)) => self.event(Event::Transfer(transfer)),
                    Err(error) => self.strange("money that cannot be booked", error),
                }
            }
        }
        if let (Some(page), Some(_)) = (seen.next, after) {
            self.tasks.push_back(Task::Money {
                kind,
                after,
                page: Some(page),
                latest,
            });
            return;
        }
        let cursor = &mut self.money[place(kind)];
        let reached = cursor.after.max(Some(latest));
        if reached > cursor.after {
            cursor.ids.clear();
        }
        cursor.after = reached;
        let at = seen.rows.iter().filter(|row| Some(row.at) == reached);
        cursor.ids.extend(at.map(|row| row.id));
        cursor.ids.sort_unstable();
        cursor.ids.dedup();
    }
}
