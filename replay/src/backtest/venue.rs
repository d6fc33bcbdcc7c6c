//! The simulated venues: what they do with our commands and with the market's own events.
//!
//! Everything here happens in the venue's time. Answers carry the account that they go to; the
//! world delivers them when they arrive.

mod contracts;
mod fills;
mod placing;

use std::collections::HashMap;
use std::sync::Arc;

use model::body::{
    AssetName, Flag, NewOrder, OrderStatus, OrderType, RejectReason, ReplaceOrder, SelfTrade, Side,
    TimeInForce,
};
use model::command::{CommandView, command};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::concern::Concern;
use super::market::Market;
use super::money::{Account, FeeTier, Overflow};
use super::own::{Execution, Own};
use super::queue::QueueModel;
use super::rules::Rules;
use super::shown::{Seen, Shown};
use super::words::{self, Said};

/// What every simulated venue of a backtest does.
#[derive(Debug, Clone)]
pub struct VenuePlan {
    /// What orders get.
    pub rules: Rules,
    /// Where they stand in the queue, by instrument.
    pub queues: QueueChoice,
    /// Fees, by volume, ascending; the first tier from 0.
    pub tiers: Vec<FeeTier>,
    /// Initial margin of contracts is their value divided by this; from 1.
    pub leverage: Decimal,
    /// Most order requests of an account in ten seconds; 0: no bound.
    pub orders_per_10s: u32,
    /// How long an account that goes beyond it is refused everything, nanoseconds.
    pub ban_ns: u64,
    /// Times at which nothing reaches the venue and nothing comes from it.
    pub outages: Vec<Outage>,
}

/// From when to when a venue is away, nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// First instant.
    pub from_ns: u64,
    /// First instant behind it.
    pub to_ns: u64,
}

impl Outage {
    pub(super) const fn holds(&self, now_ns: u64) -> bool {
        self.from_ns <= now_ns && now_ns < self.to_ns
    }
}

/// Which model of the queue an instrument has.
#[derive(Debug, Clone)]
pub enum QueueChoice {
    /// [`super::RiskAverse`].
    RiskAverse,
    /// [`super::Probable`] with this share.
    Probable(super::Share),
    /// [`super::ProRata`].
    ProRata,
    /// [`super::Fifo`].
    Fifo,
    /// One of the user's own.
    Own(Arc<dyn QueueModel>),
}

impl QueueChoice {
    /// Whether the data has to show each order of the venue's; see [`DataSet::shows_orders`].
    ///
    /// [`DataSet::shows_orders`]: super::DataSet::shows_orders
    #[must_use]
    pub fn needs_orders(&self) -> bool {
        match self {
            Self::Fifo => true,
            Self::Own(model) => model.by_order(),
            Self::RiskAverse | Self::Probable(_) | Self::ProRata => false,
        }
    }

    fn model(&self, spec: &InstrumentSpec) -> Arc<dyn QueueModel> {
        match self {
            Self::RiskAverse => Arc::new(super::RiskAverse),
            Self::Probable(share) => {
                let lot = spec.lot.decimal(1).and_then(|lot| lot.try_into().ok());
                Arc::new(super::Probable::new(*share, lot.unwrap_or(1.0)))
            }
            Self::ProRata => Arc::new(super::ProRata),
            Self::Fifo => Arc::new(super::Fifo),
            Self::Own(model) => Arc::clone(model),
        }
    }
}

/// What a placement and a replacement have in common.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    client_id: u64,
    account: AccountId,
    strategy: Option<StrategyId>,
    instrument: InstrumentId,
    side: Side,
    price: i64,
    qty: i64,
    order_type: OrderType,
    time_in_force: TimeInForce,
    reduce_only: Flag,
    self_trade: SelfTrade,
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Venues {
    pub(super) markets: Vec<Market>,
    /// By market.
    concerns: Vec<Concern>,
    pub(super) accounts: Vec<Account>,
    plan: VenuePlan,
    /// Where each resting order of ours is.
    places: HashMap<u64, usize>,
    orders: u64,
    trades: u64,
    executions: Vec<Execution>,
    /// What is told, in its order.
    pub(super) answers: Vec<(AccountId, Record)>,
    /// Positions that were closed by force.
    pub(super) liquidations: u64,
}

impl Venues {
    pub(super) fn new(
        specs: &[InstrumentSpec],
        window_ticks: u32,
        balances: &[Vec<(AssetName, Decimal)>],
        plan: VenuePlan,
    ) -> Self {
        let market = |spec: &InstrumentSpec| {
            let model = plan.queues.model(spec);
            Market::new(spec.clone(), window_ticks, model, plan.rules)
        };
        Self {
            markets: specs.iter().map(market).collect(),
            concerns: vec![Concern::NOTHING; specs.len()],
            accounts: balances.iter().map(|one| Account::new(one)).collect(),
            plan,
            places: HashMap::new(),
            orders: 0,
            trades: 0,
            executions: Vec::new(),
            answers: Vec::new(),
            liquidations: 0,
        }
    }

