//! The invariants of a backtest, over seeded synthetic markets.

use std::path::{Path, PathBuf};

use engine::machine::{
    AccountConfig, ControlConfig, FlowRules, MachineConfig, OrderLimits, Protection, RiskLimits,
    StrategyConfig,
};
use engine::strategy::{Params, Registry};
use journal::{Durability, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::{AssetName, BookLevels, BookReset, Level, Side, Trade};
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Scale, Ticks};
use model::record::{Kind, Record, flags};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use rust_decimal::Decimal;

use super::*;

mod fifo;
mod markets;
mod papers;
mod venues;
mod waiting;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
const START_NS: u64 = 1_700_000_000 * SECOND;
const INSTRUMENT: InstrumentId = InstrumentId(0);

fn spec() -> InstrumentSpec {
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

fn levels(id: u64, there_ns: u64, snapshot: bool, changes: &[(Side, i64, i64)]) -> Record {
    let mut body = BookLevels {
        update_id: id,
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
    let snapshot = if snapshot { flags::SNAPSHOT } else { 0 };
    let mut record = Record::new(Kind::BookLevels, &body)
        .on_instrument(INSTRUMENT)
        .with_flags(flags::LAST_OF_MESSAGE | snapshot);
    record.detail = BookLevels::detail(u8::try_from(changes.len()).unwrap(), asks);
    record
}

fn trade(id: u64, there_ns: u64, aggressor: Side, price: i64, qty: i64) -> Record {
    let body = Trade {
        trade_id: id,
        venue_time_ns: there_ns,
        price: Ticks(price),
        qty: Lots(qty),
        aggressor,
        reserved: [0; 47],
    };
    Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT)
}

/// A market whose middle walks: records with the time at which we hear of them.
fn walk(seed: u64, steps: u64) -> Vec<(u64, Record)> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut middle = 6_000_000_i64;
    let reset = BookReset {
        update_id: 1,
        level_records: 1,
        reserved: [0; 64],
    };
    let first = [
        (Side::Buy, middle - 2, 900),
        (Side::Buy, middle - 4, 900),
        (Side::Sell, middle + 2, 900),
        (Side::Sell, middle + 4, 900),
    ];
    let mut all = vec![
        (
            START_NS,
            Record::new(Kind::BookReset, &reset).on_instrument(INSTRUMENT),
        ),
        (START_NS, levels(1, START_NS, true, &first)),
    ];
    let mut best = (middle - 2, middle + 2);
    for step in 0..steps {
        let there_ns = START_NS + (step + 1) * 20 * MS;
        let here_ns = there_ns + random.random_range(MS..15 * MS);
        if random.random_range(0..3) == 0 {
            let aggressor = if random.random() {
                Side::Buy
            } else {
                Side::Sell
            };
            let price = match aggressor {
                Side::Buy => best.1 + random.random_range(0..3),
                Side::Sell => best.0 - random.random_range(0..3),
            };
            let qty = random.random_range(1..600);
            all.push((here_ns, trade(step + 1, there_ns, aggressor, price, qty)));
            continue;
        }
        middle += random.random_range(-2..=2);
        let changes = [
            (Side::Buy, best.0, 0),
            (Side::Sell, best.1, 0),
            (Side::Buy, middle - 2, random.random_range(1..900)),
            (Side::Sell, middle + 2, random.random_range(1..900)),
        ];
        best = (middle - 2, middle + 2);
        all.push((here_ns, levels(step + 2, there_ns, false, &changes)));
    }
    all
}

/// Writes a data set.
fn data_set(dir: &Path, records: &[(u64, Record)]) {
    let options = Options::new(Durability::Volatile).segment_bytes(1 << 20);
    let options = Options {
        durability: Durability::Process,
        ..options
    };
    let (mut writer, _) = Writer::open(dir, options).unwrap();
    let mut event = 0;
    let mut last_ns = 0;
    let mut append = |record: &Record, here_ns: u64| {
        event += 1;
        last_ns = here_ns.max(last_ns);
        let mut record = record.stamped(here_ns);
        record.event = event;
        record.time_ns = last_ns;
        while writer.append(&record).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    };
    for part in blob::records(BlobKind::Instrument, &spec()).unwrap() {
        append(&part, START_NS);
    }
    for (here_ns, record) in records {
        append(record, *here_ns);
    }
    writer.close().unwrap();
}

