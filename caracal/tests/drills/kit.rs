//! Risk, gateway and venue in one thread, by a simulated clock.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use connectors::binance::gateway::{GatewayConfig, GatewayTiming};
use connectors::binance::start::Limits;
use connectors::drill::{DrillGateway, Loss};
use connectors::link::TimeOffset;
use connectors::practice::{
    AccountSeed, Credential, MarketConfig, PracticeConfig, PracticeInstrument, VenueOrder,
};
use connectors::sign::Signer;
use engine::machine::{
    AccountConfig, Action, Approved, Intent, Machine, MachineConfig, Order, OrderLimits, Outputs,
    Place as Placement, Risk, RiskLimits, Size, StrategyConfig,
};
use engine::strategy::MarketMakerParams;
use model::body::Side;
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Gateway, Trace};
use model::record::Record;
use rust_decimal::Decimal;

use crate::dice::Dice;
use crate::places::{At, Place, spot};
use crate::records::{book, opening_with, tick};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const MS: u64 = 1_000_000;
/// Where the market begins, ticks.
pub(crate) const START: i64 = 6_000_000;
const START_NS: u64 = 1_795_341_600 * SECOND;
pub(crate) const BTC: InstrumentId = InstrumentId(0);
pub(crate) const ACCOUNT: AccountId = AccountId(0);
const STRATEGY: StrategyId = StrategyId(0);
pub(crate) const SECRET: &[u8] = b"a shared secret";
pub(crate) const KEY: &str = "drillKey";

/// The simulated clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Time(Rc<std::cell::Cell<u64>>);

impl Clock for Time {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}

#[derive(Debug, Default)]
struct Lane(VecDeque<Record>);

impl EventSink for Lane {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push_back(*record);
        true
    }
}

/// Risk with its gateway and its venue.
pub(crate) struct World {
    pub(crate) risk: Risk,
    pub(crate) gateway: DrillGateway<Approved<Record>>,
    pub(crate) time: Time,
    pub(crate) events: u64,
    /// Every order that we asked for.
    pub(crate) asked: Vec<ClientOrderId>,
    /// Every event with what was wished for at it, and what was decided, if that is kept.
    pub(crate) log: Vec<(Record, Vec<Intent>)>,
    decided: Vec<Record>,
    keeps_log: bool,
    opening: Vec<Record>,
    out: Outputs,
    lane: Lane,
    wishes: Vec<Action>,
    counter: u32,
    update_id: u64,
    shown: Option<(Ticks, Ticks)>,
    book_due_ns: u64,
    tick_due_ns: u64,
    pub(crate) at: At,
}

fn limits() -> RiskLimits {
    RiskLimits {
        orders: OrderLimits {
            qty_max: Lots(100_000_000),
            value_max: Decimal::from(100_000_000),
            collar_bps: 1_000,
            position_max: Lots(1_000_000_000),
            open_orders_max: 200,
        },
        instruments: Vec::new(),
        open_orders_max: 400,
        messages_per_second: 1_000,
        messages_burst: 200,
        messages_reserved: 40,
        book_age_max_ns: 5 * SECOND,
        ack_timeout_ns: 2 * SECOND,
        recv_window_ns: 5 * SECOND,
        query_pause_min_ns: SECOND / 4,
        query_pause_max_ns: 8 * SECOND,
        query_attempts_max: 8,
        flow: engine::machine::FlowRules::default(),
    }
}

pub(crate) fn machine_config() -> MachineConfig {
    MachineConfig {
        strategies: vec![StrategyConfig {
            name: "drill".to_owned(),
            account: ACCOUNT,
            instruments: vec![BTC],
            kind: MarketMakerParams::KIND.to_owned(),
            params: MarketMakerParams::example().params(),
        }],
        limits: limits(),
        accounts: vec![AccountConfig {
            venue: VenueId(0),
            name: "main".to_owned(),
        }],
        reporting: "USDT".to_owned(),
        protection: engine::machine::Protection::default(),
        book_window_ticks: 1 << 12,
        control: engine::machine::ControlConfig::default(),
    }
}

pub(crate) fn venue_config(seed: u64) -> PracticeConfig {
    let mut config = PracticeConfig::synthetic(seed);
    config.market = MarketConfig::Synthetic {
        seed,
        events_per_second: 20.0,
    };
    config.accounts = vec![AccountSeed {
        api_key: KEY.to_owned(),
        credential: Credential::Hmac(SECRET.to_vec()),
        balances: vec![
            ("BTC".to_owned(), Decimal::from(1_000)),
            ("USDT".to_owned(), Decimal::from(60_000_000)),
        ],
        open_orders: Vec::new(),
    }];
    config.limits.orders_per_ten_seconds = 1_000_000;
    config.limits.orders_per_day = 100_000_000;
    config.limits.weight_per_minute = 10_000_000;
    config
}

