//! Paper trading: a live market, and orders that go no further than the simulated venue.
//!
//! [`PaperFeed`] is a venue's feed that lets the paper venue hear what it says. [`PaperGateway`]
//! takes the place of the venue's gateway: commands arrive at the simulated venue after the
//! configured delay, and its answers come back after theirs, as a gateway's do. So the machine, the
//! journal and risk see nothing but a run.
//!
//! What happened at the venue is known here only when the feed has told it. A command that arrives
//! at some time is dealt with once the market's own times have passed that, or, where the market is
//! silent or slow, when its answer has to leave; so it meets the market that it would have met.
//!
//! Invariants
//! - P1: no market record is lost between feed and venue: what has no place is not taken.
//! - P2: every command leads to exactly one `Sent` or `SendFailed`.
//! - P3: ids of trades and orders are above all those of earlier runs.
//!
//! Thread: the feed's and the gateway's workers. Hot path: yes, of a rehearsal. Allocates: as the
//! simulated venue does.

use std::collections::VecDeque;
use std::marker::PhantomData;

use model::body::{AssetName, Channel, LinkState, OrderStatus, RejectReason, Sent};
use model::command::{CommandView, command};
use model::event::{Event, View, view};
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::Lots;
use model::ports::{Clock, EventSink, Feed, Gateway, Trace, Worked};
use model::record::{Kind, Record, flags};
use rtrb::{Consumer, Producer, RingBuffer};
use rust_decimal::Decimal;

use super::common::Common;
use super::latency::{Clocks, Delay, Latencies, Way};
use super::venue::{VenuePlan, Venues};
use super::words::{self, Said};

/// Market records that may wait for the paper venue.
const TAP_RECORDS: usize = 1 << 14;

/// Commands that may be on their way to it.
const COMMANDS_MAX: usize = 1_024;

/// What one account's paper venue is made of.
#[derive(Debug, Clone)]
pub struct PaperPlan {
    /// The simulated venue.
    pub venue: VenuePlan,
    /// Delays of orders and answers. The feed's is the real one, and so is `decide`.
    pub latencies: Latencies,
    /// The venue's instruments.
    pub instruments: Vec<InstrumentSpec>,
    /// The venue.
    pub id: VenueId,
    /// The account.
    pub account: AccountId,
    /// What the account has at the start.
    pub balances: Vec<(AssetName, Decimal)>,
    /// What may have rested at the paper venue of an earlier run: it ended with that run.
    pub rested: Vec<Rested>,
    /// Width of a book, ticks a side.
    pub window_ticks: u32,
}

/// An order of an earlier run that ended with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rested {
    /// Raw client order id.
    pub client_id: u64,
    /// What it traded.
    pub instrument: InstrumentId,
    /// Filled, lots.
    pub filled: Lots,
}

/// A feed that a paper venue listens to.
#[derive(Debug)]
pub struct PaperFeed<F> {
    feed: F,
    taps: Vec<Producer<Record>>,
}

/// The way to an account at a paper venue; `C` is the type of command that it takes.
#[derive(Debug)]
pub struct PaperGateway<C> {
    plan: PaperPlan,
    venues: Venues,
    common: Common,
    clocks: Clocks,
    tap: Consumer<Record>,
    /// On their way to the venue: when they arrive, how long the answer takes, and what.
    there: VecDeque<(u64, u64, Record)>,
    /// Words of the gateway itself.
    said: VecDeque<Record>,
    /// On their way back: when they are here.
    back: VecDeque<(u64, Record)>,
    /// The venue's time.
    at_ns: u64,
    state: State,
    commands: PhantomData<fn(C)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said yet.
    New,
    Up,
    /// A sum was beyond any number: nothing is simulated any more.
    Failed,
}

