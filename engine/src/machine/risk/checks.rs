//! Risk's checks: one small pure function each, with the value it saw and the threshold it holds.
//!
//! Every check passes at its threshold and refuses one step beyond it. Missing data refuses what
//! opens risk; cancels need none of these checks.
//!
//! Hot path: yes. Allocates: no.

use model::body::{LinkState, OrderType, RefusalReason, Side, TimeInForce};
use model::instrument::InstrumentSpec;
use model::limits::{COMMANDS_IN_FLIGHT_MAX, COMMANDS_RESERVED_FOR_CANCELS};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::bucket::{MessageBucket, Urgency};
use super::exposure::Exposure;
use super::limits::{OrderLimits, RiskLimits};
use crate::machine::divide::{div_ceil, div_floor};
use crate::machine::intent::Place;
use crate::machine::market::{Book, Top};

/// Why an intent was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: RefusalReason,
    pub(super) value: i64,
    pub(super) threshold: i64,
}

impl Refused {
    pub(super) const fn new(reason: RefusalReason, value: i64, threshold: i64) -> Self {
        Self {
            reason,
            value,
            threshold,
        }
    }

    pub(super) const fn plain(reason: RefusalReason) -> Self {
        Self::new(reason, 0, 0)
    }
}

type Verdict = Result<(), Refused>;

const OVERFLOW: Refused = Refused::plain(RefusalReason::Overflow);

/// A value in 1e-8, cut to 64 bits.
pub(super) fn e8(value: Decimal) -> i64 {
    value
        .checked_mul(Decimal::from(100_000_000))
        .and_then(|scaled| scaled.trunc().to_i64())
        .unwrap_or(if value.is_sign_negative() {
            i64::MIN
        } else {
            i64::MAX
        })
}

fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn require(holds: bool, refused: Refused) -> Verdict {
    if holds { Ok(()) } else { Err(refused) }
}

/// As [`require`], for a refusal whose numbers are not free to make.
fn require_or(holds: bool, refused: impl FnOnce() -> Refused) -> Verdict {
    if holds { Ok(()) } else { Err(refused()) }
}

/// The kill switch is off, and the engine is neither stopping nor in cancel-only.
pub(super) fn switches(killed: bool, stopping: bool, cancel_only: bool) -> Verdict {
    require(!killed, Refused::plain(RefusalReason::Killed))?;
    require(!stopping, Refused::plain(RefusalReason::Stopping))?;
    require(!cancel_only, Refused::plain(RefusalReason::CancelOnly))
}

/// The fields make sense together.
pub(super) fn form(place: &Place) -> Verdict {
    let priced = place.price > Ticks::ZERO || place.order_type == OrderType::Market;
    let rests = place.time_in_force == TimeInForce::Gtc;
    let fits = match place.order_type {
        OrderType::Limit => true,
        OrderType::Market => !rests,
        OrderType::PostOnly => rests,
    };
    require(
        priced && fits && place.qty > Lots::ZERO,
        Refused::plain(RefusalReason::Malformed),
    )
}

/// The venue's order connection is up, and all older orders are confirmed over it.
pub(super) fn connected(link: LinkState, unconfirmed: u32) -> Verdict {
    require(
        link == LinkState::Up && unconfirmed == 0,
        Refused::new(
            RefusalReason::NotConnected,
            link as i64,
            i64::from(unconfirmed),
        ),
    )
}

/// The book is usable and young enough.
pub(super) fn book(book: &Book, now_ns: u64, age_max_ns: u64) -> Result<Top, Refused> {
    let age = now_ns.saturating_sub(book.updated_ns());
    let refused = Refused::new(RefusalReason::StaleBook, clamp(age), clamp(age_max_ns));
    require(age <= age_max_ns, refused)?;
    book.top().ok_or(refused)
}

/// Lowest and highest price that the collar allows around the book's middle, rounded inwards.
pub(super) fn collar(top: &Top, collar_bps: u32) -> Option<(Ticks, Ticks)> {
    let mid_x2 = i128::from(top.bid.price.0) + i128::from(top.ask.price.0);
    let reach = mid_x2 * i128::from(collar_bps);
    let unit = 20_000;
    let low = div_ceil(mid_x2 * 10_000 - reach, unit);
    let high = div_floor(mid_x2 * 10_000 + reach, unit);
    Some((
        Ticks(i64::try_from(low).ok()?),
        Ticks(i64::try_from(high).ok()?),
    ))
}

/// The price that counts: a market order is priced at the collar, its worst acceptable price.
pub(super) fn effective_price(place: &Place, bounds: (Ticks, Ticks)) -> Ticks {
    match (place.order_type, place.side) {
        (OrderType::Market, Side::Buy) => bounds.1,
        (OrderType::Market, Side::Sell) => bounds.0,
        (OrderType::Limit | OrderType::PostOnly, Side::Buy | Side::Sell) => place.price,
    }
}

