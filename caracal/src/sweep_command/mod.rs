//! `caracal sweep`: one backtest with many values, and what each brought.

mod args;
mod item;
mod page;
mod plan;
mod told;
mod variants;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::strategy::Registry;

pub(crate) use args::SweepArgs;
use item::Item;
use plan::Plan;

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
    let plan = make(args)?;
    item::check(&plan, registry)?;
    plan.settle(&args.out)?;
    if args.plan {
        let (count, dir) = (plan.variants.len(), args.out.display());
        return say(&format!(
            "{count} variants planned in {dir}: run each by `caracal sweep --item N --out {dir}`, \
             N from 0 to {}, then this command again without --plan",
            count.saturating_sub(1)
        ));
    }
    let missing = missing(&plan, &args.out)?;
    let done = plan.variants.len() - missing.len();
    if done > 0 {
        remark(&format!(
            "{done} of {} variants are done already",
            plan.variants.len()
        ));
    }
    run_all(&plan, args, missing, registry)?;
    told::finish(&plan, args)
}

fn make(args: &SweepArgs) -> Result<Plan, Failure> {
    let variants = variants::combinations(&args.settings, args.random, args.seed)?;
    let Some(config) = &args.config else {
        return Err(Failure::Message("--config is missing".to_owned()));
    };
    let range = (args.from, args.to);
    Plan::new(config, &args.data, range, args.settings.clone(), variants)
}

/// Runs one variant of a plan that is there.
fn one_item(args: &SweepArgs, index: usize, registry: &Registry) -> Result<(), Failure> {
    let plan = Plan::load(&args.out)?;
    if index >= plan.variants.len() {
        return Err(Failure::Message(format!(
            "--item {index}: the plan has items 0 to {}",
            plan.variants.len().saturating_sub(1)
        )));
    }
    plan.fits()?;
    if Item::load(&args.out, index)?.is_none() {
        item::run(&plan, &args.out, &[index], registry, &|_| {})?;
    }
    match Item::load(&args.out, index)? {
        Some(Item {
            error: Some(error), ..
        }) => Err(Failure::Message(format!("item {index}: {error}"))),
        Some(item) => say(&serde_json::to_string(&item).map_err(Failure::because)?),
        None => Ok(()),
    }
}

fn missing(plan: &Plan, dir: &Path) -> Result<Vec<usize>, Failure> {
    let mut missing = Vec::new();
    for index in 0..plan.variants.len() {
        if Item::load(dir, index)?.is_none() {
            missing.push(index);
        }
    }
    Ok(missing)
}

/// Variants that share a pass: as many as keep every thread busy, and no more than a pass takes.
fn passes(plan: &Plan, missing: &[usize], jobs: usize) -> VecDeque<Vec<usize>> {
    let varies = |what: &str| plan.settings.iter().any(|one| one.path.starts_with(what));
    let most = if APART.iter().any(|what| varies(what)) {
        1
    } else {
        missing.len().div_ceil(jobs).clamp(1, PASS_MAX)
    };
    missing.chunks(most).map(<[usize]>::to_vec).collect()
}

fn run_all(
    plan: &Plan,
    args: &SweepArgs,
    missing: Vec<usize>,
    registry: &Registry,
) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = args.jobs.map_or((cores / 2).max(1), usize::from);
    let queue = Mutex::new(passes(plan, &missing, jobs));
    let each: u64 = plan.records.iter().sum();
    let bar = progress_bar("sweep", each.saturating_mul(missing.len() as u64));
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
            let Some(indexes) = next else { return };
            let count = indexes.len() as u64;
            let show = |records: u64| {
                let before = done.load(Ordering::Relaxed);
                bar.set_position(before + records.saturating_mul(count));
            };
            if let Err(error) = item::run(plan, &args.out, &indexes, registry, &show) {
                stop.store(true, Ordering::Relaxed);
                if let Ok(mut failure) = failure.lock() {
                    failure.get_or_insert(error);
                }
                return;
            }
            done.fetch_add(each.saturating_mul(count), Ordering::Relaxed);
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
