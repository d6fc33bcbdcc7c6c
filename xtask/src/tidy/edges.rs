//! Rule `edges`: dependencies between the workspace's own crates point down, as one table says.
//!
//! Read from the manifests, so it needs neither the network nor a workspace that compiles.

use super::Violation;
use super::manifest::{self, Package};
use super::tree::Tree;

/// What a crate may use of the others, in code that ships and in its tests and benches.
struct Allowed {
    package: &'static str,
    uses: &'static [&'static str],
    /// In addition to `uses`, under `[dev-dependencies]` only.
    tests_use: &'static [&'static str],
}

const fn row(package: &'static str, uses: &'static [&'static str]) -> Allowed {
    Allowed {
        package,
        uses,
        tests_use: &[],
    }
}

const ALLOWED: [Allowed; 9] = [
    row("model", &[]),
    row("journal", &["model"]),
    row("connectors", &["model"]),
    row("engine", &["model", "journal"]),
    row("replay", &["model", "journal", "engine"]),
    row(
        "caracal",
        &["model", "journal", "connectors", "engine", "replay"],
    ),
    row(
        "bench",
        &["model", "journal", "connectors", "engine", "replay"],
    ),
    row(
        "fuzz",
        &["model", "journal", "connectors", "engine", "replay"],
    ),
    row("xtask", &[]),
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let packages = manifest::packages(tree);
    let names: Vec<&str> = packages.iter().map(|package| package.folder).collect();
    packages
        .iter()
        .flat_map(|package| check_package(package, &names))
        .collect()
}

fn check_package(package: &Package<'_>, names: &[&str]) -> Vec<Violation> {
    let from = package.folder;
    let violation = |what| {
        Violation::new(
            &package.file.path,
            1,
            what,
            "dependencies point down only, so that each crate can be read without those above it",
            "move the code, or change the table in xtask/src/tidy/edges.rs with the design",
        )
    };
    let Some(allowed) = ALLOWED.iter().find(|allowed| allowed.package == from) else {
        return vec![violation(format!(
            "crate `{from}` is not in the table of edges"
        ))];
    };
    let mut found = Vec::new();
    for (section, to) in dependencies(&package.table) {
        let of_tests = section == "dev-dependencies" && allowed.tests_use.contains(&to.as_str());
        let own = names.contains(&to.as_str());
        if own && !allowed.uses.contains(&to.as_str()) && !of_tests {
            found.push(violation(format!("`{from}` -> `{to}` under [{section}]")));
        }
    }
    found
}

/// Section and package name of every dependency, those for one platform included.
fn dependencies(manifest: &toml::Table) -> Vec<(&'static str, String)> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let platforms = platforms.into_iter().flat_map(toml::Table::values);
    let tables = platforms
        .filter_map(toml::Value::as_table)
        .chain([manifest]);
    let mut found = Vec::new();
    for table in tables {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(section).and_then(toml::Value::as_table);
            for (key, entry) in entries.into_iter().flatten() {
                let renamed = entry.get("package").and_then(toml::Value::as_str);
                found.push((section, renamed.unwrap_or(key).to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    const MODEL: (&str, &str) = ("model/Cargo.toml", "[dependencies]\nserde = \"1\"\n");

    fn edges_of(folder: &str, manifest: &str) -> usize {
        let path = format!("{folder}/Cargo.toml");
        let engine = ("engine/Cargo.toml", "");
        places(check, &[MODEL, engine, (&path, manifest)]).len()
    }

    #[test]
    fn edge_up_is_found_in_every_section() {
        let edge = "engine.workspace = true\n";
        assert_eq!(edges_of("journal", &format!("[dependencies]\n{edge}")), 1);
        assert_eq!(
            edges_of("journal", &format!("[dev-dependencies]\n{edge}")),
            1
        );
        assert_eq!(
            edges_of("journal", &format!("[build-dependencies]\n{edge}")),
            1
        );
        assert_eq!(
            edges_of(
                "journal",
                &format!("[target.'cfg(unix)'.dependencies]\n{edge}")
            ),
            1
        );
        assert_eq!(
            edges_of("journal", "[dependencies]\ne = { package = \"engine\" }\n"),
            1
        );
    }

    #[test]
    fn edge_down_and_outside_is_fine() {
        assert_eq!(
            edges_of(
                "journal",
                "[dependencies]\nmodel.workspace = true\nlibc = \"1\"\n"
            ),
            0
        );
        assert_eq!(
            edges_of("replay", "[dev-dependencies]\nengine = { path = \"x\" }\n"),
            0
        );
    }

    #[test]
    fn edge_of_an_unknown_crate_is_found() {
        assert_eq!(edges_of("newcomer", "[package]\n"), 1);
    }

    /// The table itself must have no cycle: every crate uses only crates of rows above its own.
    #[test]
    fn edge_table_points_up_the_list_only() {
        for (index, allowed) in ALLOWED.iter().enumerate() {
            for used in allowed.uses {
                let above = ALLOWED[..index].iter().any(|other| other.package == *used);
                assert!(above, "{} -> {used}", allowed.package);
            }
        }
    }
}
