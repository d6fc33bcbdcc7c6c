//! Mutation testing of orders, money and risk: each function is changed in small ways, and a test
//! has to notice. What is changed and which tests run stands in `.cargo/mutants.toml`; what was
//! found, in `engine/MUTANTS.md`.
//!
//! All of it takes a day, so a seeded sample of each area is drawn: every change gets a number from
//! the seed and its name, and those with the smallest numbers are tried. The same code and seed
//! give the same sample, a larger one contains a smaller one, and `--skip` goes on with the next.
//! The tool's deletions of a field (some thirty) heed no selection: they are tried in every run,
//! and are no part of the draw.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use clap::Args;

use crate::shell::{command, run as run_command, say};

/// Shown behind `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask mutants                        60 changes of each area, about three hours
  cargo xtask mutants --each 20 --seed 7     another, smaller sample
  cargo xtask mutants --skip 60 --each 60    the next 60 of each area
  cargo xtask mutants --only risk --list     what would be tried
  cargo xtask mutants --again missed.txt     the changes that a file names, one a line, even
                                             where the code has moved since
The changes that no test noticed are listed in mutants.out/missed.txt.";

/// The areas: folders of the machine.
const AREAS: [&str; 6] = ["orders", "portfolio", "risk", "held", "exits", "sizing"];

/// Part of the name of changes that the tool makes whatever is selected.
const ALWAYS: &str = ": delete field ";

#[derive(Debug, Args)]
pub(crate) struct MutantsArguments {
    /// Changes that are tried of each area.
    #[arg(long, default_value_t = 60, value_name = "N")]
    each: usize,
    /// Leaves out the first changes of each area's draw: another run tried them.
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: usize,
    /// Seed of the draw.
    #[arg(long, default_value_t = 4, value_name = "N")]
    seed: u64,
    /// Only these areas: orders, portfolio, risk, held, exits, sizing.
    #[arg(long, value_delimiter = ',', value_name = "AREAS")]
    only: Vec<String>,
    /// Tries the changes that this file names, one a line, instead of drawing any.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["each", "skip", "seed", "only"])]
    again: Option<std::path::PathBuf>,
    /// Shows the sample and tries nothing.
    #[arg(long)]
    list: bool,
    /// Changes the files of this working copy instead of a copy of it: nothing is built twice.
    #[arg(long)]
    in_place: bool,
    /// Trusts that the tests pass without any change.
    #[arg(long)]
    no_baseline: bool,
}

/// Draws the sample, runs the tool over it, and prints what each area came to.
///
/// # Errors
///
/// The tool is not installed, an area is unknown, or a change was noticed by no test.
pub(crate) fn run(root: &Path, arguments: &MutantsArguments) -> Result<(), String> {
    let changes = changes(root)?;
    let drawn = match &arguments.again {
        Some(file) => named(file, &changes)?,
        None => draw(&changes, arguments)?,
    };
    if arguments.list {
        drawn.iter().for_each(|name| say(name));
        return Ok(());
    }
    if drawn.is_empty() {
        return Err("no change is left to be tried: use a smaller --skip".to_owned());
    }
    let mut words = vec!["mutants", "--package", "engine", "--colors", "never"];
    if arguments.in_place {
        words.push("--in-place");
    }
    if arguments.no_baseline {
        words.extend(["--baseline", "skip", "--timeout", "120"]);
    }
    let patterns: Vec<String> = drawn.iter().map(|name| exactly(name)).collect();
    for pattern in &patterns {
        words.extend(["--re", pattern]);
    }
    let ended = run_command(command(root, "cargo", &words));
    table(root)?;
    ended.map_err(|_| "not every change was noticed: see mutants.out/missed.txt".to_owned())
}

/// The names of all changes that the tool would make.
fn changes(root: &Path) -> Result<Vec<String>, String> {
    let missing = "cargo-mutants is missing: cargo install --locked cargo-mutants";
    let words = [
        "mutants",
        "--list",
        "--package",
        "engine",
        "--colors",
        "never",
    ];
    let mut list = command(root, "cargo", &words);
    let out = list.stderr(Stdio::inherit()).output();
    let out = out.map_err(|error| format!("cargo did not start: {error}"))?;
    if !out.status.success() {
        return Err(missing.to_owned());
    }
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

fn named(file: &Path, changes: &[String]) -> Result<Vec<String>, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(again(&text, changes))
}

/// The changes that the lines name; where the code has moved since, those of the same file and
/// words.
fn again(lines: &str, changes: &[String]) -> Vec<String> {
    let exact: BTreeSet<&str> = changes.iter().map(String::as_str).collect();
    let (found, moved): (BTreeSet<&str>, BTreeSet<&str>) = lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .partition(|line| exact.contains(line));
    let moved: BTreeSet<(&str, &str)> = moved.into_iter().map(without_place).collect();
    let wanted = |name: &&String| {
        found.contains(name.as_str()) || moved.contains(&without_place(name.as_str()))
    };
    changes.iter().filter(wanted).cloned().collect()
}

