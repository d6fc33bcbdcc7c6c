//! What an order has to pass to be held: the limits on one order, on the position and on what is
//! open, as if it were at the venue, at the price that it may trigger at. So one that is held
//! finds its room when it triggers, whatever else triggers.
//!
//! Not asked yet, for only the moment of the trigger has the answer: the book's age, the collar,
//! funds (the venue locks none), the rate, self-trade, and switches that let reductions through.
//! Every check is asked again at the trigger.
//!
//! Hot path: yes. Allocates: no.

use model::body::{NoticeCode, NoticeLevel, OrderType, RefusalReason, Side};
use model::control::{Control, Scope};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::checks::{OVERFLOW, Refused};
use super::judge_order::{Run, Subject};
use super::notices::Told;
use super::trace::{Trace, Verdict};
use super::{Entry, Risk};
use crate::machine::divide::div_ceil;
use crate::machine::held::{Held, Offset, TriggerKind, Unit};
use crate::machine::intent::{Intent, Place};

impl Risk {
    /// Judges an order that is to be held against everything else, held ones too, and gives it the
    /// value that it counts with from now on.
    ///
    /// # Errors
    ///
    /// The limit that it would pass.
    pub(super) fn clear_held(
        &mut self,
        intent: &Intent,
        held: &mut Held,
        trace: &mut impl Trace,
    ) -> Result<(), Refused> {
        // Of its group only the worst one counts.
        self.held.set_aside(Unit::of(held));
        let (lot_value, overridden) = self.weigh_held(intent, &held.place, trace)?;
        held.lot_value = lot_value;
        if let Some(passed) = overridden {
            let told = Told::new(NoticeCode::SoftOverridden, NoticeLevel::Soft, passed.scope)
                .by(passed.control, passed.value, passed.soft)
                .about(held.id.raw())
                .at(held.place.price, held.place.qty);
            self.notice(told);
        }
        Ok(())
    }

    fn weigh_held(
        &self,
        intent: &Intent,
        place: &Place,
        trace: &mut impl Trace,
    ) -> Result<(Decimal, Option<Verdict>), Refused> {
        let mut run = Run::new(trace);
        let subject = Subject {
            reduces: place.reduce_only,
            beside_held: true,
            ..self.subject(intent, place, None)?
        };
        let spec = subject.entry.listing.spec();
        let collar = self.collar_bps(subject.whose);
        let Some(price) = reference(subject.entry, place, collar) else {
            if place.reduce_only {
                return Ok((Decimal::ZERO, None));
            }
            let scope = Scope::Instrument(place.instrument);
            return Err(Refused::plain(RefusalReason::NoPrice).by(Control::BookAge, scope));
        };
        let order = self.value_of(spec.id, price, place.qty)?;
        self.order_limits(&subject, (price, None), order, &mut run)?;
        self.position_limits(&subject, price, &mut run)?;
        self.open_limits(&subject, order, &mut run)?;
        self.capital_limits(&subject, &mut run)?;
        let lot_value = spec.notional(price, Lots(1)).ok_or(OVERFLOW)?;
        Ok((lot_value, run.overridden))
    }
}

/// The price at which a held order counts. A limit order's own; a market order's is where its
/// trigger stands now, and for a buy the collar beyond it. `None` if nothing says so.
pub(super) fn reference(entry: &Entry, place: &Place, collar_bps: i64) -> Option<Ticks> {
    if place.order_type != OrderType::Market {
        return Some(place.price);
    }
    let top = entry.listing.book().top();
    let known = || {
        top.map(|top| Ticks(i64::midpoint(top.bid.price.0, top.ask.price.0)))
            .or_else(|| entry.listing.last_trade().map(|trade| trade.price))
    };
    let at = match place.trigger.map(|trigger| trigger.kind) {
        Some(TriggerKind::Stop { level } | TriggerKind::TakeProfit { level }) => level,
        Some(TriggerKind::Trailing { offset, activation }) => {
            let from = activation.or_else(known)?;
            let away = match (place.side, offset) {
                (Side::Sell, _) => 0,
                (Side::Buy, Offset::Ticks(ticks)) => ticks,
                (Side::Buy, Offset::Bps(bps)) => part_of(from, i64::from(bps))?,
            };
            Ticks(from.0.checked_add(away)?)
        }
        None => known()?,
    };
    match place.side {
        Side::Sell => Some(at),
        Side::Buy => Some(Ticks(at.0.checked_add(part_of(at, collar_bps)?)?)),
    }
}

/// Basis points of a price, rounded up.
fn part_of(price: Ticks, bps: i64) -> Option<i64> {
    let part = div_ceil(i128::from(price.0) * i128::from(bps), 10_000);
    i64::try_from(part).ok()
}
