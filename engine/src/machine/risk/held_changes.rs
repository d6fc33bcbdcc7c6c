//! Changes of held orders that their strategies ask for: their end, a smaller quantity, another
//! order in their place. What is at the venue by now is changed there.
//!
//! Hot path: yes. Allocates: no.

use model::body::{NoticeCode, NoticeLevel, RefusalReason};
use model::control::{Control, Scope};
use model::ids::ClientOrderId;
use model::num::Lots;

use super::Risk;
use super::checks::{self, Refused};
use super::judge_change::not_open;
use super::judge_held::reference;
use super::notices::Told;
use super::trace::Trace;
use crate::machine::held::{Held, HeldEnd, Unit};
use crate::machine::intent::{Intent, Place};
use crate::machine::outputs::Outputs;

impl Risk {
    /// The end of a held order, asked for by its strategy. `None` if it is none of its held ones.
    pub(super) fn judge_cancel_held(
        &mut self,
        intent: &Intent,
        id: ClientOrderId,
        out: &mut Outputs,
    ) -> Option<Result<(), Refused>> {
        let held = self.held.get(id)?;
        if held.strategy != intent.strategy {
            return None;
        }
        let Some(order) = held.working() else {
            self.held.finish(id, HeldEnd::Asked, self.epoch);
            return Some(Ok(()));
        };
        let verdict = self.judge_cancel(intent, order, out);
        if verdict.is_ok() {
            self.held
                .change(id, |held| held.ending = Some(HeldEnd::Asked));
        }
        Some(verdict)
    }

    /// A smaller quantity for a held order, and for its whole group, whose orders are all for one
    /// quantity. `None` if it is none of the strategy's held ones.
    pub(super) fn judge_amend_held(
        &mut self,
        intent: &Intent,
        id: ClientOrderId,
        qty: Lots,
        out: &mut Outputs,
    ) -> Option<Result<(), Refused>> {
        let held = *self.held.get(id)?;
        (held.strategy == intent.strategy).then(|| self.amend_held(intent, &held, qty, out))
    }

    fn amend_held(
        &mut self,
        intent: &Intent,
        held: &Held,
        qty: Lots,
        out: &mut Outputs,
    ) -> Result<(), Refused> {
        if held.ending.is_some() || !self.notices.has_room() {
            return Err(not_open(held.id));
        }
        let done = held.taken.0.saturating_add(held.filled.0);
        if qty.0 <= done || qty >= held.place.qty {
            return Err(Refused::new(
                RefusalReason::Malformed,
                qty.0,
                held.place.qty.0,
            ));
        }
        self.rest_fits(held, Lots(qty.0 - done))?;
        let unit = Unit::of(held);
        let Some(at_venue) = self.held.at_venue(unit).copied() else {
            self.held.resize(unit, qty, Some(held.id));
            self.tell_of_quantity(held.id, true);
            return Ok(());
        };
        let asked = at_venue.place.qty.min(at_venue.released);
        let order = at_venue
            .working()
            .and_then(|order| self.orders.get_live(order));
        let Some(order) = order.filter(|_| !at_venue.again && at_venue.ending.is_none()) else {
            return Err(not_open(held.id));
        };
        let less = asked.0.saturating_sub(qty.0);
        if less <= 0 {
            // What is at the venue is smaller already: its parent has not filled that much.
            self.held.resize(unit, qty, Some(held.id));
            self.tell_of_quantity(held.id, true);
            return Ok(());
        }
        // The others follow when the venue confirms it.
        let (order, left) = (order.client_id, order.qty.0.saturating_sub(less));
        self.judge_amend(intent, order, Lots(left), out)
    }

    /// What is left is an order that the venue would take.
    fn rest_fits(&self, held: &Held, left: Lots) -> Result<(), Refused> {
        let Some(entry) = self.entry(held.instrument) else {
            return Ok(());
        };
        let Some(price) = reference(entry, &held.place, 0) else {
            return Ok(());
        };
        let spec = entry.listing.spec();
        let value = self.value_of(spec.id, price, left)?;
        checks::venue_filters(spec, price, left, value).result()
    }

    /// An order in place of a held one. What is not at the venue ends if the new one is taken, and
    /// stays if it is refused; in cancel-only it ends all the same. `None` if it is none of the
    /// strategy's held ones.
    pub(super) fn judge_replace_held(
        &mut self,
        intent: &Intent,
        old: ClientOrderId,
        place: &Place,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Option<Result<(), Refused>> {
        let held = *self.held.get(old)?;
        if held.strategy != intent.strategy {
            return None;
        }
        if let Some(order) = held.working() {
            let verdict = self.judge_replace(intent, order, place, out, trace);
            if verdict.is_ok() {
                let asked = Some(HeldEnd::Asked);
                self.held.change(old, |held| held.ending = asked);
            }
            return Some(verdict);
        }
        if (held.instrument, held.place.side) != (place.instrument, place.side) {
            return Some(Err(not_open(old)));
        }
        if place.is_held() && !self.held.has_room() {
            let most = i64::from(self.held_rules().orders_max);
            return Some(Err(Refused::new(RefusalReason::Held, most + 1, most)));
        }
        // It does not count against what comes in its place.
        let held = self.held.lift(old)?;
        self.held.recount(&self.orders);
        let verdict = if place.is_held() {
            self.judge_held(intent, place, out, trace)
        } else {
            self.judge_place(intent, place, out, trace)
        };
        if verdict.is_ok() || self.cancel_only {
            self.held.close(&held, HeldEnd::Asked);
        } else {
            self.held.insert(held);
        }
        Some(verdict)
    }

    /// Tells of the quantity for which an order is held now. The credit of an intent comes back
    /// with it, if it answers one.
    pub(super) fn tell_of_quantity(&mut self, id: ClientOrderId, answers: bool) {
        let Some(held) = self.held.get(id) else {
            return;
        };
        let epoch = if answers { self.epoch } else { 0 };
        let scope = Scope::Strategy(held.strategy);
        let told = Told::new(NoticeCode::HeldPlaced, NoticeLevel::Info, scope)
            .by(Control::Held, i64::from(epoch), 0)
            .about(id.raw())
            .at(held.place.price, held.place.qty);
        self.notice(told);
    }
}
