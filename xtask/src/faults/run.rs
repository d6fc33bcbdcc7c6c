//! Builds the fault tests in release and runs each in a process of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::table::Row;
use crate::shell::{command, say};
use crate::test_binary::{Binary, build};

/// Longest that one test may take.
const TEST_LIMIT: Duration = Duration::from_secs(1800);
const POLL_EVERY: Duration = Duration::from_millis(20);

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed(String),
}

/// One test that ran.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    /// Its lines that start with `fault `.
    pub(super) lines: Vec<String>,
    pub(super) took: Duration,
}

impl Ran {
    /// What its lines say about a row.
    pub(super) fn lines_of<'a>(&'a self, number: &str) -> impl Iterator<Item = &'a str> {
        let start = format!("fault {number}: ");
        self.lines
            .iter()
            .filter_map(move |line| line.strip_prefix(&start))
    }
}

/// Runs every test of `rows` once, `jobs` at a time.
///
/// # Errors
///
/// A build that fails, or a test that is not named `package/target path`.
pub(super) fn all(
    root: &Path,
    rows: &[Row],
    quick: bool,
    jobs: usize,
) -> Result<BTreeMap<String, Ran>, String> {
    let tests: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.tests.iter().map(String::as_str))
        .collect();
    let mut binaries = BTreeMap::new();
    for test in &tests {
        let (place, _) = split(test)?;
        if !binaries.contains_key(place) {
            binaries.insert(place, build(root, place)?);
        }
    }
    let tests: Vec<&str> = tests.into_iter().collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(&test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Ok((place, path)) = split(test) else {
                continue;
            };
            let Some(binary) = binaries.get(place) else {
                continue;
            };
            let ran = one(binary, path, quick);
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            report(count, tests.len(), test, &ran);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.insert(test.to_owned(), ran);
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(work);
        }
    });
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn report(count: usize, total: usize, test: &str, ran: &Ran) {
    let seconds = ran.took.as_secs_f64();
    let word = match &ran.outcome {
        Outcome::Passed => "ok".to_owned(),
        Outcome::Failed(why) => format!("FAILED: {why}"),
    };
    say(&format!("[{count}/{total}] {test} {word} ({seconds:.1} s)"));
    for line in &ran.lines {
        say(&format!("    {line}"));
    }
}

fn split(test: &str) -> Result<(&str, &str), String> {
    test.split_once(' ')
        .filter(|(place, _)| place.contains('/'))
        .ok_or_else(|| format!("{test:?} is not `package/target path`"))
}

fn one(binary: &Binary, path: &str, quick: bool) -> Ran {
    let started = Instant::now();
    let mut test = Command::new(&binary.path);
    test.args(["--exact", path, "--include-ignored", "--nocapture"])
        .current_dir(&binary.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if quick {
        test.env_remove("RUN_SLOW_TESTS");
    } else {
        test.env("RUN_SLOW_TESTS", "1");
    }
    let (outcome, lines) = match test.spawn() {
        Ok(child) => watch(child),
        Err(error) => {
            let why = format!("did not start: {error}");
            (Outcome::Failed(why), Vec::new())
        }
    };
    Ran {
        outcome,
        lines,
        took: started.elapsed(),
    }
}

/// Waits for a test to end and reads what it says.
fn watch(mut child: Child) -> (Outcome, Vec<String>) {
    let out = child.stdout.take().map(|pipe| thread::spawn(|| read(pipe)));
    let err = child.stderr.take().map(|pipe| thread::spawn(|| read(pipe)));
    let deadline = Instant::now() + TEST_LIMIT;
    let ended = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL_EVERY),
            Ok(None) => {
                // If it cannot be killed either, the wait below says so.
                let _ = child.kill();
                let _ = child.wait();
                break Err(format!("took longer than {} s", TEST_LIMIT.as_secs()));
            }
            Ok(Some(status)) => break Ok(status),
            Err(error) => break Err(error.to_string()),
        }
    };
    let text = |reader: Option<thread::JoinHandle<String>>| {
        reader
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    };
    let (out, err) = (text(out), text(err));
    let outcome = match ended {
        Err(why) => Outcome::Failed(why),
        Ok(status) if !status.success() => Outcome::Failed(format!("{status}: {}", reason(&err))),
        Ok(_) if !out.contains("test result: ok. 1 passed") => {
            Outcome::Failed("there is no such test".to_owned())
        }
        Ok(_) => Outcome::Passed,
    };
    (outcome, fault_lines(&out))
}

fn read(mut pipe: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    // What came before an error is still worth reading.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A panic's message, on one line.
fn reason(stderr: &str) -> String {
    let lines = stderr.lines().skip_while(|line| !line.contains("panicked"));
    let lines: Vec<&str> = lines.take(3).map(str::trim).collect();
    lines.join(" ")
}

/// The lines that a test printed about rows; the first may stand behind `test name ... `.
fn fault_lines(out: &str) -> Vec<String> {
    let about_row = |line: &str| {
        let rest = &line[line.find("fault ")?..];
        let number = rest.strip_prefix("fault ")?.split(':').next()?;
        let is_number = number.starts_with(|c: char| c.is_ascii_digit()) && number.len() <= 3;
        is_number.then(|| rest.to_owned())
    };
    out.lines().filter_map(about_row).collect()
}

/// When, what and where: for the line above the table.
pub(super) fn stamp(root: &Path, quick: bool) -> String {
    let ask = |program: &str, words: &[&str]| {
        let output = command(root, program, words).output().ok();
        let output = output.filter(|output| output.status.success());
        output.map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let date = ask("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let commit = ask("git", &["rev-parse", "--short", "HEAD"]);
    let kernel = ask("uname", &["-r"]);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let form = if quick { " --quick" } else { "" };
    format!(
        "{date}, commit {commit}, Linux {kernel}, {processors} processors, \
         `cargo xtask faults{form} --write`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_lines_are_found_behind_the_name_of_the_test() {
        let out = "running 1 test\ntest a ... fault 3: 5 images, seed 1\nfault 14b: x\n\
            default faults: none\nno fault here: y\nok\n";
        assert_eq!(
            fault_lines(out),
            ["fault 3: 5 images, seed 1", "fault 14b: x"]
        );
    }

    #[test]
    fn watch_tells_failed_from_passed_and_from_missing() {
        let run = |script: &str| {
            let mut bash = command(Path::new("."), "bash", &["-c", script]);
            bash.stdout(Stdio::piped()).stderr(Stdio::piped());
            watch(bash.spawn().expect("bash is there"))
        };
        let (outcome, lines) = run("echo fault 1: 2 kills; echo 'test result: ok. 1 passed'");
        assert_eq!(outcome, Outcome::Passed);
        assert_eq!(lines, ["fault 1: 2 kills"]);
        let (outcome, _) = run("echo 'test result: ok. 0 passed'");
        assert!(matches!(outcome, Outcome::Failed(why) if why.contains("no such test")));
        let (outcome, _) = run("echo 'thread x panicked at y' >&2; exit 101");
        assert!(matches!(outcome, Outcome::Failed(why) if why.contains("panicked at y")));
    }

    #[test]
    fn test_without_a_target_is_an_error() {
        assert!(split("journal kill::x").is_err());
        assert_eq!(split("journal/it a::b"), Ok(("journal/it", "a::b")));
    }
}
