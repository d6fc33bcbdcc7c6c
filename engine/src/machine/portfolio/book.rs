//! What each event does to the books: fills, reports, transfers, funding. All of it or nothing.
//!
//! Hot path: yes. Allocates: no, but for the first entry of an asset or share beyond the room that
//! was reserved.

use model::body::{Balance, Fill, Funding, PositionReport, Transfer, TransferKind};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::Lots;
use rust_decimal::Decimal;

use super::day::Sum;
use super::exact::{add, share, sound, sub};
use super::position::{Position, VenuePosition};
use super::postings::{Party, Postings};
use super::worth::Trade;
use super::{Portfolio, fee_in_quote};
use model::body::AssetName;

/// Stands for no strategy at all.
const NOBODY: StrategyId = StrategyId(u16::MAX);

/// A strategy's part of one fill, reckoned and not yet booked.
struct PartOfFill {
    position: Position,
    postings: Postings,
}

impl Portfolio {
    /// Books a fill that was not booked before, of an order of this strategy's. Whether it could be
    /// booked; if not it is counted.
    pub(crate) fn fill(
        &mut self,
        spec: &InstrumentSpec,
        account: AccountId,
        strategy: Option<StrategyId>,
        fill: &Fill,
    ) -> bool {
        let booked = self.book_fill(spec, account, strategy, fill);
        self.counted(booked)
    }

    fn counted(&mut self, booked: Option<bool>) -> bool {
        self.unbooked += u64::from(booked.is_none());
        self.unbalanced += u64::from(booked == Some(false));
        booked.is_some()
    }

    fn book_fill(
        &mut self,
        spec: &InstrumentSpec,
        account: AccountId,
        strategy: Option<StrategyId>,
        fill: &Fill,
    ) -> Option<bool> {
        let at = self.find(account, spec.id)?;
        let before = self.positions[at];
        let trade = Trade::new(spec, before.lots.0, fill.side, fill.price, fill.qty)?;
        let lots = self.lots[at].after(&trade)?;
        let mut position = before.after(&trade)?;
        let fee = sound(fill.fee)?;
        let fee_in_quote = fee_in_quote(spec, fill).unwrap_or_default();
        position.fees = add(position.fees, fee_in_quote)?;
        let realised = sub(position.realised, before.realised)?;
        let postings = Postings::of_fill(spec, fill, realised)?;
        let part = match strategy {
            Some(strategy) => Some(self.part_of_fill(spec, account, strategy, fill)?),
            None => None,
        };
        let balanced = self.ledgers.get_mut(account.index())?.book(&postings)?;
        self.positions[at] = position;
        self.lots[at] = lots;
        if let (Some(strategy), Some(part)) = (strategy, part) {
            self.shares.set_part(strategy, part.position);
            for (asset, amount) in part.postings.own() {
                self.shares.add(strategy, account, asset, amount);
            }
        }
        let settle = match &spec.contract {
            Contract::Spot => &spec.quote,
            Contract::Linear(terms) | Contract::Inverse(terms) => &terms.settle,
        };
        let settle = AssetName::whole(settle)?;
        self.value(account, settle, Sum::Gain, realised);
        self.value(account, fill.fee_asset, Sum::Gain, -fee);
        // Of a perpetual the base asset does not move: looked at in vain.
        let base = AssetName::whole(&spec.base)?;
        let (id, assets) = (Some(spec.id), [base, settle, fill.fee_asset]);
        match strategy {
            Some(_) => self.touch(account, id, strategy, &assets),
            None => self.touch(account, id, Some(NOBODY), &assets),
        }
        Some(balanced)
    }

    fn part_of_fill(
        &self,
        spec: &InstrumentSpec,
        account: AccountId,
        strategy: StrategyId,
        fill: &Fill,
    ) -> Option<PartOfFill> {
        let before = self.shares.part(strategy, account, spec.id);
        let trade = Trade::new(spec, before.lots.0, fill.side, fill.price, fill.qty)?;
        let mut position = before.after(&trade)?;
        let fee_in_quote = fee_in_quote(spec, fill).unwrap_or_default();
        position.fees = add(position.fees, fee_in_quote)?;
        let realised = sub(position.realised, before.realised)?;
        let postings = Postings::of_fill(spec, fill, realised)?;
        for (asset, amount) in postings.own() {
            // Room for all three entries, were they of one asset.
            let most = amount.abs().checked_mul(Decimal::from(4))?;
            add(self.shares.amount(strategy, account, asset), most)?;
        }
        Some(PartOfFill { position, postings })
    }

    fn value(&mut self, account: AccountId, asset: AssetName, sum: Sum, amount: Decimal) {
        if amount.is_zero() {
            return;
        }
        let rate = self.prices.rate(&asset).map(|(rate, _)| rate);
        if let Some(ledger) = self.ledgers.get_mut(account.index()) {
            self.day.take(sum, amount, rate, ledger.holding_mut(asset));
            if let Some(rate) = rate.filter(|_| sum == Sum::Flow) {
                ledger.flow(amount.checked_mul(rate));
            }
        }
    }

    /// Takes the venue's report of a balance. The first of an asset sets it; the difference came
    /// from outside. Whether it could be booked; if not it is counted.
    pub(crate) fn report(&mut self, account: AccountId, balance: &Balance) -> bool {
        let taken = self.take_report(account, balance);
        self.counted(taken)
    }

