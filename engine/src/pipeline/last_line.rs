//! The last line: what a gateway's stage looks at once more, immediately before an order leaves.
//!
//! Code and counters of its own, that share nothing with risk: were risk wrong, wedged, or slow,
//! this still holds. It knows latches and absolute rates, and nothing of books or positions.
//! - Latches come as `Latch` commands through the ring, and as one shared flag that a signal
//!   handler sets without passing through any queue.
//! - More orders, or more value, in one second than configured latch the line itself: only two
//!   persons' release of everything opens it again.
//! - Cancels, queries and amendments, which can only make an order smaller, always pass.
//!
//! What it stops ends as `SendFailed` with the reason `LastLine`; that event tells risk.
//!
//! Hot path: yes. Allocates: only at creation. Locks: no.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::body::{Flag, Latch, OrderReport, OrderStatus, RejectReason, Text};
use model::command::{CommandView, command};
use model::control::ScopeKind;
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::limits::{INSTRUMENTS_MAX, STRATEGIES_MAX};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::machine::{ACCOUNTS_MAX, LastLineStop};

const SECOND_NS: u64 = 1_000_000_000;
/// Values are counted in 1e-18 of the quote asset, so that the smallest tick times the smallest lot
/// is not lost.
const VALUE_DECIMALS: u32 = 18;

/// Absolute limits of one gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastLineLimits {
    /// Orders (new ones and replacements) in any second. From 1.
    pub orders_per_second: u32,
    /// Their value in any second, quote asset; instruments of several quote assets are added up.
    pub value_per_second: Decimal,
    /// Whether the engine's own reduce-only orders pass a latch, so that a killed position can be
    /// closed. They never pass a line that latched itself.
    pub flatten_passes: bool,
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct LastLine {
    limits: Option<LastLineLimits>,
    value_max: i128,
    /// Set by signals and the supervisor, cleared when everything is released.
    shared: Arc<AtomicBool>,
    /// It latched itself.
    exceeded: bool,
    all: bool,
    venue: bool,
    accounts: Vec<bool>,
    strategies: Vec<bool>,
    instruments: Vec<bool>,
    /// Value of one tick times one lot; 0 for an instrument that is not known. By id.
    steps: Vec<i128>,
    /// What left in the last second: when, and its value.
    left: VecDeque<(u64, i128)>,
    left_value: i128,
    now_ns: u64,
}

/// What an order would add to the exposure of the second.
struct Wish {
    price: Ticks,
    qty: Lots,
    reduces: bool,
}

impl LastLine {
    /// With all latches off. `shared` is the flag that signals set.
    pub(crate) fn new(
        limits: Option<LastLineLimits>,
        instruments: &[InstrumentSpec],
        shared: Arc<AtomicBool>,
    ) -> Self {
        let mut steps = Vec::new();
        for spec in instruments {
            let index = spec.id.index();
            if steps.len() <= index {
                steps.resize(index + 1, 0);
            }
            steps[index] = spec.notional(Ticks(1), Lots(1)).map_or(0, scaled);
        }
        let room = limits.map_or(0, |limits| limits.orders_per_second as usize);
        Self {
            value_max: limits.map_or(i128::MAX, |limits| scaled(limits.value_per_second)),
            limits,
            shared,
            exceeded: false,
            all: false,
            venue: false,
            accounts: vec![false; ACCOUNTS_MAX],
            strategies: vec![false; STRATEGIES_MAX],
            instruments: vec![false; INSTRUMENTS_MAX],
            steps,
            left: VecDeque::with_capacity(room),
            left_value: 0,
            now_ns: 0,
        }
    }

    /// Takes a latch of risk's. One of everything that goes off opens a line that latched itself.
    pub(crate) fn latch(&mut self, latch: &Latch) {
        let on = latch.on.is_yes();
        let place = |places: &mut Vec<bool>| {
            if let Some(place) = places.get_mut(latch.scope_id as usize) {
                *place = on;
            }
        };
        match latch.scope {
            ScopeKind::Overall => {
                self.all = on;
                self.exceeded &= on;
            }
            ScopeKind::Venue => self.venue = on,
            ScopeKind::Account => place(&mut self.accounts),
            ScopeKind::Strategy => place(&mut self.strategies),
            ScopeKind::Instrument => place(&mut self.instruments),
        }
    }

