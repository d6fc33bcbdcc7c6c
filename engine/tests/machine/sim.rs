//! A venue around a machine, all on one thread and seeded: a market whose middle walks, and our
//! orders resting in it.

use std::collections::VecDeque;

use engine::machine::{MachineConfig, StrategyConfig};
use model::body::{
    Channel, Level, LinkState, NewOrder, OpenOrders, OrderStatus, OrderType, Quote, RejectReason,
    ReplaceOrder, Side, TimeInForce, Trade,
};
use model::command::{CommandView, command};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};

use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, balance, config, connection, fill, levels, report, reset, sent, tick,
};

/// What a placement and a replacement have in common.
struct Wanted {
    client_id: u64,
    side: Side,
    price: i64,
    qty: i64,
    order_type: OrderType,
    time_in_force: TimeInForce,
}

impl From<&NewOrder> for Wanted {
    fn from(new: &NewOrder) -> Self {
        Self {
            client_id: new.client_id,
            side: new.side,
            price: new.price.0,
            qty: new.qty.0,
            order_type: new.order_type,
            time_in_force: new.time_in_force,
        }
    }
}

impl From<&ReplaceOrder> for Wanted {
    fn from(new: &ReplaceOrder) -> Self {
        Self {
            client_id: new.client_id,
            side: new.side,
            price: new.price.0,
            qty: new.qty.0,
            order_type: new.order_type,
            time_in_force: new.time_in_force,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    client_id: u64,
    side: Side,
    price: i64,
    left: i64,
}

/// A venue with one market whose middle walks, and our orders resting in it.
pub(crate) struct Sim {
    pub(crate) rig: Rig,
    queue: VecDeque<Record>,
    resting: Vec<Resting>,
    random: u64,
    update_id: u64,
    trade_id: u64,
    bid: i64,
    ask: i64,
}

impl Sim {
    pub(crate) fn new(seed: u64, strategies: Vec<StrategyConfig>) -> Self {
        Self::with(seed, &config(strategies))
    }

    pub(crate) fn with(seed: u64, config: &MachineConfig) -> Self {
        let mut rig = Rig::new();
        rig.begin(config, 0);
        let mut sim = Self {
            rig,
            queue: VecDeque::new(),
            resting: Vec::new(),
            random: seed.wrapping_mul(2) | 1,
            update_id: 10,
            trade_id: 100,
            bid: 6_000_000,
            ask: 6_000_004,
        };
        sim.open();
        sim
    }

    fn open(&mut self) {
        let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
        let changes = [
            (Side::Buy, self.bid, 5_000),
            (Side::Sell, self.ask, 5_000),
            (Side::Buy, self.bid - 50_000, 9_000),
            (Side::Sell, self.ask + 50_000, 9_000),
        ];
        let snapshot = levels(self.update_id, whole, &changes);
        for record in [
            connection(Channel::Orders, LinkState::Up),
            balance("BTC", 1),
            balance("USDT", 100_000),
            reset(self.update_id, 1),
            snapshot,
        ] {
            self.queue.push_back(record);
        }
        self.drain();
    }

    fn roll(&mut self, bound: i64) -> i64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.random >> 33).unwrap() % bound
    }

    /// One move of the market, and everything that follows from it.
    pub(crate) fn step(&mut self) {
        self.rig.pass(20_000_000);
        let middle = i64::midpoint(self.bid, self.ask) + self.roll(13) - 6;
        let spread = 1 + self.roll(20);
        let (bid, ask) = (middle - spread / 2, middle - spread / 2 + spread);
        let (bid_qty, ask_qty) = (1_000 + self.roll(9_000), 1_000 + self.roll(9_000));
        self.update_id += 1;
        let changes = [
            (Side::Buy, self.bid, 0),
            (Side::Sell, self.ask, 0),
            (Side::Buy, bid, bid_qty),
            (Side::Sell, ask, ask_qty),
        ];
        self.queue
            .push_back(levels(self.update_id, flags::LAST_OF_MESSAGE, &changes));
        (self.bid, self.ask) = (bid, ask);
        if self.roll(3) == 0 {
            self.quote();
        }
        self.trade();
        if self.roll(10) == 0 {
            self.queue.push_back(tick());
        }
        self.drain();
    }

    fn quote(&mut self) {
        self.update_id += 1;
        let level = |price| Level {
            price: Ticks(price),
            qty: Lots(700),
        };
        let body = Quote {
            update_id: self.update_id,
            venue_time_ns: 0,
            bid: level(self.bid),
            ask: level(self.ask),
            reserved: [0; 32],
        };
        self.queue
            .push_back(Record::new(Kind::Quote, &body).on_instrument(INSTRUMENT));
    }

