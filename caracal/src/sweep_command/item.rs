//! Running variants: many in one pass over the data, each one's result written as it ends.

use std::collections::BTreeMap;
use std::path::Path;

use engine::strategy::Registry;
use replay::backtest::{Backtest, FillRow, Observer, OrderRow, Outcome, Sample, Shift};
use replay::report::{Collector, Performance, Trading};
use replay::search::Trades;
use serde::{Deserialize, Serialize};

use super::plan::{Plan, Task};
use super::variants::applied;
use crate::backtest_command::{Prepared, Wanted, collector, prepare, whole};
use crate::config::BacktestConfig;
use crate::output::{Failure, hex};

/// What one variant brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    /// Its number; see [`Task::index`].
    pub(super) index: usize,
    /// Its values by path.
    pub(super) settings: BTreeMap<String, String>,
    /// Why it came to nothing; `None` if it ran.
    pub(super) error: Option<String>,
    /// Profit after fees and funding, exact, reporting currency.
    pub(super) pnl: Option<String>,
    /// Fees, exact.
    pub(super) fees: String,
    /// See `caracal backtest`.
    pub(super) sharpe: Option<f64>,
    /// See `caracal backtest`.
    pub(super) sortino: Option<f64>,
    /// See `caracal backtest`.
    pub(super) calmar: Option<f64>,
    /// Largest drawdown, reporting currency.
    pub(super) max_drawdown: f64,
    /// Value traded.
    pub(super) turnover: f64,
    /// Orders.
    pub(super) orders: u64,
    /// Fills.
    pub(super) fills: u64,
    /// Part of the turnover that was made.
    pub(super) maker_share: Option<f64>,
    /// State hash behind the last event.
    pub(super) state_hash: String,
    /// What the accounts were worth at the start, reporting currency.
    pub(super) capital: Option<f64>,
    /// Time of the first point of `profits`, nanoseconds since the Unix epoch.
    pub(super) first_ns: u64,
    /// Time between two points of `profits`, nanoseconds.
    pub(super) interval_ns: u64,
    /// Profit at even intervals, at most 4,096 points.
    pub(super) profits: Vec<f64>,
    /// Every statistic of the report that is one number, by its name there; a truth is 1 or 0.
    pub(super) statistics: BTreeMap<String, f64>,
    /// Round trips.
    pub(super) round_trips: u64,
    /// What they brought; see [`Trades::profits`].
    pub(super) trades: Vec<f64>,
}

/// What is looked at in one backtest.
struct Watch {
    collector: Collector,
    trades: Trades,
}

impl Observer for Watch {
    fn order(&mut self, row: &OrderRow) {
        self.collector.order(row);
    }

    fn fill(&mut self, row: &FillRow) {
        self.collector.fill(row);
        self.trades.fill(row);
    }

    fn sample(&mut self, sample: &Sample) {
        self.collector.sample(sample);
    }
}

impl Item {
    fn failed(plan: &Plan, task: Task, error: String) -> Self {
        Self {
            index: task.index,
            settings: settings(plan, task),
            error: Some(error),
            pnl: None,
            fees: "0".to_owned(),
            sharpe: None,
            sortino: None,
            calmar: None,
            max_drawdown: 0.0,
            turnover: 0.0,
            orders: 0,
            fills: 0,
            maker_share: None,
            state_hash: String::new(),
            capital: None,
            first_ns: 0,
            interval_ns: 0,
            profits: Vec::new(),
            statistics: BTreeMap::new(),
            round_trips: 0,
            trades: Vec::new(),
        }
    }

    fn of(plan: &Plan, task: Task, outcome: &Outcome, watch: &Watch) -> Self {
        let collector = &watch.collector;
        let performance = collector.performance();
        let trading = collector.trading();
        let points = collector.points();
        let time = |place: usize| points.get(place).map_or(0, |(time_ns, _)| *time_ns);
        Self {
            index: task.index,
            settings: settings(plan, task),
            error: None,
            pnl: outcome.profit.map(|profit| profit.normalize().to_string()),
            fees: outcome.fees.normalize().to_string(),
            sharpe: performance.sharpe,
            sortino: performance.sortino,
            calmar: performance.calmar,
            max_drawdown: performance.max_drawdown,
            turnover: trading.turnover,
            orders: outcome.counts.orders,
            fills: outcome.counts.fills,
            maker_share: trading.maker_share,
            state_hash: hex(&outcome.state_hash),
            capital: performance.capital,
            first_ns: time(0),
            interval_ns: time(1).saturating_sub(time(0)),
            profits: points.iter().map(|(_, point)| point.profit).collect(),
            statistics: statistics(&performance, &trading),
            round_trips: watch.trades.count(),
            trades: watch.trades.profits().to_vec(),
        }
    }

    /// The number by which variants are compared.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        match name {
            "sharpe" => self.sharpe,
            "sortino" => self.sortino,
            "calmar" => self.calmar,
            _ => self.pnl.as_ref()?.parse().ok(),
        }
    }

    /// The result in `dir`, if it is there.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it is there and cannot be read.
    pub(super) fn load(dir: &Path, index: usize) -> Result<Option<Self>, Failure> {
        let path = Plan::items(dir).join(Plan::item(index));
        if !path.exists() {
            return Ok(None);
        }
        let place = path.display().to_string();
        let text =
            std::fs::read_to_string(&path).map_err(|error| Failure::while_doing(&place, error))?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Failure::while_doing(&format!("{place}: remove it"), error))
    }

    fn save(&self, dir: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(Failure::because)?;
        whole(&Plan::items(dir), &Plan::item(self.index), &text)
    }
}

