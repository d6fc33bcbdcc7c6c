//! Our backtest beside hftbacktest's, over the same markets and in one run: one table.
//!
//! `cargo bench -p bench --features peers -- backtest`. The markets are the recordings in the
//! folder that `CARACAL_RECORDINGS` names (or `../shared/data`), and one that walks at random. The
//! other crate is driven by the package `bench/peers-backtest`. `bench/README.md` says how to read
//! it.

#![allow(clippy::unwrap_used, reason = "a bench may fail by a panic")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use bench::args::Args;
use bench::cores;
use bench::facts::Facts;
use bench::hiccup;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

/// Name of what is measured here.
const NAME: &str = "backtest";
/// How long the hiccup control looks.
const HICCUPS: Duration = Duration::from_secs(1);
/// Where recordings are looked for.
const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
/// Times that a market is repeated.
const TIMES: u64 = 20;

/// What of a run is compared, with what, and by how much it is to be better.
struct Target {
    what: &'static str,
    ours: &'static str,
    theirs: &'static str,
    /// At least so many times faster, or at most such a share.
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const TARGETS: [Target; 5] = [
    Target {
        what: "levels and trades a second, beside its hash map",
        ours: "/ours/rows_per_s",
        theirs: "/hashmap/rows_per_s",
        bound: Bound::AtLeast(3.0),
    },
    Target {
        what: "levels and trades a second, beside its vector",
        ours: "/ours/rows_per_s",
        theirs: "/roi/rows_per_s",
        bound: Bound::AtLeast(2.0),
    },
    Target {
        what: "sixteen variants in one pass, beside one",
        ours: "/ours_16/seconds",
        theirs: "/ours/seconds",
        bound: Bound::AtMost(6.0),
    },
    Target {
        what: "a level of a book, ns, beside its hash map",
        ours: "/book_ns/ours",
        theirs: "/book_ns/hashmap",
        bound: Bound::AtMost(0.3),
    },
    Target {
        what: "a level of a book, ns, beside its vector",
        ours: "/book_ns/ours",
        theirs: "/book_ns/roi",
        bound: Bound::AtMost(0.8),
    },
];

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let outcome = match Args::parse(std::env::args().skip(1)) {
        Ok(args) if args.list => writeln!(out, "{NAME}: benchmark").map_err(|e| e.to_string()),
        Ok(args) if args.wants(NAME) => run(&args, &mut out),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("{NAME}: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, out: &mut impl Write) -> Result<(), String> {
    let began = Instant::now();
    let facts = Facts::read();
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    say("building hftbacktest beside ours");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/peers-backtest/Cargo.toml");
    let peers = built(manifest, "peers-backtest", &target().join("peers-backtest"))?;
    let hiccups = hiccup::watch(cores::last(), HICCUPS);
    let mut found: Vec<(String, Value)> = Vec::new();
    for (name, data) in markets(home.path(), args.smoke)? {
        say(&name);
        let times = if args.smoke { 1 } else { TIMES };
        let output = Command::new(&peers)
            .arg("speed")
            .arg(data)
            .arg(times.to_string())
            .output();
        let mut one = answer(&output.map_err(|error| error.to_string())?)?;
        for run in ["ours", "ours_16"] {
            let rate = one[run]["rows_per_s"].as_f64().unwrap_or(f64::NAN);
            let rows = one["rows"].as_f64().unwrap_or(f64::NAN);
            one[run]["seconds"] = json!(rows / rate);
        }
        found.push((name, one));
    }
    let shown = |out: &mut dyn Write| -> io::Result<()> {
        writeln!(out, "{facts}")?;
        writeln!(
            out,
            "hiccup control: {:.2} % of a spinning thread's time lost; took {:.0} s",
            hiccups.lost_percent,
            began.elapsed().as_secs_f64(),
        )?;
        if args.smoke {
            writeln!(
                out,
                "a smoke run: too short for its figures to mean anything"
            )?;
        }
        writeln!(out, "{}", rates(&found))?;
        writeln!(out, "{}", ratios(&found))?;
        if args.json {
            let found: serde_json::Map<String, Value> = found.iter().cloned().collect();
            writeln!(out, "{}", json!({ "facts": facts.json(), NAME: found }))?;
        }
        out.flush()
    };
    shown(out).map_err(|error| error.to_string())
}

/// Tells a person what goes on.
fn say(text: &str) {
    let _unseen = writeln!(io::stderr(), "{text}");
}

/// The workspace's target directory.
fn target() -> &'static Path {
    let inside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    inside.parent().unwrap_or(inside)
}

/// Builds a package's program of the same name; where it is.
fn built(manifest: &str, package: &str, target: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--manifest-path", manifest, "--package", package])
        .arg("--target-dir")
        .arg(target)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        Ok(target.join("release").join(package))
    } else {
        Err(format!(
            "{package} does not build: {}",
            last(&output.stderr)
        ))
    }
}

