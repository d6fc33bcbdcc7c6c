//! Risk's part in held orders: takes them, shows them prices, lets them go, cancels and tells.
//!
//! A held order that triggers is judged by every check as a new one. One that protects a position
//! (reduce-only, with a trigger) and is refused is tried again, at the collar; any other ends.
//!
//! Hot path: yes. Allocates: only when an instrument is first watched.

use model::body::{NoticeCode, NoticeLevel, OrderType, RefusalReason, TimeInForce};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;

use super::checks::{self, Refused};
use super::crossing::Protection;
use super::engine_orders::told_bit;
use super::notices::Told;
use super::trace::Trace;
use super::{Follow, Risk};
use crate::machine::config::MachineConfig;
use crate::machine::held::{Held, HeldEnd, Phase, PriceSource, Size, Unit, Watch, half_ticks};
use crate::machine::intent::{Intent, Place};
use crate::machine::outputs::Outputs;
use crate::machine::protection::HeldRules;

const fn held(value: i64, threshold: i64) -> Refused {
    Refused::new(RefusalReason::Held, value, threshold)
}

impl Risk {
    /// Whether an order of this id is held.
    pub(crate) fn is_held(&self, id: ClientOrderId) -> bool {
        self.held.get(id).is_some()
    }

    pub(super) fn held_rules(&self) -> HeldRules {
        let config: Option<&MachineConfig> = self.config.as_ref();
        config.map_or_else(Default::default, |config| config.protection.held)
    }

    /// What an event means for held orders, before any intent is judged.
    pub(super) fn show_held(&mut self, record: &Record, event: &Event<'_>) {
        if let Event::RunStarted(_) = event {
            self.held.start();
            self.exits.look_again();
        }
        if self.held.len() == 0 {
            return;
        }
        if let Some((source, price)) = self.price_of(record, event)
            && let Some(instrument) = record.instrument()
            && !self.held.is_quiet(instrument, source, price)
        {
            self.show_price(instrument, source, price);
        }
        if let Event::RunStarted(_) = event {
            self.held.learn(None, &self.orders, self.time_ns);
        }
        if let Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::AmendRejected(report)
        | Event::SendFailed(report) = event
        {
            self.held_learns(report.client_id);
        }
        if let Event::OrderFilled(fill) = event {
            self.held_learns(fill.client_id);
        }
        if let Event::OrderAmended(amended) = event {
            self.held_learns(amended.client_id);
        }
        // A list and persons may end orders, whatever they are.
        if let Event::OpenOrders(_) | Event::Control(_) | Event::Connection(_) = event {
            self.held.learn(None, &self.orders, self.time_ns);
        }
    }

    fn held_learns(&mut self, client_id: u64) {
        if let Some(id) = ClientOrderId::from_raw(client_id) {
            self.held.learn(Some(id), &self.orders, self.time_ns);
        }
    }

    /// The price that an event brings, in half ticks. A stale book brings none.
    pub(super) fn price_of(
        &self,
        record: &Record,
        event: &Event<'_>,
    ) -> Option<(PriceSource, i64)> {
        if let Event::Trade(trade) = event {
            return (trade.price > Ticks::ZERO)
                .then(|| (PriceSource::Last, half_ticks(trade.price)));
        }
        if let Event::Mark(mark) = event {
            return (mark.mark > Ticks::ZERO).then(|| (PriceSource::Mark, half_ticks(mark.mark)));
        }
        if let Event::BookLevels(_) | Event::Quote(_) = event {
            let top = self.listing(record.instrument()?)?.book().top()?;
            return Some((PriceSource::Mid, top.mid_x2()));
        }
        None
    }

    fn show_price(&mut self, instrument: InstrumentId, source: PriceSource, price: i64) {
        let (now, cause) = (self.time_ns, self.last_event);
        let notices = &mut self.notices;
        self.held.see(instrument, source, price, now, |held| {
            let level = held.watch.as_ref().and_then(Watch::level).unwrap_or(price);
            let told = Told::new(
                NoticeCode::Triggered,
                NoticeLevel::Info,
                Scope::Strategy(held.strategy),
            );
            let told = told.about(held.id.raw()).by(Control::Held, price, level);
            notices.tell(cause, 0, told.at(Ticks(price / 2), held.open()));
        });
    }

