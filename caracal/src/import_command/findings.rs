//! What was found in the files: counted, each with its first example.

use std::path::Path;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::row::Head;

macro_rules! findings {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $text:literal;)*) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Finding {
            $($(#[$doc])* $name,)*
        }

        impl Finding {
            const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its key in the JSON report.
            const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// What it means, for the table.
            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

findings! {
    /// The venue's checksum is of another book.
    Checksum = "checksums", "checksums that do not fit: the book is stale until the next snapshot";
    /// Updates were lost between two messages.
    Gap = "gaps", "gaps: the book is stale until the next snapshot";
    /// Ids of trades between two trades are missing.
    TradeGap = "trade_gaps", "holes in the ids of trades: trades were lost";
    /// A book message left best bid at or above best ask.
    CrossedBook = "crossed_books", "crossed books (kept)";
    /// A quote has its bid at or above its ask.
    CrossedQuote = "crossed_quotes", "crossed quotes (kept)";
    /// A row's local time is before that of the row above it.
    LocalBackwards = "local_clock_backwards", "local clock backwards (sorted)";
    /// A row's exchange time is before that of the instrument's last row of the same kind.
    VenueBackwards = "exchange_clock_backwards", "exchange clock backwards (kept)";
    /// A trade or quote with an id that was there before.
    Duplicate = "duplicates", "duplicate trades and quotes (left out)";
    /// An aggregate of trades beside the trades themselves.
    Repeated = "aggregates_beside_trades", "aggregates beside their trades (left out)";
    /// A book update that is older than the book.
    OldUpdate = "old_updates", "updates older than the book (left out)";
    /// A trade whose taker's side is not said.
    NoSide = "trades_without_side", "trades without a side (told from the price's move)";
    /// A book that begins with an update, as nothing before it says otherwise.
    NoSnapshot = "books_without_snapshot", "books that begin without a snapshot (as if empty)";
    /// A book update before any snapshot that fits.
    NoBook = "updates_without_snapshot", "updates without a snapshot that fits (left out)";
    /// A snapshot that no book waits for, or that is too old.
    SpareSnapshot = "spare_snapshots", "snapshots that no book waits for (left out)";
    /// A snapshot in a file of several instruments that does not say its own.
    NamelessSnapshot = "nameless_snapshots", "snapshots of unknown instrument (left out)";
    /// A price that is no whole number of ticks.
    OffGrid = "off_grid", "prices off the grid (left out)";
    /// A quantity that is no whole number of lots.
    CutQty = "cut_quantities", "quantities cut to whole lots (as live)";
    /// A trade message that is none.
    NoTrade = "no_trades", "trade messages that are no trades (left out)";
    /// A change or removal of an order that does not rest, or one that came without being added.
    UnknownOrder = "unknown_orders", "changes of orders that are not known (left out)";
    /// An order that is added while it rests.
    OrderTwice = "orders_twice", "orders that were there already (left out)";
    /// More of an order traded than rests of it.
    OrderBeyond = "orders_beyond", "trades of more than rests of an order (left out)";
    /// A number that cannot be: a price of zero, a negative quantity.
    Impossible = "impossible_numbers", "impossible numbers (left out)";
    /// A message that we know and do not use.
    Unused = "unused_messages", "messages of other kinds (left out)";
    /// A message that cannot be read.
    Unknown = "unknown_messages", "unknown messages (left out)";
}

/// One kind of finding, counted.
#[derive(Debug, Clone, Default)]
struct Count {
    count: u64,
    first: Option<Example>,
}

/// Where a finding was met first.
#[derive(Debug, Clone)]
struct Example {
    file: usize,
    line: u64,
    what: String,
}

/// Everything that was found.
#[derive(Debug)]
pub(super) struct Findings {
    counts: Vec<Count>,
    clock: Clock,
}

impl Findings {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            counts: vec![Count::default(); Finding::ALL.len()],
            clock: Clock::new(),
        }
    }

    /// Counts a finding; `what` is asked for the first one only.
    pub(super) fn add(&mut self, finding: Finding, at: &Head, what: impl FnOnce() -> String) {
        self.add_many(finding, 1, at, what);
    }

    /// As [`Self::add`], `count` times, of which the first was at `at`.
    pub(super) fn add_many(
        &mut self,
        finding: Finding,
        count: u64,
        at: &Head,
        what: impl FnOnce() -> String,
    ) {
        let found = &mut self.counts[finding as usize];
        found.count += count;
        found.first.get_or_insert_with(|| Example {
            file: at.file,
            line: at.line,
            what: what(),
        });
    }

    /// How many of a kind there were so far.
    pub(super) fn count(&self, finding: Finding) -> u64 {
        self.counts[finding as usize].count
    }

    /// Takes a row's two times.
    pub(super) fn times(&mut self, at: &Head) {
        self.clock.add(at);
    }

    /// What was found at least once: text, count, and the first example.
    pub(super) fn met<'a, P: AsRef<Path>>(
        &'a self,
        files: &'a [P],
    ) -> impl Iterator<Item = (&'static str, u64, String)> + 'a {
        let of = |finding: &Finding| {
            let Count { count, first } = &self.counts[*finding as usize];
            let first = first.as_ref()?;
            let file = files.get(first.file)?.as_ref().display();
            let example = format!("{file} line {}: {}", first.line, first.what);
            Some((finding.text(), *count, example))
        };
        Finding::ALL.iter().filter_map(of)
    }

    /// As JSON: every kind with its count, and the first example where there is one.
    pub(super) fn as_json<P: AsRef<Path>>(&self, files: &[P]) -> Value {
        let mut all = serde_json::Map::new();
        for finding in Finding::ALL {
            let Count { count, first } = &self.counts[*finding as usize];
            let first = first.as_ref().map(|first| {
                let file = files
                    .get(first.file)
                    .map(|file| file.as_ref().display().to_string());
                json!({ "file": file, "line": first.line, "what": first.what })
            });
            all.insert(
                finding.key().to_owned(),
                json!({ "count": count, "first": first }),
            );
        }
        Value::Object(all)
    }

    /// Local minus exchange time over all rows that have both: minimum, median, maximum, and how
    /// many; `None` without any.
    pub(super) fn clock(&self) -> Option<ClockSpan> {
        self.clock.span()
    }
}

/// Local time minus exchange time, nanoseconds. The median has three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockSpan {
    pub(super) rows: u64,
    pub(super) min_ns: i64,
    pub(super) median_ns: i64,
    pub(super) max_ns: i64,
}

