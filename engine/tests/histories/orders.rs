//! Random histories of facts about orders, through risk: duplicates, reordering, fills before
//! their acknowledgement, late cancels, silence, absences. After each fact each order must be what
//! the oracle makes of the facts so far.

mod plan;

use engine::machine::{Action, Intent, Machine, OrderState, Outputs, Place, Risk, Size};
use model::body::{
    Amended, ControlAction, ControlRequest, OpenOrders, OrderStatus, OrderType, Outcome,
    RejectReason, Side, TimeInForce,
};
use model::control::Scope;
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;
use zerocopy::TryFromBytes as _;

use self::plan::{fact, parts};
use crate::kit::{self, ACCOUNT, INSTRUMENT, Rig, SECOND};
use crate::oracle::{self, Fact, Rules, Told};
use crate::runner::{Part, Random, run};

const RULES: Rules = Rules {
    ack_timeout_ns: 2 * SECOND,
    recv_window_ns: 5 * SECOND,
};
const MIDDLE: i64 = 1_000_000;
/// Trades that an order of a history may have.
const TRADES: u64 = 16;

#[derive(Debug, Clone, Copy)]
enum Step {
    Place {
        side: Side,
        qty: i64,
    },
    /// Replaces the order if it is open, with one of another quantity.
    Replace {
        order: usize,
        qty: i64,
    },
    Fact {
        order: usize,
        fact: Fact,
    },
    Wait(u64),
}

/// One order of a history: what was asked, and what was said of it.
struct Asked {
    client_id: ClientOrderId,
    side: Side,
    qty: i64,
    approved_ns: u64,
    command: Record,
    told: Vec<Told>,
    /// Whether the gateway reported its command: it does so exactly once.
    gone: bool,
}

struct State {
    risk: Risk,
    out: Outputs,
    now: u64,
    counter: u32,
    trades: u64,
    requests: u64,
    position: i64,
    asked: Vec<Asked>,
    outstanding: Vec<Record>,
    events: u64,
    /// When the list of open orders was asked for that did not come yet.
    list_asked: Option<u64>,
}

impl State {
    fn new() -> Self {
        let mut config = kit::config(vec![kit::maker()]);
        let limits = &mut config.limits;
        limits.orders.qty_max = Lots(1 << 40);
        limits.orders.position_max = Lots(1 << 50);
        limits.orders.value_max = Decimal::from(1_000_000_000);
        limits.messages_per_second = 100_000;
        limits.messages_burst = 100_000;
        limits.ack_timeout_ns = RULES.ack_timeout_ns;
        limits.recv_window_ns = RULES.recv_window_ns;
        // One book for all: its age is not what is tested here.
        limits.book_age_max_ns = 1 << 60;
        let mut rig = Rig::new();
        rig.begin(&config, 0);
        rig.apply(kit::connection(
            model::body::Channel::Orders,
            model::body::LinkState::Up,
        ));
        rig.apply(kit::balance("BTC", 1_000_000_000));
        rig.apply(kit::balance("USDT", 1_000_000_000_000));
        let now = rig.now;
        let mut state = Self {
            risk: std::mem::replace(&mut rig.machine, Machine::new())
                .into_parts()
                .risk,
            out: Outputs::new(),
            now,
            counter: 0,
            trades: 0,
            requests: 0,
            position: 0,
            asked: Vec::new(),
            outstanding: Vec::new(),
            events: 0,
            list_asked: None,
        };
        state.apply(kit::reset(1, 1), &[]);
        let book = [
            (Side::Buy, MIDDLE - 2, 50_000),
            (Side::Sell, MIDDLE + 2, 50_000),
        ];
        let whole = model::record::flags::LAST_OF_MESSAGE | model::record::flags::SNAPSHOT;
        state.apply(kit::levels(1, whole, &book), &[]);
        state
    }

    fn apply(&mut self, record: Record, actions: &[Action]) {
        let mut record = record;
        record.event = self.risk.last_event() + 1;
        record.time_ns = self.now;
        let intents: Vec<Intent> = actions
            .iter()
            .map(|&action| Intent {
                event: record.event,
                strategy: StrategyId(0),
                intended_ns: 0,
                action,
            })
            .collect();
        self.risk.apply(&record, &intents, &mut self.out).unwrap();
        self.events += 1;
        let asks = |record: &Record| record.kind() == Some(Kind::QueryOpenOrders);
        if self
            .out
            .commands
            .iter()
            .any(|command| asks(command.as_ref()))
        {
            self.list_asked.get_or_insert(self.now);
        }
        let commands = self.out.commands.iter().map(|command| *command.as_ref());
        self.outstanding.extend(commands);
        // Notices and refusals travel back at once.
        for back in self.out.refusals.clone() {
            self.apply(back, &[]);
        }
    }

