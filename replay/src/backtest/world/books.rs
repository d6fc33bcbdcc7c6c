//! What a world writes down of its orders, fills and money, for whoever observes it.

use std::collections::{BTreeMap, VecDeque};

use engine::machine::Machine;
use model::body::{Fill, OrderReport, OrderType, Side, TimeInForce};
use model::command::CommandView;
use model::event::{Event, View, view};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;

use super::Counts;
use crate::backtest::tape::{FillRow, Observer, OrderEnd, OrderRow, Sample};

const SECOND: u64 = 1_000_000_000;

/// Orders that live, and fills whose later prices are not known yet.
#[derive(Debug)]
pub(in crate::backtest) struct Books {
    instruments: usize,
    live: BTreeMap<u64, OrderRow>,
    fills: VecDeque<FillRow>,
    /// How many of `fills` have their price one second later.
    seconds: usize,
    /// Sum of all fees, reporting currency, as far as there was a rate.
    pub(in crate::backtest) fees: Decimal,
}

impl Books {
    pub(super) const fn new(instruments: usize) -> Self {
        Self {
            instruments,
            live: BTreeMap::new(),
            fills: VecDeque::new(),
            seconds: 0,
            fees: Decimal::ZERO,
        }
    }

    /// The machine decided a command.
    pub(super) fn decided(
        &mut self,
        record: &Record,
        view: &CommandView<'_>,
        now_ns: u64,
        counts: &mut Counts,
        machine: &Machine,
    ) {
        let mut row = match view {
            CommandView::NewOrder(new) => row(
                record,
                (new.client_id, new.side, new.order_type, new.time_in_force),
                (new.price, new.qty),
                now_ns,
            ),
            CommandView::ReplaceOrder(new) => row(
                record,
                (new.client_id, new.side, new.order_type, new.time_in_force),
                (new.price, new.qty),
                now_ns,
            ),
            CommandView::CancelOrder(_)
            | CommandView::AmendOrder(_)
            | CommandView::CancelAll(_)
            | CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::Latch(_) => return,
        };
        row.middle_x2 = middle_x2(machine, row.instrument);
        counts.orders += 1;
        self.live.insert(row.client_id, row);
    }

