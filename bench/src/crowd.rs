//! Risk with a full house: 200 instruments, 20 accounts, 64 strategies and 10,000 open orders.
//!
//! Deterministic: no seed, no clock. The test that counts allocations uses it too. Allocates: while
//! it is made.

#![expect(
    clippy::unwrap_used,
    reason = "fixed data; whoever uses it may fail by a panic"
)]

use std::collections::VecDeque;

#[path = "crowd_config.rs"]
mod config;

use engine::machine::{
    Action, Intent, IntentBuffer, Machine, Outputs, Parts, Place, Risk, Size, StrategyRunner,
};
use model::blob::{self, BlobKind};
use model::body::{
    AssetName, Balance, BookLevels, BookReset, Channel, Connection, Level, LinkState, NoticeCode,
    OrderReport, OrderStatus, OrderType, Quote, RejectReason, RunStarted, Sent, Side, StateHash,
    Text, Tick, TimeInForce,
};
use model::command::command;
use model::event::{Event, event};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Money, Scale, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

/// Instruments, on one venue.
pub const INSTRUMENTS: u32 = 200;
/// Accounts at it.
pub const ACCOUNTS: u16 = 20;
/// Open orders: what is left for the last strategy is none.
pub const ORDERS: usize = 10_000;
/// Strategies with orders; one more only watches.
pub const TRADERS: u16 = 63;
/// Machine time between two events.
const STEP_NS: u64 = 20_000;
/// Best bid of every instrument.
const BID: i64 = 6_183_763;

/// See the module's header.
#[derive(Debug)]
pub struct Crowd {
    /// Risk, with everything in it.
    pub risk: Risk,
    /// A strategy that watches its instrument and never wants anything.
    pub watcher: StrategyRunner,
    /// What the last event caused.
    pub out: Outputs,
    wishes: IntentBuffer,
    time_ns: u64,
    orders: u32,
}

impl Crowd {
    /// All of it.
    ///
    /// # Panics
    ///
    /// If an order is refused.
    #[must_use]
    pub fn new() -> Self {
        let (mut machine, mut out) = (Machine::new(), Outputs::new());
        for record in start() {
            let mut record = record;
            record.event = machine.last_event() + 1;
            machine.apply(&record, &mut out).unwrap();
        }
        let Parts {
            mut strategies,
            risk,
            registry: _,
        } = machine.into_parts();
        let mut crowd = Self {
            time_ns: risk.time_ns(),
            risk,
            watcher: strategies.pop().unwrap(),
            out,
            wishes: IntentBuffer::new(),
            orders: 0,
        };
        crowd.apply(tick());
        crowd.hear();
        while crowd.risk.orders().live_count() < ORDERS {
            let intent = crowd.intent();
            crowd.order(intent);
            crowd.acknowledge();
        }
        crowd
    }

    /// Another order that every check lets through: the next strategy, a price that moves.
    ///
    /// # Panics
    ///
    /// Behind 2^32 of them.
    pub fn intent(&mut self) -> Intent {
        self.orders += 1;
        let strategy = StrategyId((self.orders % u32::from(TRADERS)) as u16);
        let away = 10 + i64::from(self.orders / u32::from(TRADERS) % 80);
        let (side, price) = match self.orders / 8 % 2 {
            0 => (Side::Buy, BID - away),
            _ => (Side::Sell, BID + 1 + away),
        };
        let place = Place {
            client_id: ClientOrderId::new(1, Some(strategy), self.orders).unwrap(),
            instrument: instrument_of(strategy.0),
            side,
            order_type: OrderType::PostOnly,
            time_in_force: TimeInForce::Gtc,
            price: Ticks(price),
            qty: Lots(100 + i64::from(self.orders % 7)),
            tag: 0,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        };
        Intent {
            event: self.risk.last_event() + 1,
            strategy,
            intended_ns: 0,
            action: Action::Place(place),
        }
    }

    /// Numbers and dates a record as the next event.
    #[must_use]
    pub fn next(&mut self, mut record: Record) -> Record {
        self.time_ns += STEP_NS;
        record.event = self.risk.last_event() + 1;
        record.time_ns = self.time_ns;
        record
    }