/// Differences above this count as this much in the median.
const CLOCKS_APART_MAX_NS: u64 = 1_000 * 86_400 * 1_000_000_000;

/// Differences between the two clocks, in constant memory.
#[derive(Debug)]
struct Clock {
    /// Local at or after exchange, and local before exchange: sizes of the difference.
    late: Option<Histogram<u64>>,
    early: Option<Histogram<u64>>,
    min_ns: i64,
    max_ns: i64,
}

impl Clock {
    fn new() -> Self {
        Self {
            late: Histogram::new_with_max(CLOCKS_APART_MAX_NS, 3).ok(),
            early: Histogram::new_with_max(CLOCKS_APART_MAX_NS, 3).ok(),
            min_ns: i64::MAX,
            max_ns: i64::MIN,
        }
    }

    fn add(&mut self, at: &Head) {
        if at.venue_ns == 0 {
            return;
        }
        let size = at.local_ns.abs_diff(at.venue_ns);
        let signed = i64::try_from(size).unwrap_or(i64::MAX);
        let (histogram, signed) = if at.local_ns >= at.venue_ns {
            (&mut self.late, signed)
        } else {
            (&mut self.early, -signed)
        };
        self.min_ns = self.min_ns.min(signed);
        self.max_ns = self.max_ns.max(signed);
        if let Some(histogram) = histogram {
            histogram.saturating_record(size);
        }
    }

    fn span(&self) -> Option<ClockSpan> {
        let (late, early) = (self.late.as_ref()?, self.early.as_ref()?);
        let (late_rows, early_rows) = (late.len(), early.len());
        let rows = late_rows + early_rows;
        if rows == 0 {
            return None;
        }
        // Ranks from 1: the early ones lie first, the largest size in front.
        let rank = rows.div_ceil(2);
        let quantile = |part: u64, all: u64| part as f64 / all.max(1) as f64;
        let median_ns = if rank <= early_rows {
            let from_small = early_rows - rank + 1;
            -signed(early.value_at_quantile(quantile(from_small, early_rows)))
        } else {
            signed(late.value_at_quantile(quantile(rank - early_rows, late_rows)))
        };
        Some(ClockSpan {
            rows,
            min_ns: self.min_ns,
            median_ns: median_ns.clamp(self.min_ns, self.max_ns),
            max_ns: self.max_ns,
        })
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
