//! The repository as the rules see it: path and text of every file that could be committed.
//!
//! Read by walking the folders and not by asking a version-control tool, so that the rules also
//! hold in an unpacked archive. Build output and run output are left out by [`SKIPPED`].

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::mask::{self, Line};

/// Folders that are never committed, from the root.
const SKIPPED: [&str; 8] = [
    ".git",
    "target",
    "data",
    "bench/peers/target",
    "bench/peers-backtest/target",
    "fuzz/target",
    "fuzz/corpus",
    "fuzz/artifacts",
];

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The scanned lines; empty unless this is Rust.
    pub(crate) lines: Vec<Line>,
    /// Whether the whole file is test or bench code.
    pub(crate) is_test: bool,
}

impl File {
    fn new(path: String, text: String) -> Self {
        let lines = if path.ends_with(".rs") {
            mask::lines(&text)
        } else {
            Vec::new()
        };
        let is_test = path.ends_with("/tests.rs")
            || path
                .split('/')
                .any(|part| part == "tests" || part == "benches");
        Self {
            path,
            text,
            lines,
            is_test,
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Line numbers (from 1) and lines of code that ships.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &Line)> {
        let keep = !self.is_test;
        self.numbered()
            .filter(move |(_, line)| keep && !line.in_test)
    }

    /// Line numbers (from 1) and lines.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines
            .iter()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// Paths of the modules that this file declares under `#[cfg(test)]`, without the `.rs`.
    fn test_modules(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let folder = match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        };
        let names = self
            .numbered()
            .filter(|(_, line)| line.in_test)
            .filter_map(|(_, line)| {
                line.code
                    .trim()
                    .trim_start_matches("#[cfg(test)]")
                    .trim()
                    .strip_prefix("mod ")
            });
        names
            .filter_map(|rest| rest.strip_suffix(';'))
            .map(|name| format!("{folder}/{}", name.trim()))
            .collect()
    }
}

/// Every text file, sorted by path.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the repository under `root`.
    ///
    /// # Errors
    ///
    /// The folder or file that could not be read, and why.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut found = Vec::new();
        walk(root, "", &mut found)?;
        Ok(Self::new(found))
    }

    fn new(mut found: Vec<(String, String)>) -> Self {
        found.sort();
        let mut files: Vec<File> = found
            .into_iter()
            .map(|(path, text)| File::new(path, text))
            .collect();
        let modules: Vec<String> = files.iter().flat_map(File::test_modules).collect();
        for file in &mut files {
            let is_module = |module: &String| {
                file.path
                    .strip_prefix(module.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            file.is_test |= modules.iter().any(is_module);
        }
        Self { files }
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let owned = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
        Self::new(files.iter().map(owned).collect())
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

/// Collects the text files below `folder`; files that are not UTF-8 hold nothing for a rule.
fn walk(root: &Path, folder: &str, found: &mut Vec<(String, String)>) -> Result<(), String> {
    let failed = |error| format!("reading folder `{folder}` failed: {error}");
    for entry in fs::read_dir(root.join(folder)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(format!("a file name in `{folder}` is not UTF-8; rename it"));
        };
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        let kind = entry.file_type().map_err(failed)?;
        if SKIPPED.contains(&path.as_str()) || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, found)?;
            continue;
        }
        let bytes = match fs::read(entry.path()) {
            Ok(bytes) => bytes,
            // Another test's scratch file, gone since the folder was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("reading `{path}` failed: {error}")),
        };
        if let Ok(text) = String::from_utf8(bytes) {
            found.push((path, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_knows_test_files() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "#[cfg(test)]\nmod checks;\nmod real;\n"),
            ("a/src/checks.rs", ""),
            ("a/src/checks/more.rs", ""),
            ("a/src/real.rs", "#[cfg(test)]\nmod deep;\n"),
            ("a/src/real/deep.rs", ""),
            ("a/tests/it/main.rs", ""),
        ]);
        let tests: Vec<&str> = tree
            .files
            .iter()
            .filter(|file| file.is_test)
            .map(|file| file.path.as_str())
            .collect();
        let expected = [
            "a/src/checks.rs",
            "a/src/checks/more.rs",
            "a/src/real/deep.rs",
            "a/tests/it/main.rs",
        ];
        assert_eq!(tests, expected);
    }
}
