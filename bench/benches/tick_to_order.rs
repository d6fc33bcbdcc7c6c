//! Tick to order: from a market message's bytes to the bytes of the order that it causes.
//!
//! Inside the process between two buffers, on one worker and on three, with session and with HMAC
//! authentication. `bench/README.md` says how to read it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::args::{Args, NAME};
use bench::cores;
use bench::facts::Facts;
use bench::hiccup;
use bench::inside::{self, Authentication, Outcome, Plan};
use bench::report::{Measured, Report};
use engine::pipeline::Topology;

/// Time between two ticks. The machine's limit is 100,000 messages a second, and a replacement may
/// count as two.
const PACE: Duration = Duration::from_micros(20);
/// Each measurement of a smoke run.
const SMOKE: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let outcome = match Args::parse(std::env::args().skip(1)) {
        Ok(args) if args.list => writeln!(out, "{NAME}: benchmark").map(|()| true),
        Ok(args) if args.skipped => Ok(true),
        Ok(args) => run(&args, &mut out),
        Err(error) => writeln!(io::stderr(), "{NAME}: {error}").map(|()| false),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Measures and prints; false if a measurement failed that this machine could have made.
fn run(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let began = Instant::now();
    let facts = Facts::read();
    let each = if args.smoke { SMOKE } else { args.time / 6 };
    let hiccups = hiccup::watch(cores::last(), each / 2);
    let inside = inside(each);
    let failed = inside.iter().any(|(_, measured)| measured.is_err());
    let report = Report {
        facts,
        time: began.elapsed(),
        hiccups,
        inside,
    };
    writeln!(out, "{report}")?;
    if args.json {
        writeln!(out, "{}", report.json())?;
    }
    out.flush()?;
    Ok(!failed || cores::three_workers().is_none())
}

fn inside(time: Duration) -> Vec<(&'static str, Measured<Outcome>)> {
    let one = || Ok(cores::one_worker(cores::last()));
    let three = || {
        let none = "three spinning workers and a free core need four cores";
        cores::three_workers().ok_or_else(|| none.to_owned())
    };
    let measure = |topology: Measured<Topology>, authentication| {
        inside::measure(&Plan {
            topology: topology?,
            authentication,
            pace: PACE,
            time,
        })
        .map_err(|error| error.to_string())
    };
    vec![
        ("one worker, HMAC", measure(one(), Authentication::Hmac)),
        (
            "one worker, session",
            measure(one(), Authentication::Session),
        ),
        (
            "three workers, HMAC",
            measure(three(), Authentication::Hmac),
        ),
        (
            "three workers, session",
            measure(three(), Authentication::Session),
        ),
    ]
}
