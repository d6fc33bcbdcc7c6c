//! What walking forward brought: each window's choice, in the training and behind it, and the
//! tests' profits joined to one curve, as if the choices had been traded one behind the other.

use std::collections::BTreeMap;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use replay::report::{Drawdown, Performance, Series, performance};
use rust_decimal::Decimal;
use serde::Serialize;

use super::item::Item;
use super::plan::Plan;
use super::variants::Variant;
use super::walk::{Walk, Window};
use crate::output::Failure;

/// Points of the joined curve.
const POINTS_MAX: usize = 4_096;
/// Points that the joined ratios are reckoned from.
const PROFITS_MAX: usize = 65_536;

/// One window.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    window: Window,
    /// The test's item.
    item: usize,
    /// What was chosen; empty if nothing was.
    chosen: BTreeMap<String, String>,
    /// The chosen one's metric in the training.
    in_sample: Option<f64>,
    /// Its metric in the test.
    out_of_sample: Option<f64>,
    /// The test's metric over the training's, profit by its time; `None` without a gain in the
    /// training.
    efficiency: Option<f64>,
    /// The test's profit, exact, reporting currency.
    pnl: Option<String>,
    fills: u64,
    /// Why there was no test.
    error: Option<String>,
}

/// See the module's header.
#[derive(Debug, Serialize)]
pub(super) struct Forward {
    anchored: bool,
    windows: Vec<Row>,
    /// The windows' efficiency together.
    efficiency: Option<f64>,
    /// Profit of all tests, exact, reporting currency; `None` if one's is not known.
    pnl: Option<String>,
    performance: Performance,
    /// Milliseconds since the Unix epoch and profit, reporting currency.
    curve: Vec<(u64, f64)>,
    /// What the tests' closed trades brought, one test behind the other.
    #[serde(skip)]
    trades: Vec<f64>,
}

/// The tests' profits one behind the other.
struct Joined {
    points: Series<f64>,
    curve: Series<f64>,
    fall: Drawdown,
    base: f64,
}

impl Joined {
    fn add(&mut self, time_ns: u64, profit: f64) {
        self.points.add(time_ns, profit);
        self.curve.add(time_ns, profit);
        self.fall.add(time_ns, profit);
    }

    fn test(&mut self, test: &Item, end_ns: u64) {
        for (place, profit) in (0_u64..).zip(&test.profits) {
            let after = test.interval_ns.saturating_mul(place);
            // The last point is of the end, whatever is left of its interval.
            let time_ns = test.first_ns.saturating_add(after).min(end_ns);
            self.add(time_ns, self.base + profit);
        }
        self.base += test.metric("pnl").unwrap_or(0.0);
        let profit = self.base;
        self.curve.add(end_ns, profit);
        self.fall.add(end_ns, profit);
    }
}

impl Forward {
    /// Out of the results in `dir`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: one is missing or cannot be read.
    pub(super) fn load(plan: &Plan, walk: &Walk, dir: &Path) -> Result<Self, Failure> {
        let mut rows = Vec::new();
        let mut joined = Joined {
            points: Series::new(PROFITS_MAX),
            curve: Series::new(POINTS_MAX),
            fall: Drawdown::default(),
            base: 0.0,
        };
        let mut pnl = Some(Decimal::ZERO);
        let (mut capital, mut trades) = (None, Vec::new());
        for (number, window) in walk.windows.iter().enumerate() {
            let index = plan.trainings() + number;
            let trained = plan.trained(dir, number)?;
            let chosen = walk.choose(&trained).map(|variant| &trained[variant]);
            let test = Item::load(dir, index)?.ok_or_else(|| {
                Failure::Message(format!(
                    "item {index} is missing; the same command makes it"
                ))
            })?;
            if test.error.is_none() {
                let its = test.pnl.as_ref().and_then(|text| text.parse().ok());
                pnl = pnl.zip(its).and_then(|(sum, its)| sum.checked_add(its));
            }
            capital = capital.or(test.capital);
            joined.test(&test, window.test_to);
            trades.extend_from_slice(&test.trades);
            rows.push(row(*window, chosen, test, &walk.metric));
        }
        let points = joined.points.points();
        let performance = performance(points, Some(joined.base), capital, joined.fall);
        Ok(Self {
            anchored: walk.anchored,
            efficiency: together(&rows, &walk.metric),
            windows: rows,
            pnl: pnl.map(|pnl| pnl.normalize().to_string()),
            performance,
            curve: joined
                .curve
                .points()
                .iter()
                .map(|(time_ns, profit)| (time_ns / 1_000_000, *profit))
                .collect(),
            trades,
        })
    }

