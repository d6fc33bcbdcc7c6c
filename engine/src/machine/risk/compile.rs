//! What follows from configuration and instruments and is kept ready for the hot path: the limits
//! by scope, and what the sums over the orders are counted by.
//!
//! Hot path: no. Allocates: yes, at the first event behind a configuration or instrument.

use model::body::AssetName;
use model::control::{Control, Scope};
use model::ids::InstrumentId;
use model::limits::STRATEGIES_MAX;

use super::bounds::{Bound, Bounds};
use super::checks::{clamp, e8};
use super::limits::OrderLimits;
use super::{Entry, Risk};
use crate::machine::config::MachineConfig;
use crate::machine::orders::sums::Terms;

impl Risk {
    /// Configuration or instruments changed: what follows from them is made at the next event.
    pub(super) const fn recompile(&mut self) {
        self.stale = true;
    }

    /// Makes what follows from configuration and instruments, if one of them changed.
    pub(super) fn compile(&mut self) {
        self.stale = false;
        let Some(config) = &self.config else {
            return;
        };
        self.bounds = Bounds::compile(base(config, &self.entries));
        let (terms, assets) = terms(&self.entries);
        let accounts = config.accounts.len();
        // Each strategy of this configuration, on a few instruments, and those of older ones.
        let scopes = self.bounds.over_time();
        self.activity.open(4 * STRATEGIES_MAX, scopes);
        self.orders.count_over(terms, accounts, assets);
    }
}

/// The limits of `[risk]`: those of single instruments, and those over everything.
fn base<'a>(
    config: &'a MachineConfig,
    entries: &'a [Option<Box<Entry>>],
) -> impl Iterator<Item = (Control, Scope, Bound)> + 'a {
    let limits = &config.limits;
    let overall = Bound::hard(i64::from(limits.open_orders_max));
    let instruments = entries.iter().flatten().flat_map(|entry| {
        let id = entry.listing.spec().id;
        instrument(id, limits.of(id))
    });
    std::iter::once((Control::OpenOrders, Scope::Overall, overall)).chain(instruments)
}

fn instrument(
    id: InstrumentId,
    limits: &OrderLimits,
) -> impl Iterator<Item = (Control, Scope, Bound)> + use<> {
    let scope = Scope::Instrument(id);
    [
        (Control::MaxQuantity, limits.qty_max.0),
        (Control::MaxValue, e8(limits.value_max)),
        (Control::PriceCollar, i64::from(limits.collar_bps)),
        (Control::Position, limits.position_max.0),
        (
            Control::OpenOrders,
            clamp(u64::from(limits.open_orders_max)),
        ),
    ]
    .into_iter()
    .map(move |(control, hard)| (control, scope, Bound::hard(hard)))
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
            Some(Terms {
                venue: spec.venue,
                base: number(entry.base),
                quote: number(entry.quote),
                lot: spec.lot,
            })
        })
        .collect();
    (terms, assets.len())
}
