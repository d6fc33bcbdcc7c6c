//! What venues say beside fills: their clocks, rates, funding, debts; and how many orders nobody
//! knows the outcome of.
//!
//! Hot path: yes (the clock is a few comparisons). Allocates: only in `make_room`.

use model::body::{AssetName, Funding, NoticeCode, NoticeLevel, Rate};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, VenueId};
use model::record::Record;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use super::{Answer, Risk, Told, beyond};
use crate::machine::risk::checks;
use crate::machine::risk::levels::Level;

/// Over this time the smallest distance between a venue's clock and ours counts: a message that
/// waited somewhere does not.
const CLOCK_WINDOW_NS: u64 = 1_000_000_000;
/// Stands for an amount without a rate.
const UNPRICED: i64 = i64::MAX - 1;
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

/// What an account paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Debt {
    funding_today: i64,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Venues {
    clocks: Vec<Clock>,
    /// By account.
    debts: Vec<Debt>,
}

impl Venues {
    pub(super) fn make_room(&mut self, accounts: usize) {
        self.clocks
            .reserve(256_usize.saturating_sub(self.clocks.len()));
        self.debts
            .reserve(accounts.saturating_sub(self.debts.len()));
    }

    pub(super) fn is_sound(&self) -> bool {
        self.clocks.len() <= 256 && self.debts.len() <= crate::machine::config::ACCOUNTS_MAX
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

    /// When the first window of a venue's clock ends; 0 while one of them has not begun.
    pub(super) fn clocks_quiet_until_ns(&self) -> u64 {
        let clocks = &self.watch.venues.clocks;
        let ends = |clock: &Clock| clock.since_ns.saturating_add(CLOCK_WINDOW_NS);
        let mut venues = self.listings().map(|listing| listing.spec().venue);
        if venues.all(|venue| clocks.iter().any(|clock| clock.venue == venue)) {
            clocks.iter().map(ends).min().unwrap_or(u64::MAX)
        } else {
            0
        }
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
        self.watch_distance(rate.rate.get());
    }

    fn watch_distance(&mut self, rate: Decimal) {
        let apart = (rate - Decimal::ONE).abs();
        let bps = apart.checked_mul(Decimal::from(10_000));
        let bps = bps.and_then(|bps| bps.ceil().to_i64()).unwrap_or(i64::MAX);
        let all = Scope::Overall;
        self.apply_level((Control::Depeg, all), all, bps, Answer::Kill);
    }

    /// Row 22: funding paid since midnight, each at the rate of its moment; without one, more than
    /// any level until midnight.
    pub(super) fn watch_funding(&mut self, record: &Record, funding: &Funding) {
        let paid = self
            .portfolio
            .in_reporting(&funding.asset, funding.amount.get());
        let paid = paid.map_or(UNPRICED, |paid| checks::e8(paid).saturating_neg());
        let Some(account) = record.account() else {
            return;
        };
        let Some(debt) = self.watch.venues.debt(account) else {
            return;
        };
        let sum = debt.funding_today.saturating_add(paid);
        debt.funding_today = match (paid, debt.funding_today) {
            (UNPRICED, _) | (_, UNPRICED) => UNPRICED,
            _ => sum.min(UNPRICED),
        };
        let (value, scope) = (debt.funding_today, Scope::Account(account));
        self.apply_level((Control::FundingPaid, scope), scope, value, Answer::Block);
    }

    /// Row 22: what is borrowed, at the rates of now; without one, more than any level.
    pub(super) fn watch_debt(&mut self, account: AccountId) {
        let (control, scope) = (Control::Borrowed, Scope::Account(account));
        if self.levels.of(control, scope) == Level::NONE {
            return;
        }
        let Some(ledger) = self.portfolio.ledger(account) else {
            return;
        };
        let mut debts = ledger
            .holdings()
            .iter()
            .map(|held| (held.asset, held.borrowed));
        let sum = debts.try_fold(Decimal::ZERO, |sum, (asset, debt)| {
            // More paid back than borrowed is no debt of ours.
            let debt = debt.max(Decimal::ZERO);
            sum.checked_add(self.portfolio.in_reporting(&asset, debt)?)
        });
        let value = sum.map_or(UNPRICED, checks::e8);
        self.apply_level((control, scope), scope, value, Answer::Block);
    }

    /// Once a second: debts at their rates, and stable assets by the books that price them.
    pub(super) fn watch_rates(&mut self) {
        let accounts = self
            .config
            .as_ref()
            .map_or(0, |config| config.accounts.len());
        for account in (0..).map(AccountId).take(accounts) {
            self.watch_debt(account);
        }
        let stable = |risk: &Self, index: usize| {
            let name = risk.config.as_ref()?.control.stable_assets.get(index)?;
            AssetName::whole(name)
        };
        let mut index = 0;
        while let Some(asset) = stable(self, index) {
            if let Some(rate) = self.portfolio.rate(&asset) {
                self.watch_distance(rate);
            }
            index += 1;
        }
    }

    /// A new day's funding begins.
    pub(super) fn turn_funding_day(&mut self) {
        for index in 0..self.watch.venues.debts.len() {
            self.watch.venues.debts[index].funding_today = 0;
            let scope = Scope::Account(AccountId(u16::try_from(index).unwrap_or(u16::MAX)));
            self.apply_level((Control::FundingPaid, scope), scope, 0, Answer::Block);
        }
    }

    /// Row 29: orders whose outcome nobody knows, for each venue with accounts.
    pub(super) fn watch_unknown(&mut self) {
        let venues = self.account_venues();
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
