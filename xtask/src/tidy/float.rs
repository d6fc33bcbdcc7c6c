//! Rule `no-float`: no binary float where prices, quantities and money live.

use super::Violation;
use super::mask::has_word;
use super::tree::Tree;

const FOLDERS: [&str; 3] = ["model/src/", "journal/src/", "engine/src/"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let exact = |path: &str| FOLDERS.iter().any(|folder| path.starts_with(folder));
    for file in tree.rust().filter(|file| exact(&file.path)) {
        for (number, line) in file.shipped() {
            if has_float(&line.code) {
                found.push(Violation::new(
                    &file.path,
                    number,
                    "a binary float",
                    "floats round, and replay must agree bit for bit on every machine",
                    "use `Ticks`, `Lots`, a scaled integer, or `rust_decimal` at the edge",
                ));
            }
        }
    }
    found
}

/// A float type, or a literal with such a suffix (`1f64`, `2.5_f32`).
fn has_float(code: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let suffixed = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && !word.starts_with("0x")
            && (word.ends_with("f32") || word.ends_with("f64"))
    };
    has_word(code, "f32") || has_word(code, "f64") || code.split(|c| !is_name(c)).any(suffixed)
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn float_in_an_exact_crate_is_found() {
        for code in [
            "let a: f64 = b;",
            "let a = 1f64;",
            "let a = 2.5_f32;",
            "x as f32",
        ] {
            let text = format!("//! x\n{code}\n");
            assert_eq!(
                places(check, &[("model/src/x.rs", &text)]),
                ["model/src/x.rs:2"],
                "{code}"
            );
        }
    }

    #[test]
    fn float_in_tests_comments_and_elsewhere_is_fine() {
        let in_test = "//! f64\n#[cfg(test)]\nmod tests {\n    const A: f64 = B;\n}\n";
        assert!(places(check, &[("engine/src/x.rs", in_test)]).is_empty());
        assert!(places(check, &[("engine/tests/it/x.rs", "let a: f64 = b;")]).is_empty());
        assert!(places(check, &[("connectors/src/x.rs", "let a: f64 = b;")]).is_empty());
        assert!(
            places(
                check,
                &[("model/src/x.rs", "let a = 0x1f64; let buf32 = 1;")]
            )
            .is_empty()
        );
    }
}
