//! Closing the positions of a killed scope: by configuration after each kill, or as a person asked.
//!
//! It begins once the venue confirmed that nothing of the scope rests. Each position is closed by
//! reduce-only orders, limit-IOC at the collar, one at a time and all together at most 20 in a
//! second, so that the gateway's last line counts no runaway. Every order is judged like any other;
//! only the kill lets it pass. What is refused or not filled goes again, until the scope is flat, a
//! person takes the request back, two persons release the kill, or a last line that latched itself
//! stops an order. A rest that the venue does not
//! take is told and stays. After a restart it begins anew behind the kill's own work.
//!
//! An order is in the name of the strategy with the largest part of the position; where none has
//! one, of any that trades in the account.
//!
//! Hot path: one compare, while there is nothing to close. Allocates: when it begins.

use model::body::{NoticeCode, NoticeLevel, OrderType, RefusalReason, Side, TimeInForce};
use model::control::{Control, Scope};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use super::Risk;
use super::checks::{self, Refused};
use super::engine_orders::told_bit;
use super::notices::Told;
use super::switches::Blocked;
use super::trace::Trace;
use crate::machine::held::{HeldEnd, Size};
use crate::machine::intent::Place;
use crate::machine::outputs::Outputs;

/// Between two orders, whichever positions they close.
const PAUSE_NS: u64 = 50_000_000;
/// Before an order goes again of which nothing was filled.
const AGAIN_NS: u64 = 250_000_000;

/// One position that is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Leg {
    account: AccountId,
    instrument: InstrumentId,
    order: Option<ClientOrderId>,
    again_ns: u64,
    /// Largest order that was not refused, lots.
    clip: i64,
    /// Whether an order may be larger than the part of the strategy that it names.
    whole: bool,
    /// What is left and cannot be closed; 0 if not known to be so.
    rest: i64,
    /// Reasons of refusals that were told.
    told: u64,
}

/// The positions of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flatten {
    pub(super) scope: Scope,
    /// Number of the request; for a kill by a control the event of the kill.
    pub(super) number: u64,
    since_ns: u64,
    legs: Vec<Leg>,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Flattens {
    pub(super) all: Vec<Flatten>,
    next_ns: u64,
}

/// What closes next.
struct Step {
    strategy: StrategyId,
    side: Side,
    qty: i64,
    left: i64,
}

impl Leg {
    const fn new(account: AccountId, instrument: InstrumentId) -> Self {
        Self {
            account,
            instrument,
            order: None,
            again_ns: 0,
            clip: i64::MAX,
            whole: false,
            rest: 0,
            told: 0,
        }
    }
}

impl Risk {
    /// The venue confirmed that nothing of the scope rests: positions are closed from here on.
    pub(super) fn start_flatten(&mut self, scope: Scope, number: u64) {
        let config = &self.config;
        let venue_of = |account: AccountId| {
            let account = config.as_ref()?.accounts.get(account.index())?;
            Some(account.venue)
        };
        // They would close what is closed by then.
        self.held.finish_all(HeldEnd::Switched, |held| match scope {
            Scope::Overall => true,
            Scope::Venue(venue) => venue_of(held.account) == Some(venue),
            Scope::Account(account) => held.account == account,
            Scope::Strategy(strategy) => held.strategy == strategy,
            Scope::Instrument(instrument) => held.instrument == instrument,
        });
        let mut flatten = Flatten {
            scope,
            number,
            since_ns: self.time_ns,
            legs: Vec::new(),
        };
        self.find_legs(&mut flatten);
        let count = i64::try_from(flatten.legs.len()).unwrap_or(i64::MAX);
        let told = Told::new(NoticeCode::Flattening, NoticeLevel::Hard, scope);
        self.notice(told.by(Control::KillSwitch, count, 0).about(number));
        let all = &mut self.killing.flattens.all;
        all.retain(|one| one.scope != scope);
        all.push(flatten);
    }

    /// A person, or a release, stops it. Whether there was one.
    pub(super) fn stop_flatten(&mut self, which: impl Fn(Scope, u64) -> bool) -> bool {
        let mut stopped = false;
        let mut index = 0;
        while let Some(one) = self.killing.flattens.all.get(index) {
            let (scope, number) = (one.scope, one.number);
            if !which(scope, number) {
                index += 1;
                continue;
            }
            self.killing.flattens.all.remove(index);
            let told = Told::new(NoticeCode::FlattenStopped, NoticeLevel::Hard, scope);
            self.notice(told.about(number));
            stopped = true;
        }
        stopped
    }

    /// The last line stopped an order that it lets pass unless it latched itself: no other would
    /// leave either.
    pub(super) fn closing_stopped(&mut self, client_id: u64) {
        let order = ClientOrderId::from_raw(client_id);
        let mut all = self.killing.flattens.all.iter();
        let its = |one: &&Flatten| {
            let own = |leg: &Leg| leg.order.is_some() && leg.order == order;
            one.legs.iter().any(own)
        };
        if let Some(stopped) = all.find(its).map(|one| one.number) {
            self.stop_flatten(|_, number| number == stopped);
        }
    }

