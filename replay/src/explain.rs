//! The verdicts of risk at one event: the log applied again up to there, and every check asked.

use std::path::Path;

use engine::machine::Explanation;
use engine::strategy::Registry;
use journal::{Folder, Reader};
use model::event::{self, View};

use crate::audit::AuditError;
use crate::difference::Difference;
use crate::start;

/// What risk weighed at an event.
#[derive(Debug)]
pub struct Explained {
    /// Every intent of the event, in the order in which risk judged them.
    pub intents: Vec<Explanation>,
    /// The first decision before it that this build computes otherwise: then the verdicts may be
    /// others than those of that time.
    pub difference: Option<Difference>,
}

/// Applies the journal in `directory` up to event `cause` and tells what each check of each intent
/// saw there. `None` if the log does not have that event, or not what stands before it.
///
/// `progress` is told the log sequence now and then.
///
/// # Errors
///
/// [`AuditError`]: the journal cannot be followed up to there.
pub fn explain(
    directory: &Path,
    registry: &Registry,
    cause: u64,
    mut progress: impl FnMut(u64),
) -> Result<Option<Explained>, AuditError> {
    let folder = Folder::on_disk(directory);
    let start = start::oldest(&folder, Reader::open_in(&folder)?, registry)?;
    let (mut reader, mut shadow) = (start.reader, start.shadow);
    let mut difference = None;
    while let Some(record) = reader.next()? {
        let is_event = matches!(event::view(record), Ok(View::Event(_)));
        if is_event && record.event >= cause {
            if record.event > cause {
                break;
            }
            let intents = shadow.explain(record)?;
            return Ok(Some(Explained {
                intents,
                difference,
            }));
        }
        let found = shadow.take(record)?;
        difference = difference.or(found);
        if record.seq.is_multiple_of(1 << 16) {
            progress(record.seq);
        }
    }
    Ok(None)
}
