//! A sweep's results: the table on the screen, and the files of the whole.

use comfy_table::{CellAlignment, Table, presets};
use engine::strategy::Registry;
use replay::search::{
    Deflated, RealityCheck, Shuffled, changes, deflated_sharpe, reality_check, shuffled_drawdowns,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::args::SweepArgs;
use super::columns;
use super::forward::Forward;
use super::item::{Item, common};
use super::lookahead::{self, Checked};
use super::page;
use super::plan::Plan;
use crate::backtest_command::whole;
use crate::output::{Failure, say};

/// Rows of the table on the screen.
const ROWS_MAX: usize = 20;

/// Reads all results, writes `results.json`, `results.parquet` and `sweep.html`, and prints the
/// table.
///
/// # Errors
///
/// [`Failure`]: a result is missing or cannot be read, or the disk; [`Failure::Recorded`] if not
/// one variant ran.
pub(super) fn finish(plan: &Plan, args: &SweepArgs, registry: &Registry) -> Result<(), Failure> {
    let items = load(plan, args)?;
    let metric = args.metric.as_str();
    let forward = match &plan.walk {
        Some(walk) => Some(Forward::load(plan, walk, &args.out)?),
        None => None,
    };
    // Trainings overlap, and what is behind them says more than any reckoning on them.
    let overfit = match &forward {
        Some(forward) => overfit(&[], forward.trades()),
        None => overfit(&items, items.first().map_or(&[], |best| &best.trades)),
    };
    let failed = items.iter().filter(|item| item.error.is_some()).count();
    let none_ran = failed == items.len();
    let checked = if none_ran {
        Ok(None)
    } else {
        check(plan, args, &items, forward.as_ref(), registry)
    };
    let value = json!({
        "form": 2,
        "metric": metric,
        "variants": plan.variants.len(),
        "failed": failed,
        "settings": plan.settings,
        "overfit": overfit,
        "walk_forward": forward,
        "lookahead": checked.as_ref().ok(),
        "items": items,
    });
    write(plan, args, &items, &value, registry)?;
    if let Some(error) = items.first().and_then(|item| item.error.as_ref())
        && none_ran
    {
        return Err(Failure::Recorded(format!(
            "not one variant ran; the first: {error}"
        )));
    }
    let checked = checked?;
    let report = args.out.join("sweep.html").display().to_string();
    if args.json {
        let best = items.first().filter(|item| item.error.is_none());
        say(&json!({
            "variants": plan.variants.len(),
            "failed": failed,
            "metric": metric,
            "best": best.map(|item| &item.settings),
            "best_value": best.and_then(|item| item.metric(metric)),
            "walk_forward": forward,
            "lookahead": checked,
            "report": report,
        })
        .to_string())?;
    } else {
        match &forward {
            Some(forward) => {
                say(&forward.table(plan, metric))?;
                say("")?;
                let words = forward.words(metric).into_iter().chain(overfit.words());
                words.into_iter().try_for_each(|line| say(&line))?;
            }
            None => tell(plan, &items, &overfit)?,
        }
        let words = checked.as_ref().map(Checked::words).unwrap_or_default();
        words.iter().try_for_each(|line| say(line))?;
        say(&format!("report         {report}"))?;
    }
    checked.map_or(Ok(()), |checked| checked.verdict())
}

/// Writes the files of the whole.
fn write(
    plan: &Plan,
    args: &SweepArgs,
    items: &[Item],
    value: &Value,
    registry: &Registry,
) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::because)?;
    let page = page::page(plan, &args.metric, value)?;
    let mut rows = items.to_vec();
    for index in plan.trainings()..plan.count() {
        rows.extend(Item::load(&args.out, index)?);
    }
    rows.sort_by_key(|item| item.index);
    let currency = common(plan, registry)?.currency;
    let kept = |error| {
        let kept = "every result is kept, but not the report; the same command writes it";
        Failure::while_doing(kept, error)
    };
    whole(&args.out, "results.json", text).map_err(kept)?;
    columns::write(plan, &rows, &currency, &args.out).map_err(kept)?;
    whole(&args.out, "sweep.html", page).map_err(kept)?;
    Ok(())
}

/// The check for a look ahead, if it is asked for.
fn check(
    plan: &Plan,
    args: &SweepArgs,
    items: &[Item],
    forward: Option<&Forward>,
    registry: &Registry,
) -> Result<Option<Checked>, Failure> {
    let Some(count) = args.check_lookahead else {
        return Ok(None);
    };
    let chosen = match forward {
        Some(forward) => forward.last_chosen(plan),
        None => items.first().map(|item| item.index),
    };
    let Some(variant) = chosen else {
        return Err(Failure::Message(
            "--check-lookahead: the last window chose nothing".to_owned(),
        ));
    };
    lookahead::check(plan, variant, count, args.seed, registry).map(Some)
}

