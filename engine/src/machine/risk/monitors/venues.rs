//! What venues say beside fills: their clocks, rates, funding, debts, liquidation prices; and how
//! many orders nobody knows the outcome of.
//!
//! Hot path: yes (the clock is a few comparisons). Allocates: only in `make_room`.

use model::body::{Funding, NoticeCode, NoticeLevel, PositionReport, Rate, Transfer, TransferKind};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use super::{Answer, Risk, Told, beyond};
use crate::machine::risk::checks;

/// Over this time the smallest distance between a venue's clock and ours counts: a message that
/// waited somewhere does not.
const CLOCK_WINDOW_NS: u64 = 1_000_000_000;
/// 1e-18 in 1e-8.
const E18_IN_E8: i128 = 10_000_000_000;

/// One venue's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Clock {
    venue: VenueId,
    since_ns: u64,
    /// Smallest of ours minus theirs in this window.
    least: i64,
    /// That of the window before.
    before: Option<i64>,
}

/// Where a position would be liquidated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Edge {
    instrument: InstrumentId,
    account: AccountId,
    price: Ticks,
}

/// What an account paid and owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Debt {
    funding_today: i64,
    borrowed: i64,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Venues {
    clocks: Vec<Clock>,
    edges: Vec<Edge>,
    /// By account.
    debts: Vec<Debt>,
}

impl Venues {
    pub(super) fn make_room(&mut self, accounts: usize, positions: usize) {
        self.clocks
            .reserve(256_usize.saturating_sub(self.clocks.len()));
        self.edges
            .reserve(positions.saturating_sub(self.edges.len()));
        self.debts
            .reserve(accounts.saturating_sub(self.debts.len()));
    }

    pub(super) fn is_sound(&self) -> bool {
        let edge = |one: &Edge| (one.instrument, one.account);
        self.clocks.len() <= 256
            && self
                .edges
                .is_sorted_by(|left, right| edge(left) < edge(right))
            && self.debts.len() <= crate::machine::config::ACCOUNTS_MAX
    }

    fn debt(&mut self, account: AccountId) -> Option<&mut Debt> {
        if account.index() >= crate::machine::config::ACCOUNTS_MAX {
            return None;
        }
        if self.debts.len() <= account.index() {
            self.debts.resize_with(account.index() + 1, Debt::default);
        }
        self.debts.get_mut(account.index())
    }
}

/// The venue's own time of market data; 0 where it gave none.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
const fn venue_time(event: &Event<'_>) -> u64 {
    match event {
        Event::BookLevels(levels) => levels.venue_time_ns,
        Event::Quote(quote) => quote.venue_time_ns,
        Event::Trade(trade) => trade.venue_time_ns,
        _ => 0,
    }
}

impl Risk {
    /// Row 16: the venue's clock against machine time, once a window.
    pub(super) fn watch_clock(&mut self, record: &Record, event: &Event<'_>) {
        let theirs = venue_time(event);
        if theirs == 0 {
            return;
        }
        let listing = record
            .instrument()
            .and_then(|instrument| self.listing(instrument));
        let Some(venue) = listing.map(|listing| listing.spec().venue) else {
            return;
        };
        let apart = i128::from(record.time_ns) - i128::from(theirs);
        let apart = i64::try_from(apart).unwrap_or(i64::MAX);
        let now = self.time_ns;
        let clocks = &mut self.watch.venues.clocks;
        let Some(clock) = clocks.iter_mut().find(|clock| clock.venue == venue) else {
            clocks.push(Clock {
                venue,
                since_ns: now,
                least: apart,
                before: None,
            });
            return;
        };
        clock.least = clock.least.min(apart);
        if now.saturating_sub(clock.since_ns) < CLOCK_WINDOW_NS {
            return;
        }
        let (least, before) = (clock.least, clock.before);
        (clock.since_ns, clock.least, clock.before) = (now, apart, Some(least));
        let scope = Scope::Venue(venue);
        let offset = least.saturating_abs();
        self.apply_level((Control::ClockOffset, scope), scope, offset, Answer::Block);
        let Some(before) = before else {
            return;
        };
        let step = least.saturating_sub(before).saturating_abs();
        let level = self.levels.of(Control::ClockStep, scope).hard;
        if beyond(Control::ClockStep, step, level) {
            let told = Told::new(NoticeCode::ClockStep, NoticeLevel::Hard, scope);
            self.notice(told.by(Control::ClockStep, step, level));
        }
        self.apply_level((Control::ClockStep, scope), scope, step, Answer::Block);
    }

    /// Row 24: a stable asset's distance from 1.
    pub(super) fn watch_peg(&mut self, rate: &Rate) {
        let config = self.config.as_ref();
        let stable = config.is_some_and(|config| {
            let assets = &config.control.stable_assets;
            assets.iter().any(|asset| asset == rate.asset.as_str())
        });
        if !stable {
            return;
        }
        let apart = (rate.rate.get() - Decimal::ONE).abs();
        let bps = apart.checked_mul(Decimal::from(10_000));
        let bps = bps.and_then(|bps| bps.ceil().to_i64()).unwrap_or(i64::MAX);
        let all = Scope::Overall;
        self.apply_level((Control::Depeg, all), all, bps, Answer::Kill);
    }

