//! What a journal of a live run kept of its orders: what was asked of the venue and when, what
//! became of each order, and what the run's waterfalls say of the way there and back.
//!
//! One pass; memory grows with the orders, not with the market.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use engine::machine::MachineConfig;
use journal::Reader;
use model::blob::{self, Assembler, BlobKind};
use model::body::{
    Amended, BlobPart, Fill, Liquidity, OrderReport, OrderType, RejectReason, Sent, Side,
    TimeInForce,
};
use model::command::CommandView;
use model::event::{Event, View, view};
use model::ids::{AccountId, InstrumentId, StrategyId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use super::clock::Trip;
use super::{ANOTHER_TIME_NS, CompareError};
use crate::backtest::{Fate, OrderEnd, ended};

/// Records that are asked of the journal at once.
const BATCH: usize = 1_024;

/// An order as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Raw client order id.
    pub client_id: u64,
    /// Who asked for it; `None` for risk itself.
    pub strategy: Option<StrategyId>,
    /// For which account.
    pub account: AccountId,
    /// What it trades, in the journal's numbering.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Limit price.
    pub price: Ticks,
    /// Quantity, as first asked for.
    pub qty: Lots,
    /// When it was decided, by our clock, nanoseconds since the Unix epoch.
    pub decided_ns: u64,
    /// When its bytes were handed to the socket, by our clock; 0 if they never were.
    pub sent_ns: u64,
}

/// What a command asked for, for its delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asked {
    /// A new order, or one in another's place.
    New,
    /// A smaller quantity.
    Amend,
    /// An end.
    Cancel,
}

/// One order with what the venue told of it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) order: Order,
    pub(super) fate: Fate,
    /// Quantity after amendments.
    pub(super) qty: i64,
    /// Why it was refused, if it was.
    pub(super) refused: RejectReason,
    /// How its lots came and went where it rested: the venue's time, and lots.
    pub(super) moves: Vec<(u64, i64)>,
}

/// A command with the time of its leaving; 0 while it has not left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) record: Record,
    pub(super) sent_ns: u64,
    /// When it arrived, by the venue's clock; 0 if that was not told.
    pub(super) arrived_ns: u64,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) machine: Option<MachineConfig>,
    pub(super) instruments: Vec<InstrumentSpec>,
    pub(super) orders: BTreeMap<u64, Known>,
    /// In the order of the journal, which is that of their leaving.
    pub(super) commands: Vec<Command>,
    pub(super) trips: Vec<Trip>,
    /// From the bytes of an event to those of the command that it caused, nanoseconds.
    pub(super) decides: Vec<u64>,
    /// From the venue's time of an answer to ours of its receipt, both as recorded.
    pub(super) answers: Vec<(u64, u64)>,
    /// Smallest of our time less the venue's over an instrument's market records.
    pub(super) feed_least: BTreeMap<InstrumentId, i64>,
    /// Every so many records one: the venue's time and ours of a market record.
    pub(super) feed: Vec<(u64, u64)>,
    pub(super) takes: HashSet<(InstrumentId, u64)>,
    pub(super) records: u64,
}

/// What only the reading needs.
#[derive(Debug, Default)]
struct Reading {
    kept: Kept,
    assembler: Assembler,
    /// Place of each command by its number.
    places: HashMap<u64, usize>,
    /// The last command of each kind that was sent for an order.
    asked: HashMap<(u64, Asked), usize>,
    fills: HashSet<(InstrumentId, u64)>,
    market: u64,
    /// One in so many market records is kept; 0: each.
    every: u64,
}

/// At most so many of the feed's delays are kept: every one, then every second, and so on.
const FEED_KEPT: usize = 8_192;

/// Reads all of the journal at `path`.
pub(super) fn read(path: &Path, mut progress: impl FnMut(u64)) -> Result<Kept, CompareError> {
    let mut reader = Reader::open(path).map_err(|source| CompareError::Open {
        path: path.to_owned(),
        source,
    })?;
    let mut reading = Reading::default();
    loop {
        let batch = reader
            .next_batch(BATCH)
            .map_err(|source| CompareError::Read {
                path: path.to_owned(),
                source,
            })?;
        if batch.is_empty() {
            break;
        }
        for record in batch {
            reading.take(record).map_err(|source| CompareError::Blob {
                path: path.to_owned(),
                seq: record.seq,
                source,
            })?;
        }
        reading.kept.records += batch.len() as u64;
        progress(reading.kept.records);
    }
    Ok(reading.kept)
}

/// Our time of a record: when its bytes were read, or else the machine's.
const fn here_ns(record: &Record) -> u64 {
    if record.stamp_ns > 0 {
        record.stamp_ns
    } else {
        record.time_ns
    }
}

