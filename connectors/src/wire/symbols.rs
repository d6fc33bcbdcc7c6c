//! The configured instruments by the venue's symbol, with their steps ready for the scanner.
//!
//! Hot path: yes ([`Symbols::find`]: a binary search over at most a few names, no hash).
//! Allocates: at construction only.

use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::num::{NumberError, Scale};
use rust_decimal::Decimal;

/// Why instruments cannot be put on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Two instruments with one symbol.
    #[error("symbol {0} is configured twice")]
    Twice(String),
    /// A symbol that cannot stand in a request as it is.
    #[error("symbol {0:?} is empty, or holds a quote, a backslash or a control character")]
    Unusable(String),
}

/// A price or quantity step, prepared for reading.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    scale: Scale,
    /// Hundred-millionths in one step; 0 if the step is finer than that.
    hundred_millionths: u64,
}

impl Step {
    /// Prepares a step.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        let hundred_millionths = 8_u32
            .checked_sub(u32::from(scale.decimals()))
            .and_then(|missing| 10_u64.checked_pow(missing))
            .and_then(|power| power.checked_mul(scale.mantissa().unsigned_abs()))
            .unwrap_or(0);
        Self {
            scale,
            hundred_millionths,
        }
    }

    /// The step itself.
    #[must_use]
    pub const fn scale(&self) -> Scale {
        self.scale
    }

    /// A count of 1e-8 as steps, and whether nothing was cut off.
    #[inline]
    pub(crate) fn of_hundred_millionths(&self, value: u64) -> Option<(i64, bool)> {
        let steps = value.checked_div(self.hundred_millionths)?;
        let whole = steps * self.hundred_millionths == value;
        Some((i64::try_from(steps).ok()?, whole))
    }

    /// Decimal text as steps. A price or quantity of the venue is never below zero.
    ///
    /// # Errors
    ///
    /// [`NumberError`], as [`Scale::parse`]; out of range also below zero.
    #[inline]
    pub fn parse(&self, text: &[u8]) -> Result<i64, NumberError> {
        match self.scale.parse(text) {
            Ok(steps) if steps < 0 => Err(NumberError::OutOfRange),
            other => other,
        }
    }

    /// Decimal text as whole steps; what is below one step is cut off.
    ///
    /// A market has quantities and prices that its present rules would not accept: orders that
    /// rest from before a change of the rules. They are no reason to lose a message, and no
    /// order of ours is made of them.
    ///
    /// # Errors
    ///
    /// [`NumberError`], but never for being off the step.
    pub fn parse_down(&self, text: &[u8]) -> Result<i64, NumberError> {
        match self.parse(text) {
            Err(NumberError::OffStep) => {}
            other => return other,
        }
        let value = std::str::from_utf8(text)
            .ok()
            .and_then(|text| Decimal::from_str_exact(text).ok())
            .ok_or(NumberError::OutOfRange)?;
        let step = self.scale.decimal(1).ok_or(NumberError::OutOfRange)?;
        let rest = value.checked_rem(step).ok_or(NumberError::OutOfRange)?;
        match self.scale.steps(value - rest) {
            Ok(steps) if !value.is_sign_negative() => Ok(steps),
            Ok(_) => Err(NumberError::OutOfRange),
            Err(error) => Err(error),
        }
    }

    /// Decimal text as whole steps, rounded up.
    ///
    /// # Errors
    ///
    /// As [`Self::parse_down`].
    pub fn parse_up(&self, text: &[u8]) -> Result<i64, NumberError> {
        match self.parse(text) {
            Err(NumberError::OffStep) => self
                .parse_down(text)?
                .checked_add(1)
                .ok_or(NumberError::OutOfRange),
            other => other,
        }
    }
}

/// One configured instrument.
#[derive(Debug, Clone)]
pub struct Entry {
    symbol: Box<str>,
    /// Position in the configuration's list.
    pub slot: usize,
    /// Our id.
    pub instrument: InstrumentId,
    /// Price step.
    pub price: Step,
    /// Quantity step.
    pub qty: Step,
}

impl Entry {
    /// The venue's symbol.
    #[must_use]
    pub const fn symbol(&self) -> &str {
        &self.symbol
    }
}

/// The configured instruments, sorted by symbol.
#[derive(Debug, Clone)]
pub struct Symbols {
    sorted: Vec<Entry>,
}

impl Symbols {
    /// Prepares the instruments.
    ///
    /// # Errors
    ///
    /// [`SymbolError`], naming the symbol.
    pub fn new(specs: &[InstrumentSpec]) -> Result<Self, SymbolError> {
        let mut sorted = Vec::with_capacity(specs.len());
        for (slot, spec) in specs.iter().enumerate() {
            let bad = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f;
            if spec.symbol.is_empty() || spec.symbol.bytes().any(bad) {
                return Err(SymbolError::Unusable(spec.symbol.clone()));
            }
            sorted.push(Entry {
                symbol: spec.symbol.as_str().into(),
                slot,
                instrument: spec.id,
                price: Step::new(spec.tick),
                qty: Step::new(spec.lot),
            });
        }
        sorted.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        for pair in sorted.windows(2) {
            if pair[0].symbol == pair[1].symbol {
                return Err(SymbolError::Twice(pair[0].symbol.to_string()));
            }
        }
        Ok(Self { sorted })
    }

    /// The instrument of a symbol.
    #[inline]
    #[must_use]
    pub fn find(&self, symbol: &[u8]) -> Option<&Entry> {
        let at = self
            .sorted
            .binary_search_by(|entry| entry.symbol.as_bytes().cmp(symbol))
            .ok()?;
        self.sorted.get(at)
    }

    /// The instrument of our id. Linear: not for the hot path.
    #[must_use]
    pub fn of(&self, instrument: InstrumentId) -> Option<&Entry> {
        self.sorted
            .iter()
            .find(|entry| entry.instrument == instrument)
    }

    /// All, in order of their symbols.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.sorted.iter()
    }
}