/// The venue's own rules.
pub(super) fn venue_filters(
    spec: &InstrumentSpec,
    price: Ticks,
    qty: Lots,
    value: Decimal,
) -> Verdict {
    for (bound, outside) in [
        (
            spec.price_min,
            spec.price_min.is_some_and(|min| price < min),
        ),
        (
            spec.price_max,
            spec.price_max.is_some_and(|max| price > max),
        ),
    ] {
        let threshold = bound.map_or(0, |bound| bound.0);
        let refused = Refused::new(RefusalReason::PriceFilter, price.0, threshold);
        require(!outside, refused)?;
    }
    for (bound, outside) in [
        (spec.qty_min, qty < spec.qty_min),
        (spec.qty_max, qty > spec.qty_max),
    ] {
        let refused = Refused::new(RefusalReason::QuantityFilter, qty.0, bound.0);
        require(!outside, refused)?;
    }
    for (bound, outside) in [
        (
            spec.notional_min,
            spec.notional_min.is_some_and(|min| value < min),
        ),
        (
            spec.notional_max,
            spec.notional_max.is_some_and(|max| value > max),
        ),
    ] {
        require_or(!outside, || {
            let threshold = e8(bound.unwrap_or_default());
            Refused::new(RefusalReason::NotionalFilter, e8(value), threshold)
        })?;
    }
    Ok(())
}

/// Not above our largest quantity.
pub(super) fn max_quantity(qty: Lots, limits: &OrderLimits) -> Verdict {
    require(
        qty <= limits.qty_max,
        Refused::new(RefusalReason::MaxQuantity, qty.0, limits.qty_max.0),
    )
}

/// Not above our largest value.
pub(super) fn max_value(value: Decimal, limits: &OrderLimits) -> Verdict {
    require_or(value <= limits.value_max, || {
        Refused::new(RefusalReason::MaxValue, e8(value), e8(limits.value_max))
    })
}

/// Not too far from the book, on either side of it.
pub(super) fn price_collar(price: Ticks, bounds: (Ticks, Ticks)) -> Verdict {
    let nearest = price.clamp(bounds.0, bounds.1.max(bounds.0));
    require(
        price == nearest,
        Refused::new(RefusalReason::PriceCollar, price.0, nearest.0),
    )
}

/// The position stays within the limit, should everything live on its side fill.
pub(super) fn position_limit(
    side: Side,
    qty: Lots,
    position: Lots,
    exposure: &Exposure,
    limits: &OrderLimits,
) -> Verdict {
    let open = match side {
        Side::Buy => exposure.buys,
        Side::Sell => exposure.sells,
    };
    let held = position.0.checked_mul(side.sign()).ok_or(OVERFLOW)?;
    let worst = held
        .checked_add(open)
        .and_then(|sum| sum.checked_add(qty.0))
        .ok_or(OVERFLOW)?;
    let limit = limits.position_max.0;
    require(
        worst <= limit,
        Refused::new(RefusalReason::PositionLimit, worst, limit),
    )
}

/// Not too many open orders, on the instrument and over everything.
pub(super) fn open_orders(
    exposure: &Exposure,
    orders: &OrderLimits,
    limits: &RiskLimits,
) -> Verdict {
    for (open, most) in [
        (exposure.open_on_instrument, orders.open_orders_max),
        (exposure.open, limits.open_orders_max),
    ] {
        let after = i64::from(open) + 1;
        let most = i64::from(most);
        let refused = Refused::new(RefusalReason::OpenOrders, after, most);
        require(after <= most, refused)?;
    }
    Ok(())
}

/// A message is free.
pub(super) fn message_rate(bucket: &MessageBucket, urgency: Urgency) -> Verdict {
    let wait = bucket.wait_ns(urgency);
    require(
        wait == 0,
        Refused::new(RefusalReason::MessageRate, clamp(wait), 0),
    )
}

/// Would not trade with an order of ours, whichever strategy's.
pub(super) fn self_cross(exposure: &Exposure) -> Verdict {
    match exposure.crossed {
        None => Ok(()),
        Some((id, price)) => Err(Refused::new(
            RefusalReason::SelfCross,
            i64::from_le_bytes(id.raw().to_le_bytes()),
            price.0,
        )),
    }
}

/// Not too many commands wait for the gateway.
pub(super) fn in_flight(commands: u32, urgency: Urgency) -> Verdict {
    let most = match urgency {
        Urgency::Ordinary => COMMANDS_IN_FLIGHT_MAX - COMMANDS_RESERVED_FOR_CANCELS,
        Urgency::Urgent => COMMANDS_IN_FLIGHT_MAX,
    };
    let (after, most) = (i64::from(commands) + 1, clamp(most as u64));
    require(
        after <= most,
        Refused::new(RefusalReason::InFlight, after, most),
    )
}

/// An order marked reduce-only can only reduce, should everything live on its side fill first.
pub(super) fn reduce_only(place: &Place, position: Lots, exposure: &Exposure) -> Verdict {
    if !place.reduce_only {
        return Ok(());
    }
    let (held, open) = match place.side {
        Side::Buy => (position.0.checked_neg().ok_or(OVERFLOW)?, exposure.buys),
        Side::Sell => (position.0, exposure.sells),
    };
    let after = open.checked_add(place.qty.0).ok_or(OVERFLOW)?;
    let most = held.max(0);
    require(
        after <= most,
        Refused::new(RefusalReason::ReduceOnly, after, most),
    )
}

/// What it needs is free by our own books: a spot account cannot sell what it does not have.
pub(super) fn funds(needed: Decimal, held: Decimal, exposure: &Exposure) -> Verdict {
    let reserved = exposure.reserved.ok_or(OVERFLOW)?;
    let free = held.checked_sub(reserved).ok_or(OVERFLOW)?;
    require_or(needed <= free, || {
        Refused::new(RefusalReason::Funds, e8(needed), e8(free))
    })
}
