//! Gives this crate a number that changes with the machine: a hash of the sources that decide.
//!
//! A snapshot carries it. One that another machine took is not gone on from while the whole log is
//! there, so that a changed machine is found out by its differences and not by its losses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What every decision follows from, seen from this crate.
const SOURCES: [&str; 3] = ["../engine/src/machine", "../model/src", "../Cargo.lock"];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in &files {
        let bytes = fs::read(file)?;
        hasher.update(file.to_string_lossy().as_bytes());
        hasher.update(&[0]);
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    let hash = hasher.finalize().to_hex();
    println!("cargo::rustc-env=MACHINE_BUILD={}", &hash[..16]);
    Ok(())
}

/// Every file in and below `path`.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        if path.exists() {
            files.push(path.to_path_buf());
        }
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