impl Reading {
    fn take(&mut self, record: &Record) -> Result<(), blob::BlobError> {
        match view(record) {
            Ok(View::Command(command)) => self.command(record, &command),
            Ok(View::Event(event)) => return self.event(record, &event),
            // What makes no sense is counted where the market is read.
            Ok(View::Mark(_)) | Err(_) => {}
        }
        Ok(())
    }

    fn command(&mut self, record: &Record, command: &CommandView<'_>) {
        let place = self.kept.commands.len();
        let row = match command {
            CommandView::NewOrder(new) => order(
                record,
                (new.client_id, new.side, new.order_type, new.time_in_force),
                (new.price, new.qty),
            ),
            CommandView::ReplaceOrder(new) => order(
                record,
                (new.client_id, new.side, new.order_type, new.time_in_force),
                (new.price, new.qty),
            ),
            CommandView::CancelOrder(_)
            | CommandView::AmendOrder(_)
            | CommandView::CancelAll(_) => None,
            CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::Latch(_) => return,
        };
        if let Some(order) = row {
            let known = Known {
                qty: order.qty.0,
                order,
                fate: Fate::NONE,
                refused: RejectReason::None,
                moves: Vec::new(),
            };
            self.kept.orders.insert(order.client_id, known);
        }
        self.places.insert(command.number(), place);
        self.kept.commands.push(Command {
            record: *record,
            sent_ns: 0,
            arrived_ns: 0,
        });
    }

    fn event(&mut self, record: &Record, event: &Event<'_>) -> Result<(), blob::BlobError> {
        if let Event::BookLevels(levels) = event {
            self.heard(levels.venue_time_ns, record);
        } else if let Event::Trade(trade) = event {
            self.heard(trade.venue_time_ns, record);
        } else if let Event::Quote(quote) = event {
            self.heard(quote.venue_time_ns, record);
        } else if let Event::BlobPart(part) = event {
            return self.blob(part);
        } else if let Event::Sent(sent) = event {
            self.sent(sent);
        } else if let Event::SendFailed(report) = event {
            let placing = [Kind::NewOrder.code(), Kind::ReplaceOrder.code()];
            if placing.contains(&record.detail)
                && let Some(known) = self.kept.orders.get_mut(&report.client_id)
            {
                known.fate.end(OrderEnd::NotSent, here_ns(record));
            }
        } else if let Event::OrderAcked(report) = event {
            self.acked(report, here_ns(record));
        } else if let Event::OrderFilled(fill) = event {
            self.filled(record, fill);
        } else if let Event::OrderAmended(amended) = event {
            self.amended(amended, here_ns(record));
        } else if let Event::CancelRejected(report) = event {
            let there_ns = report.venue_time_ns;
            self.answered(report.client_id, Asked::Cancel, there_ns, here_ns(record));
        } else if let Event::AmendRejected(report) = event {
            let there_ns = report.venue_time_ns;
            self.answered(report.client_id, Asked::Amend, there_ns, here_ns(record));
        } else if let Some((report, end)) = ended(event) {
            self.ended(report, end, here_ns(record));
        }
        Ok(())
    }

    fn heard(&mut self, there_ns: u64, record: &Record) {
        let Some(instrument) = record.instrument().filter(|_| there_ns > 0) else {
            return;
        };
        let here_ns = here_ns(record);
        let delay = here_ns.wrapping_sub(there_ns).cast_signed();
        let least = self.kept.feed_least.entry(instrument).or_insert(delay);
        *least = delay.min(*least);
        if delay > ANOTHER_TIME_NS {
            return;
        }
        self.market += 1;
        if self.market.is_multiple_of(self.every.max(1)) {
            self.kept.feed.push((there_ns, here_ns));
        }
        if self.kept.feed.len() == FEED_KEPT {
            let mut keep = false;
            self.kept.feed.retain(|_| {
                keep = !keep;
                !keep
            });
            self.every = 2 * self.every.max(1);
        }
    }

    fn blob(&mut self, part: &BlobPart) -> Result<(), blob::BlobError> {
        match self.assembler.push(part)? {
            Some((BlobKind::Instrument, bytes)) => {
                let spec: InstrumentSpec = blob::value(&bytes)?;
                let known = &mut self.kept.instruments;
                match known.iter_mut().find(|one| one.id == spec.id) {
                    Some(one) => *one = spec,
                    None => known.push(spec),
                }
            }
            Some((BlobKind::MachineConfig, bytes)) => {
                self.kept.machine = Some(blob::value(&bytes)?);
            }
            None => {}
        }
        Ok(())
    }

    fn sent(&mut self, sent: &Sent) {
        let Some(&place) = self.places.get(&sent.command) else {
            return;
        };
        let Some(command) = self.kept.commands.get_mut(place) else {
            return;
        };
        command.sent_ns = sent.written_ns;
        // Risk's own commands are caused by no message of the market's.
        if sent.received_ns > 0 && sent.intended_ns > 0 {
            let decide = sent.written_ns.saturating_sub(sent.received_ns);
            self.kept.decides.push(decide);
        }
        let Some(asked) = asked(&command.record) else {
            return;
        };
        self.asked.insert((sent.client_id, asked), place);
        if asked == Asked::New
            && let Some(known) = self.kept.orders.get_mut(&sent.client_id)
        {
            known.order.sent_ns = sent.written_ns;
        }
    }