/// A feed and its paper venues, one for each account.
pub fn paper<C, F>(feed: F, plans: Vec<PaperPlan>) -> (PaperFeed<F>, Vec<PaperGateway<C>>) {
    let mut taps = Vec::new();
    let mut gateways = Vec::new();
    for plan in plans {
        let (tap, listens) = RingBuffer::new(TAP_RECORDS);
        taps.push(tap);
        gateways.push(PaperGateway::new(plan, listens));
    }
    (PaperFeed { feed, taps }, gateways)
}

#[cfg(test)]
impl<F> PaperFeed<F> {
    /// The feed below.
    pub(super) const fn feed_mut(&mut self) -> &mut F {
        &mut self.feed
    }
}

/// The lane and the paper venues behind it.
struct Tee<'a, S> {
    sink: &'a mut S,
    taps: &'a mut [Producer<Record>],
}

impl<S: EventSink> EventSink for Tee<'_, S> {
    fn free(&self) -> usize {
        // Whoever has gone takes nothing any more.
        let taps = self.taps.iter().filter(|tap| !tap.is_abandoned());
        let least = taps.map(Producer::slots).min();
        self.sink.free().min(least.unwrap_or(usize::MAX))
    }

    fn push(&mut self, record: &Record) -> bool {
        if self.free() == 0 || !self.sink.push(record) {
            return false;
        }
        if is_market(record) {
            for tap in self.taps.iter_mut().filter(|tap| !tap.is_abandoned()) {
                let taken = tap.push(*record);
                debug_assert!(taken.is_ok(), "Invariant P1: there was a place");
            }
        }
        true
    }
}

impl<F: Feed> Feed for PaperFeed<F> {
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let taps = &mut self.taps;
        self.feed.poll(clock, &mut Tee { sink, taps })
    }

    fn shut_down(&mut self) {
        self.feed.shut_down();
    }
}

#[inline]
fn is_market(record: &Record) -> bool {
    Kind::from_code(record.kind).is_some_and(Kind::is_market)
}

impl<C> PaperGateway<C> {
    fn new(mut plan: PaperPlan, tap: Consumer<Record>) -> Self {
        // What a decision takes has passed when a command comes here.
        plan.latencies.decide = Delay::Constant(0);
        // The simulated venue numbers its instruments from 0 on, and its accounts too.
        let ids = (0..).map(InstrumentId);
        let specs = plan.instruments.iter().zip(ids);
        let specs: Vec<InstrumentSpec> = specs
            .map(|(spec, id)| InstrumentSpec { id, ..spec.clone() })
            .collect();
        let balances = [plan.balances.clone()];
        Self {
            venues: Venues::new(&specs, plan.window_ticks, &balances, plan.venue.clone()),
            common: Common::new(&specs, plan.window_ticks),
            clocks: Clocks::new(plan.latencies.clone()),
            tap,
            there: VecDeque::with_capacity(COMMANDS_MAX),
            said: VecDeque::with_capacity(COMMANDS_MAX),
            back: VecDeque::with_capacity(COMMANDS_MAX),
            at_ns: 0,
            state: State::New,
            plan,
            commands: PhantomData,
        }
    }

    /// The connection comes up: balances, what rests, and the word.
    fn open(&mut self, now_ns: u64) {
        self.state = State::Up;
        self.at_ns = now_ns;
        // Time itself is above every number that an earlier run gave.
        self.venues.number_from(now_ns);
        if let Some(held) = self.venues.accounts.first_mut() {
            let assets: Vec<AssetName> = held.purses.iter().map(|purse| purse.asset).collect();
            for asset in assets {
                let told = held.told(asset, now_ns).with_flags(flags::RECONCILED);
                self.back.push_back((now_ns, told));
            }
        }
        for rested in std::mem::take(&mut self.plan.rested) {
            let said = Said {
                client_id: rested.client_id,
                venue_order_id: 0,
                status: OrderStatus::Expired,
                cum: rested.filled.0,
                reason: RejectReason::None,
                text: "ended with the paper venue's run",
            };
            let kind = Kind::OrderExpired;
            let told = words::report(kind, rested.instrument, now_ns, said);
            let told = told.with_flags(flags::RECONCILED);
            self.back.push_back((now_ns, told));
        }
        self.venues.reconcile(HERE, now_ns);
        for (_, record) in self.venues.answers.drain(..) {
            let told = record.with_flags(flags::RECONCILED);
            self.back.push_back((now_ns, told));
        }
        let words = "paper: orders go no further";
        let up = words::link(self.plan.id, Channel::Orders, LinkState::Up, words);
        self.back.push_back((now_ns, up));
    }

