//! Records of every kind, and a machine with its log: what every test uses.

use engine::machine::{
    AccountConfig, ControlConfig, Machine, MachineConfig, OrderLimits, Outputs, Protection,
    RiskLimits, StrategyConfig,
};
use engine::strategy::{MarketMakerParams, MovingAverageParams, Params};
use model::blob::{self, BlobKind};
use model::body::{
    AssetName, Balance, BookLevels, BookReset, Channel, Connection, ControlAction, ControlRequest,
    Fill, Level, LinkState, Liquidity, NewOrder, Operator, OperatorAction, OrderReport,
    OrderStatus, Outcome, RejectReason, RunStarted, Sent, Side, Text, Tick,
};
use model::command::{CommandView, command};
use model::control::Scope;
use model::ids::{AccountId, InstrumentId, SourceId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Money, Scale, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;
use zerocopy::TryFromBytes as _;

pub(crate) const INSTRUMENT: InstrumentId = InstrumentId(0);
pub(crate) const ACCOUNT: AccountId = AccountId(0);
pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const START_NS: u64 = 1_700_000_000 * SECOND;

pub(crate) fn spec() -> InstrumentSpec {
    InstrumentSpec {
        id: INSTRUMENT,
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.BINANCE".to_owned(),
        base: "BTC".to_owned(),
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
        contract: model::instrument::Contract::Spot,
    }
}

pub(crate) fn limits() -> RiskLimits {
    RiskLimits {
        orders: OrderLimits {
            qty_max: Lots(1_000),
            value_max: Decimal::from(1_000),
            collar_bps: 100,
            position_max: Lots(5_000),
            open_orders_max: 20,
        },
        instruments: Vec::new(),
        open_orders_max: 40,
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

fn strategy(name: &str, kind: &str, params: Params) -> StrategyConfig {
    StrategyConfig {
        name: name.to_owned(),
        account: ACCOUNT,
        instruments: vec![INSTRUMENT],
        kind: kind.to_owned(),
        params,
    }
}

pub(crate) fn maker() -> StrategyConfig {
    let params = MarketMakerParams::example();
    strategy("maker", MarketMakerParams::KIND, params.params())
}

pub(crate) fn taker() -> StrategyConfig {
    let params = MovingAverageParams::example();
    strategy("taker", MovingAverageParams::KIND, params.params())
}

/// Two persons, and nothing watched.
pub(crate) fn control() -> ControlConfig {
    ControlConfig {
        persons: vec!["anna".to_owned(), "boris".to_owned()],
        proposal_life_ns: 60 * SECOND,
        ..ControlConfig::default()
    }
}

pub(crate) fn config(strategies: Vec<StrategyConfig>) -> MachineConfig {
    MachineConfig {
        strategies,
        limits: limits(),
        accounts: vec![AccountConfig {
            venue: VenueId(0),
            name: "main".to_owned(),
        }],
        reporting: "USDT".to_owned(),
        protection: Protection::default(),
        book_window_ticks: 1 << 12,
        control: control(),
    }
}

pub(crate) fn run_started(epoch: u32, commands_journaled: u64) -> Record {
    let body = RunStarted {
        epoch,
        reserved0: 0,
        commands_journaled,
        reserved: [0; 64],
    };
    Record::new(Kind::RunStarted, &body)
}

pub(crate) fn connection(channel: Channel, state: LinkState) -> Record {
    let body = Connection {
        venue: 0,
        channel,
        state,
        reserved: 0,
        code: 0,
        text: Text::EMPTY,
    };
    Record::new(Kind::Connection, &body)
}

pub(crate) fn tick() -> Record {
    let body = Tick {
        count: 0,
        reserved: [0; 72],
    };
    Record::new(Kind::Tick, &body)
}

pub(crate) fn operator(action: OperatorAction) -> Record {
    let body = Operator {
        action,
        reserved: [0; 7],
        text: Text::cut("test"),
    };
    Record::new(Kind::Operator, &body)
}

/// A person's request.
pub(crate) fn request(number: u64, person: u16, action: ControlAction, scope: Scope) -> Record {
    let body = ControlRequest {
        number,
        target: 0,
        old: i64::MAX,
        new: 0,
        soft: i64::MAX,
        scope_id: scope.id(),
        control: 0,
        person,
        action,
        scope: scope.kind(),
        outcome: Outcome::None,
        reason: Text::cut("test"),
    };
    Record::new(Kind::Control, &body)
}

/// A second person's word on a proposal.
pub(crate) fn approval(number: u64, person: u16, proposal: u64) -> Record {
    let mut record = request(number, person, ControlAction::Approve, Scope::Overall);
    let body = ControlRequest::try_mut_from_bytes(&mut record.body).unwrap();
    body.target = proposal;
    record
}

pub(crate) fn balance(asset: &str, total: i64) -> Record {
    let body = Balance {
        free: Money::new(Decimal::from(total)),
        locked: Money::new(Decimal::ZERO),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    };
    Record::new(Kind::Balance, &body).on_account(ACCOUNT)
}

pub(crate) fn reset(update_id: u64, level_records: u64) -> Record {
    let body = BookReset {
        update_id,
        level_records,
        reserved: [0; 64],
    };
    Record::new(Kind::BookReset, &body).on_instrument(INSTRUMENT)
}

pub(crate) fn levels(update_id: u64, added: u8, changes: &[(Side, i64, i64)]) -> Record {
    let mut body = BookLevels {
        update_id,
        venue_time_ns: 0,
        levels: [Level::UNUSED; 4],
    };
    let mut asks = 0;
    for (index, &(side, price, qty)) in changes.iter().enumerate() {
        body.levels[index] = Level {
            price: Ticks(price),
            qty: Lots(qty),
        };
        asks |= u8::from(side == Side::Sell) << index;
    }
    let mut record = Record::new(Kind::BookLevels, &body)
        .on_instrument(INSTRUMENT)
        .with_flags(added);
    record.detail = BookLevels::detail(u8::try_from(changes.len()).unwrap(), asks);
    record
}

pub(crate) fn report(
    kind: Kind,
    client_id: u64,
    status: OrderStatus,
    cum: i64,
    reason: RejectReason,
) -> Record {
    let body = OrderReport {
        client_id,
        venue_order_id: 0,
        venue_time_ns: 0,
        cum_qty: Lots(cum),
        code: 0,
        status,
        reason,
        text: Text::EMPTY,
    };
    Record::new(kind, &body)
        .on_instrument(INSTRUMENT)
        .on_account(ACCOUNT)
}

pub(crate) fn fill(client_id: u64, trade_id: u64, side: Side, price: i64, qty: i64) -> Record {
    let body = Fill {
        client_id,
        venue_order_id: 0,
        venue_time_ns: 0,
        trade_id,
        price: Ticks(price),
        qty: Lots(qty),
        fee: Money::new(Decimal::new(1, 4)),
        fee_asset: AssetName::cut("USDT"),
        side,
        liquidity: Liquidity::Maker,
    };
    Record::new(Kind::OrderFilled, &body)
        .on_instrument(INSTRUMENT)
        .on_account(ACCOUNT)
}

pub(crate) fn sent(command: &Record) -> Record {
    let view = model::command::command(command).unwrap();
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
    about(Record::new(Kind::Sent, &body), command)
}

pub(crate) fn send_failed(failed: &Record) -> Record {
    let view = command(failed).unwrap();
    let none = OrderStatus::NotStated;
    let mut record = report(
        Kind::SendFailed,
        view.client_id(),
        none,
        0,
        RejectReason::NotSent,
    );
    record.detail = failed.kind;
    about(record, failed)
}

fn about(record: Record, command: &Record) -> Record {
    let record = record.on_account(ACCOUNT);
    let record = match command.instrument() {
        Some(instrument) => record.on_instrument(instrument),
        None => record,
    };
    match command.strategy() {
        Some(strategy) => record.by_strategy(strategy),
        None => record,
    }
}

/// A machine, its log, and everything that it decided.
pub(crate) struct Rig {
    pub(crate) machine: Machine,
    pub(crate) out: Outputs,
    pub(crate) log: Vec<Record>,
    pub(crate) commands: Vec<Record>,
    pub(crate) refusals: Vec<Record>,
    pub(crate) now: u64,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            machine: Machine::new(),
            out: Outputs::new(),
            log: Vec::new(),
            commands: Vec::new(),
            refusals: Vec::new(),
            now: START_NS,
        }
    }

    /// Applies an event as the next one, and returns the commands that it caused.
    pub(crate) fn apply(&mut self, record: Record) -> Vec<Record> {
        let mut record = record;
        record.event = self.machine.last_event() + 1;
        record.time_ns = self.now;
        self.machine.apply(&record, &mut self.out).unwrap();
        self.log.push(record);
        let commands: Vec<Record> = self.out.commands.iter().map(|c| *c.as_ref()).collect();
        self.commands.extend(&commands);
        self.refusals.extend(&self.out.refusals);
        commands
    }

    pub(crate) fn pass(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    /// Starts a run: configuration, instrument, connections, a book of 999,998 to 1,000,002.
    pub(crate) fn start(&mut self, config: &MachineConfig, commands_journaled: u64) {
        self.begin(config, commands_journaled);
        self.apply(connection(Channel::Orders, LinkState::Up));
        self.apply(balance("BTC", 1));
        self.apply(balance("USDT", 100_000));
        self.book(1, 999_998, 1_000_002);
    }

    /// Starts a run and connects nothing.
    pub(crate) fn begin(&mut self, config: &MachineConfig, commands_journaled: u64) {
        let epoch = self.machine.epoch() + 1;
        self.apply(run_started(epoch, commands_journaled));
        for record in blob::records(BlobKind::MachineConfig, config).unwrap() {
            self.apply(record.from_source(SourceId(9)));
        }
        for record in blob::records(BlobKind::Instrument, &spec()).unwrap() {
            self.apply(record.from_source(SourceId(9)));
        }
    }

    /// A new book with these best prices.
    pub(crate) fn book(&mut self, update_id: u64, bid: i64, ask: i64) -> Vec<Record> {
        self.apply(reset(update_id, 1));
        let changes = [(Side::Buy, bid, 50_000), (Side::Sell, ask, 50_000)];
        let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
        self.apply(levels(update_id, whole, &changes))
    }

    pub(crate) fn refusal_reasons(&self) -> Vec<model::body::RefusalReason> {
        self.refusals
            .iter()
            .map(|record| {
                let event = model::event::event(record).unwrap();
                let model::event::Event::RiskRefused(refusal) = event else {
                    panic!("not a refusal: {record:?}")
                };
                refusal.reason
            })
            .collect()
    }
}

pub(crate) fn new_order(record: &Record) -> NewOrder {
    let CommandView::NewOrder(order) = command(record).unwrap() else {
        panic!("not a new order: {record:?}")
    };
    *order
}

pub(crate) fn kinds(records: &[Record]) -> Vec<Kind> {
    records.iter().filter_map(Record::kind).collect()
}
