//! Rule `unsafe-place`: unsafe code stays in two files, and every other crate forbids it.
//!
//! A test or bench may hold a counting allocator (`unsafe impl GlobalAlloc`), which cannot be
//! written without it; such a file is known by that line.

use super::Violation;
use super::manifest;
use super::mask::{Line, has_word};
use super::tree::{File, Tree};

const FILES: [&str; 2] = ["journal/src/mapping.rs", "engine/src/sys.rs"];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| !may_hold_unsafe(file)) {
        for (number, line) in file.numbered() {
            if has_word(&line.code, "unsafe") {
                found.push(Violation::new(
                    &file.path,
                    number,
                    "unsafe code",
                    "what the compiler cannot check must be few files that a person can",
                    "use a safe function of journal/src/mapping.rs or engine/src/sys.rs",
                ));
            }
        }
    }
    for member in manifest::members(tree) {
        found.extend(check_roots(tree, &member));
    }
    found
}

fn may_hold_unsafe(file: &File) -> bool {
    let counts = |line: &str| has_word(line, "unsafe impl") && line.contains("GlobalAlloc");
    FILES.contains(&file.path.as_str())
        || file.is_test && file.lines.iter().any(|line| counts(&line.code))
}

/// The crate's roots say `forbid`, or at least `deny` where one file may lift it.
fn check_roots(tree: &Tree, member: &str) -> Vec<Violation> {
    let folder = format!("{member}/");
    let may_deny = FILES.iter().any(|file| file.starts_with(&folder));
    let closed = |line: &Line| {
        line.code.contains("#![forbid(unsafe_code)]")
            || may_deny && line.code.contains("#![deny(unsafe_code)]")
    };
    let roots = ["src/lib.rs", "src/main.rs"].map(|root| format!("{member}/{root}"));
    let files = roots.iter().filter_map(|path| tree.file(path));
    let open = files.filter(|file| !file.lines.iter().any(closed));
    let found = open.map(|file| {
        Violation::new(
            &file.path,
            1,
            format!(
                "unsafe code is not {}",
                if may_deny { "denied" } else { "forbidden" }
            ),
            "the compiler, not a reader, must stop unsafe code from spreading",
            "add `#![forbid(unsafe_code)]`, or `deny` in the two crates with such a file",
        )
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    const ROOT: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"journal\"]\n");

    #[test]
    fn unsafe_elsewhere_is_found() {
        let text = "//! x\nlet a = unsafe { b() };\n";
        assert_eq!(
            places(check, &[("journal/src/x.rs", text)]),
            ["journal/src/x.rs:2"]
        );
        assert_eq!(
            places(check, &[("journal/tests/it/x.rs", text)]),
            ["journal/tests/it/x.rs:2"]
        );
        assert!(places(check, &[("journal/src/mapping.rs", text)]).is_empty());
        assert!(places(check, &[("a.rs", "//! x\n// unsafe\nlet is_unsafe = 1;\n")]).is_empty());
    }

    #[test]
    fn unsafe_counting_allocator_in_a_test_is_fine() {
        let text = "//! x\nunsafe impl GlobalAlloc for Counting {}\n";
        assert!(places(check, &[("engine/tests/alloc.rs", text)]).is_empty());
        assert_eq!(
            places(check, &[("engine/src/alloc.rs", text)]),
            ["engine/src/alloc.rs:2"]
        );
    }

    #[test]
    fn unsafe_not_forbidden_in_a_root_is_found() {
        let lib = "journal/src/lib.rs";
        let forbid = "//! x\n#![forbid(unsafe_code)]\n";
        let deny = "//! x\n#![deny(unsafe_code)]\n";
        assert_eq!(
            places(check, &[ROOT, (lib, "//! x\n")]),
            ["journal/src/lib.rs:1"]
        );
        assert!(places(check, &[ROOT, (lib, forbid)]).is_empty());
        assert!(places(check, &[ROOT, (lib, deny)]).is_empty());
        let model = ("Cargo.toml", "[workspace]\nmembers = [\"model\"]\n");
        let lib = "model/src/lib.rs";
        assert_eq!(places(check, &[model, (lib, deny)]), ["model/src/lib.rs:1"]);
        assert!(places(check, &[model, (lib, forbid)]).is_empty());
    }
}
