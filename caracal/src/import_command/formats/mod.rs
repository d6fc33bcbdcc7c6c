//! Readers of the input formats, one file each.

mod binance_archive;
mod binance_capture;
mod candles;
mod frames;
mod hftbacktest;
mod numbers;
mod okx_capture;
mod parquet;
mod table;
mod tardis;

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
        FormatName::OkxCapture => Box::new(okx_capture::Capture::open(args, file, path, progress)?),
        FormatName::BinanceArchive => {
            Box::new(binance_archive::Archive::open(args, file, path, progress)?)
        }
        FormatName::Tardis => Box::new(tardis::Tardis::open(args, file, path, progress)?),
        FormatName::Hftbacktest => Box::new(hftbacktest::Events::open(args, file, path, progress)?),
        FormatName::Parquet => Box::new(parquet::Export::open(file, path, progress)?),
        FormatName::Candles => Box::new(candles::Candles::open(args, file, path, progress)?),
    })
}