    /// An event through the strategy and risk.
    ///
    /// # Panics
    ///
    /// If it cannot be applied, or causes an intent.
    pub fn apply(&mut self, record: Record) {
        let record = self.next(record);
        self.feed(&record, &[]);
    }

    /// A numbered record through the strategy and risk, with intents.
    ///
    /// # Panics
    ///
    /// As [`Self::apply`].
    pub fn feed(&mut self, record: &Record, intents: &[Intent]) {
        self.watcher.apply(record, &mut self.wishes).unwrap();
        assert!(self.wishes.is_empty(), "the watcher only watches");
        self.risk.apply(record, intents, &mut self.out).unwrap();
    }

    /// An order of [`Self::intent`], at an event that concerns nothing.
    ///
    /// # Panics
    ///
    /// If it is refused.
    pub fn order(&mut self, intent: Intent) {
        let quiet = self.next(quiet());
        self.feed(&quiet, &[intent]);
        assert_eq!(self.out.commands.len(), 1, "{:?}", self.out.refusals);
    }

    /// What risk tells comes back; how many orders are held by it.
    ///
    /// # Panics
    ///
    /// If something is refused.
    pub fn hear(&mut self) -> u32 {
        let mut held = 0;
        let mut told: VecDeque<Record> = self.out.refusals.drain(..).collect();
        while let Some(record) = told.pop_front() {
            assert_eq!(record.kind(), Some(Kind::RiskNotice), "nothing is refused");
            if let Ok(Event::RiskNotice(notice)) = event(&record) {
                held += u32::from(notice.code == NoticeCode::HeldPlaced);
            }
            self.apply(record);
            told.extend(self.out.refusals.drain(..));
        }
        held
    }

    /// The venue confirms the order of the last event.
    fn acknowledge(&mut self) {
        let command = *self.out.commands[0].get();
        self.apply(sent(&command));
        self.apply(answer(&command, Kind::OrderAcked));
    }

    /// The order of the last event is not sent: it ends, and all is as it was before.
    pub fn take_back(&mut self) {
        let command = *self.out.commands[0].get();
        let mut failed = answer(&command, Kind::SendFailed);
        failed.detail = command.kind;
        self.apply(failed);
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self::new()
    }
}

fn start() -> Vec<Record> {
    let run = RunStarted {
        epoch: 1,
        reserved0: 0,
        commands_journaled: 0,
        reserved: [0; 64],
    };
    let mut events = vec![Record::new(Kind::RunStarted, &run)];
    events.extend(blob::records(BlobKind::MachineConfig, &config::config()).unwrap());
    for id in 0..INSTRUMENTS {
        events.extend(blob::records(BlobKind::Instrument, &spec(id)).unwrap());
    }
    events.push(link(Channel::Market));
    events.push(link(Channel::Orders));
    for account in 0..ACCOUNTS {
        events.push(balance(account, "USDT"));
    }
    for trader in 0..TRADERS {
        let base = format!("A{}", instrument_of(trader).0);
        events.push(balance(account_of(trader).0, &base));
    }
    for id in 0..INSTRUMENTS {
        events.extend(book(InstrumentId(id)));
    }
    for event in &mut events {
        event.time_ns = 1_723_161_255_000_000_000;
    }
    events
}

fn instrument_of(strategy: u16) -> InstrumentId {
    InstrumentId(u32::from(strategy) * 3)
}

/// Its instruments: one of the watcher, a share of the others of each trader.
pub fn instruments_of(strategy: u16) -> impl Iterator<Item = InstrumentId> {
    let first = instrument_of(strategy).0;
    let (beside, behind) = match strategy {
        TRADERS => (first..first, 0..0),
        _ => (first + 1..first + 3, INSTRUMENTS - 10..INSTRUMENTS),
    };
    let shared = behind.filter(move |id| id % u32::from(TRADERS) == u32::from(strategy));
    let all = std::iter::once(first).chain(beside).chain(shared);
    all.map(InstrumentId)
}

fn account_of(strategy: u16) -> AccountId {
    AccountId(strategy % ACCOUNTS)
}

