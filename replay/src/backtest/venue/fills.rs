//! What a fill moves at the simulated venue: money, volume, and what is told of it.

use model::body::{AssetName, Side};
use model::instrument::Contract;
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::super::money::{Overflow, fee_of, held_back, settles_in};
use super::super::own::{Execution, Own};
use super::super::words::{self, Filled};
use super::Venues;

impl Venues {
    /// Books everything that just traded in a market, and tells it.
    pub(super) fn settle_all(&mut self, index: usize, now_ns: u64) -> Result<(), Overflow> {
        let mut executions = std::mem::take(&mut self.executions);
        for execution in &executions {
            self.settle(index, execution, now_ns)?;
        }
        executions.clear();
        self.executions = executions;
        Ok(())
    }

    fn settle(&mut self, index: usize, execution: &Execution, now_ns: u64) -> Result<(), Overflow> {
        let own = execution.order;
        if own.left() == 0 {
            self.places.remove(&own.client_id);
        }
        self.unlock(index, &own, execution.qty);
        let (price, qty) = (Ticks(execution.price), Lots(execution.qty));
        let spec = &self.markets[index].shown.spec;
        let account = &mut self.accounts[own.account.index()];
        let tier = account.tier(&self.plan.tiers, now_ns);
        let fee = fee_of(spec, tier, own.side, price, qty, execution.liquidity).ok_or(Overflow)?;
        let value = spec.notional(price, qty).ok_or(Overflow)?;
        account.traded(value, now_ns);
        let mut moved = vec![fee.0];
        if spec.contract == Contract::Spot {
            let (base, quote) = (AssetName::cut(&spec.base), AssetName::cut(&spec.quote));
            let amount = spec.quantity(qty).ok_or(Overflow)?;
            let sign = Decimal::from(own.side.sign());
            account.gain(base, amount * sign)?;
            account.gain(quote, -value * sign)?;
            moved.extend([base, quote]);
        } else {
            let profit = account.trade_contract(spec, own.side, price, qty)?;
            account.gain(settles_in(spec), profit)?;
            moved.push(settles_in(spec));
        }
        account.gain(fee.0, -fee.1)?;
        self.trades += 1;
        let filled = Filled {
            client_id: own.client_id,
            venue_order_id: own.venue_order_id,
            trade_id: self.trades,
            price: execution.price,
            qty: execution.qty,
            side: own.side,
            liquidity: execution.liquidity,
            fee,
        };
        let record = words::fill(spec.id, now_ns, &filled);
        self.say(own.account, record);
        self.tell_balances(own.account, moved, now_ns);
        Ok(())
    }

    /// Tells an account's balances of these assets, each once.
    pub(super) fn tell_balances(
        &mut self,
        account: model::ids::AccountId,
        assets: Vec<AssetName>,
        now_ns: u64,
    ) {
        let mut told: Vec<AssetName> = Vec::new();
        for asset in assets {
            if told.contains(&asset) {
                continue;
            }
            told.push(asset);
            let record = self.accounts[account.index()].told(asset, now_ns);
            self.say(account, record);
        }
    }

    /// Holds back what `qty` lots of an order may cost. Contracts are held to their margin when
    /// orders are placed, and a market order is paid at once.
    pub(super) fn lock(&mut self, index: usize, own: &Own, qty: i64) -> Result<(), Overflow> {
        let spec = &self.markets[index].shown.spec;
        if spec.contract != Contract::Spot || own.market && own.side == Side::Buy {
            return Ok(());
        }
        let price = Ticks(own.price);
        let held = held_back(spec, own.side, price, Lots(qty), Decimal::ONE);
        let (asset, amount) = held.ok_or(Overflow)?;
        self.accounts[own.account.index()].lock(asset, amount)
    }

    /// Gives back what `qty` lots of an order held.
    pub(super) fn unlock(&mut self, index: usize, own: &Own, qty: i64) {
        let spec = &self.markets[index].shown.spec;
        if spec.contract != Contract::Spot || own.market && own.side == Side::Buy {
            return;
        }
        let held = held_back(spec, own.side, Ticks(own.price), Lots(qty), Decimal::ONE);
        // It was locked by the same product, so it can be neither too large nor too much.
        if let Some((asset, amount)) = held {
            let account = &mut self.accounts[own.account.index()];
            let unlocked = account.lock(asset, -amount);
            debug_assert!(
                unlocked.is_ok(),
                "Invariant: what was locked can be given back"
            );
        }
    }
}
