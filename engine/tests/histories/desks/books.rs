//! What every account must hold, booked again from the events alone.
//!
//! Profit of the perpetual is settled in an asset that nothing else moves; that asset is left to
//! double entry, and to the histories of money.

use std::collections::{BTreeMap, BTreeSet};

use engine::machine::Machine;
use model::body::{AssetName, Balance, Fill, Transfer, TransferKind};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::Lots;
use model::record::Record;
use rust_decimal::Decimal;

/// Asset that the perpetual settles in.
pub(super) const SETTLED: &str = "USDC";

type Place = (u16, u32);

#[derive(Default)]
pub(super) struct Books {
    totals: BTreeMap<(u16, String), Decimal>,
    reported: BTreeSet<(u16, String)>,
    trades: BTreeSet<(u32, u64)>,
    moved: BTreeSet<(u16, u64)>,
    lots: BTreeMap<Place, i64>,
    /// By strategy and instrument; what is nobody's is left out.
    own: BTreeMap<Place, i64>,
}

impl Books {
    pub(super) fn fill(
        &mut self,
        record: &Record,
        fill: &Fill,
        spec: &InstrumentSpec,
        machine: &Machine,
    ) {
        let account = record.account().unwrap().0;
        if !self.trades.insert((spec.id.0, fill.trade_id)) {
            return;
        }
        let lots = fill.qty.0 * fill.side.sign();
        *self.lots.entry((account, spec.id.0)).or_default() += lots;
        let order = ClientOrderId::from_raw(fill.client_id).and_then(|id| machine.orders().get(id));
        if let Some(strategy) = order.and_then(|order| order.strategy) {
            *self.own.entry((strategy.0, spec.id.0)).or_default() += lots;
        }
        let fee = fill.fee.get();
        self.add(account, fill.fee_asset.as_str(), -fee);
        if spec.contract == Contract::Spot {
            let sign = Decimal::from(fill.side.sign());
            let base = spec.quantity(fill.qty).unwrap() * sign;
            let quote = spec.notional(fill.price, fill.qty).unwrap() * sign;
            self.add(account, &spec.base, base);
            self.add(account, &spec.quote, -quote);
        }
    }

    fn add(&mut self, account: u16, asset: &str, amount: Decimal) {
        *self.totals.entry((account, asset.to_owned())).or_default() += amount;
    }

    /// Money came or went; what has the wrong sign, or came before, is not booked.
    pub(super) fn transfer(&mut self, record: &Record, transfer: &Transfer) {
        let account = record.account().unwrap().0;
        let amount = transfer.amount.get();
        let wrong = match transfer.kind {
            TransferKind::Deposit | TransferKind::Borrow => amount <= Decimal::ZERO,
            TransferKind::Withdrawal | TransferKind::Repay => amount >= Decimal::ZERO,
            TransferKind::Internal | TransferKind::Interest | TransferKind::Adjustment => {
                amount.is_zero()
            }
        };
        if !wrong && self.moved.insert((account, transfer.id)) {
            self.add(account, transfer.asset.as_str(), amount);
        }
    }

    /// The first report of an asset opens its account; later ones only show a drift.
    pub(super) fn report(&mut self, record: &Record, balance: &Balance) {
        let account = record.account().unwrap().0;
        let asset = balance.asset.as_str().to_owned();
        let total = balance.free.get() + balance.locked.get();
        if self.reported.insert((account, asset.clone())) {
            self.totals.insert((account, asset), total);
        }
    }

    /// Compares with the machine's ledgers, positions and sub-accounts.
    pub(super) fn compare(&self, machine: &Machine) -> Result<(), String> {
        let portfolio = machine.portfolio();
        if !portfolio.holds() || portfolio.unbalanced() > 0 {
            return Err("the two sides of the books differ".to_owned());
        }
        for ((account, asset), want) in &self.totals {
            let Some(ledger) = portfolio.ledger(AccountId(*account)) else {
                return Ok(());
            };
            let is = ledger.total(&AssetName::cut(asset));
            if asset != SETTLED && is != *want {
                return Err(format!("account {account}: {is} {asset}, must be {want}"));
            }
        }
        for (&(account, instrument), &want) in &self.lots {
            let position = machine.position(InstrumentId(instrument), AccountId(account));
            let is = position.map_or(0, |position| position.lots.0);
            if is != want {
                return Err(format!(
                    "account {account} holds {is} of instrument {instrument}, must hold {want}"
                ));
            }
        }
        self.compare_parts(machine)
    }

    /// What each strategy holds, and that all parts sum to the account.
    fn compare_parts(&self, machine: &Machine) -> Result<(), String> {
        let portfolio = machine.portfolio();
        for (&(strategy, instrument), &want) in &self.own {
            let id = StrategyId(strategy);
            let is = portfolio.strategy_position(id, InstrumentId(instrument)).0;
            if is != want {
                return Err(format!(
                    "strategy {strategy} holds {is} of instrument {instrument}, must hold {want}"
                ));
            }
        }
        for (&(account, instrument), &want) in &self.lots {
            let (account_id, id) = (AccountId(account), InstrumentId(instrument));
            let named: i64 = machine
                .config()
                .map_or(&[][..], |config| &config.strategies)
                .iter()
                .zip(0..)
                .filter(|(strategy, _)| strategy.account == account_id)
                .map(|(_, index)| portfolio.strategy_position(StrategyId(index), id).0)
                .sum();
            let rest = portfolio.unattributed_lots(account_id, id);
            let sum = named + rest.unwrap_or(Lots::ZERO).0;
            if sum != want {
                return Err(format!(
                    "parts of account {account}, instrument {instrument}: {sum} of {want}"
                ));
            }
        }
        Ok(())
    }
}
