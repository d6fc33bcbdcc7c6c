//! Raw frames of OKX's public streams: `<local receive time, ns> <JSON>` a line.
//!
//! The book's messages go on as they came: whether they link is judged behind the merge of the
//! files. Marks are told in parts, and joined here as the live feed joins them.

use std::collections::BTreeMap;
use std::path::Path;

use connectors::okx::capture::{self, LevelText, Row as Told, What as Said};
use model::body::{Level, Mark, Quote, Side, Trade};
use model::num::Ticks;
use rust_decimal::Decimal;

use super::super::args::{ImportArgs, MarketKind};
use super::super::catalog;
use super::super::findings::Finding;
use super::super::input::{Broken, Progress};
use super::super::row::{Head, Rows, Sum, What};
use super::super::stream::{Context, Format};
use super::frames::{Frames, Next};
use super::numbers;

/// A perpetual's symbol ends so.
const SWAP: &str = "-SWAP";
const NO_MARK: Mark = Mark {
    mark: Ticks(0),
    index: Ticks(0),
    funding_rate_e9: 0,
    next_funding_ns: 0,
    venue_time_ns: 0,
    reserved: [0; 40],
};

/// A capture that is being read.
pub(super) struct Capture {
    frames: Frames,
    levels: Vec<Level>,
    /// What was said of an instrument's mark so far.
    marks: BTreeMap<usize, Mark>,
}

