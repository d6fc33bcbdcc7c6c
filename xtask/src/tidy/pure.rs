//! Rule `pure-machine`: the machine is a function of its events and of nothing else.

use super::Violation;
use super::mask::has_word;
use super::tree::Tree;

const FOLDERS: [&str; 2] = ["engine/src/machine/", "model/src/"];

/// What would let something other than the log decide, and what it is.
const IMPURE: [(&str, &str); 15] = [
    ("Instant::now", "a clock"),
    ("SystemTime", "a clock"),
    ("quanta", "a clock"),
    ("HashMap", "an order that differs from run to run"),
    ("HashSet", "an order that differs from run to run"),
    ("RandomState", "a random source"),
    ("rand::", "a random source"),
    ("rand_pcg", "a random source"),
    ("thread::", "a thread"),
    ("std::thread", "a thread"),
    ("std::env", "the environment"),
    ("env::var", "the environment"),
    ("std::fs", "a file"),
    ("std::net", "a socket"),
    ("std::process", "a process"),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let pure = |path: &str| {
        path == "engine/src/machine.rs" || FOLDERS.iter().any(|folder| path.starts_with(folder))
    };
    for file in tree.rust().filter(|file| pure(&file.path)) {
        for (number, line) in file.shipped() {
            for (word, what) in IMPURE.iter().filter(|(word, _)| has_word(&line.code, word)) {
                found.push(Violation::new(
                    &file.path,
                    number,
                    format!("`{word}`, {what}"),
                    "the state is a fold of the log; what is not in the log cannot be replayed",
                    "make it an event, or use a vector indexed by id or a BTreeMap",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn impure_name_in_the_machine_is_found() {
        for (word, _) in IMPURE {
            let text = format!("//! x\nlet a = {word};\n");
            let found = places(check, &[("engine/src/machine/book.rs", &text)]);
            assert!(
                found.contains(&"engine/src/machine/book.rs:2".to_owned()),
                "{word}"
            );
            assert!(
                !places(check, &[("model/src/x.rs", &text)]).is_empty(),
                "{word}"
            );
        }
    }

    #[test]
    fn impure_name_outside_the_machine_and_in_tests_is_fine() {
        let text = "//! x\nlet a = Instant::now();\n";
        assert!(places(check, &[("engine/src/pipeline/x.rs", text)]).is_empty());
        let in_test = "//! x\n#[cfg(test)]\nmod tests {\n    use std::thread;\n}\n";
        assert!(places(check, &[("engine/src/machine/x.rs", in_test)]).is_empty());
    }
}
