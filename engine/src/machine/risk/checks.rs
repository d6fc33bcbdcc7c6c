//! Risk's checks: one small pure function each, with the value it saw and the limit it holds.
//!
//! Every check passes at its limit and refuses one step beyond it. Missing data refuses what opens
//! risk; cancels need none of these checks.
//!
//! A measure is built and weighed where it is used (`inline(always)`): handed over in memory it
//! would be written in small pieces and read in large ones, which costs more than the check.
//!
//! Hot path: yes. Allocates: no.

use model::body::{LinkState, NoticeLevel, OrderType, RefusalReason, Side, TimeInForce};
use model::control::{Control, Scope};
use model::instrument::InstrumentSpec;
use model::limits::{
    COMMANDS_IN_FLIGHT_MAX, COMMANDS_RESERVED_FOR_CANCELS, COMMANDS_SHARED_WITH_REDUCTIONS,
};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::bounds::Bound;
use super::bucket::{MessageBucket, Urgency};
pub(super) use super::measure::{Measure, e8_up};
use super::reference::Reference;
use super::trace::Verdict;
use crate::machine::intent::Place;
use crate::machine::market::{Book, Top};
use crate::machine::orders::Order;
use crate::machine::orders::sums::units;

/// Why an intent was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: RefusalReason,
    pub(super) value: i64,
    pub(super) threshold: i64,
    pub(super) control: Option<Control>,
    pub(super) scope: Scope,
    pub(super) level: NoticeLevel,
}

impl Refused {
    pub(super) const fn new(reason: RefusalReason, value: i64, threshold: i64) -> Self {
        Self {
            reason,
            value,
            threshold,
            control: None,
            scope: Scope::Overall,
            level: NoticeLevel::Hard,
        }
    }

    pub(super) const fn plain(reason: RefusalReason) -> Self {
        Self::new(reason, 0, 0)
    }

    /// By a control, in a scope.
    pub(super) const fn by(self, control: Control, scope: Scope) -> Self {
        Self {
            control: Some(control),
            scope,
            ..self
        }
    }
}

pub(super) const OVERFLOW: Refused = Refused::plain(RefusalReason::Overflow);

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

pub(super) fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Kill switch, stop and cancel-only are off.
#[inline(always)]
pub(super) fn switches(killed: bool, stopping: bool, cancel_only: bool) -> [Measure; 3] {
    let switch = |on: bool, reason| Measure::switch(Control::KillSwitch, !on, reason);
    [
        switch(killed, RefusalReason::Killed),
        switch(stopping, RefusalReason::Stopping),
        switch(cancel_only, RefusalReason::CancelOnly),
    ]
}

/// The verdict on an order that the switch of a scope let through; on, if it is a flatten's.
pub(super) fn let_through(scope: Scope, killed: bool) -> Verdict {
    let off = Measure::switch(Control::KillSwitch, true, RefusalReason::Killed);
    Verdict {
        value: i64::from(killed),
        ..off.of(scope).verdict()
    }
}

/// The fields make sense together.
#[inline(always)]
pub(super) fn form(place: &Place) -> Measure {
    let priced = place.price > Ticks::ZERO || place.order_type == OrderType::Market;
    let rests = place.time_in_force == TimeInForce::Gtc;
    let fits = match place.order_type {
        OrderType::Limit => true,
        OrderType::Market => !rests,
        OrderType::PostOnly => rests,
    };
    let holds = priced && fits && place.qty > Lots::ZERO;
    Measure::switch(Control::Form, holds, RefusalReason::Malformed)
}

/// The venue's order connection is up, and all older orders are confirmed over it.
#[inline(always)]
pub(super) fn connected(link: LinkState, unconfirmed: u32) -> Measure {
    let up = link == LinkState::Up && unconfirmed == 0;
    Measure::switch(Control::Link, up, RefusalReason::NotConnected)
        .saying(link as i64, i64::from(unconfirmed))
}

/// The book is whole, two-sided, not crossed, and young enough.
pub(super) fn book(book: &Book, now_ns: u64, age_max_ns: u64) -> (Measure, Option<Top>) {
    let age = clamp(now_ns.saturating_sub(book.updated_ns()));
    let top = book.top();
    let bound = (Scope::Overall, Bound::hard(clamp(age_max_ns)));
    let measure = Measure::at_most(
        Control::BookAge,
        age,
        bound,
        false,
        RefusalReason::StaleBook,
    );
    (measure.only_if(top.is_some()), top)
}

/// The price that counts: a market order is priced at the collar, its worst acceptable price.
pub(super) fn effective_price(place: &Place, bounds: (Ticks, Ticks)) -> Ticks {
    match (place.order_type, place.side) {
        (OrderType::Market, Side::Buy) => bounds.1,
        (OrderType::Market, Side::Sell) => bounds.0,
        (OrderType::Limit | OrderType::PostOnly, Side::Buy | Side::Sell) => place.price,
    }
}