impl Capture {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`]; `--market`, which every symbol of the venue's says.
    pub(super) fn open(
        args: &ImportArgs,
        file: usize,
        path: &Path,
        progress: &Progress,
    ) -> Result<Self, Broken> {
        if args.market.is_some() {
            let reason = "says its markets itself: leave --market out";
            return Err(Broken::file(reason));
        }
        Ok(Self {
            frames: Frames::open(file, path, progress)?,
            levels: Vec::new(),
            marks: BTreeMap::new(),
        })
    }
}

impl Format for Capture {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        let (head, json) = match self.frames.next(context.findings)? {
            Next::Frame(head, json) => (head, json),
            Next::Nothing => return Ok(true),
            Next::End => return Ok(false),
        };
        let told = match capture::read(json) {
            Ok(told) => told,
            Err(error) => {
                let findings = &mut context.findings;
                findings.add(Finding::Unknown, &head, || error.to_string());
                return Ok(true);
            }
        };
        let mut reader = Reader {
            levels: &mut self.levels,
            marks: &mut self.marks,
            rows,
            context,
        };
        if told.is_empty() {
            reader.unused(&head, "a message of a kind that is not used");
        }
        for row in &told {
            let taken = reader.take(head, row);
            taken.map_err(|reason| Broken {
                line: head.line,
                reason,
            })?;
        }
        Ok(true)
    }
}

/// What it takes to make rows of a frame.
struct Reader<'r, 'c> {
    levels: &'r mut Vec<Level>,
    marks: &'r mut BTreeMap<usize, Mark>,
    rows: &'r mut Rows,
    context: &'r mut Context<'c>,
}

/// The market of a symbol: `A-B`, or `A-B-SWAP` with profit in B; `None` for what is neither
/// (futures, options, and perpetuals with profit in A, whose B is the dollar itself).
fn market_of(symbol: &str) -> Option<MarketKind> {
    let pair = symbol.strip_suffix(SWAP);
    let (base, quote) = pair.unwrap_or(symbol).split_once('-')?;
    if base.is_empty() || quote.is_empty() || quote.contains('-') {
        return None;
    }
    match pair {
        None => Some(MarketKind::Spot),
        Some(_) if quote == "USD" => None,
        Some(_) => Some(MarketKind::Usdm),
    }
}

impl Reader<'_, '_> {
    /// # Errors
    ///
    /// Why the file cannot be read on: it is of another instrument.
    fn take(&mut self, mut head: Head, told: &Told<'_>) -> Result<(), String> {
        head.venue_ns = told.venue_time_ns;
        let symbol = told.symbol.as_str();
        match &told.what {
            Said::Terms { value, multiplier } => {
                self.terms(&head, symbol, [value.as_str(), multiplier.as_str()]);
                return Ok(());
            }
            Said::Index(_) => {
                self.part(head, &format!("{symbol}{SWAP}"), &told.what);
                return Ok(());
            }
            Said::Funding { .. } => {
                self.part(head, symbol, &told.what);
                return Ok(());
            }
            Said::Book { .. } | Said::Top { .. } | Said::Trade { .. } | Said::Mark(_) => {}
        }
        let Some(market) = market_of(symbol) else {
            self.unused(&head, "of neither spot nor a linear perpetual");
            return Ok(());
        };
        let catalog = &mut self.context.catalog;
        head.slot = catalog.slot(catalog::okx(market), symbol, market)?;
        catalog.meet(head.file, head.slot);
        match &told.what {
            Said::Book { .. } => self.book(&head, &told.what),
            Said::Top { id, bid, ask } => self.quote(&head, *id, [bid, ask].map(Option::as_ref)),
            Said::Trade { .. } => self.trade(&head, &told.what),
            Said::Mark(_) | Said::Index(_) | Said::Funding { .. } | Said::Terms { .. } => {
                self.mark(head, &told.what);
            }
        }
        Ok(())
    }

    fn unused(&mut self, head: &Head, why: &str) {
        let findings = &mut self.context.findings;
        findings.add(Finding::Unused, head, || why.to_owned());
    }

    fn terms(&mut self, head: &Head, symbol: &str, factors: [&str; 2]) {
        if market_of(symbol) != Some(MarketKind::Usdm) {
            return;
        }
        let [value, by] = factors.map(|text| text.parse::<Decimal>().ok());
        let product = value.zip(by).and_then(|(value, by)| value.checked_mul(by));
        match product.filter(|value| *value > Decimal::ZERO) {
            Some(value) => self.context.catalog.value(symbol, value.normalize()),
            None => {
                let text = || format!("contracts of {symbol}: {factors:?}");
                self.context.findings.add(Finding::Impossible, head, text);
            }
        }
    }

    fn book(&mut self, head: &Head, said: &Said<'_>) {
        let Said::Book {
            whole,
            span,
            checksum,
            bids,
            asks,
        } = said
        else {
            return;
        };
        let cut = self.context.findings.count(Finding::CutQty);
        self.levels.clear();
        self.side(head, bids);
        let bids_len = self.levels.len();
        self.side(head, asks);
        let what = match span {
            Some(span) => {
                self.context.catalog.seen(head.slot).linked = true;
                if *whole {
                    What::Book { id: span.last_id }
                } else {
                    What::Update(*span)
                }
            }
            None if *whole => What::Book { id: 0 },
            None => What::Levels { id: 0 },
        };
        let is_all = self.levels.len() == bids.len() + asks.len();
        let exact = is_all && cut == self.context.findings.count(Finding::CutQty);
        self.rows.push_levels(*head, what, self.levels, bids_len);
        if let Some(value) = *checksum {
            self.rows.sum_of_last(Sum { value, exact });
        }
    }

    fn side(&mut self, head: &Head, levels: &[LevelText<'_>]) {
        for [price, qty] in levels {
            let level = numbers::level(head, price.as_str(), qty.as_str(), self.context);
            self.levels.extend(level);
        }
    }

    fn quote(&mut self, head: &Head, id: u64, sides: [Option<&LevelText<'_>>; 2]) {
        let mut levels = [Level::UNUSED; 2];
        for (level, side) in levels.iter_mut().zip(sides) {
            let Some([price, qty]) = side else { continue };
            let read = numbers::level(head, price.as_str(), qty.as_str(), self.context);
            let Some(read) = read else { return };
            *level = read;
        }
        let seen = self.context.catalog.seen(head.slot);
        seen.linked |= id > 0;
        let [bid, ask] = levels;
        let quote = Quote {
            update_id: id,
            venue_time_ns: head.venue_ns,
            bid,
            ask,
            reserved: [0; 32],
        };
        self.rows.push(*head, What::Quote(quote));
    }

    fn trade(&mut self, head: &Head, said: &Said<'_>) {
        let Said::Trade {
            id,
            aggregate,
            at: [price, qty],
            taker_bought,
        } = said
        else {
            return;
        };
        let level = numbers::trade(head, price.as_str(), qty.as_str(), self.context);
        let Some(Level { price, qty }) = level else {
            return;
        };
        let trade = Trade {
            trade_id: *id,
            venue_time_ns: head.venue_ns,
            price,
            qty,
            aggressor: if *taker_bought { Side::Buy } else { Side::Sell },
            reserved: [0; 47],
        };
        let seen = self.context.catalog.seen(head.slot);
        let what = if *aggregate {
            seen.aggregates = true;
            What::Aggregate(trade)
        } else {
            seen.trades = true;
            What::Trade(trade)
        };
        self.rows.push(*head, what);
    }

    /// What belongs to a mark makes no instrument: it joins one that has a mark.
    fn part(&mut self, mut head: Head, symbol: &str, said: &Said<'_>) {
        let venue = catalog::okx(MarketKind::Usdm);
        if let Some(slot) = self.context.catalog.find(venue, symbol) {
            head.slot = slot;
            self.mark(head, said);
        }
    }

    /// Joins a part of the mark with what was said before; a row as soon as there is a mark price.
    fn mark(&mut self, mut head: Head, said: &Said<'_>) {
        let mut mark = self.marks.get(&head.slot).copied().unwrap_or(NO_MARK);
        match said {
            Said::Mark(text) | Said::Index(text) => {
                let Some(price) = numbers::mark(&head, text.as_str(), self.context) else {
                    return;
                };
                if let Said::Mark(_) = said {
                    mark.mark = price;
                } else {
                    mark.index = price;
                }
            }
            Said::Funding { rate_e9, at_ns } => {
                mark.funding_rate_e9 = *rate_e9;
                mark.next_funding_ns = *at_ns;
            }
            Said::Book { .. } | Said::Top { .. } | Said::Trade { .. } | Said::Terms { .. } => {
                return;
            }
        }
        // Of the parts' times the latest, as each channel has its own.
        mark.venue_time_ns = mark.venue_time_ns.max(head.venue_ns);
        head.venue_ns = mark.venue_time_ns;
        self.marks.insert(head.slot, mark);
        if mark.mark != Ticks(0) {
            self.rows.push(head, What::Mark(mark));
        }
    }
}
