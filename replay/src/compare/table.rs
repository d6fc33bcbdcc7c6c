//! What of a journal is played into the simulated venue: which orders can be compared, the requests
//! as they left us, the markets, and what of them was ours.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use model::body::{CancelOrder, Flag, RejectReason};
use model::command::{CommandView, command};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::clock::Clock;
use super::delays::Waterfalls;
use super::kept::{Asked, Kept, Known};
use super::{ANOTHER_TIME_NS, CompareError, Pair, Skipped, Wanted};
use crate::backtest::{
    DataSet, Delay, Fate, FeeTier, Feed, Latencies, Ours, QueueChoice, Recorded, Request, Script,
    Shift, Source, Spot, Stage, play,
};

/// Width of a book where the journal has no configuration, ticks a side.
const WINDOW_TICKS: u32 = 1 << 16;

/// Delay of a request where the journal tells of none at all, nanoseconds.
const UNKNOWN_DELAY_NS: u64 = 5_000_000;

/// All that is played, ready.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kept: Kept,
    pub(super) clock: Clock,
    pub(super) skipped: Skipped,
    requests: Vec<Request>,
    markets: Markets,
    accounts: usize,
    latencies: Latencies,
}

impl Table {
    /// Chooses what is played.
    pub(super) fn set(path: &Path, kept: Kept, wanted: &Wanted) -> Result<Self, CompareError> {
        let orders = kept.orders.values();
        let left = orders.filter(|known| known.order.sent_ns > 0).count() as u64;
        if left == 0 {
            let (path, records) = (path.to_owned(), kept.records);
            return Err(CompareError::NoOrders { path, records });
        }
        let markets = Markets::of(path, &kept)?;
        for own in &markets.own {
            let least = kept.feed_least.get(own);
            if let Some(apart) = least.filter(|least| **least > ANOTHER_TIME_NS) {
                return Err(CompareError::AnotherTime {
                    path: path.to_owned(),
                    seconds: apart.unsigned_abs() / 1_000_000_000,
                });
            }
        }
        let clock = Clock::of(&kept);
        let latencies = match &wanted.latencies {
            None => as_kept(&kept, &clock),
            Some(law) => {
                let mut law = law.clone();
                // Live, the journal says when the bytes left; in a backtest nothing takes time but
                // by this law.
                if wanted.shows_us {
                    law.decide = Delay::Constant(0);
                }
                Waterfalls::of(&kept, &clock).fill(&mut law);
                law
            }
        };
        let last = kept.orders.values().map(|one| one.order.account.index());
        let configured = kept.machine.as_ref().map_or(0, |one| one.accounts.len());
        let accounts = configured.max(last.max().map_or(0, |last| last + 1));
        let mut table = Self {
            markets,
            kept,
            clock,
            skipped: Skipped::default(),
            requests: Vec::new(),
            accounts,
            latencies,
        };
        table.choose();
        table.ask(wanted.latencies.is_none());
        if table.kept.orders.is_empty() {
            let (path, orders) = (path.to_owned(), left);
            return Err(CompareError::NoMarket { path, orders });
        }
        Ok(table)
    }

    pub(super) fn stage(&self, wanted: &Wanted, queue: &QueueChoice) -> Stage {
        let mut venue = wanted.venue.clone();
        venue.queues = queue.clone();
        venue.tiers = vec![FeeTier {
            volume_from: Decimal::ZERO,
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        }];
        venue.orders_per_10s = 0;
        venue.outages.clear();
        Stage {
            venue,
            latencies: self.latencies.clone(),
        }
    }

    /// Leaves out the orders that no model of fills can be compared on.
    fn choose(&mut self) {
        let skipped = &mut self.skipped;
        let markets = &self.markets;
        let replaced: Vec<u64> = self
            .kept
            .commands
            .iter()
            .filter(|one| one.record.kind == Kind::ReplaceOrder.code())
            .filter_map(|one| Some(command(&one.record).ok()?.client_id()))
            .collect();
        let replaced: HashSet<u64> = replaced.into_iter().collect();
        self.kept.orders.retain(|id, known| {
            let known_market = markets.number(known.order.instrument).is_some();
            let counter = if known.order.sent_ns == 0 {
                &mut skipped.not_sent
            } else if !known_market {
                &mut skipped.no_market
            } else if !is_judged(known, replaced.contains(id)) {
                &mut skipped.refused
            } else {
                return true;
            };
            *counter += 1;
            false
        });
    }

