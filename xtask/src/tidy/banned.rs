//! Rule `banned`: words that mark unfinished work, and tests that cannot fail.
//!
//! Some of them clippy denies as well. They are here because clippy sees only the code that one
//! set of features builds, and never a comment.

use super::Violation;
use super::mask::has_word;
use super::tree::Tree;

/// Code that never merges, why, and what to write in its place.
const CODE: [(&str, &str, &str); 5] = [
    ("dbg!", "it prints from anywhere", "remove it"),
    (
        "todo!",
        "it panics at run time",
        "finish it or leave the feature out",
    ),
    (
        "unimplemented!",
        "it panics at run time",
        "finish it or leave the feature out",
    ),
    (
        "#[ignore",
        "a test that does not run protects nothing",
        "make it fast or remove it",
    ),
    (
        "#[should_panic",
        "it passes on any panic, also the wrong one",
        "test the error or the message of `catch_unwind`",
    ),
];

/// Words that never merge in a comment.
const COMMENT: [&str; 3] = ["FIXME", "TODO", "XXX"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            for (word, why, fix) in CODE {
                if has_word(&line.code, word) {
                    found.push(Violation::new(&file.path, number, mark(word), why, fix));
                }
            }
            for word in COMMENT {
                if has_word(&line.comment, word) || has_word(&line.code, word) {
                    let why = "main holds finished work only";
                    let fix = "do it now, or file it outside the source";
                    found.push(Violation::new(&file.path, number, mark(word), why, fix));
                }
            }
        }
    }
    found
}

fn mark(word: &str) -> String {
    format!("`{word}`")
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn banned_word_is_found() {
        for (word, _, _) in CODE {
            let text = format!("//! x\n{word}\n");
            assert_eq!(places(check, &[("a.rs", &text)]), ["a.rs:2"], "{word}");
        }
        for word in COMMENT {
            let text = format!("//! x\n// {word}: later\n");
            assert_eq!(places(check, &[("a.rs", &text)]), ["a.rs:2"], "{word}");
        }
    }

    #[test]
    fn banned_word_in_a_string_is_fine() {
        assert!(
            places(
                check,
                &[("a.rs", "let a = \"dbg!(TODO)\"; // not_todo!()\n")]
            )
            .is_empty()
        );
    }
}
