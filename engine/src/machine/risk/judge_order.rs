//! Every check of a new order, in its order: what makes any order impossible (switches, form,
//! instrument, connection), then the price, then the limits in every scope, then what depends on
//! the other orders and on what we hold.
//!
//! An order that can only reduce the position passes the switches that let reductions through, and
//! needs no fresh book: missing data refuses what increases risk, and only that.
//!
//! Hot path: yes. Allocates: no.

use model::body::{LinkState, OrderType, RefusalReason, Side};
use model::control::{Control, Scope};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::instrument::InstrumentSpec;
use model::limits::{INTENTS_PER_EVENT_MAX, STRATEGIES_MAX};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::bounds::{Own, Whose};
use super::bucket::Urgency;
use super::checks::{self, Measure, OVERFLOW, Refused};
use super::reference::Reference;
use super::trace::{Trace, Verdict};
use super::{Entry, Risk};
use crate::machine::held::Size;
use crate::machine::intent::{Intent, Place};
use crate::machine::market::Top;
use crate::machine::orders::sums::{Pending, units};
use crate::machine::portfolio;

/// Most notices of one event that soft limits can cause: one for each intent.
const _: () = assert!(STRATEGIES_MAX * INTENTS_PER_EVENT_MAX <= 512);

/// What the approval of an order needs to know.
pub(super) struct Cleared {
    pub(super) price: Ticks,
    pub(super) lot_value: Decimal,
    /// A soft limit that was passed because the intent says why.
    pub(super) overridden: Option<Verdict>,
    pub(super) whose: Whose,
    /// Value that counts as far from the book, 1e-8.
    pub(super) far: Option<i64>,
}

/// One order as its checks see it.
pub(super) struct Subject<'a> {
    pub(super) place: &'a Place,
    pub(super) whose: Whose,
    /// The limits that hold for it.
    pub(super) own: Own<'a>,
    pub(super) entry: &'a Entry,
    /// The order that it replaces.
    pub(super) replaces: Option<ClientOrderId>,
    /// Position of the account on the instrument.
    pub(super) position: Lots,
    /// What live orders of the account on the instrument may still fill.
    pub(super) pending: Pending,
    /// Whether it can do nothing but reduce that position.
    pub(super) reduces: bool,
    /// Whether what the engine holds counts, too: for all but what reduces, which nothing that
    /// may never happen is to starve.
    pub(super) beside_held: bool,
}

/// The checks so far.
pub(super) struct Run<'t, T> {
    trace: &'t mut T,
    pub(super) overridden: Option<Verdict>,
}

impl<'t, T: Trace> Run<'t, T> {
    pub(super) const fn new(trace: &'t mut T) -> Self {
        Self {
            trace,
            overridden: None,
        }
    }

    #[inline(always)]
    pub(super) fn pass(&mut self, measure: Measure) -> Result<(), Refused> {
        measure.pass(self.trace)?;
        if let Some(verdict) = measure.overrode() {
            self.overridden = Some(verdict);
        }
        Ok(())
    }

    /// What only a listener wants to know.
    #[inline(always)]
    fn tell<V: Iterator<Item = Verdict>>(&mut self, verdicts: impl FnOnce() -> V) {
        if T::LISTENS {
            verdicts().for_each(|verdict| self.trace.note(&verdict));
        }
    }
}

