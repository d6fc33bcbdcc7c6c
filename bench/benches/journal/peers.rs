//! Builds the package `bench/peers` and runs its phases, a process each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::Plan;
use crate::common::{Progress, median, place, quantile};
use crate::group::BATCH;

/// The program, built.
pub(crate) struct Peers {
    program: PathBuf,
}

/// Who can do what. `commitlog` has no sync, `okaywal` has nothing without one.
const APPEND: [&str; 5] = ["commitlog", "fjall", "raft-engine", "wal-db", "walrus-rust"];
const COMMIT: [&str; 5] = ["fjall", "okaywal", "raft-engine", "wal-db", "walrus-rust"];

/// What was found, by name, one value a round.
#[derive(Default)]
pub(crate) struct Found {
    append_ns: BTreeMap<&'static str, Vec<f64>>,
    read_rate: BTreeMap<&'static str, Vec<f64>>,
    commit_us: BTreeMap<&'static str, Vec<f64>>,
    batch_us: BTreeMap<&'static str, Vec<f64>>,
}

/// A name and its figure.
pub(crate) type Figures = Vec<(String, f64)>;

/// Builds the peers.
///
/// # Errors
///
/// One line: why there are none.
pub(crate) fn build() -> Result<Peers, String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
            manifest,
        ])
        .arg("--target-dir")
        .arg(&target)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the peers do not build: {}",
            last_line(&output.stderr)
        ));
    }
    Ok(Peers {
        program: target.join("release/peers"),
    })
}

impl Found {
    /// Everybody's turn; `wanted` are appends with reading back, and commits.
    pub(crate) fn round(
        &mut self,
        peers: &Peers,
        plan: Plan,
        progress: &Progress,
        wanted: [bool; 2],
    ) {
        let [append, commit] = wanted;
        for name in APPEND.into_iter().filter(|_| append) {
            progress.say(format!("{name}: append and read back"));
            let found = peers.run(name, "append", plan.records);
            let records = plan.records as f64;
            push(
                &mut self.append_ns,
                name,
                number(&found, "append_ns") / records,
            );
            push(
                &mut self.read_rate,
                name,
                records * 1e9 / number(&found, "read_ns"),
            );
        }
        for name in COMMIT.into_iter().filter(|_| commit) {
            progress.say(format!("{name}: commits"));
            let one = peers.run(name, "commit", plan.commits);
            self.commit_us.entry(name).or_default().extend(micros(&one));
            let batch = peers.run(name, "batch", plan.commits / 2);
            self.batch_us
                .entry(name)
                .or_default()
                .extend(micros(&batch));
        }
    }

    /// Nanoseconds of one append without a sync.
    pub(crate) fn append_ns(&self) -> Figures {
        medians(&self.append_ns)
    }

    /// Records a second, opened anew and read back.
    pub(crate) fn read_rate(&self) -> Figures {
        medians(&self.read_rate)
    }

    /// Microseconds of a commit of one record.
    pub(crate) fn commit_us(&self, share: f64) -> Figures {
        let all = self.commit_us.iter();
        all.filter_map(|(name, values)| Some(((*name).to_owned(), quantile(values, share)?)))
            .collect()
    }

    /// Records a second in commits of a hundred.
    pub(crate) fn batch_rate(&self) -> Figures {
        let rate = |(name, us)| (name, BATCH as f64 * 1e6 / us);
        medians(&self.batch_us).into_iter().map(rate).collect()
    }
}

impl Peers {
    fn run(&self, name: &str, phase: &str, count: u64) -> Value {
        let dir = place();
        let output = Command::new(&self.program)
            .args([name, phase])
            .arg(dir.path())
            .arg(count.to_string())
            .env("WALRUS_DATA_DIR", dir.path())
            .env("WALRUS_QUIET", "1")
            .output()
            .unwrap();
        found(&output).unwrap_or_else(|why| panic!("{name} {phase}: {why}"))
    }
}

fn found(output: &Output) -> Result<Value, String> {
    if !output.status.success() {
        return Err(last_line(&output.stderr));
    }
    serde_json::from_str(&last_line(&output.stdout)).map_err(|error| error.to_string())
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().lines().last().unwrap_or("").to_owned()
}

fn number(found: &Value, field: &str) -> f64 {
    found[field].as_f64().unwrap()
}

fn micros(found: &Value) -> impl Iterator<Item = f64> {
    let all = found["commit_ns"].as_array().unwrap().iter();
    all.map(|ns| ns.as_f64().unwrap() / 1e3)
}

fn push(all: &mut BTreeMap<&'static str, Vec<f64>>, name: &'static str, value: f64) {
    all.entry(name).or_default().push(value);
}

fn medians(all: &BTreeMap<&'static str, Vec<f64>>) -> Figures {
    let all = all.iter();
    all.filter_map(|(name, values)| Some(((*name).to_owned(), median(values)?)))
        .collect()
}
