//! Records of the gateway's events, and where they wait for the lane.
//!
//! Invariants
//! - E1: no event is dropped: what finds no place in the lane waits, and the socket is not read.
//! - E2: while the connection is reconciled, what the private stream says waits until the answers
//!   are out, so that an older answer never stands behind a newer event.
//!
//! Hot path: yes. Allocates: only if more waits than was prepared for.

use std::collections::VecDeque;

use model::body::{
    Amended, Balance, Channel, Fill, Funding, LinkState, OpenOrders, OrderReport, OrderStatus,
    PositionReport, RejectReason, Sent, Text, Transfer,
};
use model::ids::{AccountId, ClientOrderId, InstrumentId, SourceId, VenueId};
use model::num::Lots;
use model::ports::EventSink;
use model::record::{Kind, Record, flags};

use crate::link::speaker::{RemarkGate, Speaker};

/// A page of a thousand fills and everything else of one poll.
const WAITING_RECORDS: usize = 4_096;

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// An answer to a command.
    Answer,
    /// The private stream.
    Stream,
    /// A query or a reconciliation.
    Query,
}

/// Makes events and keeps them until the lane takes them.
#[derive(Debug)]
pub(super) struct Emitter {
    speaker: Speaker,
    account: AccountId,
    /// When the bytes were read that are dealt with now.
    pub(super) stamp_ns: u64,
    waiting: VecDeque<Record>,
    /// What the stream said while the connection is reconciled; `None` when it is not.
    held: VecDeque<Record>,
    holding: bool,
    remarks: RemarkGate,
}

impl Emitter {
    pub(super) fn new(venue: VenueId, account: AccountId) -> Self {
        Self {
            speaker: Speaker {
                venue,
                // The lane stamps its own.
                source: SourceId(0),
                channel: Channel::Orders,
            },
            account,
            stamp_ns: 0,
            waiting: VecDeque::with_capacity(WAITING_RECORDS),
            held: VecDeque::with_capacity(WAITING_RECORDS),
            holding: false,
            remarks: RemarkGate::default(),
        }
    }

    /// Moves into the lane what it takes; whether anything was moved.
    pub(super) fn flush(&mut self, sink: &mut impl EventSink) -> bool {
        let mut moved = false;
        while let Some(record) = self.waiting.front() {
            if !sink.push(record) {
                return moved;
            }
            self.waiting.pop_front();
            moved = true;
        }
        moved
    }

    /// Whether everything found its place: the socket may be read.
    pub(super) fn is_clear(&self) -> bool {
        self.waiting.is_empty()
    }

    /// From now on the stream's events wait.
    pub(super) const fn hold(&mut self) {
        self.holding = true;
    }

    /// The stream's events go out behind everything that went out until now.
    pub(super) fn release(&mut self) {
        self.holding = false;
        self.waiting.append(&mut self.held);
    }

    fn push(&mut self, record: Record, origin: Origin) {
        let record = record.on_account(self.account).stamped(self.stamp_ns);
        match origin {
            Origin::Stream if self.holding => self.held.push_back(record),
            Origin::Stream | Origin::Answer => self.waiting.push_back(record),
            Origin::Query => self.waiting.push_back(record.with_flags(flags::RECONCILED)),
        }
    }

    /// Something about one of our orders.
    pub(super) fn order(
        &mut self,
        kind: Kind,
        instrument: InstrumentId,
        report: &OrderReport,
        origin: Origin,
    ) {
        let record = of_order(Record::new(kind, report), report.client_id);
        self.push(record.on_instrument(instrument), origin);
    }

    /// A fill of one of our orders.
    pub(super) fn fill(&mut self, instrument: InstrumentId, fill: &Fill, origin: Origin) {
        let record = of_order(Record::new(Kind::OrderFilled, fill), fill.client_id);
        self.push(record.on_instrument(instrument), origin);
    }

    /// An order's quantity.
    pub(super) fn amended(&mut self, instrument: InstrumentId, body: &Amended, origin: Origin) {
        let record = of_order(Record::new(Kind::OrderAmended, body), body.client_id);
        self.push(record.on_instrument(instrument), origin);
    }

    /// Money that moved without a trade.
    pub(super) fn transfer(&mut self, transfer: &Transfer) {
        self.push(Record::new(Kind::Transfer, transfer), Origin::Stream);
    }

    /// A balance of the account.
    pub(super) fn balance(&mut self, balance: &Balance, origin: Origin) {
        self.push(Record::new(Kind::Balance, balance), origin);
    }

    /// A position of the account.
    pub(super) fn position(
        &mut self,
        instrument: InstrumentId,
        report: &PositionReport,
        origin: Origin,
    ) {
        let record = Record::new(Kind::PositionReport, report);
        self.push(record.on_instrument(instrument), origin);
    }

    /// Funding that was paid or received.
    pub(super) fn funding(&mut self, instrument: InstrumentId, funding: &Funding) {
        let record = Record::new(Kind::Funding, funding).on_instrument(instrument);
        self.push(record, Origin::Query);
    }

    /// The count of open orders.
    pub(super) fn open_orders(&mut self, ours: u64, foreign: u64) {
        let body = OpenOrders {
            ours,
            foreign,
            reserved: [0; 64],
        };
        self.push(Record::new(Kind::OpenOrders, &body), Origin::Query);
    }

    /// A command was written. It and the next speak of the command's strategy, not the order's.
    pub(super) fn sent(&mut self, command: &Record, sent: &Sent) {
        let record = like(Record::new(Kind::Sent, sent), command);
        self.push(record.stamped(sent.written_ns), Origin::Answer);
    }

    /// A command was not written.
    pub(super) fn send_failed(
        &mut self,
        command: &Record,
        client_id: u64,
        reason: RejectReason,
        words: &str,
    ) {
        let report = refusal(client_id, reason, 0, words);
        let mut record = like(Record::new(Kind::SendFailed, &report), command);
        record.detail = command.kind;
        self.push(record, Origin::Answer);
    }

    /// The connection's state.
    pub(super) fn link(&mut self, state: LinkState, code: i32, words: &str) {
        let record = self.speaker.says(state, code, words, self.stamp_ns);
        self.push(record, Origin::Answer);
    }

    /// A remark that matters by itself.
    pub(super) fn notice(&mut self, code: i32, words: &str) {
        self.link(LinkState::Notice, code, words);
    }

    /// One of many remarks: at most one a second goes out.
    #[cold]
    pub(super) fn remark(&mut self, code: i32, words: &str) {
        match self.remarks.pass(self.stamp_ns) {
            Some(0) => self.notice(code, words),
            Some(more) => self.notice(code, &format!("{words} (and {more} more)")),
            None => {}
        }
    }
}

fn like(record: Record, command: &Record) -> Record {
    let record = match command.strategy() {
        Some(strategy) => record.by_strategy(strategy),
        None => record,
    };
    match command.instrument() {
        Some(instrument) => record.on_instrument(instrument),
        None => record,
    }
}

fn of_order(record: Record, client_id: u64) -> Record {
    match ClientOrderId::from_raw(client_id).and_then(ClientOrderId::strategy) {
        Some(strategy) => record.by_strategy(strategy),
        None => record,
    }
}

/// A report that only refuses.
pub(super) fn refusal(client_id: u64, reason: RejectReason, code: i32, words: &str) -> OrderReport {
    OrderReport {
        client_id,
        venue_order_id: 0,
        venue_time_ns: 0,
        cum_qty: Lots(0),
        code,
        status: OrderStatus::NotStated,
        reason,
        text: Text::cut(words),
    }
}
