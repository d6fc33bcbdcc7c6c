//! Placing an order at the simulated venue: limits, filters, self-trades, funds, matching, rest.

use model::body::{Flag, OrderStatus, OrderType, RejectReason, SelfTrade, TimeInForce};
use model::ids::AccountId;
use model::instrument::Contract;
use model::num::{Lots, Ticks};
use model::record::Kind;
use rust_decimal::Decimal;

use super::super::money::{Overflow, held_back, value_of};
use super::super::own::Own;
use super::super::queue::Standing;
use super::super::words::{self, Said};
use super::{Venues, Wanted};

/// Length of the window in which order requests count.
const WINDOW_NS: u64 = 10_000_000_000;

type Refusal = (RejectReason, &'static str);

impl Venues {
    pub(super) fn place(&mut self, wanted: Wanted, now_ns: u64) -> Result<(), Overflow> {
        let mut wanted = wanted;
        if let Err((reason, text)) = self.check(&mut wanted, now_ns) {
            self.refuse(&wanted, reason, text, now_ns);
            return Ok(());
        }
        let index = wanted.instrument.index();
        let mut own = self.accept(&wanted, now_ns)?;
        if !self.prevent_self_trade(&wanted, now_ns) {
            self.end_new(Kind::OrderExpired, &own, index, now_ns);
            return Ok(());
        }
        let market = &mut self.markets[index];
        let limit = wanted.order_type != OrderType::Market;
        let rests = limit && wanted.time_in_force == TimeInForce::Gtc;
        let whole = wanted.time_in_force == TimeInForce::Fok;
        let enough = !whole || market.reach(own.side, own.price) >= own.qty;
        if enough && market.would_take(own.side, own.price) {
            market.take(&mut own, rests, &mut self.executions);
        }
        if own.left() > 0 && rests {
            self.places.insert(own.client_id, index);
            self.markets[index].rest(own);
        }
        self.settle_all(index, now_ns)?;
        if own.left() > 0 && !rests {
            self.end_new(Kind::OrderExpired, &own, index, now_ns);
        }
        Ok(())
    }

    fn check(&mut self, wanted: &mut Wanted, now_ns: u64) -> Result<(), Refusal> {
        self.check_rate(wanted.account, now_ns)?;
        if self.places.contains_key(&wanted.client_id) {
            return Err((RejectReason::Duplicate, "an order with this id is open"));
        }
        let Some(market) = self.markets.get(wanted.instrument.index()) else {
            return Err((RejectReason::Closed, "no such instrument"));
        };
        let spec = &market.shown.spec;
        if !spec.trading {
            return Err((RejectReason::Closed, "not trading"));
        }
        let (price, qty) = (Ticks(wanted.price), Lots(wanted.qty));
        let filter = |text| (RejectReason::Filter, text);
        if qty < spec.qty_min || qty > spec.qty_max {
            return Err(filter("quantity"));
        }
        let priced = wanted.order_type != OrderType::Market;
        let low = spec.price_min.is_some_and(|least| price < least);
        let high = spec.price_max.is_some_and(|most| price > most);
        if priced && (low || high) {
            return Err(filter("price"));
        }
        let value = spec.notional(price, qty).ok_or(filter("value"))?;
        let small = spec.notional_min.is_some_and(|least| value < least);
        let large = spec.notional_max.is_some_and(|most| value > most);
        if small && !wanted.reduce_only.is_yes() || large {
            return Err(filter("value"));
        }
        let takes = market.would_take(wanted.side, wanted.price);
        if wanted.order_type == OrderType::PostOnly && takes {
            return Err((RejectReason::WouldTake, "would take"));
        }
        self.check_reduce(wanted)?;
        self.check_funds(wanted)
    }

    /// Counts a request; beyond the bound the account is refused everything for a time.
    fn check_rate(&mut self, account: AccountId, now_ns: u64) -> Result<(), Refusal> {
        let (most, ban_ns) = (self.plan.orders_per_10s, self.plan.ban_ns);
        let Some(account) = self.accounts.get_mut(account.index()) else {
            return Err((RejectReason::Permission, "no such account"));
        };
        if now_ns < account.banned_ns {
            return Err((RejectReason::RateLimit, "banned"));
        }
        let window = now_ns / WINDOW_NS;
        if account.window.0 == window {
            account.window.1 = account.window.1.saturating_add(1);
        } else {
            account.window = (window, 1);
        }
        if most > 0 && account.window.1 > most {
            account.banned_ns = now_ns.saturating_add(ban_ns);
            return Err((RejectReason::RateLimit, "too many orders"));
        }
        Ok(())
    }

    /// A reduce-only order of a contract is cut to the position, or refused.
    fn check_reduce(&self, wanted: &mut Wanted) -> Result<(), Refusal> {
        let spec = &self.markets[wanted.instrument.index()].shown.spec;
        if wanted.reduce_only == Flag::No || spec.contract == Contract::Spot {
            return Ok(());
        }
        let account = &self.accounts[wanted.account.index()];
        let lots = account.position(wanted.instrument).lots;
        let most = (-lots * wanted.side.sign()).max(0);
        if most == 0 {
            return Err((RejectReason::Other, "reduce-only, and nothing to reduce"));
        }
        wanted.qty = wanted.qty.min(most);
        Ok(())
    }

    fn check_funds(&mut self, wanted: &Wanted) -> Result<(), Refusal> {
        let beyond = (RejectReason::Filter, "value beyond any number");
        let short = (RejectReason::Balance, "not enough balance");
        let market = &self.markets[wanted.instrument.index()];
        let spec = &market.shown.spec;
        if spec.contract != Contract::Spot {
            let (needs, has) = self.margin(wanted).ok_or(beyond)?;
            return if needs > has { Err(short) } else { Ok(()) };
        }
        let (price, qty) = (Ticks(wanted.price), Lots(wanted.qty));
        let (asset, mut needs) =
            held_back(spec, wanted.side, price, qty, Decimal::ONE).ok_or(beyond)?;
        if wanted.order_type == OrderType::Market && wanted.side.sign() > 0 {
            let (cost, _) = market.cost(wanted.side, wanted.price, wanted.qty);
            let unit = spec.notional(Ticks(1), Lots(1)).ok_or(beyond)?;
            let cost = Decimal::try_from_i128_with_scale(cost, 0).map_err(|_| beyond)?;
            needs = unit.checked_mul(cost).ok_or(beyond)?;
        }
        let account = &mut self.accounts[wanted.account.index()];
        if account.free(asset) < needs {
            return Err(short);
        }
        Ok(())
    }

    /// Margin that the account would need with this order, and what it has.
    fn margin(&self, wanted: &Wanted) -> Option<(Decimal, Decimal)> {
        let account = self.accounts.get(wanted.account.index())?;
        let spec = &self.markets[wanted.instrument.index()].shown.spec;
        let settle = super::super::money::settles_in(spec);
        let mut needs = Decimal::ZERO;
        let mut has = account
            .purses
            .iter()
            .find(|purse| purse.asset == settle)
            .map_or(Decimal::ZERO, |purse| purse.total - purse.locked);
        for market in &self.markets {
            let spec = &market.shown.spec;
            if spec.contract == Contract::Spot || super::super::money::settles_in(spec) != settle {
                continue;
            }
            let held = account.position(spec.id);
            if held.lots != 0 {
                let mark = market.mark_price()?;
                has = has.checked_add(super::super::money::open_profit(spec, &held, mark)?)?;
            }
            let mut sides = [held.lots, -held.lots];
            for own in market.resting().filter(|own| own.account == wanted.account) {
                sides[usize::from(own.side.sign() < 0)] += own.left();
            }
            // The worse side: what would be held if all of it traded.
            let before = sides[0].max(sides[1]);
            if market.shown.spec.id == wanted.instrument {
                sides[usize::from(wanted.side.sign() < 0)] += wanted.qty;
                if sides[0].max(sides[1]) == before {
                    // It only reduces.
                    return Some((Decimal::ZERO, Decimal::ZERO));
                }
            }
            let worst = Lots(sides[0].max(sides[1]).max(0));
            let price = match market.mark_price() {
                Some(price) => price,
                None if worst == Lots::ZERO => continue,
                None => Ticks(wanted.price),
            };
            needs = needs.checked_add(value_of(spec, price, worst)?.abs())?;
        }
        Some((needs.checked_div(self.plan.leverage)?, has))
    }

    /// The order exists: it has an id, and what it may cost is held back.
    fn accept(&mut self, wanted: &Wanted, now_ns: u64) -> Result<Own, Overflow> {
        self.orders += 1;
        let own = Own {
            client_id: wanted.client_id,
            venue_order_id: self.orders,
            account: wanted.account,
            strategy: wanted.strategy,
            side: wanted.side,
            price: wanted.price,
            qty: wanted.qty,
            filled: 0,
            market: wanted.order_type == OrderType::Market,
            standing: Standing::default(),
            place: 0,
        };
        self.lock(wanted.instrument.index(), &own, own.qty)?;
        let said = Said {
            client_id: own.client_id,
            venue_order_id: own.venue_order_id,
            status: OrderStatus::Open,
            cum: 0,
            reason: RejectReason::None,
            text: "",
        };
        let kind = Kind::OrderAcked;
        self.say(
            own.account,
            words::report(kind, wanted.instrument, now_ns, said),
        );
        Ok(own)
    }

    /// Ends one of two orders of the same account that would meet; false if it is the new one.
    fn prevent_self_trade(&mut self, wanted: &Wanted, now_ns: u64) -> bool {
        let market = &self.markets[wanted.instrument.index()];
        let met = market.met(wanted.account, wanted.side, wanted.price);
        if met.is_empty() {
            return true;
        }
        let rule = wanted.self_trade;
        if matches!(rule, SelfTrade::ExpireMaker | SelfTrade::ExpireBoth) {
            for id in met {
                self.take_out(Kind::OrderExpired, wanted.account, id, now_ns);
            }
        }
        rule == SelfTrade::ExpireMaker
    }

    /// A new order ends without resting.
    fn end_new(&mut self, kind: Kind, own: &Own, index: usize, now_ns: u64) {
        self.unlock(index, own, own.left());
        self.ended(kind, own, index, now_ns);
    }
}
