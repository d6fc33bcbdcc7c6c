//! What happened so far, counted for reports.
//!
//! Hot path: yes. Allocates: no.

use crate::machine::digest::{Digest, Sink};

/// What happened so far, for reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Orders that the venue confirmed.
    pub acked: u64,
    /// Orders that the venue refused.
    pub rejected: u64,
    /// Orders that were cancelled or expired.
    pub cancelled: u64,
    /// Orders whose outcome was unknown at some time.
    pub unknown: u64,
    /// Fills applied.
    pub fills: u64,
    /// Fills that came again.
    pub repeated_fills: u64,
    /// Fills of orders that we do not know (any more); their position counts.
    pub orphan_fills: u64,
    /// Fills without an instrument or account that we know, or without a quantity; they are only in
    /// the log.
    pub unplaced_fills: u64,
    /// Reports about orders that we do not know (any more).
    pub stray_reports: u64,
    /// Commands that did not leave the gateway.
    pub send_failed: u64,
    /// Intents that risk refused, as the log holds them.
    pub refused: u64,
    /// Lists of open orders that venues sent.
    pub lists: u64,
    /// Orders of ours in the last one.
    pub listed_ours: u64,
    /// Orders of others in the last one.
    pub listed_foreign: u64,
}

impl Digest for Counts {
    fn digest(&self, sink: &mut Sink) {
        let all = [
            self.acked,
            self.rejected,
            self.cancelled,
            self.unknown,
            self.fills,
            self.repeated_fills,
            self.orphan_fills,
            self.unplaced_fills,
            self.stray_reports,
            self.send_failed,
            self.refused,
            self.lists,
            self.listed_ours,
            self.listed_foreign,
        ];
        for count in all {
            sink.number(count);
        }
    }
}
