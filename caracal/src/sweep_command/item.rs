//! Running variants: many in one pass over the data, each one's result written as it ends.

use std::collections::BTreeMap;
use std::path::Path;

use engine::strategy::Registry;
use replay::backtest::{Backtest, Shift};
use replay::report::Collector;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::variants::applied;
use crate::backtest_command::{Prepared, Wanted, collector, prepare, whole};
use crate::config::BacktestConfig;
use crate::output::{Failure, hex};

/// What one variant brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    /// Its number.
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
    /// Profit at even intervals, at most 4,096 points.
    pub(super) profits: Vec<f64>,
}

impl Item {
    fn failed(plan: &Plan, index: usize, error: String) -> Self {
        Self {
            index,
            settings: plan.variants[index].iter().cloned().collect(),
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
            profits: Vec::new(),
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

/// A variant that is ready to run.
struct Ready {
    index: usize,
    prepared: Prepared,
    collector: Collector,
}

fn ready(plan: &Plan, index: usize, registry: &Registry) -> Result<Ready, Failure> {
    let text = applied(&plan.text, &plan.variants[index])?;
    let config = BacktestConfig::parse(&plan.config, &text, registry).map_err(Failure::because)?;
    let wanted = Wanted {
        path: &plan.config,
        data: &plan.data,
        from: plan.from,
        to: plan.to,
        found: Some(Shift::By(plan.shift_ns)),
    };
    let prepared = prepare(wanted, &config)?;
    let collector = collector(&config, &prepared.specs);
    Ok(Ready {
        index,
        prepared,
        collector,
    })
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

/// Runs these variants in one pass over the data and keeps their results; `progress` hears how many
/// market records were read. If one of them stops the pass, each is run by itself, so that the
/// others are none the worse.
///
/// # Errors
///
/// [`Failure`]: a result cannot be written.
pub(super) fn run(
    plan: &Plan,
    dir: &Path,
    indexes: &[usize],
    registry: &Registry,
    progress: &(impl Fn(u64) + Sync),
) -> Result<(), Failure> {
    match pass(plan, indexes, registry, progress) {
        Ok(items) => items.iter().try_for_each(|item| item.save(dir)),
        Err(error) => match indexes {
            [one] => Item::failed(plan, *one, error.to_string()).save(dir),
            several => several
                .iter()
                .try_for_each(|one| run(plan, dir, &[*one], registry, progress)),
        },
    }
}

fn pass(
    plan: &Plan,
    indexes: &[usize],
    registry: &Registry,
    progress: &impl Fn(u64),
) -> Result<Vec<Item>, Failure> {
    let all: Result<Vec<Ready>, Failure> = indexes
        .iter()
        .map(|index| ready(plan, *index, registry))
        .collect();
    let mut feed = None;
    let (mut plans, mut collectors, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for one in all? {
        feed.get_or_insert(one.prepared.feed);
        plans.push(one.prepared.plan);
        collectors.push(one.collector);
        numbers.push(one.index);
    }
    let Some(feed) = feed else {
        return Ok(Vec::new());
    };
    let backtest = Backtest::new(feed, plans, registry, None).map_err(Failure::because)?;
    let outcomes = backtest
        .run(&mut collectors, progress)
        .map_err(Failure::because)?;
    let results = numbers.iter().zip(outcomes.iter().zip(&collectors));
    let items = results.map(|(index, (outcome, collector))| {
        let performance = collector.performance();
        let trading = collector.trading();
        Item {
            index: *index,
            settings: plan.variants[*index].iter().cloned().collect(),
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
            profits: collector
                .points()
                .iter()
                .map(|(_, point)| point.profit)
                .collect(),
        }
    });
    Ok(items.collect())
}