    /// Row 22: funding paid since midnight.
    pub(super) fn watch_funding(&mut self, record: &Record, funding: &Funding) {
        let paid = checks::e8(funding.amount.get()).saturating_neg();
        let Some(account) = record.account() else {
            return;
        };
        let Some(debt) = self.watch.venues.debt(account) else {
            return;
        };
        debt.funding_today = debt.funding_today.saturating_add(paid);
        let (value, scope) = (debt.funding_today, Scope::Account(account));
        self.apply_level((Control::FundingPaid, scope), scope, value, Answer::Block);
    }

    /// Row 22: what is borrowed.
    pub(super) fn watch_debt(&mut self, record: &Record, transfer: &Transfer) {
        let Some(account) = record.account() else {
            return;
        };
        let amount = checks::e8(transfer.amount.get());
        let more = match transfer.kind {
            TransferKind::Borrow | TransferKind::Repay => amount,
            TransferKind::Deposit
            | TransferKind::Withdrawal
            | TransferKind::Internal
            | TransferKind::Interest
            | TransferKind::Adjustment => return,
        };
        let Some(debt) = self.watch.venues.debt(account) else {
            return;
        };
        debt.borrowed = debt.borrowed.saturating_add(more).max(0);
        let (value, scope) = (debt.borrowed, Scope::Account(account));
        self.apply_level((Control::Borrowed, scope), scope, value, Answer::Block);
    }

    /// A new day's funding begins.
    pub(super) fn turn_funding_day(&mut self) {
        for index in 0..self.watch.venues.debts.len() {
            self.watch.venues.debts[index].funding_today = 0;
            let scope = Scope::Account(AccountId(u16::try_from(index).unwrap_or(u16::MAX)));
            self.apply_level((Control::FundingPaid, scope), scope, 0, Answer::Block);
        }
    }

    /// Row 21: where the venue would liquidate.
    pub(super) fn note_liquidation(&mut self, record: &Record, report: &PositionReport) {
        let (Some(instrument), Some(account)) = (record.instrument(), record.account()) else {
            return;
        };
        let edges = &mut self.watch.venues.edges;
        let key = (instrument, account);
        let found = edges.binary_search_by_key(&key, |edge| (edge.instrument, edge.account));
        let is_edge = report.qty != Lots::ZERO && report.liquidation > Ticks::ZERO;
        match (found, is_edge) {
            (Ok(place), true) => edges[place].price = report.liquidation,
            (Ok(place), false) => {
                edges.remove(place);
                // No position, nothing to liquidate: as far away as can be.
                let scope = Scope::Account(account);
                let pair = (Control::LiquidationDistance, scope);
                self.apply_level(pair, scope, i64::MAX - 1, Answer::Block);
            }
            (Err(place), true) => edges.insert(
                place,
                Edge {
                    instrument,
                    account,
                    price: report.liquidation,
                },
            ),
            (Err(_), false) => {}
        }
    }

    /// Row 21: the mark's distance from it. The nearest position of an account counts.
    pub(super) fn watch_liquidation(&mut self, record: &Record, mark: Ticks) {
        let Some(instrument) = record.instrument().filter(|_| mark > Ticks::ZERO) else {
            return;
        };
        for index in 0..self.watch.venues.edges.len() {
            let edge = self.watch.venues.edges[index];
            if edge.instrument != instrument {
                continue;
            }
            let apart = (i128::from(mark.0) - i128::from(edge.price.0)).abs() * 10_000;
            let bps = i64::try_from(apart / i128::from(mark.0)).unwrap_or(i64::MAX - 1);
            let scope = Scope::Account(edge.account);
            self.apply_level(
                (Control::LiquidationDistance, scope),
                scope,
                bps,
                Answer::Block,
            );
        }
    }

    /// Row 29: orders whose outcome nobody knows, for each venue with accounts.
    pub(super) fn watch_unknown(&mut self) {
        let Some(config) = &self.config else {
            return;
        };
        let venues: [Option<VenueId>; crate::machine::config::ACCOUNTS_MAX] =
            std::array::from_fn(|index| config.accounts.get(index).map(|account| account.venue));
        for (index, venue) in venues.iter().enumerate() {
            let Some(venue) = venue.filter(|_| !venues[..index].contains(venue)) else {
                continue;
            };
            let sum = self.orders.sums().venue(venue);
            let scope = Scope::Venue(venue);
            let count = i64::from(sum.unknown);
            let value = i64::try_from(sum.unknown_value / E18_IN_E8).unwrap_or(i64::MAX);
            self.apply_level((Control::UnknownOrders, scope), scope, count, Answer::Block);
            self.apply_level((Control::UnknownValue, scope), scope, value, Answer::Block);
        }
    }
}
