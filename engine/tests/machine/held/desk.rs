//! Risk with wishes made by hand, and a venue that answers late and in any order, seeded.

mod venue;

use std::collections::{BTreeMap, VecDeque};

use engine::machine::{
    Action, Intent, IntentBuffer, Link, Machine, MachineConfig, Outputs, Parts, Place, Size,
    Trigger,
};
use model::body::{Channel, LinkState, NoticeCode, OrderStatus, OrderType, Side, TimeInForce};
use model::event::{Event, event};
use model::ids::{ClientOrderId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};

use crate::kit::{
    Rig, SECOND, balance, config, connection, levels, reset, run_started, taker, tick,
};

pub(crate) const STRATEGY: StrategyId = StrategyId(0);

/// A configuration with one strategy that never wishes for anything itself.
pub(crate) fn quiet(change: impl FnOnce(&mut MachineConfig)) -> MachineConfig {
    let mut strategy = taker();
    strategy.params = strategy.params.with("slow_trades", 65_536);
    let mut config = config(vec![strategy]);
    config.limits.orders.collar_bps = 1_000;
    change(&mut config);
    config
}

#[derive(Debug, Clone, Copy)]
struct AtVenue {
    side: Side,
    price: i64,
    left: i64,
    filled: i64,
    over: Option<OrderStatus>,
}

pub(crate) struct Desk {
    pub(crate) parts: Parts,
    out: Outputs,
    buffer: IntentBuffer,
    pub(crate) now: u64,
    counter: u32,
    epoch: u32,
    wishes: Vec<Intent>,
    /// What was wished for at which event.
    wished: Vec<Intent>,
    pub(crate) log: Vec<Record>,
    pub(crate) commands: Vec<Record>,
    pub(crate) notices: Vec<(NoticeCode, i64, i64)>,
    /// Controls of the exits that fired.
    pub(crate) fired: Vec<u16>,
    pub(crate) refusals: Vec<model::body::RefusalReason>,
    /// Reports on their way: one queue for each order, so that only an order's own keep order.
    pub(crate) ways: BTreeMap<u64, VecDeque<Record>>,
    orders: BTreeMap<u64, AtVenue>,
    fills: Vec<Record>,
    pub(crate) bought: i64,
    pub(crate) sold: i64,
    /// Lots that one match may fill at most.
    pub(crate) depth: i64,
    pub(crate) bid: i64,
    pub(crate) ask: i64,
    book: u64,
    trade: u64,
    pub(crate) random: u64,
}

impl Desk {
    pub(crate) fn new(seed: u64, config: &MachineConfig) -> Self {
        Self::with(seed, config, 0, 100_000)
    }

    /// As [`Desk::new`], with this many BTC and USDT.
    pub(crate) fn with(seed: u64, config: &MachineConfig, btc: i64, usdt: i64) -> Self {
        let mut rig = Rig::new();
        rig.begin(config, 0);
        let mut desk = Self {
            parts: rig.machine.into_parts(),
            out: Outputs::new(),
            buffer: IntentBuffer::new(),
            now: rig.now,
            counter: 0,
            epoch: 1,
            wishes: Vec::new(),
            wished: Vec::new(),
            log: rig.log,
            commands: Vec::new(),
            notices: Vec::new(),
            fired: Vec::new(),
            refusals: Vec::new(),
            ways: BTreeMap::new(),
            orders: BTreeMap::new(),
            fills: Vec::new(),
            bought: 0,
            sold: 0,
            depth: 1_000,
            bid: 0,
            ask: 0,
            book: 0,
            trade: 0,
            random: seed.wrapping_mul(2) | 1,
        };
        desk.event(connection(Channel::Orders, LinkState::Up));
        desk.event(balance("BTC", btc));
        desk.event(balance("USDT", usdt));
        desk.event(tick());
        desk.market(999_990, 1_000_010);
        desk
    }

