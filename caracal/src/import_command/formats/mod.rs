//! Readers of the input formats, one file each.

mod binance_capture;
mod numbers;

use std::path::Path;

use super::args::{FormatName, ImportArgs};
use super::input::{Broken, Progress};
use super::stream::Format;

/// A reader of `args.format` for the file at `path`, the `file`th of the files.
///
/// # Errors
///
/// [`Broken`]: it cannot be opened, or is of another format.
pub(super) fn open(
    args: &ImportArgs,
    file: usize,
    path: &Path,
    progress: &Progress,
) -> Result<Box<dyn Format>, Broken> {
    Ok(match args.format {
        FormatName::BinanceCapture => {
            Box::new(binance_capture::Capture::open(args, file, path, progress)?)
        }
    })
}
