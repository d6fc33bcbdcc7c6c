//! The seal of a run's journal: its key, and what a person is told about it.

use std::path::Path;

use journal::seal::{Key, KeyError, SealOptions, SealStatus, SealStop};

use crate::config::SealConfig;
use crate::output::{Failure, remark};

/// How the journal in `dir` is to be sealed. Makes the key of a journal that has none yet.
///
/// # Errors
///
/// [`Failure`]: the key cannot be read or made, or a sealed journal's key is gone.
pub(crate) fn options(dir: &Path, config: &SealConfig) -> Result<SealOptions, Failure> {
    let path = match &config.key {
        Some(path) => path.clone(),
        None => Key::default_path(dir),
    };
    let was_sealed = dir.join("seal.pub").exists();
    let key = if was_sealed {
        Key::load(&path).map_err(|error| {
            if !matches!(error, KeyError::Io { .. }) {
                return Failure::because(error);
            }
            Failure::Message(format!(
                "{error}; the journal {} was sealed with it: put it back or name it with seal_key \
                 (journal.seal = false goes on without a seal)",
                dir.display()
            ))
        })?
    } else {
        let (key, made) = Key::load_or_create(&path).map_err(Failure::because)?;
        if made {
            remark(&format!(
                "journal: made the key {} that seals it; keep a copy, and not beside the journal",
                path.display()
            ));
        }
        key
    };
    let also = config.copies.clone();
    Ok(SealOptions { key, also })
}

/// Tells a person when the seal stops or goes on, or a copy elsewhere begins to fail: once each.
#[derive(Default)]
pub(crate) struct Remarks {
    stopped: Option<SealStop>,
    copies_failed: bool,
}

impl Remarks {
    /// Looks at the seal.
    pub(crate) fn look(&mut self, status: &SealStatus) {
        if status.stopped != self.stopped {
            self.stopped = status.stopped;
            remark(&match status.stopped {
                None => "journal: checkpoints are written again".to_owned(),
                Some(SealStop::Changed { seq }) => format!(
                    "journal: record {seq} or its seal was changed behind the engine; nothing \
                     more is signed: stop, and run `caracal verify`"
                ),
                Some(SealStop::Failed { errno }) => format!(
                    "journal: checkpoints cannot be written (errno {errno}); the log goes on, and \
                     they are tried again"
                ),
            });
        }
        if status.copies_failed > 0 && !self.copies_failed {
            self.copies_failed = true;
            remark("journal: a file in checkpoint_copies does not take checkpoints; look at it");
        }
    }
}