    /// Lets the venue hear the market, and what arrives there in between.
    fn hear(&mut self) -> bool {
        let mut heard = false;
        while let Ok(record) = self.tap.pop() {
            heard = true;
            let Some(place) = self.place(&record) else {
                continue;
            };
            // The venue's clock may be off: nothing is heard before it happened.
            let there_ns = match venue_time(&record) {
                0 => record.stamp_ns,
                there_ns => there_ns.min(record.stamp_ns),
            };
            self.clocks.heard(there_ns, record.stamp_ns);
            self.arrive_before(there_ns);
            self.at_ns = self.at_ns.max(there_ns);
            if self.common.happens(&record.on_instrument(place)) {
                self.market();
            }
        }
        heard
    }

    /// What the market's last event means to the orders here.
    fn market(&mut self) {
        let Common { seen, shown, .. } = &mut self.common;
        if self.venues.is_idle(seen) {
            return;
        }
        let done = self
            .venues
            .seeing(shown, |venues| venues.market(seen, self.at_ns));
        self.answer(None, done.is_ok());
    }

    /// Commands that arrived before the market's `there_ns`.
    fn arrive_before(&mut self, there_ns: u64) {
        while self.there.front().is_some_and(|next| next.0 < there_ns) {
            self.arrive();
        }
    }

    /// Commands whose answers have to leave.
    fn arrive_due(&mut self, now_ns: u64) -> bool {
        let mut arrived = false;
        while self
            .there
            .front()
            .is_some_and(|next| next.0.saturating_add(next.1) <= now_ns)
        {
            self.arrive();
            arrived = true;
        }
        arrived
    }

    fn arrive(&mut self) {
        let Some((arrives_ns, back_ns, record)) = self.there.pop_front() else {
            return;
        };
        self.at_ns = self.at_ns.max(arrives_ns);
        let done = self.venues.seeing(&mut self.common.shown, |venues| {
            venues.command(&record, self.at_ns)
        });
        self.answer(Some(back_ns), done.is_ok());
    }

    /// Sends on its way what the venue says: after `back_ns`, or a delay of its own.
    fn answer(&mut self, back_ns: Option<u64>, done: bool) {
        if !done {
            self.fail();
        }
        for (_, record) in std::mem::take(&mut self.venues.answers) {
            let delay = match back_ns {
                Some(back_ns) => back_ns,
                None => self.clocks.delay(Way::Back, self.at_ns),
            };
            let record = match record.instrument() {
                Some(place) => match self.plan.instruments.get(place.index()) {
                    Some(spec) => record.on_instrument(spec.id),
                    None => record,
                },
                None => record,
            };
            self.post_back(self.at_ns.saturating_add(delay), record);
        }
    }

    /// A connection keeps its order.
    fn post_back(&mut self, here_ns: u64, record: Record) {
        let last_ns = self.back.back().map_or(0, |last| last.0);
        self.back.push_back((here_ns.max(last_ns), record));
    }

    fn fail(&mut self) {
        if self.state == State::Failed {
            return;
        }
        self.state = State::Failed;
        let words = "paper: a sum beyond any number; nothing is simulated any more";
        let down = words::link(self.plan.id, Channel::Orders, LinkState::Down, words);
        self.post_back(self.at_ns, down);
    }

    /// The simulated venue's number of a record's instrument, if it is one of its own.
    fn place(&self, record: &Record) -> Option<InstrumentId> {
        let own = record.instrument()?;
        let place = self
            .plan
            .instruments
            .iter()
            .position(|spec| spec.id == own)?;
        u32::try_from(place).ok().map(InstrumentId)
    }

