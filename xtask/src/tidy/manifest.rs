//! Rule `manifest`: a member's folder has its name, and every member obeys the workspace's lints.
//!
//! Also owns reading manifests for the other rules.

use super::Violation;
use super::tree::{File, Tree};

/// A package of the repository and its manifest.
pub(super) struct Package<'a> {
    pub(super) folder: &'a str,
    pub(super) file: &'a File,
    pub(super) table: toml::Table,
}

/// The packages one folder below the root that parse; [`check`] reports those that do not.
pub(super) fn packages(tree: &Tree) -> Vec<Package<'_>> {
    tree.files.iter().filter_map(package).collect()
}

fn package(file: &File) -> Option<Package<'_>> {
    let folder = file
        .path
        .strip_suffix("/Cargo.toml")
        .filter(|folder| !folder.contains('/'))?;
    Some(Package {
        folder,
        file,
        table: file.text.parse().ok()?,
    })
}

/// Names of the workspace's members, as the root manifest lists them.
pub(super) fn members(tree: &Tree) -> Vec<String> {
    let root = tree
        .file("Cargo.toml")
        .and_then(|file| file.text.parse::<toml::Table>().ok());
    let members = root
        .as_ref()
        .and_then(|table| table.get("workspace")?.get("members")?.as_array());
    let names = members
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = unparsed(tree);
    let members = members(tree);
    for package in packages(tree) {
        let path = &package.file.path;
        let name = package
            .table
            .get("package")
            .and_then(|table| table.get("name")?.as_str());
        if name != Some(package.folder) {
            found.push(Violation::new(
                path,
                1,
                format!(
                    "package `{}` in folder `{}`",
                    name.unwrap_or(""),
                    package.folder
                ),
                "a crate is found by its name",
                "give both the same name",
            ));
        }
        let lints = package
            .table
            .get("lints")
            .and_then(|table| table.get("workspace")?.as_bool());
        if lints != Some(true) && members.iter().any(|member| member == package.folder) {
            found.push(Violation::new(
                path,
                1,
                "no `[lints] workspace = true`",
                "without it none of the denied lints is checked in this crate",
                "add the two lines",
            ));
        }
    }
    found
}

fn unparsed(tree: &Tree) -> Vec<Violation> {
    let manifests = tree
        .files
        .iter()
        .filter(|file| file.path.ends_with("Cargo.toml"));
    let broken = manifests.filter(|file| file.text.parse::<toml::Table>().is_err());
    let found = broken.map(|file| {
        let why = "rules read the manifests";
        Violation::new(&file.path, 1, "not valid TOML", why, "correct it")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    const ROOT: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = [\"model\"]\n");

    #[test]
    fn manifest_other_name_or_lints_is_found() {
        let good = "[package]\nname = \"model\"\n[lints]\nworkspace = true\n";
        assert!(places(check, &[ROOT, ("model/Cargo.toml", good)]).is_empty());
        let bad = "[package]\nname = \"types\"\n[lints]\nworkspace = true\n";
        assert_eq!(
            places(check, &[ROOT, ("model/Cargo.toml", bad)]),
            ["model/Cargo.toml:1"]
        );
        let bad = "[package]\nname = \"model\"\n";
        assert_eq!(
            places(check, &[ROOT, ("model/Cargo.toml", bad)]),
            ["model/Cargo.toml:1"]
        );
        assert!(
            places(
                check,
                &[ROOT, ("fuzz/Cargo.toml", "[package]\nname = \"fuzz\"")]
            )
            .is_empty()
        );
        assert_eq!(
            places(check, &[ROOT, ("model/Cargo.toml", "[")]),
            ["model/Cargo.toml:1"]
        );
    }
}