    /// What is being closed: scope, number of the request, positions that are not closed yet.
    pub fn flattening(&self) -> impl Iterator<Item = (Scope, u64, usize)> {
        self.killing.flattens.all.iter().map(|one| {
            let open = one
                .legs
                .iter()
                .filter(|leg| self.open_lots(one.scope, leg.account, leg.instrument) != 0);
            (one.scope, one.number, open.count())
        })
    }

    /// Whether this is the order that closes a killed position, at this moment.
    pub(super) fn is_closing(&self, place: &Place) -> bool {
        self.closing == Some(place.client_id)
    }

    /// A kill lets the orders of its own flatten close.
    pub(super) fn let_close(
        &self,
        blocked: Blocked,
        reduces: bool,
        place: &Place,
    ) -> Result<(), Refused> {
        if blocked.reason == RefusalReason::Killed && reduces && self.is_closing(place) {
            return Ok(());
        }
        Err(Refused::plain(blocked.reason).by(blocked.control, blocked.scope))
    }

    /// Positions of a scope that are open and not among the legs yet. Whether there was one.
    fn find_legs(&self, flatten: &mut Flatten) -> bool {
        let before = flatten.legs.len();
        for held in self.portfolio.positions() {
            let (account, instrument) = (held.account, held.instrument);
            let within = match flatten.scope {
                Scope::Overall => true,
                Scope::Venue(venue) => self.venue_of(account) == Some(venue),
                Scope::Account(own) => own == account,
                Scope::Instrument(own) => own == instrument,
                Scope::Strategy(_) => true,
            };
            let same = |leg: &Leg| (leg.account, leg.instrument) == (account, instrument);
            if within
                && self.open_lots(flatten.scope, account, instrument) != 0
                && !flatten.legs.iter().any(same)
            {
                flatten.legs.push(Leg::new(account, instrument));
            }
        }
        flatten.legs.len() > before
    }

    /// Lots that a scope has open in an account and instrument.
    fn open_lots(&self, scope: Scope, account: AccountId, instrument: InstrumentId) -> i64 {
        match scope {
            Scope::Strategy(strategy) => {
                let part = self.portfolio.strategy_part(strategy, account, instrument);
                part.lots.0
            }
            Scope::Overall | Scope::Venue(_) | Scope::Account(_) | Scope::Instrument(_) => {
                let held = self.portfolio.position(account, instrument);
                held.map_or(0, |held| held.lots.0)
            }
        }
    }

    /// Goes on closing.
    pub(super) fn work_at_flattens(&mut self, out: &mut Outputs, trace: &mut impl Trace) {
        if self.killing.flattens.all.is_empty() || !self.killing.is_awake() {
            return;
        }
        let mut flattens = std::mem::take(&mut self.killing.flattens);
        let mut index = 0;
        while let Some(flatten) = flattens.all.get_mut(index) {
            let mut busy = false;
            for place in 0..flatten.legs.len() {
                let mut leg = flatten.legs[place];
                busy |=
                    self.work_at_leg(flatten.scope, &mut leg, &mut flattens.next_ns, (out, trace));
                flatten.legs[place] = leg;
            }
            // A fill that came late may have opened another.
            if busy || self.find_legs(flatten) {
                index += 1;
                continue;
            }
            self.tell_flat(flatten);
            flattens.all.remove(index);
        }
        self.killing.flattens = flattens;
    }

    fn tell_flat(&mut self, flatten: &Flatten) {
        let rests = flatten.legs.iter().filter(|leg| leg.rest != 0).count();
        let level = if rests == 0 {
            NoticeLevel::Info
        } else {
            NoticeLevel::Hard
        };
        let took = checks::clamp(self.time_ns.saturating_sub(flatten.since_ns));
        let rests = i64::try_from(rests).unwrap_or(i64::MAX);
        let told = Told::new(NoticeCode::Flat, level, flatten.scope);
        self.notice(
            told.by(Control::KillSwitch, took, rests)
                .about(flatten.number),
        );
    }

    /// Whether there is still something to do for a position.
    fn work_at_leg(
        &mut self,
        scope: Scope,
        leg: &mut Leg,
        next_ns: &mut u64,
        (out, trace): (&mut Outputs, &mut impl Trace),
    ) -> bool {
        let now = self.time_ns;
        if let Some(order) = leg.order {
            if self.orders.get_live(order).is_some() {
                return true;
            }
            let order = self.orders.get(order);
            let nothing = order.is_none_or(|order| order.filled == Lots::ZERO);
            let pause = if nothing { AGAIN_NS } else { 0 };
            (leg.order, leg.again_ns) = (None, now.saturating_add(pause));
        }
        let open = self.open_lots(scope, leg.account, leg.instrument);
        if open == 0 {
            leg.rest = 0;
            return false;
        }
        if leg.rest == open {
            return false;
        }
        if now < leg.again_ns.max(*next_ns) {
            return true;
        }
        let Some(step) = self.next_step(scope, leg, open) else {
            self.leave(leg, open);
            return false;
        };
        *next_ns = now.saturating_add(PAUSE_NS);
        match self.send_closing(leg, &step, out, trace) {
            Ok(order) => leg.order = Some(order),
            Err(refused) => self.closing_refused(leg, &step, refused),
        }
        leg.rest != open
    }