pub(crate) fn gateway_config() -> GatewayConfig {
    GatewayConfig {
        url: "wss://venue.example".to_owned(),
        tls: None,
        api_key: KEY.to_owned(),
        signer: Signer::hmac(SECRET),
        account: ACCOUNT,
        venue: VenueId(0),
        instruments: Arc::new([PracticeInstrument::btcusdt().spec]),
        recv_window_ms: 5_000,
        limits: Limits {
            weight_per_minute: 10_000_000,
            orders_per_ten_seconds: 1_000_000,
            orders_per_day: 100_000_000,
        },
        time: TimeOffset::default(),
        resume: Vec::new(),
        timing: GatewayTiming::default(),
    }
}

impl World {
    /// A venue that just opened, and everything connected to it.
    pub(crate) fn open(seed: u64) -> Self {
        Self::open_with(seed, &machine_config())
    }

    /// The same with other limits.
    pub(crate) fn open_with(seed: u64, config: &MachineConfig) -> Self {
        Self::open_at(&venue_config(seed), config)
    }

    /// The same somewhere else, and every event is kept.
    pub(crate) fn open_and_keep(place: Place) -> Self {
        Self::connected(place, &machine_config(), true)
    }

    /// The same at a Binance spot of another configuration.
    pub(crate) fn open_at(venue: &PracticeConfig, config: &MachineConfig) -> Self {
        Self::connected(spot(venue), config, false)
    }

    fn connected(place: Place, config: &MachineConfig, keeps_log: bool) -> Self {
        let time = Time::default();
        time.0.set(START_NS);
        let Place { at, gateway, venue } = place;
        let gateway = DrillGateway::new(gateway, &venue, START_NS).unwrap();
        let mut machine = Machine::new();
        let mut out = Outputs::new();
        let mut began = Vec::new();
        for mut record in opening_with(config, &at.instrument) {
            record.event = machine.last_event() + 1;
            record.time_ns = START_NS;
            machine.apply(&record, &mut out).unwrap();
            began.push(record);
        }
        let mut world = Self {
            risk: machine.into_parts().risk,
            gateway,
            time,
            events: 0,
            asked: Vec::new(),
            log: Vec::new(),
            decided: Vec::new(),
            keeps_log,
            opening: began,
            out,
            lane: Lane::default(),
            wishes: Vec::new(),
            counter: 0,
            update_id: 1,
            shown: None,
            book_due_ns: 0,
            tick_due_ns: 0,
            at,
        };
        world.step_until(30 * SECOND, |world| world.gateway.is_up());
        world.step_for(200 * MS);
        world
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.time.0.get()
    }

    /// Where the same events and wishes, once more, lead to other decisions.
    pub(crate) fn divergence(&self) -> Vec<String> {
        let (mut machine, mut out) = (Machine::new(), Outputs::new());
        for record in &self.opening {
            machine.apply(record, &mut out).unwrap();
        }
        let mut risk = machine.into_parts().risk;
        let mut first = self.decided.iter();
        for (record, intents) in &self.log {
            risk.apply(record, intents, &mut out).unwrap();
            let commands = out.commands.drain(..).map(|command| *command.as_ref());
            let again: Vec<Record> = commands.chain(out.refusals.drain(..)).collect();
            for one in again {
                if first.next().map(|one| one.decided()) != Some(one.decided()) {
                    return vec![format!("event {} is decided in another way", record.event)];
                }
            }
        }
        let left = first.count();
        if left > 0 {
            return vec![format!("{left} decisions did not come again")];
        }
        Vec::new()
    }

    fn apply(&mut self, mut record: Record) {
        record.event = self.risk.last_event() + 1;
        record.time_ns = self.now_ns();
        self.events += 1;
        let intents: Vec<Intent> = self
            .wishes
            .drain(..)
            .map(|action| Intent {
                event: record.event,
                strategy: STRATEGY,
                intended_ns: 0,
                action,
            })
            .collect();
        self.risk.apply(&record, &intents, &mut self.out).unwrap();
        if self.keeps_log {
            self.log.push((record, intents));
            let said = self.out.commands.iter().map(AsRef::<Record>::as_ref);
            self.decided.extend(said.chain(&self.out.refusals).copied());
        }
        // Drained, not taken: the room is reserved once.
        for command in self.out.commands.drain(..) {
            self.gateway.send(command, Trace::default(), &self.time);
        }
        self.lane.0.extend(self.out.refusals.drain(..));
    }

    /// Something that happens outside, at the next turn.
    pub(crate) fn tell(&mut self, record: &Record) {
        self.lane.push(record);
    }

    /// One turn of everything.
    pub(crate) fn step(&mut self) {
        self.time.0.set(self.now_ns() + 5 * MS);
        self.gateway.poll(&self.time, &mut self.lane);
        self.show_book();
        if self.now_ns() >= self.tick_due_ns {
            self.tick_due_ns = self.now_ns() + 100 * MS;
            self.lane.push(&tick(self.events));
        }
        while let Some(record) = self.lane.0.pop_front() {
            self.apply(record);
            self.gateway.poll(&self.time, &mut self.lane);
        }
    }

    pub(crate) fn step_for(&mut self, time_ns: u64) {
        let end_ns = self.now_ns() + time_ns;
        while self.now_ns() < end_ns {
            self.step();
        }
    }

