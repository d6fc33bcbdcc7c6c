//! Bodies of market data: book levels, resets, trades, best bid and ask.

use super::*;

/// One price level: the new absolute quantity at a price; quantity 0 removes the level.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(C)]
pub struct Level {
    /// Price, ticks.
    pub price: Ticks,
    /// Resting quantity, lots.
    pub qty: Lots,
}

impl Level {
    /// Price 0, quantity 0: fills the unused places of a record.
    pub const UNUSED: Self = Self {
        price: Ticks(0),
        qty: Lots(0),
    };
}

/// Up to four level updates of one venue message.
///
/// The record's `detail` says how many and on which side: see [`BookLevels::detail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BookLevels {
    /// The venue's id of the last update in the message.
    pub update_id: u64,
    /// The venue's time of the message; 0 if it gave none.
    pub venue_time_ns: u64,
    /// The levels; the first `count` are used.
    pub levels: [Level; LEVELS_PER_RECORD],
}
impl Body for BookLevels {}

impl BookLevels {
    /// The record's `detail`: low four bits the count (1 to 4), high four bits a mask with a bit
    /// set for each level that is an ask.
    #[must_use]
    pub const fn detail(count: u8, ask_mask: u8) -> u8 {
        (ask_mask << 4) | (count & 0x0f)
    }

    /// The levels of one message, bids first, cut into bodies; each with its record's `detail`.
    #[inline]
    pub fn cut(
        update_id: u64,
        venue_time_ns: u64,
        levels: &[Level],
        bids: usize,
    ) -> impl ExactSizeIterator<Item = (Self, u8)> + '_ {
        let groups = levels.chunks(LEVELS_PER_RECORD).enumerate();
        groups.map(move |(index, group)| {
            let mut body = Self {
                update_id,
                venue_time_ns,
                levels: [Level::UNUSED; LEVELS_PER_RECORD],
            };
            body.levels[..group.len()].copy_from_slice(group);
            // Bits from the first ask on, of the places that are used.
            let bids_left = bids.saturating_sub(index * LEVELS_PER_RECORD);
            let first_ask = bids_left.min(group.len());
            let ask_mask = (0x0f_u8 << first_ask) & !(0x0f_u8 << group.len()) & 0x0f;
            (body, Self::detail(group.len() as u8, ask_mask))
        })
    }

    /// The used levels with their sides, given the record's `detail`.
    #[inline]
    pub fn iter(&self, detail: u8) -> impl Iterator<Item = (Side, Level)> + '_ {
        let count = usize::from(detail & 0x0f).min(LEVELS_PER_RECORD);
        let ask_mask = detail >> 4;
        self.levels[..count]
            .iter()
            .enumerate()
            .map(move |(index, &level)| {
                let side = if ask_mask >> index & 1 == 1 {
                    Side::Sell
                } else {
                    Side::Buy
                };
                (side, level)
            })
    }
}

/// The book of the record's instrument is void. Levels with the snapshot flag follow, up to one
/// with the last-of-message flag too; until then the book is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BookReset {
    /// The snapshot's update id.
    pub update_id: u64,
    /// How many level records follow; 0 for an empty book, which is then whole at once.
    pub level_records: u64,
    /// Zero.
    pub reserved: [u8; 64],
}
impl Body for BookReset {}

/// A trade in the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Trade {
    /// The venue's id of the trade.
    pub trade_id: u64,
    /// The venue's time of the trade.
    pub venue_time_ns: u64,
    /// Price, ticks.
    pub price: Ticks,
    /// Quantity, lots.
    pub qty: Lots,
    /// Side of the taker.
    pub aggressor: Side,
    /// Zero.
    pub reserved: [u8; 47],
}
impl Body for Trade {}

/// What happened to one order of a venue's book.
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
pub enum BookChange {
    /// It rests now, behind all others at its price.
    Added = 1,
    /// It has another price or quantity. It keeps its place if the price is the same and the
    /// quantity no larger; else it stands behind all others.
    Changed = 2,
    /// It rests no more.
    Removed = 3,
    /// It traded. What is left of it is said by its next change or removal.
    Traded = 4,
}

