//! Everything that CI runs, in one place that a person can run too; `.ci/run` only calls this.
//!
//! Every step runs even when an earlier one failed, so that one run shows all that is wrong. The
//! tests are the README's own command, taken out of the README, so the two cannot differ.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::shell::{command, run as run_command, run_within, say};
use crate::{fuzz, tidy};

/// Longest that the fetch of the advisory database may take.
const FETCH_LIMIT: Duration = Duration::from_secs(120);
/// How long each fuzz target runs here; long runs are started by hand.
const FUZZ_SECONDS: u32 = 20;
/// The README's line above the command that runs the tests.
const TEST_MARKER: &str = "<!-- test command -->";

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Skipped(&'static str),
    Failed(String),
}

type Step = (&'static str, fn(&Path) -> Outcome);

const STEPS: [Step; 9] = [
    ("fmt", |root| {
        cargo(root, &["fmt", "--all", "--", "--check"])
    }),
    ("tidy", |root| tidy::run(root).into()),
    ("clippy", clippy),
    ("doc", doc),
    ("deny", deny),
    ("advisories", advisories),
    ("test", test),
    ("bench smoke", bench),
    ("fuzz smoke", fuzz_smoke),
];

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// Runs every step and prints the table of them.
///
/// # Errors
///
/// The names of the steps that failed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut table = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        say(&format!("\n== {name}"));
        let started = Instant::now();
        let outcome = step(root);
        let shown = match &outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
            Outcome::Failed(why) => {
                failed.push(name);
                format!("FAILED: {why}")
            }
        };
        say(&format!("{name}: {shown}"));
        table.push(format!(
            "{name:<12} {:>7.1} s  {shown}",
            started.elapsed().as_secs_f64()
        ));
    }
    say("\n== steps");
    for row in &table {
        say(row);
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")))
    }
}

fn cargo(root: &Path, words: &[&str]) -> Outcome {
    run_command(command(root, "cargo", words)).into()
}

fn clippy(root: &Path) -> Outcome {
    let words = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    cargo(root, &words)
}

fn doc(root: &Path) -> Outcome {
    let mut doc = command(
        root,
        "cargo",
        &["doc", "--workspace", "--no-deps", "--locked"],
    );
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run_command(doc).into()
}

fn deny(root: &Path) -> Outcome {
    cargo(
        root,
        &["deny", "--offline", "check", "bans", "licenses", "sources"],
    )
}

/// Checks against the advisory database where it can be reached.
///
/// Fetch and check are two commands, so that only a failed fetch is ever excused.
fn advisories(root: &Path) -> Outcome {
    let fetch = command(root, "cargo", &["deny", "fetch", "db"]);
    if run_within(fetch, FETCH_LIMIT).is_err() {
        return Outcome::Skipped("database unreachable");
    }
    cargo(root, &["deny", "check", "--disable-fetch", "advisories"])
}

fn test(root: &Path) -> Outcome {
    let readme = match fs::read_to_string(root.join("README.md")) {
        Ok(text) => text,
        Err(error) => return Outcome::Failed(format!("README.md: {error}")),
    };
    match test_command(&readme) {
        Ok(line) => {
            say(&format!("$ {line}"));
            run_command(command(root, "bash", &["-c", &line])).into()
        }
        Err(why) => Outcome::Failed(why),
    }
}

/// The one command in the fenced block below the marker.
fn test_command(readme: &str) -> Result<String, String> {
    let mut lines = readme
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != TEST_MARKER)
        .skip(1);
    let mut lines = lines.by_ref().skip_while(|line| line.is_empty());
    if !lines.next().is_some_and(|line| line.starts_with("```")) {
        return Err(format!(
            "README.md has no fenced block below `{TEST_MARKER}`"
        ));
    }
    let block: Vec<&str> = lines.take_while(|line| !line.starts_with("```")).collect();
    match block.as_slice() {
        [line] if !line.is_empty() => Ok((*line).to_owned()),
        _ => Err(format!(
            "the block below `{TEST_MARKER}` must hold exactly one command"
        )),
    }
}

fn bench(root: &Path) -> Outcome {
    if !root.join("bench/benches").is_dir() {
        return Outcome::Skipped("no bench targets yet");
    }
    cargo(root, &["bench", "-p", "bench", "--locked", "--", "--test"])
}

fn fuzz_smoke(root: &Path) -> Outcome {
    let targets = match fuzz::targets(root) {
        Ok(targets) if targets.is_empty() => return Outcome::Skipped("no fuzz targets yet"),
        Ok(targets) => targets,
        Err(why) => return Outcome::Failed(why),
    };
    for target in targets {
        let arguments = fuzz::FuzzArguments {
            target,
            seconds: FUZZ_SECONDS,
            input: None,
        };
        if let Err(why) = fuzz::run(root, &arguments) {
            return Outcome::Failed(why);
        }
    }
    Outcome::Passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_command_is_read_from_the_marked_block_only() {
        let readme = "# A\n```sh\nother\n```\n<!-- test command -->\n\n```sh\ncargo test\n```\n";
        assert_eq!(test_command(readme).as_deref(), Ok("cargo test"));
    }

    #[test]
    fn test_command_missing_or_double_is_an_error() {
        assert!(test_command("# A\n```sh\ncargo test\n```\n").is_err());
        assert!(test_command("<!-- test command -->\ntext\n```sh\nx\n```\n").is_err());
        assert!(test_command("<!-- test command -->\n```sh\nx\ny\n```\n").is_err());
        assert!(test_command("<!-- test command -->\n```sh\n```\n").is_err());
    }

    #[test]
    fn test_command_of_this_repository_tests_the_whole_workspace() {
        let readme = fs::read_to_string(crate::repository_root().join("README.md"));
        let readme = readme.expect("README.md is there");
        assert_eq!(
            test_command(&readme).as_deref(),
            Ok("cargo test --workspace")
        );
    }
}