    /// The market's next event, which did this to what is shown.
    ///
    /// # Errors
    ///
    /// [`Overflow`].
    #[inline]
    pub(super) fn market(&mut self, seen: &Seen, now_ns: u64) -> Result<(), Overflow> {
        let Some(market) = self.markets.get_mut(seen.index) else {
            return Ok(());
        };
        if let Some(before) = seen.marked {
            return self.marked(seen.index, before, now_ns);
        }
        market.react(&seen.happened, &seen.changes, &mut self.executions);
        if self.executions.is_empty() {
            return Ok(());
        }
        self.settle_all(seen.index, now_ns)
    }

    /// Whether the market's next event can concern nobody here, where all that was done was done
    /// in [`Self::seeing`].
    #[inline]
    pub(super) fn is_idle(&self, seen: &Seen) -> bool {
        let concern = self.concerns.get(seen.index);
        !concern.is_some_and(|concern| concern.is_met(seen))
    }

    /// Lets it do something while it is lent what is shown.
    #[inline]
    pub(super) fn seeing<T>(
        &mut self,
        shown: &mut [Box<Shown>],
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.swap_shown(shown);
        let done = act(self);
        self.swap_shown(shown);
        for (concern, market) in self.concerns.iter_mut().zip(&self.markets) {
            *concern = market.concern();
        }
        done
    }

    #[inline]
    fn swap_shown(&mut self, shown: &mut [Box<Shown>]) {
        for (market, shown) in self.markets.iter_mut().zip(shown) {
            std::mem::swap(&mut market.shown, shown);
        }
    }

    /// A command arrives.
    ///
    /// # Errors
    ///
    /// [`Overflow`].
    pub(super) fn command(&mut self, record: &Record, now_ns: u64) -> Result<(), Overflow> {
        let Ok(view) = command(record) else {
            return Ok(());
        };
        let account = record.account().unwrap_or(AccountId(0));
        let instrument = record.instrument();
        match view {
            CommandView::NewOrder(new) => {
                let Some(wanted) = Wanted::new(record, new) else {
                    return Ok(());
                };
                self.place(wanted, now_ns)
            }
            CommandView::ReplaceOrder(new) => {
                let Some(wanted) = Wanted::replacement(record, new) else {
                    return Ok(());
                };
                if self.cancel(account, wanted.instrument, new.cancel_client_id, now_ns) {
                    return self.place(wanted, now_ns);
                }
                let words = "the order to replace was not there";
                self.refuse(&wanted, RejectReason::Other, words, now_ns);
                Ok(())
            }
            CommandView::CancelOrder(cancel) => {
                if let Some(instrument) = instrument {
                    self.cancel(account, instrument, cancel.client_id, now_ns);
                }
                Ok(())
            }
            CommandView::AmendOrder(amend) => {
                if let Some(instrument) = instrument {
                    self.amend(account, instrument, amend.client_id, amend.qty.0, now_ns);
                }
                Ok(())
            }
            CommandView::CancelAll(_) => {
                self.cancel_all(account, instrument, now_ns);
                Ok(())
            }
            CommandView::QueryOrder(query) => {
                if let Some(instrument) = instrument {
                    self.query(account, instrument, query.client_id, now_ns);
                }
                Ok(())
            }
            CommandView::QueryOpenOrders(_) => {
                self.list(account);
                Ok(())
            }
            CommandView::Latch(_) => Ok(()),
        }
    }

    /// Orders and trades get numbers above this.
    pub(super) const fn number_from(&mut self, last: u64) {
        (self.orders, self.trades) = (last, last);
    }

    fn say(&mut self, account: AccountId, record: Record) {
        self.answers.push((account, record.on_account(account)));
    }

    fn refuse(&mut self, wanted: &Wanted, reason: RejectReason, words: &'static str, now_ns: u64) {
        let kind = Kind::OrderRejected;
        let id = wanted.client_id;
        let record = words::refusal(kind, wanted.instrument, now_ns, id, reason, words);
        self.say(wanted.account, record);
    }

    /// An order ends with what it has.
    fn ended(&mut self, kind: Kind, own: &Own, market: usize, now_ns: u64) {
        let status = if kind == Kind::OrderExpired {
            OrderStatus::Expired
        } else {
            OrderStatus::Cancelled
        };
        let said = Said {
            client_id: own.client_id,
            venue_order_id: own.venue_order_id,
            status,
            cum: own.filled,
            reason: RejectReason::None,
            text: "",
        };
        let instrument = self.markets[market].shown.spec.id;
        self.say(own.account, words::report(kind, instrument, now_ns, said));
    }

    /// Takes an order out and gives back what it held; false if it is not there.
    fn cancel(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        client_id: u64,
        now_ns: u64,
    ) -> bool {
        let kind = Kind::OrderCancelled;
        if self.take_out(kind, account, client_id, now_ns) {
            return true;
        }
        let reason = RejectReason::UnknownOrder;
        let words = "unknown order";
        let kind = Kind::CancelRejected;
        let record = words::refusal(kind, instrument, now_ns, client_id, reason, words);
        self.say(account, record);
        false
    }

