//! The ledger of one account: how much of each asset it holds, by our own books.
//!
//! Both sides of each entry are kept: what we hold, and what every other party gained. They must
//! sum to zero for each asset at each event. The venue's first report of an asset sets the holding
//! (the difference came from outside, before us); later ones are only compared, and the difference
//! is kept as drift. Nothing is ever adjusted in silence.
//!
//! Hot path: yes (fills). Allocates: only for more than [`ASSETS_RESERVED`] assets.

use model::body::AssetName;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes as _;

use super::exact::{add, sub};
use super::postings::{OTHERS, Party, Postings};
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Assets of an account for which room is reserved.
const ASSETS_RESERVED: usize = 64;

/// One asset of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The asset.
    #[serde(with = "crate::machine::saved::asset")]
    pub asset: AssetName,
    /// How much we hold by our own books, borrowed money included.
    #[serde(with = "crate::machine::saved::decimal")]
    pub total: Decimal,
    /// Free and locked as the venue reported last.
    #[serde(with = "crate::machine::saved::decimal_option")]
    pub reported: Option<Decimal>,
    /// Locked in orders, as the venue reported last.
    #[serde(with = "crate::machine::saved::decimal")]
    pub locked: Decimal,
    /// What we owe of it: borrowed and not paid back.
    #[serde(with = "crate::machine::saved::decimal")]
    pub borrowed: Decimal,
    /// The last report minus our own books at that moment, less corrections since.
    #[serde(with = "crate::machine::saved::decimal")]
    pub drift: Decimal,
    /// Fees paid in this asset, less rebates.
    #[serde(with = "crate::machine::saved::decimal")]
    pub fees: Decimal,
    /// What each other party gained.
    pub(super) others: Others,
    /// Came from outside and is not yet valued in the reporting currency.
    #[serde(with = "crate::machine::saved::decimal")]
    pub(super) unvalued_flow: Decimal,
    /// Profit of today that is not yet valued.
    #[serde(with = "crate::machine::saved::decimal")]
    pub(super) unvalued_gain: Decimal,
}

/// What each party but us gained of an asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Others([Decimal; OTHERS]);

impl Serialize for Others {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.map(|amount| amount.serialize()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Others {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = <[[u8; 16]; OTHERS]>::deserialize(from)?;
        Ok(Self(bytes.map(Decimal::deserialize)))
    }
}

impl Holding {
    const fn new(asset: AssetName) -> Self {
        Self {
            asset,
            total: Decimal::ZERO,
            reported: None,
            locked: Decimal::ZERO,
            borrowed: Decimal::ZERO,
            drift: Decimal::ZERO,
            fees: Decimal::ZERO,
            others: Others([Decimal::ZERO; OTHERS]),
            unvalued_flow: Decimal::ZERO,
            unvalued_gain: Decimal::ZERO,
        }
    }

    /// What is ours and not locked in orders, by our books and the venue's last word on what is
    /// locked. `None` beyond the range of a decimal.
    #[must_use]
    pub fn free(&self) -> Option<Decimal> {
        self.total.checked_sub(self.locked)
    }

    /// Whether both sides of the books sum to zero.
    fn balanced(&self) -> bool {
        let others = self.others.0.iter();
        others
            .copied()
            .try_fold(self.total, add)
            .is_some_and(|sum| sum.is_zero())
    }

    /// After the postings; `None` if a number overflows.
    fn after(mut self, postings: &Postings) -> Option<Self> {
        for posting in postings.iter().filter(|entry| entry.asset == self.asset) {
            match posting.party.other() {
                None => self.total = add(self.total, posting.amount)?,
                Some(other) => {
                    self.others.0[other] = add(self.others.0[other], posting.amount)?;
                }
            }
            if posting.party == Party::Fees {
                self.fees = add(self.fees, posting.amount)?;
            }
        }
        Some(self)
    }
}

/// The assets of one account, in the order in which they appeared.
#[derive(Debug, Clone)]
pub struct Ledger {
    holdings: Vec<Holding>,
    /// What came from outside, less what went there, reporting currency; what waits to be valued
    /// is not in it. `None` once the sum left the range of a decimal.
    flows: Option<Decimal>,
}

/// A ledger as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedLedger {
    holdings: Vec<Holding>,
    #[serde(with = "crate::machine::saved::decimal_option")]
    flows: Option<Decimal>,
}

impl Ledger {
    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedLedger {
        let Self { holdings, flows } = self;
        SavedLedger {
            holdings: holdings.clone(),
            flows: *flows,
        }
    }