    fn take_report(&mut self, account: AccountId, balance: &Balance) -> Option<bool> {
        let (free, locked) = (sound(balance.free)?, sound(balance.locked)?);
        let ledger = self.ledgers.get_mut(account.index())?;
        let brought = ledger.report(balance.asset, free, locked)?;
        let balanced = ledger.balanced();
        self.value(account, balance.asset, Sum::Flow, brought);
        self.touch(account, None, Some(NOBODY), &[balance.asset]);
        Some(balanced)
    }

    /// Books a transfer, once by its id. Whether it was booked or came before; if not it is
    /// counted.
    pub(crate) fn transfer(&mut self, account: AccountId, transfer: &Transfer) -> bool {
        let key = (account, None, transfer.id);
        if self.applied.came_before(key) {
            return true;
        }
        let booked = self.book_transfer(account, transfer);
        if booked.is_some() {
            self.applied.remember(key);
        }
        self.counted(booked)
    }

    fn book_transfer(&mut self, account: AccountId, transfer: &Transfer) -> Option<bool> {
        let postings = Postings::of_transfer(transfer)?;
        let amount = sound(transfer.amount)?;
        let ledger = self.ledgers.get_mut(account.index())?;
        let held = ledger.holding(&transfer.asset);
        let (borrowed, drift) =
            held.map_or_else(Default::default, |held| (held.borrowed, held.drift));
        let (borrowed, drift, sum) = match transfer.kind {
            // More than was borrowed may be paid back: then the lender owes us.
            TransferKind::Borrow | TransferKind::Repay => (add(borrowed, amount)?, drift, None),
            TransferKind::Adjustment => (borrowed, sub(drift, amount)?, Some(Sum::Flow)),
            TransferKind::Interest => (borrowed, drift, Some(Sum::Gain)),
            TransferKind::Deposit | TransferKind::Withdrawal | TransferKind::Internal => {
                (borrowed, drift, Some(Sum::Flow))
            }
        };
        let balanced = ledger.book(&postings)?;
        let holding = ledger.holding_mut(transfer.asset);
        holding.borrowed = borrowed;
        // Before the first report there is nothing to be adrift from.
        if holding.reported.is_some() {
            holding.drift = drift;
        }
        if let Some(sum) = sum {
            self.value(account, transfer.asset, sum, amount);
        }
        self.touch(account, None, Some(NOBODY), &[transfer.asset]);
        Some(balanced)
    }

    /// Books funding, once by its id. Each strategy gets its part by lots. Whether it was booked or
    /// came before; if not it is counted.
    pub(crate) fn funding(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        funding: &Funding,
    ) -> bool {
        let key = (account, Some(instrument), funding.id);
        if self.applied.came_before(key) {
            return true;
        }
        let booked = self.book_funding(account, instrument, funding);
        if booked.is_some() {
            self.applied.remember(key);
        }
        self.counted(booked)
    }

    fn book_funding(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        funding: &Funding,
    ) -> Option<bool> {
        let at = self.find(account, instrument)?;
        let amount = sound(funding.amount)?;
        let postings = Postings::of(Party::Funding, funding.asset, amount)?;
        let total = add(self.positions[at].funding, amount)?;
        let balanced = self.ledgers.get_mut(account.index())?.book(&postings)?;
        self.positions[at].funding = total;
        self.divide_funding(account, self.positions[at], funding.asset, amount);
        self.value(account, funding.asset, Sum::Gain, amount);
        self.touch(account, Some(instrument), None, &[funding.asset]);
        Some(balanced)
    }

    /// Each strategy's part by its lots of the position, rounded to 12 digits, half to even; what
    /// is left over is unattributed.
    fn divide_funding(
        &mut self,
        account: AccountId,
        position: Position,
        asset: AssetName,
        amount: Decimal,
    ) {
        for index in 0..self.shares.parts().len() {
            let part = self.shares.parts()[index];
            let mut held = part.position;
            let concerns = held.account == account && held.instrument == position.instrument;
            if !concerns || held.lots == Lots::ZERO || position.lots == Lots::ZERO {
                continue;
            }
            let share = share(amount, held.lots.0, position.lots.0);
            let after = share.and_then(|share| Some((share, add(held.funding, share)?)));
            let Some((share, funding)) = after else {
                continue;
            };
            if self
                .shares
                .add(part.strategy, account, asset, share)
                .is_some()
            {
                held.funding = funding;
                self.shares.set_part(part.strategy, held);
            }
        }
    }

    /// Takes the venue's word on a position: kept beside ours, never instead of it. Whether it
    /// could be taken; if not it is counted.
    pub(crate) fn report_position(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        report: &PositionReport,
    ) -> bool {
        let taken = self.take_position(account, instrument, report);
        self.counted(taken.map(|()| true))
    }

    fn take_position(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        report: &PositionReport,
    ) -> Option<()> {
        let at = self.find(account, instrument)?;
        let own = self.positions[at].lots.0;
        self.positions[at].venue = Some(VenuePosition {
            lots: report.qty,
            drift: Lots(report.qty.0.checked_sub(own)?),
            liquidation: report.liquidation,
            margin: sound(report.margin)?,
            leverage_bps: report.leverage_bps,
            mode: report.mode,
        });
        Some(())
    }
}