    /// A command arrived at the venue.
    pub(super) fn arrived(&mut self, record: &Record, now_ns: u64) {
        let Ok(View::Command(view)) = view(record) else {
            return;
        };
        if matches!(
            view,
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_)
        ) && let Some(row) = self.live.get_mut(&view.client_id())
        {
            row.arrived_ns = now_ns;
        }
    }

    /// The machine heard of an order.
    pub(super) fn heard(
        &mut self,
        record: &Record,
        counts: &mut Counts,
        machine: &Machine,
        observer: &mut impl Observer,
    ) {
        let Ok(View::Event(event)) = view(record) else {
            return;
        };
        let now_ns = record.time_ns;
        if let Event::OrderFilled(fill) = event {
            counts.fills += 1;
            self.filled(record, fill, machine, observer);
        } else if let Event::OrderAcked(report) = event {
            if let Some(row) = self.live.get_mut(&report.client_id) {
                row.acked_ns = now_ns;
            }
        } else if let Event::OrderRejected(report) = event {
            counts.rejects += 1;
            self.ended(report, OrderEnd::Rejected, now_ns, observer);
        } else if let Event::OrderCancelled(report) = event {
            self.ended(report, OrderEnd::Cancelled, now_ns, observer);
        } else if let Event::OrderExpired(report) = event {
            self.ended(report, OrderEnd::Expired, now_ns, observer);
        } else if let Event::SendFailed(report) = event {
            // Of a cancel that was not sent the order lives on.
            let live = self.live.get(&report.client_id);
            if live.is_some_and(|row| row.arrived_ns == 0) {
                self.ended(report, OrderEnd::NotSent, now_ns, observer);
            }
        }
    }

    fn ended(
        &mut self,
        report: &OrderReport,
        end: OrderEnd,
        now_ns: u64,
        observer: &mut impl Observer,
    ) {
        if let Some(mut row) = self.live.remove(&report.client_id) {
            row.end = end;
            row.ended_ns = now_ns;
            observer.order(&row);
        }
    }

    fn filled(
        &mut self,
        record: &Record,
        fill: &Fill,
        machine: &Machine,
        observer: &mut impl Observer,
    ) {
        let now_ns = record.time_ns;
        let instrument = record.instrument().unwrap_or(InstrumentId(0));
        let rate = machine.portfolio().rate(&fill.fee_asset);
        let fee = rate.and_then(|rate| fill.fee.get().checked_mul(rate));
        self.fees += fee.unwrap_or_default();
        let middle = middle_x2(machine, instrument);
        let live = self.live.get_mut(&fill.client_id);
        let decided_ns = live.as_ref().map_or(0, |row| row.decided_ns);
        let middle_decided_x2 = live.as_ref().map_or(0, |row| row.middle_x2);
        self.fills.push_back(FillRow {
            client_id: fill.client_id,
            strategy: record.strategy(),
            account: record.account().unwrap_or(AccountId(0)),
            instrument,
            side: fill.side,
            price: fill.price,
            qty: fill.qty,
            fee,
            liquidity: fill.liquidity,
            there_ns: fill.venue_time_ns,
            here_ns: now_ns,
            decided_ns,
            middle_decided_x2,
            middle_x2: middle,
            middle_1s_x2: middle,
            middle_10s_x2: middle,
        });
        if let Some(row) = live {
            row.filled = Lots(row.filled.0.saturating_add(fill.qty.0));
            if row.filled >= row.qty {
                row.end = OrderEnd::Filled;
                row.ended_ns = now_ns;
                observer.order(row);
                self.live.remove(&fill.client_id);
            }
        }
    }

    /// Completes fills whose later prices are known now.
    pub(super) fn middles(&mut self, now_ns: u64, machine: &Machine, observer: &mut impl Observer) {
        while let Some(fill) = self.fills.get_mut(self.seconds)
            && fill.here_ns + SECOND <= now_ns
        {
            fill.middle_1s_x2 = middle_x2(machine, fill.instrument);
            self.seconds += 1;
        }
        while self
            .fills
            .front()
            .is_some_and(|fill| fill.here_ns + 10 * SECOND <= now_ns)
        {
            self.complete(machine, observer);
        }
    }

    fn complete(&mut self, machine: &Machine, observer: &mut impl Observer) {
        let Some(mut fill) = self.fills.pop_front() else {
            return;
        };
        fill.middle_10s_x2 = middle_x2(machine, fill.instrument);
        if self.seconds == 0 {
            fill.middle_1s_x2 = fill.middle_10s_x2;
        }
        self.seconds = self.seconds.saturating_sub(1);
        observer.fill(&fill);
    }

    /// The data ended: what is open is told as it is.
    pub(super) fn end(&mut self, machine: &Machine, observer: &mut impl Observer) {
        while !self.fills.is_empty() {
            self.complete(machine, observer);
        }
        for row in std::mem::take(&mut self.live).values() {
            observer.order(row);
        }
    }

    /// Shows the money as it is.
    pub(super) fn sample(&self, time_ns: u64, machine: &Machine, observer: &mut impl Observer) {
        let portfolio = machine.portfolio();
        let strategies = machine.strategies().iter();
        let ids = (0..u32::try_from(self.instruments).unwrap_or(u32::MAX)).map(InstrumentId);
        let lots = |id: InstrumentId| {
            let positions = portfolio.positions().iter();
            let own = positions.filter(|position| position.instrument == id);
            own.fold(0_i64, |sum, position| sum.saturating_add(position.lots.0))
        };
        observer.sample(&Sample {
            time_ns,
            equity: portfolio.equity_total(),
            profits: strategies
                .map(|strategy| portfolio.strategy_pnl(strategy.id()))
                .collect(),
            positions: ids.clone().map(lots).collect(),
            middles_x2: ids.map(|id| middle_x2(machine, id)).collect(),
        });
    }
}

/// Twice the middle of the machine's book; 0 without one.
fn middle_x2(machine: &Machine, instrument: InstrumentId) -> i64 {
    machine.top(instrument).map_or(0, |top| top.mid_x2())
}

fn row(
    record: &Record,
    about: (u64, Side, OrderType, TimeInForce),
    size: (Ticks, Lots),
    now_ns: u64,
) -> OrderRow {
    let strategy: Option<StrategyId> = record.strategy();
    OrderRow {
        client_id: about.0,
        strategy,
        account: record.account().unwrap_or(AccountId(0)),
        instrument: record.instrument().unwrap_or(InstrumentId(0)),
        side: about.1,
        order_type: about.2,
        time_in_force: about.3,
        price: size.0,
        qty: size.1,
        filled: Lots::ZERO,
        decided_ns: now_ns,
        arrived_ns: 0,
        acked_ns: 0,
        ended_ns: 0,
        end: OrderEnd::Open,
        middle_x2: 0,
    }
}