    /// The venue's word on something that was asked: its first one tells when that arrived.
    fn answered(&mut self, client_id: u64, asked: Asked, there_ns: u64, here_ns: u64) {
        if there_ns == 0 {
            return;
        }
        self.kept.answers.push((there_ns, here_ns));
        let Some(place) = self.asked.remove(&(client_id, asked)) else {
            return;
        };
        if let Some(command) = self.kept.commands.get_mut(place) {
            command.arrived_ns = there_ns;
            self.kept.trips.push(Trip {
                asked,
                sent_ns: command.sent_ns,
                there_ns,
                here_ns,
            });
        }
    }

    fn acked(&mut self, report: &OrderReport, here_ns: u64) {
        let there_ns = report.venue_time_ns;
        self.answered(report.client_id, Asked::New, there_ns, here_ns);
        if let Some(known) = self.kept.orders.get_mut(&report.client_id)
            && known.fate.arrived_ns == 0
        {
            known.fate.arrived_ns = there_ns;
            known.rested(there_ns, known.qty);
        }
    }

    fn filled(&mut self, record: &Record, fill: &Fill) {
        let instrument = record.instrument().unwrap_or(InstrumentId(0));
        // A fill may be told twice: by the stream and by an answer.
        if !self.fills.insert((instrument, fill.trade_id)) {
            return;
        }
        if fill.liquidity == Liquidity::Taker {
            self.kept.takes.insert((instrument, fill.trade_id));
        }
        let times = (fill.venue_time_ns, here_ns(record));
        if times.0 > 0 {
            self.kept.answers.push(times);
        }
        if let Some(known) = self.kept.orders.get_mut(&fill.client_id) {
            known.fate.fill(fill.price, fill.qty, times, known.qty);
            known.rested(fill.venue_time_ns, -fill.qty.0);
        }
    }

    fn amended(&mut self, amended: &Amended, here_ns: u64) {
        let there_ns = amended.venue_time_ns;
        self.answered(amended.client_id, Asked::Amend, there_ns, here_ns);
        if let Some(known) = self.kept.orders.get_mut(&amended.client_id) {
            known.rested(there_ns, amended.qty.0.saturating_sub(known.qty));
            known.qty = amended.qty.0;
        }
    }

    fn ended(&mut self, report: &OrderReport, end: OrderEnd, here_ns: u64) {
        let there_ns = report.venue_time_ns;
        let asked = match end {
            OrderEnd::Cancelled => Asked::Cancel,
            OrderEnd::Filled
            | OrderEnd::Expired
            | OrderEnd::Rejected
            | OrderEnd::NotSent
            | OrderEnd::Open => Asked::New,
        };
        if end != OrderEnd::Expired {
            self.answered(report.client_id, asked, there_ns, here_ns);
        }
        if let Some(known) = self.kept.orders.get_mut(&report.client_id)
            && known.fate.end == OrderEnd::Open
        {
            known.fate.end(end, there_ns);
            known.rested(there_ns, known.fate.filled.saturating_sub(known.qty));
            if end == OrderEnd::Rejected {
                known.refused = report.reason;
                known.fate.arrived_ns = there_ns;
            }
        }
    }
}

impl Known {
    /// Its lots in the book change, if it is one that rests.
    fn rested(&mut self, there_ns: u64, lots: i64) {
        let rests = self.order.order_type != OrderType::Market
            && self.order.time_in_force == TimeInForce::Gtc;
        if rests && self.fate.arrived_ns > 0 {
            self.moves.push((there_ns, lots));
        }
    }
}

/// What a command asks for; `None` for one that places, changes or ends no single order.
pub(super) const fn asked(record: &Record) -> Option<Asked> {
    match record.kind() {
        Some(Kind::NewOrder | Kind::ReplaceOrder) => Some(Asked::New),
        Some(Kind::AmendOrder) => Some(Asked::Amend),
        Some(Kind::CancelOrder) => Some(Asked::Cancel),
        Some(_) | None => None,
    }
}

fn order(
    record: &Record,
    about: (u64, Side, OrderType, TimeInForce),
    size: (Ticks, Lots),
) -> Option<Order> {
    Some(Order {
        client_id: about.0,
        strategy: record.strategy(),
        account: record.account()?,
        instrument: record.instrument()?,
        side: about.1,
        order_type: about.2,
        time_in_force: about.3,
        price: size.0,
        qty: size.1,
        decided_ns: record.time_ns,
        sent_ns: 0,
    })
}
