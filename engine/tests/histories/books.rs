//! The money and lots that an account must have, booked again from the events alone: plain sums,
//! each trade once.

use std::collections::{BTreeMap, BTreeSet};

use engine::machine::Machine;
use model::body::{AssetName, Balance, Fill};
use model::num::Lots;
use rust_decimal::Decimal;

use crate::kit::{self, ACCOUNT, INSTRUMENT};

/// What one account must hold.
#[derive(Default)]
pub(crate) struct Books {
    totals: BTreeMap<String, Decimal>,
    reported: BTreeSet<String>,
    trades: BTreeSet<(u64, bool)>,
    lots: i64,
    /// Lots by the strategy that an order's id names; `None` for orders that are nobody's.
    own: BTreeMap<Option<u16>, i64>,
}

impl Books {
    /// A fill of an order of `strategy`; `None` if the order is not one of ours.
    pub(crate) fn fill(&mut self, fill: &Fill, strategy: Option<u16>) {
        if !self.trades.insert((fill.trade_id, fill.side.sign() > 0)) {
            return;
        }
        let spec = kit::spec();
        let sign = Decimal::from(fill.side.sign());
        let base = spec.quantity(fill.qty).unwrap() * sign;
        let quote = spec.notional(fill.price, fill.qty).unwrap() * sign;
        *self.totals.entry(spec.base).or_default() += base;
        *self.totals.entry(spec.quote).or_default() -= quote;
        let fee_asset = fill.fee_asset.as_str().to_owned();
        *self.totals.entry(fee_asset).or_default() -= fill.fee.get();
        let lots = fill.qty.0 * fill.side.sign();
        self.lots += lots;
        *self.own.entry(strategy).or_default() += lots;
    }

    /// The first report of an asset opens its account; later ones only show a drift.
    pub(crate) fn report(&mut self, balance: &Balance) {
        let asset = balance.asset.as_str().to_owned();
        let total = balance.free.get() + balance.locked.get();
        if self.reported.insert(asset.clone()) {
            self.totals.insert(asset, total);
        }
    }

    /// Compares with the machine's ledger and positions.
    pub(crate) fn compare(&self, machine: &Machine) -> Result<(), String> {
        let Some(ledger) = machine.portfolio().ledger(ACCOUNT) else {
            // The configuration has not come yet.
            return Ok(());
        };
        for (asset, want) in &self.totals {
            let is = ledger.total(&AssetName::cut(asset));
            if is != *want {
                return Err(format!("{asset}: {is}, must be {want}"));
            }
        }
        let position = machine.position(INSTRUMENT, ACCOUNT);
        let lots = position.map_or(Lots::ZERO, |position| position.lots);
        if lots.0 != self.lots {
            return Err(format!("position {lots}, must be {}", self.lots));
        }
        for (index, strategy) in (0..).zip(machine.strategies()) {
            let want = self.own.get(&Some(index)).copied().unwrap_or(0);
            if strategy.position(crate::kit::INSTRUMENT).0 != want {
                let is = strategy.position(crate::kit::INSTRUMENT);
                return Err(format!("strategy {index} holds {is}, must hold {want}"));
            }
        }
        Ok(())
    }
}
