//! A gateway against a practice venue: commands in, events out. Every wait has a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::binance::gateway::{BinanceGateway, GatewayConfig, GatewayTiming, Spot};
use connectors::binance::start::Limits;
use connectors::gateway::{Dialect, VenueGateway};
use connectors::link::TimeOffset;
use connectors::net::{Trust, client_config};
use connectors::practice::{
    AccountSeed, Credential, MarketConfig, PracticeConfig, PracticeInstrument, PracticeServer,
};
use connectors::sign::{Ed25519Key, Signer};
use model::body::{
    AmendOrder, CancelAll, CancelOrder, Flag, Latch, LinkState, NewOrder, OrderType,
    QueryOpenOrders, QueryOrder, ReplaceOrder, SelfTrade, Side, TimeInForce,
};
use model::control::ScopeKind;
use model::event::{Event, event};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Gateway, Trace};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

/// No wait is longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
const HMAC_KEY: &str = "hmacKey";
const ED_KEY: &str = "edKey";
const SECRET: &[u8] = b"a shared secret";
/// The one instrument.
pub(crate) const BTC: InstrumentId = InstrumentId(0);
/// Far below the market, above the smallest value.
pub(crate) const LOW: Ticks = Ticks(5_000_000);

/// Wall time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall;

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos()).unwrap()
    }
}

/// A command that nothing approved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command(pub(crate) Record);

impl AsRef<Record> for Command {
    fn as_ref(&self) -> &Record {
        &self.0
    }
}

/// Keeps all events; takes no more than `room` at once.
#[derive(Debug, Default)]
pub(crate) struct Events(pub(crate) Vec<Record>);

impl EventSink for Events {
    fn free(&self) -> usize {
        1_024
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push(*record);
        true
    }
}

/// Which key a gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Hmac,
    Ed25519,
}

/// A venue and the means to log on to it.
pub(crate) struct Venue {
    pub(crate) server: PracticeServer,
    ed_der: Vec<u8>,
}

impl Venue {
    /// A venue whose market hardly moves by itself.
    pub(crate) fn quiet(change: impl FnOnce(&mut PracticeConfig)) -> Self {
        let (key, der) = Ed25519Key::generate().unwrap();
        let mut config = PracticeConfig::synthetic(11);
        config.market = MarketConfig::Synthetic {
            seed: 11,
            events_per_second: 0.001,
        };
        let account = |api_key: &str, credential| AccountSeed {
            api_key: api_key.to_owned(),
            credential,
            balances: vec![
                ("BTC".to_owned(), Decimal::from(1_000)),
                ("USDT".to_owned(), Decimal::from(8_000_000)),
            ],
            open_orders: Vec::new(),
        };
        config.accounts = vec![
            account(HMAC_KEY, Credential::Hmac(SECRET.to_vec())),
            account(ED_KEY, Credential::Ed25519(key.public_key())),
        ];
        change(&mut config);
        Self {
            server: PracticeServer::start(config).unwrap(),
            ed_der: der.to_vec(),
        }
    }

    pub(crate) fn config(&self, key: Key) -> GatewayConfig {
        let trust = Trust::from_pem(self.server.certificate_pem().as_bytes()).unwrap();
        let (api_key, signer) = match key {
            Key::Hmac => (HMAC_KEY, Signer::hmac(SECRET)),
            Key::Ed25519 => (ED_KEY, Signer::ed25519_pkcs8_der(&self.ed_der).unwrap()),
        };
        GatewayConfig {
            url: format!("wss://{}", self.server.addr()),
            tls: Some(client_config(&trust).unwrap()),
            api_key: api_key.to_owned(),
            signer,
            account: AccountId(3),
            venue: VenueId(0),
            instruments: Arc::new([PracticeInstrument::btcusdt().spec]),
            recv_window_ms: 5_000,
            limits: Limits::default(),
            time: TimeOffset::default(),
            resume: Vec::new(),
            timing: GatewayTiming::default(),
        }
    }

    pub(crate) fn rig(&self, key: Key) -> Rig {
        self.rig_with(key, |_| {})
    }

    /// A gateway that is connected and reconciled.
    pub(crate) fn rig_with(&self, key: Key, change: impl FnOnce(&mut GatewayConfig)) -> Rig {
        let mut config = self.config(key);
        change(&mut config);
        let mut rig = Rig::new(config, key as u32 + 1);
        rig.until_up();
        rig
    }

