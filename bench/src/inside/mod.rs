//! Tick to order inside the process: the engine's real stages between two buffers.
//!
//! ```text
//!  frame bytes -> deframe -> decode -> lane -> sequencer -> strategy -> risk
//!      -> journal both -> encode, sign, mask -> frame bytes
//! ```
//!
//! The first stamp is taken when the message's bytes lie in memory, the last when the order's bytes
//! are ready to be written.

mod feed;
mod gateway;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::clock::WallClock;
use engine::pipeline::{LatencyRecorder, LatencyReport, Pipeline, Running, Topology};
use model::body::Sent;
use model::ids::AccountId;
use model::ports::Clock;

use feed::{BufferFeed, Tick};
pub use gateway::Authentication;
use gateway::{BufferGateway, Wire};

use crate::HarnessError;
use crate::distribution::{Distribution, Percentiles};
use crate::hiccup::nanos;
use crate::messages;
use crate::session;

/// Segments of the journal: as a live run has them, and more than a run fills.
const SEGMENT_BYTES: u64 = journal::SEGMENT_BYTES_DEFAULT;
/// Longest wait beyond the planned time.
const GRACE: Duration = Duration::from_secs(20);
/// Share of the ticks at the start that does not count: caches and page tables get warm.
const WARM_UP: usize = 10;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which worker polls what.
    pub topology: Topology,
    /// How orders are signed.
    pub authentication: Authentication,
    /// Time between two ticks.
    pub pace: Duration,
    /// How long to feed ticks.
    pub time: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// From the tick's bytes to the order's, as taken.
    pub plain: Percentiles,
    /// The same, corrected for coordinated omission.
    pub corrected: Percentiles,
    /// From when the tick was due, with every tick that a stall kept away.
    pub from_due: Percentiles,
    /// Where the time went.
    pub hops: LatencyReport,
    /// Ticks fed, warm-up included.
    pub ticks: u64,
    /// Ticks that caused no order.
    pub lost: u64,
    /// Orders written.
    pub orders: u64,
    /// Bytes of their frames: the hash of the work.
    pub order_bytes: u64,
    /// Ticks a second.
    pub rate: f64,
}

/// Runs the engine between two buffers.
///
/// # Errors
///
/// It did not start, stopped by itself, or did not end in time.
pub fn measure(plan: &Plan) -> Result<Outcome, HarnessError> {
    let dir = tempfile::tempdir()?;
    let clock = WallClock::anchored_now();
    let (machine, writer) = session::started(
        dir.path(),
        &messages::instrument(),
        clock.now_ns(),
        SEGMENT_BYTES,
    )?;
    let pace_ns = nanos(plan.pace).max(1);
    let count = usize::try_from(nanos(plan.time) / pace_ns)
        .unwrap_or(1)
        .max(100);
    let (ticks, wire) = (Arc::default(), Arc::new(Mutex::new(Wire::default())));
    let feed = BufferFeed::new(pace_ns, count, Arc::clone(&ticks))?;
    let gateway = BufferGateway::new(plan.authentication, 2 * count + 100, Arc::clone(&wire))?;
    let began = Instant::now();
    let running = Pipeline::new(machine, writer, plan.topology.clone(), clock)
        .feed("buffer", feed)
        .gateway("buffer", &[AccountId(0)], gateway)
        .start()?;
    let fed = wait_for(&running, count as u64, plan.time + GRACE);
    let fed_in = began.elapsed();
    running.shut_down(GRACE)?;
    fed?;
    let ticks = std::mem::take(&mut *lock(&ticks));
    let wire = std::mem::take(&mut *lock(&wire));
    let mut outcome = evaluate(&ticks, &wire, pace_ns);
    outcome.rate = count as f64 / fed_in.as_secs_f64();
    Ok(outcome)
}

/// Waits until the feed has given all its ticks, at most `deadline`.
fn wait_for(running: &Running, count: u64, deadline: Duration) -> Result<(), HarnessError> {
    let began = Instant::now();
    let feed = |running: &Running| {
        let lanes = &running.gauges().lanes;
        lanes
            .iter()
            .find(|lane| lane.name == "feed.buffer")
            .map_or(0, |lane| lane.events.get())
    };
    while feed(running) < count && running.fault().is_none() {
        if deadline < began.elapsed() {
            return Err(HarnessError::Late {
                what: "the last tick",
                seconds: deadline.as_secs(),
            });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn evaluate(ticks: &[Tick], wire: &Wire, pace_ns: u64) -> Outcome {
    // By the stamp of the tick that caused it; the first order counts if there are several.
    let mut orders: HashMap<u64, &Sent> = HashMap::with_capacity(wire.sent.len());
    for sent in &wire.sent {
        orders.entry(sent.received_ns).or_insert(sent);
    }
    let (mut total, mut from_due) = (Distribution::paced(pace_ns), Distribution::paced(pace_ns));
    let mut hops = LatencyRecorder::new();
    let mut lost = 0;
    for tick in &ticks[ticks.len() / WARM_UP..] {
        let Some(sent) = orders.get(&tick.received_ns) else {
            lost += 1;
            continue;
        };
        total.record(sent.written_ns.saturating_sub(tick.received_ns));
        from_due.record(sent.written_ns.saturating_sub(tick.due_ns));
        hops.record(sent);
    }
    Outcome {
        plain: total.plain(),
        corrected: total.corrected(),
        from_due: from_due.corrected(),
        hops: hops.report(),
        ticks: ticks.len() as u64,
        lost,
        orders: wire.sent.len() as u64,
        order_bytes: wire.bytes,
        rate: 0.0,
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A stage that panicked has raised a fault, which was returned before.
    shared
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cores;

    #[test]
    fn measure_gives_every_tick_an_order_and_every_hop_a_time() {
        let plan = || Plan {
            topology: cores::one_worker(None),
            authentication: Authentication::Hmac,
            pace: Duration::from_micros(100),
            time: Duration::from_millis(50),
        };
        // All ticks, and an order for nine of ten: the first of a round moves nothing if the ticks
        // before it were not fed yet. A busy machine stalls now and then, so one clean try counts.
        let outcome = (0..20)
            .map(|_| measure(&plan()).unwrap())
            .find(|outcome| outcome.ticks == 500 && outcome.lost * 10 < outcome.ticks)
            .expect("no try of 20 gave all ticks, nine of ten with an order");
        assert!(outcome.order_bytes > 300 * (outcome.orders - outcome.orders / 10));
        assert_eq!(outcome.hops.total().count, outcome.plain.count);
        assert!(
            outcome.hops.hops.iter().all(|hop| hop.max_ns > 0),
            "{outcome:?}"
        );
    }
}
