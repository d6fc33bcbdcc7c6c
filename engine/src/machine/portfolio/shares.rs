//! Virtual sub-accounts: what of each account's money and positions each strategy made.
//!
//! A share is booked by its own average cost. What no strategy has is the unattributed sub-account:
//! the account less all shares, so that sub-accounts sum to the account exactly, at every event,
//! for each asset and each instrument. Orphan fills, transfers and remainders of a division are
//! there, and, of perpetuals, what netting between strategies realised earlier or later.
//!
//! Hot path: yes (fills). Allocates: only for more than [`RESERVED`] shares.

use model::body::AssetName;
use model::ids::{AccountId, InstrumentId, StrategyId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes as _;

use super::exact::add;
use super::position::Position;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Shares of positions, and of assets, for which room is reserved.
const RESERVED: usize = 1_024;

/// A strategy's part of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) strategy: StrategyId,
    pub(super) position: Position,
}

impl Part {
    const fn key(&self) -> (StrategyId, InstrumentId, AccountId) {
        (
            self.strategy,
            self.position.instrument,
            self.position.account,
        )
    }
}

/// A strategy's part of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Amount {
    pub(super) strategy: StrategyId,
    pub(super) account: AccountId,
    #[serde(with = "crate::machine::saved::asset")]
    pub(super) asset: AssetName,
    #[serde(with = "crate::machine::saved::decimal")]
    pub(super) amount: Decimal,
}

impl Amount {
    fn key(&self) -> (StrategyId, AccountId, &[u8]) {
        (self.strategy, self.account, self.asset.as_bytes())
    }
}

/// All shares, ascending.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    parts: Vec<Part>,
    amounts: Vec<Amount>,
}

/// The same as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedShares {
    parts: Vec<Part>,
    amounts: Vec<Amount>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            parts: Vec::with_capacity(RESERVED),
            amounts: Vec::with_capacity(RESERVED),
        }
    }
}

impl Shares {
    pub(super) fn save(&self) -> SavedShares {
        let Self { parts, amounts } = self;
        SavedShares {
            parts: parts.clone(),
            amounts: amounts.clone(),
        }
    }

    /// # Errors
    ///
    /// [`Unsound`]: not in their order.
    pub(super) fn restore(saved: &SavedShares) -> Result<Self, Unsound> {
        let parts = saved.parts.is_sorted_by(|one, two| one.key() < two.key());
        let amounts = saved.amounts.is_sorted_by(|one, two| one.key() < two.key());
        require(parts && amounts, "sequence of the shares")?;
        let mut shares = Self::default();
        shares.parts.extend(&saved.parts);
        shares.amounts.extend(&saved.amounts);
        Ok(shares)
    }

    /// A strategy's part of an account's position; a flat one if there is none.
    pub(super) fn part(
        &self,
        strategy: StrategyId,
        account: AccountId,
        instrument: InstrumentId,
    ) -> Position {
        self.parts
            .binary_search_by_key(&(strategy, instrument, account), Part::key)
            .map_or(Position::flat(account, instrument), |at| {
                self.parts[at].position
            })
    }

    pub(super) fn set_part(&mut self, strategy: StrategyId, position: Position) {
        let part = Part { strategy, position };
        match self.parts.binary_search_by_key(&part.key(), Part::key) {
            Ok(at) => self.parts[at] = part,
            Err(at) => self.parts.insert(at, part),
        }
    }

    pub(super) fn amount(
        &self,
        strategy: StrategyId,
        account: AccountId,
        asset: AssetName,
    ) -> Decimal {
        self.find(strategy, account, &asset)
            .map_or(Decimal::ZERO, |at| self.amounts[at].amount)
    }

    fn find(
        &self,
        strategy: StrategyId,
        account: AccountId,
        asset: &AssetName,
    ) -> Result<usize, usize> {
        let key = (strategy, account, asset.as_bytes());
        self.amounts.binary_search_by(|held| held.key().cmp(&key))
    }

    /// Adds to a strategy's part of an asset. The bound is checked by the account's own booking.
    pub(super) fn add(
        &mut self,
        strategy: StrategyId,
        account: AccountId,
        asset: AssetName,
        amount: Decimal,
    ) -> Option<()> {
        match self.find(strategy, account, &asset) {
            Ok(at) => self.amounts[at].amount = add(self.amounts[at].amount, amount)?,
            Err(_) if amount.is_zero() => {}
            Err(at) => self.amounts.insert(
                at,
                Amount {
                    strategy,
                    account,
                    asset,
                    amount,
                },
            ),
        }
        Some(())
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(super) fn amounts(&self) -> &[Amount] {
        &self.amounts
    }
}

impl Digest for Shares {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.parts.len() as u64);
        for part in &self.parts {
            sink.number(part.strategy.0);
            part.position.digest(sink);
        }
        sink.number(self.amounts.len() as u64);
        for held in &self.amounts {
            sink.number(held.strategy.0);
            sink.number(held.account.0);
            sink.bytes(held.asset.as_bytes());
            sink.decimal(held.amount);
        }
    }
}
