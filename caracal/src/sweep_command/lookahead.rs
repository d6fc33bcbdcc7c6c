//! `--check-lookahead`: the best variant over all data, and over data that ends at random times;
//! what was decided before such an end must be the same.

use engine::strategy::Registry;
use replay::backtest::{Backtest, BacktestError};
use replay::search::{Decisions, cuts};
use serde::Serialize;

use super::item::{common, ready};
use super::plan::{Plan, Task};
use crate::output::Failure;
use crate::replay_command::progress_bar;

/// One cut.
#[derive(Debug, Serialize)]
struct Cut {
    /// Nanoseconds since the Unix epoch.
    at_ns: u64,
    /// Seconds behind the first time for orders.
    after_s: f64,
    /// Orders before it that are the same in both; `None` if one is not.
    same: Option<usize>,
    /// The first order that is not.
    difference: Option<String>,
}

/// What the check found.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    /// The variant, by its number.
    variant: usize,
    seed: u64,
    cuts: Vec<Cut>,
    /// Records of the data that came later than `late_max`.
    late: u64,
}

struct Run {
    decisions: Decisions,
    late: u64,
    late_max_ns: u64,
}

fn run(
    plan: &Plan,
    task: Task,
    registry: &Registry,
    progress: impl FnMut(u64),
) -> Result<Run, Failure> {
    let prepared = ready(plan, task, registry)?.prepared;
    let late_max_ns = prepared.feed.late_max_ns;
    let mut seen = [Decisions::default()];
    let failed = |error: BacktestError| Failure::while_doing("--check-lookahead", error);
    let backtest =
        Backtest::new(prepared.feed, vec![prepared.plan], registry, None).map_err(failed)?;
    let outcomes = backtest.run(&mut seen, progress).map_err(failed)?;
    let [decisions] = seen;
    Ok(Run {
        decisions,
        late: outcomes.iter().map(|outcome| outcome.late).sum(),
        late_max_ns,
    })
}

/// Checks a variant at `count` times that the seed draws. The data behind a cut is left out from
/// `late_max` on, for what happened before the cut may be heard that much later.
///
/// # Errors
///
/// [`Failure`]: the variant errs, or the data is too short or cannot be read.
pub(super) fn check(
    plan: &Plan,
    variant: usize,
    count: u16,
    seed: u64,
    registry: &Registry,
) -> Result<Checked, Failure> {
    let bar = progress_bar(
        "look-ahead",
        plan.records.iter().sum::<u64>() * (u64::from(count) + 1),
    );
    let task = |to| Task {
        index: variant,
        variant: Some(variant),
        from: plan.from,
        to,
    };
    let mut before = 0;
    let mut add = |now: u64| {
        bar.inc(now.saturating_sub(before));
        before = now;
    };
    let whole = run(plan, task(plan.to), registry, &mut add)?;
    let (from, to) = plan.span(common(plan, registry)?.shift_ns)?;
    let mut all = Vec::new();
    for at_ns in cuts((from, to.saturating_sub(whole.late_max_ns)), count, seed) {
        add(0);
        let end = at_ns.saturating_add(whole.late_max_ns);
        let part = run(plan, task(Some(end)), registry, &mut add)?;
        let compared = whole.decisions.compare(&part.decisions, at_ns);
        all.push(Cut {
            at_ns,
            after_s: at_ns.saturating_sub(from) as f64 / 1e9,
            same: compared.ok(),
            difference: compared.err().map(|difference| difference.to_string()),
        });
    }
    bar.finish_and_clear();
    if all.is_empty() {
        return Err(Failure::Message(format!(
            "--check-lookahead: the data is no longer than late_max, {:.1} s: nothing to cut",
            whole.late_max_ns as f64 / 1e9
        )));
    }
    Ok(Checked {
        variant,
        seed,
        cuts: all,
        late: whole.late,
    })
}

impl Checked {
    /// What it says, for a person: a line a cut and a verdict.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for cut in &self.cuts {
            let what = match (&cut.same, &cut.difference) {
                (Some(same), _) => format!("{same} orders before it, all the same"),
                (None, difference) => difference.clone().unwrap_or_default(),
            };
            words.push(format!(
                "cut            after {:.3} s ({} ns): {what}",
                cut.after_s, cut.at_ns
            ));
        }
        if self.verdict().is_ok() {
            words.push(format!(
                "look-ahead     none at {} cuts (seed {})",
                self.cuts.len(),
                self.seed
            ));
        }
        words
    }

    /// # Errors
    ///
    /// [`Failure`]: an order was decided otherwise without the data behind it.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let differ = self.cuts.iter().filter(|cut| cut.same.is_none()).count();
        if differ == 0 {
            return Ok(());
        }
        let late = match self.late {
            0 => String::new(),
            late => {
                format!("; {late} records came later than late_max, which can be why: raise it")
            }
        };
        Err(Failure::Message(format!(
            "look-ahead: at {differ} of {} cuts orders depend on data from behind them{late}",
            self.cuts.len()
        )))
    }
}