/// File and words of a change, without line and column.
fn without_place(name: &str) -> (&str, &str) {
    let (place, words) = name.split_once(": ").unwrap_or((name, ""));
    (place.split(':').next().unwrap_or(place), words)
}

/// The sample of every area, area by area.
fn draw(changes: &[String], arguments: &MutantsArguments) -> Result<Vec<String>, String> {
    let only = &arguments.only;
    if let Some(unknown) = only.iter().find(|name| !AREAS.contains(&name.as_str())) {
        return Err(format!(
            "no area {unknown}; the areas are {}",
            AREAS.join(", ")
        ));
    }
    let mut drawn = Vec::new();
    for area in AREAS {
        if !only.is_empty() && !only.iter().any(|name| name == area) {
            continue;
        }
        let mut ranked: Vec<(u64, &String)> = changes
            .iter()
            .filter(|name| area_of(name) == Some(area) && !name.contains(ALWAYS))
            .map(|name| (rank(arguments.seed, name), name))
            .collect();
        ranked.sort_unstable();
        let part = ranked.into_iter().skip(arguments.skip).take(arguments.each);
        drawn.extend(part.map(|(_, name)| name.clone()));
    }
    Ok(drawn)
}

/// The area of a change by its path.
fn area_of(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix("engine/src/machine/")?;
    let folder = rest.split('/').next()?;
    AREAS.into_iter().find(|area| *area == folder)
}

/// The number of a change in the draw: FNV-1a over seed and name, mixed by splitmix64's finish.
fn rank(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(name.bytes());
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A pattern that only this name matches.
fn exactly(name: &str) -> String {
    let mut pattern = String::from("^");
    for letter in name.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('$');
    pattern
}

/// Prints per area how many changes were tried, and what became of them.
fn table(root: &Path) -> Result<(), String> {
    let lines = |name: &str| {
        let path = root.join("mutants.out").join(name);
        let text = std::fs::read_to_string(&path);
        text.map_err(|error| format!("{}: {error}", path.display()))
    };
    let ends = ["caught.txt", "timeout.txt", "missed.txt", "unviable.txt"];
    let texts = ends.map(lines);
    say("area        tried  caught  timed out  missed  unviable");
    for area in AREAS {
        let mut counts = [0_usize; 4];
        for (count, text) in counts.iter_mut().zip(&texts) {
            let text = text.as_ref().map_err(Clone::clone)?;
            *count = text
                .lines()
                .filter(|line| area_of(line) == Some(area))
                .count();
        }
        let [caught, late, missed, unviable] = counts;
        let tried = caught + late + missed + unviable;
        say(&format!(
            "{area:<10} {tried:>6} {caught:>7} {late:>10} {missed:>7} {unviable:>9}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(each: usize, skip: usize) -> MutantsArguments {
        MutantsArguments {
            each,
            skip,
            seed: 4,
            only: vec!["risk".to_owned()],
            again: None,
            list: true,
            in_place: false,
            no_baseline: false,
        }
    }

    fn names() -> Vec<String> {
        let name = |n| format!("engine/src/machine/risk/mod.rs:{n}:9: replace < with ==");
        let other = "engine/src/machine/orders/life.rs:1:1: replace < with ==".to_owned();
        (0..40).map(name).chain([other]).collect()
    }

    #[test]
    fn a_draw_is_repeated_and_goes_on_where_it_ended() {
        let first = draw(&names(), &arguments(10, 0)).expect("an area");
        assert_eq!(draw(&names(), &arguments(10, 0)).expect("an area"), first);
        let next = draw(&names(), &arguments(10, 10)).expect("an area");
        let both = draw(&names(), &arguments(20, 0)).expect("an area");
        assert_eq!([first, next].concat(), both);
        assert!(both.iter().all(|name| area_of(name) == Some("risk")));
        let all = draw(&names(), &arguments(100, 0)).expect("an area");
        assert_eq!(all.len(), 40);
    }

    #[test]
    fn a_change_is_found_again_where_the_code_has_moved() {
        let names = names();
        assert_eq!(again(&names[3], &names), names[3..4]);
        let moved = "engine/src/machine/orders/life.rs:7:3: replace < with ==\n";
        assert_eq!(again(moved, &names), names[40..]);
        assert!(again("engine/src/machine/orders/life.rs:7:3: other\n", &names).is_empty());
    }

    #[test]
    fn unknown_area_is_an_error() {
        let mut wrong = arguments(1, 0);
        wrong.only = vec!["nothing".to_owned()];
        assert!(draw(&names(), &wrong).is_err_and(|why| why.contains("portfolio")));
    }

    #[test]
    fn a_pattern_matches_the_letters_themselves() {
        assert_eq!(exactly("a.rs:1: f -> &(u8)"), r"^a\.rs:1: f \-> \&\(u8\)$");
    }
}
