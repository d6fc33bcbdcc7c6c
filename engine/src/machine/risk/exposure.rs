//! One walk over the live orders: everything that the checks of one new order count.
//!
//! Counted at the worst case: every live order may still fill wholly, whatever is unknown of it.
//! Walking each time (a few orders, 1,024 at the most) is simpler than running sums, and cannot
//! drift from the truth.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AssetName, Side};
use model::ids::{ClientOrderId, InstrumentId, VenueId};
use model::num::Ticks;
use rust_decimal::Decimal;

use super::Entry;
use crate::machine::intent::Place;
use crate::machine::orders::{Order, Orders};

/// What a new order is judged against.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exposure {
    /// Lots that live buys of the account on the instrument may still fill.
    pub(super) buys: i64,
    /// The same for sells.
    pub(super) sells: i64,
    /// Live orders over everything.
    pub(super) open: u32,
    /// Live orders on the instrument.
    pub(super) open_on_instrument: u32,
    /// Live orders of the venue that it has not confirmed since its connection was last down.
    pub(super) unconfirmed: u32,
    /// An order of ours that the new one would trade with.
    pub(super) crossed: Option<(ClientOrderId, Ticks)>,
    /// What live orders of the account hold of the asset that the new one needs; `None` on
    /// overflow.
    pub(super) reserved: Option<Decimal>,
}

/// Where the new order goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) place: &'a Place,
    pub(super) price: Ticks,
    pub(super) instrument: InstrumentId,
    pub(super) venue: VenueId,
    pub(super) account: model::ids::AccountId,
    pub(super) needed: AssetName,
    pub(super) replaces: Option<ClientOrderId>,
}

impl Exposure {
    /// Walks the live orders.
    pub(super) fn of(orders: &Orders, entries: &[Option<Box<Entry>>], target: &Target<'_>) -> Self {
        let mut exposure = Self {
            reserved: Some(Decimal::ZERO),
            ..Self::default()
        };
        for order in orders.live() {
            let entry = entries
                .get(order.instrument.index())
                .and_then(Option::as_deref);
            exposure.count(order, entry, target);
        }
        exposure
    }

    fn count(&mut self, order: &Order, entry: Option<&Entry>, target: &Target<'_>) {
        self.open += 1;
        let same_instrument = order.instrument == target.instrument;
        let same_account = order.account == target.account;
        let replaced = target.replaces == Some(order.client_id);
        if same_instrument {
            self.open_on_instrument += 1;
            if !replaced && crosses(order, target) {
                self.crossed = Some((order.client_id, order.price));
            }
        }
        if same_instrument && same_account {
            let sum = match order.side {
                Side::Buy => &mut self.buys,
                Side::Sell => &mut self.sells,
            };
            *sum = sum.saturating_add(order.exposure().0);
        }
        if let Some(entry) = entry {
            if !order.confirmed && entry.listing.spec().venue == target.venue {
                self.unconfirmed += 1;
            }
            if same_account && !replaced {
                self.reserve(order, entry, target);
            }
        }
    }

    fn reserve(&mut self, order: &Order, entry: &Entry, target: &Target<'_>) {
        let lots = order.exposure();
        let held = match order.side {
            Side::Buy if entry.quote == target.needed => {
                order.lot_value.checked_mul(Decimal::from(lots.0))
            }
            Side::Sell if entry.base == target.needed => entry.listing.spec().quantity(lots),
            Side::Buy | Side::Sell => return,
        };
        self.reserved = self
            .reserved
            .zip(held)
            .and_then(|(sum, held)| sum.checked_add(held));
    }
}

fn crosses(order: &Order, target: &Target<'_>) -> bool {
    // An ended order whose fills are still missing rests no more.
    if order.state.is_ended() || order.side == target.place.side {
        return false;
    }
    match target.place.side {
        Side::Buy => target.price >= order.price,
        Side::Sell => target.price <= order.price,
    }
}
