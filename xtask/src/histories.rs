//! Runs random histories by the million, each kind against an oracle of its own, and prints a
//! table: what, count, seed, violations.
//!
//! A kind is a test that takes its count and seed from `CARACAL_HISTORIES` and `CARACAL_SEED`, and
//! prints `history NAME: count N, events N, seed N, violations N`. A history that fails is made
//! short by the test and printed whole. A test that ends without its line has failed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::shell::say;
use crate::test_binary::{Binary, build};

/// Shown behind `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask histories                           all kinds, the full counts: about half an
                                                  hour on four quiet cores
  cargo xtask histories --quick                   all kinds, some seconds each
  cargo xtask histories --only orders --seed 7    one kind with another seed
  cargo xtask histories --only machine --count 500
  cargo xtask histories --only desks --seed 7 --history 2276
A history that failed is run again alone by the last form, which the output names.";

/// One kind of history.
struct Part {
    name: &'static str,
    /// Package and target.
    place: &'static str,
    /// The test.
    test: &'static str,
    count: u64,
    quick: u64,
    what: &'static str,
}

const PARTS: [Part; 6] = [
    Part {
        name: "orders",
        place: "engine/histories",
        test: "orders::orders_end_as_the_set_of_their_facts_says",
        count: 10_000_000,
        quick: 200_000,
        what: "facts of orders in any sequence, against their set",
    },
    Part {
        name: "machine",
        place: "engine/histories",
        test: "machine::machines_conserve_agree_and_stay_within_limits",
        count: 200_000,
        quick: 5_000,
        what: "any events: money, limits, state hash after each, against a frozen twin",
    },
    Part {
        name: "desks",
        place: "engine/histories",
        test: "desks::desks_conserve_agree_and_count_as_a_walk_does",
        count: 1_000_000,
        quick: 2_000,
        what: "accounts, held orders, persons, funding: the same, and sums against walks",
    },
    Part {
        name: "money",
        place: "engine/histories",
        test: "money::books_sum_to_zero_and_equity_is_what_the_events_say",
        count: 1_000_000,
        quick: 20_000,
        what: "three contracts, loans, funding: double entry, sub-accounts, equity",
    },
    Part {
        name: "lost-answers",
        place: "caracal/drills",
        test: "lost_answers::lost_answer_leaves_our_books_as_the_venues_and_no_order_twice",
        count: 10_000,
        quick: 200,
        what: "acknowledgements lost, counted at the practice venue",
    },
    Part {
        name: "limits-at-venue",
        place: "caracal/drills",
        test: "limits::venue_never_holds_more_than_a_limit",
        count: 300,
        quick: 10,
        what: "venues that misbehave while far too much is wished for: what they hold",
    },
];

#[derive(Debug, Args)]
pub(crate) struct HistoriesArguments {
    /// Only these kinds.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    pub(crate) only: Vec<String>,
    /// This many of each kind instead of its own count.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Another seed than the tests' own.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// A small count of each kind.
    #[arg(long, conflicts_with = "count")]
    pub(crate) quick: bool,
    /// Only this one of the histories, for example one that failed; needs --only with one kind.
    #[arg(long, value_name = "N", requires = "only", conflicts_with_all = ["count", "quick"])]
    pub(crate) history: Option<u64>,
}

/// What a kind came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) count: u64,
    pub(crate) events: u64,
    pub(crate) seed: u64,
    pub(crate) violations: u64,
}

struct Ran {
    part: &'static Part,
    counted: Result<Counted, String>,
    took: Duration,
}

/// Runs the kinds that were asked for, one after the other, and prints the table.
///
/// # Errors
///
/// An unknown kind, a build that fails, or the kinds with violations.
pub(crate) fn run(root: &Path, arguments: &HistoriesArguments) -> Result<(), String> {
    let parts = chosen(&arguments.only)?;
    let mut ran = Vec::new();
    for part in parts {
        let binary = build(root, part.place)?;
        ran.push(one(part, &binary, arguments));
    }
    print(&ran);
    let bad = |ran: &&Ran| {
        ran.counted
            .as_ref()
            .map_or(true, |counted| counted.violations > 0)
    };
    let failed: Vec<&str> = ran.iter().filter(bad).map(|ran| ran.part.name).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("histories that failed: {}", failed.join(", ")))
    }
}

