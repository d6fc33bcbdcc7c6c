//! Which records `cat` and `export` let through, and where they begin and end to read.

use std::path::Path;

use journal::Reader;
use model::command::CommandView;
use model::event::{self, View};
use model::ids::{ClientOrderId, StrategyId};
use model::record::{Kind, Record};

use super::args::FilterArgs;
use super::instruments;
use super::order::order_of;
use crate::output::{Failure, remark};

/// What the command line asked for, resolved.
#[derive(Debug, Default)]
pub(super) struct Filter {
    from: u64,
    to: Option<u64>,
    since: Option<u64>,
    until: Option<u64>,
    kinds: Vec<Kind>,
    instrument: Option<u32>,
    order: Option<u64>,
    strategy: Option<u16>,
    account: Option<u16>,
    past: Past,
}

/// How far behind `until` the reader is. Times never fall among events, nor among commands; but a
/// command has its cause's time and may stand far behind it.
#[derive(Debug, Default)]
struct Past {
    event: bool,
    command: bool,
}

/// Opens the journal and resolves the filters; the reader stands where they begin.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, or a filter that cannot be.
pub(super) fn open(journal: &Path, args: &FilterArgs) -> Result<(Reader, Filter), Failure> {
    let kinds = args.kinds.iter().map(|name| kind_named(name));
    let kinds = kinds.collect::<Result<_, _>>()?;
    let order = args.order.as_deref().map(order_named).transpose()?;
    check_range("--from", args.from, "--to", args.to)?;
    check_range("--since", args.since, "--until", args.until)?;
    let mut reader = Reader::open(journal).map_err(Failure::because)?;
    let instrument = match args.instrument.as_deref() {
        None => None,
        Some(text) => Some(match text.parse() {
            Ok(number) => number,
            Err(_) => instruments::number_of(&mut reader, text).map_err(Failure::Message)?,
        }),
    };
    let mut from = args.from.unwrap_or(0);
    let first = reader.first_seq();
    if args.from.is_some_and(|from| 0 < from && from < first) {
        remark(&format!(
            "what came before record {first} was pruned; starting there"
        ));
    }
    if let Some(since) = args.since {
        let found = reader.seek_time(since).map_err(Failure::because)?;
        from = from.max(found);
    }
    reader.seek(from);
    let filter = Filter {
        from: reader.next_seq(),
        to: args.to,
        since: args.since,
        until: args.until,
        kinds,
        instrument,
        order,
        strategy: args.strategy,
        account: args.account,
        past: Past::default(),
    };
    Ok((reader, filter))
}

fn check_range(
    low_name: &str,
    low: Option<u64>,
    high_name: &str,
    high: Option<u64>,
) -> Result<(), Failure> {
    match (low, high) {
        (Some(low), Some(high)) if high < low => Err(Failure::Message(format!(
            "{high_name} is before {low_name}: that is nothing"
        ))),
        _ => Ok(()),
    }
}

fn is_command(record: &Record) -> bool {
    record.kind >= Kind::FIRST_COMMAND
}

impl Filter {
    /// The sequence that it begins at.
    pub(super) const fn from(&self) -> u64 {
        self.from
    }

    /// The last sequence that it can let through, if it knows one.
    pub(super) const fn to(&self) -> Option<u64> {
        self.to
    }

    /// Whether neither this record nor a later one can pass.
    pub(super) fn is_over(&mut self, record: &Record) -> bool {
        if self.to.is_some_and(|to| to < record.seq) {
            return true;
        }
        if self.until.is_some_and(|until| until < record.time_ns) {
            if is_command(record) {
                self.past.command = true;
            } else {
                self.past.event = true;
                // The commands of a run stand before the next run's start.
                self.past.command |= record.kind == Kind::RunStarted.code();
            }
        }
        self.past.event && self.past.command
    }

    /// Whether a sequence that is not there yet cannot pass either.
    pub(super) fn is_over_at(&self, next_seq: u64) -> bool {
        self.to.is_some_and(|to| to < next_seq)
    }

    /// Whether the record is one that was asked for.
    pub(super) fn passes(&self, record: &Record) -> bool {
        let time = record.time_ns;
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.code() == record.kind))
            && self.since.is_none_or(|since| since <= time)
            && self.until.is_none_or(|until| time <= until)
            && is(self.instrument, record.instrument().map(|id| id.0))
            && is(self.strategy, record.strategy().map(|id| id.0))
            && is(self.account, record.account().map(|id| id.0))
            && self.order.is_none_or(|order| names_order(record, order))
    }
}

fn is<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
    wanted.is_none() || wanted == found
}

/// Whether the record is about this order.
fn names_order(record: &Record, order: u64) -> bool {
    match event::view(record) {
        Ok(View::Command(CommandView::ReplaceOrder(replace))) => {
            replace.client_id == order || replace.cancel_client_id == order
        }
        Ok(View::Command(command)) => command.client_id() == order,
        Ok(View::Event(event)) => order_of(event) == Some(order),
        Ok(View::Mark(_)) | Err(_) => false,
    }
}

fn kind_named(name: &str) -> Result<Kind, Failure> {
    Kind::ALL
        .iter()
        .copied()
        .find(|kind| kind.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            Failure::Message(format!(
                "--kind {name}: no such kind; there are {}",
                names.join(", ")
            ))
        })
}

/// Reads `1-0-17` (epoch, strategy or `e`, counter).
fn order_named(text: &str) -> Result<u64, Failure> {
    let parse = || {
        let mut parts = text.split('-');
        let epoch = parts.next()?.parse().ok()?;
        let strategy = match parts.next()? {
            "e" => None,
            strategy => Some(StrategyId(strategy.parse().ok()?)),
        };
        let counter = parts.next()?.parse().ok()?;
        if parts.next().is_some() {
            return None;
        }
        ClientOrderId::new(epoch, strategy, counter)
    };
    parse().map(ClientOrderId::raw).ok_or_else(|| {
        Failure::Message(format!(
            "--order {text}: no client order id; write it as 1-0-17"
        ))
    })
}