    /// What the tests' closed trades brought, one test behind the other.
    pub(super) fn trades(&self) -> &[f64] {
        &self.trades
    }

    /// What the last window chose, by its number among the variants.
    pub(super) fn last_chosen(&self, plan: &Plan) -> Option<usize> {
        let chosen = &self.windows.last()?.chosen;
        let same = |variant: &Variant| {
            let mut values = variant.iter();
            values.all(|(path, value)| chosen.get(path) == Some(value))
        };
        plan.variants.iter().position(same)
    }

    /// What it says, for a person.
    pub(super) fn words(&self, metric: &str) -> Vec<String> {
        let mut words = vec![format!(
            "out of sample  pnl {} over {} windows; drawdown {:.4}",
            self.pnl.as_deref().unwrap_or("unknown"),
            self.windows.len(),
            self.performance.max_drawdown
        )];
        if let Some(sharpe) = self.performance.sharpe {
            words.push(format!("sharpe         {sharpe:.2} a year, out of sample"));
        }
        words.push(match self.efficiency {
            Some(efficiency) => format!(
                "efficiency     {:.1} %: {metric} out of sample over {metric} in sample",
                efficiency * 100.0
            ),
            None => format!("efficiency     none: no gain of {metric} in the trainings"),
        });
        words
    }

    /// The windows, by time.
    pub(super) fn table(&self, plan: &Plan, metric: &str) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut head: Vec<String> = vec!["window".to_owned()];
        head.extend(plan.settings.iter().map(|one| one.path.clone()));
        head.push(format!("{metric} in"));
        head.extend([format!("{metric} out"), "efficiency".to_owned()]);
        head.extend(["pnl out", "fills"].map(str::to_owned));
        table.set_header(head);
        let float =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        for (number, row) in self.windows.iter().enumerate() {
            let mut cells = vec![number.to_string()];
            let values = plan.settings.iter();
            let dash = || "-".to_owned();
            cells.extend(values.map(|one| row.chosen.get(&one.path).cloned().unwrap_or_else(dash)));
            cells.extend([
                float(row.in_sample),
                float(row.out_of_sample),
                float(row.efficiency),
                row.pnl.clone().unwrap_or_else(dash),
                row.fills.to_string(),
            ]);
            table.add_row(cells);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// Whether a metric grows with the time that it is taken over.
fn grows(metric: &str) -> bool {
    metric == "pnl"
}

fn row(window: Window, chosen: Option<&Item>, test: Item, metric: &str) -> Row {
    let in_sample = chosen.and_then(|item| item.metric(metric));
    let out_of_sample = test.metric(metric);
    let (train, test_time) = times(&window, metric);
    let efficiency = in_sample
        .zip(out_of_sample)
        .and_then(|(inside, outside)| ratio(outside / test_time, inside / train));
    Row {
        window,
        item: test.index,
        chosen: chosen.map(|item| item.settings.clone()).unwrap_or_default(),
        in_sample,
        out_of_sample,
        efficiency,
        pnl: test.pnl,
        fills: test.fills,
        error: test.error,
    }
}

/// By what a training's and a test's metric are divided.
fn times(window: &Window, metric: &str) -> (f64, f64) {
    if !grows(metric) {
        return (1.0, 1.0);
    }
    let train = window.test_from.saturating_sub(window.train_from);
    let test = window.test_to.saturating_sub(window.test_from);
    (train as f64, test as f64)
}

fn ratio(outside: f64, inside: f64) -> Option<f64> {
    (inside > 0.0).then(|| outside / inside)
}

/// Sums over the windows that have both; of profits by their time, of ratios as they are.
fn together(rows: &[Row], metric: &str) -> Option<f64> {
    let (mut inside, mut outside) = (0.0, 0.0);
    let (mut trains, mut tests) = (0.0, 0.0);
    for row in rows {
        let (Some(its_inside), Some(its_outside)) = (row.in_sample, row.out_of_sample) else {
            continue;
        };
        inside += its_inside;
        outside += its_outside;
        let (train, test) = times(&row.window, metric);
        trains += train;
        tests += test;
    }
    (trains > 0.0 && tests > 0.0)
        .then(|| ratio(outside / tests, inside / trains))
        .flatten()
}
