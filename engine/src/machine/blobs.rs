//! Blobs under way, one for each lane.
//!
//! Hot path: no. Allocates: yes.

use model::blob::{Assembler, BlobError, BlobKind};
use model::body::BlobPart;
use model::ids::SourceId;

/// Parts of blobs that are not whole yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneBlobs(Vec<(SourceId, Assembler)>);

impl LaneBlobs {
    /// Takes a part; the kind and bytes of the blob if it was the last one.
    ///
    /// # Errors
    ///
    /// [`BlobError`].
    pub(crate) fn push(
        &mut self,
        source: SourceId,
        part: &BlobPart,
    ) -> Result<Option<(BlobKind, Vec<u8>)>, BlobError> {
        let known = self.0.iter().position(|&(lane, _)| lane == source);
        let index = known.unwrap_or_else(|| {
            self.0.push((source, Assembler::default()));
            self.0.len() - 1
        });
        self.0[index].1.push(part)
    }

    /// A run starts: parts of the run before have no rest.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
