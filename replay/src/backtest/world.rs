//! One machine, its venues, and all that is on the way between them.
//!
//! The machine is the one that trades live, with its risk and its sizes. It hears the market when
//! it would have; the venue gets its orders when they would have arrived.

mod books;
mod opening;
mod waiting;

use std::time::Duration;

use engine::machine::{BOOK_WINDOW_MIN, Machine, MachineConfig, Moved, Outputs};
use engine::strategy::Registry;
use journal::{AppendError, Writer};
use model::body::{AssetName, Channel, LinkState};
use model::command::{CommandView, command};
use model::ids::{AccountId, VenueId};
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use self::books::Books;
use super::BacktestError;
use super::common::{Common, Mind};
use super::latency::{Clocks, Latencies, Way};
use super::mail::{Letter, Mail, Place};
use super::tape::Observer;
use super::timeline::Moment;
use super::venue::{VenuePlan, Venues};
use super::words;

/// How long to wait for a segment before the next try.
const SEGMENT_PAUSE: Duration = Duration::from_millis(1);

/// What one variant of a backtest is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The machine's configuration, as a live run's.
    pub machine: MachineConfig,
    /// Balances of each account at the start, in the order of the accounts.
    pub balances: Vec<Vec<(AssetName, Decimal)>>,
    /// The venues.
    pub venue: VenuePlan,
    /// Delays.
    pub latencies: Latencies,
    /// The machine's clock ticks at this interval, nanoseconds; above 0.
    pub tick_ns: u64,
    /// The money is sampled at this interval, nanoseconds; above 0.
    pub sample_ns: u64,
    /// Orders are let through from this time on, nanoseconds since the Unix epoch.
    pub from_ns: u64,
}

/// Counts of one world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the machine applied.
    pub events: u64,
    /// Commands that it decided.
    pub commands: u64,
    /// Orders that it placed.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Orders that the venue refused.
    pub rejects: u64,
    /// Wishes that risk refused.
    pub refusals: u64,
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct World {
    mind: Mind,
    outputs: Outputs,
    venues: Venues,
    mail: Mail,
    clocks: Clocks,
    plan: Plan,
    specs: Vec<InstrumentSpec>,
    venue_of: Vec<VenueId>,
    /// Whether an account's order connection is up, as we know it.
    up: Vec<bool>,
    /// How many of [`Common::waiting`] it has taken in.
    passed: usize,
    /// Before this time what we hear of the market may wait.
    quiet_ns: u64,
    ticks: u64,
    next_tick_ns: u64,
    next_sample_ns: u64,
    /// When and where something other than the market happens next.
    due: (u64, Place),
    began: bool,
    /// Why it cannot go on; the others do.
    pub(super) failed: Option<BacktestError>,
    now_ns: u64,
    pub(super) counts: Counts,
    pub(super) books: Books,
    journal: Option<Writer>,
    /// Refusals and words of the gateway, which are back at once.
    back: Vec<Record>,
}

impl World {
    pub(super) fn new(
        plan: Plan,
        specs: &[InstrumentSpec],
        registry: &Registry,
        journal: Option<Writer>,
    ) -> Self {
        let venue_of: Vec<VenueId> = plan.machine.accounts.iter().map(|one| one.venue).collect();
        // What is shown is lent: its own books are never used.
        let window = BOOK_WINDOW_MIN;
        let machine = Machine::with(registry.clone());
        Self {
            mind: Mind::Alone(Box::new(machine)),
            outputs: Outputs::new(),
            venues: Venues::new(specs, window, &plan.balances, plan.venue.clone()),
            mail: Mail::new(venue_of.len()),
            clocks: Clocks::new(plan.latencies.clone()),
            specs: specs.to_vec(),
            up: vec![false; venue_of.len()],
            venue_of,
            passed: 0,
            quiet_ns: 0,
            ticks: 0,
            next_tick_ns: 0,
            next_sample_ns: 0,
            due: (0, Place::MarketHere),
            began: false,
            failed: None,
            now_ns: 0,
            counts: Counts::default(),
            books: Books::new(specs.len()),
            journal,
            back: Vec::new(),
            plan,
        }
    }

    /// Goes on by this step, unless it has erred.
    #[inline]
    pub(super) fn go(&mut self, step: impl FnOnce(&mut Self) -> Result<(), BacktestError>) {
        if self.failed.is_none()
            && let Err(why) = step(self)
        {
            self.failed = Some(why);
            self.quiet_ns = 0;
        }
    }

    /// Comes to this time and place: everything that happens before has happened.
    #[inline]
    pub(super) fn reach(
        &mut self,
        at_ns: u64,
        place: Place,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        if self.due >= (at_ns, place) {
            return Ok(());
        }
        if !self.began {
            self.begin(at_ns, common)?;
        }
        self.catch_up(common)?;
        loop {
            self.due = self.next_due();
            if self.due >= (at_ns, place) {
                return Ok(());
            }
            if self.due == self.tick_due() {
                self.tick(common, observer)?;
            } else if let Some(mut letter) = self.mail.take_before(at_ns, place) {
                self.deliver(&mut letter, common, observer)?;
            }
        }
    }

