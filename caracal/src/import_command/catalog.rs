//! The instruments of a data set: found in a first pass over the files, with their finest steps.
//!
//! Exact: numbers stay decimal text until the steps are known, and what is off a step is an error.

use std::collections::BTreeMap;

use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, NumberError, Scale, parse_scaled};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::args::{ImportArgs, MarketKind};
use super::float;
use super::names::{OKX_SWAP, assets};
use crate::output::Failure;

pub(super) use super::names::{binance, okx};

/// Digits behind the point that a step may have.
const DECIMALS_MAX: u8 = model::limits::DECIMALS_MAX;

/// A step of prices or quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The finest decimal step that has occurred: digits behind the point.
    Seen { decimals: u8 },
    /// As the user says.
    Given(Scale),
}

/// What of an instrument the first pass saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Single trades; aggregates of them are left out then.
    pub(super) trades: bool,
    /// Aggregates of trades.
    pub(super) aggregates: bool,
    /// The venue numbers its trades without holes.
    pub(super) dense_ids: bool,
    /// Each book message names the one before it, and ids may fall.
    pub(super) linked: bool,
}

/// One instrument.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) venue: String,
    pub(super) symbol: String,
    pub(super) market: MarketKind,
    pub(super) seen: Seen,
    /// As the source defines it, if it does.
    defined: Option<InstrumentSpec>,
    price: Step,
    qty: Step,
}

/// What of a file the first pass saw.
#[derive(Debug, Clone, Copy)]
struct File {
    slots: Slots,
    /// Finest steps in snapshots that came before any instrument: digits behind the point.
    early: (u8, u8),
}

/// Which instruments a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slots {
    None,
    One(usize),
    Several,
}

/// All instruments.
#[derive(Debug)]
pub(super) struct Catalog {
    items: Vec<Item>,
    files: Vec<File>,
    /// What a contract is worth, by symbol, where the source says it.
    values: BTreeMap<String, Decimal>,
    /// Steps and instruments are still being found.
    learning: bool,
    only: Option<String>,
    tick: Option<Scale>,
    lot: Option<Scale>,
}

const NO_FILE: File = File {
    slots: Slots::None,
    early: (0, 0),
};

impl Catalog {
    /// An empty catalog that learns.
    pub(super) fn new(args: &ImportArgs) -> Self {
        Self {
            items: Vec::new(),
            files: vec![NO_FILE; args.files.len()],
            values: BTreeMap::new(),
            learning: true,
            only: args.symbol.clone(),
            tick: args.tick,
            lot: args.lot,
        }
    }

    /// Place of an instrument that the source defines whole.
    ///
    /// # Errors
    ///
    /// As [`Self::slot`], or another definition of it was there before.
    pub(super) fn define(&mut self, spec: &InstrumentSpec) -> Result<usize, String> {
        let (market, suffix) = match spec.contract {
            Contract::Spot => (MarketKind::Spot, ""),
            Contract::Linear(_) | Contract::Inverse(_) => (MarketKind::Usdm, "-perp"),
        };
        let venue = spec.name.rsplit('.').next().unwrap_or("").to_lowercase();
        let slot = self.slot(&format!("{venue}{suffix}"), &spec.symbol, market)?;
        let item = &mut self.items[slot];
        match &item.defined {
            None => {
                item.price = Step::Given(spec.tick);
                item.qty = Step::Given(spec.lot);
                item.defined = Some(spec.clone());
            }
            Some(known) if (known.tick, known.lot) == (spec.tick, spec.lot) => {}
            Some(_) => {
                let symbol = &spec.symbol;
                return Err(format!(
                    "gives {symbol} other steps than before: import them apart"
                ));
            }
        }
        Ok(slot)
    }

    /// Ends the first pass: steps and instruments are what they are.
    pub(super) fn settle(&mut self) {
        self.learning = false;
        for file in &self.files {
            if let Slots::One(slot) = file.slots {
                self.items[slot].price.refine(file.early.0);
                self.items[slot].qty.refine(file.early.1);
            }
        }
    }

