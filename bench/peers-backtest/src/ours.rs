//! Our side: a backtest of the grid strategy, what it decided, and what came of it. One thread.

use std::collections::BTreeMap;
use std::path::Path;

use engine::machine::{
    AccountConfig, ControlConfig, FlowRules, MachineConfig, OrderLimits, Protection, RiskLimits,
    StrategyConfig,
};
use engine::strategy::{Params, Registry};
use journal::Reader;
use model::body::{AssetName, Side};
use model::command::{CommandView, command};
use model::event::{self, Event, View};
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::Lots;
use model::record::Kind;
use replay::backtest::{
    Backtest, DataSet, Delay, FeeTier, Feed, FillRow, Latencies, Observer, OrderEnd, OrderRow,
    Outcome, Plan, QueueChoice, Rules, Shift, Source, Unobserved, VenuePlan,
};
use rust_decimal::Decimal;

use crate::data::Failure;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// What the grid of both sides does, in ticks and lots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) qty: i64,
    pub(crate) spread: i64,
    pub(crate) step: i64,
    pub(crate) levels: i64,
    pub(crate) skew: i64,
    pub(crate) position_max: i64,
    pub(crate) every_ns: u64,
}

/// One way each, nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) there_ns: u64,
    pub(crate) back_ns: u64,
}

/// What is decided, at our time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decision {
    New {
        at_ns: u64,
        id: u64,
        side: Side,
        price: i64,
        qty: i64,
    },
    Cancel {
        at_ns: u64,
        id: u64,
    },
}

/// A fill at our time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fill {
    pub(crate) here_ns: u64,
    pub(crate) price: i64,
    pub(crate) qty: i64,
}

/// What became of one order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) fills: Vec<Fill>,
    /// Whether the venue refused it.
    pub(crate) refused: bool,
}

/// What a run came to, by order.
pub(crate) type Fates = BTreeMap<u64, Fate>;

/// The plan of a backtest with the grid.
pub(crate) fn plan(
    spec: &InstrumentSpec,
    grid: Grid,
    delays: Delays,
    queue: QueueChoice,
    rules: Rules,
) -> Plan {
    let amount = |asset: &str, amount| (AssetName::cut(asset), Decimal::from(amount));
    let constant = Delay::Constant;
    Plan {
        machine: machine(grid),
        balances: vec![vec![
            amount(&spec.base, 1_000),
            amount(&spec.quote, 100_000_000),
        ]],
        venue: VenuePlan {
            rules,
            queues: queue,
            tiers: vec![FeeTier {
                volume_from: Decimal::ZERO,
                maker: Decimal::ZERO,
                taker: Decimal::new(4, 4),
            }],
            leverage: Decimal::TEN,
            orders_per_10s: 0,
            ban_ns: 0,
            outages: Vec::new(),
        },
        latencies: Latencies {
            new: constant(delays.there_ns),
            amend: constant(delays.there_ns),
            cancel: constant(delays.there_ns),
            back: constant(delays.back_ns),
            ..Latencies::none()
        },
        tick_ns: 100 * MS,
        sample_ns: SECOND,
        from_ns: 0,
    }
}

