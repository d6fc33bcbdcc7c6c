//! Rule `risk-tests`: every test that RISK.md names exists.
//!
//! In the column `test` of a table, what stands in backticks is a function (`module::name`), a
//! beginning (`name_*`), everything of a module (`module::*`), or the end of a file's path.

use std::collections::BTreeSet;

use super::Violation;
use super::tree::Tree;

const PAGE: &str = "RISK.md";

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let Some(page) = tree.file(PAGE) else {
        return Vec::new();
    };
    let functions = functions(tree);
    let (mut found, mut column) = (Vec::new(), None);
    for (index, line) in page.text.lines().enumerate() {
        if !line.starts_with('|') {
            column = None;
            continue;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(at) = column else {
            // The first row of a table names its columns.
            let test = cells.iter().position(|cell| *cell == "test");
            column = Some(test.unwrap_or(usize::MAX));
            continue;
        };
        for name in names(cells.get(at).copied().unwrap_or_default()) {
            if !exists(name, &functions, tree) {
                found.push(Violation::new(
                    PAGE,
                    index + 1,
                    format!("no test `{name}`"),
                    "a control whose test is gone is not proven",
                    "name the test that would notice",
                ));
            }
        }
    }
    found
}

/// Names of all functions.
fn functions(tree: &Tree) -> BTreeSet<&str> {
    let names = tree.rust().flat_map(|file| file.text.split("fn ").skip(1));
    names
        .map(|text| {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &text[..end.unwrap_or(text.len())]
        })
        .collect()
}

/// What stands in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn exists(name: &str, functions: &BTreeSet<&str>, tree: &Tree) -> bool {
    let is_path = |path: &str| {
        let within = format!("/{path}");
        let own = |file: &str| file == path || file.ends_with(&within);
        let folder = format!("{path}/");
        tree.files
            .iter()
            .any(|file| own(&file.path) || file.path.starts_with(&folder))
    };
    if let Some(module) = name.strip_suffix("::*") {
        return is_path(&format!("{module}.rs")) || is_path(&format!("{module}/mod.rs"));
    }
    let last = name.rsplit("::").next().unwrap_or(name);
    if let Some(start) = last.strip_suffix('*') {
        return functions.iter().any(|one| one.starts_with(start));
    }
    functions.contains(last) || is_path(name)
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    fn page(cell: &str) -> String {
        format!("# Risk\n\n| control | test |\n|---|---|\n| 1 form `none` | {cell} |\n")
    }

    #[test]
    fn risk_page_that_names_a_test_which_is_not_there_is_found() {
        let code = ("engine/tests/limits.rs", "fn limit_holds() {}\n");
        let of = |cell: &str| places(check, &[("RISK.md", &page(cell)), code]);
        for good in [
            "`limit_holds`",
            "`limits::limit_holds`, by hand",
            "`limits::*`",
            "`limit_*`",
            "`tests/limits.rs`: `limit_holds`",
            "`engine/tests`",
            "",
        ] {
            assert!(of(good).is_empty(), "{good}");
        }
        for bad in [
            "`limit_held`",
            "`limit_holds`, `another`",
            "`bounds::*`",
            "`limits_*`",
            "`tests/bounds.rs`",
        ] {
            assert_eq!(of(bad), ["RISK.md:5"], "{bad}");
        }
    }
}
