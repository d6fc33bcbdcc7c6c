//! Runs every fault test of the table in `journal/FAULTS.md` and prints what each row came to.
//!
//! The table is the only list: a row names its tests as `package/target path`, where the target is
//! an integration test's name, `lib` or `bin`. Each test runs in a process of its own, in release,
//! and prints `fault ROW: COUNTS, seed N`; or `fault ROW: not run: WHY` where its rig cannot be
//! had. A row whose tests pass without such a line fails: nothing was counted.

mod run;
mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::shell::say;
use run::{Outcome, Ran};
use table::Row;

/// The table, from the root.
const TABLE: &str = "journal/FAULTS.md";

#[derive(Debug, Args)]
pub(crate) struct FaultsArguments {
    /// Only these rows, for example 11,12,14b.
    #[arg(long, value_delimiter = ',', value_name = "ROWS")]
    pub(crate) rows: Vec<String>,
    /// The short form of each test, as `cargo test` runs it, instead of the long one.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Put the results into the table's last column.
    #[arg(long)]
    pub(crate) write: bool,
    /// Tests at a time.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) jobs: usize,
}

/// What a row came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Passed,
    NotRun,
    Failed(String),
}

#[derive(Debug)]
struct Judged {
    number: String,
    fault: String,
    verdict: Verdict,
    /// What the tests counted, or why they did not run.
    counts: String,
    images: u64,
    took: Duration,
}

/// Runs the rows that were asked for and prints the table.
///
/// # Errors
///
/// A table that cannot be read, a row that it does not have, a build that fails, or the numbers of
/// the rows that failed.
pub(crate) fn run(root: &Path, arguments: &FaultsArguments) -> Result<(), String> {
    let path = root.join(TABLE);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{TABLE}: {error}"))?;
    let rows = chosen(table::parse(&text)?, &arguments.rows)?;
    let ran = run::all(root, &rows, arguments.quick, arguments.jobs.max(1))?;
    let judged: Vec<Judged> = rows.iter().map(|row| judge(row, &ran)).collect();
    print(&judged);
    if arguments.write {
        let results: BTreeMap<&str, String> = judged
            .iter()
            .map(|row| (row.number.as_str(), result_cell(row)))
            .collect();
        let stamp = run::stamp(root, arguments.quick);
        let new = table::with_results(&text, &results, &stamp);
        std::fs::write(&path, new).map_err(|error| format!("{TABLE}: {error}"))?;
    }
    let failed: Vec<&str> = judged
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Failed(_)))
        .map(|row| row.number.as_str())
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("rows that failed: {}", failed.join(", ")))
    }
}

fn chosen(rows: Vec<Row>, wanted: &[String]) -> Result<Vec<Row>, String> {
    if let Some(unknown) = wanted.iter().find(|w| rows.iter().all(|r| r.number != **w)) {
        return Err(format!(
            "{TABLE} has no row {unknown}; it has 1 to 54 and 14b"
        ));
    }
    let is_wanted = |row: &Row| wanted.is_empty() || wanted.contains(&row.number);
    Ok(rows.into_iter().filter(is_wanted).collect())
}

fn judge(row: &Row, ran: &BTreeMap<String, Ran>) -> Judged {
    let tests: Vec<&Ran> = row.tests.iter().filter_map(|test| ran.get(test)).collect();
    let lines: Vec<&str> = tests
        .iter()
        .flat_map(|test| test.lines_of(&row.number))
        .collect();
    let failed = row.tests.iter().find_map(|test| match ran.get(test) {
        Some(Ran {
            outcome: Outcome::Failed(why),
            ..
        }) => Some(format!("{test}: {why}")),
        Some(_) => None,
        None => Some(format!("{test}: there is no such test")),
    });
    let counted = lines.iter().any(|line| !line.starts_with("not run"));
    let verdict = match failed {
        Some(why) => Verdict::Failed(why),
        None if row.tests.is_empty() => Verdict::Failed("it has no test".to_owned()),
        None if lines.is_empty() => Verdict::Failed("its tests counted nothing".to_owned()),
        None if counted => Verdict::Passed,
        None => Verdict::NotRun,
    };
    Judged {
        number: row.number.clone(),
        fault: row.fault.clone(),
        verdict,
        images: lines.iter().map(|line| images_in(line)).sum(),
        counts: lines.join("; "),
        took: tests.iter().map(|test| test.took).sum(),
    }
}

