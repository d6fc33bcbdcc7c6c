//! The table of `journal/FAULTS.md`: reading its rows, and writing results into its last column.

use std::collections::BTreeMap;

/// Columns: number, fault, how injected, what must happen, tests, last result.
const COLUMNS: usize = 6;
/// The line above the table that says when and where it was last run.
const STAMP: &str = "Last run: ";

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) number: String,
    pub(super) fault: String,
    /// Each `package/target path`.
    pub(super) tests: Vec<String>,
}

/// The cells of a table line, or `None` for any other line, the heading included.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Vec<&str> = inner.split(" | ").map(str::trim).collect();
    let is_row = cells[0].starts_with(|c: char| c.is_ascii_digit());
    is_row.then_some(cells)
}

/// Reads the rows.
///
/// # Errors
///
/// A row with another number of columns, or a number that stands twice.
pub(super) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines() {
        let Some(cells) = cells(line) else {
            continue;
        };
        if cells.len() != COLUMNS {
            let count = cells.len();
            let number = cells[0];
            return Err(format!(
                "row {number} has {count} columns instead of {COLUMNS}"
            ));
        }
        let number = cells[0].to_owned();
        if rows.iter().any(|row| row.number == number) {
            return Err(format!("row {number} stands twice"));
        }
        // Between backticks: every second part.
        let tests = cells[4].split('`').skip(1).step_by(2);
        rows.push(Row {
            number,
            fault: cells[1].to_owned(),
            tests: tests.map(str::to_owned).collect(),
        });
    }
    Ok(rows)
}

/// The text with the results in the last column of their rows, and the stamp in its line.
pub(super) fn with_results(text: &str, results: &BTreeMap<&str, String>, stamp: &str) -> String {
    let line = |line: &str| {
        if line.starts_with(STAMP) {
            return format!("{STAMP}{stamp}");
        }
        let Some(mut cells) = cells(line) else {
            return line.to_owned();
        };
        let Some(result) = results.get(cells[0]) else {
            return line.to_owned();
        };
        // A bar would end the cell.
        let result = result.replace('|', "/");
        cells[COLUMNS - 1] = &result;
        format!("| {} |", cells.join(" | "))
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    const TEXT: &str = "# T\n\nLast run: never\n\n| # | a | b | c | d | e |\n|---|---|\n\
        | 1 | f | i | m | `p/q a::b`, `p/lib c` | - |\n| 14b | f | i | m | - | old |\n";

    #[test]
    fn table_is_read_and_written() {
        let rows = parse(TEXT).expect("a good table");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].tests, ["p/q a::b", "p/lib c"]);
        assert!(rows[1].tests.is_empty() && rows[1].number == "14b");
        let results = BTreeMap::from([("14b", "3 | 4".to_owned())]);
        let new = with_results(TEXT, &results, "today");
        assert!(new.contains("| 14b | f | i | m | - | 3 / 4 |\n"), "{new}");
        assert!(new.contains("Last run: today\n") && new.contains("| 1 | f | i |"));
    }

    #[test]
    fn table_with_a_wrong_row_is_an_error() {
        assert!(parse("| 1 | f |\n").is_err_and(|why| why.contains("2 columns")));
        let twice = "| 1 | a | b | c | d | e |\n| 1 | a | b | c | d | e |\n";
        assert!(parse(twice).is_err_and(|why| why.contains("twice")));
    }

    fn of_this_repository() -> Vec<Row> {
        let path = crate::repository_root().join(super::super::TABLE);
        let text = fs::read_to_string(path).expect("the table is there");
        parse(&text).expect("the table can be read")
    }

    #[test]
    fn table_of_this_repository_has_all_55_rows_in_order() {
        let found: Vec<String> = of_this_repository()
            .into_iter()
            .map(|row| row.number)
            .collect();
        let mut expected: Vec<String> = (1..=54).map(|n| n.to_string()).collect();
        expected.insert(14, "14b".to_owned());
        assert_eq!(found, expected);
    }

    /// Every Rust file below `path`, or the file itself.
    fn sources(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_file() {
            found.push(path.to_path_buf());
        }
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn table_of_this_repository_names_only_tests_that_exist() {
        for row in of_this_repository() {
            for test in &row.tests {
                let parts = test
                    .split_once(' ')
                    .and_then(|(place, path)| Some((place.split_once('/')?, path)));
                let ((package, target), path) =
                    parts.unwrap_or_else(|| panic!("row {}: {test:?}", row.number));
                let package = crate::repository_root().join(package);
                let mut files = Vec::new();
                match target {
                    "lib" | "bin" => sources(&package.join("src"), &mut files),
                    name => {
                        sources(&package.join("tests").join(name), &mut files);
                        sources(&package.join(format!("tests/{name}.rs")), &mut files);
                    }
                }
                let name = path.rsplit("::").next().unwrap_or(path);
                let function = format!("fn {name}(");
                let is_there = files
                    .iter()
                    .any(|file| fs::read_to_string(file).is_ok_and(|t| t.contains(&function)));
                assert!(is_there, "row {}: no `{function}` for {test}", row.number);
            }
        }
    }
}
