//! Blobs under way, one for each lane.
//!
//! Hot path: no. Allocates: yes.

use model::blob::{Assembler, BlobError, BlobKind};
use model::body::BlobPart;
use model::ids::SourceId;
use serde::{Deserialize, Serialize};

use super::saved::{Unsound, require};

/// Parts of blobs that are not whole yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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

    /// Whether a snapshot's blobs can be: each lane once.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn check(&self) -> Result<(), Unsound> {
        let mut lanes: Vec<SourceId> = self.0.iter().map(|&(lane, _)| lane).collect();
        lanes.sort_unstable();
        require(
            lanes.is_sorted_by(|left, right| left < right),
            "lanes of the blobs under way",
        )
    }

    /// A run starts: parts of the run before have no rest.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
