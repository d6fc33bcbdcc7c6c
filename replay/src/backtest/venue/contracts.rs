//! Contracts at the simulated venue: funding at its instants, and liquidation.

use model::body::{Funding, Liquidity, Mark, Side};
use model::ids::{AccountId, InstrumentId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::super::market::Market;
use super::super::money::{Overflow, open_profit, settles_in, value_of};
use super::super::own::{Execution, Own};
use super::super::queue::Standing;
use super::Venues;

/// Client id of what the venue itself closes: none of ours.
const NOBODY: u64 = u64::MAX;

impl Market {
    /// What positions are valued at: the venue's mark, or the middle, or the last trade.
    pub(in super::super) fn mark_price(&self) -> Option<Ticks> {
        let middle = || self.mid_x2().map(|twice| Ticks(twice / 2));
        let traded = || self.shown.last_trade.map(|trade| trade.price);
        let mark = self.shown.mark;
        mark.map(|mark| mark.mark).or_else(middle).or_else(traded)
    }
}

impl Venues {
    /// A new mark: funding that fell due before it, then margins.
    pub(super) fn marked(
        &mut self,
        index: usize,
        before: Option<Mark>,
        now_ns: u64,
    ) -> Result<(), Overflow> {
        if let Some(before) = before {
            let now = self.markets[index]
                .shown
                .mark
                .map_or(0, |mark| mark.venue_time_ns);
            let due = before.next_funding_ns;
            let next = self.markets[index]
                .shown
                .mark
                .map_or(0, |mark| mark.next_funding_ns);
            if due > 0 && due <= now && next != due {
                self.fund(index, &before, now_ns)?;
            }
        }
        self.liquidate_all(now_ns)
    }

    /// Moves the funding of one instant, by the last rate and mark that were told before it.
    fn fund(&mut self, index: usize, told: &Mark, now_ns: u64) -> Result<(), Overflow> {
        let spec = self.markets[index].shown.spec.clone();
        let rate = Decimal::new(told.funding_rate_e9, 9);
        for account in 0..self.accounts.len() {
            let held = self.accounts[account].position(spec.id);
            if held.lots == 0 {
                continue;
            }
            let value = value_of(&spec, told.mark, Lots(held.lots.abs())).ok_or(Overflow)?;
            let long = Decimal::from(held.lots.signum());
            // A position that is long pays what is above zero.
            let amount = -(value.abs() * long).checked_mul(rate).ok_or(Overflow)?;
            let amount = amount.round_dp(8);
            let asset = settles_in(&spec);
            self.accounts[account].gain(asset, amount)?;
            let body = Funding {
                amount: Money::new(amount),
                id: told.next_funding_ns,
                rate_e9: told.funding_rate_e9,
                qty: Lots(held.lots),
                venue_time_ns: told.next_funding_ns,
                asset,
                reserved: [0; 18],
            };
            let account = AccountId(u16::try_from(account).unwrap_or(u16::MAX));
            let record = Record::new(Kind::Funding, &body).on_instrument(spec.id);
            self.say(account, record);
            self.tell_balances(account, vec![asset], now_ns);
        }
        Ok(())
    }

    fn liquidate_all(&mut self, now_ns: u64) -> Result<(), Overflow> {
        for account in 0..self.accounts.len() {
            let id = AccountId(u16::try_from(account).unwrap_or(u16::MAX));
            let holds = self.accounts[account].contracts.iter();
            if holds.clone().all(|held| held.lots == 0) {
                continue;
            }
            if self.is_short_of_margin(id).ok_or(Overflow)? {
                self.liquidate(id, now_ns)?;
            }
        }
        Ok(())
    }

    /// Whether what an account has no longer covers the maintenance of its positions, by asset.
    fn is_short_of_margin(&self, account: AccountId) -> Option<bool> {
        let account = self.accounts.get(account.index())?;
        for purse in &account.purses {
            let (mut has, mut needs) = (purse.total, Decimal::ZERO);
            for held in account.contracts.iter().filter(|held| held.lots != 0) {
                let market = self.markets.get(held.instrument.index())?;
                if settles_in(&market.shown.spec) != purse.asset {
                    continue;
                }
                let Some(mark) = market.mark_price() else {
                    continue;
                };
                has = has.checked_add(open_profit(&market.shown.spec, held, mark)?)?;
                needs = needs.checked_add(maintenance(&market.shown.spec, mark, held.lots)?)?;
            }
            if needs > Decimal::ZERO && has < needs {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Cancels all orders of an account and closes its positions at what the books offer.
    fn liquidate(&mut self, account: AccountId, now_ns: u64) -> Result<(), Overflow> {
        self.cancel_all(account, None, now_ns);
        let held: Vec<(InstrumentId, i64)> = self.accounts[account.index()]
            .contracts
            .iter()
            .filter(|held| held.lots != 0)
            .map(|held| (held.instrument, held.lots))
            .collect();
        for (instrument, lots) in held {
            self.liquidations += 1;
            self.close(account, instrument, lots, now_ns)?;
        }
        Ok(())
    }

    fn close(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        lots: i64,
        now_ns: u64,
    ) -> Result<(), Overflow> {
        let index = instrument.index();
        let side = if lots > 0 { Side::Sell } else { Side::Buy };
        let worst = match side {
            Side::Buy => i64::MAX / 4,
            Side::Sell => 1,
        };
        self.orders += 1;
        let mut own = Own {
            client_id: NOBODY,
            venue_order_id: self.orders,
            account,
            strategy: None,
            side,
            price: worst,
            qty: lots.abs(),
            filled: 0,
            market: true,
            standing: Standing::default(),
            place: 0,
        };
        let market = &mut self.markets[index];
        market.take(&mut own, false, &mut self.executions);
        if own.left() > 0 {
            // The venue's fund takes the rest at the last price or, without one, the mark.
            let last = self.executions.last().map(|one| Ticks(one.price));
            let price = last.or_else(|| market.mark_price()).ok_or(Overflow)?;
            let qty = own.left();
            own.filled = own.qty;
            self.executions.push(Execution {
                order: own,
                price: price.0,
                qty,
                liquidity: Liquidity::Taker,
            });
        }
        self.settle_all(index, now_ns)
    }
}

/// Maintenance margin of a position, settlement asset.
fn maintenance(spec: &InstrumentSpec, mark: Ticks, lots: i64) -> Option<Decimal> {
    let terms: &Perpetual = match &spec.contract {
        Contract::Spot => return Some(Decimal::ZERO),
        Contract::Linear(terms) | Contract::Inverse(terms) => terms,
    };
    let value = value_of(spec, mark, Lots(lots.abs()))?.abs();
    let reached = |tier: &&MaintenanceTier| tier.value_from <= value;
    let tier = terms.maintenance.iter().rev().find(reached)?;
    let rate = Decimal::new(i64::from(tier.rate_bps), 4);
    value.checked_mul(rate)?.checked_sub(tier.deduction)
}
