//! Finds all that a journal has about one order. Reads it once or twice; changes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use journal::Reader;
use model::command::CommandView;
use model::event::{self, Event, View};
use model::record::Record;

use super::life::{Decided, Life};
use super::wanted::{Wanted, name};
use crate::journal_command::Instruments;
use crate::output::Failure;

/// The order's life; `None` if the journal says nothing of it.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, or a venue's id that several orders have.
pub(super) fn life(journal: &Path, wanted: Wanted) -> Result<Option<Life>, Failure> {
    let mut reader = Reader::open(journal).map_err(Failure::because)?;
    let order = match wanted {
        Wanted::Client(order) => order,
        Wanted::Venue(_) | Wanted::Refusal(_) => match named(&mut reader, wanted)? {
            Some(order) => order,
            None => return Ok(None),
        },
    };
    let refusal = match wanted {
        Wanted::Refusal(number) => Some(number),
        Wanted::Client(_) | Wanted::Venue(_) => None,
    };
    let mut life = collect(&mut reader, order, refusal)?;
    if life.records.is_empty() {
        return Ok(None);
    }
    life.cause = match life.decided.as_ref() {
        Some(decided) => event_numbered(&mut reader, decided.cause())?,
        None => None,
    };
    Ok(Some(life))
}

/// The client order id of what a person called by another name.
fn named(reader: &mut Reader, wanted: Wanted) -> Result<Option<u64>, Failure> {
    let mut found = BTreeSet::new();
    reader.seek(0);
    while let Some(record) = reader.next().map_err(Failure::because)? {
        let Ok(View::Event(event)) = event::view(record) else {
            continue;
        };
        match (wanted, event) {
            (Wanted::Refusal(number), Event::RiskRefused(refusal)) if refusal.number == number => {
                return Ok(Some(refusal.client_id));
            }
            (Wanted::Venue(id), event) => {
                found.extend(
                    ids(event)
                        .filter(|(_, venue)| *venue == id)
                        .map(|(ours, _)| ours),
                );
            }
            (Wanted::Refusal(_) | Wanted::Client(_), _) => {}
        }
    }
    match (found.first(), found.len()) {
        (Some(order), 1) => Ok(Some(*order)),
        (None, _) => Ok(None),
        (Some(_), _) => {
            let names: Vec<String> = found.into_iter().map(name).collect();
            Err(Failure::Message(format!(
                "the venue gave that id to several orders, on different instruments: {}; name one",
                names.join(", ")
            )))
        }
    }
}

/// Client order id and venue's id, where an event has both.
fn ids(event: Event<'_>) -> impl Iterator<Item = (u64, u64)> {
    let found = match event {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderUnknown(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::AmendRejected(report)
        | Event::SendFailed(report) => Some((report.client_id, report.venue_order_id)),
        Event::OrderAmended(amended) => Some((amended.client_id, amended.venue_order_id)),
        Event::OrderFilled(fill) => Some((fill.client_id, fill.venue_order_id)),
        Event::RunStarted(_)
        | Event::RunEnded(_)
        | Event::BlobPart(_)
        | Event::Tick(_)
        | Event::Connection(_)
        | Event::BookReset(_)
        | Event::BookLevels(_)
        | Event::BookOrder(_)
        | Event::Trade(_)
        | Event::Quote(_)
        | Event::Mark(_)
        | Event::Rate(_)
        | Event::Candle(_)
        | Event::OpenInterest(_)
        | Event::Liquidation(_)
        | Event::Sent(_)
        | Event::OpenOrders(_)
        | Event::Balance(_)
        | Event::Transfer(_)
        | Event::Funding(_)
        | Event::PositionReport(_)
        | Event::Operator(_)
        | Event::Control(_)
        | Event::RiskRefused(_)
        | Event::RiskNotice(_)
        | Event::StateHash(_)
        | Event::Recovered(_) => None,
    };
    found.into_iter().filter(|(ours, _)| *ours != 0)
}

fn collect(reader: &mut Reader, order: u64, refusal: Option<u64>) -> Result<Life, Failure> {
    let mut life = Life::of(order);
    let mut instruments = Instruments::default();
    reader.seek(0);
    while let Some(record) = reader.next().map_err(Failure::because)? {
        instruments.learn(record);
        let Ok(view) = event::view(record) else {
            continue; // `verify` and `replay` say what is wrong with it.
        };
        if !is_about(view, order) {
            continue;
        }
        if let Some(decided) = Decided::by(record, view, order)
            && refusal.is_none_or(|number| decided.is_refusal(number))
        {
            // What was approved counts, not what was refused of it later.
            life.decided = match life.decided.take() {
                Some(earlier) if earlier.is_command() => Some(earlier),
                Some(_) | None => Some(decided),
            };
        }
        if let View::Event(event) = view {
            for (_, venue) in ids(event).filter(|(_, venue)| *venue != 0) {
                if !life.venue_ids.contains(&venue) {
                    life.venue_ids.push(venue);
                }
            }
        }
        life.records.push(*record);
    }
    life.spec = life
        .records
        .iter()
        .find_map(Record::instrument)
        .and_then(|instrument| instruments.get(instrument.0).cloned());
    Ok(life)
}

fn is_about(view: View<'_>, order: u64) -> bool {
    match view {
        View::Command(CommandView::ReplaceOrder(replace)) => {
            replace.client_id == order || replace.cancel_client_id == order
        }
        View::Command(command) => command.client_id() == order,
        View::Event(Event::Sent(sent)) => sent.client_id == order,
        View::Event(Event::RiskRefused(refusal)) => refusal.client_id == order,
        View::Event(Event::RiskNotice(notice)) => notice.other == order,
        View::Event(Event::Control(request)) => request.target == order,
        View::Event(event) => ids(event).any(|(ours, _)| ours == order),
        View::Mark(_) => false,
    }
}

/// The event of this number; `None` if it was pruned.
fn event_numbered(reader: &mut Reader, number: u64) -> Result<Option<Record>, Failure> {
    reader.seek(0);
    while let Some(record) = reader.next().map_err(Failure::because)? {
        let is_event = matches!(event::view(record), Ok(View::Event(_)));
        if is_event && record.event >= number {
            return Ok((record.event == number).then_some(*record));
        }
    }
    Ok(None)
}