    fn ask(&mut self, side: Side, qty: i64, replaces: Option<usize>) -> Result<(), String> {
        self.counter += 1;
        let epoch = self.risk.epoch();
        let client_id = ClientOrderId::new(epoch, Some(StrategyId(0)), self.counter).unwrap();
        let place = Place {
            client_id,
            instrument: InstrumentId(0),
            side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Ticks(MIDDLE - 100 * side.sign()),
            qty: Lots(qty),
            tag: 0,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        };
        let action = match replaces {
            Some(old) => Action::Replace {
                cancel: self.asked[old].client_id,
                place,
            },
            None => Action::Place(place),
        };
        let before = self.outstanding.len();
        self.apply(kit::tick(), &[action]);
        let command = self.outstanding[before..]
            .iter()
            .position(|command| is_placement(command, client_id));
        let Some(at) = command else {
            return Err(format!("order {} was refused", self.asked.len()));
        };
        let command = self.outstanding.remove(before + at);
        // Asking was itself a tick for those that were there before.
        for old in &mut self.asked {
            old.told.push(Told {
                at_ns: self.now,
                fact: Fact::Tick,
            });
        }
        self.asked.push(Asked {
            client_id,
            side,
            qty,
            approved_ns: self.now,
            command,
            told: Vec::new(),
            gone: false,
        });
        Ok(())
    }

    /// Two persons decide what became of an order. They may only where nobody can say.
    fn decide(&mut self, order: usize, absent: bool) {
        let Some(asked) = self.asked.get(order) else {
            return;
        };
        let state = oracle::end(asked.qty, asked.approved_ns, RULES, &asked.told).state;
        let id = asked.client_id.raw();
        let number = self.requests + 1;
        self.requests += 2;
        let action = ControlAction::Resolve;
        let mut request = kit::request(number, 0, action, Scope::Overall);
        let body = ControlRequest::try_mut_from_bytes(&mut request.body).unwrap();
        body.target = id;
        body.outcome = if absent {
            Outcome::Absent
        } else {
            Outcome::Cancelled
        };
        self.apply(request, &[]);
        self.apply(kit::approval(number + 1, 1, number), &[]);
        let at_ns = self.now;
        if state == OrderState::Unknown {
            let fact = Fact::Decided { absent };
            self.asked[order].told.push(Told { at_ns, fact });
        }
    }

    fn learn(&mut self, order: usize, fact: Fact) {
        if let Fact::Decided { absent } = fact {
            return self.decide(order, absent);
        }
        let Some(asked) = self.asked.get_mut(order) else {
            return;
        };
        if matches!(fact, Fact::Sent | Fact::SendFailed) {
            if asked.gone {
                return;
            }
            asked.gone = true;
        }
        if let Fact::Fill { trade, qty } = fact
            && asked
                .told
                .iter()
                .all(|told| !matches!(told.fact, Fact::Fill { trade: other, .. } if other == trade))
        {
            self.position += qty * asked.side.sign();
        }
        let record = record(asked, fact, self.trades + order as u64 * TRADES);
        let told = Told {
            at_ns: self.now,
            fact,
        };
        if fact == Fact::List {
            // It says what was so when it was asked for; one that nobody asked for says nothing.
            if let Some(at_ns) = self.list_asked.take() {
                for asked in &mut self.asked {
                    asked.told.push(Told { at_ns, fact });
                }
            }
        } else if fact == Fact::Tick {
            self.asked
                .iter_mut()
                .for_each(|asked| asked.told.push(told));
        } else {
            asked.told.push(told);
        }
        self.apply(record, &[]);
    }

    fn compare(&self) -> Result<(), String> {
        for (index, asked) in self.asked.iter().enumerate() {
            let order = self.risk.orders().get(asked.client_id);
            let order = order.ok_or(format!("order {index} is gone"))?;
            let is = oracle::End {
                state: order.state,
                filled: order.filled.0,
                reported: order.reported.0,
                exposure: order.exposure().0,
            };
            let want = oracle::end(asked.qty, asked.approved_ns, RULES, &asked.told);
            if is != want {
                return Err(format!("order {index} is {is:?}, must be {want:?}"));
            }
        }
        let position = self.risk.portfolio().position(ACCOUNT, INSTRUMENT);
        let lots = position.map_or(0, |position| position.lots.0);
        if lots != self.position {
            return Err(format!("position {lots}, must be {}", self.position));
        }
        Ok(())
    }

    /// Ends what is still live, as a venue would, and returns every credit.
    fn settle(&mut self) -> Result<(), String> {
        for index in 0..self.asked.len() {
            self.learn(index, Fact::Sent);
            let id = self.asked[index].client_id;
            let order = *self.risk.orders().get(id).unwrap();
            let missing = order.reported.0 - order.filled.0;
            if missing > 0 {
                let trade = TRADES - 1;
                self.learn(
                    index,
                    Fact::Fill {
                        trade,
                        qty: missing,
                    },
                );
            }
            // The fill may have shown that an order lives that was thought never sent, or absent.
            if !self.risk.orders().get(id).unwrap().state.is_ended() {
                self.learn(index, Fact::Cancelled { cum: 0 });
            }
        }
        self.compare()?;
        while let Some(command) = self.outstanding.pop() {
            self.apply(kit::sent(&command), &[]);
        }
        let live = self.risk.orders().live_count();
        let credits = self.risk.commands_in_flight();
        if live != 0 || credits != 0 {
            return Err(format!("{live} live orders and {credits} credits are left"));
        }
        self.trades += TRADES * self.asked.len() as u64;
        self.asked.clear();
        Ok(())
    }
}

