//! Balances: free and locked per account and asset, exact, never negative.
//!
//! Invariants
//! - A1: no free or locked amount is ever below zero, but a perpetual's wallet until the account is
//!   liquidated (P3 of `perps`).
//! - A2: per asset, all accounts + collected fees + the market's account is constant. The market
//!   is the counterparty without a balance sheet: its sums may be negative.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::types::Side;

/// Digits behind the point of a balance or fee, as Binance shows them.
const MONEY_DECIMALS: u32 = 8;

/// The asset that fees may be paid in.
pub(crate) const BNB: &str = "BNB";

/// Rounded towards zero, in favour of the account.
fn rounded(fee: Decimal) -> Decimal {
    fee.round_dp_with_strategy(MONEY_DECIMALS, RoundingStrategy::ToZero)
}

/// One asset of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Can be spent.
    pub free: Decimal,
    /// Reserved by open orders.
    pub locked: Decimal,
}

/// The account cannot pay. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insufficient;

/// One side of a trade as its account sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg<'a> {
    pub(crate) account: usize,
    pub(crate) side: Side,
    pub(crate) base: &'a str,
    pub(crate) quote: &'a str,
    /// Base quantity.
    pub(crate) qty: Decimal,
    /// Price times quantity, in quote.
    pub(crate) notional: Decimal,
    /// What the order had reserved for this quantity, in the asset that it pays with; `None` if it
    /// reserved nothing (a market order).
    pub(crate) reserved: Option<Decimal>,
    /// Fee as a share of what is received.
    pub(crate) fee_rate: Decimal,
    /// The fee in BNB, if the account wants to pay it so and it has a price.
    pub(crate) fee_in_bnb: Option<Decimal>,
    /// The other side is the market, not an account.
    pub(crate) against_market: bool,
}

/// All balances of the venue.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accounts: Vec<BTreeMap<String, Balance>>,
    fees: BTreeMap<String, Decimal>,
    market: BTreeMap<String, Decimal>,
}

impl Accounts {
    /// Opens an account; its position is its number.
    pub(crate) fn open(&mut self, balances: impl IntoIterator<Item = (String, Balance)>) {
        self.accounts.push(balances.into_iter().collect());
    }

    /// How many accounts there are.
    pub(crate) const fn count(&self) -> usize {
        self.accounts.len()
    }

    /// All assets of an account, in the order of their names.
    pub(crate) fn balances(&self, account: usize) -> &BTreeMap<String, Balance> {
        &self.accounts[account]
    }

    /// One asset of an account.
    pub(crate) fn balance(&self, account: usize, asset: &str) -> Balance {
        self.accounts[account]
            .get(asset)
            .copied()
            .unwrap_or_default()
    }

    /// Fees collected, per asset.
    pub(crate) const fn fees(&self) -> &BTreeMap<String, Decimal> {
        &self.fees
    }

    /// Reserves `amount`.
    ///
    /// # Errors
    ///
    /// [`Insufficient`]: less than that is free.
    pub(crate) fn lock(
        &mut self,
        account: usize,
        asset: &str,
        amount: Decimal,
    ) -> Result<(), Insufficient> {
        let balance = self.entry(account, asset);
        if balance.free < amount {
            return Err(Insufficient);
        }
        balance.free -= amount;
        balance.locked += amount;
        Ok(())
    }

    /// Adds to what is free, or takes from it; A2 counts it as a flow from outside.
    ///
    /// # Errors
    ///
    /// [`Insufficient`]: less than that is free, or there is no such account.
    pub(crate) fn transfer(
        &mut self,
        account: usize,
        asset: &str,
        amount: Decimal,
    ) -> Result<(), Insufficient> {
        if account >= self.accounts.len() {
            return Err(Insufficient);
        }
        let balance = self.entry(account, asset);
        let free = balance.free.checked_add(amount).ok_or(Insufficient)?;
        if free.is_sign_negative() && !free.is_zero() {
            return Err(Insufficient);
        }
        balance.free = free;
        *self.market.entry(asset.to_owned()).or_default() -= amount;
        Ok(())
    }

    /// Adds a perpetual's profit or funding to what is free, or takes a loss from it. The clearing
    /// house is the other side.
    pub(crate) fn clear(&mut self, account: usize, asset: &str, amount: Decimal) {
        self.entry(account, asset).free += amount;
        *self.market.entry(asset.to_owned()).or_default() -= amount;
    }

    /// Takes the fee of a perpetual's fill; below zero it is a rebate.
    pub(crate) fn charge(&mut self, account: usize, asset: &str, fee: Decimal) {
        self.entry(account, asset).free -= fee;
        *self.fees.entry(asset.to_owned()).or_default() += fee;
    }

    /// Gives back what was reserved.
    ///
    /// # Errors
    ///
    /// [`Insufficient`]: less than that is reserved.
    pub(crate) fn unlock(
        &mut self,
        account: usize,
        asset: &str,
        amount: Decimal,
    ) -> Result<(), Insufficient> {
        let balance = self.entry(account, asset);
        if balance.locked < amount {
            return Err(Insufficient);
        }
        balance.locked -= amount;
        balance.free += amount;
        Ok(())
    }

    /// Books one leg of a trade. Returns the fee and its asset: BNB, if it is to be paid so and
    /// there is enough of it; else what is received, from which it is taken.
    ///
    /// # Errors
    ///
    /// [`Insufficient`]: the account cannot pay; nothing changed.
    pub(crate) fn settle(&mut self, leg: &Leg<'_>) -> Result<(Decimal, String), Insufficient> {
        let (pays, pay, gets, get) = match leg.side {
            Side::Buy => (leg.quote, leg.notional, leg.base, leg.qty),
            Side::Sell => (leg.base, leg.qty, leg.quote, leg.notional),
        };
        self.pay(leg, pays, pay)?;
        self.entry(leg.account, gets).free += get;
        let in_bnb = leg.fee_in_bnb.map(rounded);
        let in_bnb = in_bnb.filter(|fee| *fee <= self.balance(leg.account, BNB).free);
        let (fee, asset) = match in_bnb {
            Some(fee) => (fee, BNB),
            None => (rounded(get * leg.fee_rate), gets),
        };
        self.entry(leg.account, asset).free -= fee;
        *self.fees.entry(asset.to_owned()).or_default() += fee;
        if leg.against_market {
            *self.market.entry(pays.to_owned()).or_default() += pay;
            *self.market.entry(gets.to_owned()).or_default() -= get;
        }
        Ok((fee, asset.to_owned()))
    }

    fn pay(&mut self, leg: &Leg<'_>, asset: &str, amount: Decimal) -> Result<(), Insufficient> {
        let balance = self.entry(leg.account, asset);
        let reserved = leg.reserved.unwrap_or_default();
        if balance.locked < reserved || balance.free + reserved < amount {
            return Err(Insufficient);
        }
        balance.locked -= reserved;
        balance.free = balance.free + reserved - amount;
        Ok(())
    }

    fn entry(&mut self, account: usize, asset: &str) -> &mut Balance {
        self.accounts[account].entry(asset.to_owned()).or_default()
    }

    /// Sum of everything of an asset: constant whatever happens (A2).
    #[cfg(test)]
    pub(crate) fn total(&self, asset: &str) -> Decimal {
        let held: Decimal = self
            .accounts
            .iter()
            .filter_map(|account| account.get(asset))
            .map(|balance| balance.free + balance.locked)
            .sum();
        held + self.fees.get(asset).copied().unwrap_or_default()
            + self.market.get(asset).copied().unwrap_or_default()
    }
}