    /// The ledger of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: an asset stands there twice.
    pub(super) fn restore(saved: &SavedLedger) -> Result<Self, Unsound> {
        let mut names: Vec<&[u8]> = saved
            .holdings
            .iter()
            .map(|held| held.asset.as_bytes())
            .collect();
        names.sort_unstable();
        require(
            names.is_sorted_by(|left, right| left < right),
            "assets of an account",
        )?;
        let mut ledger = Self::new();
        ledger.holdings.extend(&saved.holdings);
        ledger.flows = saved.flows;
        Ok(ledger)
    }

    pub(super) fn new() -> Self {
        Self {
            holdings: Vec::with_capacity(ASSETS_RESERVED),
            flows: Some(Decimal::ZERO),
        }
    }

    /// Something came from outside, reporting currency.
    pub(super) fn flow(&mut self, value: Option<Decimal>) {
        self.flows = self.flows.and_then(|flows| flows.checked_add(value?));
    }

    /// What came from outside, reporting currency; `None` while some of it waits to be valued.
    pub(super) fn flows(&self) -> Option<Decimal> {
        let waits = |held: &Holding| !held.unvalued_flow.is_zero();
        self.flows.filter(|_| !self.holdings.iter().any(waits))
    }

    /// All assets, in the order in which they appeared.
    #[must_use]
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    pub(super) fn holdings_mut(&mut self) -> &mut [Holding] {
        &mut self.holdings
    }

    /// One asset; `None` if it never appeared.
    #[must_use]
    pub fn holding(&self, asset: &AssetName) -> Option<&Holding> {
        self.holdings.iter().find(|holding| holding.asset == *asset)
    }

    /// What we hold of an asset; zero if it never appeared.
    #[must_use]
    pub fn total(&self, asset: &AssetName) -> Decimal {
        self.holding(asset)
            .map_or(Decimal::ZERO, |holding| holding.total)
    }

    pub(super) fn holding_mut(&mut self, asset: AssetName) -> &mut Holding {
        let known = self.holdings.iter().position(|held| held.asset == asset);
        let index = known.unwrap_or_else(|| {
            self.holdings.push(Holding::new(asset));
            self.holdings.len() - 1
        });
        &mut self.holdings[index]
    }

    /// Books an event: all of it, or nothing if a number overflows. Whether both sides balance
    /// afterwards.
    pub(super) fn book(&mut self, postings: &Postings) -> Option<bool> {
        for (asset, _) in postings.own() {
            let held = self.holding(&asset);
            held.copied()
                .unwrap_or(Holding::new(asset))
                .after(postings)?;
        }
        let mut balanced = postings.balanced();
        let mut done: [Option<AssetName>; 3] = [None; 3];
        for (place, (asset, amount)) in postings.own().enumerate() {
            // Nothing of an asset that never appeared opens no holding; a later entry may.
            let nothing = amount.is_zero() && self.holding(&asset).is_none();
            if nothing || done.contains(&Some(asset)) {
                continue;
            }
            *done.get_mut(place)? = Some(asset);
            let holding = self.holding_mut(asset);
            *holding = holding.after(postings)?;
            balanced &= holding.balanced();
        }
        Some(balanced)
    }

    /// Takes the venue's report of an asset. Returns what the first report of it brought.
    pub(super) fn report(
        &mut self,
        asset: AssetName,
        free: Decimal,
        locked: Decimal,
    ) -> Option<Decimal> {
        let reported = add(free, locked)?;
        let before = self.holding(&asset).copied();
        let before = before.unwrap_or(Holding::new(asset));
        let brought = if before.reported.is_none() {
            sub(reported, before.total)?
        } else {
            Decimal::ZERO
        };
        let mut after = before;
        if let Some(opening) = Postings::of(Party::Outside, asset, brought) {
            after = after.after(&opening)?;
        }
        after.drift = sub(reported, after.total)?;
        after.reported = Some(reported);
        after.locked = locked;
        *self.holding_mut(asset) = after;
        Some(brought)
    }

    /// Whether both sides of every asset sum to zero.
    pub(super) fn balanced(&self) -> bool {
        self.holdings.iter().all(Holding::balanced)
    }
}

impl Digest for Ledger {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.flows.is_some());
        sink.decimal(self.flows.unwrap_or_default());
        sink.number(self.holdings.len() as u64);
        for holding in &self.holdings {
            let Holding {
                asset,
                total,
                reported,
                locked,
                borrowed,
                drift,
                fees,
                others,
                unvalued_flow,
                unvalued_gain,
            } = holding;
            sink.bytes(asset.as_str().as_bytes());
            let single = [total, locked, borrowed, drift, fees];
            for value in single.into_iter().chain(&others.0) {
                sink.decimal(*value);
            }
            sink.decimal(*unvalued_flow);
            sink.decimal(*unvalued_gain);
            sink.number(reported.is_some());
            sink.decimal(reported.unwrap_or_default());
        }
    }
}
