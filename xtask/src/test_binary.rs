//! Builds the tests of one target in release and finds the binary.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use crate::shell::{command, say};

/// What cargo says about something it built.
#[derive(Debug, Deserialize)]
struct Artifact {
    reason: String,
    executable: Option<PathBuf>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Debug, Default, Deserialize)]
struct Profile {
    #[serde(default)]
    test: bool,
}

/// A test binary and where it runs.
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    pub(crate) folder: PathBuf,
}

/// Builds the tests of a place, `package/target`, in release.
///
/// # Errors
///
/// A build that fails or makes no test binary.
pub(crate) fn build(root: &Path, place: &str) -> Result<Binary, String> {
    let (package, target) = place.split_once('/').unwrap_or((place, "lib"));
    let mut words = vec!["test", "--release", "--locked", "--no-run", "-p", package];
    match target {
        "lib" => words.push("--lib"),
        "bin" => words.push("--bins"),
        name => words.extend(["--test", name]),
    }
    words.push("--message-format=json-render-diagnostics");
    say(&format!("$ cargo {}", words.join(" ")));
    let mut cargo = command(root, "cargo", &words);
    let output = cargo.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("the tests of {place} do not build"));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let path = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.reason == "compiler-artifact" && artifact.profile.test)
        .find_map(|artifact| artifact.executable)
        .ok_or_else(|| format!("cargo built no test binary for {place}"))?;
    Ok(Binary {
        path,
        folder: root.join(package),
    })
}