/// The markets by name: recordings that can be had, imported, and the one that walks.
fn markets(home: &Path, smoke: bool) -> Result<Vec<(String, PathBuf)>, String> {
    let mut all = vec![("walk".to_owned(), PathBuf::from("synthetic"))];
    if smoke {
        return Ok(all);
    }
    let folder = std::env::var_os("CARACAL_RECORDINGS").unwrap_or_else(|| RECORDINGS.into());
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|end| end == "gz"));
    files.sort();
    if files.is_empty() {
        say(&format!(
            "no recording (*.gz) in {}",
            Path::new(&folder).display()
        ));
        return Ok(all);
    }
    say("building the importer");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let caracal = built(manifest, "caracal", target())?;
    for file in files {
        let name = file
            .file_stem()
            .map_or_else(String::new, |name| name.display().to_string());
        let data = home.join(&name);
        let output = Command::new(&caracal)
            .args(["import", "binance-capture"])
            .arg(&file)
            .arg("--out")
            .arg(&data)
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{}: {}", file.display(), last(&output.stderr)));
        }
        all.push((name, data));
    }
    Ok(all)
}

fn answer(output: &Output) -> Result<Value, String> {
    if !output.status.success() {
        return Err(last(&output.stderr));
    }
    serde_json::from_str(&last(&output.stdout)).map_err(|error| error.to_string())
}

fn last(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().lines().last().unwrap_or("").to_owned()
}

fn figure(one: &Value, at: &str) -> f64 {
    one.pointer(at).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// Events a second: a level of depth, or a trade, is one.
fn rates(found: &[(String, Value)]) -> Table {
    let mut table = grid([
        "events a second, M",
        "rows, M",
        "ours",
        "its hash map",
        "its vector",
        "ours, 16 at once",
    ]);
    for (name, one) in found {
        let rate = |of: &str| figure(one, &format!("/{of}/rows_per_s")) / 1e6;
        table.add_row([
            name.clone(),
            format!("{:.2}", figure(one, "/rows") / 1e6),
            format!("{:.2}", rate("ours")),
            format!("{:.2}", rate("hashmap")),
            format!("{:.2}", rate("roi")),
            format!(
                "{:.2} (all together {:.2})",
                rate("ours_16"),
                rate("ours_16") * 16.0
            ),
        ]);
    }
    table
}

fn ratios(found: &[(String, Value)]) -> Table {
    let mut table = grid(["", "market", "ours", "beside", "ratio", "target"]);
    for target in &TARGETS {
        for (name, one) in found {
            let (ours, theirs) = (figure(one, target.ours), figure(one, target.theirs));
            let ratio = ours / theirs;
            let (wanted, met) = match target.bound {
                Bound::AtLeast(least) => (format!("at least {least}"), ratio >= least),
                Bound::AtMost(most) => (format!("at most {most}"), ratio <= most),
            };
            table.add_row([
                target.what.to_owned(),
                name.clone(),
                short(ours),
                short(theirs),
                format!("{ratio:.2}"),
                format!("{}: {wanted}", if met { "met" } else { "missed" }),
            ]);
        }
    }
    table
}

fn short(value: f64) -> String {
    if value > 1e5 {
        format!("{:.2} M", value / 1e6)
    } else {
        format!("{value:.2}")
    }
}

fn grid(head: [&str; 6]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head);
    table
}
