//! Prices and quantities of a row: read as whole steps, or told to the report.

use model::body::Level;
use model::num::{Lots, NumberError, Ticks};

use super::super::findings::Finding;
use super::super::row::Head;
use super::super::stream::Context;

/// Reads a price above zero and a quantity of zero or more; what cannot be goes to the report.
///
/// A quantity that is no whole number of lots is cut, as a live feed does, and counted: orders that
/// rest from before a change of the venue's rules have such. A price is never rounded.
pub(super) fn level(
    head: &Head,
    price: &str,
    qty: &str,
    context: &mut Context<'_>,
) -> Option<Level> {
    let read = context.catalog.price(head.slot, price);
    let ticks = check(head, "price", price, 1, context, read)?;
    let lots = match context.catalog.qty(head.slot, qty) {
        Err(NumberError::OffStep) => {
            let lots = context.catalog.qty_down(head.slot, qty).ok()?;
            let text = || format!("quantity {qty:?} is cut to {lots} lots");
            context.findings.add(Finding::CutQty, head, text);
            lots
        }
        read => check(head, "quantity", qty, 0, context, read)?,
    };
    Some(Level {
        price: Ticks(ticks),
        qty: Lots(lots),
    })
}

/// Reads price and quantity of a trade, both above zero; what is none goes to the report.
pub(super) fn trade(
    head: &Head,
    price: &str,
    qty: &str,
    context: &mut Context<'_>,
) -> Option<Level> {
    let is_zero = |text: &str| text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let level = if is_zero(price) || is_zero(qty) {
        None
    } else {
        let level = level(head, price, qty, context)?;
        (level.qty > Lots::ZERO).then_some(level)
    };
    if level.is_none() {
        let text = || format!("price {price:?}, quantity {qty:?}");
        context.findings.add(Finding::NoTrade, head, text);
    }
    level
}

/// Reads a mark or index price above zero; what cannot be goes to the report.
pub(super) fn mark(head: &Head, text: &str, context: &mut Context<'_>) -> Option<Ticks> {
    let read = context.catalog.mark(head.slot, text);
    check(head, "mark price", text, 1, context, read).map(Ticks)
}

/// A number that was read, if it is at least `least`; else it goes to the report.
pub(super) fn check(
    head: &Head,
    what: &str,
    text: &str,
    least: i64,
    context: &mut Context<'_>,
    read: Result<i64, NumberError>,
) -> Option<i64> {
    let (finding, error) = match read {
        Ok(value) if value >= least => return Some(value),
        Ok(_) => (Finding::Impossible, "is too small".to_owned()),
        Err(NumberError::OffStep) => (Finding::OffGrid, NumberError::OffStep.to_string()),
        Err(error) => (Finding::Impossible, error.to_string()),
    };
    let text = || format!("{what} {text:?}: {error}");
    context.findings.add(finding, head, text);
    None
}
