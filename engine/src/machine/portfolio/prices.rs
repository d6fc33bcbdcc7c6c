//! What things are worth: marks and book middles by instrument, rates by asset.
//!
//! The rate of an asset in the reporting currency is, in this order: 1 for the reporting currency
//! itself; the last `Rate` event, once there was one; else the middle of the book of the spot
//! instrument asset/reporting, of several the one with the lowest id. A perpetual is marked by the
//! venue's last `Mark`, once there was one; else by the middle of its book. The last known price
//! stays when a book is void: how old it is, the caller can ask. What was never priced is `None`.
//!
//! Hot path: yes (market events: one store). Allocates: at configuration, and for new rates.

use model::body::AssetName;
use model::ids::InstrumentId;
use model::instrument::{Contract, InstrumentSpec};
use model::num::Ticks;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes as _;

use crate::machine::digest::{Digest, Sink};

/// The last prices of one instrument, each with its machine time. 0: none yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    mid_x2: i64,
    mid_ns: u64,
    mark: i64,
    mark_ns: u64,
}

/// A rate that an event gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    #[serde(with = "crate::machine::saved::asset")]
    asset: AssetName,
    #[serde(with = "crate::machine::saved::decimal")]
    rate: Decimal,
    time_ns: u64,
}

/// All prices.
#[derive(Debug, Clone, Default)]
pub(super) struct Prices {
    reporting: Option<AssetName>,
    specs: Vec<Option<InstrumentSpec>>,
    /// Assets that a spot instrument prices, ascending by their bytes.
    sources: Vec<(AssetName, InstrumentId)>,
    seen: Vec<Seen>,
    given: Vec<Given>,
}

/// The same as a snapshot holds it; what the configuration says comes from there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedPrices {
    seen: Vec<Seen>,
    given: Vec<Given>,
}

impl Prices {
    pub(super) fn save(&self) -> SavedPrices {
        let Self {
            reporting: _,
            specs: _,
            sources: _,
            seen,
            given,
        } = self;
        SavedPrices {
            seen: seen.clone(),
            given: given.clone(),
        }
    }

    pub(super) fn restore(saved: &SavedPrices) -> Self {
        Self {
            reporting: None,
            specs: Vec::new(),
            sources: Vec::new(),
            seen: saved.seen.clone(),
            given: saved.given.clone(),
        }
    }

    pub(super) fn report_in(&mut self, reporting: &str) {
        self.reporting = AssetName::whole(reporting).filter(|_| !reporting.is_empty());
        self.find_sources();
    }

    /// Takes an instrument. Whether its tick is another than before: then its prices are unknown.
    pub(super) fn list(&mut self, spec: &InstrumentSpec) -> bool {
        let index = spec.id.index();
        if self.specs.len() <= index {
            self.specs.resize(index + 1, None);
        }
        if self.seen.len() <= index {
            self.seen.resize(index + 1, Seen::default());
        }
        let old = self.specs[index].as_ref();
        let other_tick = old.is_some_and(|old| old.tick != spec.tick);
        if other_tick {
            self.seen[index] = Seen::default();
        }
        if old != Some(spec) {
            self.specs[index] = Some(spec.clone());
            self.find_sources();
        }
        other_tick
    }

    fn find_sources(&mut self) {
        self.sources.clear();
        let Some(reporting) = self.reporting else {
            return;
        };
        for spec in self.specs.iter().flatten() {
            let counts = spec.contract == Contract::Spot && spec.quote == reporting.as_str();
            let base = AssetName::whole(&spec.base).filter(|_| counts);
            self.sources.extend(base.map(|base| (base, spec.id)));
        }
        self.sources.sort_unstable_by(|(one, id), (two, other)| {
            (one.as_bytes(), id).cmp(&(two.as_bytes(), other))
        });
        self.sources.dedup_by_key(|(asset, _)| *asset);
    }

    pub(super) fn spec(&self, instrument: InstrumentId) -> Option<&InstrumentSpec> {
        self.specs.get(instrument.index())?.as_ref()
    }

    pub(super) fn middle(&mut self, instrument: InstrumentId, mid_x2: i64, time_ns: u64) {
        if let Some(seen) = self.seen.get_mut(instrument.index()) {
            seen.mid_x2 = mid_x2;
            seen.mid_ns = time_ns;
        }
    }

    /// Takes a mark; `false` for one that is no price.
    pub(super) fn mark(&mut self, instrument: InstrumentId, mark: Ticks, time_ns: u64) -> bool {
        let place = self.seen.get_mut(instrument.index());
        let Some(seen) = place.filter(|_| mark > Ticks::ZERO) else {
            return false;
        };
        seen.mark = mark.0;
        seen.mark_ns = time_ns;
        true
    }

    /// Takes a rate; `false` for one that is not above zero.
    pub(super) fn give(&mut self, asset: AssetName, rate: Decimal, time_ns: u64) -> bool {
        if rate <= Decimal::ZERO {
            return false;
        }
        let given = Given {
            asset,
            rate,
            time_ns,
        };
        match self.given.iter_mut().find(|held| held.asset == asset) {
            Some(held) => *held = given,
            None => self.given.push(given),
        }
        true
    }

    /// Price of an instrument in quote per base, and when it was known.
    pub(super) fn price(&self, instrument: InstrumentId) -> Option<(Decimal, u64)> {
        let seen = self.seen.get(instrument.index())?;
        let spec = self.spec(instrument)?;
        if seen.mark > 0 && spec.contract != Contract::Spot {
            return Some((spec.price(Ticks(seen.mark))?, seen.mark_ns));
        }
        if seen.mid_x2 <= 0 {
            return None;
        }
        let twice = spec.price(Ticks(seen.mid_x2))?;
        Some((twice.checked_div(Decimal::TWO)?, seen.mid_ns))
    }

    /// Reporting currency for one of the asset, and when it was known.
    pub(super) fn rate(&self, asset: &AssetName) -> Option<(Decimal, u64)> {
        let reporting = self.reporting?;
        if *asset == reporting {
            return Some((Decimal::ONE, u64::MAX));
        }
        if let Some(given) = self.given.iter().find(|held| held.asset == *asset) {
            return Some((given.rate, given.time_ns));
        }
        let at = self
            .sources
            .binary_search_by(|(base, _)| base.as_bytes().cmp(asset.as_bytes()))
            .ok()?;
        self.price(self.sources[at].1)
    }
}

impl Digest for Prices {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.seen.len() as u64);
        for seen in &self.seen {
            sink.number(seen.mid_x2);
            sink.number(seen.mid_ns);
            sink.number(seen.mark);
            sink.number(seen.mark_ns);
        }
        sink.number(self.given.len() as u64);
        for given in &self.given {
            sink.bytes(given.asset.as_str().as_bytes());
            sink.decimal(given.rate);
            sink.number(given.time_ns);
        }
    }
}