    pub(crate) fn roll(&mut self, bound: i64) -> i64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.random >> 33).unwrap() % bound
    }

    /// One event through the parts; what it causes goes to the venue.
    pub(crate) fn event(&mut self, record: Record) {
        let mut record = record;
        record.event = self.parts.risk.last_event() + 1;
        self.now += 1_000;
        record.time_ns = self.now;
        for strategy in &mut self.parts.strategies {
            strategy.apply(&record, &mut self.buffer).unwrap();
            assert!(self.buffer.is_empty(), "the strategy is quiet");
        }
        for wish in &mut self.wishes {
            wish.event = record.event;
        }
        self.parts
            .risk
            .apply(&record, &self.wishes, &mut self.out)
            .unwrap();
        self.wished.append(&mut self.wishes);
        self.log.push(record);
        let told: Vec<Record> = self.out.refusals.clone();
        let commands: Vec<Record> = self.out.commands.iter().map(|c| *c.as_ref()).collect();
        for record in told {
            let event = event(&record).unwrap();
            if let Event::RiskNotice(notice) = event {
                let seen = (notice.code, notice.value, notice.threshold);
                self.notices.push(seen);
                if notice.code == NoticeCode::ExitFired {
                    self.fired.push(notice.control);
                }
            }
            if let Event::RiskRefused(refusal) = event {
                self.refusals.push(refusal.reason);
            }
            self.ways.entry(0).or_default().push_back(record);
        }
        for command in commands {
            self.commands.push(command);
            self.answer(&command);
        }
    }

    fn way(&mut self, id: u64) -> &mut VecDeque<Record> {
        self.ways.entry(id).or_default()
    }

    /// The market moves: what rests fills, and we hear of it.
    pub(crate) fn market(&mut self, bid: i64, ask: i64) {
        (self.bid, self.ask) = (bid, ask);
        let ids: Vec<u64> = self.orders.keys().copied().collect();
        for id in ids {
            self.cross(id);
        }
        self.book += 1;
        let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
        let changes = [(Side::Buy, bid, 50_000), (Side::Sell, ask, 50_000)];
        self.event(reset(self.book, 1));
        self.event(levels(self.book, whole, &changes));
    }

    /// What the notices of this code are about.
    pub(crate) fn about(&self, code: NoticeCode) -> Vec<u64> {
        let of_code = self.log.iter().filter_map(|record| {
            let Event::RiskNotice(notice) = event(record).unwrap() else {
                return None;
            };
            (notice.code == code).then_some(notice.other)
        });
        of_code.collect()
    }

    pub(crate) fn is_open(&self, id: ClientOrderId) -> bool {
        let order = self.orders.get(&id.raw());
        order.is_some_and(|order| order.over.is_none())
    }

    /// The longest position that the venue can make of what it has of ours.
    pub(crate) fn worst(&self) -> i64 {
        let open = self.orders.values().filter(|order| order.over.is_none());
        let buys = open.filter(|order| order.side == Side::Buy);
        self.bought - self.sold + buys.map(|order| order.left).sum::<i64>()
    }

    /// One report arrives, from any order's way. False if nothing is on its way.
    pub(crate) fn deliver(&mut self) -> bool {
        self.ways.retain(|_, way| !way.is_empty());
        let count = i64::try_from(self.ways.len()).unwrap();
        if count == 0 {
            return false;
        }
        let at = usize::try_from(self.roll(count)).unwrap();
        let id = *self.ways.keys().nth(at).unwrap();
        let record = self.way(id).pop_front().unwrap();
        self.event(record);
        true
    }

    /// Time passes and reports arrive until nothing moves.
    pub(crate) fn settle(&mut self) {
        for _ in 0..40 {
            while self.deliver() {}
            self.now += SECOND / 4;
            let (bid, ask) = (self.bid, self.ask);
            self.market(bid, ask);
            self.event(tick());
        }
        while self.deliver() {}
    }

    pub(crate) fn wish(&mut self, change: impl FnOnce(&mut Place)) -> ClientOrderId {
        self.wish_of(STRATEGY, change)
    }

    pub(crate) fn wish_of(
        &mut self,
        strategy: StrategyId,
        change: impl FnOnce(&mut Place),
    ) -> ClientOrderId {
        self.counter += 1;
        let client_id = ClientOrderId::new(self.epoch, Some(strategy), self.counter).unwrap();
        let mut place = Place {
            client_id,
            instrument: crate::kit::INSTRUMENT,
            side: Side::Sell,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Ioc,
            price: Ticks(0),
            qty: Lots(1_000),
            tag: 0,
            reduce_only: true,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        };
        change(&mut place);
        self.ask_of(strategy, Action::Place(place));
        client_id
    }

    /// Takes back what was wished for last.
    pub(crate) fn take_wish(&mut self) -> Action {
        self.wishes.pop().unwrap().action
    }

    pub(crate) fn forget_wishes(&mut self) {
        self.wishes.clear();
    }

    /// What is wished for at the next event, if it is one thing.
    pub(crate) fn wishes(&self) -> [Intent; 1] {
        self.wishes.clone().try_into().unwrap()
    }

    pub(crate) fn ask(&mut self, action: Action) {
        self.ask_of(STRATEGY, action);
    }

    pub(crate) fn ask_of(&mut self, strategy: StrategyId, action: Action) {
        self.wishes.push(Intent {
            event: 0,
            strategy,
            intended_ns: 0,
            action,
        });
    }

    /// Buys at the market, and waits for the fills.
    pub(crate) fn buy(&mut self, qty: i64) {
        self.wish(|place| {
            place.side = Side::Buy;
            place.qty = Lots(qty);
            place.reduce_only = false;
        });
        self.event(tick());
        while self.deliver() {}
        assert_eq!(self.bought, qty, "{:?}", self.refusals);
    }

    /// What a snapshot and its reading make of the machine.
    pub(crate) fn freeze_and_thaw(&mut self) {
        let parts = Parts {
            strategies: std::mem::take(&mut self.parts.strategies),
            risk: std::mem::take(&mut self.parts.risk),
            registry: self.parts.registry.clone(),
        };
        let machine = Machine::from_parts(parts);
        let bytes = model::codec::encode(&machine).unwrap();
        let saved: engine::machine::SavedMachine = model::codec::decode(&bytes).unwrap();
        let thawed = saved.restore(&self.parts.registry).unwrap();
        assert_eq!(thawed.state_hash(), machine.state_hash());
        self.parts = thawed.into_parts();
    }

    /// The state's hash, and that of a machine that applied the log from its beginning.
    pub(crate) fn replayed(self) -> [[u8; 32]; 2] {
        let mut machine = Machine::new();
        let (mut out, mut buffer) = (Outputs::new(), IntentBuffer::new());
        for record in &self.log {
            let kind = record.kind().unwrap();
            if matches!(kind, Kind::RunStarted | Kind::BlobPart) {
                machine.apply(record, &mut out).unwrap();
                continue;
            }
            let mut parts = machine.into_parts();
            for strategy in &mut parts.strategies {
                strategy.apply(record, &mut buffer).unwrap();
            }
            let now = self.wished.iter().filter(|wish| wish.event == record.event);
            let wishes: Vec<Intent> = now.copied().collect();
            parts.risk.apply(record, &wishes, &mut out).unwrap();
            machine = Machine::from_parts(parts);
        }
        [Machine::from_parts(self.parts), machine].map(|one| one.state_hash())
    }

    /// The process dies and starts again: reports on their way are lost, and the venue is asked.
    pub(crate) fn restart(&mut self) {
        self.ways.clear();
        let parts = Parts {
            strategies: std::mem::take(&mut self.parts.strategies),
            risk: std::mem::take(&mut self.parts.risk),
            registry: self.parts.registry.clone(),
        };
        let mut machine = Machine::from_parts(parts);
        self.epoch += 1;
        self.counter = 0;
        self.now += SECOND;
        let mut start = run_started(self.epoch, machine.commands_decided());
        start.event = machine.last_event() + 1;
        start.time_ns = self.now;
        machine.apply(&start, &mut self.out).unwrap();
        self.log.push(start);
        self.parts = machine.into_parts();
        self.event(connection(Channel::Orders, LinkState::Up));
        self.event(tick());
        let (bid, ask) = (self.bid, self.ask);
        self.market(bid, ask);
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        crate::kit::kinds(&self.commands)
    }

    pub(crate) fn count(&self, code: NoticeCode) -> usize {
        self.notices.iter().filter(|told| told.0 == code).count()
    }
}

pub(crate) const fn trigger(
    kind: engine::machine::TriggerKind,
    source: engine::machine::PriceSource,
) -> Option<Trigger> {
    Some(Trigger { kind, source })
}

pub(crate) const fn link(parent: Option<ClientOrderId>, group: u64) -> Option<Link> {
    Some(Link { parent, group })
}