    /// Looks at a command that is about to leave.
    ///
    /// # Errors
    ///
    /// [`LastLineStop`]: it must not.
    #[inline]
    pub(crate) fn judge(&mut self, record: &Record, now_ns: u64) -> Result<(), LastLineStop> {
        let wish = match command(record) {
            Ok(CommandView::NewOrder(order)) => Wish {
                price: order.price,
                qty: order.qty,
                reduces: order.reduce_only == Flag::Yes,
            },
            Ok(CommandView::ReplaceOrder(order)) => Wish {
                price: order.price,
                qty: order.qty,
                reduces: order.reduce_only == Flag::Yes,
            },
            Ok(
                CommandView::CancelOrder(_)
                | CommandView::QueryOrder(_)
                | CommandView::QueryOpenOrders(_)
                | CommandView::AmendOrder(_)
                | CommandView::CancelAll(_)
                | CommandView::Latch(_),
            ) => return Ok(()),
            Err(_) => return Err(LastLineStop::Unreadable),
        };
        if self.exceeded {
            return Err(LastLineStop::Latched);
        }
        let closes = wish.reduces
            && record.strategy().is_none()
            && self.limits.is_some_and(|limits| limits.flatten_passes);
        if !closes && self.is_latched(record) {
            return Err(LastLineStop::Latched);
        }
        self.count(record, &wish, now_ns)
    }

    fn is_latched(&self, record: &Record) -> bool {
        let on = |places: &[bool], index: Option<usize>| {
            index.is_some_and(|index| places.get(index).copied().unwrap_or(true))
        };
        // Pairs with the store of whoever sets it; nothing else is read behind it.
        self.shared.load(Ordering::Acquire)
            || self.all
            || self.venue
            || on(&self.accounts, record.account().map(|id| id.index()))
            || on(&self.strategies, record.strategy().map(|id| id.index()))
            || on(
                &self.instruments,
                record.instrument().map(InstrumentId::index),
            )
    }

    fn count(&mut self, record: &Record, wish: &Wish, now_ns: u64) -> Result<(), LastLineStop> {
        let Some(limits) = self.limits else {
            return Ok(());
        };
        self.now_ns = self.now_ns.max(now_ns);
        while let Some(&(at_ns, value)) = self.left.front()
            && at_ns.saturating_add(SECOND_NS) <= self.now_ns
        {
            self.left_value -= value;
            self.left.pop_front();
        }
        let index = record.instrument().map(InstrumentId::index);
        let step = index
            .and_then(|index| self.steps.get(index))
            .copied()
            .unwrap_or(0);
        let value = step
            .checked_mul(i128::from(wish.price.0))
            .and_then(|value| value.checked_mul(i128::from(wish.qty.0)))
            .filter(|value| *value > 0);
        // Without a value there is nothing to count by.
        let stop = match value {
            None => Some(LastLineStop::NoValue),
            Some(_) if self.left.len() >= limits.orders_per_second as usize => {
                Some(LastLineStop::Orders)
            }
            Some(value) if self.left_value.saturating_add(value) > self.value_max => {
                Some(LastLineStop::Value)
            }
            Some(value) => {
                self.left_value += value;
                self.left.push_back((self.now_ns, value));
                None
            }
        };
        match stop {
            None => Ok(()),
            Some(stop) => {
                self.exceeded |= stop != LastLineStop::NoValue;
                Err(stop)
            }
        }
    }
}

/// A decimal in 1e-18, rounded down; a value that does not fit is the largest.
fn scaled(value: Decimal) -> i128 {
    let unscaled = value.mantissa();
    let up = VALUE_DECIMALS.saturating_sub(value.scale());
    let down = value.scale().saturating_sub(VALUE_DECIMALS);
    let factor = |exponent: u32| 10_i128.checked_pow(exponent).unwrap_or(i128::MAX);
    unscaled.checked_mul(factor(up)).unwrap_or(i128::MAX) / factor(down)
}

/// The event that a command was stopped.
pub(crate) fn stopped(record: &Record, stop: LastLineStop, stamp_ns: u64) -> Record {
    let client_id = command(record).map_or(0, |view| view.client_id());
    let report = OrderReport {
        client_id,
        venue_order_id: 0,
        venue_time_ns: 0,
        cum_qty: Lots::ZERO,
        code: stop.code(),
        status: OrderStatus::NotStated,
        reason: RejectReason::LastLine,
        text: Text::cut(stop.text()),
    };
    let mut failed = Record::new(Kind::SendFailed, &report).stamped(stamp_ns);
    failed.detail = record.kind;
    about(failed, record)
}

/// The event that a latch was taken.
pub(crate) fn taken(record: &Record, number: u64, stamp_ns: u64) -> Record {
    let sent = model::body::Sent {
        command: number,
        client_id: 0,
        received_ns: 0,
        sequenced_ns: 0,
        intended_ns: 0,
        approved_ns: 0,
        taken_ns: stamp_ns,
        written_ns: stamp_ns,
        reserved: [0; 16],
    };
    about(Record::new(Kind::Sent, &sent).stamped(stamp_ns), record)
}

fn about(event: Record, command: &Record) -> Record {
    let event = match command.account() {
        Some(account) => event.on_account(account),
        None => event,
    };
    let event = match command.instrument() {
        Some(instrument) => event.on_instrument(instrument),
        None => event,
    };
    match command.strategy() {
        Some(strategy) => event.by_strategy(strategy),
        None => event,
    }
}

#[cfg(test)]
#[path = "last_line_tests.rs"]
mod tests;