/// The venue's own rules. The value is in 1e-18 of the quote asset.
pub(super) fn venue_filters(
    spec: &InstrumentSpec,
    price: Ticks,
    qty: Lots,
    value: i128,
) -> Measure {
    let scope = Scope::Instrument(spec.id);
    let filter = |holds, reason, (seen, bound): (i64, i64)| {
        Measure::switch(Control::VenueFilter, holds, reason)
            .saying(seen, bound)
            .of(scope)
    };
    let low = spec.price_min.filter(|min| price < *min);
    if let Some(bound) = low.or(spec.price_max.filter(|max| price > *max)) {
        return filter(false, RefusalReason::PriceFilter, (price.0, bound.0));
    }
    if qty < spec.qty_min || qty > spec.qty_max {
        let bound = if qty < spec.qty_min {
            spec.qty_min
        } else {
            spec.qty_max
        };
        return filter(false, RefusalReason::QuantityFilter, (qty.0, bound.0));
    }
    let low = spec.notional_min.filter(|min| value < units(*min));
    if let Some(bound) = low.or(spec.notional_max.filter(|max| value > units(*max))) {
        let value = e8_up(value);
        return filter(false, RefusalReason::NotionalFilter, (value, e8(bound)));
    }
    filter(true, RefusalReason::PriceFilter, (0, 0))
}

/// Not too far from what it is measured against, on either side of it. A refusal says the order's
/// price, and the nearest that the limit allows.
#[inline(always)]
pub(super) fn price_collar(
    price: Ticks,
    reference: Reference,
    bound: (Scope, Bound),
    allowed: bool,
) -> Measure {
    let bps = reference.distance_bps(price);
    let measure = Measure::at_most(
        Control::PriceCollar,
        bps,
        bound,
        allowed,
        RefusalReason::PriceCollar,
    );
    let Some(limit) = measure.broken() else {
        return measure;
    };
    let bounds = reference.bounds(limit);
    let nearest = bounds.map_or(price, |(low, high)| price.clamp(low, high.max(low)));
    measure.saying(price.0, nearest.0)
}

/// The position that results if everything live on the order's side fills, and the order too.
pub(super) fn worst_position(
    side: Side,
    qty: Lots,
    position: Lots,
    pending: (i64, i64),
) -> Result<i64, Refused> {
    let open = match side {
        Side::Buy => pending.0,
        Side::Sell => pending.1,
    };
    let held = position.0.checked_mul(side.sign()).ok_or(OVERFLOW)?;
    held.checked_add(open)
        .and_then(|sum| sum.checked_add(qty.0))
        .ok_or(OVERFLOW)
}

/// A message is free.
#[inline(always)]
pub(super) fn message_rate(bucket: &MessageBucket, urgency: Urgency) -> Measure {
    let reason = RefusalReason::MessageRate;
    Measure::has_message(Control::MessageBurst, bucket.above_floor(urgency), reason)
        .saying(clamp(bucket.wait_ns(urgency)), 0)
}

/// Would not trade with an order of ours, whichever strategy's or account's.
#[inline(always)]
pub(super) fn self_cross(crossed: Option<&Order>) -> Measure {
    let measure = Measure::switch(
        Control::SelfTrade,
        crossed.is_none(),
        RefusalReason::SelfCross,
    );
    match crossed {
        None => measure,
        Some(order) => measure.saying(
            i64::from_le_bytes(order.client_id.raw().to_le_bytes()),
            order.price.0,
        ),
    }
}

/// Not too many commands wait for the gateway.
#[inline(always)]
pub(super) fn in_flight(commands: u32, urgency: Urgency) -> Measure {
    let most = match urgency {
        Urgency::Ordinary => COMMANDS_IN_FLIGHT_MAX - COMMANDS_RESERVED_FOR_CANCELS,
        Urgency::Reducing => {
            COMMANDS_IN_FLIGHT_MAX - COMMANDS_RESERVED_FOR_CANCELS + COMMANDS_SHARED_WITH_REDUCTIONS
        }
        Urgency::Urgent => COMMANDS_IN_FLIGHT_MAX,
    };
    let bound = (Scope::Overall, Bound::hard(clamp(most as u64)));
    Measure::at_most(
        Control::InFlight,
        i64::from(commands) + 1,
        bound,
        false,
        RefusalReason::InFlight,
    )
}

/// The lots that would be ordered on an order's side with it, and the most that may be if it is
/// only to reduce the position, should everything live on its side fill first.
pub(super) fn reduction(
    side: Side,
    qty: Lots,
    position: Lots,
    pending: (i64, i64),
) -> Result<(i64, i64), Refused> {
    let (held, open) = match side {
        Side::Buy => (position.0.checked_neg().ok_or(OVERFLOW)?, pending.0),
        Side::Sell => (position.0, pending.1),
    };
    let after = open.checked_add(qty.0).ok_or(OVERFLOW)?;
    Ok((after, held.max(0)))
}

/// An order marked reduce-only can only reduce.
#[inline(always)]
pub(super) fn reduce_only(marked: bool, (after, most): (i64, i64)) -> Measure {
    let bound = (
        Scope::Overall,
        Bound::hard(if marked { most } else { i64::MAX }),
    );
    Measure::at_most(
        Control::ReduceOnly,
        after,
        bound,
        false,
        RefusalReason::ReduceOnly,
    )
}

/// What it needs is free by our own books: a spot account cannot sell what it does not have. The
/// numbers are 1e-18 of the asset; the verdict is in 1e-8, needs rounded up and what is free down.
#[inline(always)]
pub(super) fn funds(needed: i128, free: i128) -> Measure {
    Measure::covered(Control::Funds, (needed, free), RefusalReason::Funds)
}
