//! A venue behind a gateway: takes a command now and then, and answers each with several events.

use std::collections::VecDeque;

use engine::machine::Approved;
use model::body::{
    AssetName, Balance, Channel, Fill, LinkState, Liquidity, OpenOrders, OrderReport, OrderStatus,
    RejectReason, Sent, Side, Text,
};
use model::command::{CommandView, command};
use model::ids::AccountId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::num::{Lots, Money, Ticks};
use model::ports::{Clock, EventSink, Gateway, Trace, Worked};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::market::link;

/// Orders that the venue keeps open; it cancels the oldest itself beyond that.
const OPEN_MAX: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Resting {
    client_id: u64,
    command: Record,
    side: Side,
    price: Ticks,
    qty: Lots,
}

fn balance(asset: &str) -> Record {
    let body = Balance {
        free: Money::new(Decimal::from(1_000_000_000)),
        locked: Money::new(Decimal::ZERO),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    };
    Record::new(Kind::Balance, &body).on_account(AccountId(0))
}

/// Calls `on_send` with each command it takes, one every `every` polls.
pub(crate) struct Venue<S> {
    on_send: S,
    every: u64,
    polls: u64,
    ready: bool,
    answers: VecDeque<Record>,
    open: VecDeque<Resting>,
    last_id: u64,
}

impl<S: FnMut(&Record)> Venue<S> {
    pub(crate) fn new(every: u64, on_send: S) -> Self {
        let mut answers = VecDeque::with_capacity(1_024);
        answers.push_back(link(Channel::Orders, LinkState::Syncing));
        answers.push_back(balance("BTC"));
        answers.push_back(balance("USDT"));
        answers.push_back(link(Channel::Orders, LinkState::Up));
        Self {
            on_send,
            every,
            polls: 0,
            ready: true,
            answers,
            open: VecDeque::with_capacity(2 * OPEN_MAX),
            last_id: 0,
        }
    }

    /// The same venue, where our account is empty: risk must refuse everything.
    pub(crate) fn without_funds(mut self) -> Self {
        self.answers
            .retain(|record| record.kind() != Some(Kind::Balance));
        self
    }

    fn answer(&mut self, command: &Record, record: Record) {
        let mut record = record;
        if let Some(account) = command.account() {
            record = record.on_account(account);
        }
        if let Some(instrument) = command.instrument() {
            record = record.on_instrument(instrument);
        }
        if let Some(strategy) = command.strategy() {
            record = record.by_strategy(strategy);
        }
        self.answers.push_back(record);
    }

    fn report(&mut self, about: &Record, kind: Kind, client_id: u64, status: OrderStatus) {
        self.last_id += 1;
        let reason = if matches!(kind, Kind::CancelRejected | Kind::OrderAbsent) {
            RejectReason::UnknownOrder
        } else if kind == Kind::OrderRejected {
            RejectReason::Other
        } else {
            RejectReason::None
        };
        let body = OrderReport {
            client_id,
            venue_order_id: client_id & 0xffff_ffff,
            venue_time_ns: 0,
            cum_qty: Lots(0),
            code: 0,
            status,
            reason,
            text: Text::EMPTY,
        };
        self.answer(about, Record::new(kind, &body));
    }

    fn place(&mut self, resting: Resting) {
        self.report(
            &resting.command,
            Kind::OrderAcked,
            resting.client_id,
            OrderStatus::Open,
        );
        if self.last_id.is_multiple_of(4) {
            self.fill(&resting);
            return;
        }
        self.open.push_back(resting);
        if self.open.len() > OPEN_MAX
            && let Some(oldest) = self.open.pop_front()
        {
            let (about, id) = (oldest.command, oldest.client_id);
            self.report(&about, Kind::OrderExpired, id, OrderStatus::Expired);
        }
    }

    fn fill(&mut self, resting: &Resting) {
        let body = Fill {
            client_id: resting.client_id,
            venue_order_id: resting.client_id & 0xffff_ffff,
            venue_time_ns: 0,
            trade_id: self.last_id,
            price: resting.price,
            qty: resting.qty,
            fee: Money::new(Decimal::ZERO),
            fee_asset: AssetName::cut("USDT"),
            side: resting.side,
            liquidity: Liquidity::Maker,
        };
        self.answer(&resting.command, Record::new(Kind::OrderFilled, &body));
    }

