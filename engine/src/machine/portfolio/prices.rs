//! What things are worth: marks and book middles by instrument, rates by asset.
//!
//! The rate of an asset in the reporting currency is, in this order:
//! 1. 1 for the reporting currency itself, and for nothing else;
//! 2. the last `Rate` event, once there was one;
//! 3. the price of an instrument asset/reporting: a spot one before a linear perpetual, of several
//!    the one with the lowest id;
//! 4. the price of an instrument asset/other, chosen alike, whose other asset has a rate by 2 or 3,
//!    times that rate: one step, no more.
//!
//! An instrument's price is the middle of its book; that of a perpetual the venue's last `Mark`,
//! once there was one. The last known price stays when a book is void: how old it is, the caller
//! can ask. What was never priced is `None`.
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

/// Where an asset's rate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// It is the reporting currency.
    One,
    /// An event said it, at this time.
    Given(Decimal, u64),
    /// The price of this instrument.
    Book(InstrumentId),
    /// The price of this instrument times the rate of its quote asset.
    Step(InstrumentId, AssetName),
}

/// An instrument that prices its base asset in its quote asset.
#[derive(Debug, Clone, Copy)]
struct Source {
    base: AssetName,
    quote: AssetName,
    instrument: InstrumentId,
}

/// All prices.
#[derive(Debug, Clone, Default)]
pub(super) struct Prices {
    reporting: Option<AssetName>,
    specs: Vec<Option<InstrumentSpec>>,
    /// By the base asset's bytes; of one asset spot before perpetuals, then by id.
    sources: Vec<Source>,
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
        for spec in self.specs.iter().flatten() {
            let counts = match &spec.contract {
                Contract::Spot => true,
                Contract::Linear(terms) => terms.settle == spec.quote,
                Contract::Inverse(_) => false,
            };
            let names = AssetName::whole(&spec.base).zip(AssetName::whole(&spec.quote));
            let source = names.filter(|_| counts).map(|(base, quote)| Source {
                base,
                quote,
                instrument: spec.id,
            });
            self.sources.extend(source);
        }
        let specs = &self.specs;
        let is_spot = |source: &Source| {
            let spec = specs
                .get(source.instrument.index())
                .and_then(Option::as_ref);
            spec.is_some_and(|spec| spec.contract == Contract::Spot)
        };
        self.sources.sort_unstable_by(|one, two| {
            let key = |source: &Source| (!is_spot(source), source.instrument);
            let bases = one.base.as_bytes().cmp(two.base.as_bytes());
            bases.then(key(one).cmp(&key(two)))
        });
    }

    fn sources_of(&self, asset: &AssetName) -> impl Iterator<Item = &Source> {
        let from = self
            .sources
            .partition_point(|source| source.base.as_bytes() < asset.as_bytes());
        let rest = self.sources[from..].iter();
        rest.take_while(move |source| source.base == *asset)
    }

    fn given(&self, asset: &AssetName) -> Option<&Given> {
        self.given.iter().find(|held| held.asset == *asset)
    }

    /// The way to an asset's rate, without a step.
    fn straight(&self, asset: &AssetName) -> Option<Path> {
        let reporting = self.reporting?;
        if *asset == reporting {
            return Some(Path::One);
        }
        if let Some(given) = self.given(asset) {
            return Some(Path::Given(given.rate, given.time_ns));
        }
        let direct = self
            .sources_of(asset)
            .find(|source| source.quote == reporting);
        direct.map(|source| Path::Book(source.instrument))
    }

    /// Where an asset's rate comes from; `None` if from nowhere.
    pub(super) fn path(&self, asset: &AssetName) -> Option<Path> {
        self.straight(asset).or_else(|| {
            let mut sources = self.sources_of(asset);
            let step = sources.find(|source| self.straight(&source.quote).is_some());
            step.map(|source| Path::Step(source.instrument, source.quote))
        })
    }

    /// Every instrument.
    pub(super) fn specs(&self) -> impl Iterator<Item = &InstrumentSpec> {
        self.specs.iter().flatten()
    }

    /// One more than the highest id.
    pub(super) const fn instruments(&self) -> usize {
        self.specs.len()
    }

    pub(super) fn spec(&self, instrument: InstrumentId) -> Option<&InstrumentSpec> {
        self.specs.get(instrument.index())?.as_ref()
    }

    /// Takes the middle of a book. Whether it is another than before.
    #[inline]
    pub(super) fn middle(&mut self, instrument: InstrumentId, mid_x2: i64, time_ns: u64) -> bool {
        let Some(seen) = self.seen.get_mut(instrument.index()) else {
            return false;
        };
        let other = seen.mid_x2 != mid_x2;
        (seen.mid_x2, seen.mid_ns) = (mid_x2, time_ns);
        other
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

    /// The venue's mark, and machine time of its event.
    #[inline]
    pub(super) fn mark_of(&self, instrument: InstrumentId) -> Option<(Ticks, u64)> {
        let seen = self.seen.get(instrument.index())?;
        (seen.mark > 0).then_some((Ticks(seen.mark), seen.mark_ns))
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

    /// Twice the price of an instrument, ticks.
    #[inline]
    pub(super) fn twice(&self, instrument: InstrumentId) -> Option<i64> {
        let seen = self.seen.get(instrument.index())?;
        let is_spot = || {
            self.spec(instrument)
                .is_none_or(|spec| spec.contract == Contract::Spot)
        };
        if seen.mark > 0 && !is_spot() {
            return seen.mark.checked_mul(2);
        }
        (seen.mid_x2 > 0).then_some(seen.mid_x2)
    }

    /// When the price of an instrument was known.
    pub(super) fn known_ns(&self, instrument: InstrumentId) -> Option<u64> {
        let seen = self.seen.get(instrument.index())?;
        let spec = self.spec(instrument)?;
        if seen.mark > 0 && spec.contract != Contract::Spot {
            return Some(seen.mark_ns);
        }
        (seen.mid_x2 > 0).then_some(seen.mid_ns)
    }

    /// Price of an instrument in quote per base, and when it was known.
    pub(super) fn price(&self, instrument: InstrumentId) -> Option<(Decimal, u64)> {
        let twice = self
            .spec(instrument)?
            .price(Ticks(self.twice(instrument)?))?;
        Some((twice.checked_div(Decimal::TWO)?, self.known_ns(instrument)?))
    }

    /// Reporting currency for one of the asset, and when it was known: of two prices the older.
    pub(super) fn rate(&self, asset: &AssetName) -> Option<(Decimal, u64)> {
        match self.path(asset)? {
            Path::One => Some((Decimal::ONE, u64::MAX)),
            Path::Given(rate, time_ns) => Some((rate, time_ns)),
            Path::Book(instrument) => self.price(instrument),
            Path::Step(instrument, quote) => {
                let (price, priced_ns) = self.price(instrument)?;
                let (rate, rated_ns) = match self.straight(&quote)? {
                    Path::Given(rate, time_ns) => (rate, time_ns),
                    Path::Book(instrument) => self.price(instrument)?,
                    Path::One | Path::Step(..) => return None,
                };
                Some((price.checked_mul(rate)?, priced_ns.min(rated_ns)))
            }
        }
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
