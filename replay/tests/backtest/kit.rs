//! A market written by hand, a strategy that does what a test says when it says, and what came of
//! it.

use std::cell::RefCell;
use std::path::Path;

use engine::machine::{
    AccountConfig, ControlConfig, FlowRules, MachineConfig, OrderLimits, Protection, RiskLimits,
    StrategyConfig,
};
use engine::strategy::{
    Asks, Cause, Params, Refused, RefusedBy, Registry, Setup, SetupError, Strategy, Timer, View,
    Wish,
};
use journal::{AppendError, Durability, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::{AssetName, BookLevels, BookReset, Level, Side, Trade};
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Scale, Ticks};
use model::record::{Kind, Record, flags};
use replay::backtest::{
    Backtest, DataSet, Delay, FeeTier, Feed, FillRow, Latencies, Observer, OrderRow, Outcome, Plan,
    QueueChoice, Rules, Sample, Shift, Source, VenuePlan,
};
use rust_decimal::Decimal;

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const MS: u64 = 1_000_000;
pub(crate) const START_NS: u64 = 1_700_000_000 * SECOND;
pub(crate) const INSTRUMENT: InstrumentId = InstrumentId(0);
/// Best prices of [`Tape::new`]'s book, ticks of 0.01.
pub(crate) const BID: i64 = 6_000_000;
pub(crate) const ASK: i64 = 6_000_010;

pub(crate) fn spec() -> InstrumentSpec {
    InstrumentSpec {
        id: INSTRUMENT,
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTCUSDT.TEST".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 2).unwrap(),
        lot: Scale::new(1, 5).unwrap(),
        price_min: Some(Ticks(1)),
        price_max: Some(Ticks(100_000_000)),
        qty_min: Lots(1),
        qty_max: Lots(900_000_000),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: Contract::Spot,
    }
}

/// A recorded market: each record with the time at which we hear of it. Times are nanoseconds from
/// [`START_NS`].
pub(crate) struct Tape {
    rows: Vec<(u64, Record)>,
    next_id: u64,
    /// Without other orders, how long the feed takes.
    pub(crate) feed_ns: u64,
}

impl Tape {
    /// A market with these levels from the start on.
    pub(crate) fn new(levels: &[(Side, i64, i64)]) -> Self {
        let mut tape = Self {
            rows: Vec::new(),
            next_id: 1,
            feed_ns: 0,
        };
        tape.snapshot(0, 0, levels);
        tape
    }

    /// Orders of strangers of 900 lots at [`BID`] and [`ASK`].
    pub(crate) fn usual() -> Self {
        Self::new(&[(Side::Buy, BID, 900), (Side::Sell, ASK, 900)])
    }

    /// A whole book; `there_ns` 0 where the venue gives no time.
    pub(crate) fn snapshot(&mut self, here_ns: u64, there_ns: u64, levels: &[(Side, i64, i64)]) {
        let reset = BookReset {
            update_id: self.id(),
            level_records: levels.len().div_ceil(4) as u64,
            reserved: [0; 64],
        };
        self.push(here_ns, Record::new(Kind::BookReset, &reset));
        let record = self.level_record(there_ns, levels);
        self.push(here_ns, record.with_flags(flags::SNAPSHOT));
    }

    /// New quantities of at most four levels, heard `feed_ns` later.
    pub(crate) fn levels(&mut self, there_ns: u64, levels: &[(Side, i64, i64)]) {
        let record = self.level_record(START_NS + there_ns, levels);
        self.push(there_ns + self.feed_ns, record);
    }

    /// The same, heard at `here_ns`.
    pub(crate) fn levels_heard(
        &mut self,
        here_ns: u64,
        there_ns: u64,
        levels: &[(Side, i64, i64)],
    ) {
        let record = self.level_record(START_NS + there_ns, levels);
        self.push(here_ns, record);
    }

