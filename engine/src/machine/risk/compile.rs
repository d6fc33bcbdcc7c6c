//! What follows from configuration and instruments and is kept ready for the hot path: the limits
//! by scope, and what the sums over the orders are counted by.
//!
//! Hot path: no. Allocates: yes, at the first event behind a configuration or instrument.

use model::body::AssetName;
use model::control::{Control, Scope};
use model::instrument::Contract;
use model::limits::STRATEGIES_MAX;

use super::bounds::{Bound, Bounds, Places};
use super::levels::Levels;
use super::{Entry, Risk};
use crate::machine::config::MachineConfig;
use crate::machine::orders::sums::Terms;

impl Risk {
    /// Makes the limits by scope from the levels as they are now.
    pub(super) fn compile_bounds(&mut self) {
        let Some(config) = &self.config else {
            return;
        };
        self.bounds = Bounds::compile(bounds(config, &self.entries, &self.levels));
        // Each strategy of this configuration, on a few instruments, and those of older ones.
        self.buckets.limit(&self.bounds, self.time_ns);
        let scopes = self.bounds.over_time();
        self.activity
            .open(config.strategies.len(), 4 * STRATEGIES_MAX, scopes);
        let (activity, buckets) = (&self.activity, &self.buckets);
        self.bounds.keep_places(|scope| Places {
            counted: activity.place(scope),
            bucket: buckets.place(scope),
        });
        let worths = self.watched_worths();
        self.portfolio.keep(&worths);
        let accounts = config.accounts.len();
        self.watch.make_room(accounts, &worths);
    }

    /// Configuration or instruments changed: what follows from them is made at the next event.
    pub(super) const fn recompile(&mut self) {
        self.stale = true;
        self.capital.search();
    }

    /// Makes what follows from configuration and instruments, if one of them changed.
    pub(super) fn compile(&mut self) {
        self.stale = false;
        let Some(config) = &self.config else {
            return;
        };
        let accounts = config.accounts.len();
        self.compile_bounds();
        let (terms, assets) = terms(&self.entries);
        self.orders.count_over(terms.clone(), accounts, assets);
        self.held.count_over(terms, accounts, &self.orders);
        self.open_capital();
    }
}

/// Instruments without limits of their own have those that hold for any; then come the levels as
/// they are now.
fn bounds<'a>(
    config: &'a MachineConfig,
    entries: &'a [Option<Box<Entry>>],
    levels: &'a Levels,
) -> impl Iterator<Item = (Control, Scope, Bound)> + 'a {
    let limits = &config.limits;
    let unnamed = entries
        .iter()
        .flatten()
        .map(|entry| entry.listing.spec().id)
        .filter(|id| limits.instruments.iter().all(|one| one.instrument != *id));
    let any = unnamed.flat_map(|id| limits.orders.levels(id));
    let any = any.map(|level| (level.control, level.scope, Bound::hard(level.hard)));
    let now = levels.all().iter().map(|((control, scope), level)| {
        let (soft, hard) = (level.soft, level.hard);
        (*control, *scope, Bound { soft, hard })
    });
    any.chain(now)
}

/// Terms by instrument id, and how many assets they name.
fn terms(entries: &[Option<Box<Entry>>]) -> (Vec<Option<Terms>>, usize) {
    let mut assets: Vec<AssetName> = Vec::new();
    let mut number = |asset: AssetName| {
        let known = assets.iter().position(|known| *known == asset);
        let place = known.unwrap_or_else(|| {
            assets.push(asset);
            assets.len() - 1
        });
        // At most two for each of 4,096 instruments.
        u16::try_from(place).unwrap_or(u16::MAX)
    };
    let terms = entries
        .iter()
        .map(|entry| {
            let entry = entry.as_deref()?;
            let spec = entry.listing.spec();
            let assets = (number(entry.base), number(entry.quote));
            let steps = (spec.tick, spec.lot);
            let terms = Terms::new(spec.venue, assets, steps);
            Some(match &spec.contract {
                Contract::Linear(contract) => terms.of_contracts(steps, contract.multiplier),
                Contract::Spot | Contract::Inverse(_) => terms,
            })
        })
        .collect();
    (terms, assets.len())
}
