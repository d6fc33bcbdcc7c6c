//! The ledger of one account: how much of each asset it holds, by our own books.
//!
//! The venue's first report of an asset sets the holding; later ones are only compared, and the
//! difference is kept as drift. Nothing is ever adjusted in silence.
//!
//! Hot path: yes (fills). Allocates: only for more than [`ASSETS_RESERVED`] assets.

use model::body::AssetName;
use rust_decimal::Decimal;

use crate::machine::digest::{Digest, Sink};

/// Assets of an account for which room is reserved.
const ASSETS_RESERVED: usize = 64;

/// One asset of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The asset.
    pub asset: AssetName,
    /// How much we hold by our own books.
    pub total: Decimal,
    /// Free and locked as the venue reported last.
    pub reported: Option<Decimal>,
    /// The last report minus our own books at that moment.
    pub drift: Decimal,
    /// Fees paid in this asset.
    pub fees: Decimal,
}

/// The assets of one account, in the order in which they appeared.
#[derive(Debug, Clone)]
pub struct Ledger {
    holdings: Vec<Holding>,
}

impl Ledger {
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