    /// Ends a resting order of the account; false if it is not there.
    fn take_out(&mut self, kind: Kind, account: AccountId, client_id: u64, now_ns: u64) -> bool {
        let Some(&index) = self.places.get(&client_id) else {
            return false;
        };
        let market = &mut self.markets[index];
        if market
            .find(client_id)
            .is_none_or(|own| own.account != account)
        {
            return false;
        }
        let Some(own) = market.remove(client_id) else {
            return false;
        };
        self.places.remove(&client_id);
        self.unlock(index, &own, own.left());
        self.ended(kind, &own, index, now_ns);
        true
    }

    fn cancel_all(&mut self, account: AccountId, instrument: Option<InstrumentId>, now_ns: u64) {
        let wanted = |market: &Market| instrument.is_none_or(|id| id == market.shown.spec.id);
        let ids: Vec<u64> = self
            .markets
            .iter()
            .filter(|market| wanted(market))
            .flat_map(|market| market.resting())
            .filter(|own| own.account == account)
            .map(|own| own.client_id)
            .collect();
        for id in ids {
            self.take_out(Kind::OrderCancelled, account, id, now_ns);
        }
    }

    /// Makes an order smaller where it stands.
    fn amend(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        client_id: u64,
        qty: i64,
        now_ns: u64,
    ) {
        let index = self.places.get(&client_id).copied();
        let found = index.and_then(|index| self.markets[index].find(client_id));
        let allowed =
            found.filter(|own| own.account == account && own.filled < qty && qty < own.qty);
        let (Some(index), Some(own)) = (index, allowed) else {
            let reason = RejectReason::UnknownOrder;
            let words = "no such order, or not a smaller quantity above what is filled";
            let kind = Kind::AmendRejected;
            let record = words::refusal(kind, instrument, now_ns, client_id, reason, words);
            self.say(account, record);
            return;
        };
        let gone = own.qty - qty;
        own.qty = qty;
        let own = *own;
        self.unlock(index, &own, gone);
        let ids = (client_id, own.venue_order_id);
        let record = words::amended(instrument, now_ns, ids, qty, own.filled);
        self.say(account, record);
    }

    fn query(&mut self, account: AccountId, instrument: InstrumentId, client_id: u64, now_ns: u64) {
        let index = self.places.get(&client_id).copied();
        let found = index.and_then(|index| self.markets[index].find(client_id));
        let record = match found {
            Some(own) => {
                let said = Said {
                    client_id,
                    venue_order_id: own.venue_order_id,
                    status: status_of(own),
                    cum: own.filled,
                    reason: RejectReason::None,
                    text: "",
                };
                words::report(Kind::OrderStatus, instrument, now_ns, said)
            }
            None => {
                let reason = RejectReason::UnknownOrder;
                let kind = Kind::OrderAbsent;
                words::refusal(kind, instrument, now_ns, client_id, reason, "unknown order")
            }
        };
        self.say(account, record);
    }

    fn list(&mut self, account: AccountId) {
        let all = self.markets.iter().flat_map(Market::resting);
        let ours = all.filter(|own| own.account == account).count();
        let record = words::open_orders(ours as u64);
        self.say(account, record);
    }

    /// What a gateway asks when its connection is back: each order that rests, then their number.
    pub(super) fn reconcile(&mut self, account: AccountId, now_ns: u64) {
        let resting: Vec<(InstrumentId, u64)> = self
            .markets
            .iter()
            .flat_map(|market| market.resting().map(|own| (market.shown.spec.id, own)))
            .filter(|(_, own)| own.account == account)
            .map(|(instrument, own)| (instrument, own.client_id))
            .collect();
        for (instrument, client_id) in resting {
            self.query(account, instrument, client_id, now_ns);
        }
        self.list(account);
    }

    /// Whether the venue is away.
    pub(super) fn is_away(&self, now_ns: u64) -> bool {
        self.plan.outages.iter().any(|outage| outage.holds(now_ns))
    }

    /// Times at which the venue goes and comes.
    pub(super) fn outages(&self) -> &[Outage] {
        &self.plan.outages
    }
}

const fn status_of(own: &Own) -> OrderStatus {
    if own.filled > 0 {
        OrderStatus::PartiallyFilled
    } else {
        OrderStatus::Open
    }
}

impl Wanted {
    fn new(record: &Record, new: &NewOrder) -> Option<Self> {
        Some(Self {
            client_id: new.client_id,
            account: record.account()?,
            strategy: record.strategy(),
            instrument: record.instrument()?,
            side: new.side,
            price: new.price.0,
            qty: new.qty.0,
            order_type: new.order_type,
            time_in_force: new.time_in_force,
            reduce_only: new.reduce_only,
            self_trade: new.self_trade,
        })
    }

    fn replacement(record: &Record, new: &ReplaceOrder) -> Option<Self> {
        Some(Self {
            client_id: new.client_id,
            account: record.account()?,
            strategy: record.strategy(),
            instrument: record.instrument()?,
            side: new.side,
            price: new.price.0,
            qty: new.qty.0,
            order_type: new.order_type,
            time_in_force: new.time_in_force,
            reduce_only: new.reduce_only,
            self_trade: new.self_trade,
        })
    }
}
