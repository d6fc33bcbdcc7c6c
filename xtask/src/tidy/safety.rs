//! Rule `safety-comment`: every unsafe block and impl has its argument right above it.

use super::Violation;
use super::mask::{Line, has_word};
use super::tree::Tree;

/// How far above the code the argument may end.
const LINES_ABOVE_MAX: usize = 6;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            let start = number.saturating_sub(1 + LINES_ABOVE_MAX);
            if needs_argument(&line.code) && !argued(&file.lines[start..number], &file.lines, start)
            {
                found.push(Violation::new(
                    &file.path,
                    number,
                    "unsafe code without a `SAFETY:` comment within 6 lines above",
                    "unsafe code is sound by an argument, and a reader must be able to check it",
                    "write one clause for each obligation and what gives it",
                ));
            }
        }
    }
    found
}

/// An `unsafe fn` states obligations for its caller instead, which clippy checks.
fn needs_argument(code: &str) -> bool {
    has_word(code, "unsafe") && !has_word(code, "unsafe fn") && !has_word(code, "unsafe extern")
}

/// Whether an argument stands in `window`, or began above it in the same run of comment lines.
fn argued(window: &[Line], all: &[Line], start: usize) -> bool {
    let says = |line: &Line| line.comment.contains("SAFETY:");
    if window.iter().any(says) {
        return true;
    }
    let is_comment = |line: &&Line| line.text.trim_start().starts_with("//");
    window.first().is_some_and(|line| is_comment(&line))
        && all[..start].iter().rev().take_while(is_comment).any(says)
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        places(check, &[("journal/src/mapping.rs", text)])
    }

    #[test]
    fn safety_comment_missing_or_far_is_found() {
        assert_eq!(
            found("//! x\nunsafe { a() };\n"),
            ["journal/src/mapping.rs:2"]
        );
        let far = format!("// SAFETY: y\n{}unsafe {{ a() }};\n", "b();\n".repeat(6));
        assert_eq!(found(&far), ["journal/src/mapping.rs:8"]);
        let string = "let a = \"SAFETY: y\";\nunsafe impl Send for A {}\n";
        assert_eq!(found(string), ["journal/src/mapping.rs:2"]);
    }

    #[test]
    fn safety_comment_near_or_long_is_fine() {
        assert!(found("// SAFETY: y\nunsafe { a() };\n").is_empty());
        let long = format!("// SAFETY: y\n{}unsafe {{ a() }};\n", "// - z\n".repeat(9));
        assert!(found(&long).is_empty());
        assert!(found("/// # Safety\nunsafe fn a() {}\n").is_empty());
    }
}
