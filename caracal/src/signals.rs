//! Signals that concern the whole process, whatever the command.
//!
//! Thread: main, once, before anything else.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGBUS, SIGXFSZ};

use crate::output::Failure;

/// Exit code after a bus error, that of an input/output error.
pub(crate) const BUS_ERROR_EXIT: i32 = 74;

/// A mapped page that the disk cannot give, or that somebody has cut off its file, is a bus error:
/// the process ends at once with a code of its own, and the next start recovers or refuses. Nothing
/// is unwound, for nobody knows which store did not happen.
///
/// A file that would grow beyond the process's limit (`ulimit -f`) is an error of the call that
/// tries, and not the signal that would end the process.
///
/// # Errors
///
/// [`Failure`]: the handlers cannot be set.
pub(crate) fn prepare() -> Result<(), Failure> {
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(SIGBUS, BUS_ERROR_EXIT, always)
        .map_err(Failure::because)?;
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .map_err(Failure::because)?;
    Ok(())
}
