//! Double entry: what each party gains of each asset by one event. The sum for each asset is zero.
//!
//! Hot path: yes (fills). Allocates: no.

use model::body::{AssetName, Fill, Side, Transfer, TransferKind};
use model::instrument::{Contract, InstrumentSpec};
use rust_decimal::Decimal;

use super::exact::{add, sound};

/// Whose holding a posting changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// Our account.
    Own,
    /// Whoever traded with us.
    Market,
    /// The venue's fees; a rebate takes from them.
    Fees,
    /// The other side of our perpetuals.
    Funding,
    /// What is not in the account: deposits, withdrawals, other accounts, what was there before us.
    Outside,
    /// Who lends to us, and takes interest.
    Lender,
    /// A person's correction.
    Adjustment,
}

/// Parties other than our own account.
pub(super) const OTHERS: usize = 6;

impl Party {
    /// Place among the others; `None` for our own account.
    pub(super) const fn other(self) -> Option<usize> {
        match self {
            Self::Own => None,
            Self::Market => Some(0),
            Self::Fees => Some(1),
            Self::Funding => Some(2),
            Self::Outside => Some(3),
            Self::Lender => Some(4),
            Self::Adjustment => Some(5),
        }
    }
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) party: Party,
    pub(super) asset: AssetName,
    pub(super) amount: Decimal,
}

/// Entries that an event can have: base, quote and fee, each with two sides.
const POSTINGS_MAX: usize = 6;

/// The entries of one event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Postings {
    entries: [Option<Posting>; POSTINGS_MAX],
    used: usize,
}

impl Postings {
    /// Our account gains `amount` from `party`.
    fn gain(&mut self, party: Party, asset: AssetName, amount: Decimal) -> Option<()> {
        for (party, amount) in [(Party::Own, amount), (party, -amount)] {
            *self.entries.get_mut(self.used)? = Some(Posting {
                party,
                asset,
                amount,
            });
            self.used += 1;
        }
        Some(())
    }

    /// A fill. Spot exchanges base for quote; of a perpetual only the realised profit moves.
    pub(super) fn of_fill(spec: &InstrumentSpec, fill: &Fill, realised: Decimal) -> Option<Self> {
        let mut postings = Self::default();
        match &spec.contract {
            Contract::Spot => {
                let quantity = spec.quantity(fill.qty)?;
                let value = spec.notional(fill.price, fill.qty)?;
                let (gained, paid) = match fill.side {
                    Side::Buy => (quantity, value),
                    Side::Sell => (-quantity, -value),
                };
                postings.gain(Party::Market, AssetName::whole(&spec.base)?, gained)?;
                postings.gain(Party::Market, AssetName::whole(&spec.quote)?, -paid)?;
            }
            Contract::Linear(terms) | Contract::Inverse(terms) => {
                postings.gain(Party::Market, AssetName::whole(&terms.settle)?, realised)?;
            }
        }
        postings.gain(Party::Fees, fill.fee_asset, -sound(fill.fee)?)?;
        Some(postings)
    }

    /// A transfer. `None` if its sign contradicts its kind, or it moves nothing.
    pub(super) fn of_transfer(transfer: &Transfer) -> Option<Self> {
        let amount = sound(transfer.amount)?;
        let gains = amount > Decimal::ZERO;
        let party = match transfer.kind {
            TransferKind::Deposit if gains => Party::Outside,
            TransferKind::Withdrawal if !gains => Party::Outside,
            TransferKind::Internal => Party::Outside,
            TransferKind::Borrow if gains => Party::Lender,
            TransferKind::Repay if !gains => Party::Lender,
            TransferKind::Interest => Party::Lender,
            TransferKind::Adjustment => Party::Adjustment,
            TransferKind::Deposit
            | TransferKind::Withdrawal
            | TransferKind::Borrow
            | TransferKind::Repay => return None,
        };
        Self::of(party, transfer.asset, amount)
    }

    /// One gain from one party. `None` if it is zero.
    pub(super) fn of(party: Party, asset: AssetName, amount: Decimal) -> Option<Self> {
        let mut postings = Self::default();
        postings.gain(party, asset, amount)?;
        (!amount.is_zero()).then_some(postings)
    }

    /// The entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Posting> {
        self.entries.iter().flatten()
    }

    /// What our account gains, entry by entry.
    pub(super) fn own(&self) -> impl Iterator<Item = (AssetName, Decimal)> + '_ {
        self.iter()
            .filter(|posting| posting.party == Party::Own)
            .map(|posting| (posting.asset, posting.amount))
    }

    /// Whether the entries sum to zero for each asset.
    pub(super) fn balanced(&self) -> bool {
        self.iter().all(|posting| {
            let same = self.iter().filter(|other| other.asset == posting.asset);
            let sum = same.map(|other| other.amount).try_fold(Decimal::ZERO, add);
            sum == Some(Decimal::ZERO)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postings_with_a_side_that_is_missing_or_of_another_asset_are_not_balanced() {
        let asset = |name| AssetName::whole(name).unwrap();
        let whole = Postings::of(Party::Outside, asset("USDT"), Decimal::ONE).unwrap();
        assert!(whole.balanced() && whole.iter().count() == 2);
        for place in 0..2 {
            let mut half = whole;
            half.entries[place] = None;
            assert!(!half.balanced());
            let mut other = whole;
            other.entries[place].as_mut().unwrap().asset = asset("BTC");
            assert!(!other.balanced());
        }
    }
}