    /// Makes requests of the commands that left us.
    fn ask(&mut self, as_kept: bool) {
        for one in &self.kept.commands {
            let Some(record) = self.played(&one.record).filter(|_| one.sent_ns > 0) else {
                continue;
            };
            let arrives_ns = (as_kept && one.arrived_ns > 0).then_some(one.arrived_ns);
            let placed = command(&record).ok().filter(|asked| {
                matches!(
                    asked,
                    CommandView::NewOrder(_) | CommandView::ReplaceOrder(_)
                )
            });
            let order = placed.and_then(|asked| self.kept.orders.get(&asked.client_id()));
            // The venue may say that it had it before we sent it, by the grain of its clock.
            let sent_ns = self.clock.there(one.sent_ns);
            self.requests.push(Request {
                sent_ns: arrives_ns.map_or(sent_ns, |at| at.min(sent_ns)),
                arrives_ns,
                record,
                qty: order.map_or(0, |known| known.order.qty.0),
            });
        }
        self.requests.sort_by_key(|request| request.sent_ns);
    }

    /// The command as it is played: on the play's instrument, free of the position that we had.
    fn played(&self, record: &Record) -> Option<Record> {
        let record = match record.instrument() {
            Some(own) => record.on_instrument(self.markets.number(own)?),
            None => *record,
        };
        match command(&record).ok()? {
            CommandView::NewOrder(new) => {
                self.kept.orders.get(&new.client_id)?;
                let mut new = *new;
                new.reduce_only = Flag::No;
                Some(with_body(&record, Kind::NewOrder, &new))
            }
            CommandView::ReplaceOrder(new) => {
                let mut new = *new;
                new.reduce_only = Flag::No;
                if self.kept.orders.contains_key(&new.client_id) {
                    return Some(with_body(&record, Kind::ReplaceOrder, &new));
                }
                // The order in its place was refused; that it ended the other one stands.
                let cancel = CancelOrder {
                    command: new.command,
                    client_id: new.cancel_client_id,
                    venue_order_id: new.cancel_venue_order_id,
                    reserved: [0; 56],
                };
                Some(with_body(&record, Kind::CancelOrder, &cancel))
            }
            CommandView::CancelOrder(_)
            | CommandView::AmendOrder(_)
            | CommandView::CancelAll(_) => Some(record),
            CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::Latch(_) => None,
        }
    }

    pub(super) fn play(
        &self,
        path: &Path,
        wanted: &Wanted,
        stages: &[Stage],
        progress: impl FnMut(u64),
    ) -> Result<Vec<HashMap<u64, Fate>>, CompareError> {
        let feed = Feed {
            sets: vec![DataSet::open(path)?],
            instruments: self.markets.sources.clone(),
            shift: match self.clock.offset_ns {
                0 => Shift::None,
                offset_ns => Shift::By(offset_ns),
            },
            late_max_ns: wanted.late_max_ns,
            from_ns: 0,
            to_ns: u64::MAX,
        };
        let machine = self.kept.machine.as_ref();
        let script = Script {
            feed,
            requests: &self.requests,
            accounts: self.accounts,
            window_ticks: machine.map_or(WINDOW_TICKS, |one| one.book_window_ticks),
            ours: if wanted.shows_us {
                self.ours()
            } else {
                Ours::default()
            },
        };
        Ok(play(script, stages, progress)?)
    }

    /// What the market shows of us.
    fn ours(&self) -> Ours {
        let mut moves: Vec<(u64, Spot, i64)> = Vec::new();
        for known in self.kept.orders.values() {
            let order = &known.order;
            let Some(instrument) = self.markets.number(order.instrument) else {
                continue;
            };
            let spot = (instrument, order.side.sign() > 0, order.price.0);
            moves.extend(known.moves.iter().map(|&(at_ns, lots)| (at_ns, spot, lots)));
        }
        let takes = self.kept.takes.iter();
        let takes = takes.filter_map(|&(own, id)| Some((self.markets.number(own)?, id)));
        Ours::new(moves, takes.collect())
    }

