//! Rule `serde-rename`: no type of the core is a venue's message.

use super::Violation;
use super::mask::has_word;
use super::tree::Tree;

const FOLDERS: [&str; 2] = ["model/", "engine/"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let core = |path: &str| FOLDERS.iter().any(|folder| path.starts_with(folder));
    for file in tree.rust().filter(|file| core(&file.path)) {
        for (number, line) in file.numbered() {
            let renames = has_word(&line.code, "rename") || has_word(&line.code, "rename_all");
            if line.code.contains("#[serde(") && renames {
                found.push(Violation::new(
                    &file.path,
                    number,
                    "a serde rename",
                    "a name that follows someone else's format ties the core to that format",
                    "write a message type in the venue's `wire` and convert it",
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
    fn serde_rename_in_the_core_is_found() {
        for code in [
            "#[serde(rename = \"E\")]",
            "#[serde(default, rename_all = \"x\")]",
        ] {
            let text = format!("//! x\n{code}\n");
            assert_eq!(
                places(check, &[("model/src/x.rs", &text)]),
                ["model/src/x.rs:2"],
                "{code}"
            );
            assert!(places(check, &[("connectors/src/x.rs", &text)]).is_empty());
        }
        assert!(places(check, &[("model/src/x.rs", "#[serde(transparent)]\n")]).is_empty());
    }
}
