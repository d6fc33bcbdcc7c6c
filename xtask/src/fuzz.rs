//! Builds a fuzz target with the coverage instrumentation of the stable compiler, and runs it.
//!
//! libFuzzer needs only LLVM's sanitizer-coverage pass, which stable can run; no further tool is
//! installed. `--target` keeps the flags away from build scripts and procedural macros.
//!
//! A run reads `fuzz/seeds/<target>` (committed) and grows `fuzz/corpus/<target>` (not). What made
//! it stop lies in `fuzz/artifacts/<target>`.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::shell;

/// What the compiler is told so that libFuzzer sees branches and comparisons.
const FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// An input that takes longer than this is a finding: no message may stall a feed.
const INPUT_SECONDS_MAX: u32 = 10;
/// Memory that a run may use; an allocation sized by outside bytes shows as a finding.
const MEMORY_MIB_MAX: u32 = 2048;

#[derive(Debug, Args)]
pub(crate) struct FuzzArguments {
    /// File name in fuzz/fuzz_targets, without the `.rs`.
    pub(crate) target: String,
    /// How long to run.
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub(crate) seconds: u32,
    /// Run this one file instead, to reproduce a finding.
    #[arg(long, value_name = "FILE", conflicts_with = "seconds")]
    pub(crate) input: Option<String>,
}

/// Builds and runs one target.
///
/// # Errors
///
/// An unknown target, a build that fails, or a finding.
pub(crate) fn run(root: &Path, arguments: &FuzzArguments) -> Result<(), String> {
    let known = targets(root)?;
    let target = &arguments.target;
    if !known.contains(target) {
        return Err(format!(
            "no fuzz target `{target}`; there are: {}",
            known.join(", ")
        ));
    }
    let host = host()?;
    build(root, target, &host)?;
    for folder in ["corpus", "artifacts"] {
        let path = root.join("fuzz").join(folder).join(target);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let program = format!("fuzz/target/{host}/release/{target}");
    let words = arguments.input.as_ref().map_or_else(
        || run_words(root, target, arguments.seconds),
        |input| vec![input.clone()],
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let program = root.join(program);
    shell::run(shell::command(root, &program.to_string_lossy(), &words)).map_err(|error| {
        format!(
            "{error}\nthe input is in fuzz/artifacts/{target}; \
             run it again with: cargo xtask fuzz {target} --input FILE"
        )
    })
}

/// Names of the targets, sorted; empty when there is no fuzz package.
///
/// # Errors
///
/// The folder exists but cannot be read.
pub(crate) fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

fn build(root: &Path, target: &str, host: &str) -> Result<(), String> {
    let mut cargo = shell::command(root, "cargo", &["build", "--release"]);
    cargo.args(["--manifest-path", "fuzz/Cargo.toml"]);
    cargo.args(["--target-dir", "fuzz/target", "--target", host]);
    cargo.args(["--bin", target]);
    cargo.env("RUSTFLAGS", FLAGS);
    shell::run(cargo)
}

fn run_words(root: &Path, target: &str, seconds: u32) -> Vec<String> {
    let mut words = vec![
        format!("-max_total_time={seconds}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        format!("-artifact_prefix=fuzz/artifacts/{target}/"),
        // Findings are printed all the same; new coverage a thousand times over is noise.
        "-verbosity=0".to_owned(),
        "-print_final_stats=1".to_owned(),
        format!("fuzz/corpus/{target}"),
    ];
    let seeds = format!("fuzz/seeds/{target}");
    if root.join(&seeds).is_dir() {
        words.push(seeds);
    }
    words
}

/// The compiler's own platform, for example `x86_64-unknown-linux-gnu`.
fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.map_err(|error| format!("`rustc -vV` did not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuzz_unknown_target_is_an_error_that_lists_the_known() {
        let arguments = FuzzArguments {
            target: "nothing".to_owned(),
            seconds: 1,
            input: None,
        };
        let error = run(crate::repository_root(), &arguments).expect_err("no such target");
        assert!(error.contains("model_record"), "{error}");
    }

    #[test]
    fn fuzz_targets_each_have_seeds() {
        let root = crate::repository_root();
        for target in targets(root).expect("the folder can be read") {
            let seeds = root.join("fuzz/seeds").join(&target);
            let count = fs::read_dir(&seeds).map_or(0, Iterator::count);
            assert!(count > 0, "{} must hold at least one seed", seeds.display());
        }
    }
}
