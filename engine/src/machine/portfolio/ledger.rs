//! The ledger of one account: how much of each asset it holds, by our own books.
//!
//! The venue's first report of an asset sets the holding; later ones are only compared, and the
//! difference is kept as drift. Nothing is ever adjusted in silence.
//!
//! Hot path: yes (fills). Allocates: only for more than [`ASSETS_RESERVED`] assets.

use model::body::AssetName;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes as _;

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
    /// How much we hold by our own books.
    #[serde(with = "crate::machine::saved::decimal")]
    pub total: Decimal,
    /// Free and locked as the venue reported last.
    #[serde(with = "crate::machine::saved::decimal_option")]
    pub reported: Option<Decimal>,
    /// The last report minus our own books at that moment.
    #[serde(with = "crate::machine::saved::decimal")]
    pub drift: Decimal,
    /// Fees paid in this asset.
    #[serde(with = "crate::machine::saved::decimal")]
    pub fees: Decimal,
}

/// The assets of one account, in the order in which they appeared.
#[derive(Debug, Clone)]
pub struct Ledger {
    holdings: Vec<Holding>,
}

/// A ledger as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedLedger(Vec<Holding>);

impl Ledger {
    /// What a snapshot has to hold.
    pub(super) fn save(&self) -> SavedLedger {
        let Self { holdings } = self;
        SavedLedger(holdings.clone())
    }

    /// The ledger of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: an asset stands there twice.
    pub(super) fn restore(saved: &SavedLedger) -> Result<Self, Unsound> {
        let mut names: Vec<&[u8]> = saved.0.iter().map(|held| held.asset.as_bytes()).collect();
        names.sort_unstable();
        require(
            names.is_sorted_by(|left, right| left < right),
            "assets of an account",
        )?;
        let mut ledger = Self::new();
        ledger.holdings.extend(&saved.0);
        Ok(ledger)
    }

    pub(super) fn new() -> Self {
        Self {
            holdings: Vec::with_capacity(ASSETS_RESERVED),
        }
    }

    /// All assets, in the order in which they appeared.
    #[must_use]
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// What we hold of an asset; zero if it never appeared.
    #[must_use]
    pub fn total(&self, asset: &AssetName) -> Decimal {
        self.holdings
            .iter()
            .find(|holding| holding.asset == *asset)
            .map_or(Decimal::ZERO, |holding| holding.total)
    }

    fn holding(&mut self, asset: AssetName) -> &mut Holding {
        let known = self.holdings.iter().position(|held| held.asset == asset);
        let index = known.unwrap_or_else(|| {
            self.holdings.push(Holding {
                asset,
                total: Decimal::ZERO,
                reported: None,
                drift: Decimal::ZERO,
                fees: Decimal::ZERO,
            });
            self.holdings.len() - 1
        });
        &mut self.holdings[index]
    }

    /// Books amounts; nothing at all if one overflows.
    pub(super) fn book(&mut self, amounts: &[(AssetName, Decimal)]) -> Option<()> {
        // Checked on the sums first, so that a fill is booked whole or not at all. Amounts of one
        // asset may come twice, and their sum is bounded by the sum of magnitudes.
        for (asset, _) in amounts {
            let mut most = self.total(asset).abs();
            for (other, amount) in amounts {
                if other == asset {
                    most = most.checked_add(amount.abs())?;
                }
            }
        }
        for (asset, amount) in amounts.iter().filter(|(_, amount)| !amount.is_zero()) {
            let holding = self.holding(*asset);
            holding.total = holding.total.checked_add(*amount)?;
        }
        Some(())
    }

    pub(super) fn add_fee(&mut self, asset: AssetName, fee: Decimal) -> Option<()> {
        if !fee.is_zero() {
            let holding = self.holding(asset);
            holding.fees = holding.fees.checked_add(fee)?;
        }
        Some(())
    }

    /// Takes the venue's report of an asset, free and locked together.
    pub(super) fn report(&mut self, asset: AssetName, reported: Decimal) -> Option<()> {
        let holding = self.holding(asset);
        if holding.reported.is_none() {
            holding.total = reported;
        }
        holding.drift = reported.checked_sub(holding.total)?;
        holding.reported = Some(reported);
        Some(())
    }
}

impl Digest for Ledger {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.holdings.len() as u64);
        for holding in &self.holdings {
            sink.bytes(holding.asset.as_str().as_bytes());
            for value in [holding.total, holding.drift, holding.fees] {
                sink.decimal(value);
            }
            sink.number(holding.reported.is_some());
            sink.decimal(holding.reported.unwrap_or_default());
        }
    }
}
