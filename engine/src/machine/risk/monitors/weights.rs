//! Row 23: what part of our equity, and of what prices act on, is at one venue. Row 21: how far an
//! account's nearest position is from its liquidation.
//!
//! Hot path: no (once a second, and at marks of instruments that we have a position in). Allocates:
//! no.

use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::Contract;
use model::num::Lots;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::{Answer, Risk};
use crate::machine::config::ACCOUNTS_MAX;
use crate::machine::risk::levels::Level;

impl Risk {
    /// The venue of each account.
    pub(super) fn account_venues(&self) -> [Option<VenueId>; ACCOUNTS_MAX] {
        let accounts = self.config.as_ref().map(|config| &config.accounts);
        std::array::from_fn(|index| Some(accounts?.get(index)?.venue))
    }

    /// Row 23. Unknown equity is `equity_age_max`'s to act on.
    pub(super) fn watch_concentration(&mut self) {
        let watched = |control| self.levels.all().iter().any(|entry| entry.0.0 == control);
        let (equity, gross) = (
            watched(Control::VenueConcentration),
            watched(Control::VenueGross),
        );
        if !equity && !gross {
            return;
        }
        let venues = self.account_venues();
        let (mut all, mut all_gross) = (None, None);
        if equity {
            all = self.portfolio.equity_total();
        }
        if gross {
            let mut sum = Some(Decimal::ZERO);
            for (index, venue) in venues.iter().enumerate() {
                if let Some(venue) = venue.filter(|_| !venues[..index].contains(venue)) {
                    let part = self.portfolio.venue_gross(venue);
                    sum = sum.and_then(|sum| sum.checked_add(part?));
                }
            }
            all_gross = sum;
        }
        for (index, venue) in venues.iter().enumerate() {
            let Some(venue) = venue.filter(|_| !venues[..index].contains(venue)) else {
                continue;
            };
            let scope = Scope::Venue(venue);
            if let Some(all) = all
                && let Some(part) = self.portfolio.venue_equity(venue)
            {
                let pair = (Control::VenueConcentration, scope);
                self.apply_level(pair, scope, part_bps(part, all), Answer::Kill);
            }
            if let Some(all) = all_gross
                && let Some(part) = self.portfolio.venue_gross(venue)
            {
                let pair = (Control::VenueGross, scope);
                self.apply_level(pair, scope, part_bps(part, all), Answer::Kill);
            }
        }
    }

    /// Row 21: looks at the accounts with a position in an instrument.
    pub(super) fn watch_liquidation(&mut self, instrument: InstrumentId) {
        for account in (0..).map(AccountId).take(ACCOUNTS_MAX) {
            let position = self.portfolio.position(account, instrument);
            if position.is_some_and(|position| position.lots != Lots::ZERO) {
                self.watch_liquidation_of(account);
            }
        }
    }

    /// Row 21: the nearest position of an account counts, by our own reckoning or by the venue's
    /// word, whichever is nearer. A distance that nobody can say counts as none.
    pub(super) fn watch_liquidation_of(&mut self, account: AccountId) {
        let (control, scope) = (Control::LiquidationDistance, Scope::Account(account));
        if self.levels.of(control, scope) == Level::NONE {
            return;
        }
        let perpetual = |id: InstrumentId| {
            let listing = self.listing(id);
            listing.is_some_and(|listing| listing.spec().contract != Contract::Spot)
        };
        let positions = self.portfolio.of_account(account).iter();
        let open = positions.filter(|held| held.lots != Lots::ZERO && perpetual(held.instrument));
        let nearest = open
            .map(|held| {
                let distance = self
                    .portfolio
                    .liquidation_distance_bps(account, held.instrument);
                distance.unwrap_or(0)
            })
            .min()
            .unwrap_or(i64::MAX);
        self.apply_level(
            (control, scope),
            scope,
            nearest.min(i64::MAX - 1),
            Answer::Block,
        );
    }
}

/// A part of a whole, 1/10_000, rounded up. A part of nothing is all of it, and more.
fn part_bps(part: Decimal, whole: Decimal) -> i64 {
    if part <= Decimal::ZERO {
        return 0;
    }
    if whole <= Decimal::ZERO {
        return i64::MAX - 1;
    }
    let bps = part
        .checked_mul(Decimal::from(10_000))
        .and_then(|bps| bps.checked_div(whole));
    bps.and_then(|bps| bps.ceil().to_i64())
        .unwrap_or(i64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_is_rounded_up_and_of_nothing_it_is_beyond_all() {
        let part = |part: i64, whole: i64| part_bps(Decimal::from(part), Decimal::from(whole));
        assert_eq!(part(1, 2), 5_000);
        assert_eq!(part(1, 3), 3_334);
        assert_eq!(part(2, 2), 10_000);
        assert_eq!((part(0, 2), part(-1, 2), part(0, 0)), (0, 0, 0));
        assert_eq!(part(1, 0), i64::MAX - 1);
    }
}