    /// What is left stays, and people are told.
    fn leave(&mut self, leg: &mut Leg, open: i64) {
        leg.rest = open;
        let scope = Scope::Instrument(leg.instrument);
        let told = Told::new(NoticeCode::FlattenRest, NoticeLevel::Hard, scope);
        let told = told.by(Control::KillSwitch, open, i64::from(leg.account.0));
        self.notice(told.at(Ticks::ZERO, Lots(open)));
    }

    fn next_step(&self, scope: Scope, leg: &Leg, open: i64) -> Option<Step> {
        let config = self.config.as_ref()?;
        let (side, sign) = if open > 0 {
            (Side::Sell, 1)
        } else {
            (Side::Buy, -1)
        };
        // Where strategies hold against each other, the account has less.
        let position = self.portfolio.position(leg.account, leg.instrument)?.lots.0;
        let left = open.checked_mul(sign)?.min(position.checked_mul(sign)?);
        let part = |strategy: StrategyId| {
            let part = self
                .portfolio
                .strategy_part(strategy, leg.account, leg.instrument);
            part.lots.0.saturating_mul(sign)
        };
        let strategy = if let Scope::Strategy(strategy) = scope {
            strategy
        } else {
            let ids = config.strategies.iter().zip(0_u16..);
            let here = ids.filter(|(strategy, _)| strategy.account == leg.account);
            let here = here.map(|(_, id)| StrategyId(id));
            here.max_by_key(|id| (part(*id).max(0), std::cmp::Reverse(*id)))?
        };
        let own = part(strategy);
        let own = if own > 0 && !leg.whole { own } else { i64::MAX };
        let most = config.limits.of(leg.instrument).qty_max.0;
        let qty = left.min(own).min(most).min(leg.clip);
        (qty > 0).then_some(Step {
            strategy,
            side,
            qty,
            left,
        })
    }

    fn send_closing(
        &mut self,
        leg: &Leg,
        step: &Step,
        out: &mut Outputs,
        trace: &mut impl Trace,
    ) -> Result<ClientOrderId, Refused> {
        let about = (leg.instrument, leg.account, step.strategy);
        let price = self.collar_price(about, step.side)?;
        let place = Place {
            client_id: self.engine_id(step.strategy)?,
            instrument: leg.instrument,
            side: step.side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            price,
            qty: Lots(step.qty),
            tag: 0,
            reduce_only: true,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        };
        self.closing = Some(place.client_id);
        let verdict = self.place_by_engine(step.strategy, (&place, None), out, trace);
        self.closing = None;
        verdict.map(|()| place.client_id)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are all alike here"
    )]
    fn closing_refused(&mut self, leg: &mut Leg, step: &Step, refused: Refused) {
        leg.again_ns = self.time_ns.saturating_add(AGAIN_NS);
        let part = |most: i64, value: i64| {
            let lots = i128::from(step.qty) * i128::from(most) / i128::from(value.max(1));
            i64::try_from(lots).unwrap_or(i64::MAX)
        };
        let smaller = match refused.reason {
            RefusalReason::MaxQuantity | RefusalReason::MaxValue | RefusalReason::SoftLimit => {
                part(refused.threshold, refused.value)
            }
            RefusalReason::QuantityFilter | RefusalReason::NotionalFilter => {
                if refused.value > refused.threshold {
                    part(refused.threshold, refused.value)
                } else if step.qty < step.left && !leg.whole {
                    // Less than the venue takes is the strategy's part, not the position.
                    (leg.whole, leg.clip) = (true, i64::MAX);
                    return;
                } else {
                    let open = step.left * if step.side == Side::Sell { 1 } else { -1 };
                    self.leave(leg, open);
                    return;
                }
            }
            RefusalReason::Funds if step.side == Side::Sell => {
                self.deliverable_lots(leg.instrument, refused).unwrap_or(0)
            }
            _ => 0,
        };
        if smaller > 0 && smaller < step.qty {
            (leg.clip, leg.again_ns) = (smaller, self.time_ns);
            return;
        }
        let bit = told_bit(refused.reason);
        if leg.told & bit == 0 {
            leg.told |= bit;
            let scope = Scope::Instrument(leg.instrument);
            let told = Told::new(NoticeCode::ExitRetried, NoticeLevel::Hard, scope);
            let told = told.by(Control::KillSwitch, refused.reason as i64, refused.value);
            self.notice(told.at(Ticks::ZERO, Lots(step.qty)));
        }
    }

    /// What the account can deliver: fees in the base asset are taken from what was bought.
    fn deliverable_lots(&self, instrument: InstrumentId, refused: Refused) -> Option<i64> {
        let lot = self.listing(instrument)?.spec().quantity(Lots(1))?;
        let free = Decimal::new(refused.threshold.max(0), 8);
        free.checked_div(lot)?.floor().to_i64()
    }
}