    const fn tick_due(&self) -> (u64, Place) {
        (self.next_tick_ns, Place::AnswerHere)
    }

    fn next_due(&self) -> (u64, Place) {
        let tick = self.tick_due();
        self.mail.next().map_or(tick, |mail| mail.min(tick))
    }

    /// We hear of the market, which did this to the depth of its book.
    #[inline]
    pub(super) fn hear_market(
        &mut self,
        moment: &mut Moment<'_>,
        moved: Option<Moved>,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        self.catch_up(common)?;
        self.now_ns = moment.at_ns;
        self.clocks.heard(moment.there_ns, moment.at_ns);
        self.hear(moment.record, moment.at_ns, moved, common, observer)
    }

    fn tick(
        &mut self,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        let now_ns = self.next_tick_ns;
        self.next_tick_ns = now_ns.saturating_add(self.plan.tick_ns);
        self.ticks += 1;
        self.now_ns = now_ns;
        let mut tick = words::tick(self.ticks);
        self.hear(&mut tick, now_ns, None, common, observer)?;
        let machine = self.mind.machine();
        self.books.middles(now_ns, machine, observer);
        if now_ns >= self.next_sample_ns {
            self.next_sample_ns = now_ns.saturating_add(self.plan.sample_ns);
            self.books.sample(now_ns, machine, observer);
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        letter: &mut Letter,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        self.now_ns = letter.at_ns;
        match letter.place {
            Place::MarketHere | Place::AnswerHere => {
                self.note_link(&letter.record);
                let record = &mut letter.record;
                self.hear(record, letter.at_ns, None, common, observer)
            }
            Place::MarketThere | Place::CommandThere => {
                self.arrive(&letter.record, letter.at_ns, common)?;
                self.answer(letter.at_ns);
                Ok(())
            }
        }
    }

    /// A command, or a gateway that comes back, at the venue.
    fn arrive(
        &mut self,
        record: &Record,
        now_ns: u64,
        common: &mut Common,
    ) -> Result<(), BacktestError> {
        let shown = &mut common.shown;
        if record.kind == Kind::Connection.code() {
            let account = record.account().unwrap_or(AccountId(0));
            self.venues
                .seeing(shown, |venues| venues.reconcile(account, now_ns));
            self.venues.answers.push((account, *record));
            return Ok(());
        }
        // What arrives while the venue is away is lost; nobody hears of it.
        if self.venues.is_away(now_ns) {
            return Ok(());
        }
        self.books.arrived(record, now_ns);
        let done = self
            .venues
            .seeing(shown, |venues| venues.command(record, now_ns));
        Ok(done?)
    }

    /// The market's next event at its venue, which is what was seen last.
    #[inline]
    pub(super) fn market_there(
        &mut self,
        now_ns: u64,
        common: &mut Common,
    ) -> Result<(), BacktestError> {
        if self.venues.is_idle(&common.seen) {
            return Ok(());
        }
        self.catch_up(common)?;
        let Common { seen, shown, .. } = common;
        self.now_ns = now_ns;
        let done = self
            .venues
            .seeing(shown, |venues| venues.market(seen, now_ns));
        done?;
        if !self.venues.answers.is_empty() {
            self.answer(now_ns);
        }
        Ok(())
    }

    /// Sends what the venue says on its way to us.
    fn answer(&mut self, now_ns: u64) {
        let mut answers = std::mem::take(&mut self.venues.answers);
        let away = self.venues.outages().iter();
        let leaves_ns = away
            .filter(|outage| outage.holds(now_ns))
            .map(|outage| outage.to_ns)
            .fold(now_ns, u64::max);
        for (account, record) in answers.drain(..) {
            let delay = self.clocks.delay(Way::Back, leaves_ns);
            let at_ns = leaves_ns.saturating_add(delay);
            self.mail.post(account, Place::AnswerHere, at_ns, record);
        }
        self.venues.answers = answers;
        self.due = self.next_due();
    }

    /// The machine applies an event, and what it decides goes out.
    #[inline]
    fn hear(
        &mut self,
        record: &mut Record,
        now_ns: u64,
        moved: Option<Moved>,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        self.apply(record, now_ns, moved, common, observer)?;
        let mut next = 0;
        while let Some(mut record) = self.back.get(next).copied() {
            next += 1;
            self.apply(&mut record, now_ns, None, common, observer)?;
        }
        self.back.clear();
        Ok(())
    }

    #[inline]
    fn apply(
        &mut self,
        record: &mut Record,
        now_ns: u64,
        moved: Option<Moved>,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        self.counts.events += 1;
        record.event = self.counts.events;
        record.time_ns = now_ns;
        record.stamp_ns = now_ns;
        let applied = self.mind.apply(record, moved, common, &mut self.outputs);
        applied.map_err(|source| BacktestError::Apply { now_ns, source })?;
        // Whoever reads the journal finds each event before what it caused.
        self.quiet_ns = match self.journal {
            None => self.mind.quiet_until_ns(),
            Some(_) => 0,
        };
        if record.kind >= Kind::OrderAcked.code() {
            let machine = self.mind.machine();
            self.books
                .heard(record, &mut self.counts, machine, observer);
        }
        self.write(record)?;
        if self.outputs.commands.is_empty() && self.outputs.refusals.is_empty() {
            return Ok(());
        }
        self.counts.refusals += self.outputs.refusals.len() as u64;
        self.back.extend_from_slice(&self.outputs.refusals);
        for index in 0..self.outputs.commands.len() {
            let command = *self.outputs.commands[index].as_ref();
            self.send(&command, now_ns)?;
        }
        self.due = self.next_due();
        Ok(())
    }

    /// Appends to the backtest's journal, if it has one. A backtest is faster than the helpers that
    /// make segments ready: it waits for them.
    #[inline]
    fn write(&mut self, record: &Record) -> Result<(), BacktestError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        loop {
            match journal.append(record) {
                Ok(_) => return Ok(()),
                Err(AppendError::SegmentNotReady) => std::thread::sleep(SEGMENT_PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn send(&mut self, record: &Record, now_ns: u64) -> Result<(), BacktestError> {
        self.counts.commands += 1;
        self.write(record)?;
        let Ok(view) = command(record) else {
            return Ok(());
        };
        let machine = self.mind.machine();
        self.books
            .decided(record, &view, now_ns, &mut self.counts, machine);
        let account = record.account().unwrap_or(AccountId(0));
        let up = self.up.get(account.index()).copied().unwrap_or(false);
        if !up && !matches!(view, CommandView::Latch(_)) {
            let failed = words::send_failed(record, view.client_id(), "the venue is away");
            self.back.push(failed);
            return Ok(());
        }
        self.back.push(words::sent(record, &view, now_ns));
        let way = match view {
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_) => Way::New,
            CommandView::AmendOrder(_) => Way::Amend,
            CommandView::CancelOrder(_)
            | CommandView::CancelAll(_)
            | CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::Latch(_) => Way::Cancel,
        };
        let at_ns = now_ns.saturating_add(self.clocks.delay(way, now_ns));
        self.mail.post(account, Place::CommandThere, at_ns, *record);
        Ok(())
    }

    /// What we know of our own order connections.
    fn note_link(&mut self, record: &Record) {
        use model::event::{Event, View, view};
        let Ok(View::Event(Event::Connection(link))) = view(record) else {
            return;
        };
        if link.channel != Channel::Orders {
            return;
        }
        let account = record.account().unwrap_or(AccountId(0));
        if let Some(up) = self.up.get_mut(account.index()) {
            *up = link.state == LinkState::Up;
        }
    }

    /// Behind the data, which ended at this time: what the venues have said arrives, and the run
    /// ends. What is on its way to a venue does not, for there is no market any more that could say
    /// what became of it.
    pub(super) fn end(
        &mut self,
        last_ns: u64,
        common: &mut Common,
        observer: &mut impl Observer,
    ) -> Result<(), BacktestError> {
        self.catch_up(common)?;
        self.now_ns = self.now_ns.max(last_ns);
        while let Some(mut letter) = self.mail.take_before(u64::MAX, Place::MarketHere) {
            if letter.place == Place::AnswerHere {
                self.deliver(&mut letter, common, observer)?;
            }
        }
        let now_ns = self.now_ns;
        self.books.sample(now_ns, self.machine(), observer);
        let open = self.machine().orders().live_count() as u64;
        let mut ended = words::run_ended(open);
        self.hear(&mut ended, now_ns, None, common, observer)?;
        self.books.end(self.mind.machine(), observer);
        self.leave(common)?;
        if let Some(journal) = self.journal.take() {
            journal.close()?;
        }
        Ok(())
    }

    /// Its machine.
    pub(super) fn machine(&self) -> &Machine {
        self.mind.machine()
    }

    /// The instant that it has reached, nanoseconds since the Unix epoch.
    pub(super) const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Positions that the venues closed by force.
    pub(super) const fn liquidations(&self) -> u64 {
        self.venues.liquidations
    }

    /// What an account has at its venue, by asset.
    #[cfg(test)]
    pub(super) fn purses(&self, account: usize) -> Vec<(AssetName, Decimal)> {
        let purses = self.venues.accounts[account].purses.iter();
        purses.map(|purse| (purse.asset, purse.total)).collect()
    }
}
