//! Today's profit, in the reporting currency. A day begins at midnight UTC of machine time.
//!
//! What happens is valued at the rate of its moment. Where that is not known yet, the amount waits
//! in its holding, and is valued at the first tick with a rate: until then the sums are `None`.
//!
//! Hot path: yes. Allocates: no.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Portfolio;
use super::exact::{add, sub};
use super::ledger::Holding;
use crate::machine::digest::{Digest, Sink};
use model::ids::AccountId;

const DAY_NS: u64 = 86_400_000_000_000;

/// Sums of a day, and of what came from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Day {
    /// Days since 1970; 0 before the first tick.
    number: u64,
    /// Equity less all flows when it began, or when that was known first.
    #[serde(with = "crate::machine::saved::decimal_option")]
    start: Option<Decimal>,
    /// Equity at that moment.
    #[serde(with = "crate::machine::saved::decimal_option")]
    start_equity: Option<Decimal>,
    #[serde(with = "crate::machine::saved::decimal")]
    realised: Decimal,
    /// Everything that came from outside, less what went there.
    #[serde(with = "crate::machine::saved::decimal")]
    flows: Decimal,
    /// Something waits to be valued.
    waits: bool,
    /// A sum left the range of a decimal: it is unknown from here on.
    broken: bool,
}

/// What an amount is in the day's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// Realised profit, fees, funding, interest.
    Gain,
    /// From outside.
    Flow,
}

impl Day {
    pub(super) fn take(
        &mut self,
        sum: Sum,
        amount: Decimal,
        rate: Option<Decimal>,
        holding: &mut Holding,
    ) {
        if amount.is_zero() {
            return;
        }
        let (total, waiting) = match sum {
            Sum::Gain => (&mut self.realised, &mut holding.unvalued_gain),
            Sum::Flow => (&mut self.flows, &mut holding.unvalued_flow),
        };
        let next = match rate {
            Some(rate) => amount
                .checked_mul(rate)
                .and_then(|value| total.checked_add(value))
                .map(|value| *total = value),
            None => add(*waiting, amount).map(|amount| *waiting = amount),
        };
        self.waits |= rate.is_none();
        self.broken |= next.is_none();
    }
}

impl Portfolio {
    /// Time passes: values what waits, and begins a new day.
    pub(crate) fn tick(&mut self, time_ns: u64) {
        if self.day.waits {
            self.value_waiting();
            self.flows_changed();
        }
        let number = time_ns / DAY_NS;
        if number > self.day.number {
            self.day.number = number;
            self.day.realised = Decimal::ZERO;
            self.day.start = None;
            self.day.start_equity = None;
            let ledgers = self.ledgers.iter_mut();
            for holding in ledgers.flat_map(|ledger| ledger.holdings_mut()) {
                holding.unvalued_gain = Decimal::ZERO;
            }
        }
        if self.day.start.is_none() {
            self.day.start_equity = self.equity_total();
            self.day.start = self.profit_total();
        }
    }

    fn value_waiting(&mut self) {
        let mut waits = false;
        let Self {
            ledgers,
            prices,
            day,
            ..
        } = self;
        for ledger in ledgers {
            let mut flows = Some(Decimal::ZERO);
            for holding in ledger.holdings_mut() {
                let (flow, gain) = (holding.unvalued_flow, holding.unvalued_gain);
                if flow.is_zero() && gain.is_zero() {
                    continue;
                }
                let Some((rate, _)) = prices.rate(&holding.asset) else {
                    waits = true;
                    continue;
                };
                holding.unvalued_flow = Decimal::ZERO;
                holding.unvalued_gain = Decimal::ZERO;
                day.take(Sum::Flow, flow, Some(rate), holding);
                day.take(Sum::Gain, gain, Some(rate), holding);
                flows = flows.and_then(|sum| sum.checked_add(flow.checked_mul(rate)?));
            }
            ledger.flow(flows);
        }
        day.waits = waits;
    }

    const fn day_known(&self) -> bool {
        !self.day.waits && !self.day.broken
    }

    /// Profit realised since midnight UTC by average cost, after fees, funding and interest, in the
    /// reporting currency. `None` while a rate for any of it is missing.
    #[must_use]
    pub fn realised_today(&self) -> Option<Decimal> {
        self.day_known().then_some(self.day.realised)
    }

    /// What came from outside since the books began, less what went there, each at the rate of its
    /// moment, in the reporting currency. First reports of balances are in it. `None` while a rate
    /// for any of it is missing.
    #[must_use]
    pub fn flows(&self) -> Option<Decimal> {
        self.day_known().then_some(self.day.flows)
    }

    /// The same of one account.
    #[must_use]
    pub fn account_flows(&self, account: AccountId) -> Option<Decimal> {
        self.ledger(account)?.flows()
    }

    /// Equity less [`Self::flows`]: what trading made since the books began.
    #[must_use]
    pub fn profit_total(&self) -> Option<Decimal> {
        sub(self.equity_total()?, self.flows()?)
    }

    /// What trading made since midnight UTC, realised or not; deposits and withdrawals are not in
    /// it. `None` while anything is missing, also what was there when the day began.
    #[must_use]
    pub fn profit_today(&self) -> Option<Decimal> {
        sub(self.profit_total()?, self.day.start?)
    }

    /// Equity when the day began, or when it was known first.
    #[must_use]
    pub const fn equity_at_day_start(&self) -> Option<Decimal> {
        self.day.start_equity
    }
}

impl Digest for Day {
    fn digest(&self, sink: &mut Sink) {
        let Self {
            number,
            start,
            start_equity,
            realised,
            flows,
            waits,
            broken,
        } = self;
        sink.number(*number);
        for value in [start, start_equity] {
            sink.number(value.is_some());
            sink.decimal(value.unwrap_or_default());
        }
        sink.decimal(*realised);
        sink.decimal(*flows);
        sink.number(*waits);
        sink.number(*broken);
    }
}