    /// Holds an order, or lets it go at once if it only has a time or a group.
    pub(super) fn judge_held(
        &mut self,
        intent: &Intent,
        place: &Place,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Result<(), Refused> {
        for switch in checks::switches(self.kill_latched(), self.stopping, self.cancel_only) {
            switch.pass(trace)?;
        }
        checks::form(place).pass(trace)?;
        self.check_id(intent.strategy, place.client_id)?;
        self.reentry(intent, place)?;
        let mut held = self.held_of(intent, place)?;
        let waits = place.trigger.is_some() || held.phase == Phase::Dormant;
        if !waits {
            self.held.set_aside(Unit::of(&held));
            self.judge_place(intent, &plain(place), out, trace)?;
            held.phase = Phase::Working {
                order: held.id,
                before: Lots::ZERO,
                qty: place.qty,
            };
            self.held.insert(held);
            return Ok(());
        }
        self.clear_held(intent, &mut held, trace)?;
        self.held.insert(held);
        self.held.recount(&self.orders);
        let account = self.account_for(intent, place)?;
        self.count_pair(account, Some(intent.strategy), place.instrument);
        self.tell_of_quantity(held.id, true);
        if let Some(parent) = held.parent() {
            self.held.learn(Some(parent), &self.orders, self.time_ns);
        }
        self.show_present_price(held.id);
        Ok(())
    }

    /// The held order that `place` asks for, if its terms make sense.
    fn held_of(&self, intent: &Intent, place: &Place) -> Result<Held, Refused> {
        let (instrument, account) = (place.instrument, self.account_for(intent, place)?);
        let entry = self.entry(instrument).filter(|entry| {
            let spec = entry.listing.spec();
            spec.trading && self.venue_of(account) == Some(spec.venue)
        });
        if entry.is_none() {
            return Err(Refused::plain(RefusalReason::NotTrading));
        }
        let config = self.config.as_ref().ok_or(held(0, 0))?;
        self.quantity_fits(instrument, place.qty)?;
        let most = config.protection.held.orders_max;
        let count = i64::try_from(self.held.len()).unwrap_or(i64::MAX);
        if count >= i64::from(most) || !self.held.has_room() || !self.notices.has_room() {
            return Err(held(count + 1, i64::from(most)));
        }
        let sound = place.trigger.as_ref().is_none_or(Watch::is_sound)
            && place.good_till_ns.is_none_or(|end| end > self.time_ns);
        if !sound || self.is_held(place.client_id) {
            return Err(held(0, 0));
        }
        let parent = place.link.and_then(|link| link.parent);
        let child = match parent {
            Some(parent) => self.is_parent(intent.strategy, parent)?,
            None => false,
        };
        let (phase, released) = match (child, place.trigger) {
            (true, _) => (Phase::Dormant, Lots::ZERO),
            (false, Some(_)) => (Phase::Armed, place.qty),
            (false, None) => (Phase::Going, place.qty),
        };
        let new = Held {
            id: place.client_id,
            strategy: intent.strategy,
            instrument,
            account,
            place: *place,
            lot_value: Decimal::ZERO,
            watch: place.trigger.map(|trigger| Watch::new(trigger, place.side)),
            phase,
            released,
            taken: Lots::ZERO,
            filled: Lots::ZERO,
            ending: None,
            again: false,
            escalated: false,
            since_ns: self.time_ns,
            retry_ns: self.time_ns,
            told: 0,
            behind: None,
        };
        self.join_group(new)
    }

    /// A group's orders are for one quantity and one instrument, and at most one is at the venue.
    fn join_group(&self, new: Held) -> Result<Held, Refused> {
        let mut new = new;
        let Some(group) = new.group() else {
            return Ok(new);
        };
        for other in self
            .held
            .iter()
            .filter(|other| other.group() == Some(group))
        {
            let same = other.instrument == new.instrument && other.place.qty == new.place.qty;
            let goes = new.phase == Phase::Going;
            let gone = !matches!(other.phase, Phase::Armed | Phase::Dormant);
            if !same || goes && gone {
                return Err(held(new.place.qty.0, other.place.qty.0));
            }
            new.taken = Lots(other.taken.0.saturating_add(other.filled.0));
        }
        Ok(new)
    }

    /// Whether `parent` is an order of the strategy's that may still fill or has filled.
    fn is_parent(&self, strategy: StrategyId, parent: ClientOrderId) -> Result<bool, Refused> {
        let own = parent.strategy() == Some(strategy);
        if own && (self.is_held(parent) || self.orders.get(parent).is_some()) {
            Ok(true)
        } else {
            let value = i64::from_le_bytes(parent.raw().to_le_bytes());
            Err(held(value, 0))
        }
    }

    /// A price that is known already and fresh counts for a new order, too.
    fn show_present_price(&mut self, id: ClientOrderId) {
        let Some((instrument, source)) = self.held.get(id).and_then(Held::watches) else {
            return;
        };
        let Some((listing, config)) = self.listing(instrument).zip(self.config.as_ref()) else {
            return;
        };
        let age_max = config.limits.book_age_max_ns;
        let (fresh, top) = checks::book(listing.book(), self.time_ns, age_max);
        let Some(top) = top.filter(|_| fresh.result().is_ok()) else {
            return;
        };
        let price = match source {
            PriceSource::Mid => Some(top.mid_x2()),
            PriceSource::Last => listing
                .last_trade()
                .filter(|trade| self.time_ns.saturating_sub(trade.time_ns) <= age_max)
                .map(|trade| half_ticks(trade.price)),
            // Its age is not known here: the next one decides.
            PriceSource::Mark => None,
        };
        if let Some(price) = price {
            self.show_price(instrument, source, price);
        }
    }

    /// Does what is due for held orders.
    pub(super) fn drive_held(
        &mut self,
        follow: Follow,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Follow {
        let mut follow = follow;
        if follow != Follow::Nothing && self.held.len() > 0 && self.switches.any_kill() {
            self.end_killed();
        }
        if self.held.is_due(self.time_ns) && self.held.len() > 0 {
            let patience = self.held_rules().patience_ns;
            self.held.pass_time(self.time_ns, patience);
            let mut index = 0;
            while let Some(held) = self.held.at(index).copied() {
                self.let_go(&held, out, trace);
                let stays = self.held.at(index);
                let stays = stays.filter(|now| now.id == held.id);
                if stays.is_some_and(|now| now.behind.is_some()) && follow == Follow::Nothing {
                    // What stands in its way is to be cancelled.
                    follow = Follow::Orders;
                }
                index += usize::from(stays.is_some());
            }
            self.held.rest(patience);
        }
        while let Some(id) = self.held.next_resized() {
            self.tell_of_quantity(id, false);
        }
        while let Some(id) = self.held.next_cancel() {
            self.orders.update(id, |order| order.cancel_wanted = true);
            if follow == Follow::Nothing {
                follow = Follow::Orders;
            }
        }
        self.tell_of_ended();
        follow
    }

    /// A kill ends what is held, but for what protects a position: that waits for the release.
    fn end_killed(&mut self) {
        let (switches, config, entries) = (&self.switches, &self.config, &self.entries);
        self.held.finish_all(HeldEnd::Switched, |held| {
            let account = config
                .as_ref()
                .and_then(|config| config.accounts.get(held.account.index()));
            let listed = entries
                .get(held.instrument.index())
                .and_then(Option::as_deref);
            let killed = account.is_some_and(|account| {
                let strategy = Some(held.strategy);
                switches.is_killed(strategy, held.instrument, account.venue, held.account)
            });
            !held.protects() && held.ending.is_none() && (killed || listed.is_none())
        });
    }

    fn let_go(&mut self, held: &Held, out: &mut Outputs, trace: &mut impl Trace) {
        let open = held.open();
        let due = held.phase == Phase::Going && held.retry_ns <= self.time_ns;
        if !due || open == Lots::ZERO || self.held.is_blocked(held) {
            return;
        }
        let mut price = held.place.price;
        let verdict = self.place_of_held(held, open).and_then(|place| {
            price = place.price;
            let order = place.client_id;
            let what = (&place, Some(Unit::of(held)));
            self.place_by_engine(held.strategy, what, out, trace)?;
            Ok(order)
        });
        let now = self.time_ns;
        match verdict {
            Ok(order) => self.held.change(held.id, |held| {
                let before = held.filled;
                held.phase = Phase::Working {
                    order,
                    before,
                    qty: open,
                };
                held.since_ns = now;
                held.behind = None;
            }),
            Err(refused) => self.held_refused(held, price, refused),
        }
    }

    fn held_refused(&mut self, held: &Held, price: Ticks, refused: Refused) {
        let told = |code, level| {
            Told::new(code, level, Scope::Strategy(held.strategy))
                .about(held.id.raw())
                .at(held.place.price, held.open())
                .by(Control::Held, refused.reason as i64, refused.value)
        };
        if !held.protects() {
            self.held.finish(held.id, HeldEnd::Refused, 0);
            return;
        }
        let protection = Protection {
            strategy: held.strategy,
            instrument: held.instrument,
            side: held.place.side,
            price,
        };
        let behind = self.make_way(&protection, &refused);
        let bit = told_bit(refused.reason);
        if held.told & bit == 0 && behind.is_none() {
            self.notice(told(NoticeCode::ExitRetried, NoticeLevel::Hard));
        }
        // Without a price it goes at the first event that brings one.
        let pause = if refused.reason == RefusalReason::StaleBook {
            0
        } else {
            self.held_rules().retry_pause_ns
        };
        let retry = self.time_ns.saturating_add(pause);
        self.held.change(held.id, |held| {
            held.retry_ns = retry;
            held.told |= bit;
            held.behind = behind;
            held.escalated |= refused.reason == RefusalReason::PriceCollar;
        });
    }

    /// The order that a held one becomes now.
    fn place_of_held(&mut self, held: &Held, open: Lots) -> Result<Place, Refused> {
        let mut place = plain(&held.place);
        place.qty = open;
        let fresh = held.id.epoch() == self.epoch && self.orders.get(held.id).is_none();
        if !fresh {
            place.client_id = self.engine_id(held.strategy)?;
        }
        if held.protects() && (held.escalated || place.order_type == OrderType::Market) {
            let about = (held.instrument, held.account, held.strategy);
            place.price = self.collar_price(about, place.side)?;
            place.order_type = OrderType::Limit;
            place.time_in_force = TimeInForce::Ioc;
        }
        Ok(place)
    }

    /// Tells of held orders that ended, as far as there is room.
    fn tell_of_ended(&mut self) {
        while self.notices.has_room()
            && let Some(ended) = self.held.first_ended()
        {
            let (held, why) = (&ended.held, ended.why);
            let level = match why {
                HeldEnd::Refused | HeldEnd::Ended => NoticeLevel::Soft,
                HeldEnd::Done
                | HeldEnd::Sibling
                | HeldEnd::Asked
                | HeldEnd::Time
                | HeldEnd::Parent
                | HeldEnd::Switched => NoticeLevel::Info,
            };
            let scope = Scope::Strategy(held.strategy);
            let told = Told::new(NoticeCode::HeldEnded, level, scope)
                .about(held.id.raw())
                .at(held.place.price, held.filled)
                .by(Control::Held, i64::from(ended.asked_in), why as i64);
            self.held.forget_ended();
            self.notice(told);
        }
    }
}

/// What is left for the venue when the engine keeps the rest.
fn plain(place: &Place) -> Place {
    Place {
        trigger: None,
        good_till_ns: None,
        link: None,
        size: Size::Exact,
        ..*place
    }
}
