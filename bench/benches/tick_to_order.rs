//! Tick to order: from a market message's bytes to the bytes of the order that it causes.
//!
//! Inside the process between two buffers, on one worker and on three, with session and with HMAC
//! authentication; and wire to wire on loopback with TLS, beside a bare echo. `bench/README.md`
//! says how to read it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::args::{Args, NAME};
use bench::cores;
use bench::facts::Facts;
use bench::hiccup;
use bench::inside::{self, Authentication, Outcome, Plan};
use bench::report::{Measured, Report};
use bench::{HarnessError, wire};
use engine::pipeline::Topology;

/// Time between two ticks. The machine's limit is 100,000 messages a second, and a replacement may
/// count as two.
const PACE: Duration = Duration::from_micros(20);
/// Each measurement of a smoke run.
const SMOKE: Duration = Duration::from_millis(20);
/// Names of the measurements.
const INSIDE: [&str; 4] = [
    "inside/1worker_hmac",
    "inside/1worker_session",
    "inside/3workers_hmac",
    "inside/3workers_session",
];
const WIRE: [&str; 2] = ["wire/engine", "wire/echo"];
/// Turns of engine and echo.
const WIRE_ROUNDS: u32 = 4;
/// Size of an order where none was measured: a signed replacement.
const ORDER_BYTES: usize = 540;

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let outcome = match Args::parse(std::env::args().skip(1)) {
        Ok(args) if args.list => list(&mut out),
        Ok(args) if INSIDE.iter().chain(&WIRE).any(|name| args.wants(name)) => run(&args, &mut out),
        Ok(_) => Ok(true),
        Err(error) => writeln!(io::stderr(), "{NAME}: {error}").map(|()| false),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn list(out: &mut impl Write) -> io::Result<bool> {
    for name in INSIDE.iter().chain(&WIRE) {
        writeln!(out, "{NAME}/{name}: benchmark")?;
    }
    Ok(true)
}

/// Measures and prints; false if a measurement failed that this machine could have made.
fn run(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let began = Instant::now();
    let facts = Facts::read();
    let each = if args.smoke { SMOKE } else { args.time / 7 };
    let hiccups = hiccup::watch(cores::last(), each / 2);
    let inside: Vec<_> = INSIDE
        .map(|name| (name, inside_if_wanted(args, name, each)))
        .into();
    let wire = wire_if_wanted(args, each, order_bytes(&inside));
    let report = Report {
        facts,
        time: began.elapsed(),
        hiccups,
        inside,
        wire,
    };
    writeln!(out, "{report}")?;
    if args.json {
        writeln!(out, "{}", report.json())?;
    }
    out.flush()?;
    Ok(report.is_complete())
}

fn inside_if_wanted(args: &Args, name: &str, time: Duration) -> Measured<Outcome> {
    if !args.wants(name) {
        return Measured::Unwanted;
    }
    let topology = if name.contains("3workers") {
        cores::three_workers()
    } else {
        Some(cores::one_worker(cores::last()))
    };
    match topology {
        Some(topology) => inside(topology, authentication(name), time),
        None => Measured::Impossible("three spinning workers and a free core need four cores"),
    }
}

fn authentication(name: &str) -> Authentication {
    if name.ends_with("session") {
        Authentication::Session
    } else {
        Authentication::Hmac
    }
}

fn inside(topology: Topology, authentication: Authentication, time: Duration) -> Measured<Outcome> {
    Measured::of(inside::measure(&Plan {
        topology,
        authentication,
        pace: PACE,
        time,
    }))
}

/// Mean size of the orders inside the process, so that the echo sends as much.
fn order_bytes(inside: &[(&str, Measured<Outcome>)]) -> usize {
    let first = inside.iter().find_map(|(_, measured)| measured.found());
    let mean = first.map(|outcome| outcome.order_bytes / outcome.orders.max(1));
    mean.and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(ORDER_BYTES)
}

/// Engine and echo in turns, so that what changes on the machine meanwhile meets both.
fn wire_if_wanted(
    args: &Args,
    time: Duration,
    order_bytes: usize,
) -> [(&'static str, Measured<wire::Found>); 2] {
    let rounds = if args.smoke { 1 } else { WIRE_ROUNDS };
    let each = time / rounds;
    let mut all = WIRE.map(|name| args.wants(name).then(|| Ok(wire::Found::empty())));
    for _ in 0..rounds {
        let [engine, echo] = &mut all;
        add_round(engine, || wire::engine(each));
        add_round(echo, || wire::echo(each, order_bytes));
    }
    let [engine, echo] = all.map(|all| all.map_or(Measured::Unwanted, Measured::of));
    [(WIRE[0], engine), (WIRE[1], echo)]
}

/// Adds a round to what was found before, unless that is nothing or a failure.
fn add_round(
    all: &mut Option<Result<wire::Found, HarnessError>>,
    measure: impl FnOnce() -> Result<wire::Found, HarnessError>,
) {
    if let Some(Ok(found)) = all {
        match measure() {
            Ok(round) => found.add(&round),
            Err(error) => *all = Some(Err(error)),
        }
    }
}
