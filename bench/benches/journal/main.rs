//! The journal beside its floor and beside other crates' logs, measured in one run: one table.
//!
//! `cargo bench -p bench -- journal`. The floor of each row is what the hardware or the kernel does
//! with the same bytes; the peers are driven by the package `bench/peers`, a process each. All take
//! turns in rounds, so that what changes on the machine meanwhile meets everybody. Files lie in the
//! file system of the target directory. `bench/README.md` says how to read it.

#![allow(clippy::unwrap_used, reason = "a bench may fail by a panic")]

mod append;
mod common;
mod group;
mod micro;
mod open;
mod peers;
mod prepared;
mod read;
mod sealed;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::args::Args;
use bench::cores;
use bench::facts::Facts;
use bench::hiccup;
use criterion::Criterion;
use journal::{Durability, Options};

use common::Progress;
use table::{Row, Table};

/// First part of the names of what is measured here.
const NAME: &str = "journal";
/// What can be asked for by name.
const PARTS: [&str; 7] = [
    append::NAME,
    group::NAME,
    prepared::NAME,
    read::NAME,
    sealed::NAME,
    open::KILLED,
    open::CLOSED,
];
/// How long the hiccup control looks.
const HICCUPS: Duration = Duration::from_secs(1);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Turns that everybody takes.
    pub(crate) rounds: u64,
    /// Time of each paced measurement in a round.
    pub(crate) paced: Duration,
    /// Records of an append run, ours and a peer's.
    pub(crate) records: u64,
    /// Commits of a run.
    pub(crate) commits: u64,
    /// Bytes of the journal that is recovered.
    pub(crate) recovered: u64,
    /// Size of a segment. Smaller than the default, so that a run of seconds rolls.
    pub(crate) segment_bytes: u64,
    /// Counts of segments of the journals that were closed in order; the first is the control.
    pub(crate) segments: &'static [u64],
}

impl Plan {
    /// How the journals here are opened, but where another thing is measured.
    pub(crate) const fn options(self) -> Options {
        self.options_of(Durability::Process)
    }

    /// The same in another durability.
    pub(crate) const fn options_of(self, durability: Durability) -> Options {
        Options::new(durability).segment_bytes(self.segment_bytes)
    }

    const fn of(smoke: bool) -> Self {
        if smoke {
            return Self {
                rounds: 1,
                paced: Duration::from_millis(20),
                records: 2_000,
                commits: 2,
                recovered: 4 << 20,
                segment_bytes: 4 << 20,
                segments: &[1, 2],
            };
        }
        Self {
            rounds: 3,
            paced: Duration::from_secs(1),
            records: 400_000,
            commits: 100,
            recovered: 1 << 30,
            segment_bytes: 64 << 20,
            segments: &[1, 8, 64],
        }
    }
}

fn main() -> ExitCode {
    if let Some(dir) = std::env::var_os(open::FILL) {
        // The child that is killed.
        open::fill(dir.as_ref());
    }
    let mut out = io::stdout().lock();
    let outcome = match Args::parse(std::env::args().skip(1)) {
        Ok(args) if args.list => list(&mut out),
        Ok(args) => {
            micro(&args);
            if PARTS.iter().any(|part| args.wants_of(NAME, part)) {
                run(&args, &mut out)
            } else {
                Ok(true)
            }
        }
        Err(error) => writeln!(io::stderr(), "{NAME}: {error}").map(|()| false),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn list(out: &mut impl Write) -> io::Result<bool> {
    for part in PARTS {
        writeln!(out, "{NAME}/{part}: benchmark")?;
    }
    Ok(true)
}

/// Criterion's part: the append path alone.
fn micro(args: &Args) {
    if args.json || args.filters.len() > 1 {
        // Neither is known to criterion.
        return;
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000))
        .sample_size(30)
        .without_plots()
        .configure_from_args();
    micro::bench(&mut criterion);
    criterion.final_summary();
}

/// Measures and prints; false if something that was asked for could not be measured.
fn run(args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let began = Instant::now();
    let plan = Plan::of(args.smoke);
    let facts = Facts::read();
    let progress = Progress::new();
    progress.say("building the peers");
    let peers = peers::build();
    let hiccups = hiccup::watch(cores::last(), if args.smoke { plan.paced } else { HICCUPS });
    let mut table = Table::new(peers.as_ref().err().cloned());
    for row in measure(args, plan, peers.ok().as_ref(), &progress) {
        table.push(row);
    }
    progress.end();
    writeln!(out, "{facts}")?;
    writeln!(
        out,
        "hiccup control: {:.2} % of a spinning thread's time lost; files on {}; took {:.0} s",
        hiccups.lost_percent,
        common::file_system(),
        began.elapsed().as_secs_f64(),
    )?;
    if args.smoke {
        writeln!(
            out,
            "a smoke run: too short for its figures to mean anything"
        )?;
    }
    writeln!(out, "{table}")?;
    if args.json {
        writeln!(out, "{}", table.json(&facts))?;
    }
    out.flush()?;
    Ok(table.is_complete())
}

fn measure(args: &Args, plan: Plan, peers: Option<&peers::Peers>, progress: &Progress) -> Vec<Row> {
    let wants = |part: &str| args.wants_of(NAME, part);
    let mut append = append::Found::default();
    let mut group = group::Found::default();
    let mut prepared = prepared::Found::default();
    let mut read = read::Found::default();
    let mut sealed = sealed::Found::default();
    let mut others = peers::Found::default();
    for round in 1..=plan.rounds {
        progress.round(round, plan.rounds);
        if wants(append::NAME) {
            append.round(plan, progress);
        }
        if wants(group::NAME) {
            group.round(plan, progress);
        }
        if wants(prepared::NAME) {
            prepared.round(plan, progress);
        }
        if wants(read::NAME) {
            read.round(plan, progress);
        }
        if wants(sealed::NAME) {
            sealed.round(plan, progress);
        }
        if let Some(peers) = peers {
            others.round(
                peers,
                plan,
                progress,
                [wants(append::NAME) || wants(read::NAME), wants(group::NAME)],
            );
        }
    }
    let mut rows = Vec::new();
    if wants(append::NAME) {
        rows.extend(append.rows(&others));
    }
    if wants(group::NAME) {
        rows.extend(group.rows(&others));
    }
    if wants(prepared::NAME) {
        rows.extend(prepared.rows());
    }
    if wants(read::NAME) {
        rows.extend(read.rows(&others));
    }
    if wants(sealed::NAME) {
        rows.extend(sealed.rows());
    }
    if wants(open::KILLED) {
        rows.extend(open::killed(plan, progress));
    }
    if wants(open::CLOSED) {
        rows.extend(open::closed(plan, progress));
    }
    rows
}