fn chosen(only: &[String]) -> Result<Vec<&'static Part>, String> {
    let names = || {
        PARTS
            .iter()
            .map(|part| part.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(unknown) = only
        .iter()
        .find(|name| PARTS.iter().all(|p| p.name != **name))
    {
        return Err(format!("no kind {unknown}; the kinds are {}", names()));
    }
    let wanted = |part: &&Part| only.is_empty() || only.iter().any(|name| name == part.name);
    Ok(PARTS.iter().filter(wanted).collect())
}

fn one(part: &'static Part, binary: &Binary, arguments: &HistoriesArguments) -> Ran {
    let own = if arguments.quick {
        part.quick
    } else {
        part.count
    };
    let count = arguments.count.unwrap_or(own);
    let count = arguments.history.map_or(count, |_| 1);
    say(&format!("{}: {count} histories: {}", part.name, part.what));
    let started = Instant::now();
    let mut test = Command::new(&binary.path);
    test.args(["--exact", part.test, "--include-ignored", "--nocapture"])
        .current_dir(&binary.folder)
        .env("CARACAL_HISTORIES", count.to_string())
        .env_remove("CARACAL_HISTORY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(history) = arguments.history {
        test.env("CARACAL_HISTORY", history.to_string());
    }
    if let Some(seed) = arguments.seed {
        test.env("CARACAL_SEED", seed.to_string());
    }
    let counted = watch(part.name, test);
    Ran {
        part,
        counted,
        took: started.elapsed(),
    }
}

/// Shows a test's lines as they come, and reads its counts.
pub(crate) fn watch(name: &str, mut test: Command) -> Result<Counted, String> {
    let mut child = test
        .spawn()
        .map_err(|error| format!("did not start: {error}"))?;
    let errors = child.stderr.take().map(|pipe| {
        thread::spawn(move || {
            let lines = BufReader::new(pipe).lines().map_while(Result::ok);
            lines
                .skip_while(|line| !line.contains("panicked"))
                .take(3)
                .collect::<Vec<_>>()
        })
    });
    let mut counted = None;
    if let Some(pipe) = child.stdout.take() {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let Some(counts) = counts_in(name, &line) {
                counted = Some(counts);
            } else if line.starts_with("progress ") || line.starts_with("history ") {
                say(&format!("    {line}"));
            }
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let panicked = errors
        .and_then(|reader| reader.join().ok())
        .unwrap_or_default();
    match counted {
        Some(counted) if status.success() || counted.violations > 0 => Ok(counted),
        Some(_) | None => Err(format!("{status}, {}", panicked.join(" "))),
    }
}

/// The counts of a line of this kind; it may stand behind `test name ... `.
fn counts_in(name: &str, line: &str) -> Option<Counted> {
    let start = format!("history {name}: ");
    let rest = &line[line.find(&start)? + start.len()..];
    let mut counted = Counted::default();
    for field in rest.split(", ") {
        let (key, value) = field.split_once(' ')?;
        let value = value.parse().ok()?;
        match key {
            "count" => counted.count = value,
            "events" => counted.events = value,
            "seed" => counted.seed = value,
            "violations" => counted.violations = value,
            _ => return None,
        }
    }
    Some(counted)
}

fn print(ran: &[Ran]) {
    say(&format!(
        "\n{:<13} {:>10} {:>12} {:>10} {:>10} {:>9}  what",
        "kind", "count", "events", "seed", "violations", "time"
    ));
    for Ran {
        part,
        counted,
        took,
    } in ran
    {
        let (name, what, seconds) = (part.name, part.what, took.as_secs_f64());
        match counted {
            Ok(Counted {
                count,
                events,
                seed,
                violations,
            }) => say(&format!(
                "{name:<13} {count:>10} {events:>12} {seed:>10} {violations:>10} \
                 {seconds:>7.1} s  {what}"
            )),
            Err(why) => say(&format!("{name:<13} DID NOT END: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_line_of_their_kind() {
        let line = "test a ... history orders: count 9, events 80, seed 3, violations 1";
        let want = Counted {
            count: 9,
            events: 80,
            seed: 3,
            violations: 1,
        };
        assert_eq!(counts_in("orders", line), Some(want));
        assert_eq!(counts_in("machine", line), None);
        assert_eq!(counts_in("orders", "history orders: count x"), None);
    }

    #[test]
    fn a_test_without_its_line_or_with_a_failure_is_an_error() {
        let run = |script: &str| {
            let mut bash = Command::new("bash");
            bash.args(["-c", script]);
            bash.stdout(Stdio::piped()).stderr(Stdio::piped());
            watch("x", bash)
        };
        let line = "history x: count 1, events 1, seed 1, violations";
        assert!(run(&format!("echo '{line} 0'")).is_ok());
        assert!(run("true").is_err());
        assert!(run(&format!("echo '{line} 0'; echo panicked >&2; exit 101")).is_err());
        let bad = run(&format!("echo '{line} 2'; exit 101"));
        assert!(bad.is_ok_and(|counted| counted.violations == 2));
    }

    #[test]
    fn unknown_kind_is_an_error() {
        assert!(chosen(&["nothing".to_owned()]).is_err_and(|why| why.contains("orders")));
    }
}
