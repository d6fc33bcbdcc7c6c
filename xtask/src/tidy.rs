//! The house rules that a machine can check, as `cargo xtask tidy` and as an ordinary test.
//!
//! One rule is one file in `tidy/`, a function from the [`Tree`] to its violations. A file that
//! must break a rule has an entry with a reason in [`EXCEPTIONS_PATH`]; an entry that excuses
//! nothing is itself a violation, so the list can only shrink by itself.

mod architecture;
mod ascii;
mod banned;
mod edges;
mod exceptions;
mod float;
mod header;
mod manifest;
mod markdown;
mod mask;
mod private_names;
mod pure;
mod rings;
mod risk_tests;
mod safety;
mod serde_rename;
mod size;
mod tree;
mod unsafe_place;

use std::fmt;
use std::path::Path;

use crate::shell::say;
use tree::Tree;

/// Where exceptions are listed.
const EXCEPTIONS_PATH: &str = "xtask/tidy-exceptions.toml";

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    path: String,
    /// From 1; 1 also stands for the file as a whole.
    line: usize,
    what: String,
    why: &'static str,
    fix: &'static str,
}

impl Violation {
    fn new(
        path: &str,
        line: usize,
        what: impl Into<String>,
        why: &'static str,
        fix: &'static str,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            why,
            fix,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            what,
            why,
            fix,
        } = self;
        write!(f, "{path}:{line}: {what}; {why}; {fix}")
    }
}

/// Finds every place that breaks one rule.
type Check = fn(&Tree) -> Vec<Violation>;

/// Each rule under the name that exceptions use.
const RULES: [(&str, Check); 17] = [
    ("header", header::check),
    ("ascii", ascii::check),
    ("line-length", size::check_lines),
    ("file-length", size::check_files),
    ("banned", banned::check),
    ("markdown-title", markdown::check),
    ("manifest", manifest::check),
    ("edges", edges::check),
    ("disruptor-place", rings::check),
    ("unsafe-place", unsafe_place::check),
    ("safety-comment", safety::check),
    ("no-float", float::check),
    ("pure-machine", pure::check),
    ("serde-rename", serde_rename::check),
    ("private-names", private_names::check),
    ("architecture", architecture::check),
    ("risk-tests", risk_tests::check),
];

/// Prints every violation in the repository at `root`.
///
/// # Errors
///
/// How many there are, or why the repository could not be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    let found = violations(&tree);
    for line in &found {
        say(line);
    }
    let files = tree.files.len();
    match found.len() {
        0 => {
            say(&format!(
                "tidy: {files} files, {} rules, no violation",
                RULES.len()
            ));
            Ok(())
        }
        count => Err(format!("tidy: {count} violations in {files} files")),
    }
}

/// Every violation that no exception excuses, as `path:line: what; why; what to do [rule]`.
fn violations(tree: &Tree) -> Vec<String> {
    let named = |(name, check): &(&'static str, Check)| {
        let name = *name;
        check(tree)
            .into_iter()
            .map(move |violation| (name, violation))
    };
    let found = RULES.iter().flat_map(named).collect();
    let mut kept = exceptions::apply(tree, found);
    kept.sort_by(|(_, a), (_, b)| (&a.path, a.line).cmp(&(&b.path, b.line)));
    kept.into_iter()
        .map(|(rule, violation)| format!("{violation} [{rule}]"))
        .collect()
}

/// `path:line` of everything that `check` finds in `files`, for the rules' own tests.
#[cfg(test)]
fn places(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    let found = check(&Tree::of(files));
    found
        .iter()
        .map(|violation| format!("{}:{}", violation.path, violation.line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_is_tidy() {
        let tree = Tree::read(crate::repository_root()).expect("the repository can be read");
        assert!(
            tree.rust().count() > 20,
            "the walk must find this repository's sources"
        );
        let found = violations(&tree);
        assert!(
            found.is_empty(),
            "{} violations:\n{}",
            found.len(),
            found.join("\n")
        );
    }

    #[test]
    fn violation_line_says_where_what_why_and_what_to_do() {
        let tree = Tree::of(&[("a/src/x.rs", "fn f() {}\n")]);
        let found = violations(&tree);
        assert!(
            found
                .iter()
                .any(|line| line.starts_with("a/src/x.rs:1: no `//!` header; ")
                    && line.ends_with(" [header]")),
            "{found:?}"
        );
    }
}