impl Risk {
    /// Runs every check of a new order.
    pub(super) fn clear(
        &self,
        intent: &Intent,
        place: &Place,
        replaces: Option<ClientOrderId>,
        trace: &mut impl Trace,
    ) -> Result<Cleared, Refused> {
        let mut run = Run::new(trace);
        let killed = self.kill_latched() && !self.is_closing(place);
        for switch in checks::switches(killed, self.stopping, self.cancel_only) {
            run.pass(switch)?;
        }
        run.pass(checks::form(place))?;
        // A replacement is plain, and has its size by now.
        if place.is_held() {
            return Err(Refused::plain(RefusalReason::Held));
        }
        if place.size != Size::Exact {
            return Err(Refused::plain(RefusalReason::Size));
        }
        self.check_id(intent.strategy, place.client_id)?;
        self.reentry(intent, place)?;
        let subject = self.subject(intent, place, replaces)?;
        self.may_trade(&subject, &mut run)?;
        let (price, reference) = self.price(&subject, &mut run)?;
        let spec = subject.entry.listing.spec();
        let order = self.value_of(spec.id, price, place.qty)?;
        run.pass(checks::venue_filters(spec, price, place.qty, order))?;
        self.order_limits(&subject, (price, reference), order, &mut run)?;
        self.position_limits(&subject, price, &mut run)?;
        self.open_limits(&subject, order, &mut run)?;
        self.capital_limits(&subject, &mut run)?;
        let far = self.flow_limits(&subject, (price, reference), order, &mut run)?;
        let urgency = if subject.reduces {
            Urgency::Reducing
        } else {
            Urgency::Ordinary
        };
        run.pass(checks::message_rate(&self.bucket, urgency))?;
        for measure in self.order_rates(&subject.own, urgency) {
            run.pass(measure)?;
        }
        run.pass(self.self_cross(&subject, price))?;
        run.pass(checks::in_flight(self.in_flight, urgency))?;
        let side = (subject.pending.buys, subject.pending.sells);
        let reduction = checks::reduction(place.side, place.qty, subject.position, side)?;
        run.pass(checks::reduce_only(place.reduce_only, reduction))?;
        run.pass(self.funds(&subject, spec, order)?)?;
        let lot_value = spec.notional(price, Lots(1)).ok_or(OVERFLOW)?;
        Ok(Cleared {
            price,
            lot_value,
            overridden: run.overridden,
            whose: subject.whose,
            far,
        })
    }

    /// Value of a quantity at a price, 1e-18 of the quote asset, rounded up.
    pub(super) fn value_of(
        &self,
        instrument: InstrumentId,
        price: Ticks,
        qty: Lots,
    ) -> Result<i128, Refused> {
        let sums = self.orders.sums();
        sums.value(instrument, price, qty).ok_or(OVERFLOW)
    }

    pub(super) fn check_id(&self, strategy: StrategyId, id: ClientOrderId) -> Result<(), Refused> {
        let own = id.strategy() == Some(strategy) && id.epoch() == self.epoch;
        if own && self.orders.is_new(id) {
            Ok(())
        } else {
            let scope = Scope::Strategy(strategy);
            Err(Refused::plain(RefusalReason::Malformed).by(Control::Duplicate, scope))
        }
    }

