//! Orders that were decided elsewhere, played into the simulated venue: what would have become of
//! each. No machine takes part, so nothing that the simulation does changes what is asked next.
//!
//! The orders' own money and positions are not played: every account has more than it can need.

use std::collections::HashMap;

use engine::machine::BOOK_WINDOW_MIN;
use model::body::{AssetName, OrderReport, OrderStatus};
use model::command::{CommandView, command};
use model::event::{Event, View, view};
use model::ids::AccountId;
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::record::Record;
use rust_decimal::Decimal;

use super::common::Common;
use super::latency::{Clocks, Latencies, Way};
use super::mail::{Mail, Place};
use super::ours::Ours;
use super::timeline::{Side, Timeline};
use super::venue::{VenuePlan, Venues};
use super::{BacktestError, Feed, OrderEnd};

/// What every account has of each asset: more than any order of a recording can need, and few
/// enough digits for exact sums.
const PURSE: i64 = 1_000_000_000_000;

/// What became of an order at a venue. Times are the venue's, nanoseconds since the Unix epoch; 0
/// where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// When it arrived.
    pub arrived_ns: u64,
    /// When it first traded.
    pub first_fill_ns: u64,
    /// When we learned of that.
    pub first_heard_ns: u64,
    /// How much of it traded, lots.
    pub filled: i64,
    /// Sum of price times quantity over its fills, ticks times lots.
    pub value: i128,
    /// How it ended.
    pub end: OrderEnd,
    /// When it ended.
    pub ended_ns: u64,
}

impl Fate {
    /// Of an order of which nothing was heard yet.
    pub(crate) const NONE: Self = Self {
        arrived_ns: 0,
        first_fill_ns: 0,
        first_heard_ns: 0,
        filled: 0,
        value: 0,
        end: OrderEnd::Open,
        ended_ns: 0,
    };

    /// Mean price of its fills, ticks; `None` without one.
    #[must_use]
    pub fn price(&self) -> Option<f64> {
        (self.filled > 0).then(|| self.value as f64 / self.filled as f64)
    }

    /// One more fill, of an order of `qty` lots.
    pub(crate) fn fill(&mut self, price: Ticks, lots: Lots, times: (u64, u64), qty: i64) {
        if self.filled == 0 {
            (self.first_fill_ns, self.first_heard_ns) = times;
        }
        self.filled = self.filled.saturating_add(lots.0);
        let value = i128::from(price.0) * i128::from(lots.0);
        self.value = self.value.saturating_add(value);
        if self.filled >= qty {
            (self.end, self.ended_ns) = (OrderEnd::Filled, times.0);
        }
    }

    /// It ended otherwise than by its fills. The first word counts.
    pub(crate) fn end(&mut self, end: OrderEnd, at_ns: u64) {
        if self.end == OrderEnd::Open {
            (self.end, self.ended_ns) = (end, at_ns);
        }
    }
}

/// Something that was asked of a venue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// When it left us, by the venue's clock.
    pub(crate) sent_ns: u64,
    /// When it arrived, if that is known and to be kept to.
    pub(crate) arrives_ns: Option<u64>,
    /// The command.
    pub(crate) record: Record,
    /// Quantity of the order that it places, lots; 0 for another command.
    pub(crate) qty: i64,
}

/// A venue to play the orders into.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) venue: VenuePlan,
    pub(crate) latencies: Latencies,
}

/// What is played: the market, and into it, in the order of their leaving, the requests.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    pub(crate) feed: Feed,
    pub(crate) requests: &'a [Request],
    pub(crate) accounts: usize,
    pub(crate) window_ticks: u32,
    /// What the market shows of our own orders.
    pub(crate) ours: Ours,
}

