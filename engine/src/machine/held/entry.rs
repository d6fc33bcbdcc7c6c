//! One order that the engine looks after: its terms, where it stands, and what is left of it.
//!
//! Hot path: yes. Allocates: no.

use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::Lots;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::terms::PriceSource;
use super::watch::Watch;
use crate::machine::intent::Place;

/// Where a held order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Its parent has no fills yet.
    Dormant,
    /// It watches its price.
    Armed,
    /// It triggered, or its parent filled: it goes to the venue as soon as it may.
    Going,
    /// An order of it is at the venue.
    Working {
        /// That order.
        order: ClientOrderId,
        /// What earlier ones filled.
        before: Lots,
        /// Its quantity.
        qty: Lots,
    },
}

/// Why a held order is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HeldEnd {
    /// All of it is filled, or its group is.
    Done = 1,
    /// Another one of its group filled or triggered.
    Sibling = 2,
    /// Its strategy asked for its end.
    Asked = 3,
    /// Its time is over.
    Time = 4,
    /// Its parent ended without the fills that it waits for.
    Parent = 5,
    /// It triggered and was refused.
    Refused = 6,
    /// Its order ended at the venue, or never left us.
    Ended = 7,
    /// The kill switch, or a strategy that is no more.
    Switched = 8,
}

/// An order that the engine looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// The strategy's name for it, and the id of its first order if that goes in the same run.
    pub(crate) id: ClientOrderId,
    pub(crate) strategy: StrategyId,
    pub(crate) instrument: InstrumentId,
    pub(crate) account: AccountId,
    pub(crate) place: Place,
    /// What a lot of it counts as until it goes, quote.
    #[serde(with = "crate::machine::saved::decimal")]
    pub(crate) lot_value: Decimal,
    pub(crate) watch: Option<Watch>,
    pub(crate) phase: Phase,
    /// What its parent's fills allow; all of it without a parent.
    pub(crate) released: Lots,
    /// What the others of its group filled.
    pub(crate) taken: Lots,
    /// What its own orders filled.
    pub(crate) filled: Lots,
    /// Its order at the venue is to end, and then it is at its end itself: why.
    pub(crate) ending: Option<HeldEnd>,
    /// Its order at the venue is to end, and what is left goes again.
    pub(crate) again: bool,
    /// It gave up its own price: what is left goes at the collar.
    pub(crate) escalated: bool,
    /// When it triggered, or last went to the venue.
    pub(crate) since_ns: u64,
    /// Not before this time again.
    pub(crate) retry_ns: u64,
    /// Reasons of the refusals that were told, a bit for each.
    pub(crate) told: u64,
    /// The order of ours that it would trade with, and that is on its way out.
    pub(crate) behind: Option<ClientOrderId>,
}

impl Held {
    /// What may still be filled of it.
    pub(crate) fn open(&self) -> Lots {
        let most = self.place.qty.0.min(self.released.0);
        Lots(
            most.saturating_sub(self.taken.0)
                .saturating_sub(self.filled.0)
                .max(0),
        )
    }

    /// It protects a position: a refusal or an order without a fill is not its end.
    pub(crate) const fn protects(&self) -> bool {
        self.place.reduce_only && self.place.trigger.is_some()
    }

    pub(crate) fn parent(&self) -> Option<ClientOrderId> {
        self.place.link.and_then(|link| link.parent)
    }

    /// Strategy and number of its group.
    pub(crate) fn group(&self) -> Option<(StrategyId, u64)> {
        let group = self.place.link?.group;
        (group != 0).then_some((self.strategy, group))
    }

    pub(crate) fn working(&self) -> Option<ClientOrderId> {
        match self.phase {
            Phase::Working { order, .. } => Some(order),
            Phase::Dormant | Phase::Armed | Phase::Going => None,
        }
    }

    /// The price that it watches now.
    pub(crate) fn watches(&self) -> Option<(InstrumentId, PriceSource)> {
        let watch = self.watch.as_ref()?;
        (self.phase == Phase::Armed).then_some((self.instrument, watch.trigger.source))
    }

    /// When something is due that no event about it brings.
    pub(crate) fn due_ns(&self, patience_ns: u64) -> u64 {
        let end = self.place.good_till_ns.filter(|_| self.ending.is_none());
        let other = match self.phase {
            Phase::Dormant | Phase::Armed => None,
            Phase::Going => Some(self.retry_ns),
            Phase::Working { .. } if self.may_escalate() => {
                Some(self.since_ns.saturating_add(patience_ns))
            }
            Phase::Working { .. } => None,
        };
        end.unwrap_or(u64::MAX).min(other.unwrap_or(u64::MAX))
    }

    /// Whether its order at the venue may rest too long.
    pub(crate) const fn may_escalate(&self) -> bool {
        self.protects() && !self.escalated && !self.again && self.ending.is_none()
    }
}