fn machine(grid: Grid) -> MachineConfig {
    let every = i64::try_from(grid.every_ns).unwrap_or(i64::MAX);
    let params = Params::new()
        .with("qty", grid.qty)
        .with("spread", grid.spread)
        .with("step", grid.step)
        .with("levels", grid.levels)
        .with("skew", grid.skew)
        .with("position_max", grid.position_max)
        .with("every", every);
    MachineConfig {
        strategies: vec![StrategyConfig {
            name: "maker".to_owned(),
            account: AccountId(0),
            instruments: vec![InstrumentId(0)],
            kind: "grid".to_owned(),
            params,
        }],
        limits: RiskLimits {
            orders: OrderLimits {
                qty_max: Lots(grid.qty),
                value_max: Decimal::from(100_000_000),
                collar_bps: 500,
                position_max: Lots(grid.position_max * 4),
                open_orders_max: 60,
            },
            instruments: Vec::new(),
            open_orders_max: 60,
            messages_per_second: 10_000,
            messages_burst: 10_000,
            messages_reserved: 100,
            book_age_max_ns: 60 * SECOND,
            ack_timeout_ns: 60 * SECOND,
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
        book_window_ticks: 1 << 17,
        control: ControlConfig {
            persons: vec!["anna".to_owned(), "boris".to_owned()],
            proposal_life_ns: 60 * SECOND,
            ..ControlConfig::default()
        },
    }
}

fn feed(data: &Path, shift: Shift) -> Result<Feed, Failure> {
    let set = DataSet::open(data)?;
    let spec = InstrumentSpec {
        id: InstrumentId(0),
        venue: VenueId(0),
        ..set.instruments()[0].clone()
    };
    Ok(Feed {
        sets: vec![set],
        instruments: vec![Source {
            set: 0,
            place: 0,
            spec,
        }],
        shift,
        late_max_ns: 2 * SECOND,
        from_ns: 0,
        to_ns: u64::MAX,
    })
}

/// Runs without looking; what is measured.
pub(crate) fn run(data: &Path, shift: Shift, plans: Vec<Plan>) -> Result<Vec<Outcome>, Failure> {
    let mut observers = vec![Unobserved; plans.len()];
    let backtest = Backtest::new(feed(data, shift)?, plans, &Registry::standard(), None)?;
    Ok(backtest.run(&mut observers, |_| {})?)
}

#[derive(Default)]
struct Kept(Fates);

impl Observer for Kept {
    fn order(&mut self, row: &OrderRow) {
        let fate = self.0.entry(row.client_id).or_default();
        fate.refused = row.end == OrderEnd::Rejected;
    }

    fn fill(&mut self, row: &FillRow) {
        self.0.entry(row.client_id).or_default().fills.push(Fill {
            here_ns: row.here_ns,
            price: row.price.0,
            qty: row.qty.0,
        });
    }
}

/// Runs and tells what was decided and what came of each order; with the time of the end.
pub(crate) fn watch(
    data: &Path,
    shift: Shift,
    plan: Plan,
) -> Result<(Vec<Decision>, Fates, Outcome), Failure> {
    let home = tempfile::tempdir()?;
    let log = home.path().join("journal");
    let mut kept = [Kept::default()];
    let registry = Registry::standard();
    let backtest = Backtest::new(feed(data, shift)?, vec![plan], &registry, Some(&log))?;
    let outcome = backtest.run(&mut kept, |_| {})?.remove(0);
    if outcome.late + outcome.malformed > 0 {
        return Err("records that are late or make no sense: the times would differ".into());
    }
    let [Kept(fates)] = kept;
    Ok((decisions(&log)?, fates, outcome))
}

/// Every order and cancel that left, from the backtest's journal.
fn decisions(log: &Path) -> Result<Vec<Decision>, Failure> {
    let mut reader = Reader::open(log)?;
    let mut all: Vec<Decision> = Vec::new();
    let mut at_ns = 0;
    while let Some(record) = reader.next()? {
        if !record.kind().is_some_and(Kind::is_command) {
            at_ns = record.time_ns;
            if let Ok(View::Event(Event::SendFailed(failed))) = event::view(record) {
                let id = failed.client_id;
                let of =
                    |one: &Decision| matches!(one, Decision::New { id: new, .. } if *new == id);
                all.retain(|one| !of(one));
            }
            continue;
        }
        match command(record)? {
            CommandView::NewOrder(new) => all.push(Decision::New {
                at_ns,
                id: new.client_id,
                side: new.side,
                price: new.price.0,
                qty: new.qty.0,
            }),
            CommandView::CancelOrder(cancel) => all.push(Decision::Cancel {
                at_ns,
                id: cancel.client_id,
            }),
            CommandView::QueryOpenOrders(_) | CommandView::Latch(_) => {}
            other => return Err(format!("the grid was not to decide this: {other:?}").into()),
        }
    }
    Ok(all)
}
