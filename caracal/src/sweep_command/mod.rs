//! `caracal sweep`: one backtest with many values, and what each brought.

mod args;
mod columns;
mod forward;
mod item;
mod lookahead;
mod page;
mod plan;
mod ranges;
mod told;
mod variants;
mod walk;

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::strategy::Registry;

pub(crate) use args::SweepArgs;
use item::Item;
use plan::{Plan, Task};

use crate::output::{Failure, remark, say};
use crate::replay_command::progress_bar;

/// Most variants of one pass over the data: each has three books of its own, and more of them do
/// not stay in the cache of a core.
const PASS_MAX: usize = 16;

/// Settings of which two variants cannot hear one and the same feed.
const APART: [&str; 4] = [
    "backtest.latency.feed",
    "backtest.local_clock",
    "backtest.late_max",
    "venue.",
];

/// Runs the command.
///
/// # Errors
///
/// [`Failure`]: what, where, and what to do. What was done so far is kept.
pub(crate) fn run(args: &SweepArgs, registry: &Registry) -> Result<(), Failure> {
    if let Some(index) = args.item {
        return one_item(args, index, registry);
    }
    let plan = make(args, registry)?;
    plan.settle(&args.out)?;
    if args.plan {
        return say(&planned(&plan, &args.out));
    }
    let trainings = plan.trainings();
    let missing = missing(&plan, &args.out)?;
    let done = plan.count() - missing.len();
    if done > 0 {
        let what = match plan.walk {
            Some(_) => "backtests",
            None => "variants",
        };
        remark(&format!(
            "{done} of {} {what} are done already",
            plan.count()
        ));
    }
    let (first, then) = missing.split_at(missing.partition_point(|index| *index < trainings));
    run_all(&plan, args, first, registry)?;
    // Which variants these are is known only now.
    run_all(&plan, args, then, registry)?;
    told::finish(&plan, args, registry)
}

fn make(args: &SweepArgs, registry: &Registry) -> Result<Plan, Failure> {
    let variants = variants::combinations(&args.settings, args.random, args.seed)?;
    let Some(config) = &args.config else {
        return Err(Failure::Message("--config is missing".to_owned()));
    };
    let range = (args.from, args.to);
    let plan = Plan::new(config, &args.data, range, args.settings.clone(), variants)?;
    item::check(&plan, registry)?;
    match args.walk_forward {
        Some(lengths) => {
            let shift_ns = item::common(&plan, registry)?.shift_ns;
            plan.walking(lengths, args.anchored, &args.metric, shift_ns)
        }
        None => Ok(plan),
    }
}

fn planned(plan: &Plan, dir: &Path) -> String {
    let (count, trainings, dir) = (plan.count(), plan.trainings(), dir.display());
    let last = trainings.saturating_sub(1);
    match &plan.walk {
        None => format!(
            "{count} variants planned in {dir}: run each by `caracal sweep --item N --out {dir}`, \
             N from 0 to {last}, then this command again without --plan"
        ),
        Some(walk) => format!(
            "{} variants in {} windows planned in {dir}: run each by `caracal sweep --item N --out \
             {dir}`, N from 0 to {last}, then the tests, N from {trainings} to {}, then this \
             command again without --plan",
            plan.variants.len(),
            walk.windows.len(),
            count.saturating_sub(1)
        ),
    }
}

/// Runs one backtest of a plan that is there.
fn one_item(args: &SweepArgs, index: usize, registry: &Registry) -> Result<(), Failure> {
    let plan = Plan::load(&args.out)?;
    if index >= plan.count() {
        return Err(Failure::Message(format!(
            "--item {index}: the plan has items 0 to {}",
            plan.count().saturating_sub(1)
        )));
    }
    plan.fits()?;
    if Item::load(&args.out, index)?.is_none() {
        let task = plan.task(&args.out, index)?;
        item::run(&plan, &args.out, &[task], registry, &|_| {})?;
    }
    match Item::load(&args.out, index)? {
        Some(Item {
            error: Some(error), ..
        }) => Err(Failure::Recorded(format!("item {index}: {error}"))),
        Some(item) => say(&serde_json::to_string(&item).map_err(Failure::because)?),
        None => Ok(()),
    }
}

fn missing(plan: &Plan, dir: &Path) -> Result<Vec<usize>, Failure> {
    let mut missing = Vec::new();
    for index in 0..plan.count() {
        if Item::load(dir, index)?.is_none() {
            missing.push(index);
        }
    }
    Ok(missing)
}

/// Backtests that share a pass: of one window, as many as keep every thread busy, and no more than
/// a pass takes.
fn passes(
    plan: &Plan,
    dir: &Path,
    missing: &[usize],
    jobs: usize,
) -> Result<VecDeque<Vec<Task>>, Failure> {
    let varies = |what: &str| plan.settings.iter().any(|one| one.path.starts_with(what));
    let most = if APART.iter().any(|what| varies(what)) {
        1
    } else {
        missing.len().div_ceil(jobs).clamp(1, PASS_MAX)
    };
    let mut tasks = Vec::new();
    for index in missing {
        tasks.push(plan.task(dir, *index)?);
    }
    let window = |one: &Task, other: &Task| (one.from, one.to) == (other.from, other.to);
    let windows = tasks.chunk_by(window);
    let passes = windows.flat_map(|tasks| tasks.chunks(most));
    Ok(passes.map(<[Task]>::to_vec).collect())
}

/// Records that a pass is likely to read: all up to its end, at an even rate.
fn length(plan: &Plan, task: &Task) -> u64 {
    let each: u64 = plan.records.iter().sum();
    let Some(walk) = &plan.walk else {
        return each;
    };
    let first = walk.windows.first().map_or(0, |window| window.train_from);
    let last = walk.windows.last().map_or(0, |window| window.test_to);
    let part = task.to.unwrap_or(last).saturating_sub(first) as f64;
    (each as f64 * part / last.saturating_sub(first).max(1) as f64) as u64
}

fn run_all(
    plan: &Plan,
    args: &SweepArgs,
    missing: &[usize],
    registry: &Registry,
) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = args.jobs.map_or((cores / 2).max(1), usize::from);
    let queue = passes(plan, &args.out, missing, jobs)?;
    let weight = |tasks: &[Task]| {
        let each = tasks.first().map_or(0, |task| length(plan, task));
        each.saturating_mul(tasks.len() as u64)
    };
    let bar = progress_bar("sweep", queue.iter().map(|tasks| weight(tasks)).sum());
    let queue = Mutex::new(queue);
    let stop = AtomicBool::new(false);
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
            let Some(tasks) = next else { return };
            // Each thread adds what it read itself, so that the bar only rises.
            let (whole, shown) = (weight(&tasks), Cell::new(0));
            let show = |records: u64| {
                let now = records.saturating_mul(tasks.len() as u64).min(whole);
                bar.inc(now.saturating_sub(shown.replace(now)));
            };
            if let Err(error) = item::run(plan, &args.out, &tasks, registry, &show) {
                stop.store(true, Ordering::Relaxed);
                if let Ok(mut failure) = failure.lock() {
                    failure.get_or_insert(error);
                }
                return;
            }
            bar.inc(whole.saturating_sub(shown.get()));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    match failure.into_inner() {
        Ok(Some(error)) => Err(Failure::while_doing(
            "the sweep stopped; what was done is kept, and the same command goes on",
            error,
        )),
        Ok(None) | Err(_) => Ok(()),
    }
}
