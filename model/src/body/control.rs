//! Bodies of control: what a person asks of risk, and what risk tells people.

use super::*;
use crate::control::ScopeKind;

/// What a person asks of risk. Tightening takes effect at once; loosening is a proposal that
/// another person has to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum ControlAction {
    /// Set a limit: `control`, `old`, `new`, `soft`.
    SetLimit = 1,
    /// Approve the proposal `target`.
    Approve = 2,
    /// Take the proposal `target` back.
    Withdraw = 3,
    /// Pull the kill switch of the scope.
    Kill = 4,
    /// Release it.
    Release = 5,
    /// Decide what became of the order `target`, which needs a human: `outcome`.
    Resolve = 6,
    /// Let a paused scope trade again.
    Enable = 7,
    /// Pause a scope: only what reduces passes.
    Pause = 8,
    /// Put the instrument on the restricted list, until the time `new` (0: for good).
    Restrict = 9,
    /// Take it off the list.
    Unrestrict = 10,
    /// Close the positions of the scope by reduce-only orders.
    Flatten = 11,
}

/// What became of an order, by a person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum Outcome {
    /// The request is not about an order.
    None = 0,
    /// The venue never had it.
    Absent = 1,
    /// It ended; its fills are those that we have.
    Cancelled = 2,
}

/// A person's request to risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ControlRequest {
    /// Number of the request, never used before on this journal; a proposal's name.
    pub number: u64,
    /// The proposal, or the raw client id of the order, that it is about; else 0.
    pub target: u64,
    /// The limit as the person saw it, in the control's unit; `i64::MAX` for none.
    pub old: i64,
    /// The limit wanted; `i64::MAX` for none.
    pub new: i64,
    /// The soft limit wanted; `i64::MAX` for none.
    pub soft: i64,
    /// Id within the scope's kind.
    pub scope_id: u32,
    /// Code of the [`crate::control::Control`]; 0 where there is none.
    pub control: u16,
    /// Who asks: place in the configuration's list of persons.
    pub person: u16,
    /// What is asked.
    pub action: ControlAction,
    /// What it is about.
    pub scope: ScopeKind,
    /// For [`ControlAction::Resolve`].
    pub outcome: Outcome,
    /// Why, in the person's words.
    pub reason: Text<29>,
}
impl Body for ControlRequest {}

/// How grave a notice is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum Level {
    /// For the record.
    Info = 0,
    /// Only what reduces passes, or a person should look.
    Soft = 1,
    /// Trading in the scope has ended, or a person must act.
    Hard = 2,
}

/// What risk tells people.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u16)]
pub enum NoticeCode {
    /// A soft limit is reached: reduce-only.
    SoftLimit = 1,
    /// A hard limit is reached.
    HardLimit = 2,
    /// What a limit said is over.
    LimitCleared = 3,
    /// A kill switch was pulled.
    Killed = 4,
    /// A kill switch was released.
    Released = 5,
    /// A scope is paused.
    Paused = 6,
    /// A paused scope may trade again.
    Enabled = 7,
    /// The venue confirmed that nothing of ours rests. Value: ns since the kill.
    ConfirmedEmpty = 8,
    /// Positions are being closed.
    Flattening = 9,
    /// All positions of the scope are closed.
    Flat = 10,
    /// A request waits for a second person. Other: its number.
    ChangeProposed = 20,
    /// A request took effect. Value: new; threshold: old.
    ChangeApplied = 21,
    /// A request was refused. Value: code of the reason.
    ChangeRefused = 22,
    /// A request expired without a second person.
    ChangeExpired = 23,
    /// A request was taken back.
    ChangeWithdrawn = 24,
    /// An order's outcome stays unknown: a person must decide. Other: its client id; value:
    /// queries; threshold: the schedule's.
    NeedsHuman = 30,
    /// Persons decided what became of an order. Other: its client id; value: the outcome;
    /// threshold: machine time.
    Resolved = 31,
    /// A fill of an order that we never sent. Other: its trade id.
    UnknownFill = 32,
    /// A fill that no account or instrument of ours fits.
    UnplacedFill = 33,
    /// Something that our books could not take, and that stays in the log only.
    Unbooked = 34,
    /// The venue reports a negative balance. Value: in 1e-8.
    NegativeBalance = 35,
    /// An instrument's steps changed while orders or a position depend on them. Value: orders;
    /// threshold: positions.
    RulesChanged = 36,
    /// More was filled than ordered.
    Overfilled = 37,
    /// The engine holds a conditional order.
    HeldPlaced = 40,
    /// A held order triggered.
    Triggered = 41,
    /// A held order ended without triggering.
    HeldEnded = 42,
    /// A position's exit fired.
    ExitFired = 43,
    /// A protective order was refused or rests unfilled, and is tried again.
    ExitRetried = 44,
    /// Risk answered a wish for a size. Value: lots.
    Sized = 45,
    /// A soft limit was passed with a typed reason.
    SoftOverridden = 46,
    /// Our books and the venue's differ.
    Drift = 50,
    /// They agree again.
    DriftEnded = 51,
    /// Program or configuration is not that of the run before.
    Deployment = 52,
    /// The venue's clock moved against ours.
    ClockStep = 53,
    /// The gateway's last line stopped an order.
    LastLine = 54,
    /// An instrument went on the restricted list.
    Restricted = 55,
    /// It came off.
    Unrestricted = 56,
    /// FIFO lots were merged at their exact cost.
    LotsMerged = 57,
    /// A sequence of losses locked a scope.
    LossLock = 58,
    /// The same execution again and again.
    Repeated = 59,
    /// An order whose outcome was unknown is proven absent. Other: its client id; value:
    /// queries; threshold: machine time of the proof.
    AbsenceProven = 60,
    /// An asset has no price, so that equity is unknown. Value: ns since; other: its first eight
    /// letters.
    Unpriced = 61,
    /// What was there before us: of an asset the venue's first report was taken as ours (value: in
    /// 1e-8; other: its first eight letters; threshold: 1), a position was not (value: lots;
    /// threshold: 0).
    Adopted = 62,
    /// What is left of a position cannot be closed: the venue takes no order so small. Quantity:
    /// the rest.
    FlattenRest = 63,
    /// Closing positions was stopped by a person. Other: its number.
    FlattenStopped = 64,
}

/// Risk tells people something. The machine has acted on it already, at the event `cause`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Notice {
    /// Number of the notice, from 1, without gaps over the whole journal.
    pub number: u64,
    /// Event that it follows from.
    pub cause: u64,
    /// What was seen; the control's unit.
    pub value: i64,
    /// What it was compared with; the control's unit.
    pub threshold: i64,
    /// Client id, trade id or number of a request, by code; else 0.
    pub other: u64,
    /// Price, ticks; 0 where there is none.
    pub price: Ticks,
    /// Quantity, lots; 0 where there is none.
    pub qty: Lots,
    /// Id within the scope's kind.
    pub scope_id: u32,
    /// Version of the limits.
    pub version: u32,
    /// What it says.
    pub code: NoticeCode,
    /// Code of the [`crate::control::Control`]; 0 where there is none.
    pub control: u16,
    /// What it is about.
    pub scope: ScopeKind,
    /// How grave it is.
    pub level: Level,
    /// Zero.
    pub reserved: [u8; 10],
}
impl Body for Notice {}

const _: () = {
    assert!(size_of::<ControlRequest>() == BODY_BYTES);
    assert!(size_of::<Notice>() == BODY_BYTES);
};
