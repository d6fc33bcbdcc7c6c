//! Bodies of the run itself: start and end, time, connections, operators, balances, blobs.

use super::*;

/// First event of a run.
///
/// `commands_journaled` lets the machine tell, after a crash, which of its last decisions the
/// journal never held: such a command was never sent, because a gateway sends only what the
/// journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RunStarted {
    /// Number of this run on this journal, from 1.
    pub epoch: u32,
    /// Zero.
    pub reserved0: u32,
    /// Commands in the journal before this event.
    pub commands_journaled: u64,
    /// Zero.
    pub reserved: [u8; 64],
}
impl Body for RunStarted {}

/// Last event of a run that ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RunEnded {
    /// Orders that were still open or unknown; 0 after a clean end.
    pub open_orders: u64,
    /// Zero.
    pub reserved: [u8; 72],
}
impl Body for RunEnded {}

/// Time passed. The record's time is the new machine time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tick {
    /// Number of the tick in this run.
    pub count: u64,
    /// Zero.
    pub reserved: [u8; 72],
}
impl Body for Tick {}

/// Which connection of a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum Channel {
    /// Market data. With an instrument in the record: that instrument's book only.
    Market = 1,
    /// Order entry and its private stream.
    Orders = 2,
}

/// State of a connection.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum LinkState {
    /// Not connected; nothing of it is current.
    Down = 1,
    /// Connected, and what is current is not known yet (book or orders are being synchronised).
    Syncing = 2,
    /// Usable: the book is whole; the orders, fills and balances are reconciled.
    Up = 3,
    /// Connected, but what we hold is not current (a gap, silence, a wrong checksum).
    Stale = 4,
    /// Will not come up without a person: refused certificate, refused key, and the like.
    Failed = 5,
    /// Remark that changes no state: an unparsed message, an unknown error code.
    Notice = 6,
}

/// A connection changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Connection {
    /// Raw [`crate::ids::VenueId`].
    pub venue: u8,
    /// Which connection.
    pub channel: Channel,
    /// Its new state.
    pub state: LinkState,
    /// Zero.
    pub reserved: u8,
    /// The venue's error code, or 0.
    pub code: i32,
    /// What happened, for a person.
    pub text: Text<72>,
}
impl Body for Connection {}

/// What an operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum OperatorAction {
    /// End in order: no new orders, cancel what rests.
    Stop = 1,
    /// Kill switch for everything: as `Stop`, and latched across restarts.
    Kill = 2,
    /// Release the kill switch.
    Release = 3,
    /// Ask each venue for its list of our open orders.
    ConfirmFlat = 4,
    /// Send nothing but cancels and queries until `Resume`; a new run starts without it. For the
    /// time in which the journal cannot keep its promise. The text says why.
    CancelOnly = 5,
    /// The end of `CancelOnly`.
    Resume = 6,
}

/// A person's or the supervisor's order to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Operator {
    /// What to do.
    pub action: OperatorAction,
    /// Zero.
    pub reserved: [u8; 7],
    /// Who and why.
    pub text: Text<72>,
}
impl Body for Operator {}

/// The balance of one asset in the record's account, as the venue reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Balance {
    /// Available.
    pub free: Money,
    /// Held by open orders.
    pub locked: Money,
    /// The venue's time; 0 if it gave none.
    pub venue_time_ns: u64,
    /// The asset.
    pub asset: AssetName,
    /// Zero.
    pub reserved: [u8; 26],
}
impl Body for Balance {}

/// State hash of the machine after an earlier event, as the shadow computed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StateHash {
    /// Number of the event that was applied last.
    pub at_event: u64,
    /// The hash.
    pub hash: [u8; 32],
    /// Zero.
    pub reserved: [u8; 40],
}
impl Body for StateHash {}

/// Filling of a commit: in the strict durability modes no commit shares a block with an earlier
/// one, so each is filled up to a block with these. No event: the machine never sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DurableMark {
    /// Everything up to this log sequence was on stable storage when this was written.
    pub durable_seq: u64,
    /// Zero.
    pub reserved: [u8; 72],
}
impl Body for DurableMark {}

/// What recovery cut off the journal's end before this run. None of it was promised; the bytes are
/// kept in `.broken` files beside the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Recovered {
    /// First log sequence that was cut; it is given anew.
    pub from_seq: u64,
    /// Bytes that were cut.
    pub bytes: u64,
    /// Whole records among them.
    pub whole_records: u64,
    /// Last sequence that was known to be durable; it lies before the cut.
    pub durable_mark: u64,
    /// Zero.
    pub reserved: [u8; 48],
}
impl Body for Recovered {}

/// A part of a variable-length value; parts of one blob stand consecutively. See [`crate::blob`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BlobPart {
    /// Code of the [`crate::blob::BlobKind`].
    pub kind: u16,
    /// Index of this part, from 0.
    pub part: u16,
    /// Number of parts.
    pub parts: u16,
    /// Bytes of this part that are used.
    pub used: u16,
    /// The bytes; the rest is zero.
    pub bytes: [u8; BLOB_PART_BYTES],
}
impl Body for BlobPart {}

const _: () = {
    assert!(size_of::<RunStarted>() == BODY_BYTES);
    assert!(size_of::<RunEnded>() == BODY_BYTES);
    assert!(size_of::<Tick>() == BODY_BYTES);
    assert!(size_of::<Connection>() == BODY_BYTES);
    assert!(size_of::<Operator>() == BODY_BYTES);
    assert!(size_of::<Balance>() == BODY_BYTES);
    assert!(size_of::<StateHash>() == BODY_BYTES);
    assert!(size_of::<DurableMark>() == BODY_BYTES);
    assert!(size_of::<Recovered>() == BODY_BYTES);
    assert!(size_of::<BlobPart>() == BODY_BYTES);
};