fn machine_config(spread: i64) -> MachineConfig {
    let params = Params::new()
        .with("qty", 100)
        .with("spread", spread)
        .with("step", 2)
        .with("levels", 3)
        .with("skew", 10)
        .with("position_max", 2_000)
        .with("every", 100_000_000);
    MachineConfig {
        strategies: vec![StrategyConfig {
            name: "maker".to_owned(),
            account: AccountId(0),
            instruments: vec![INSTRUMENT],
            kind: "grid".to_owned(),
            params,
        }],
        limits: RiskLimits {
            orders: OrderLimits {
                qty_max: Lots(1_000),
                value_max: Decimal::from(1_000_000),
                collar_bps: 500,
                position_max: Lots(10_000),
                open_orders_max: 30,
            },
            instruments: Vec::new(),
            open_orders_max: 40,
            messages_per_second: 1_000,
            messages_burst: 500,
            messages_reserved: 100,
            book_age_max_ns: 5 * SECOND,
            ack_timeout_ns: 2 * SECOND,
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

fn plan(spread: i64) -> Plan {
    let amount = |asset, amount| (AssetName::cut(asset), Decimal::from(amount));
    Plan {
        machine: machine_config(spread),
        balances: vec![vec![amount("BTC", 1), amount("USDT", 100_000)]],
        venue: VenuePlan {
            rules: Rules::FAITHFUL,
            queues: QueueChoice::Probable(Share::Power(3.0)),
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
        latencies: Latencies {
            new: Delay::Lognormal(3 * MS, 0.5),
            cancel: Delay::Uniform(MS, 5 * MS),
            back: Delay::Constant(2 * MS),
            ..Latencies::none()
        },
        tick_ns: 100 * MS,
        sample_ns: SECOND,
        from_ns: 0,
    }
}

fn feed(dir: &Path, to_ns: u64) -> Feed {
    let sets = vec![DataSet::open(dir).unwrap()];
    Feed {
        sets,
        instruments: vec![Source {
            set: 0,
            place: 0,
            spec: spec(),
        }],
        shift: Shift::None,
        late_max_ns: SECOND,
        from_ns: 0,
        to_ns,
    }
}

/// Every order and fill, as told.
#[derive(Default)]
struct Kept {
    orders: Vec<OrderRow>,
    fills: Vec<FillRow>,
    samples: Vec<Sample>,
}

impl Observer for Kept {
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

fn run(dir: &Path, plans: Vec<Plan>, to_ns: u64) -> (Vec<Outcome>, Vec<Kept>) {
    let mut kept: Vec<Kept> = plans.iter().map(|_| Kept::default()).collect();
    let backtest = Backtest::new(feed(dir, to_ns), plans, &Registry::standard(), None).unwrap();
    let outcomes = backtest.run(&mut kept, |_| {}).unwrap();
    (outcomes, kept)
}

fn written(seed: u64, steps: u64) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    data_set(&dir, &walk(seed, steps));
    (home, dir)
}

#[test]
fn backtest_is_the_same_every_time_and_whatever_runs_beside_it() {
    // Seed 11.
    let (_home, dir) = written(11, 6_000);
    let (alone, kept) = run(&dir, vec![plan(4)], u64::MAX);
    assert!(alone[0].counts.fills > 50, "{:?}", alone[0].counts);
    let (together, _) = run(&dir, vec![plan(2), plan(4), plan(8)], u64::MAX);
    assert_eq!(alone[0], together[1]);
    assert_ne!(together[0].state_hash, together[2].state_hash);
    let filled: i64 = kept[0].orders.iter().map(|row| row.filled.0).sum();
    let traded: i64 = kept[0].fills.iter().map(|row| row.qty.0).sum();
    assert_eq!(filled, traded);
    assert_eq!(kept[0].fills.len() as u64, alone[0].counts.fills);
    assert_eq!(kept[0].orders.len() as u64, alone[0].counts.orders);
}

#[test]
fn machine_that_follows_shared_depths_is_the_one_with_books_of_its_own() {
    // Seed 11. Books of another width than the first plan's cannot be shared with it.
    let (_home, dir) = written(11, 6_000);
    let mut wide = plan(4);
    wide.machine.book_window_ticks = 1 << 13;
    let (follows, _) = run(&dir, vec![wide.clone()], u64::MAX);
    let (owns, _) = run(&dir, vec![plan(2), wide], u64::MAX);
    assert_eq!(follows[0], owns[1]);
}

#[test]
fn plan_that_errs_is_taken_out_and_the_others_are_none_the_worse() {
    // Seed 11. The second plan's first sale brings more money than a decimal holds.
    let (_home, dir) = written(11, 6_000);
    let (alone, _) = run(&dir, vec![plan(4)], u64::MAX);
    let mut rich = plan(4);
    rich.balances[0][1].1 = Decimal::MAX;
    let plans = vec![plan(2), rich, plan(4)];
    let mut kept: Vec<Kept> = plans.iter().map(|_| Kept::default()).collect();
    let backtest = Backtest::new(feed(&dir, u64::MAX), plans, &Registry::standard(), None);
    let results = backtest.unwrap().run_each(&mut kept, |_| {}).unwrap();
    assert!(results[0].is_ok());
    let error = results[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("the simulated venue: "), "{error}");
    assert!(!kept[1].samples.is_empty());
    assert_eq!(results[2].as_ref().unwrap(), &alone[0]);
}

#[test]
fn backtest_sees_nothing_of_what_comes_later() {
    // Seed 12. What was decided before a cut is the same with the data behind it and without.
    let (_home, dir) = written(12, 4_000);
    let (_, whole) = run(&dir, vec![plan(4)], u64::MAX);
    for cut in [10, 27, 55] {
        let cut_ns = START_NS + cut * SECOND;
        let (_, part) = run(&dir, vec![plan(4)], cut_ns);
        let before = |kept: &Kept| -> Vec<(u64, u64, i64)> {
            let orders = kept.orders.iter();
            let mut rows: Vec<_> = orders
                .filter(|row| row.decided_ns < cut_ns - SECOND)
                .map(|row| (row.decided_ns, row.client_id, row.price.0))
                .collect();
            rows.sort_unstable();
            rows
        };
        let wanted = before(&whole[0]);
        assert!(wanted.len() > 20, "{cut}: {}", wanted.len());
        assert_eq!(before(&part[0]), wanted, "{cut}");
    }
}

#[test]
fn orders_arrive_when_they_would_have_and_are_answered_when_they_could_be() {
    // Seed 13.
    let (_home, dir) = written(13, 3_000);
    let mut plan = plan(4);
    plan.latencies.new = Delay::Constant(40 * MS);
    plan.latencies.back = Delay::Constant(7 * MS);
    let (_, kept) = run(&dir, vec![plan], u64::MAX);
    let arrived = kept[0].orders.iter().filter(|row| row.acked_ns > 0);
    let mut count = 0;
    for row in arrived {
        count += 1;
        assert_eq!(row.arrived_ns, row.decided_ns + 40 * MS);
        assert_eq!(row.acked_ns, row.arrived_ns + 7 * MS);
    }
    assert!(count > 100, "{count}");
    for fill in &kept[0].fills {
        assert!(fill.here_ns >= fill.there_ns + 7 * MS);
    }
}

#[test]
fn machine_and_venue_agree_on_the_money_to_the_last_digit() {
    // Seeds 20 to 23, with an outage, with bans, and without.
    for seed in 20..24 {
        let (_home, dir) = written(seed, 4_000);
        let mut plan = plan(3);
        if seed % 2 == 0 {
            let from_ns = START_NS + 20 * SECOND;
            let to_ns = from_ns + 5 * SECOND;
            plan.venue.outages = vec![Outage { from_ns, to_ns }];
        }
        if seed % 3 == 0 {
            plan.venue.orders_per_10s = 20;
            plan.venue.ban_ns = 3 * SECOND;
        }
        let mut backtest = Backtest::new(
            feed(&dir, u64::MAX),
            vec![plan],
            &Registry::standard(),
            None,
        )
        .unwrap();
        while backtest.turn(&mut [Unobserved]).unwrap() {}
        let (last_ns, common) = (backtest.last_ns, &mut backtest.common);
        let world = &mut backtest.worlds[0];
        world.end(last_ns, common, &mut Unobserved).unwrap();
        assert!(world.counts.fills > 20, "seed {seed}: {:?}", world.counts);
        let ledger = world.machine().portfolio().ledger(AccountId(0)).unwrap();
        for purse in world.purses(0) {
            assert_eq!(ledger.total(&purse.0), purse.1, "seed {seed} {}", purse.0);
        }
        assert!(!world.machine().kill_latched(), "seed {seed}");
    }
}

#[test]
fn journal_of_a_backtest_replays_without_a_difference() {
    // Seed 30.
    let (home, dir) = written(30, 3_000);
    let journal = home.path().join("journal");
    let backtest = Backtest::new(
        feed(&dir, u64::MAX),
        vec![plan(4)],
        &Registry::standard(),
        Some(&journal),
    );
    let outcome = backtest.unwrap().run(&mut [Unobserved], |_| {}).unwrap();
    let registry = Registry::standard();
    let audit = crate::audit(&journal, &registry, 1, None, |_| {}).unwrap();
    assert_eq!(audit.differences, 0);
    assert_eq!(audit.state_hash, outcome[0].state_hash);
    assert_eq!(audit.commands, outcome[0].counts.commands);
}

#[test]
fn range_begins_with_orders_and_not_with_data() {
    // Seed 31. The book is built from the first record on; orders come from the wanted time on.
    let (_home, dir) = written(31, 3_000);
    let from_ns = START_NS + 30 * SECOND;
    let (_, kept) = run(&dir, vec![Plan { from_ns, ..plan(4) }], u64::MAX);
    let first = kept[0].orders.iter().map(|row| row.decided_ns).min();
    let first = first.unwrap();
    assert!(first >= from_ns && first < from_ns + SECOND, "{first}");
}
