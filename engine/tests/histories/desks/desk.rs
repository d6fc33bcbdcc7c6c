//! Two machines of one configuration, and what has to hold after each event.

use std::collections::VecDeque;

use engine::machine::{AccountConfig, LevelConfig, Machine, MachineConfig, Outputs};
use model::blob::{self, BlobKind};
use model::body::{AssetName, Channel, LinkState, OperatorAction, Side};
use model::codec::encode_snapshot;
use model::command::{CommandView, command};
use model::control::{Control, Scope};
use model::event::{Event, event};
use model::ids::{AccountId, InstrumentId, SourceId, StrategyId, VenueId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::num::Lots;
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::Step;
use super::books::{Books, SETTLED};
use super::wild;
use crate::kit;
use crate::machine::Answer;

/// Largest position that the limits allow: small, so that it is met.
const POSITION_MAX: i64 = 600;

pub(super) struct Desk {
    config: MachineConfig,
    pub(super) specs: Vec<InstrumentSpec>,
    pub(super) machine: Machine,
    twin: Machine,
    out: Outputs,
    twin_out: Outputs,
    books: Books,
    pub(super) now: u64,
    pub(super) update_id: u64,
    pub(super) trade_id: u64,
    /// Best prices by instrument.
    pub(super) best: [(i64, i64); 4],
    /// Commands that the gateway has not reported yet.
    pub(super) outstanding: Vec<Record>,
    /// Largest number of a command that the log shows to have left.
    pub(super) left: u64,
    /// Refusals and notices on their way back.
    pub(super) back: VecDeque<Record>,
    pub(super) last: Option<Record>,
    pub(super) requests: u64,
    stopping: bool,
    pub(super) events: u64,
}

fn specs() -> Vec<InstrumentSpec> {
    let named = |id: u32, venue: u8, symbol: &str, base: &str| InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(venue),
        symbol: symbol.to_owned(),
        name: format!("{symbol}.{venue}"),
        base: base.to_owned(),
        ..kit::spec()
    };
    let terms = Perpetual {
        multiplier: Decimal::ONE,
        settle: SETTLED.to_owned(),
        maintenance: vec![MaintenanceTier {
            value_from: Decimal::ZERO,
            rate_bps: 50,
            deduction: Decimal::ZERO,
        }],
    };
    let perpetual = InstrumentSpec {
        quote: SETTLED.to_owned(),
        contract: Contract::Linear(terms),
        ..named(2, 0, "BTCUSDC", "BTC")
    };
    vec![
        named(0, 0, "BTCUSDT", "BTC"),
        named(1, 0, "ETHUSDT", "ETH"),
        perpetual,
        named(3, 1, "BTCUSDT", "BTC"),
    ]
}

/// Whose equity is kept: everything, each account, each strategy.
fn scopes() -> impl Iterator<Item = Scope> {
    let accounts = (0..3).map(|id| Scope::Account(AccountId(id)));
    let strategies = (0..3).map(|id| Scope::Strategy(StrategyId(id)));
    std::iter::once(Scope::Overall)
        .chain(accounts)
        .chain(strategies)
}

fn config() -> MachineConfig {
    let strategies = vec![
        wild::strategy(1, 0, &[0, 1, 2]),
        wild::strategy(2, 1, &[2, 1]),
        wild::strategy(3, 2, &[3]),
    ];
    let mut config = kit::config(strategies);
    let account = |venue: u8, name: &str| AccountConfig {
        venue: VenueId(venue),
        name: name.to_owned(),
    };
    config.accounts = vec![
        account(0, "main"),
        account(0, "second"),
        account(1, "other"),
    ];
    config.limits.orders.position_max = Lots(POSITION_MAX);
    // Never reached: the equity of these is kept event by event.
    config.control.levels = scopes()
        .map(|scope| LevelConfig {
            control: Control::Drawdown,
            scope,
            soft: None,
            hard: 1 << 60,
        })
        .collect();
    config
}