fn spec(id: u32) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(0),
        symbol: format!("A{id}USDT"),
        name: format!("A{id}-USDT.BENCH"),
        base: format!("A{id}"),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 2).unwrap(),
        lot: Scale::new(1, 5).unwrap(),
        price_min: Some(Ticks(1)),
        price_max: Some(Ticks(100_000_000)),
        qty_min: Lots(1),
        qty_max: Lots(900_000_000),
        notional_min: Some(Decimal::from(5)),
        notional_max: Some(Decimal::from(9_000_000)),
        trading: true,
        contract: Contract::Spot,
    }
}

fn link(channel: Channel) -> Record {
    let body = Connection {
        venue: 0,
        channel,
        state: LinkState::Up,
        reserved: 0,
        code: 0,
        text: Text::EMPTY,
    };
    Record::new(Kind::Connection, &body)
}

fn balance(account: u16, asset: &str) -> Record {
    let body = Balance {
        free: Money::new(Decimal::from(100_000_000)),
        locked: Money::new(Decimal::ZERO),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    };
    Record::new(Kind::Balance, &body).on_account(AccountId(account))
}

const fn level(price: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(100_000),
    }
}

fn book(instrument: InstrumentId) -> [Record; 2] {
    let reset = BookReset {
        update_id: 1,
        level_records: 1,
        reserved: [0; 64],
    };
    let levels = BookLevels {
        update_id: 1,
        venue_time_ns: 0,
        levels: [level(BID), level(BID - 1), level(BID + 1), level(BID + 2)],
    };
    let mut snapshot =
        Record::new(Kind::BookLevels, &levels).with_flags(flags::SNAPSHOT | flags::LAST_OF_MESSAGE);
    snapshot.detail = BookLevels::detail(4, 0b1100);
    [
        Record::new(Kind::BookReset, &reset).on_instrument(instrument),
        snapshot.on_instrument(instrument),
    ]
}

/// A quote of the watcher's instrument.
#[must_use]
pub fn quote(update_id: u64) -> Record {
    quote_above(update_id, 0)
}

/// As [`quote`], this much above.
#[must_use]
pub fn quote_above(update_id: u64, ticks: i64) -> Record {
    let body = Quote {
        update_id,
        venue_time_ns: 0,
        bid: level(BID + ticks),
        ask: level(BID + ticks + 1 + (update_id % 2) as i64),
        reserved: [0; 32],
    };
    Record::new(Kind::Quote, &body).on_instrument(instrument_of(TRADERS))
}

/// An event that concerns nothing: what carries an order costs as little as can be.
#[must_use]
pub fn quiet() -> Record {
    let body = StateHash {
        at_event: 0,
        hash: [0; 32],
        reserved: [0; 40],
    };
    Record::new(Kind::StateHash, &body)
}

/// A tick.
#[must_use]
pub fn tick() -> Record {
    let body = Tick {
        count: 0,
        reserved: [0; 72],
    };
    Record::new(Kind::Tick, &body)
}

fn sent(record: &Record) -> Record {
    let view = command(record).unwrap();
    let body = Sent {
        command: view.number(),
        client_id: view.client_id(),
        received_ns: 0,
        sequenced_ns: 0,
        intended_ns: 0,
        approved_ns: 0,
        taken_ns: 0,
        written_ns: 0,
        reserved: [0; 16],
    };
    about(Record::new(Kind::Sent, &body), record)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
fn answer(record: &Record, kind: Kind) -> Record {
    let client_id = command(record).unwrap().client_id();
    let (status, reason) = match kind {
        Kind::OrderAcked => (OrderStatus::Open, RejectReason::None),
        _ => (OrderStatus::NotStated, RejectReason::NotSent),
    };
    let body = OrderReport {
        client_id,
        venue_order_id: 0,
        venue_time_ns: 0,
        cum_qty: Lots(0),
        code: 0,
        status,
        reason,
        text: Text::EMPTY,
    };
    about(Record::new(kind, &body), record)
}

fn about(event: Record, command: &Record) -> Record {
    event
        .on_instrument(command.instrument().unwrap())
        .on_account(command.account().unwrap())
        .by_strategy(command.strategy().unwrap())
}