    /// Steps until it holds; false if it did not in time.
    pub(crate) fn step_until(&mut self, most_ns: u64, holds: impl Fn(&Self) -> bool) -> bool {
        let end_ns = self.now_ns() + most_ns;
        while self.now_ns() < end_ns {
            if holds(self) {
                return true;
            }
            self.step();
        }
        holds(self)
    }

    /// Best bid and ask at the venue.
    pub(crate) fn top(&self) -> Option<(Ticks, Ticks)> {
        let best = |side| {
            self.gateway
                .book(0, side, 1)
                .first()
                .map(|(price, _)| *price)
        };
        best(Side::Buy).zip(best(Side::Sell))
    }

    /// The feed: the venue's best levels as a new book, when they changed and now and then.
    fn show_book(&mut self) {
        let top = self.top();
        if top == self.shown && self.now_ns() < self.book_due_ns {
            return;
        }
        self.shown = top;
        self.book_due_ns = self.now_ns() + SECOND;
        self.update_id += 1;
        let bids = self.gateway.book(0, Side::Buy, 2);
        let asks = self.gateway.book(0, Side::Sell, 2);
        let (reset, levels) = book(self.update_id, &bids, &asks);
        self.lane.push(&reset);
        self.lane.push(&levels);
    }

    /// A name for an order that none had before.
    pub(crate) fn next_id(&mut self) -> ClientOrderId {
        self.counter += 1;
        ClientOrderId::new(1, Some(STRATEGY), self.counter).unwrap()
    }

    /// Asks risk for something at the next event.
    pub(crate) fn ask(&mut self, action: Action) {
        if let Action::Place(place) | Action::Replace { place, .. } = &action {
            self.asked.push(place.client_id);
        }
        self.wishes.push(action);
        // Something has to happen for a wish to be judged at.
        self.tick_due_ns = self.now_ns();
    }

    /// Asks for an order of these terms.
    pub(crate) fn place(&mut self, terms: Terms) -> ClientOrderId {
        let client_id = self.next_id();
        self.ask(Action::Place(terms.place(client_id)));
        client_id
    }

    pub(crate) fn order(&self, id: ClientOrderId) -> Option<&Order> {
        self.risk.orders().get(id)
    }

    /// Orders that are not known to have ended.
    pub(crate) fn live(&self) -> Vec<ClientOrderId> {
        let live = self.risk.orders().live();
        live.map(|order| order.client_id).collect()
    }

    /// Whether nothing is unknown, on its way or in doubt.
    pub(crate) fn is_settled(&self) -> bool {
        let sure = |order: &Order| {
            !order.state.is_unconfirmed()
                && !order.wants_query()
                && order.cancel.pending_ns.is_none()
                && order.query.pending_ns.is_none()
        };
        self.wishes.is_empty() && self.gateway.is_up() && self.risk.orders().live().all(sure)
    }

    /// Our position by our own books.
    pub(crate) fn position(&self) -> Lots {
        let position = self.risk.portfolio().position(ACCOUNT, BTC);
        position.map_or(Lots(0), |position| position.lots)
    }

    /// The venue's name for an order of ours.
    pub(crate) fn venue_order<'t>(
        &self,
        orders: &'t [VenueOrder],
        id: ClientOrderId,
    ) -> Vec<&'t VenueOrder> {
        let name = (self.at.name_of)(id.raw());
        orders
            .iter()
            .filter(|order| order.client_id == name)
            .collect()
    }

    /// How often the venue saw a request to place this order.
    pub(crate) fn venue_requests(&self, id: ClientOrderId) -> usize {
        let name = (self.at.name_of)(id.raw());
        let requests = self.gateway.requests();
        requests.iter().filter(|one| one.client_id == name).count()
    }

    pub(crate) fn lose(&mut self, method: &'static str, loss: Loss) {
        self.gateway.lose(method, loss);
    }
}

/// What an order is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) side: Side,
    pub(crate) order_type: model::body::OrderType,
    pub(crate) time_in_force: model::body::TimeInForce,
    pub(crate) price: Ticks,
    pub(crate) qty: Lots,
}

impl Terms {
    pub(crate) fn place(self, client_id: ClientOrderId) -> Placement {
        Placement {
            client_id,
            instrument: BTC,
            side: self.side,
            order_type: self.order_type,
            time_in_force: self.time_in_force,
            price: self.price,
            qty: self.qty,
            tag: 0,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        }
    }

    /// The same of quantities that are counted more finely.
    pub(crate) const fn times(self, unit: i64) -> Self {
        Self {
            qty: Lots(self.qty.0 * unit),
            ..self
        }
    }

    /// Any side, with a price so many ticks beyond the best opposite one (below zero: short of it).
    pub(crate) fn at(dice: &mut Dice, top: (Ticks, Ticks), beyond: i64, qty: i64) -> Self {
        let side = dice.pick(&[Side::Buy, Side::Sell]);
        let price = match side {
            Side::Buy => top.1.0 + beyond,
            Side::Sell => top.0.0 - beyond,
        };
        Self {
            side,
            order_type: model::body::OrderType::Limit,
            time_in_force: model::body::TimeInForce::Gtc,
            price: Ticks(price),
            qty: Lots(qty),
        }
    }
}