    /// Injects a fault.
    pub(crate) fn fault(&self, text: &str) {
        self.server.inject(text.parse().unwrap()).unwrap();
        // What is asked for behind it is answered behind it: the fault is in place.
        self.server.truth().unwrap();
    }
}

/// A gateway, its events, and the numbers of its commands.
pub(crate) struct Rig<D: Dialect = Spot> {
    pub(crate) gateway: VenueGateway<Command, D>,
    pub(crate) events: Events,
    epoch: u32,
    commands: u64,
    orders: u32,
}

impl Rig {
    pub(crate) fn new(config: GatewayConfig, epoch: u32) -> Self {
        Self::of(BinanceGateway::new(config).unwrap(), epoch)
    }
}

impl<D: Dialect> Rig<D> {
    pub(crate) fn of(gateway: VenueGateway<Command, D>, epoch: u32) -> Self {
        Self {
            gateway,
            events: Events::default(),
            epoch,
            commands: 0,
            orders: 0,
        }
    }

    pub(crate) fn poll(&mut self) -> bool {
        self.gateway.poll(&Wall, &mut self.events).is_yes()
    }

    /// Polls until `done` says something about the events, or panics with all of them.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, mut done: impl FnMut(&[Record]) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = done(&self.events.0) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "not in time: {:#?}",
                self.events.0
            );
            if !self.poll() {
                std::thread::yield_now();
            }
        }
    }

    /// Polls for so long.
    pub(crate) fn poll_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if !self.poll() {
                std::thread::yield_now();
            }
        }
    }

    #[track_caller]
    pub(crate) fn until_up(&mut self) {
        self.until_link(LinkState::Up);
    }

    /// Waits until this state is the last that was said, and forgets all events.
    #[track_caller]
    pub(crate) fn until_link(&mut self, state: LinkState) -> Vec<Record> {
        self.until(|events| (last_link(events)? == state).then_some(()));
        std::mem::take(&mut self.events.0)
    }

    /// Waits for an event of this kind about this order.
    #[track_caller]
    pub(crate) fn until_order(&mut self, kind: Kind, client_id: u64) -> Record {
        self.until(|events| about(events, client_id).find(|r| r.kind() == Some(kind)))
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.orders += 1;
        let id = ClientOrderId::new(self.epoch, Some(StrategyId(2)), self.orders);
        id.unwrap().raw()
    }

    fn number(&mut self) -> u64 {
        self.commands += 1;
        self.commands
    }

    pub(crate) fn send(&mut self, record: Record) {
        assert!(self.gateway.capacity() > 0);
        let record = record.on_account(AccountId(3)).by_strategy(StrategyId(2));
        let trace = Trace {
            received_ns: 1,
            sequenced_ns: 2,
            intended_ns: 3,
            approved_ns: 4,
        };
        self.gateway.send(Command(record), trace, &Wall);
    }

    pub(crate) fn place(&mut self, order: Order) -> u64 {
        self.place_with(order, Flag::No)
    }

    /// An order that may only make the position smaller.
    pub(crate) fn place_reducing(&mut self, order: Order) -> u64 {
        self.place_with(order, Flag::Yes)
    }

    fn place_with(&mut self, order: Order, reduce_only: Flag) -> u64 {
        let client_id = self.next_id();
        let command = self.number();
        let body = NewOrder {
            command,
            client_id,
            price: order.price,
            qty: order.qty,
            tag: 0,
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            reduce_only,
            self_trade: order.self_trade,
            reserved: [0; 35],
        };
        self.send(Record::new(Kind::NewOrder, &body).on_instrument(BTC));
        client_id
    }

    pub(crate) fn cancel(&mut self, client_id: u64, venue_order_id: u64) {
        let body = CancelOrder {
            command: self.number(),
            client_id,
            venue_order_id,
            reserved: [0; 56],
        };
        self.send(Record::new(Kind::CancelOrder, &body).on_instrument(BTC));
    }

    pub(crate) fn replace(&mut self, old: u64, order: Order) -> u64 {
        let client_id = self.next_id();
        let body = ReplaceOrder {
            command: self.number(),
            cancel_client_id: old,
            cancel_venue_order_id: 0,
            client_id,
            price: order.price,
            qty: order.qty,
            tag: 0,
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            reduce_only: Flag::No,
            self_trade: order.self_trade,
            reserved: [0; 19],
        };
        self.send(Record::new(Kind::ReplaceOrder, &body).on_instrument(BTC));
        client_id
    }

    pub(crate) fn amend(&mut self, client_id: u64, qty: i64) {
        let body = AmendOrder {
            command: self.number(),
            client_id,
            venue_order_id: 0,
            qty: Lots(qty),
            reserved: [0; 48],
        };
        self.send(Record::new(Kind::AmendOrder, &body).on_instrument(BTC));
    }

    /// Cancels everything on an instrument, or on all.
    pub(crate) fn cancel_all(&mut self, instrument: Option<InstrumentId>) {
        let body = CancelAll {
            command: self.number(),
            reserved: [0; 72],
        };
        let record = Record::new(Kind::CancelAll, &body);
        self.send(match instrument {
            Some(instrument) => record.on_instrument(instrument),
            None => record,
        });
    }

    pub(crate) fn latch(&mut self) {
        let body = Latch {
            command: self.number(),
            scope_id: 0,
            scope: ScopeKind::Overall,
            on: Flag::Yes,
            reserved: [0; 66],
        };
        self.send(Record::new(Kind::Latch, &body));
    }

    pub(crate) fn query(&mut self, client_id: u64) {
        let body = QueryOrder {
            command: self.number(),
            client_id,
            venue_order_id: 0,
            reserved: [0; 56],
        };
        self.send(Record::new(Kind::QueryOrder, &body).on_instrument(BTC));
    }

    pub(crate) fn query_list(&mut self) {
        let body = QueryOpenOrders {
            command: self.number(),
            reserved: [0; 72],
        };
        self.send(Record::new(Kind::QueryOpenOrders, &body));
    }
}

