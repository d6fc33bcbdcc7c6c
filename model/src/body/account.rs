//! Bodies of accounts and their money: transfers, funding, the venue's word on a position.

use super::*;

/// What moved money without a trade.
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
pub enum TransferKind {
    /// From outside into the account.
    Deposit = 1,
    /// Out of the account.
    Withdrawal = 2,
    /// Between accounts of ours: each side is an event of its own.
    Internal = 3,
    /// Borrowed: it adds to the debt.
    Borrow = 4,
    /// Paid back: it takes from the debt.
    Repay = 5,
    /// Interest on a debt, or on a balance.
    Interest = 6,
    /// A person's correction of our books.
    Adjustment = 7,
}

/// Money that moved without a trade, in the record's account. Applied once, by account and `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Transfer {
    /// What the account gains; below zero for what it loses.
    pub amount: Money,
    /// The venue's id of it, or one made of what it says.
    pub id: u64,
    /// The venue's time; 0 if it gave none.
    pub venue_time_ns: u64,
    /// The asset.
    pub asset: AssetName,
    /// What it is.
    pub kind: TransferKind,
    /// Zero.
    pub reserved: [u8; 33],
}
impl Body for Transfer {}

/// Funding of a perpetual, in the record's account and instrument. Applied once, by account,
/// instrument and `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Funding {
    /// What we received; below zero for what we paid.
    pub amount: Money,
    /// The venue's id of it.
    pub id: u64,
    /// The rate, in 1e-9; 0 if not stated.
    pub rate_e9: i64,
    /// Position that it was reckoned on, lots, below zero for short; 0 if not stated.
    pub qty: Lots,
    /// The venue's time.
    pub venue_time_ns: u64,
    /// The asset.
    pub asset: AssetName,
    /// Zero.
    pub reserved: [u8; 18],
}
impl Body for Funding {}

/// What stands behind a position.
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
pub enum MarginMode {
    /// All of the account's money in the settlement asset.
    Cross = 1,
    /// A sum of its own.
    Isolated = 2,
}

/// A position as the venue reports it, in the record's account and instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PositionReport {
    /// Lots, below zero for short.
    pub qty: Lots,
    /// Entry price, in the quote asset; 0 if not stated.
    pub entry: Money,
    /// Liquidation price, ticks; 0 if there is none.
    pub liquidation: Ticks,
    /// Margin set aside for it, settlement asset; 0 in cross margin.
    pub margin: Money,
    /// The venue's time.
    pub venue_time_ns: u64,
    /// Leverage, in 1/10_000; 0 if not stated.
    pub leverage_bps: u32,
    /// What stands behind it.
    pub mode: MarginMode,
    /// Zero.
    pub reserved: [u8; 19],
}
impl Body for PositionReport {}

const _: () = {
    assert!(size_of::<Transfer>() == BODY_BYTES);
    assert!(size_of::<Funding>() == BODY_BYTES);
    assert!(size_of::<PositionReport>() == BODY_BYTES);
};