    /// A file has this instrument.
    pub(super) fn meet(&mut self, file: usize, slot: usize) {
        let slots = &mut self.files[file].slots;
        *slots = match *slots {
            Slots::None => Slots::One(slot),
            Slots::One(one) if one == slot => Slots::One(slot),
            Slots::One(_) | Slots::Several => Slots::Several,
        };
    }

    /// The only instrument of a file, as far as is known.
    pub(super) fn only_of(&self, file: usize) -> Option<usize> {
        match self.files[file].slots {
            Slots::One(slot) => Some(slot),
            Slots::None | Slots::Several => None,
        }
    }

    /// Learns from a level of a file of which no instrument is known yet.
    pub(super) fn early(&mut self, file: usize, price: &str, qty: &str) {
        let (prices, qtys) = &mut self.files[file].early;
        *prices = significant_decimals(price).max(*prices);
        *qtys = significant_decimals(qty).max(*qtys);
    }

    /// Whether steps are still being found: until then numbers cannot be compared.
    pub(super) const fn is_learning(&self) -> bool {
        self.learning
    }

    /// All of them, in the order of their ids.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// What was seen of an instrument, to be added to.
    pub(super) fn seen(&mut self, slot: usize) -> &mut Seen {
        &mut self.items[slot].seen
    }

    /// The source says what a contract of this symbol is worth, in the base asset.
    pub(super) fn value(&mut self, symbol: &str, value: Decimal) {
        self.values.insert(symbol.to_owned(), value);
    }

    /// Place of an instrument, if it is known.
    pub(super) fn find(&self, venue: &str, symbol: &str) -> Option<usize> {
        let is_it = |item: &Item| item.symbol == symbol && item.venue == venue;
        self.items.iter().position(is_it)
    }

    /// Place of an instrument; learns of it if that is still going on.
    ///
    /// # Errors
    ///
    /// A text for the report: another instrument than the one that is asked for.
    pub(super) fn slot(
        &mut self,
        venue: &str,
        symbol: &str,
        market: MarketKind,
    ) -> Result<usize, String> {
        if let Some(slot) = self.find(venue, symbol) {
            return Ok(slot);
        }
        if let Some(only) = self.only.as_deref().filter(|only| *only != symbol) {
            return Err(format!("is of instrument {symbol}, and --symbol is {only}"));
        }
        if !self.learning {
            return Err(format!(
                "is of instrument {symbol}, which was not there before"
            ));
        }
        let step = |given: Option<Scale>| given.map_or(Step::Seen { decimals: 0 }, Step::Given);
        self.items.push(Item {
            venue: venue.to_owned(),
            symbol: symbol.to_owned(),
            market,
            seen: Seen {
                dense_ids: venue.starts_with("binance"),
                ..Seen::default()
            },
            defined: None,
            price: step(self.tick),
            qty: step(self.lot),
        });
        Ok(self.items.len() - 1)
    }

    /// Reads a price as whole ticks.
    ///
    /// # Errors
    ///
    /// [`NumberError`]; [`NumberError::OffStep`] if it is not a whole number of ticks.
    pub(super) fn price(&mut self, slot: usize, text: &str) -> Result<i64, NumberError> {
        let learning = self.learning;
        self.items[slot].price.read(text, learning)
    }

    /// Reads a quantity as whole lots.
    ///
    /// # Errors
    ///
    /// As [`Self::price`].
    pub(super) fn qty(&mut self, slot: usize, text: &str) -> Result<i64, NumberError> {
        let learning = self.learning;
        self.items[slot].qty.read(text, learning)
    }

    /// Reads a quantity as whole lots; what is below one lot is cut off.
    ///
    /// # Errors
    ///
    /// As [`Self::price`], but for [`NumberError::OffStep`].
    pub(super) fn qty_down(&self, slot: usize, text: &str) -> Result<i64, NumberError> {
        let scale = self.items[slot]
            .qty
            .scale()
            .ok_or(NumberError::OutOfRange)?;
        connectors::wire::symbols::Step::new(scale).parse_down(text.as_bytes())
    }