fn is_placement(command: &Record, client_id: ClientOrderId) -> bool {
    matches!(command.kind(), Some(Kind::NewOrder | Kind::ReplaceOrder))
        && model::command::command(command).unwrap().client_id() == client_id.raw()
}

fn record(asked: &Asked, fact: Fact, trades: u64) -> Record {
    let id = asked.client_id.raw();
    let said = |kind, status, cum, reason| kit::report(kind, id, status, cum, reason);
    let (unstated, none) = (OrderStatus::NotStated, RejectReason::None);
    match fact {
        Fact::Sent => kit::sent(&asked.command),
        Fact::SendFailed => kit::send_failed(&asked.command),
        Fact::Unknown => said(Kind::OrderUnknown, unstated, 0, RejectReason::NoAnswer),
        Fact::Acked { cum } => said(Kind::OrderAcked, OrderStatus::Open, cum, none),
        Fact::Status { status, cum } => said(Kind::OrderStatus, status, cum, none),
        Fact::Rejected(reason) => said(Kind::OrderRejected, unstated, 0, reason),
        Fact::Cancelled { cum } => said(Kind::OrderCancelled, unstated, cum, none),
        Fact::Expired { cum } => said(Kind::OrderExpired, unstated, cum, none),
        Fact::Absent => said(Kind::OrderAbsent, unstated, 0, RejectReason::UnknownOrder),
        Fact::List => {
            let body = OpenOrders {
                ours: 0,
                foreign: 0,
                reserved: [0; 64],
            };
            Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT)
        }
        Fact::Amended { qty, cum } => {
            let body = Amended {
                client_id: id,
                venue_order_id: 0,
                venue_time_ns: 0,
                qty: Lots(qty),
                cum_qty: Lots(cum),
                reserved: [0; 40],
            };
            Record::new(Kind::OrderAmended, &body)
                .on_instrument(INSTRUMENT)
                .on_account(ACCOUNT)
        }
        Fact::CancelRejected { cum } => said(
            Kind::CancelRejected,
            unstated,
            cum,
            RejectReason::UnknownOrder,
        ),
        Fact::Fill { trade, qty } => {
            let price = MIDDLE - 100 * asked.side.sign();
            kit::fill(id, trades + trade + 1, asked.side, price, qty)
        }
        // Decisions are asked for by two records: see `decide`.
        Fact::Tick | Fact::Decided { .. } => kit::tick(),
    }
}

struct Orders;

impl Part for Orders {
    const NAME: &'static str = "orders";
    const SMALL: u64 = 4_000;
    const BATCH: u64 = 512;
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        State::new()
    }

    fn history(&self, random: &mut Random) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut orders: Vec<(i64, Vec<i64>)> = Vec::new();
        for _ in 0..=random.below(2) {
            let qty = random.lots(60, 400);
            let side = random.of(&[Side::Buy, Side::Sell]);
            orders.push((qty, parts(random, qty)));
            steps.push(Step::Place { side, qty });
        }
        for _ in 0..3 + random.below(9) {
            if random.one_in(2) {
                let wait = random.of(&[1_000_000, SECOND / 3, SECOND, 2 * SECOND, 6 * SECOND]);
                steps.push(Step::Wait(wait));
            }
            let order = usize::try_from(random.below(orders.len() as u64)).unwrap();
            if random.one_in(24) && orders.len() < 3 {
                let qty = random.lots(60, 400);
                orders.push((qty, parts(random, qty)));
                steps.push(Step::Replace { order, qty });
                continue;
            }
            let (qty, parts) = &orders[order];
            let fact = fact(random, *qty, parts);
            steps.push(Step::Fact { order, fact });
            if random.one_in(5) {
                // A venue that repeats itself, at once or later.
                let at = steps.len() - usize::try_from(random.below(3)).unwrap().min(steps.len());
                steps.insert(at.max(1), Step::Fact { order, fact });
            }
        }
        steps
    }

    fn check(&self, state: &mut State, steps: &[Step]) -> Result<u64, String> {
        let before = state.events;
        for &step in steps {
            match step {
                Step::Place { side, qty } => state.ask(side, qty, None)?,
                Step::Replace { order, qty } => {
                    let open = state.asked.get(order).and_then(|asked| {
                        let order = state.risk.orders().get(asked.client_id)?;
                        let open = order.state == OrderState::Open;
                        (open && order.cancel.pending_ns.is_none()).then_some(asked.side)
                    });
                    if let Some(side) = open {
                        state.ask(side, qty, Some(order))?;
                    }
                }
                Step::Fact { order, fact } => state.learn(order, fact),
                Step::Wait(nanoseconds) => state.now += nanoseconds,
            }
            state.compare()?;
        }
        state.settle()?;
        state.now += SECOND;
        Ok(state.events - before)
    }
}

#[test]
fn orders_end_as_the_set_of_their_facts_says() {
    run(&Orders);
}
