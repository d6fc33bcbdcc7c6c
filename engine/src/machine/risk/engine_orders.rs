//! Orders that the engine makes for a strategy: their ids, their price, their way through risk.
//!
//! Hot path: yes. Allocates: no.

use model::body::{RefusalReason, Side};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::Ticks;

use super::Risk;
use super::approved::Approved;
use super::bounds::Whose;
use super::checks::{self, Refused};
use super::reference::Reference;
use super::trace::Trace;
use crate::machine::held::Unit;
use crate::machine::intent::{Action, Intent, Place};
use crate::machine::outputs::Outputs;

/// Numbers of orders that the engine makes for a strategy; the strategy's own are below.
pub(crate) const ENGINE_NUMBERS_FROM: u32 = 1 << 31;

/// A reason's bit in the set of those that were told: each once for an exit or a held order.
pub(super) const fn told_bit(reason: RefusalReason) -> u64 {
    1 << (reason as u64 % 64)
}

impl Risk {
    /// An id for an order that the engine makes for a strategy.
    pub(super) fn engine_id(&mut self, strategy: StrategyId) -> Result<ClientOrderId, Refused> {
        ENGINE_NUMBERS_FROM
            .checked_add(self.held.next_number())
            .and_then(|number| ClientOrderId::new(self.epoch, Some(strategy), number))
            .ok_or(Refused::plain(RefusalReason::Overflow))
    }

    /// The worst price that the collar allows for a side now.
    pub(super) fn collar_price(
        &self,
        (instrument, account, strategy): (InstrumentId, AccountId, StrategyId),
        side: Side,
    ) -> Result<Ticks, Refused> {
        let no_price = Refused::plain(RefusalReason::StaleBook);
        let (entry, config) = self
            .entry(instrument)
            .zip(self.config.as_ref())
            .ok_or(no_price)?;
        let limits = &config.limits;
        let (fresh, top) = checks::book(entry.listing.book(), self.time_ns, limits.book_age_max_ns);
        fresh.result()?;
        let collar = self.collar_bps(Whose {
            venue: entry.listing.spec().venue,
            account,
            strategy,
            instrument,
        });
        let bounds = top
            .and_then(|top| Reference::middle(&top).bounds(collar))
            .ok_or(no_price)?;
        let (spec, least) = (entry.listing.spec(), Ticks(1));
        Ok(match side {
            Side::Buy => bounds.1.min(spec.price_max.unwrap_or(bounds.1)),
            Side::Sell => bounds.0.max(spec.price_min.unwrap_or(least)).max(least),
        })
    }

    /// Judges an order of the engine's own making: of a held one, which does not count against
    /// itself, or of an exit. Its command names no strategy in its header, so
    /// that no credit of the strategy's comes back for it.
    pub(super) fn place_by_engine(
        &mut self,
        strategy: StrategyId,
        (place, unit): (&Place, Option<Unit>),
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Result<(), Refused> {
        let intent = Intent {
            event: self.last_event,
            strategy,
            intended_ns: 0,
            action: Action::Place(*place),
        };
        trace.begin(&intent);
        self.held.recount(&self.orders);
        if let Some(unit) = unit {
            self.held.set_aside(unit);
        }
        self.judge_place(&intent, place, out, trace)
            .inspect_err(|refused| trace.refused(refused))?;
        if let Some(approved) = out.commands.last_mut() {
            *approved = Approved::new(approved.get().by_engine());
        }
        Ok(())
    }
}
