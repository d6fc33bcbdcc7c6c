//! Risk's answer to a wish for a size.
//!
//! A strategy with a sizing rule has every order that opens sized by it: the quantity that it asks
//! for is the most that it gets. The answer is clamped to the limits of one order and to the room
//! that the position limit leaves, and told in a notice when it is not what was asked for.
//!
//! Hot path: yes. Allocates: no.

use model::body::{NoticeCode, NoticeLevel, OrderType, RefusalReason, Side};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::checks::{self, Refused};
use super::notices::Told;
use super::{Entry, Risk};
use crate::machine::config::MachineConfig;
use crate::machine::held::Size;
use crate::machine::intent::{Intent, Place};
use crate::machine::protection::{SizingRule, VolatilityRule};
use crate::machine::sizing::{self, Missing, Question};

const fn missing(why: Missing) -> Refused {
    Refused::new(RefusalReason::Size, why as i64, 0)
}

const fn volatility_of(rule: SizingRule) -> Option<VolatilityRule> {
    match rule {
        SizingRule::VolatilityTarget { volatility, .. }
        | SizingRule::EqualRisk { volatility, .. } => Some(volatility),
        SizingRule::FixedFraction { .. }
        | SizingRule::Kelly { .. }
        | SizingRule::RiskPerTrade { .. } => None,
    }
}

impl Risk {
    /// Takes the sizing rules of a new configuration.
    pub(super) fn configure_sizing(&mut self) {
        let Some(config) = &self.config else {
            return;
        };
        let rules = config
            .strategies
            .iter()
            .zip(0..)
            .filter_map(|(strategy, id)| {
                let id = StrategyId(id);
                let rule = config.protection.of(id).sizing.and_then(volatility_of)?;
                Some(strategy.instruments.iter().map(move |on| (id, *on, rule)))
            })
            .flatten();
        self.sizing.configure(rules);
    }

    /// Shows a trade of the market to the rules that size by volatility.
    #[inline]
    pub(super) fn show_sizing(&mut self, record: &Record, event: &Event<'_>) {
        if let (Event::Trade(trade), Some(instrument)) = (event, record.instrument()) {
            self.sizing.trade(instrument, trade.price, self.time_ns);
        }
    }

    /// The order with the size that risk gives it.
    ///
    /// # Errors
    ///
    /// `Size`: value is why ([`Missing`]), or the lots with the venue's least as threshold.
    pub(super) fn sized(&self, intent: &Intent, place: &Place) -> Result<Place, Refused> {
        let rule = self
            .config
            .as_ref()
            .and_then(|config| config.protection.of(intent.strategy).sizing);
        let stop = match place.size {
            Size::Exact => None,
            Size::Sized { stop } => stop,
        };
        let Some(rule) = rule else {
            return if place.size == Size::Exact {
                Ok(*place)
            } else {
                Err(missing(Missing::Rule))
            };
        };
        let account = self.account_for(intent, place)?;
        let position = self.exits.get(place.instrument, intent.strategy);
        let held = position.map_or(0, |guard| guard.lots);
        let closes = held.checked_mul(-place.side.sign()).unwrap_or(0) >= place.qty.0;
        if place.reduce_only || closes && place.size == Size::Exact {
            return Ok(*place);
        }
        if place.qty <= Lots::ZERO {
            return Err(missing(Missing::Rule));
        }
        let (entry, config) = self
            .entry(place.instrument)
            .zip(self.config.as_ref())
            .ok_or(Refused::plain(RefusalReason::NotTrading))?;
        let about = (account, intent.strategy);
        let (price, value) = self.worst_price(entry, config, about, place)?;
        let spec = entry.listing.spec();
        let range = missing(Missing::Range);
        let question = Question {
            side: place.side,
            equity: self.equity_in_quote(account, entry)?,
            price: value,
            stop: stop.map(|stop| spec.price(stop).ok_or(range)).transpose()?,
            lot: spec.in_base(Lots(1)).ok_or(range)?,
            volatility_e9: self.sizing.volatility_e9(
                intent.strategy,
                place.instrument,
                self.time_ns,
            ),
        };
        let lots = sizing::lots(&rule, &question).map_err(missing)?;
        let room = self.room(entry, config, account, place, value)?;
        let lots = lots.min(place.qty.0).min(room);
        let least = spec.qty_min.0.max(1);
        let worth = spec.notional(price, Lots(lots)).ok_or(range)?;
        if lots < least || spec.notional_min.is_some_and(|min| worth < min) {
            return Err(Refused::new(RefusalReason::Size, lots, least));
        }
        Ok(Place {
            qty: Lots(lots),
            size: Size::Exact,
            ..*place
        })
    }

