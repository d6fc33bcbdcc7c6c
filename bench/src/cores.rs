//! Which cores a measurement takes: from the last one down, and never all of them.
//!
//! A spinning thread on every core leaves none for interrupts, for the journal's helpers and for
//! the thread that watches; the tail then measures them.

use engine::pipeline::{Topology, Wait, available_cores};

/// Stages by worker.
const ONE: [&[&str]; 1] = [&[
    "feed",
    "timer",
    "sequencer",
    "strategy",
    "risk",
    "journal",
    "gateway",
]];
/// Two hops between cores on the way of an order.
const THREE: [&[&str]; 3] = [
    &["feed", "timer", "sequencer"],
    &["strategy", "risk"],
    &["journal", "gateway"],
];

/// Everything on one spinning worker, pinned to `core`.
#[must_use]
pub fn one_worker(core: Option<usize>) -> Topology {
    topology(&ONE, &[core])
}

/// Three spinning workers with one core left free; `None` where there are fewer than four cores.
#[must_use]
pub fn three_workers() -> Option<Topology> {
    let cores = available_cores();
    let last = cores.len().checked_sub(THREE.len())?;
    let taken: Vec<Option<usize>> = cores[last..].iter().map(|core| Some(*core)).collect();
    (last > 0).then(|| topology(&THREE, &taken))
}

/// The core that a single worker takes: the last one, if there is another.
#[must_use]
pub fn last() -> Option<usize> {
    match available_cores()[..] {
        [.., _, last] => Some(last),
        _ => None,
    }
}

/// The core for the other side of a measurement: the one before the last, if one is left free.
#[must_use]
pub fn before_last() -> Option<usize> {
    match available_cores()[..] {
        [.., _, before, _] => Some(before),
        _ => None,
    }
}

fn topology(stages: &[&[&str]], cores: &[Option<usize>]) -> Topology {
    // With a single core, whoever spins keeps the others from working.
    let wait = if last().is_some() {
        Wait::Spin
    } else {
        Wait::Yield
    };
    let mut topology = Topology::one_worker(wait);
    let worker = topology.workers.remove(0);
    for (names, core) in stages.iter().zip(cores) {
        let mut worker = worker.clone();
        worker.core = *core;
        worker.stages = names.iter().map(|name| (*name).to_owned()).collect();
        topology.workers.push(worker);
    }
    topology
}