/// The results, the best one first; walking forward, the trainings'.
fn load(plan: &Plan, args: &SweepArgs) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    for index in 0..plan.trainings() {
        match Item::load(&args.out, index)? {
            Some(item) => items.push(item),
            None => {
                return Err(Failure::Message(format!(
                    "item {index} is missing; the same command makes it"
                )));
            }
        }
    }
    let metric = args.metric.as_str();
    items.sort_by(|one, other| {
        let key = |item: &Item| item.metric(metric).unwrap_or(f64::NEG_INFINITY);
        key(other)
            .total_cmp(&key(one))
            .then(one.index.cmp(&other.index))
    });
    Ok(items)
}

fn tell(plan: &Plan, items: &[Item], overfit: &Overfit) -> Result<(), Failure> {
    say(&table(plan, items))?;
    if items.len() > ROWS_MAX {
        say(&format!("and {} more", items.len() - ROWS_MAX))?;
    }
    for item in items.iter().filter(|item| item.error.is_some()).take(3) {
        let error = item.error.as_deref().unwrap_or("");
        say(&format!("failed: item {}: {error}", item.index))?;
    }
    say("")?;
    overfit.words().iter().try_for_each(|line| say(line))
}

/// Whether the best is any good, or only the luckiest: see `replay::search`.
#[derive(Debug, Serialize)]
struct Overfit {
    deflated: Option<Deflated>,
    reality_check: Option<RealityCheck>,
    drawdowns: Option<Shuffled>,
}

/// Seed of what is drawn.
const SEED: u64 = 1;
/// Draws: as many as are quick, within these.
const DRAWS: std::ops::RangeInclusive<u64> = 100..=1_000;
/// Additions that are quick.
const QUICK: u64 = 200_000_000;

/// Of the variants that ran, the best one first, and of what the chosen one's trades brought.
fn overfit(items: &[Item], trades: &[f64]) -> Overfit {
    let ran = items.iter().filter(|item| item.error.is_none());
    let all: Vec<Vec<f64>> = ran.map(|item| changes(&item.profits)).collect();
    let points: u64 = all.iter().map(|one| one.len() as u64).sum();
    let draws = (QUICK / points.max(1)).clamp(*DRAWS.start(), *DRAWS.end());
    let draws = u32::try_from(draws).unwrap_or(u32::MAX);
    let several = all.len() > 1;
    Overfit {
        deflated: deflated_sharpe(&all),
        reality_check: several.then(|| reality_check(&all, draws, SEED)).flatten(),
        drawdowns: shuffled_drawdowns(trades, 1_000, SEED),
    }
}

impl Overfit {
    /// What it says, for a person.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(deflated) = self.deflated {
            words.push(format!(
                "deflated       {:.1} % likely that the best Sharpe ratio is better than the \
                 luckiest of {} without skill",
                deflated.probability * 100.0,
                deflated.trials
            ));
        }
        if let Some(check) = self.reality_check {
            words.push(format!(
                "reality check  p = {:.3}: that often the best of variants that earn nothing does \
                 as well ({} draws, seed {})",
                check.p_value, check.draws, check.seed
            ));
        }
        if let Some(falls) = self.drawdowns {
            words.push(format!(
                "drawdown       {:.4} over {} closed trades; in another order of them {:.4} in the \
                 middle, {:.4} in one of 20",
                falls.seen, falls.trades, falls.median, falls.p95
            ));
        }
        words
    }
}

/// The best ones first.
fn table(plan: &Plan, items: &[Item]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut head: Vec<String> = vec!["item".to_owned()];
    head.extend(plan.settings.iter().map(|one| one.path.clone()));
    let numbers = ["pnl", "fees", "sharpe", "drawdown", "orders", "fills"];
    head.extend(numbers.map(str::to_owned));
    table.set_header(head);
    for item in items.iter().take(ROWS_MAX) {
        let mut row = vec![item.index.to_string()];
        let values = plan.settings.iter();
        row.extend(values.map(|one| item.settings.get(&one.path).cloned().unwrap_or_default()));
        let float =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        row.extend([
            item.pnl.clone().unwrap_or("-".to_owned()),
            item.fees.clone(),
            float(item.sharpe),
            format!("{:.4}", item.max_drawdown),
            item.orders.to_string(),
            item.fills.to_string(),
        ]);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