    /// The command as the simulated venue knows it.
    fn known(&self, record: &Record) -> Option<Record> {
        let record = record.on_account(HERE);
        match record.instrument() {
            Some(_) => Some(record.on_instrument(self.place(&record)?)),
            None => Some(record),
        }
    }

    /// Tells what is here by now, as far as the lane takes it.
    fn tell(&mut self, now_ns: u64, sink: &mut impl EventSink) -> bool {
        let mut told = false;
        while let Some(record) = self.said.front() {
            let record = record.on_account(self.plan.account).stamped(now_ns);
            if !sink.push(&record) {
                return told;
            }
            self.said.pop_front();
            told = true;
        }
        while let Some((here_ns, record)) = self.back.front() {
            let record = record.on_account(self.plan.account).stamped(now_ns);
            if *here_ns > now_ns || !sink.push(&record) {
                break;
            }
            self.back.pop_front();
            told = true;
        }
        told
    }
}

/// The account's number at its own paper venue.
const HERE: AccountId = AccountId(0);

impl<C: AsRef<Record>> Gateway<C> for PaperGateway<C> {
    fn capacity(&self) -> usize {
        let waiting = self.there.len().max(self.back.len()).max(self.said.len());
        COMMANDS_MAX.saturating_sub(waiting)
    }

    fn send(&mut self, sends: C, trace: Trace, clock: &impl Clock) {
        let record = sends.as_ref();
        let now_ns = clock.now_ns();
        let Ok(asked) = command(record) else {
            return;
        };
        let known = self.known(record).filter(|_| self.state == State::Up);
        let Some(known) = known else {
            let words = "the paper venue is not there";
            let failed = words::send_failed(record, asked.client_id(), words);
            self.said.push_back(failed);
            return;
        };
        let sent = Sent {
            command: asked.number(),
            client_id: asked.client_id(),
            received_ns: trace.received_ns,
            sequenced_ns: trace.sequenced_ns,
            intended_ns: trace.intended_ns,
            approved_ns: trace.approved_ns,
            taken_ns: now_ns,
            written_ns: now_ns,
            reserved: [0; 16],
        };
        let mut said = words::sent(record, &asked, now_ns);
        said.body = Record::new(Kind::Sent, &sent).body;
        self.said.push_back(said);
        let way = match asked {
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_) => Way::New,
            CommandView::AmendOrder(_) => Way::Amend,
            CommandView::CancelOrder(_)
            | CommandView::CancelAll(_)
            | CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_) => Way::Cancel,
            CommandView::Latch(_) => return,
        };
        let last_ns = self.there.back().map_or(0, |last| last.0);
        let delay = self.clocks.delay(way, now_ns);
        let arrives_ns = now_ns.saturating_add(delay).max(last_ns);
        let back_ns = self.clocks.delay(Way::Back, arrives_ns);
        self.there.push_back((arrives_ns, back_ns, known));
    }

    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let now_ns = clock.now_ns();
        if self.state == State::New {
            self.open(now_ns);
        }
        let heard = self.hear();
        let arrived = self.arrive_due(now_ns);
        let told = self.tell(now_ns, sink);
        Worked::from(heard || arrived || told)
    }

    /// There is no connection to close.
    fn shut_down(&mut self) {}
}

/// The venue's time of a market record; 0 if it gave none.
fn venue_time(record: &Record) -> u64 {
    let Ok(View::Event(event)) = view(record) else {
        return 0;
    };
    if let Event::BookLevels(levels) = event {
        levels.venue_time_ns
    } else if let Event::Trade(trade) = event {
        trade.venue_time_ns
    } else if let Event::Quote(quote) = event {
        quote.venue_time_ns
    } else if let Event::Mark(mark) = event {
        mark.venue_time_ns
    } else {
        0
    }
}