/// The numbers of a report, by their names; orders by their end as `ended_` and the end's name.
fn statistics(performance: &Performance, trading: &Trading) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let values = [
        serde_json::to_value(performance),
        serde_json::to_value(trading),
    ];
    for value in values.into_iter().flatten() {
        for (name, value) in value.as_object().into_iter().flatten() {
            let truth = value.as_bool().map(|truth| f64::from(u8::from(truth)));
            if let Some(number) = value.as_f64().or(truth) {
                all.insert(name.clone(), number);
            }
        }
    }
    let ends = trading.ends.iter();
    all.extend(ends.map(|(name, count)| (format!("ended_{name}"), *count as f64)));
    all
}

fn settings(plan: &Plan, task: Task) -> BTreeMap<String, String> {
    let variant = task.variant.and_then(|variant| plan.variants.get(variant));
    variant.into_iter().flatten().cloned().collect()
}

/// A backtest that is ready to run.
pub(super) struct Ready {
    /// What it is made of.
    pub(super) prepared: Prepared,
    watch: Watch,
}

/// Makes a backtest ready.
///
/// # Errors
///
/// [`Failure`]: no variant, or one that cannot be run.
pub(super) fn ready(plan: &Plan, task: Task, registry: &Registry) -> Result<Ready, Failure> {
    let Some(variant) = task.variant.and_then(|variant| plan.variants.get(variant)) else {
        let metric = plan.walk.as_ref().map_or("", |walk| walk.metric.as_str());
        return Err(Failure::Message(format!(
            "nothing was chosen: no variant of the training has a {metric}"
        )));
    };
    let text = applied(&plan.text, variant)?;
    let config = BacktestConfig::parse(&plan.config, &text, registry).map_err(Failure::because)?;
    let wanted = Wanted {
        path: &plan.config,
        data: &plan.data,
        from: task.from,
        to: task.to,
        found: Some(Shift::By(plan.shift_ns)),
    };
    let prepared = prepare(wanted, &config)?;
    let watch = Watch {
        collector: collector(&config, &prepared.specs),
        trades: Trades::new(&prepared.specs),
    };
    Ok(Ready { prepared, watch })
}

/// Checks that every variant can be run, before any is.
///
/// # Errors
///
/// [`Failure`]: the first one that cannot, with its values.
pub(super) fn check(plan: &Plan, registry: &Registry) -> Result<(), Failure> {
    for variant in &plan.variants {
        let text = applied(&plan.text, variant)?;
        let config = BacktestConfig::parse(&plan.config, &text, registry);
        config.map_err(|error| {
            let values: Vec<String> = variant
                .iter()
                .map(|(path, value)| format!("{path}={value}"))
                .collect();
            Failure::Message(format!("with {}: {error}", values.join(" ")))
        })?;
    }
    Ok(())
}

/// What a sweep's backtests have in common, as the first variant says.
pub(super) struct Common {
    /// How the recorder's clock is moved, nanoseconds.
    pub(super) shift_ns: i64,
    /// The reporting currency.
    pub(super) currency: String,
}

/// # Errors
///
/// [`Failure`]: the first variant cannot be run.
pub(super) fn common(plan: &Plan, registry: &Registry) -> Result<Common, Failure> {
    let none = Vec::new();
    let variant = plan.variants.first().unwrap_or(&none);
    let text = applied(&plan.text, variant)?;
    let config = BacktestConfig::parse(&plan.config, &text, registry).map_err(Failure::because)?;
    Ok(Common {
        shift_ns: match config.backtest.shift {
            None => plan.shift_ns,
            Some(Shift::None) => 0,
            Some(Shift::By(ns)) => ns,
        },
        currency: config.machine.reporting,
    })
}

/// Runs these in one pass over the data, which is the same for all, and keeps their results;
/// `progress` hears how many market records were read. One that errs keeps its error as its
/// result, and the others go on without it.
///
/// # Errors
///
/// [`Failure`]: the data cannot be read, or a result cannot be written.
pub(super) fn run(
    plan: &Plan,
    dir: &Path,
    tasks: &[Task],
    registry: &Registry,
    progress: &impl Fn(u64),
) -> Result<(), Failure> {
    let mut feed = None;
    let (mut plans, mut watches, mut ran) = (Vec::new(), Vec::new(), Vec::new());
    for task in tasks {
        match ready(plan, *task, registry) {
            Ok(one) => {
                feed.get_or_insert(one.prepared.feed);
                plans.push(one.prepared.plan);
                watches.push(one.watch);
                ran.push(*task);
            }
            Err(error) => Item::failed(plan, *task, error.to_string()).save(dir)?,
        }
    }
    let Some(feed) = feed else {
        return Ok(());
    };
    let backtest = Backtest::new(feed, plans, registry, None).map_err(Failure::because)?;
    let outcomes = backtest
        .run_each(&mut watches, progress)
        .map_err(Failure::because)?;
    let results = ran.into_iter().zip(outcomes.into_iter().zip(&watches));
    for (task, (outcome, watch)) in results {
        let item = match outcome {
            Ok(outcome) => Item::of(plan, task, &outcome, watch),
            Err(error) => Item::failed(plan, task, error.to_string()),
        };
        item.save(dir)?;
    }
    Ok(())
}
