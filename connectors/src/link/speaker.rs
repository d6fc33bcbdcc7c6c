//! Connection events: what feed and gateway say about their link to the venue.
//!
//! Hot path: no. Allocates: only for the words.

use model::body::{Channel, Connection, LinkState, Text};
use model::ids::{SourceId, VenueId};
use model::record::{Kind, Record};

use crate::net::CloseReason;

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker {
    pub(crate) venue: VenueId,
    pub(crate) source: SourceId,
    pub(crate) channel: Channel,
}

impl Speaker {
    /// A connection event of the whole venue.
    pub(crate) fn says(&self, state: LinkState, code: i32, words: &str, stamp_ns: u64) -> Record {
        let body = Connection {
            venue: self.venue.0,
            channel: self.channel,
            state,
            reserved: 0,
            code,
            text: Text::cut(words),
        };
        Record::new(Kind::Connection, &body)
            .from_source(self.source)
            .stamped(stamp_ns)
    }
}

/// Whether a connection that ended like this needs a person.
pub(crate) const fn needs_a_person(reason: CloseReason) -> bool {
    match reason {
        CloseReason::Certificate(_) | CloseReason::UpgradeGarbage => true,
        CloseReason::UpgradeRefused { status } => matches!(status, 401 | 403 | 404 | 410),
        CloseReason::ConnectFailed(_)
        | CloseReason::ConnectTimeout
        | CloseReason::Tls
        | CloseReason::PeerClosed
        | CloseReason::PeerClosedMidMessage
        | CloseReason::Io(_)
        | CloseReason::PeerSentClose { .. }
        | CloseReason::Frame(_)
        | CloseReason::LocalClose
        | CloseReason::CloseTimeout
        | CloseReason::HttpGarbage
        | CloseReason::HttpTooLarge
        | CloseReason::RequestTimeout => false,
    }
}

/// Lets a remark through at most once a second, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct RemarkGate {
    open_at_ns: u64,
    held_back: u64,
}

impl RemarkGate {
    /// How many were held back since the last one, if this one may pass.
    pub(crate) fn pass(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.open_at_ns {
            self.held_back += 1;
            return None;
        }
        self.open_at_ns = now_ns.saturating_add(1_000_000_000);
        Some(std::mem::take(&mut self.held_back))
    }
}