    /// The order's worst price, and the price at which a lot counts: not below the middle.
    fn worst_price(
        &self,
        entry: &Entry,
        config: &MachineConfig,
        (account, strategy): (AccountId, StrategyId),
        place: &Place,
    ) -> Result<(Ticks, Decimal), Refused> {
        let spec = entry.listing.spec();
        let limits = &config.limits;
        let (fresh, top) = checks::book(entry.listing.book(), self.time_ns, limits.book_age_max_ns);
        fresh.result()?;
        let top = top.ok_or(missing(Missing::Range))?;
        let price = match place.order_type {
            OrderType::Market => self.collar_price((spec.id, account, strategy), place.side)?,
            OrderType::Limit | OrderType::PostOnly => place.price,
        };
        let middle = Ticks(top.mid_x2() / 2);
        let value = spec
            .price(price.max(middle))
            .ok_or(missing(Missing::Range))?;
        Ok((price, value))
    }

    /// Lots that the limits of one order and of the position leave.
    fn room(
        &self,
        entry: &Entry,
        config: &MachineConfig,
        account: AccountId,
        place: &Place,
        price: Decimal,
    ) -> Result<i64, Refused> {
        let spec = entry.listing.spec();
        let limits = config.limits.of(spec.id);
        let range = missing(Missing::Range);
        let lot_value = spec
            .in_base(Lots(1))
            .and_then(|lot| lot.checked_mul(price))
            .ok_or(range)?;
        let by_value = limits.value_max.checked_div(lot_value).ok_or(range)?;
        let by_value = by_value.floor().to_i64().unwrap_or(i64::MAX);
        let position = self.portfolio.position(account, spec.id);
        let held = position.map_or(0, |position| position.lots.0);
        let pending = self.orders.sums().pending(account, spec.id);
        let waiting = self.held.sums().pending(account, spec.id);
        let (open, waiting) = match place.side {
            Side::Buy => (pending.buys, waiting.buys),
            Side::Sell => (pending.sells, waiting.sells),
        };
        let worst = held
            .checked_mul(place.side.sign())
            .and_then(|held| held.checked_add(open))
            .and_then(|open| open.checked_add(waiting))
            .ok_or(range)?;
        let by_position = limits.position_max.0.saturating_sub(worst);
        Ok(by_value
            .min(by_position)
            .min(limits.qty_max.0)
            .min(spec.qty_max.0))
    }

    /// What the account is worth by the portfolio, in the instrument's quote asset: assets less
    /// debts and the open profit of perpetuals, as of the last prices. Without a price or rate for
    /// any of them there is no answer, and so no size.
    fn equity_in_quote(&self, account: AccountId, entry: &Entry) -> Result<Decimal, Refused> {
        let no_equity = missing(Missing::Equity);
        let worth = self.portfolio.equity(account).ok_or(no_equity)?;
        let rate = self.portfolio.rate(&entry.quote);
        let rate = rate.filter(|rate| *rate > Decimal::ZERO).ok_or(no_equity)?;
        worth.checked_div(rate).ok_or(no_equity)
    }

    /// Judges an order with the size that risk gives it.
    pub(super) fn judge_sized(
        &mut self,
        intent: &Intent,
        asked: &Place,
        judge: impl FnOnce(&mut Self, &Place) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.gives_way(asked)?;
        let place = self.sized(intent, asked)?;
        judge(self, &place)?;
        self.tell_of_size(intent, asked, &place);
        Ok(())
    }

    /// Tells of a size that is not what was asked for.
    pub(super) fn tell_of_size(&mut self, intent: &Intent, asked: &Place, given: &Place) {
        if asked.qty == given.qty {
            return;
        }
        let told = Told::new(
            NoticeCode::Sized,
            NoticeLevel::Info,
            Scope::Strategy(intent.strategy),
        );
        let told = told.by(Control::Sizing, given.qty.0, asked.qty.0);
        self.notice(told.about(given.client_id.raw()).at(given.price, given.qty));
    }
}
