//! The report: a table for a person, and the same as JSON, which also stands in the data set.

use std::time::Duration;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::args::ImportArgs;
use super::catalog::Catalog;
use super::findings::{ClockSpan, Findings};
use super::intake::Intake;
use crate::output::{Failure, grouped, say};

/// What an import did and found.
pub(super) struct Report {
    json: Value,
    lines: Vec<(String, String)>,
    findings: Vec<(&'static str, u64, String)>,
    records: u64,
}

impl Report {
    /// The report of an import that ended, in order or with `error`.
    pub(super) fn new(
        args: &ImportArgs,
        catalog: &Catalog,
        findings: &Findings,
        intake: &Intake,
        error: Option<&Failure>,
    ) -> Self {
        let set = intake.set();
        let (first_ns, last_ns) = set.span();
        let files: Vec<String> = args
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let clock = findings.clock();
        let json = json!({
            "data_set": args.out.display().to_string(),
            "format": args.format.name(),
            "files": files,
            "complete": error.is_none(),
            "error": error.map(ToString::to_string),
            "rows": intake.rows(),
            "records": set.records(),
            "days": set.days(),
            "first_time_ns": first_ns,
            "last_time_ns": last_ns,
            "span_ns": last_ns - first_ns,
            "local_minus_exchange_ns": clock.map(|clock| json!({
                "rows": clock.rows,
                "min": clock.min_ns,
                "median": clock.median_ns,
                "max": clock.max_ns,
            })),
            "instruments": instruments(catalog, intake),
            "findings": findings.as_json(&args.files),
        });
        Self {
            json,
            lines: lines(args, catalog, intake, clock),
            findings: findings.met(&args.files).collect(),
            records: set.records(),
        }
    }

    /// As JSON.
    pub(super) const fn json(&self) -> &Value {
        &self.json
    }

    /// Records in the data set.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Prints it.
    ///
    /// # Errors
    ///
    /// [`Failure`]: standard output cannot be written.
    pub(super) fn show(&self, as_json: bool) -> Result<(), Failure> {
        if as_json {
            return say(&self.json.to_string());
        }
        for (name, value) in &self.lines {
            say(&format!("{name:<15}{value}"))?;
        }
        if self.findings.is_empty() {
            return say("findings       none");
        }
        let mut table = Table::new();
        table.load_style(presets::ASCII_HORIZONTAL_ONLY);
        table.set_header(["found", "count", "first"]);
        for (text, count, first) in &self.findings {
            table.add_row([(*text).to_owned(), grouped(*count), first.clone()]);
        }
        say(&table.to_string())
    }
}

fn instruments(catalog: &Catalog, intake: &Intake) -> Vec<Value> {
    let counted = intake.set().counts();
    let one = |(item, (spec, counts)): (&super::catalog::Item, _)| {
        let (spec, counts): (&model::instrument::InstrumentSpec, super::kept::Counts) =
            (spec, counts);
        let (tick_given, lot_given) = item.given();
        json!({
            "instrument": spec.id.0,
            "name": spec.name,
            "symbol": spec.symbol,
            "venue": item.venue,
            "venue_id": spec.venue.0,
            "market": item.market.name(),
            "base": spec.base,
            "quote": spec.quote,
            "tick": spec.tick.to_string(),
            "tick_given": tick_given,
            "lot": spec.lot.to_string(),
            "lot_given": lot_given,
            "books": counts.books,
            "book_messages": counts.messages,
            "trades": counts.trades,
            "quotes": counts.quotes,
            "marks": counts.marks,
            "order_changes": counts.orders,
        })
    };
    catalog.items().iter().zip(counted).map(one).collect()
}

fn lines(
    args: &ImportArgs,
    catalog: &Catalog,
    intake: &Intake,
    clock: Option<ClockSpan>,
) -> Vec<(String, String)> {
    let set = intake.set();
    let (first_ns, last_ns) = set.span();
    let mut lines = vec![
        ("data set", args.out.display().to_string()),
        ("rows", grouped(intake.rows())),
        ("records", grouped(set.records())),
        (
            "span",
            format!(
                "{:.1?}, UTC days: {}",
                Duration::from_nanos(last_ns - first_ns),
                set.days()
            ),
        ),
    ];
    for (item, (spec, counts)) in catalog.items().iter().zip(set.counts()) {
        let told = |given: bool| {
            if given {
                "given"
            } else {
                "the finest that occurs"
            }
        };
        let (tick, lot) = item.given();
        let text = format!(
            "{} ({} of {}, {}): tick {} ({}), lot {} ({})",
            spec.name,
            spec.symbol,
            item.venue,
            item.market.name(),
            spec.tick,
            told(tick),
            spec.lot,
            told(lot),
        );
        lines.push(("instrument", text));
        let text = format!(
            "{} snapshots, {} book messages, {} trades, {} quotes, {} marks",
            grouped(counts.books),
            grouped(counts.messages),
            grouped(counts.trades),
            grouped(counts.quotes),
            grouped(counts.marks),
        );
        lines.push(("", text));
        if counts.orders > 0 {
            let text = format!("{} changes of single orders", grouped(counts.orders));
            lines.push(("", text));
        }
    }
    lines.push(("clocks", clock_line(clock)));
    lines
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn clock_line(clock: Option<ClockSpan>) -> String {
    let Some(clock) = clock else {
        return "the source gives one time only".to_owned();
    };
    let ms = |ns: i64| format!("{:.3} ms", ns as f64 / 1e6);
    let behind = if clock.max_ns < 0 {
        "; the local clock is behind the exchange's throughout (kept as it is)"
    } else if clock.min_ns < 0 {
        "; some rows were received before they were sent (kept as they are)"
    } else {
        ""
    };
    format!(
        "local minus exchange: median {}, min {}, max {}{behind}",
        ms(clock.median_ns),
        ms(clock.min_ns),
        ms(clock.max_ns)
    )
}