    /// A trade a few ticks beyond the best price, which fills our orders on its way.
    fn trade(&mut self) {
        let aggressor = if self.roll(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let price = match aggressor {
            Side::Buy => self.ask + self.roll(5),
            Side::Sell => self.bid - self.roll(5),
        };
        self.trade_id += 1;
        let body = Trade {
            trade_id: self.trade_id,
            venue_time_ns: 0,
            price: Ticks(price),
            qty: Lots(10),
            aggressor,
            reserved: [0; 47],
        };
        self.queue
            .push_back(Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT));
        let side = aggressor.opposite();
        let hit = self
            .resting
            .iter()
            .position(|order| order.side == side && (order.price - price) * side.sign() >= 0);
        if let Some(index) = hit {
            let part = (self.resting[index].left / 2).max(1);
            self.fill(index, part);
        }
    }

    fn fill(&mut self, index: usize, qty: i64) {
        self.trade_id += 1;
        let order = &mut self.resting[index];
        order.left -= qty;
        let order = *order;
        let record = fill(order.client_id, self.trade_id, order.side, order.price, qty);
        self.queue.push_back(record);
        if order.left == 0 {
            self.resting.remove(index);
        }
    }

    /// Applies what is queued, and lets the venue answer, until nothing moves.
    pub(crate) fn drain(&mut self) {
        while let Some(record) = self.queue.pop_front() {
            self.rig.pass(1_000);
            let commands = self.rig.apply(record);
            let refusals = self.rig.out.refusals.clone();
            self.queue.extend(refusals);
            for command in &commands {
                self.queue.push_back(sent(command));
                self.answer(command);
            }
        }
    }

    fn answer(&mut self, record: &Record) {
        match command(record).unwrap() {
            CommandView::NewOrder(new) => {
                self.accept(new.into());
            }
            CommandView::CancelOrder(cancel) => {
                self.cancel(cancel.client_id);
            }
            CommandView::ReplaceOrder(new) => {
                if self.cancel(new.cancel_client_id) {
                    self.accept(new.into());
                } else {
                    self.say(Kind::OrderRejected, new.client_id, RejectReason::Other);
                }
            }
            CommandView::QueryOrder(query) => {
                let open = self
                    .resting
                    .iter()
                    .any(|order| order.client_id == query.client_id);
                let record = if open {
                    report(
                        Kind::OrderStatus,
                        query.client_id,
                        OrderStatus::Open,
                        0,
                        RejectReason::None,
                    )
                } else {
                    report(
                        Kind::OrderAbsent,
                        query.client_id,
                        OrderStatus::NotStated,
                        0,
                        RejectReason::UnknownOrder,
                    )
                };
                self.queue.push_back(record);
            }
            CommandView::QueryOpenOrders(_) => {
                let body = OpenOrders {
                    ours: self.resting.len() as u64,
                    foreign: 0,
                    reserved: [0; 64],
                };
                self.queue
                    .push_back(Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT));
            }
            CommandView::CancelAll(_) => {
                let ids: Vec<u64> = self.resting.iter().map(|order| order.client_id).collect();
                for client_id in ids {
                    self.cancel(client_id);
                }
            }
            CommandView::AmendOrder(amend) => {
                self.say(Kind::AmendRejected, amend.client_id, RejectReason::Other);
            }
            CommandView::Latch(_) => {}
        }
    }

    fn accept(&mut self, wanted: Wanted) {
        let Wanted {
            client_id,
            side,
            price,
            qty,
            order_type,
            time_in_force,
        } = wanted;
        let takes = match side {
            Side::Buy => price >= self.ask,
            Side::Sell => price <= self.bid,
        };
        if takes && order_type == OrderType::PostOnly {
            self.say(Kind::OrderRejected, client_id, RejectReason::WouldTake);
            return;
        }
        let acked = report(
            Kind::OrderAcked,
            client_id,
            OrderStatus::Open,
            0,
            RejectReason::None,
        );
        self.queue.push_back(acked);
        self.resting.push(Resting {
            client_id,
            side,
            price,
            left: qty,
        });
        if takes {
            let index = self.resting.len() - 1;
            self.fill(index, qty);
        } else if time_in_force != TimeInForce::Gtc {
            self.resting.pop();
            self.say(Kind::OrderExpired, client_id, RejectReason::None);
        }
    }

    fn cancel(&mut self, client_id: u64) -> bool {
        let found = self
            .resting
            .iter()
            .position(|order| order.client_id == client_id);
        match found {
            Some(index) => {
                self.resting.remove(index);
                self.say(Kind::OrderCancelled, client_id, RejectReason::None);
                true
            }
            None => {
                self.say(Kind::CancelRejected, client_id, RejectReason::UnknownOrder);
                false
            }
        }
    }

    fn say(&mut self, kind: Kind, client_id: u64, reason: RejectReason) {
        self.queue
            .push_back(report(kind, client_id, OrderStatus::NotStated, 0, reason));
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.queue.push_back(record);
        self.drain();
    }

    pub(crate) fn resting(&self) -> usize {
        self.resting.len()
    }
}