    /// Reads a price that is a binary float, as whole ticks.
    ///
    /// # Errors
    ///
    /// As [`Self::price`]: it is a whole number of ticks if it is within a millionth of one.
    pub(super) fn float_price(&mut self, slot: usize, value: f64) -> Result<i64, NumberError> {
        let learning = self.learning;
        self.items[slot].price.read_float(value, learning)
    }

    /// Reads a quantity that is a binary float, as whole lots.
    ///
    /// # Errors
    ///
    /// As [`Self::float_price`].
    pub(super) fn float_qty(&mut self, slot: usize, value: f64) -> Result<i64, NumberError> {
        let learning = self.learning;
        self.items[slot].qty.read_float(value, learning)
    }

    /// The same, cut to whole lots; `None` out of range.
    pub(super) fn float_qty_down(&self, slot: usize, value: f64) -> Option<i64> {
        float::floor(self.items[slot].qty.scale()?, value)
    }

    /// Reads a mark or index price: it is computed and finer than a tick, so it is rounded to the
    /// nearest one.
    ///
    /// # Errors
    ///
    /// As [`Self::price`], but for [`NumberError::OffStep`].
    pub(super) fn mark(&mut self, slot: usize, text: &str) -> Result<i64, NumberError> {
        let value: Decimal = text.parse().map_err(|_| NumberError::Syntax)?;
        if self.learning {
            return Ok(1);
        }
        let step = self.items[slot]
            .price
            .scale()
            .and_then(|scale| scale.decimal(1));
        let ticks = step.and_then(|step| value.checked_div(step));
        ticks
            .and_then(|ticks| ticks.round().to_i64())
            .ok_or(NumberError::OutOfRange)
    }

    /// The instruments as they stand in the data set.
    ///
    /// # Errors
    ///
    /// [`Failure`]: options that fit one instrument only, or base and quote that cannot be told.
    pub(super) fn specs(&self, args: &ImportArgs) -> Result<Vec<InstrumentSpec>, Failure> {
        let for_one = [
            ("--tick", args.tick.is_some()),
            ("--lot", args.lot.is_some()),
            ("--base", args.base.is_some()),
            ("--quote", args.quote.is_some()),
            ("--multiplier", args.multiplier.is_some()),
        ];
        let given = for_one.iter().find(|(_, given)| *given);
        if let Some((option, _)) = given.filter(|_| self.items.len() > 1) {
            return Err(Failure::Message(format!(
                "{option} holds for one instrument, and the files have {}: give --symbol",
                self.items.len()
            )));
        }
        let mut venues: Vec<&str> = Vec::new();
        let mut specs = Vec::with_capacity(self.items.len());
        for item in &self.items {
            if !venues.contains(&item.venue.as_str()) {
                venues.push(&item.venue);
            }
            let place = venues.iter().position(|venue| *venue == item.venue);
            let venue = u8::try_from(place.unwrap_or(0));
            let venue = venue.map_err(|_| too_many("venues", usize::from(u8::MAX) + 1))?;
            let id = u32::try_from(specs.len()).unwrap_or(u32::MAX);
            if specs.len() >= model::limits::INSTRUMENTS_MAX {
                return Err(too_many("instruments", model::limits::INSTRUMENTS_MAX));
            }
            let value = args.multiplier.or(self.values.get(&item.symbol).copied());
            specs.push(item.spec(InstrumentId(id), VenueId(venue), value, args)?);
        }
        Ok(specs)
    }
}

fn too_many(what: &str, max: usize) -> Failure {
    Failure::Message(format!(
        "the files have more than {max} {what}: import them apart"
    ))
}

impl Step {
    /// Some sources write small numbers with an exponent.
    fn read(&mut self, text: &str, learning: bool) -> Result<i64, NumberError> {
        if text.contains(['e', 'E']) {
            let plain = Decimal::from_scientific(text).map_err(|_| NumberError::Syntax)?;
            return self.read_plain(&plain.to_string(), learning);
        }
        self.read_plain(text, learning)
    }