/// Plays the script into each of the stages, in one pass; the fates of each, by client order id.
/// `progress` hears now and then how many market records were read.
pub(crate) fn play(
    script: Script<'_>,
    stages: &[Stage],
    mut progress: impl FnMut(u64),
) -> Result<Vec<HashMap<u64, Fate>>, BacktestError> {
    let Script {
        mut feed,
        requests,
        accounts,
        window_ticks,
        mut ours,
    } = script;
    for source in &feed.instruments {
        if let Some(set) = feed.sets.get_mut(source.set) {
            set.number(source.place, source.spec.id);
        }
    }
    let specs: Vec<InstrumentSpec> = feed.instruments.into_iter().map(|one| one.spec).collect();
    let mut desks: Vec<Desk> = stages
        .iter()
        .map(|stage| Desk::new(stage, &specs, accounts))
        .collect();
    let as_recorded = Latencies::none();
    let range = (feed.from_ns, feed.to_ns);
    let mut timeline = Timeline::new(feed.sets, &as_recorded, feed.shift, feed.late_max_ns, range)?;
    let mut common = Common::new(&specs, window_ticks);
    let mut moments = 0_u64;
    while timeline.next()? {
        let (at_ns, side) = (timeline.at_ns(), timeline.side());
        let place = match side {
            Side::Here => Place::MarketHere,
            Side::There => Place::MarketThere,
        };
        for desk in &mut desks {
            desk.advance(requests, at_ns, place, &mut common)?;
        }
        let Some(moment) = timeline.moment() else {
            break;
        };
        if side == Side::Here {
            for desk in &mut desks {
                desk.clocks.heard(moment.there_ns, at_ns);
            }
        } else if let Some(record) = ours.without(moment.record, at_ns)
            && common.happens(&record)
        {
            for desk in &mut desks {
                desk.market(&mut common, at_ns)?;
            }
        }
        moments += 1;
        if moments.is_multiple_of(65_536) {
            progress(timeline.taken());
        }
    }
    progress(timeline.taken());
    Ok(desks.into_iter().map(|desk| desk.fates).collect())
}

/// One stage while it plays.
#[derive(Debug)]
struct Desk {
    venues: Venues,
    mail: Mail,
    clocks: Clocks,
    next: usize,
    fates: HashMap<u64, Fate>,
    sizes: HashMap<u64, i64>,
}

impl Desk {
    fn new(stage: &Stage, specs: &[InstrumentSpec], accounts: usize) -> Self {
        let mut assets: Vec<AssetName> = Vec::new();
        for spec in specs {
            for name in [&spec.base, &spec.quote] {
                assets.push(AssetName::cut(name));
            }
            assets.push(super::money::settles_in(spec));
        }
        assets.sort_unstable_by_key(ToString::to_string);
        assets.dedup();
        let purses: Vec<(AssetName, Decimal)> = assets
            .into_iter()
            .map(|asset| (asset, Decimal::from(PURSE)))
            .collect();
        let balances = vec![purses; accounts];
        Self {
            venues: Venues::new(specs, BOOK_WINDOW_MIN, &balances, stage.venue.clone()),
            mail: Mail::new(accounts),
            clocks: Clocks::new(stage.latencies.clone()),
            next: 0,
            fates: HashMap::new(),
            sizes: HashMap::new(),
        }
    }

    /// Everything that leaves us or arrives at the venue before this time and place.
    fn advance(
        &mut self,
        requests: &[Request],
        at_ns: u64,
        place: Place,
        common: &mut Common,
    ) -> Result<(), BacktestError> {
        loop {
            let leaves = requests.get(self.next);
            let leaves = leaves.map(|one| (one.sent_ns, Place::AnswerHere));
            let arrives = self.mail.next();
            let Some(next) = leaves.into_iter().chain(arrives).min() else {
                return Ok(());
            };
            if next >= (at_ns, place) {
                return Ok(());
            }
            if leaves == Some(next) {
                self.send(&requests[self.next]);
                self.next += 1;
            } else if let Some(letter) = self.mail.take_before(at_ns, place) {
                self.arrive(&letter.record, letter.at_ns, common)?;
            }
        }
    }

