//! Rules `line-length` and `file-length`: Rust that fits a screen and a head.

use super::Violation;
use super::tree::Tree;

const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 500;

pub(super) fn check_lines(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            let columns = line.text.chars().count();
            if columns > COLUMNS_MAX && !line.text.contains("://") {
                found.push(Violation::new(
                    &file.path,
                    number,
                    format!("{columns} columns"),
                    "lines over 100 columns do not fit beside another file or a diff",
                    "break the line; only one with a URL may be longer",
                ));
            }
        }
    }
    found
}

pub(super) fn check_files(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|file| file.lines.len() > LINES_MAX)
        .map(|file| {
            Violation::new(
                &file.path,
                LINES_MAX + 1,
                format!("{} lines", file.lines.len()),
                "a file over 500 lines holds more than one idea",
                "split it by idea, or move its tests to a `tests.rs` submodule",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn line_of_101_columns_is_found() {
        let bad = format!("//! x\n{}\n", "a".repeat(101));
        assert_eq!(
            places(check_lines, &[("a/src/x.rs", &bad)]),
            ["a/src/x.rs:2"]
        );
        let url = format!("//! https://example.com/{}\n", "a".repeat(101));
        let good = format!("{}\n", "a".repeat(100));
        assert!(places(check_lines, &[("a.rs", &url), ("b.rs", &good)]).is_empty());
    }

    #[test]
    fn file_of_501_lines_is_found() {
        let bad = "x\n".repeat(501);
        let good = "x\n".repeat(500);
        assert_eq!(
            places(check_files, &[("a.rs", &bad), ("b.rs", &good)]),
            ["a.rs:501"]
        );
    }
}
