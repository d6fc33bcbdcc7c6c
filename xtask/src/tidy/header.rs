//! Rule `header`: every Rust file starts by saying what it owns.

use super::Violation;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| {
            Violation::new(
                &file.path,
                1,
                "no `//!` header",
                "a reader must know what a file owns before reading it",
                "start it with `//! ` and one sentence",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn header_missing_is_found() {
        assert_eq!(
            places(check, &[("a/src/x.rs", "// no\n")]),
            ["a/src/x.rs:1"]
        );
        assert_eq!(
            places(check, &[("a/src/x.rs", "\n//! Late.\n")]),
            ["a/src/x.rs:1"]
        );
        assert!(places(check, &[("a/src/x.rs", "//! Owns x.\n"), ("b.md", "x")]).is_empty());
    }
}