    /// Whether the order was open, and is not any more.
    fn take_out(&mut self, client_id: u64) -> bool {
        let place = self
            .open
            .iter()
            .position(|order| order.client_id == client_id);
        place.is_some_and(|place| self.open.remove(place).is_some())
    }

    fn cancel(&mut self, about: &Record, client_id: u64) -> bool {
        let was_open = self.take_out(client_id);
        let (kind, status) = match was_open {
            true => (Kind::OrderCancelled, OrderStatus::Cancelled),
            false => (Kind::CancelRejected, OrderStatus::NotStated),
        };
        self.report(about, kind, client_id, status);
        was_open
    }

    fn act(&mut self, record: &Record) {
        match command(record).unwrap() {
            CommandView::NewOrder(order) => self.place(Resting {
                client_id: order.client_id,
                command: *record,
                side: order.side,
                price: order.price,
                qty: order.qty,
            }),
            CommandView::CancelOrder(cancel) => {
                self.cancel(record, cancel.client_id);
            }
            CommandView::ReplaceOrder(order) => {
                if self.cancel(record, order.cancel_client_id) {
                    self.place(Resting {
                        client_id: order.client_id,
                        command: *record,
                        side: order.side,
                        price: order.price,
                        qty: order.qty,
                    });
                } else {
                    let status = OrderStatus::Rejected;
                    self.report(record, Kind::OrderRejected, order.client_id, status);
                }
            }
            CommandView::QueryOrder(query) => {
                let is_open = |order: &Resting| order.client_id == query.client_id;
                let (kind, status) = match self.open.iter().any(is_open) {
                    true => (Kind::OrderStatus, OrderStatus::Open),
                    false => (Kind::OrderAbsent, OrderStatus::NotStated),
                };
                self.report(record, kind, query.client_id, status);
            }
            CommandView::QueryOpenOrders(_) => {
                let body = OpenOrders {
                    ours: self.open.len() as u64,
                    foreign: 0,
                    reserved: [0; 64],
                };
                self.answer(record, Record::new(Kind::OpenOrders, &body));
            }
            CommandView::CancelAll(_) => {
                let ids: Vec<u64> = self.open.iter().map(|order| order.client_id).collect();
                for client_id in ids {
                    self.cancel(record, client_id);
                }
            }
            CommandView::AmendOrder(amend) => {
                let status = OrderStatus::NotStated;
                self.report(record, Kind::AmendRejected, amend.client_id, status);
            }
            CommandView::Latch(_) => {}
        }
    }
}

impl<S: FnMut(&Record)> Gateway<Approved<Record>> for Venue<S> {
    fn capacity(&self) -> usize {
        usize::from(self.ready && self.answers.len() < 16 * COMMANDS_IN_FLIGHT_MAX)
    }

    fn send(&mut self, approved: Approved<Record>, trace: Trace, clock: &impl Clock) {
        assert!(self.ready, "more was offered than the capacity");
        self.ready = self.every <= 1;
        let record = *approved.as_ref();
        (self.on_send)(&record);
        let view = command(&record).unwrap();
        let sent = Sent {
            command: view.number(),
            client_id: view.client_id(),
            received_ns: trace.received_ns,
            sequenced_ns: trace.sequenced_ns,
            intended_ns: trace.intended_ns,
            approved_ns: trace.approved_ns,
            taken_ns: clock.now_ns(),
            written_ns: clock.now_ns(),
            reserved: [0; 16],
        };
        self.answer(&record, Record::new(Kind::Sent, &sent));
        self.act(&record);
    }

    fn poll(&mut self, _clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        self.polls += 1;
        if self.polls.is_multiple_of(self.every) {
            self.ready = true;
        }
        let mut worked = Worked::No;
        while let Some(answer) = self.answers.front() {
            if !sink.push(answer) {
                break;
            }
            self.answers.pop_front();
            worked = Worked::Yes;
        }
        worked
    }

    fn shut_down(&mut self) {}
}
