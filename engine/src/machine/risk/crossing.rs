//! What an order that protects a position does when it would trade with another one of ours: that
//! one is cancelled, whoever's it is, and the protection goes when it is gone.
//!
//! Trading with ourselves would close nothing for the account, so the protection waits, but only
//! for what is on its way out: until it went, nobody gets a new order on the other side of the
//! instrument. What protects a position itself is waited for and not cancelled: such an order is
//! immediate-or-cancel, or gives up its price within `stop_patience`. So of two that meet one
//! always goes on.
//!
//! Hot path: only after a refusal. Allocates: no.

use model::body::{NoticeCode, NoticeLevel, RefusalReason, Side, TimeInForce};
use model::control::{Control, Scope};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::Ticks;

use super::Risk;
use super::checks::Refused;
use super::notices::Told;
use crate::machine::intent::Place;
use crate::machine::orders::Order;

/// An order that protects, and that stands before one of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protection {
    pub(super) strategy: StrategyId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) price: Ticks,
}

impl Protection {
    fn meets(&self, order: &Order) -> bool {
        let meets = match self.side {
            Side::Buy => self.price >= order.price,
            Side::Sell => self.price <= order.price,
        };
        meets && order.may_rest() && (order.instrument, order.side) == self.facing()
    }

    const fn facing(&self) -> (InstrumentId, Side) {
        (self.instrument, self.side.opposite())
    }
}

/// The order of ours that a refusal names.
pub(super) fn crossed(refused: &Refused) -> Option<ClientOrderId> {
    let raw = u64::from_le_bytes(refused.value.to_le_bytes());
    (refused.reason == RefusalReason::SelfCross)
        .then(|| ClientOrderId::from_raw(raw))
        .flatten()
}

impl Risk {
    /// Cancels what a protection would trade with, and tells whose and why. `None` if it was not
    /// refused for that; else the order that it waits for.
    pub(super) fn make_way(
        &mut self,
        protection: &Protection,
        refused: &Refused,
    ) -> Option<ClientOrderId> {
        let first = crossed(refused)?;
        if self
            .orders
            .get(first)
            .is_some_and(|order| order.cancel_wanted)
        {
            return Some(first);
        }
        let (held, notices, cause) = (&self.held, &mut self.notices, self.last_event);
        self.orders.update_live(|order| {
            let stays = order.cancel_wanted || order.time_in_force != TimeInForce::Gtc;
            if stays || !protection.meets(order) || held.is_protection(order.client_id) {
                return;
            }
            order.cancel_wanted = true;
            let scope = Scope::Strategy(protection.strategy);
            let told = Told::new(NoticeCode::ExitRetried, NoticeLevel::Soft, scope)
                .by(Control::SelfTrade, refused.reason as i64, order.price.0)
                .about(order.client_id.raw())
                .at(protection.price, order.exposure());
            notices.tell(cause, 0, told);
        });
        Some(first)
    }

    /// While a protection waits, nothing new comes to stand before it.
    pub(super) fn gives_way(&self, place: &Place) -> Result<(), Refused> {
        let facing = place.side.opposite();
        let waits = self.exits.waits(place.instrument, facing)
            || self.held.waits_behind(place.instrument, facing);
        if waits && place.trigger.is_none() {
            let scope = Scope::Instrument(place.instrument);
            return Err(Refused::plain(RefusalReason::SelfCross).by(Control::SelfTrade, scope));
        }
        Ok(())
    }
}
