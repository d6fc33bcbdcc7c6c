//! The whole engine against a practice venue: real threads, sockets, journal and time, with a
//! thousand orders of ours that rest already.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::binance::feed::{FeedConfig, FeedScope, FeedTiming, MarketFeed};
use connectors::binance::gateway::BinanceGateway;
use connectors::binance::start::RestEndpoint;
use connectors::net::{Trust, client_config};
use connectors::practice::{
    OrderKind, PracticeConfig, PracticeInstrument, PracticeServer, SeedOrder, SelfTrade, Truth,
};
use engine::clock::WallClock;
use engine::machine::{
    Action, Approved, Intent, IntentBuffer, Machine, MachineConfig, Outputs, Parts, StrategyConfig,
};
use engine::pipeline::{
    LastLineLimits, Pipeline, Running, SOURCE_FIRST_PORT, Topology, Wait, WorkerConfig,
};
use engine::strategy::MovingAverageParams;
use journal::{Durability, Folder, Options, Writer};
use model::body::{
    OrderReport, OrderStatus, OrderType, RejectReason, Sent, Side, Text, TimeInForce,
};
use model::command::{CommandView, command};
use model::ids::{AccountId, ClientOrderId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::kit::{self, SECOND, Terms};
use crate::records;
use crate::slow_disk::SlowDisk;

/// Orders that rest before the drill.
pub(crate) const RESTING: u32 = 1_000;
/// Each of so many strategies has its part of them.
const HOLDERS: u32 = 10;
/// Long enough for a loaded machine, short enough to tell a hang.
const DEADLINE: Duration = Duration::from_secs(60);

/// An engine that trades, and its venue.
pub(crate) struct Engine {
    pub(crate) server: PracticeServer,
    pub(crate) running: Running,
    pub(crate) disk: SlowDisk,
    _directory: tempfile::TempDir,
}

/// A maker that quotes all the time, and strategies that hold what rests.
fn config(flattens: bool) -> MachineConfig {
    let mut config = kit::machine_config();
    config.control.flatten_on_kill = flattens;
    config.control.flatten_passes = flattens;
    let maker = config.strategies[0].clone();
    let holder = |number: u32| StrategyConfig {
        name: format!("holder{number}"),
        kind: MovingAverageParams::KIND.to_owned(),
        params: MovingAverageParams::example().params(),
        ..maker.clone()
    };
    config.strategies = std::iter::once(maker.clone())
        .chain((0..HOLDERS).map(holder))
        .collect();
    config.limits.orders.open_orders_max = 1_024;
    config.limits.open_orders_max = 2_000;
    config
}

/// A run before the drill, in which all those orders were placed: applied and journaled by hand.
struct FirstRun {
    parts: Parts,
    writer: Writer,
    out: Outputs,
    event: u64,
    now_ns: u64,
    seeds: Vec<SeedOrder>,
}

impl FirstRun {
    fn new(mut writer: Writer, now_ns: u64, flattens: bool) -> Self {
        let mut machine = Machine::new();
        let mut out = Outputs::new();
        let mut event = 0;
        for mut record in records::opening(&config(flattens)) {
            event += 1;
            (record.event, record.time_ns) = (event, now_ns);
            machine.apply(&record, &mut out).unwrap();
            append(&mut writer, &record);
        }
        Self {
            parts: machine.into_parts(),
            writer,
            out,
            event,
            now_ns,
            seeds: Vec::new(),
        }
    }

    /// One event, the wishes that it causes, and the commands that come of them.
    fn apply(&mut self, mut record: Record, wishes: &[(StrategyId, Action)]) -> Vec<Record> {
        self.event += 1;
        (record.event, record.time_ns) = (self.event, self.now_ns);
        append(&mut self.writer, &record);
        let mut ignored = IntentBuffer::new();
        for strategy in &mut self.parts.strategies {
            strategy.apply(&record, &mut ignored).unwrap();
        }
        let intent = |&(strategy, action): &(StrategyId, Action)| Intent {
            event: record.event,
            strategy,
            intended_ns: 0,
            action,
        };
        let intents: Vec<Intent> = wishes.iter().map(intent).collect();
        self.parts
            .risk
            .apply(&record, &intents, &mut self.out)
            .unwrap();
        let is_refusal = |record: &&Record| record.kind() == Some(Kind::RiskRefused);
        let refused = self.out.refusals.iter().find(is_refusal);
        assert_eq!(refused, None, "every order is let through");
        let commands: Vec<Record> = self.out.commands.iter().map(|one| *one.as_ref()).collect();
        for command in &commands {
            append(&mut self.writer, command);
        }
        commands
    }

    /// Places `count` orders from `first` on, and lets the venue have them.
    fn place(&mut self, first: u32, count: u32) {
        // So many messages in that time are allowed, and the book stays young.
        self.now_ns += 20 * kit::MS;
        let wish = |number: u32| {
            let strategy = StrategyId(u16::try_from(1 + number % HOLDERS).unwrap());
            let client_id = ClientOrderId::new(1, Some(strategy), number + 1).unwrap();
            let buys = number.is_multiple_of(2);
            let away = i64::from(100_000 + number);
            let terms = Terms {
                side: if buys { Side::Buy } else { Side::Sell },
                order_type: OrderType::Limit,
                time_in_force: TimeInForce::Gtc,
                price: Ticks(if buys {
                    kit::START - away
                } else {
                    kit::START + away
                }),
                qty: Lots(100),
            };
            (strategy, Action::Place(terms.place(client_id)))
        };
        let wishes: Vec<(StrategyId, Action)> = (first..first + count).map(wish).collect();
        let commands = self.apply(records::tick(self.event), &wishes);
        assert_eq!(commands.len(), wishes.len());
        for record in commands {
            let CommandView::NewOrder(order) = command(&record).unwrap() else {
                panic!("{record:?}");
            };
            let (order, seed) = (*order, self.seed(order));
            self.apply(
                records::like(Record::new(Kind::Sent, &sent(&order)), &record),
                &[],
            );
            let acked = acked(&order, seed.venue_order_id);
            self.apply(
                records::like(Record::new(Kind::OrderAcked, &acked), &record),
                &[],
            );
            self.seeds.push(seed);
        }
    }

    fn seed(&self, order: &model::body::NewOrder) -> SeedOrder {
        let text = connectors::wire::order_id::text_of(order.client_id);
        SeedOrder {
            instrument: 0,
            client_id: String::from_utf8(text.to_vec()).unwrap(),
            venue_order_id: 10_000 + self.seeds.len() as u64,
            side: match order.side {
                Side::Buy => connectors::practice::Side::Buy,
                Side::Sell => connectors::practice::Side::Sell,
            },
            kind: OrderKind::Limit,
            self_trade: SelfTrade::ExpireMaker,
            price: order.price,
            qty: order.qty,
            executed: Lots(0),
            executed_quote: Decimal::ZERO,
            created_ms: i64::try_from(self.now_ns / kit::MS).unwrap(),
        }
    }

    /// The next run begins; from here on the pipeline goes on.
    fn end(mut self) -> (Machine, Writer, Vec<SeedOrder>) {
        let mut machine = Machine::from_parts(self.parts);
        let mut started = records::run_started(2, u64::from(RESTING));
        (started.event, started.time_ns) = (self.event + 1, self.now_ns);
        machine.apply(&started, &mut self.out).unwrap();
        append(&mut self.writer, &started);
        assert_eq!(machine.orders().live_count(), RESTING as usize);
        (machine, self.writer, self.seeds)
    }
}

fn sent(order: &model::body::NewOrder) -> Sent {
    Sent {
        command: order.command,
        client_id: order.client_id,
        received_ns: 0,
        sequenced_ns: 0,
        intended_ns: 0,
        approved_ns: 0,
        taken_ns: 0,
        written_ns: 0,
        reserved: [0; 16],
    }
}

fn acked(order: &model::body::NewOrder, venue_order_id: u64) -> OrderReport {
    OrderReport {
        client_id: order.client_id,
        venue_order_id,
        venue_time_ns: 0,
        cum_qty: Lots(0),
        code: 0,
        status: OrderStatus::Open,
        reason: RejectReason::None,
        text: Text::EMPTY,
    }
}

fn append(writer: &mut Writer, record: &Record) {
    while let Err(error) = writer.append(record) {
        assert_eq!(error, journal::AppendError::SegmentNotReady);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn topology() -> Topology {
    let workers: [&[&str]; 3] = [
        &["feed", "sequencer", "timer"],
        &["strategy", "risk", "gateway"],
        &["journal"],
    ];
    let worker = |stages: &&[&str]| WorkerConfig {
        core: None,
        wait: Wait::Park,
        stages: stages.iter().map(|&name| name.to_owned()).collect(),
    };
    Topology {
        workers: workers.iter().map(worker).collect(),
        inbound_slots: 8_192,
        command_slots: 1_024,
        lane_slots: 8_192,
    }
}

fn wall_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

impl Engine {
    /// Starts everything; `change` says how the venue is.
    pub(crate) fn start(durability: Durability, change: impl FnOnce(&mut PracticeConfig)) -> Self {
        Self::start_with(durability, false, change)
    }

    /// The same; `flattens`: a kill closes what is held, and the last line lets it.
    pub(crate) fn start_with(
        durability: Durability,
        flattens: bool,
        change: impl FnOnce(&mut PracticeConfig),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let disk = SlowDisk::default();
        let writer = writer_on(&disk, directory.path(), durability);
        // The first run lies some time back.
        let mut first = FirstRun::new(writer, wall_ns() - 3_600 * SECOND, flattens);
        first.connect();
        for batch in 0..RESTING / 10 {
            first.place(batch * 10, 10);
        }
        let (machine, writer, seeds) = first.end();
        let mut config = kit::venue_config(7);
        config.orders_max = 2_000;
        config.accounts[0].open_orders = seeds;
        change(&mut config);
        let server = PracticeServer::start(config).unwrap();
        let clock = WallClock::anchored_now();
        let running = Pipeline::new(machine, writer, topology(), clock)
            .feed("venue", feed(&server))
            .gateway("venue", &[AccountId(0)], gateway(&server))
            .last_line(LastLineLimits {
                orders_per_second: 1_000,
                value_per_second: Decimal::from(1_000_000_000_000_u64),
                flatten_passes: flattens,
            })
            .start()
            .unwrap();
        let engine = Self {
            server,
            running,
            disk,
            _directory: directory,
        };
        engine.wait("a maker that quotes", |truth| {
            truth.orders.len() > RESTING as usize
        });
        engine
    }

    pub(crate) fn truth(&self) -> Truth {
        self.server.truth().unwrap()
    }

    pub(crate) fn log(&self) -> Vec<Record> {
        let mut reader = journal::Reader::open(self._directory.path()).unwrap();
        let mut log = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            log.push(*record);
        }
        log
    }

    /// Waits for something at the venue; how long it took.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&Truth) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            let truth = self.truth();
            if holds(&truth) {
                return began.elapsed();
            }
            assert_eq!(self.running.fault(), None, "while waiting for {what}");
            let open = truth.open_orders.len();
            assert!(
                began.elapsed() < DEADLINE,
                "{what} never came; {open} orders rest"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl FirstRun {
    fn connect(&mut self) {
        for record in records::connected() {
            self.apply(record, &[]);
        }
    }
}

fn writer_on(disk: &SlowDisk, directory: &Path, durability: Durability) -> Writer {
    let folder = Folder::new(Arc::new(disk.clone()), directory);
    let options = Options::new(durability).segment_bytes(16 << 20);
    Writer::open_in(&folder, options).unwrap().0
}

fn access(server: &PracticeServer) -> RestEndpoint {
    let trust = Trust::from_pem(server.certificate_pem().as_bytes()).unwrap();
    RestEndpoint {
        url: format!("https://{}", server.addr()),
        tls: Some(client_config(&trust).unwrap()),
    }
}

fn feed(server: &PracticeServer) -> MarketFeed {
    MarketFeed::new(FeedConfig {
        stream_url: format!("wss://{}", server.addr()),
        rest: access(server),
        venue: VenueId(0),
        source: SOURCE_FIRST_PORT,
        instruments: Arc::new([PracticeInstrument::btcusdt().spec]),
        snapshot_levels: 100,
        scope: FeedScope::default(),
        timing: FeedTiming::default(),
    })
    .unwrap()
}

fn gateway(server: &PracticeServer) -> BinanceGateway<Approved<Record>> {
    let mut config = kit::gateway_config();
    config.url = format!("wss://{}/ws-api/v3", server.addr());
    config.tls = access(server).tls;
    BinanceGateway::new(config).unwrap()
}