    fn send(&mut self, request: &Request) {
        let Ok(asked) = command(&request.record) else {
            return;
        };
        let way = match asked {
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_) => Way::New,
            CommandView::AmendOrder(_) => Way::Amend,
            CommandView::CancelOrder(_)
            | CommandView::CancelAll(_)
            | CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::Latch(_) => Way::Cancel,
        };
        if request.qty > 0 {
            self.sizes.insert(asked.client_id(), request.qty);
            self.fates.insert(asked.client_id(), Fate::NONE);
        }
        // Drawn for every request, so that chance is the same whatever is known.
        let delay = self.clocks.delay(way, request.sent_ns);
        let account = request.record.account().unwrap_or(AccountId(0));
        match request.arrives_ns {
            Some(at_ns) => self.mail.put(at_ns, Place::CommandThere, request.record),
            None => {
                let at_ns = request.sent_ns.saturating_add(delay);
                self.mail
                    .post(account, Place::CommandThere, at_ns, request.record);
            }
        }
    }

    fn arrive(
        &mut self,
        record: &Record,
        now_ns: u64,
        common: &mut Common,
    ) -> Result<(), BacktestError> {
        if let Ok(asked) = command(record)
            && matches!(
                asked,
                CommandView::NewOrder(_) | CommandView::ReplaceOrder(_)
            )
            && let Some(fate) = self.fates.get_mut(&asked.client_id())
        {
            fate.arrived_ns = now_ns;
        }
        let done = self
            .venues
            .seeing(&mut common.shown, |venues| venues.command(record, now_ns));
        done?;
        self.note(now_ns);
        Ok(())
    }

    /// The market's next event, which is what was seen last.
    fn market(&mut self, common: &mut Common, now_ns: u64) -> Result<(), BacktestError> {
        let Common { seen, shown, .. } = common;
        if self.venues.is_idle(seen) {
            return Ok(());
        }
        let done = self
            .venues
            .seeing(shown, |venues| venues.market(seen, now_ns));
        done?;
        if !self.venues.answers.is_empty() {
            self.note(now_ns);
        }
        Ok(())
    }

    /// Takes down what the venue said.
    fn note(&mut self, now_ns: u64) {
        let answers = std::mem::take(&mut self.venues.answers);
        for (_, record) in &answers {
            let Ok(View::Event(event)) = view(record) else {
                continue;
            };
            if let Event::OrderFilled(fill) = event {
                let heard_ns = now_ns.saturating_add(self.clocks.delay(Way::Back, now_ns));
                let qty = self.sizes.get(&fill.client_id).copied().unwrap_or(i64::MAX);
                if let Some(fate) = self.fates.get_mut(&fill.client_id) {
                    fate.fill(fill.price, fill.qty, (now_ns, heard_ns), qty);
                }
            } else if let Event::OrderAmended(amended) = event {
                self.sizes.insert(amended.client_id, amended.qty.0);
            } else if let Some((report, end)) = ended(&event)
                && let Some(fate) = self.fates.get_mut(&report.client_id)
            {
                fate.end(end, now_ns);
            }
        }
    }
}

/// The order that an event ends, and how, if it does.
pub(crate) const fn ended<'a>(event: &Event<'a>) -> Option<(&'a OrderReport, OrderEnd)> {
    if let Event::OrderRejected(report) = *event {
        return Some((report, OrderEnd::Rejected));
    }
    if let Event::OrderCancelled(report) = *event {
        return Some((report, OrderEnd::Cancelled));
    }
    if let Event::OrderExpired(report) = *event {
        return Some((report, OrderEnd::Expired));
    }
    if let Event::OrderStatus(report) = *event {
        let end = match report.status {
            OrderStatus::Cancelled => OrderEnd::Cancelled,
            OrderStatus::Expired => OrderEnd::Expired,
            OrderStatus::Rejected => OrderEnd::Rejected,
            OrderStatus::NotStated
            | OrderStatus::Open
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled => return None,
        };
        return Some((report, end));
    }
    None
}