    fn read_plain(&mut self, text: &str, learning: bool) -> Result<i64, NumberError> {
        match self {
            Self::Given(scale) => scale.parse(text.as_bytes()),
            Self::Seen { decimals } if learning => {
                let found = significant_decimals(text);
                if found > DECIMALS_MAX {
                    return Err(NumberError::OutOfRange);
                }
                let value = parse_scaled(text.as_bytes(), found)?;
                *decimals = found.max(*decimals);
                Ok(value)
            }
            Self::Seen { decimals } => parse_scaled(text.as_bytes(), *decimals),
        }
    }

    fn read_float(&mut self, value: f64, learning: bool) -> Result<i64, NumberError> {
        if let Self::Seen { decimals } = self
            && learning
        {
            *decimals = float::decimals(value)?.max(*decimals);
        }
        float::steps(self.scale().ok_or(NumberError::OutOfRange)?, value)
    }

    fn refine(&mut self, found: u8) {
        if let Self::Seen { decimals } = self {
            *decimals = found.min(DECIMALS_MAX).max(*decimals);
        }
    }

    fn scale(self) -> Option<Scale> {
        match self {
            Self::Seen { decimals } => Scale::new(1, decimals),
            Self::Given(scale) => Some(scale),
        }
    }

    const fn is_given(self) -> bool {
        matches!(self, Self::Given(_))
    }
}

/// Digits behind the point without the zeros at the end.
fn significant_decimals(text: &str) -> u8 {
    let digits = text.split_once('.').map_or("", |(_, digits)| digits);
    let digits = digits.trim_end_matches('0').len();
    u8::try_from(digits).unwrap_or(u8::MAX)
}

impl Item {
    /// Whether tick and lot were given, and not found.
    pub(super) const fn given(&self) -> (bool, bool) {
        (self.price.is_given(), self.qty.is_given())
    }

    /// What one contract is worth: as told, else 1 where a contract is one of the base asset.
    fn multiplier(&self, told: Option<Decimal>) -> Result<Decimal, Failure> {
        if told.is_none() && self.venue == OKX_SWAP {
            let symbol = &self.symbol;
            return Err(Failure::Message(format!(
                "what a contract of {symbol} is worth is in no file: give --multiplier \
                 (ctVal x ctMult of the venue's list of instruments), or put that list's answer \
                 into the capture"
            )));
        }
        Ok(told.unwrap_or(Decimal::ONE))
    }

    fn spec(
        &self,
        id: InstrumentId,
        venue: VenueId,
        value: Option<Decimal>,
        args: &ImportArgs,
    ) -> Result<InstrumentSpec, Failure> {
        if let Some(defined) = &self.defined {
            let mut spec = defined.clone();
            (spec.id, spec.venue) = (id, venue);
            return Ok(spec);
        }
        let (base, quote) = assets(&self.symbol, args)?;
        let no_step = || Failure::Message(format!("{}: no step can be told", self.symbol));
        let tick = self.price.scale().ok_or_else(no_step)?;
        let lot = self.qty.scale().ok_or_else(no_step)?;
        let (contract, suffix) = match self.market {
            MarketKind::Spot => (Contract::Spot, ""),
            MarketKind::Usdm => {
                let tier = MaintenanceTier {
                    value_from: Decimal::ZERO,
                    rate_bps: args.maintenance_bps,
                    deduction: Decimal::ZERO,
                };
                let terms = Perpetual {
                    multiplier: self.multiplier(value)?,
                    settle: quote.clone(),
                    maintenance: vec![tier],
                };
                (Contract::Linear(terms), "-PERP")
            }
        };
        let place = self.venue.split('-').next().unwrap_or("").to_uppercase();
        Ok(InstrumentSpec {
            id,
            venue,
            symbol: self.symbol.clone(),
            name: format!("{base}-{quote}{suffix}.{place}"),
            base,
            quote,
            tick,
            lot,
            price_min: None,
            price_max: None,
            qty_min: Lots(1),
            qty_max: Lots(i64::MAX),
            notional_min: None,
            notional_max: None,
            trading: true,
            contract,
        })
    }
}
