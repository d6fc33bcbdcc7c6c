//! Rule `private-names`: no path of one machine and no package host in committed text.
//!
//! `Cargo.lock` is left out: it names the registry by necessity.

use super::Violation;
use super::tree::Tree;

/// Put together here so that this file does not hold what it forbids.
const FORBIDDEN: [(&str, &str); 3] = [
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("crates", ".io"), "the name of a package host"),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| !file.path.ends_with("Cargo.lock"))
    {
        for (index, line) in file.text.lines().enumerate() {
            for (word, what) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
                found.push(Violation::new(
                    &file.path,
                    index + 1,
                    format!("`{word}`, {what}"),
                    "it means nothing on any other machine",
                    "use a path from the repository's root, or leave the name out",
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
    fn private_name_is_found_in_any_text() {
        for (word, _) in FORBIDDEN {
            let text = format!("ok\nsee {word} there\n");
            assert_eq!(
                places(check, &[("docs/a.md", &text)]),
                ["docs/a.md:2"],
                "{word}"
            );
            assert!(places(check, &[("Cargo.lock", &text)]).is_empty());
        }
        assert!(places(check, &[("a.md", "a network/route, a workshop\n")]).is_empty());
    }
}
