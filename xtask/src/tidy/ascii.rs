//! Rule `ascii`: Rust and TOML files are plain ASCII.

use super::Violation;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let sources = tree
        .files
        .iter()
        .filter(|file| file.is_rust() || file.path.ends_with(".toml"));
    let mut found = Vec::new();
    for file in sources {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(c) = line
                .chars()
                .find(|c| !c.is_ascii() || (*c < ' ' && *c != '\t'))
            {
                found.push(Violation::new(
                    &file.path,
                    index + 1,
                    format!("the character U+{:04X}", u32::from(c)),
                    "look-alike and invisible characters hide defects from a reader",
                    "write it in ASCII, or as a `\\u{..}` escape where a test needs it",
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
    fn ascii_other_character_is_found() {
        let bad = "ok\nlet a = '\u{2192}';\n";
        assert_eq!(places(check, &[("a/src/x.rs", bad)]), ["a/src/x.rs:2"]);
        assert_eq!(places(check, &[("a/c.toml", "# \u{e9}\n")]), ["a/c.toml:1"]);
        assert!(places(check, &[("a/src/x.rs", "fn f() {}\n"), ("b.md", bad)]).is_empty());
    }
}