    /// Each order with both its fates, in the order of their leaving.
    pub(super) fn pairs(&self, fates: &HashMap<u64, Fate>) -> Vec<Pair> {
        let pair = |known: &Known| {
            let mut actual = known.fate;
            if actual.first_heard_ns > 0 {
                actual.first_heard_ns = self.clock.there(actual.first_heard_ns);
            }
            let predicted = fates.get(&known.order.client_id);
            Pair {
                order: known.order,
                actual,
                predicted: predicted.copied().unwrap_or(Fate::NONE),
            }
        };
        let mut pairs: Vec<Pair> = self.kept.orders.values().map(pair).collect();
        pairs.sort_by_key(|pair| (pair.order.sent_ns, pair.order.client_id));
        pairs
    }
}

/// Whether a model of fills has anything to say of an order's fate.
const fn is_judged(known: &Known, replaces: bool) -> bool {
    match known.refused {
        RejectReason::None | RejectReason::WouldTake | RejectReason::Filter => true,
        // The order that it was to replace had traded, most likely.
        RejectReason::Other | RejectReason::UnknownOrder => replaces,
        RejectReason::Balance
        | RejectReason::RateLimit
        | RejectReason::Clock
        | RejectReason::Permission
        | RejectReason::Duplicate
        | RejectReason::Closed
        | RejectReason::NoAnswer
        | RejectReason::VenueUnsure
        | RejectReason::NotSent
        | RejectReason::LastLine => false,
    }
}

fn with_body<B: model::body::Body>(record: &Record, kind: Kind, body: &B) -> Record {
    let mut changed = *record;
    changed.kind = kind.code();
    changed.body = Record::new(kind, body).body;
    changed
}

/// The markets of the instruments that were traded; the place is the number in the play.
#[derive(Debug)]
struct Markets {
    sources: Vec<Source>,
    /// Their numbers in the journal.
    own: Vec<InstrumentId>,
}

impl Markets {
    fn of(path: &Path, kept: &Kept) -> Result<Self, CompareError> {
        let orders = kept.orders.values();
        let traded: BTreeSet<InstrumentId> = orders.map(|one| one.order.instrument).collect();
        let set = DataSet::open(path)?;
        let (mut sources, mut numbers) = (Vec::new(), Vec::new());
        for own in traded {
            let place = set.instruments().iter().position(|spec| spec.id == own);
            let Some(place) = place else {
                continue;
            };
            let id = InstrumentId(u32::try_from(sources.len()).unwrap_or(u32::MAX));
            let spec = set.instruments()[place].clone();
            sources.push(Source {
                set: 0,
                place,
                spec: InstrumentSpec { id, ..spec },
            });
            numbers.push(own);
        }
        Ok(Self {
            sources,
            own: numbers,
        })
    }

    fn number(&self, own: InstrumentId) -> Option<InstrumentId> {
        let place = self.own.iter().position(|one| *one == own)?;
        u32::try_from(place).ok().map(InstrumentId)
    }
}

/// Delays as the journal's requests and answers had them, interpolated.
fn as_kept(kept: &Kept, clock: &Clock) -> Latencies {
    let rows = |asked: Asked| {
        let trips = kept.trips.iter();
        let own = trips.filter(|trip| trip.asked == asked && trip.sent_ns > 0);
        let mut rows: Vec<_> = own.map(|trip| clock.ways(trip)).collect();
        rows.sort_by_key(|row| row.sent_ns);
        rows.dedup_by_key(|row| row.sent_ns);
        rows
    };
    let there = |asked: Asked| {
        let own = rows(asked);
        let rows = if own.is_empty() {
            rows(Asked::New)
        } else {
            own
        };
        if rows.is_empty() {
            Delay::Constant(UNKNOWN_DELAY_NS)
        } else {
            Delay::There(rows)
        }
    };
    let mut back: Vec<_> = kept
        .answers
        .iter()
        .map(|&(there_ns, here_ns)| Recorded {
            sent_ns: there_ns,
            there_ns: 0,
            back_ns: clock.way_back(there_ns, here_ns),
        })
        .collect();
    back.sort_by_key(|row| row.sent_ns);
    back.dedup_by_key(|row| row.sent_ns);
    Latencies {
        new: there(Asked::New),
        amend: there(Asked::Amend),
        cancel: there(Asked::Cancel),
        back: if back.is_empty() {
            Delay::Constant(UNKNOWN_DELAY_NS)
        } else {
            Delay::Back(back)
        },
        ..Latencies::none()
    }
}