impl Desk {
    pub(super) fn new() -> Self {
        let mut desk = Self {
            config: config(),
            specs: specs(),
            machine: Machine::with(wild::registry()),
            twin: Machine::with(wild::registry()),
            out: Outputs::new(),
            twin_out: Outputs::new(),
            books: Books::default(),
            now: kit::START_NS,
            update_id: 10,
            trade_id: 0,
            best: [(999_998, 1_000_002); 4],
            outstanding: Vec::new(),
            left: 0,
            back: VecDeque::new(),
            last: None,
            requests: 0,
            stopping: false,
            events: 0,
        };
        desk.start(0).unwrap();
        for account in 0..3 {
            for (asset, amount) in [
                ("BTC", 100),
                ("ETH", 100),
                ("USDT", 900_000),
                (SETTLED, 900),
            ] {
                let record = kit::balance(asset, amount).on_account(AccountId(account));
                desk.apply(record).unwrap();
            }
        }
        desk
    }

    /// The first events of a run.
    pub(super) fn start(&mut self, journaled: u64) -> Result<(), String> {
        let epoch = self.machine.epoch() + 1;
        self.apply(kit::run_started(epoch, journaled))?;
        for record in blob::records(BlobKind::MachineConfig, &self.config).unwrap() {
            self.apply(record.from_source(SourceId(9)))?;
        }
        for spec in self.specs.clone() {
            for record in blob::records(BlobKind::Instrument, &spec).unwrap() {
                self.apply(record.from_source(SourceId(9)))?;
            }
        }
        for venue in 0..2 {
            self.link(venue, Channel::Orders, LinkState::Up)?;
        }
        (0..4).try_for_each(|instrument| self.book(instrument))
    }

    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        let mut record = record;
        record.event = self.machine.last_event() + 1;
        record.time_ns = self.now;
        self.note(&record);
        let halted = self.machine.kill_latched();
        let failed = |error| format!("event {}: {error}", record.event);
        self.machine.apply(&record, &mut self.out).map_err(failed)?;
        let twin = self.twin.apply(&record, &mut self.twin_out);
        twin.map_err(failed)?;
        self.events += 1;
        self.compare()?;
        // What follows from the configuration is made at the first event behind it.
        if !matches!(record.kind(), Some(Kind::RunStarted | Kind::BlobPart)) {
            self.compare_equity()?;
        }
        let halted = halted && self.machine.kill_latched() || self.stopping;
        self.check_commands(halted)?;
        let commands = self.out.commands.iter().map(|command| *command.as_ref());
        self.outstanding.extend(commands);
        self.back.extend(&self.out.refusals);
        Ok(())
    }

    /// Books what the event says, before the machine sees it.
    fn note(&mut self, record: &Record) {
        match event(record) {
            Ok(Event::OrderFilled(fill)) => {
                let spec = &self.specs[record.instrument().unwrap().index()];
                self.books.fill(record, fill, spec, &self.machine);
            }
            Ok(Event::Balance(balance)) => self.books.report(record, balance),
            Ok(Event::Transfer(transfer)) => self.books.transfer(record, transfer),
            Ok(Event::RunStarted(_)) => self.stopping = false,
            Ok(Event::Operator(operator)) if operator.action == OperatorAction::Stop => {
                self.stopping = true;
            }
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
        if !self.machine.risk().sums_hold() {
            return Err(format!(
                "event {number}: the sums over the orders are not their walk"
            ));
        }
        self.books.compare(&self.machine)
    }

    /// What is kept event by event is what is reckoned from all the books.
    fn compare_equity(&self) -> Result<(), String> {
        let books = self.machine.portfolio();
        for scope in scopes() {
            let whole = match scope {
                Scope::Overall | Scope::Venue(_) | Scope::Instrument(_) => books.equity_total(),
                Scope::Account(account) => books.equity(account),
                Scope::Strategy(strategy) => books.strategy_pnl(strategy),
            };
            let kept = books.running_equity(scope);
            let kept = kept.map(|kept| Decimal::new(kept, 8));
            let near = match (kept, whole) {
                (Some(kept), Some(whole)) => {
                    let apart = (kept - whole).abs();
                    apart <= Decimal::new(1, 5) + whole.abs() * Decimal::new(1, 12)
                }
                (None, None) => true,
                // An open profit of exactly nothing needs no rate where all is reckoned anew.
                (None, Some(_)) => books.rate(&AssetName::cut(SETTLED)).is_none(),
                (Some(_), None) => false,
            };
            if !near {
                return Err(format!(
                    "{scope:?}: equity kept {kept:?}, reckoned {whole:?}"
                ));
            }
        }
        Ok(())
    }

    /// What the account may hold at the worst on a side of an instrument, by a walk over all its
    /// live orders; a short position counts as a positive number of sold lots.
    fn worst(&self, account: AccountId, instrument: InstrumentId, side: Side) -> i64 {
        let position = self.machine.position(instrument, account);
        let lots = position.map_or(0, |position| position.lots.0) * side.sign();
        let orders = self.machine.orders().live();
        let same = orders
            .filter(|order| (order.account, order.instrument) == (account, instrument))
            .filter(|order| order.side == side && !order.reduce_only);
        lots + same.map(|order| order.exposure().0).sum::<i64>()
    }

    fn check_commands(&self, halted: bool) -> Result<(), String> {
        let first = self.machine.commands_decided() + 1 - self.out.commands.len() as u64;
        for (record, number) in self.out.commands.iter().zip(first..) {
            let record = record.as_ref();
            let view = command(record).unwrap();
            if view.number() != number {
                return Err(format!("command {} where {number} follows", view.number()));
            }
            let (side, reduces) = match view {
                CommandView::NewOrder(order) => (order.side, order.reduce_only.is_yes()),
                CommandView::ReplaceOrder(order) => (order.side, false),
                CommandView::CancelOrder(_)
                | CommandView::QueryOrder(_)
                | CommandView::QueryOpenOrders(_)
                | CommandView::AmendOrder(_)
                | CommandView::CancelAll(_)
                | CommandView::Latch(_) => continue,
            };
            if halted && !reduces {
                return Err(format!("command {number} opens although nothing may"));
            }
            let (account, instrument) = (record.account().unwrap(), record.instrument().unwrap());
            let configured = record.strategy().map(StrategyId::index);
            let own = configured.map(|index| self.config.strategies[index].account);
            if own.is_some_and(|own| own != account) {
                return Err(format!("command {number} is for another's account"));
            }
            let over = self.worst(account, instrument, side);
            if over > POSITION_MAX && !reduces {
                return Err(format!(
                    "command {number}: {over} lots at the worst, {POSITION_MAX} allowed"
                ));
            }
        }
        Ok(())
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
        let read = Machine::from_snapshot(&bytes, &wild::registry());
        self.twin = read.map_err(|error| error.to_string())?;
        if self.twin.state_hash() != self.machine.state_hash() {
            return Err("a machine read again is another one".to_owned());
        }
        Ok(())
    }

    pub(super) fn deliver(&mut self) -> Result<(), String> {
        while let Some(record) = self.back.pop_front() {
            self.apply(record)?;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Answer { pick, answer } => self.answer(pick, answer),
            Step::Fill {
                pick,
                part,
                stranger,
            } => self.fill(pick, part, stranger),
            Step::Again => self.last.map_or(Ok(()), |last| self.apply(last)),
            Step::Say { pick, word, cum } => self.word(pick, word, cum),
            Step::Request {
                pick,
                number,
                second,
            } => self.request(pick, number, second),
            Step::Operator(action) => self.apply(kit::operator(action)),
            Step::Tick => self.apply(kit::tick()),
            Step::Wait(nanoseconds) => {
                self.now += nanoseconds;
                Ok(())
            }
            Step::Restart { lost } => self.restart(lost),
            Step::Freeze => self.freeze(),
            Step::World(world) => self.world(world),
            Step::Money(money) => self.money(money),
        }
    }

    /// What lets the next history trade: connected, nothing latched by an operator, fresh books.
    pub(super) fn recover(&mut self) -> Result<(), String> {
        for venue in 0..2 {
            self.link(venue, Channel::Orders, LinkState::Up)?;
        }
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
        self.now += kit::SECOND;
        (0..4).try_for_each(|instrument| self.book(instrument))?;
        self.deliver()
    }
}