/// What an order is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) price: Ticks,
    pub(crate) qty: Lots,
    pub(crate) self_trade: SelfTrade,
}

/// A bid that rests.
pub(crate) fn bid(price: Ticks, qty: i64) -> Order {
    Order {
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price,
        qty: Lots(qty),
        self_trade: SelfTrade::NotStated,
    }
}

/// A sale at the market.
pub(crate) fn sale(qty: i64) -> Order {
    Order {
        side: Side::Sell,
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Ioc,
        price: Ticks(1),
        qty: Lots(qty),
        self_trade: SelfTrade::NotStated,
    }
}

/// Raw client order id of an event about an order; 0 for others.
pub(crate) fn client_of(record: &Record) -> u64 {
    match event(record).unwrap() {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderUnknown(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::AmendRejected(report)
        | Event::SendFailed(report) => report.client_id,
        Event::OrderAmended(amended) => amended.client_id,
        Event::OrderFilled(fill) => fill.client_id,
        Event::Sent(sent) => sent.client_id,
        _ => 0,
    }
}

/// The events about one order.
pub(crate) fn about(events: &[Record], client_id: u64) -> impl Iterator<Item = Record> {
    let its = events
        .iter()
        .filter(move |record| client_of(record) == client_id);
    its.copied()
}

/// Their kinds.
pub(crate) fn kinds(events: &[Record], client_id: u64) -> Vec<Kind> {
    about(events, client_id)
        .filter_map(|record| record.kind())
        .collect()
}

fn last_link(events: &[Record]) -> Option<LinkState> {
    let states = events
        .iter()
        .rev()
        .filter_map(|record| match event(record).unwrap() {
            Event::Connection(link) if link.state != LinkState::Notice => Some(link.state),
            _ => None,
        });
    { states }.next()
}

/// The words of all remarks.
pub(crate) fn notices(events: &[Record]) -> Vec<(i32, String)> {
    let said = events
        .iter()
        .filter_map(|record| match event(record).unwrap() {
            Event::Connection(link) if link.state == LinkState::Notice => {
                Some((link.code, link.text.as_str().to_owned()))
            }
            _ => None,
        });
    said.collect()
}

/// Lots filled of one order; panics if a trade comes twice.
pub(crate) fn filled(events: &[Record], client_id: u64) -> i64 {
    let mut seen = std::collections::BTreeSet::new();
    let mut lots = 0;
    for record in about(events, client_id) {
        if let Event::OrderFilled(fill) = event(&record).unwrap() {
            assert!(seen.insert(fill.trade_id), "trade {} twice", fill.trade_id);
            lots += fill.qty.0;
        }
    }
    lots
}