    pub(super) fn subject<'a>(
        &'a self,
        intent: &Intent,
        place: &'a Place,
        replaces: Option<ClientOrderId>,
    ) -> Result<Subject<'a>, Refused> {
        let (instrument, account) = (place.instrument, self.account_for(intent, place)?);
        let entry = self
            .entry(instrument)
            .filter(|entry| entry.listing.spec().trading)
            .filter(|entry| self.venue_of(account) == Some(entry.listing.spec().venue))
            .ok_or(
                Refused::plain(RefusalReason::NotTrading)
                    .by(Control::Restricted, Scope::Instrument(instrument)),
            )?;
        let position = portfolio::lots(self.portfolio.position(account, instrument));
        let pending = self.orders.sums().pending(account, instrument);
        let side = (pending.buys, pending.sells);
        let (after, most) = checks::reduction(place.side, place.qty, position, side)?;
        let reduces = after <= most;
        let whose = Whose {
            venue: entry.listing.spec().venue,
            account,
            strategy: intent.strategy,
            instrument,
        };
        Ok(Subject {
            place,
            whose,
            own: self.bounds.for_order(whose),
            entry,
            replaces,
            position,
            pending,
            reduces,
            beside_held: !reduces,
        })
    }

    /// Switches by scope, and the connection.
    fn may_trade(
        &self,
        subject: &Subject<'_>,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<(), Refused> {
        let whose = subject.whose;
        self.switches
            .permits(
                Some(whose.strategy),
                whose.instrument,
                whose.venue,
                whose.account,
                !subject.reduces,
            )
            .or_else(|blocked| self.let_close(blocked, subject.reduces, subject.place))?;
        run.tell(|| {
            let scopes = whose.scopes().into_iter().skip(1);
            scopes.map(|scope| checks::let_through(scope, self.switches.of(scope).is_killed()))
        });
        let link = self.order_link(whose.account);
        let unconfirmed = match link {
            LinkState::Up => self.orders.sums().account(whose.account).unconfirmed,
            LinkState::Down
            | LinkState::Syncing
            | LinkState::Stale
            | LinkState::Failed
            | LinkState::Notice => 0,
        };
        run.pass(checks::connected(link, unconfirmed).of(Scope::Account(whose.account)))
    }

    /// The price that counts, and what it is measured against. What reduces may go without a
    /// fresh book: a limit order at its own price, a market order around the last trade.
    fn price(
        &self,
        subject: &Subject<'_>,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<(Ticks, Option<Reference>), Refused> {
        let (place, entry) = (subject.place, subject.entry);
        let age_max = self
            .config
            .as_ref()
            .map_or(0, |config| config.limits.book_age_max_ns);
        let (measure, top) = checks::book(entry.listing.book(), self.time_ns, age_max);
        let scope = Scope::Instrument(subject.whose.instrument);
        let fresh = measure.of(scope).result();
        if let (Ok(()), Some(top)) = (fresh, top) {
            run.pass(measure.of(scope))?;
            let reference = self.reference(subject, &top, age_max);
            let price = self.effective_price(subject, reference)?;
            return Ok((price, Some(reference)));
        }
        if !subject.reduces {
            run.pass(measure.of(scope))?;
        }
        match (place.order_type, entry.listing.last_trade()) {
            (OrderType::Limit | OrderType::PostOnly, _) => Ok((place.price, None)),
            (OrderType::Market, Some(trade)) => {
                let around = Reference::at(trade.price);
                Ok((self.effective_price(subject, around)?, None))
            }
            (OrderType::Market, None) => {
                Err(Refused::plain(RefusalReason::NoPrice).by(Control::BookAge, scope))
            }
        }
    }

    /// What the price is measured against: see `reference.rs`.
    fn reference(&self, subject: &Subject<'_>, top: &Top, age_max_ns: u64) -> Reference {
        if subject.reduces {
            return Reference::middle(top);
        }
        let young = |time_ns: u64| self.time_ns.saturating_sub(time_ns) <= age_max_ns;
        let last = subject.entry.listing.last_trade();
        let last = last.filter(|trade| young(trade.time_ns));
        let mark = self.portfolio.mark_ticks(subject.whose.instrument);
        let mark = mark.filter(|(_, time_ns)| young(*time_ns));
        Reference::of(
            top,
            last.map(|trade| trade.price),
            mark.map(|(mark, _)| mark),
        )
    }

    /// A limit order's own price; of a market order the worst that the collar allows.
    fn effective_price(
        &self,
        subject: &Subject<'_>,
        reference: Reference,
    ) -> Result<Ticks, Refused> {
        if subject.place.order_type != OrderType::Market {
            return Ok(subject.place.price);
        }
        let bps = subject.own.collar_bps();
        let (low, high) = reference.bounds(bps).ok_or(OVERFLOW)?;
        if low > high {
            let scope = Scope::Instrument(subject.whose.instrument);
            let refused = Refused::new(RefusalReason::PriceCollar, high.0, low.0);
            return Err(refused.by(Control::PriceCollar, scope));
        }
        Ok(checks::effective_price(subject.place, (low, high)))
    }

    /// The quantity of an order that is only held for now is within the instrument's own limit.
    pub(super) fn quantity_fits(&self, instrument: InstrumentId, qty: Lots) -> Result<(), Refused> {
        let scope = Scope::Instrument(instrument);
        let bound = self.bounds.at(Control::MaxQuantity, scope);
        let reason = RefusalReason::MaxQuantity;
        Measure::at_most(Control::MaxQuantity, qty.0, (scope, bound), false, reason).result()
    }

    /// The strictest collar that holds for an order, 1/10_000.
    pub(super) fn collar_bps(&self, whose: Whose) -> i64 {
        self.bounds.for_order(whose).collar_bps()
    }

    /// Quantity, value and price of the order by itself.
    pub(super) fn order_limits(
        &self,
        subject: &Subject<'_>,
        (price, reference): (Ticks, Option<Reference>),
        value: i128,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<(), Refused> {
        let place = subject.place;
        let allowed = place.acknowledges.is_some();
        for at in subject.own.of(Control::MaxQuantity) {
            run.pass(Measure::at_most(
                Control::MaxQuantity,
                place.qty.0,
                at,
                allowed,
                RefusalReason::MaxQuantity,
            ))?;
        }
        for at in subject.own.of(Control::MaxValue) {
            run.pass(Measure::money(
                Control::MaxValue,
                value,
                at,
                allowed,
                RefusalReason::MaxValue,
            ))?;
        }
        if let Some(reference) = reference {
            for at in subject.own.of(Control::PriceCollar) {
                run.pass(checks::price_collar(price, reference, at, allowed))?;
            }
        }
        Ok(())
    }

    /// What flows: duplicates, value far from the book, messages for each fill. With it, the value
    /// that this order adds to what is far.
    fn flow_limits(
        &self,
        subject: &Subject<'_>,
        (price, reference): (Ticks, Option<Reference>),
        value: i128,
        run: &mut Run<'_, impl Trace>,
    ) -> Result<Option<i64>, Refused> {
        for measure in self.duplicates(subject) {
            run.pass(measure)?;
        }
        if subject.reduces {
            return Ok(None);
        }
        for measure in self.order_to_trade(&subject.own) {
            run.pass(measure)?;
        }
        let sums_up = self.bounds.limits(Control::CollarPeriod);
        let Some(reference) = reference.filter(|_| sums_up) else {
            return Ok(None);
        };
        if !Self::is_far(&subject.own, price, reference) {
            return Ok(None);
        }
        let value = checks::e8_up(value);
        for measure in self.far_values(&subject.own, value) {
            run.pass(measure)?;
        }
        Ok(Some(value))
    }

    /// Would not trade with an order of ours, whichever strategy's or account's.
    fn self_cross(&self, subject: &Subject<'_>, price: Ticks) -> Measure {
        let (side, instrument) = (subject.place.side, subject.whose.instrument);
        let crosses = |resting: Ticks| match side {
            Side::Buy => price >= resting,
            Side::Sell => price <= resting,
        };
        let opposite = side.opposite();
        let best = self.orders.best_resting(instrument, opposite);
        let crossed = best.filter(|best| crosses(*best)).and_then(|_| {
            self.orders
                .resting(instrument, opposite)
                .take_while(|order| crosses(order.price))
                .find(|order| Some(order.client_id) != subject.replaces)
        });
        checks::self_cross(crossed).of(Scope::Instrument(instrument))
    }

    fn funds(
        &self,
        subject: &Subject<'_>,
        spec: &InstrumentSpec,
        value: i128,
    ) -> Result<Measure, Refused> {
        let (whose, place) = (subject.whose, subject.place);
        let asset = match place.side {
            Side::Buy => subject.entry.quote,
            Side::Sell => subject.entry.base,
        };
        let needs = (place.qty.0, value);
        let (mut reserved, needed) = self
            .orders
            .sums()
            .reserved(whose.account, spec.id, place.side, needs)
            .ok_or(OVERFLOW)?;
        let replaced = subject.replaces.and_then(|id| self.orders.get_live(id));
        if let Some(old) = replaced.filter(|old| old.side == place.side) {
            let lots = old.exposure().0;
            let needs = (
                lots,
                crate::machine::orders::sums::value(old.lot_value, lots),
            );
            let own = self
                .orders
                .sums()
                .reserved(whose.account, spec.id, place.side, needs);
            reserved -= own.map_or(0, |(_, own)| own);
        }
        let held = self
            .portfolio
            .ledger(whose.account)
            .map_or(Decimal::ZERO, |ledger| ledger.total(&asset));
        let measure = checks::funds(needed, units_down(held) - reserved);
        Ok(measure.of(Scope::Account(whose.account)))
    }
}

/// What is held, rounded down: 1e-18.
fn units_down(held: Decimal) -> i128 {
    -units(-held)
}