/// One order's change in a venue's book, where the venue shows each order. The levels that it
/// makes are told by [`BookLevels`] behind it: a book needs these alone, the place of an order in
/// its queue needs the orders.
///
/// With the snapshot flag it is an order that rested already; such records stand between the
/// [`BookReset`] and the levels, in the order of their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BookOrder {
    /// The venue's id of the order, unique within the instrument as long as the order rests.
    pub order_id: u64,
    /// The venue's time; 0 if it gave none.
    pub venue_time_ns: u64,
    /// Its price, ticks; of a trade the trade's.
    pub price: Ticks,
    /// What rests of it, lots; of a trade what traded, of a removal 0.
    pub qty: Lots,
    /// Its side.
    pub side: Side,
    /// What happened.
    pub change: BookChange,
    /// Zero.
    pub reserved: [u8; 46],
}
impl Body for BookOrder {}

/// Best bid and ask with their quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Quote {
    /// The venue's id of the book update it stands for.
    pub update_id: u64,
    /// The venue's time; 0 if it gave none.
    pub venue_time_ns: u64,
    /// Best bid; quantity 0 means that the side is empty.
    pub bid: Level,
    /// Best ask; quantity 0 means that the side is empty.
    pub ask: Level,
    /// Zero.
    pub reserved: [u8; 32],
}
impl Body for Quote {}

/// Mark price, index and funding of a perpetual, as the venue says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Mark {
    /// Mark price, ticks.
    pub mark: Ticks,
    /// Index price, ticks; 0 if not stated.
    pub index: Ticks,
    /// Rate of the next funding, in 1e-9; 0 if not stated.
    pub funding_rate_e9: i64,
    /// Time of the next funding; 0 if not stated.
    pub next_funding_ns: u64,
    /// The venue's time.
    pub venue_time_ns: u64,
    /// Zero.
    pub reserved: [u8; 40],
}
impl Body for Mark {}

/// What an asset is worth in the reporting currency, as a source outside of the books says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Rate {
    /// Reporting currency for one of the asset; above 0.
    pub rate: Money,
    /// The source's time; 0 if it gave none.
    pub venue_time_ns: u64,
    /// The asset.
    pub asset: AssetName,
    /// Zero.
    pub reserved: [u8; 42],
}
impl Body for Rate {}

/// A candle as the venue makes it: of trades, in the venue's own intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Candle {
    /// Begin of its interval.
    pub open_time_ns: u64,
    /// The venue's time of the message; 0 if it gave none.
    pub venue_time_ns: u64,
    /// First price, ticks.
    pub open: Ticks,
    /// Highest price, ticks.
    pub high: Ticks,
    /// Lowest price, ticks.
    pub low: Ticks,
    /// Last price, ticks.
    pub close: Ticks,
    /// Traded quantity, lots.
    pub volume: Lots,
    /// Of it bought by takers, lots; 0 if not stated.
    pub taker_bought: Lots,
    /// Number of trades; 0 if not stated.
    pub trades: u64,
    /// Length of its interval, seconds.
    pub interval_s: u32,
    /// Whether it is complete.
    pub closed: Flag,
    /// Zero.
    pub reserved: [u8; 3],
}
impl Body for Candle {}

/// How much of a contract is held, over all its holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OpenInterest {
    /// Quantity, lots: each contract once, not once for each side.
    pub qty: Lots,
    /// The venue's time.
    pub venue_time_ns: u64,
    /// Zero.
    pub reserved: [u8; 64],
}
impl Body for OpenInterest {}

/// An order by which the venue closes somebody's position. Venues publish some of them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Liquidation {
    /// The venue's time of the order.
    pub venue_time_ns: u64,
    /// The order's price, ticks.
    pub price: Ticks,
    /// Average price of its fills, ticks, rounded down; 0 if not stated.
    pub average: Ticks,
    /// The order's quantity, lots.
    pub qty: Lots,
    /// Filled of it, lots.
    pub filled: Lots,
    /// Side of the order: a long position is sold.
    pub side: Side,
    /// Zero.
    pub reserved: [u8; 39],
}
impl Body for Liquidation {}

const _: () = {
    assert!(size_of::<Candle>() == BODY_BYTES);
    assert!(size_of::<OpenInterest>() == BODY_BYTES);
    assert!(size_of::<Liquidation>() == BODY_BYTES);
    assert!(size_of::<Mark>() == BODY_BYTES);
    assert!(size_of::<Rate>() == BODY_BYTES);
    assert!(size_of::<BookLevels>() == BODY_BYTES);
    assert!(size_of::<BookReset>() == BODY_BYTES);
    assert!(size_of::<BookOrder>() == BODY_BYTES);
    assert!(size_of::<Trade>() == BODY_BYTES);
    assert!(size_of::<Quote>() == BODY_BYTES);
};