/// The number in front of the word `images`, wherever a line has it.
fn images_in(line: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ',']).collect();
    words
        .windows(2)
        .filter(|pair| pair[1] == "images" || pair[1] == "image")
        .filter_map(|pair| pair[0].parse::<u64>().ok())
        .sum()
}

fn result_cell(row: &Judged) -> String {
    match &row.verdict {
        Verdict::Passed => format!("passed: {}", row.counts),
        Verdict::NotRun => row.counts.clone(),
        Verdict::Failed(why) => format!("FAILED: {why}"),
    }
}

fn print(judged: &[Judged]) {
    say(&format!(
        "\n{:<4} {:<46} {:<8} {:>8}  counts and seeds",
        "row", "fault", "result", "time"
    ));
    let (mut passed, mut not_run, mut failed) = (0, 0, 0);
    for row in judged {
        let (word, note) = match &row.verdict {
            Verdict::Passed => {
                passed += 1;
                ("passed", row.counts.clone())
            }
            Verdict::NotRun => {
                not_run += 1;
                ("NOT RUN", row.counts.clone())
            }
            Verdict::Failed(why) => {
                failed += 1;
                ("FAILED", format!("{why} {}", row.counts))
            }
        };
        let fault: String = row.fault.chars().take(46).collect();
        let seconds = row.took.as_secs_f64();
        let number = &row.number;
        say(&format!(
            "{number:<4} {fault:<46} {word:<8} {seconds:>6.1} s  {note}"
        ));
    }
    let images: u64 = judged.iter().map(|row| row.images).sum();
    say(&format!(
        "\n{} rows: {passed} passed, {failed} failed, {not_run} not run; {images} images judged",
        judged.len()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tests: &[&str]) -> Row {
        Row {
            number: "7".to_owned(),
            fault: "x".to_owned(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
        }
    }

    fn ran(outcome: Outcome, lines: &[&str]) -> Ran {
        Ran {
            outcome,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            took: Duration::ZERO,
        }
    }

    fn verdict(row: &Row, outcome: Outcome, lines: &[&str]) -> Verdict {
        let ran = BTreeMap::from([("a/b c".to_owned(), ran(outcome, lines))]);
        judge(row, &ran).verdict
    }

    #[test]
    fn row_passes_only_if_something_was_counted() {
        let row = row(&["a/b c"]);
        let judge = |outcome, lines: &[&str]| verdict(&row, outcome, lines);
        assert_eq!(
            judge(Outcome::Passed, &["fault 7: 3 kills, seed 1"]),
            Verdict::Passed
        );
        let not_run = judge(Outcome::Passed, &["fault 7: not run: needs root"]);
        assert_eq!(not_run, Verdict::NotRun);
        for lines in [&[][..], &["fault 8: 3 kills"], &["fault 77: 1 kill"]] {
            assert!(matches!(judge(Outcome::Passed, lines), Verdict::Failed(_)));
        }
        let failed = judge(
            Outcome::Failed("exit 101".to_owned()),
            &["fault 7: 1 image"],
        );
        assert!(matches!(failed, Verdict::Failed(_)));
        assert!(matches!(
            verdict(&self::row(&["a/b d"]), Outcome::Passed, &[]),
            Verdict::Failed(_)
        ));
        assert!(matches!(
            verdict(&self::row(&[]), Outcome::Passed, &[]),
            Verdict::Failed(_)
        ));
    }

    #[test]
    fn images_are_added_up() {
        assert_eq!(images_in("1200 images, 7 refused, 30 images, seed 5"), 1230);
        assert_eq!(images_in("not run: needs root"), 0);
    }

    #[test]
    fn unknown_row_is_an_error() {
        let error = chosen(vec![row(&[])], &["99".to_owned()]);
        assert!(error.is_err_and(|why| why.contains("no row 99")));
    }
}
