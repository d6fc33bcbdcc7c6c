//! An account at the simulated venue: what it has, what its orders hold back, what it pays.
//!
//! Exact decimals. Fees are cut to eight decimals towards zero, as Binance does.

use std::collections::VecDeque;

use model::body::{AssetName, Balance, Liquidity, Side};
use model::ids::InstrumentId;
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record};
use rust_decimal::{Decimal, RoundingStrategy};

/// Decimals of a fee.
const FEE_DECIMALS: u32 = 8;
/// Days over which volume counts for a tier.
const VOLUME_DAYS: usize = 30;
const DAY_NS: u64 = 86_400_000_000_000;

/// Fees from a volume on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeTier {
    /// Least volume of 30 days, in quote; the first tier's is 0.
    pub volume_from: Decimal,
    /// Part of the value paid by a maker; below 0 for a rebate.
    pub maker: Decimal,
    /// Part of the value paid by a taker.
    pub taker: Decimal,
}

/// An asset of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) asset: AssetName,
    pub(super) total: Decimal,
    pub(super) locked: Decimal,
}

/// A position in a contract: lots below zero for short, and what was paid for them: the sum of the
/// contract's own value at each price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contracts {
    pub(super) instrument: InstrumentId,
    pub(super) lots: i64,
    /// Value of the lots at their average price, with their sign.
    pub(super) cost: Decimal,
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) purses: Vec<Purse>,
    pub(super) contracts: Vec<Contracts>,
    volumes: VecDeque<(u64, Decimal)>,
    /// Orders in the present window of ten seconds, and when it began.
    pub(super) window: (u64, u32),
    /// Until when the venue refuses everything.
    pub(super) banned_ns: u64,
}

/// A number went beyond what a decimal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is beyond what a decimal holds")]
pub struct Overflow;

impl Account {
    pub(super) fn new(balances: &[(AssetName, Decimal)]) -> Self {
        let purse = |&(asset, total): &(AssetName, Decimal)| Purse {
            asset,
            total,
            locked: Decimal::ZERO,
        };
        Self {
            purses: balances.iter().map(purse).collect(),
            contracts: Vec::new(),
            volumes: VecDeque::new(),
            window: (0, 0),
            banned_ns: 0,
        }
    }

    pub(super) fn purse(&mut self, asset: AssetName) -> &mut Purse {
        let found = self.purses.iter().position(|purse| purse.asset == asset);
        let index = found.unwrap_or_else(|| {
            self.purses.push(Purse {
                asset,
                total: Decimal::ZERO,
                locked: Decimal::ZERO,
            });
            self.purses.len() - 1
        });
        &mut self.purses[index]
    }

    pub(super) fn free(&mut self, asset: AssetName) -> Decimal {
        let purse = self.purse(asset);
        purse.total - purse.locked
    }

    /// Adds to an asset; below zero takes from it.
    pub(super) fn gain(&mut self, asset: AssetName, amount: Decimal) -> Result<(), Overflow> {
        let purse = self.purse(asset);
        purse.total = purse.total.checked_add(amount).ok_or(Overflow)?;
        Ok(())
    }

    /// Holds back, or gives back what is below zero.
    pub(super) fn lock(&mut self, asset: AssetName, amount: Decimal) -> Result<(), Overflow> {
        let purse = self.purse(asset);
        purse.locked = purse.locked.checked_add(amount).ok_or(Overflow)?;
        Ok(())
    }

    /// The asset's balance, as the venue tells it.
    pub(super) fn told(&mut self, asset: AssetName, now_ns: u64) -> Record {
        let purse = *self.purse(asset);
        let body = Balance {
            free: Money::new(purse.total - purse.locked),
            locked: Money::new(purse.locked),
            venue_time_ns: now_ns,
            asset,
            reserved: [0; 26],
        };
        Record::new(Kind::Balance, &body)
    }

    /// The tier that the volume of the last 30 days gives.
    pub(super) fn tier(&mut self, tiers: &[FeeTier], now_ns: u64) -> FeeTier {
        let today = now_ns / DAY_NS;
        while let Some((day, _)) = self.volumes.front()
            && day + VOLUME_DAYS as u64 <= today
        {
            self.volumes.pop_front();
        }
        let volume: Decimal = self.volumes.iter().map(|(_, volume)| *volume).sum();
        let reached = tiers.iter().rev().find(|tier| volume >= tier.volume_from);
        reached.copied().unwrap_or(FeeTier {
            volume_from: Decimal::ZERO,
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        })
    }

    /// Counts a trade's value, in quote.
    pub(super) fn traded(&mut self, value: Decimal, now_ns: u64) {
        let today = now_ns / DAY_NS;
        match self.volumes.back_mut() {
            Some((day, volume)) if *day == today => *volume += value,
            Some(_) | None => self.volumes.push_back((today, value)),
        }
    }

    /// The position in a contract; flat if there is none.
    pub(super) fn position(&self, instrument: InstrumentId) -> Contracts {
        let found = self
            .contracts
            .iter()
            .find(|one| one.instrument == instrument);
        found.copied().unwrap_or(Contracts {
            instrument,
            lots: 0,
            cost: Decimal::ZERO,
        })
    }

