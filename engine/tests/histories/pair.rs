//! Two machines side by side and a venue that says anything; at random places one machine is
//! frozen and read again. After each event: the same state, commands and notices on both sides;
//! money and lots as plain sums over the events say; no approval beyond a limit.

use std::collections::VecDeque;

use engine::machine::{Machine, MachineConfig, OrderState, Outputs};
use engine::strategy::Registry;
use model::blob::{self, BlobKind};
use model::body::{
    Channel, LinkState, OpenOrders, OperatorAction, OrderStatus, RejectReason, Side, Trade,
};
use model::codec::encode_snapshot;
use model::command::{CommandView, command};
use model::event::{Event, event};
use model::ids::{ClientOrderId, SourceId};
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};

use crate::books::Books;
use crate::kit::{self, ACCOUNT, INSTRUMENT, SECOND};
use crate::machine::{Answer, Step, Word};

/// Largest position that the limits allow: small, so that it is met.
const POSITION_MAX: i64 = 600;
/// Fills that the machine remembers by their trade: no more of them share a state.
const TRADES_MAX: u64 = 1_000;

pub(crate) struct Pair {
    config: MachineConfig,
    machine: Machine,
    twin: Machine,
    out: Outputs,
    twin_out: Outputs,
    books: Books,
    now: u64,
    update_id: u64,
    trade_id: u64,
    bid: i64,
    ask: i64,
    /// Commands that the gateway has not reported yet.
    outstanding: Vec<Record>,
    /// Largest number of a command that the log shows to have left.
    left: u64,
    /// Refusals and notices on their way back.
    pub(crate) back: VecDeque<Record>,
    last_fill: Option<Record>,
    killed: bool,
    stopping: bool,
    cancel_only: bool,
    pub(crate) events: u64,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let mut config = kit::config(vec![kit::maker(), kit::taker()]);
        config.limits.orders.position_max = Lots(POSITION_MAX);
        let mut state = Self {
            config,
            machine: Machine::new(),
            twin: Machine::new(),
            out: Outputs::new(),
            twin_out: Outputs::new(),
            books: Books::default(),
            now: kit::START_NS,
            update_id: 10,
            trade_id: 0,
            bid: 999_998,
            ask: 1_000_002,
            outstanding: Vec::new(),
            left: 0,
            back: VecDeque::new(),
            last_fill: None,
            killed: false,
            stopping: false,
            cancel_only: false,
            events: 0,
        };
        state.start(0).unwrap();
        state.apply(kit::balance("BTC", 100)).unwrap();
        state.apply(kit::balance("USDT", 1_000_000)).unwrap();
        state
    }

    /// The first events of a run.
    fn start(&mut self, journaled: u64) -> Result<(), String> {
        let epoch = self.machine.epoch() + 1;
        self.apply(kit::run_started(epoch, journaled))?;
        for record in blob::records(BlobKind::MachineConfig, &self.config).unwrap() {
            self.apply(record.from_source(SourceId(9)))?;
        }
        for record in blob::records(BlobKind::Instrument, &kit::spec()).unwrap() {
            self.apply(record.from_source(SourceId(9)))?;
        }
        self.apply(kit::connection(Channel::Orders, LinkState::Up))?;
        self.book()
    }

    fn apply(&mut self, record: Record) -> Result<(), String> {
        let mut record = record;
        record.event = self.machine.last_event() + 1;
        record.time_ns = self.now;
        self.note(&record);
        let failed = |error| format!("event {}: {error}", record.event);
        self.machine.apply(&record, &mut self.out).map_err(failed)?;
        self.twin
            .apply(&record, &mut self.twin_out)
            .map_err(failed)?;
        self.events += 1;
        self.compare()?;
        self.check_commands()?;
        let commands = self.out.commands.iter().map(|command| *command.as_ref());
        self.outstanding.extend(commands);
        self.back.extend(&self.out.refusals);
        Ok(())
    }

    /// Books what the event says, before the machine sees it.
    fn note(&mut self, record: &Record) {
        match event(record) {
            Ok(Event::OrderFilled(fill)) => {
                let id = ClientOrderId::from_raw(fill.client_id);
                let known = id.filter(|&id| self.machine.orders().get(id).is_some());
                let strategy = known.and_then(ClientOrderId::strategy).map(|id| id.0);
                self.books.fill(fill, strategy);
            }
            Ok(Event::Balance(balance)) => self.books.report(balance),
            Ok(Event::RunStarted(_)) => (self.stopping, self.cancel_only) = (false, false),
            Ok(Event::Operator(operator)) => match operator.action {
                OperatorAction::Kill => self.killed = true,
                OperatorAction::Release => self.killed = false,
                OperatorAction::Stop => self.stopping = true,
                OperatorAction::CancelOnly => self.cancel_only = true,
                OperatorAction::Resume => self.cancel_only = false,
                OperatorAction::ConfirmFlat => {}
            },
            _ => {}
        }
    }

    fn compare(&self) -> Result<(), String> {
        let (left, right) = (&self.out, &self.twin_out);
        let number = self.machine.last_event();
        if left.commands != right.commands || left.refusals != right.refusals {
            return Err(format!("event {number}: the machines decide differently"));
        }
        if self.machine.state_hash() != self.twin.state_hash() {
            return Err(format!("event {number}: the machines' states differ"));
        }
        let in_flight = self.machine.risk().commands_in_flight() as usize;
        if in_flight > COMMANDS_IN_FLIGHT_MAX {
            return Err(format!("{in_flight} commands in flight"));
        }
        self.books.compare(&self.machine)
    }

    /// Nothing is approved where nothing may be, nor beyond a limit, at its worst.
    fn check_commands(&self) -> Result<(), String> {
        let first = self.machine.commands_decided() + 1 - self.out.commands.len() as u64;
        for (record, number) in self.out.commands.iter().zip(first..) {
            let view = command(record.as_ref()).unwrap();
            if view.number() != number {
                return Err(format!("command {} where {number} follows", view.number()));
            }
            let (qty, price, side) = match view {
                CommandView::NewOrder(order) => (order.qty, order.price, order.side),
                CommandView::ReplaceOrder(order) => (order.qty, order.price, order.side),
                CommandView::CancelOrder(_)
                | CommandView::QueryOrder(_)
                | CommandView::QueryOpenOrders(_)
                | CommandView::AmendOrder(_)
                | CommandView::CancelAll(_)
                | CommandView::Latch(_) => continue,
            };
            if self.killed || self.stopping || self.cancel_only {
                return Err(format!("command {number} trades although nothing may"));
            }
            self.check_order(qty, price, side)?;
        }
        Ok(())
    }

    fn check_order(&self, qty: Lots, price: Ticks, side: Side) -> Result<(), String> {
        let limits = &self.config.limits;
        let value = kit::spec().notional(price, qty).unwrap();
        if qty > limits.orders.qty_max || value > limits.orders.value_max {
            return Err(format!(
                "{qty} lots at {price} are beyond the order's limits"
            ));
        }
        let live = self.machine.orders().live_count();
        if live > limits.open_orders_max as usize {
            return Err(format!("{live} orders are live"));
        }
        let position = self.machine.position(INSTRUMENT, ACCOUNT);
        let lots = position.map_or(0, |position| position.lots.0);
        let worst = |side: Side| -> i64 {
            let same = self
                .machine
                .orders()
                .live()
                .filter(|order| order.side == side);
            same.map(|order| order.exposure().0).sum()
        };
        // A fill that nobody asked for may have carried the position beyond the limit already;
        // then nothing may carry it further.
        let over = match side {
            Side::Buy => lots + worst(Side::Buy),
            Side::Sell => worst(Side::Sell) - lots,
        };
        if over > POSITION_MAX {
            return Err(format!("{over} lots at the worst, {POSITION_MAX} allowed"));
        }
        Ok(())
    }

    fn book(&mut self) -> Result<(), String> {
        self.update_id += 1;
        self.apply(kit::reset(self.update_id, 1))?;
        let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
        let best = [
            (Side::Buy, self.bid, 50_000),
            (Side::Sell, self.ask, 50_000),
        ];
        self.apply(kit::levels(self.update_id, whole, &best))
    }

    fn market(&mut self, up: i64, spread: i64) -> Result<(), String> {
        let old = (self.bid, self.ask);
        self.bid += up;
        self.ask = self.bid + spread;
        self.update_id += 1;
        let changes = [
            (Side::Buy, old.0, 0),
            (Side::Sell, old.1, 0),
            (Side::Buy, self.bid, 4_000),
            (Side::Sell, self.ask, 4_000),
        ];
        self.apply(kit::levels(
            self.update_id,
            flags::LAST_OF_MESSAGE,
            &changes,
        ))
    }

    fn trade(&mut self, side: Side, reach: i64) -> Result<(), String> {
        self.update_id += 1;
        let price = match side {
            Side::Buy => self.ask + reach,
            Side::Sell => self.bid - reach,
        };
        let body = Trade {
            trade_id: self.update_id,
            venue_time_ns: 0,
            price: Ticks(price),
            qty: Lots(10),
            aggressor: side,
            reserved: [0; 47],
        };
        self.apply(Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT))
    }

    fn answer(&mut self, pick: u64, answer: Answer) -> Result<(), String> {
        if self.outstanding.is_empty() {
            return Ok(());
        }
        // A gateway takes commands in their order and reports each once.
        let asked = self.outstanding.remove(0);
        let number = command(&asked).unwrap().number();
        if answer == Answer::NotSent {
            return self.apply(kit::send_failed(&asked));
        }
        self.left = self.left.max(number);
        self.apply(kit::sent(&asked))?;
        if answer == Answer::Silent {
            return Ok(());
        }
        self.reply(&asked, pick, answer)
    }

    /// What the venue says to a command that reached it.
    fn reply(&mut self, asked: &Record, pick: u64, answer: Answer) -> Result<(), String> {
        let view = command(asked).unwrap();
        let id = view.client_id();
        if answer == Answer::Unknown && id != 0 {
            let unstated = OrderStatus::NotStated;
            let lost = RejectReason::NoAnswer;
            return self.apply(kit::report(Kind::OrderUnknown, id, unstated, 0, lost));
        }
        let kind = match view {
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_) => Kind::OrderRejected,
            CommandView::CancelOrder(_) => Kind::CancelRejected,
            CommandView::AmendOrder(_) => Kind::AmendRejected,
            CommandView::QueryOrder(_) => Kind::OrderAbsent,
            CommandView::QueryOpenOrders(_) => return self.list(pick),
            CommandView::CancelAll(_) | CommandView::Latch(_) => return Ok(()),
        };
        if answer == Answer::Refused {
            let reason = if kind == Kind::OrderRejected {
                RejectReason::Filter
            } else {
                RejectReason::UnknownOrder
            };
            return self.apply(kit::report(kind, id, OrderStatus::NotStated, 0, reason));
        }
        match view {
            CommandView::CancelOrder(_) => {
                self.say(Kind::OrderCancelled, id, OrderStatus::Cancelled, 0)
            }
            CommandView::QueryOrder(_) => {
                let status = [
                    OrderStatus::Open,
                    OrderStatus::Cancelled,
                    OrderStatus::Filled,
                ];
                let status = status[usize::try_from(pick % 3).unwrap()];
                self.say(Kind::OrderStatus, id, status, 0)
            }
            CommandView::ReplaceOrder(new) => {
                let old = new.cancel_client_id;
                self.say(Kind::OrderCancelled, old, OrderStatus::Cancelled, 0)?;
                self.say(Kind::OrderAcked, id, OrderStatus::Open, 0)
            }
            CommandView::NewOrder(_) => self.say(Kind::OrderAcked, id, OrderStatus::Open, 0),
            CommandView::AmendOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::CancelAll(_)
            | CommandView::Latch(_) => Ok(()),
        }
    }

    fn list(&mut self, ours: u64) -> Result<(), String> {
        let body = OpenOrders {
            ours: ours % 5,
            foreign: 0,
            reserved: [0; 64],
        };
        self.apply(Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT))
    }

    fn say(&mut self, kind: Kind, id: u64, status: OrderStatus, cum: i64) -> Result<(), String> {
        self.apply(kit::report(kind, id, status, cum, RejectReason::None))
    }

    /// A live order of ours that the venue may know.
    fn live(&self, pick: u64) -> Option<(u64, Side, i64, i64)> {
        let known = |order: &&engine::machine::Order| order.state != OrderState::Approved;
        let orders: Vec<_> = self.machine.orders().live().filter(known).collect();
        let at = usize::try_from(pick % orders.len().max(1) as u64).unwrap();
        let order = orders.get(at)?;
        let left = (order.qty.0 - order.filled.0).max(0);
        Some((order.client_id.raw(), order.side, order.price.0, left))
    }

    fn fill(&mut self, pick: u64, part: u64, stranger: bool) -> Result<(), String> {
        if self.trade_id >= TRADES_MAX {
            return Ok(());
        }
        self.trade_id += 1;
        let record = if stranger {
            // Another program on the same account, say.
            kit::fill(
                0xff_0000_0000 + pick % 7,
                self.trade_id,
                Side::Buy,
                self.bid,
                5,
            )
        } else {
            let Some((id, side, price, left)) = self.live(pick) else {
                return Ok(());
            };
            let qty = match part % 3 {
                0 => left.max(1),
                _ => (left / 2).max(1),
            };
            kit::fill(id, self.trade_id, side, price, qty)
        };
        self.last_fill = Some(record);
        self.apply(record)
    }

    fn word(&mut self, pick: u64, word: Word, cum: i64) -> Result<(), String> {
        let Some((id, ..)) = self.live(pick) else {
            return Ok(());
        };
        let (kind, status) = match word {
            Word::Open => (Kind::OrderStatus, OrderStatus::Open),
            Word::Filled => (Kind::OrderStatus, OrderStatus::Filled),
            Word::Cancelled => (Kind::OrderCancelled, OrderStatus::Cancelled),
            Word::Expired => (Kind::OrderExpired, OrderStatus::Expired),
            Word::Absent => (Kind::OrderAbsent, OrderStatus::NotStated),
            Word::NoCancel => (Kind::CancelRejected, OrderStatus::NotStated),
        };
        self.say(kind, id, status, cum)
    }

    fn restart(&mut self, lost: u64) -> Result<(), String> {
        let decided = self.machine.commands_decided();
        let journaled = decided.saturating_sub(lost).max(self.left).min(decided);
        self.outstanding.clear();
        self.back.clear();
        self.start(journaled)
    }

    fn freeze(&mut self) -> Result<(), String> {
        let bytes = encode_snapshot(&self.machine).map_err(|error| error.to_string())?;
        self.twin = Machine::from_snapshot(&bytes, &Registry::standard())
            .map_err(|error| error.to_string())?;
        if self.twin.state_hash() != self.machine.state_hash() {
            return Err("a machine read again is another one".to_owned());
        }
        Ok(())
    }

    pub(crate) fn deliver(&mut self) -> Result<(), String> {
        while let Some(record) = self.back.pop_front() {
            self.apply(record)?;
        }
        Ok(())
    }

    pub(crate) fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Market { up, spread } => self.market(up, spread),
            Step::Trade { side, reach } => self.trade(side, reach),
            Step::Gap => {
                self.update_id += 1;
                self.apply(kit::reset(self.update_id, 1))?;
                self.book()
            }
            Step::Answer { pick, answer } => self.answer(pick, answer),
            Step::Fill {
                pick,
                part,
                stranger,
            } => self.fill(pick, part, stranger),
            Step::Again => self.last_fill.map_or(Ok(()), |fill| self.apply(fill)),
            Step::Say { pick, word, cum } => self.word(pick, word, cum),
            Step::Balance { asset, amount } => {
                let asset = if asset { "BTC" } else { "USDT" };
                self.apply(kit::balance(asset, amount))
            }
            Step::Operator(action) => self.apply(kit::operator(action)),
            Step::Link { channel, state } => {
                self.apply(kit::connection(channel, state))?;
                if channel == Channel::Market {
                    self.book()?;
                }
                Ok(())
            }
            Step::Tick => self.apply(kit::tick()),
            Step::Wait(nanoseconds) => {
                self.now += nanoseconds;
                Ok(())
            }
            Step::Restart { lost } => self.restart(lost),
            Step::Freeze => self.freeze(),
        }
    }

    /// What lets the next history trade: connected, nothing latched, a fresh book.
    pub(crate) fn recover(&mut self) -> Result<(), String> {
        self.apply(kit::connection(Channel::Orders, LinkState::Up))?;
        for action in [OperatorAction::Release, OperatorAction::Resume] {
            self.apply(kit::operator(action))?;
        }
        if self.stopping {
            self.restart(0)?;
        }
        while !self.outstanding.is_empty() {
            self.answer(0, Answer::Done)?;
            self.deliver()?;
        }
        self.now += SECOND;
        self.book()?;
        self.deliver()
    }
}