    /// Somebody's trade.
    pub(crate) fn trade(&mut self, there_ns: u64, aggressor: Side, price: i64, qty: i64) {
        let body = Trade {
            trade_id: self.id(),
            venue_time_ns: START_NS + there_ns,
            price: Ticks(price),
            qty: Lots(qty),
            aggressor,
            reserved: [0; 47],
        };
        let record = Record::new(Kind::Trade, &body);
        self.push(there_ns + self.feed_ns, record);
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn push(&mut self, here_ns: u64, record: Record) {
        let record = record.on_instrument(INSTRUMENT);
        self.rows.push((START_NS + here_ns, record));
    }

    fn level_record(&mut self, there_ns: u64, changes: &[(Side, i64, i64)]) -> Record {
        let mut body = BookLevels {
            update_id: self.id(),
            venue_time_ns: there_ns,
            levels: [Level::UNUSED; 4],
        };
        let mut asks = 0;
        for (place, &(side, price, qty)) in changes.iter().enumerate() {
            body.levels[place] = Level {
                price: Ticks(price),
                qty: Lots(qty),
            };
            asks |= u8::from(side == Side::Sell) << place;
        }
        let mut record = Record::new(Kind::BookLevels, &body).with_flags(flags::LAST_OF_MESSAGE);
        record.detail = BookLevels::detail(u8::try_from(changes.len()).unwrap(), asks);
        record
    }

    /// The records, each with our time of it, nanoseconds since the Unix epoch.
    pub(crate) fn rows(&self) -> &[(u64, Record)] {
        &self.rows
    }

    /// Makes a data set of it.
    pub(crate) fn write(&self, dir: &Path) {
        let options = Options::new(Durability::Process).segment_bytes(1 << 20);
        let (mut writer, _) = Writer::open(dir, options).unwrap();
        let parts = blob::records(BlobKind::Instrument, &spec()).unwrap();
        let parts = parts.iter().map(|part| (START_NS, *part));
        let mut now_ns = 0;
        for (index, (here_ns, record)) in parts.chain(self.rows.iter().copied()).enumerate() {
            now_ns = here_ns.max(now_ns);
            let mut record = record.stamped(here_ns);
            record.event = index as u64 + 1;
            record.time_ns = now_ns;
            while let Err(error) = writer.append(&record) {
                assert!(matches!(error, AppendError::SegmentNotReady), "{error}");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        writer.close().unwrap();
    }
}

/// What a script does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// At so many nanoseconds from the start.
    Place(u64, Wish),
    /// All of its own.
    CancelAll(u64),
    /// At every trade that it hears of.
    AtTrade(Wish),
}

thread_local! {
    /// What the next script does: a strategy is made of numbers, and its test runs on its thread.
    static SCRIPT: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
struct Script(Vec<Step>);

impl Strategy for Script {
    const KIND: &'static str = "script";
    type State = ();

    fn new(_: &Setup<'_>) -> Result<Self, SetupError> {
        Ok(Self(SCRIPT.with_borrow(Clone::clone)))
    }

    fn on_event(&self, (): &mut (), cause: Cause, _: &View<'_>, asks: &mut Asks<'_>) {
        match cause {
            Cause::Fresh => {
                for (index, step) in (0..).zip(&self.0) {
                    if let Step::Place(at_ns, _) | Step::CancelAll(at_ns) = step {
                        asks.ring_at(Timer(index), START_NS + at_ns).unwrap();
                    }
                }
            }
            Cause::Timer(timer) => match self.0[usize::from(timer.0)] {
                Step::Place(_, wish) => {
                    asks.place(wish).unwrap();
                }
                Step::CancelAll(_) => asks.cancel_all(None).unwrap(),
                Step::AtTrade(_) => {}
            },
            Cause::Trade(..) => {
                for step in &self.0 {
                    if let Step::AtTrade(wish) = step {
                        asks.place(*wish).unwrap();
                    }
                }
            }
            // What a test asks for is let through by risk.
            Cause::Refused(Refused {
                by: RefusedBy::Risk(reason),
                ..
            }) => panic!("risk refuses: {reason:?}"),
            Cause::Book(_)
            | Cause::Candle(_)
            | Cause::Mark(_)
            | Cause::Order(_)
            | Cause::Refused(_) => {}
        }
    }
}

/// Limit order that takes what it can.
pub(crate) fn take(side: Side, price: i64, qty: i64) -> Wish {
    Wish::limit(INSTRUMENT, side, Ticks(price), Lots(qty)).immediate_or_cancel()
}

/// Limit order that waits.
pub(crate) fn rest(side: Side, price: i64, qty: i64) -> Wish {
    Wish::post_only(INSTRUMENT, side, Ticks(price), Lots(qty))
}

/// Everything takes no time, faithful rules, a risk-averse queue.
pub(crate) fn plan() -> Plan {
    let amount = |asset, amount| (AssetName::cut(asset), Decimal::from(amount));
    Plan {
        machine: machine(),
        balances: vec![vec![amount("BTC", 10), amount("USDT", 1_000_000)]],
        venue: VenuePlan {
            rules: Rules::FAITHFUL,
            queues: QueueChoice::RiskAverse,
            tiers: vec![FeeTier {
                volume_from: Decimal::ZERO,
                maker: Decimal::new(1, 4),
                taker: Decimal::new(4, 4),
            }],
            leverage: Decimal::TEN,
            orders_per_10s: 0,
            ban_ns: 0,
            outages: Vec::new(),
        },
        latencies: Latencies::none(),
        tick_ns: MS,
        sample_ns: SECOND,
        from_ns: 0,
    }
}

/// The same, with so long to the venue and back.
pub(crate) fn plan_with_delays(there_ns: u64, back_ns: u64) -> Plan {
    let mut plan = plan();
    plan.latencies = Latencies {
        new: Delay::Constant(there_ns),
        cancel: Delay::Constant(there_ns),
        back: Delay::Constant(back_ns),
        ..Latencies::none()
    };
    plan
}

fn machine() -> MachineConfig {
    MachineConfig {
        strategies: vec![StrategyConfig {
            name: "script".to_owned(),
            account: AccountId(0),
            instruments: vec![INSTRUMENT],
            kind: "script".to_owned(),
            params: Params::new(),
        }],
        limits: RiskLimits {
            orders: OrderLimits {
                qty_max: Lots(100_000),
                value_max: Decimal::from(1_000_000),
                collar_bps: 500,
                position_max: Lots(1_000_000),
                open_orders_max: 30,
            },
            instruments: Vec::new(),
            open_orders_max: 40,
            messages_per_second: 1_000,
            messages_burst: 500,
            messages_reserved: 100,
            book_age_max_ns: 7_200 * SECOND,
            ack_timeout_ns: 7_200 * SECOND,
            recv_window_ns: 5 * SECOND,
            query_pause_min_ns: SECOND / 2,
            query_pause_max_ns: 8 * SECOND,
            query_attempts_max: 8,
            flow: FlowRules::default(),
        },
        accounts: vec![AccountConfig {
            venue: VenueId(0),
            name: "main".to_owned(),
        }],
        reporting: "USDT".to_owned(),
        protection: Protection::default(),
        book_window_ticks: 1 << 12,
        control: ControlConfig {
            persons: vec!["anna".to_owned(), "boris".to_owned()],
            proposal_life_ns: 60 * SECOND,
            ..ControlConfig::default()
        },
    }
}

/// What came of a backtest.
#[derive(Default)]
pub(crate) struct Seen {
    /// In the order in which they were decided.
    pub(crate) orders: Vec<OrderRow>,
    pub(crate) fills: Vec<FillRow>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) outcome: Option<Outcome>,
}

impl Observer for Seen {
    fn order(&mut self, row: &OrderRow) {
        self.orders.push(*row);
    }

    fn fill(&mut self, row: &FillRow) {
        self.fills.push(*row);
    }

    fn sample(&mut self, sample: &Sample) {
        self.samples.push(sample.clone());
    }
}

impl Seen {
    /// Quantity of each fill in its order, by the order's place among the decisions.
    pub(crate) fn got(&self) -> Vec<(usize, i64)> {
        let place = |id| self.orders.iter().position(|row| row.client_id == id);
        let fills = self.fills.iter();
        fills
            .map(|fill| (place(fill.client_id).unwrap(), fill.qty.0))
            .collect()
    }
}

/// The data set in `dir` up to `to_ns`.
pub(crate) fn feed(dir: &Path, to_ns: u64) -> Feed {
    Feed {
        sets: vec![DataSet::open(dir).unwrap()],
        instruments: vec![Source {
            set: 0,
            place: 0,
            spec: spec(),
        }],
        shift: Shift::None,
        late_max_ns: 2 * SECOND,
        from_ns: 0,
        to_ns,
    }
}

/// Runs a script over a market.
pub(crate) fn run(tape: &Tape, steps: &[Step], plan: Plan) -> Seen {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    tape.write(&dir);
    SCRIPT.with_borrow_mut(|script| *script = steps.to_vec());
    let feed = feed(&dir, u64::MAX);
    let registry = Registry::standard().with::<Script>().unwrap();
    let mut seen = [Seen::default()];
    let backtest = Backtest::new(feed, vec![plan], &registry, None).unwrap();
    let outcome = backtest.run(&mut seen, |_| {}).unwrap().remove(0);
    let [mut seen] = seen;
    seen.orders
        .sort_by_key(|row| (row.decided_ns, row.client_id));
    seen.fills.sort_by_key(|row| row.here_ns);
    seen.outcome = Some(outcome);
    seen
}