    /// Books a fill of a contract; returns the profit that it realised, settlement asset.
    pub(super) fn trade_contract(
        &mut self,
        spec: &InstrumentSpec,
        side: Side,
        price: Ticks,
        qty: Lots,
    ) -> Result<Decimal, Overflow> {
        let before = self.position(spec.id);
        let signed = qty.0 * side.sign();
        let value = value_of(spec, price, Lots(signed)).ok_or(Overflow)?;
        let closes = if before.lots.signum() * signed.signum() < 0 {
            before.lots.abs().min(qty.0)
        } else {
            0
        };
        let closed = part(before.cost, closes, before.lots.abs()).ok_or(Overflow)?;
        let closing = part(value, closes, qty.0).ok_or(Overflow)?;
        // The two have opposite signs: what is left is the profit, for a linear contract what was
        // got less what was paid, for an inverse one the other way round.
        let profit = -(closed + closing);
        let after = Contracts {
            instrument: spec.id,
            lots: before.lots + signed,
            cost: before.cost - closed + (value - closing),
        };
        match self
            .contracts
            .iter_mut()
            .find(|one| one.instrument == spec.id)
        {
            Some(held) => *held = after,
            None => self.contracts.push(after),
        }
        Ok(profit)
    }
}

/// `whole * numerator / denominator`; zero of nothing.
fn part(whole: Decimal, numerator: i64, denominator: i64) -> Option<Decimal> {
    if numerator == 0 {
        return Some(Decimal::ZERO);
    }
    if numerator == denominator {
        return Some(whole);
    }
    whole
        .checked_mul(Decimal::from(numerator))?
        .checked_div(Decimal::from(denominator))
}

/// Value of lots at a price in what the instrument settles in: quote for spot and linear, base for
/// inverse, where it is taken negative so that a higher price is worth more.
pub(super) fn value_of(spec: &InstrumentSpec, price: Ticks, qty: Lots) -> Option<Decimal> {
    match &spec.contract {
        Contract::Spot | Contract::Linear(_) => spec.notional(price, qty),
        Contract::Inverse(terms) => {
            let price = spec.price(price).filter(|price| !price.is_zero())?;
            let worth = spec.quantity(qty)?.checked_mul(terms.multiplier)?;
            Some(-worth.checked_div(price)?)
        }
    }
}

/// Open profit of a position at twice a price, settlement asset.
pub(super) fn open_profit(spec: &InstrumentSpec, held: &Contracts, mark: Ticks) -> Option<Decimal> {
    if held.lots == 0 {
        return Some(Decimal::ZERO);
    }
    value_of(spec, mark, Lots(held.lots))?.checked_sub(held.cost)
}

/// The asset that an instrument settles in.
pub(super) fn settles_in(spec: &InstrumentSpec) -> AssetName {
    match &spec.contract {
        Contract::Spot => AssetName::cut(&spec.quote),
        Contract::Linear(terms) | Contract::Inverse(terms) => AssetName::cut(&terms.settle),
    }
}

/// Fee of a fill and its asset: of what is received for spot, the settlement asset else.
pub(super) fn fee_of(
    spec: &InstrumentSpec,
    tier: FeeTier,
    side: Side,
    price: Ticks,
    qty: Lots,
    liquidity: Liquidity,
) -> Option<(AssetName, Decimal)> {
    let rate = match liquidity {
        Liquidity::Maker => tier.maker,
        Liquidity::Taker => tier.taker,
    };
    let (asset, of) = match (&spec.contract, side) {
        (Contract::Spot, Side::Buy) => (AssetName::cut(&spec.base), spec.quantity(qty)?),
        (Contract::Spot, Side::Sell) => (AssetName::cut(&spec.quote), spec.notional(price, qty)?),
        (Contract::Linear(_) | Contract::Inverse(_), _) => {
            (settles_in(spec), value_of(spec, price, qty)?.abs())
        }
    };
    let fee = of.checked_mul(rate)?;
    let fee = fee.round_dp_with_strategy(FEE_DECIMALS, RoundingStrategy::ToZero);
    Some((asset, fee))
}

/// What an order holds back for so many lots: quote of a spot purchase, base of a spot sale, margin
/// of a contract.
pub(super) fn held_back(
    spec: &InstrumentSpec,
    side: Side,
    price: Ticks,
    qty: Lots,
    leverage: Decimal,
) -> Option<(AssetName, Decimal)> {
    match (&spec.contract, side) {
        (Contract::Spot, Side::Buy) => {
            Some((AssetName::cut(&spec.quote), spec.notional(price, qty)?))
        }
        (Contract::Spot, Side::Sell) => Some((AssetName::cut(&spec.base), spec.quantity(qty)?)),
        (Contract::Linear(_) | Contract::Inverse(_), _) => {
            let value = value_of(spec, price, qty)?.abs();
            Some((settles_in(spec), value.checked_div(leverage)?))
        }
    }
}
