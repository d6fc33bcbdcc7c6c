//! `caracal journal cat|stat`: what a journal holds, as text or JSON lines.

use std::time::Duration;

use indicatif::ProgressBar;
use journal::Reader;
use model::command::CommandView;
use model::event::{self, Event, View};
use model::record::{Kind, Record};
use serde_json::{Map, Value, json};

use crate::cli::{CatArgs, StatArgs};
use crate::output::{Failure, grouped, say};

/// What `cat` lets through.
struct Filter {
    kinds: Vec<Kind>,
    instrument: Option<u32>,
    order: Option<u64>,
}

/// Prints the records that the filters let through.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, or a filter that cannot be.
pub(crate) fn cat(args: &CatArgs) -> Result<(), Failure> {
    let filter = Filter {
        kinds: args
            .kinds
            .iter()
            .map(|name| kind_named(name))
            .collect::<Result<_, _>>()?,
        instrument: args.instrument,
        order: args.order.as_deref().map(order_named).transpose()?,
    };
    let mut reader = Reader::open(&args.journal).map_err(Failure::because)?;
    reader.seek(args.from);
    while let Some(record) = reader.next().map_err(Failure::because)? {
        if args.to.is_some_and(|to| to < record.seq) {
            break;
        }
        if filter.passes(record) {
            let line = if args.json {
                replay::to_json(record).to_string()
            } else {
                replay::describe(record)
            };
            say(&line)?;
        }
    }
    Ok(())
}

impl Filter {
    fn passes(&self, record: &Record) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|k| k.code() == record.kind);
        let instrument = self.instrument.is_none()
            || self.instrument == record.instrument().map(|instrument| instrument.0);
        kind && instrument && self.order.is_none_or(|order| names_order(record, order))
    }
}

/// Whether the record is about this order.
fn names_order(record: &Record, order: u64) -> bool {
    match event::view(record) {
        Ok(View::Command(CommandView::ReplaceOrder(replace))) => {
            replace.client_id == order || replace.cancel_client_id == order
        }
        Ok(View::Command(command)) => command.client_id() == order,
        Ok(View::Event(event)) => event_order(event) == Some(order),
        Ok(View::Mark(_)) | Err(_) => false,
    }
}

fn event_order(event: Event<'_>) -> Option<u64> {
    match event {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderUnknown(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::SendFailed(report) => Some(report.client_id),
        Event::OrderFilled(fill) => Some(fill.client_id),
        Event::Sent(sent) => Some(sent.client_id),
        Event::RiskRefused(refusal) => Some(refusal.client_id),
        Event::RunStarted(_)
        | Event::RunEnded(_)
        | Event::BlobPart(_)
        | Event::Tick(_)
        | Event::Connection(_)
        | Event::BookReset(_)
        | Event::BookLevels(_)
        | Event::Trade(_)
        | Event::Quote(_)
        | Event::OpenOrders(_)
        | Event::Balance(_)
        | Event::Operator(_)
        | Event::StateHash(_)
        | Event::Recovered(_) => None,
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
            strategy => Some(model::ids::StrategyId(strategy.parse().ok()?)),
        };
        let counter = parts.next()?.parse().ok()?;
        if parts.next().is_some() {
            return None;
        }
        model::ids::ClientOrderId::new(epoch, strategy, counter)
    };
    parse().map(model::ids::ClientOrderId::raw).ok_or_else(|| {
        Failure::Message(format!(
            "--order {text}: no client order id; write it as 1-0-17"
        ))
    })
}

/// Counts the records by kind.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal.
pub(crate) fn stat(args: &StatArgs) -> Result<(), Failure> {
    let spinner = ProgressBar::new_spinner().with_message("counting");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let stat = journal::stat(&args.journal).map_err(Failure::because)?;
    spinner.finish_and_clear();
    let place = args.journal.display();
    let last_seq = stat.last_seq.unwrap_or(0);
    if args.json {
        let kinds: Map<String, Value> = stat
            .kinds()
            .map(|(kind, count)| (kind.name().to_owned(), json!(count)))
            .collect();
        return say(&json!({
            "journal": place.to_string(),
            "records": stat.records,
            "bytes": stat.bytes,
            "segments": stat.segments,
            "segment_bytes": stat.segment_bytes,
            "opened_for_writing": stat.epoch,
            "closed_in_order": stat.was_closed,
            "last_sequence": last_seq,
            "first_time_ns": stat.first_time_ns,
            "last_time_ns": stat.last_time_ns,
            "kinds": kinds,
        })
        .to_string());
    }
    say(&format!("journal        {place}"))?;
    say(&format!(
        "records        {} ({} bytes)",
        grouped(stat.records),
        grouped(stat.bytes)
    ))?;
    let mib = stat.segment_bytes >> 20;
    say(&format!("segments       {} of {mib} MiB", stat.segments))?;
    say(&format!("last sequence  {last_seq}"))?;
    let closed = if stat.was_closed {
        "in order"
    } else {
        "no: still open, or cut off"
    };
    say(&format!("closed         {closed}"))?;
    let span_ns = stat
        .last_time_ns
        .unwrap_or(0)
        .saturating_sub(stat.first_time_ns.unwrap_or(0));
    say(&format!(
        "span           {:.1?}",
        Duration::from_nanos(span_ns)
    ))?;
    for (kind, count) in stat.kinds() {
        say(&format!("  {:<16} {:>14}", kind.name(), grouped(count)))?;
    }
    Ok(())
}
