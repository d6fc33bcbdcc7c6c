//! Which program runs: the digest of its file, which goes into the log with the configuration.
//!
//! Hot path: no.

use std::fs::File;

use crate::config::Config;
use crate::output::{Failure, hex};

/// Digest of the running program's file; all zero where the system does not show it.
pub(crate) fn digest() -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let read = std::env::current_exe()
        .and_then(File::open)
        .and_then(|file| hasher.update_reader(file).map(|_| ()));
    match read {
        Ok(()) => *hasher.finalize().as_bytes(),
        Err(_) => [0; 32],
    }
}

/// The deployment guard: a configuration that names a program runs with no other.
///
/// # Errors
///
/// [`Failure`]: both digests.
pub(crate) fn check(config: &Config, program: &[u8; 32]) -> Result<(), Failure> {
    let have = hex(program);
    match &config.machine.control.program {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&have) => Err(Failure::Message(format!(
            "control.program: the configuration is for the program {wanted}, this is {have}; \
             nothing was started"
        ))),
        _ => Ok(()),
    }
}
