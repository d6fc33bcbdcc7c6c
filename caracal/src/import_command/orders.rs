//! Single orders of a venue's book: each change as it came, and behind it the levels that it makes.
//!
//! Nothing is repaired: a change of an order that is not known, an order that is added twice and a
//! trade of more than rests are left out and counted with their place.

use model::body::{BookChange, BookOrder, Level, Side};
use model::num::{Lots, Ticks};

use super::dataset::DataSet;
use super::findings::{Finding, Findings};
use super::kept::State;
use super::row::Head;
use crate::output::Failure;

/// Takes one order's change; whether levels changed.
///
/// # Errors
///
/// [`Failure`]: the data set cannot be written.
pub(super) fn take(
    set: &mut DataSet,
    head: &Head,
    told: &BookOrder,
    findings: &mut Findings,
) -> Result<bool, Failure> {
    begin(set, head, findings)?;
    let id = told.order_id;
    let known = set.kept(head.slot).orders.get(&id).map(|(_, order)| *order);
    let traded = set.kept(head.slot).traded.get(&id).copied().unwrap_or(0);
    let finding = match (told.change, known) {
        (BookChange::Added, Some(_)) => Some(Finding::OrderTwice),
        (BookChange::Changed | BookChange::Removed | BookChange::Traded, None) => {
            Some(Finding::UnknownOrder)
        }
        (BookChange::Traded, Some(known)) if told.qty.0 + traded > known.qty.0 => {
            Some(Finding::OrderBeyond)
        }
        (BookChange::Added, None) | (_, Some(_)) => None,
    };
    if let Some(finding) = finding {
        let text = || format!("order {id}: {:?} {} lots", told.change, told.qty.0);
        findings.add(finding, head, text);
        return Ok(false);
    }
    // A change keeps the side on which the order rests, a removal says where that was.
    let mut told = *told;
    if let Some(known) = known {
        told.side = known.side;
        if told.change == BookChange::Removed {
            told.price = known.price;
        }
    }
    set.order(head, &told)?;
    let (before, now) = match told.change {
        BookChange::Added => (None, Some((told.price, told.qty))),
        BookChange::Changed => (known, Some((told.price, told.qty))),
        BookChange::Removed => (known, None),
        BookChange::Traded => {
            // What is left is said by the next change; until then no more may trade than rested.
            let kept = set.kept_mut(head.slot);
            kept.traded.insert(id, traded + told.qty.0);
            return Ok(false);
        }
    };
    let kept = set.kept_mut(head.slot);
    if now.is_some() {
        kept.put_order(&told);
    } else {
        kept.remove_order(id);
    }
    let changed = levels(set, head.slot, told.side, before, now);
    write(set, head, told.side, &changed)?;
    Ok(true)
}

/// Every order of a side is gone, or of both.
///
/// # Errors
///
/// As [`take`].
pub(super) fn clear(
    set: &mut DataSet,
    head: &Head,
    side: Option<Side>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let gone = set.kept(head.slot).orders_by_place();
    for order in gone
        .iter()
        .filter(|order| side.is_none_or(|side| side == order.side))
    {
        let told = BookOrder {
            qty: Lots::ZERO,
            change: BookChange::Removed,
            venue_time_ns: head.venue_ns,
            ..*order
        };
        take(set, head, &told, findings)?;
    }
    Ok(())
}

/// A book of orders begins empty: what rests is added one by one.
fn begin(set: &mut DataSet, head: &Head, findings: &mut Findings) -> Result<(), Failure> {
    if set.kept(head.slot).state == State::Whole {
        return Ok(());
    }
    let text = || "the first message of the book is of one order".to_owned();
    findings.add(Finding::NoSnapshot, head, text);
    set.book(head, 0, &[], 0)?;
    set.book_is_whole(head)
}

/// The levels that an order leaves and comes to, with their new quantities.
fn levels(
    set: &DataSet,
    slot: usize,
    side: Side,
    before: Option<BookOrder>,
    now: Option<(Ticks, Lots)>,
) -> Vec<Level> {
    let kept = set.kept(slot);
    let level = |price: Ticks, more: i64| Level {
        price,
        qty: Lots((kept.at(side, price) + more).max(0)),
    };
    match (before, now) {
        (Some(before), Some((price, qty))) if before.price == price => {
            vec![level(price, qty.0 - before.qty.0)]
        }
        (before, now) => {
            let left = before.map(|before| level(before.price, -before.qty.0));
            let come = now.map(|(price, qty)| level(price, qty.0));
            left.into_iter().chain(come).collect()
        }
    }
}

fn write(set: &mut DataSet, head: &Head, side: Side, levels: &[Level]) -> Result<(), Failure> {
    let bids = match side {
        Side::Buy => levels.len(),
        Side::Sell => 0,
    };
    set.levels(head, 0, levels, bids)
}
