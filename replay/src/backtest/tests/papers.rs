//! A paper venue behind a feed: what it hears, when it answers, and that nothing is lost.

use std::collections::VecDeque;

use model::body::{AssetName, Flag, Liquidity, NewOrder, OrderType, SelfTrade, Side, TimeInForce};
use model::event::{Event, View, view};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Feed, Gateway as _, Trace, Worked};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::{MS, START_NS, plan, spec, trade, walk};
use crate::backtest::{Delay, Latencies, PaperFeed, PaperGateway, PaperPlan, Rested, paper};

/// The run's numbers of account and instrument: not those of the simulated venue.
const ACCOUNT: AccountId = AccountId(2);
const OWN: InstrumentId = InstrumentId(5);

struct At(u64);

impl Clock for At {
    fn now_ns(&self) -> u64 {
        self.0
    }
}

/// A lane of so many places.
struct Lane {
    taken: Vec<Record>,
    places: usize,
}

impl EventSink for Lane {
    fn free(&self) -> usize {
        self.places - self.taken.len()
    }

    fn push(&mut self, record: &Record) -> bool {
        let fits = self.free() > 0;
        if fits {
            self.taken.push(*record);
        }
        fits
    }
}

/// Says what it is given as far as the lane takes it.
#[derive(Default)]
struct Said(VecDeque<Record>);

impl Feed for Said {
    fn poll(&mut self, _: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let before = self.0.len();
        while let Some(record) = self.0.front()
            && sink.push(record)
        {
            self.0.pop_front();
        }
        Worked::from(self.0.len() < before)
    }

    fn shut_down(&mut self) {}
}

struct Desk {
    feed: PaperFeed<Said>,
    gateway: PaperGateway<Box<Record>>,
    heard: Lane,
}

impl Desk {
    /// Orders take 4 ms, answers 3 ms; the market of `walk` has been heard.
    fn new(market: Vec<Record>, rested: Vec<Rested>) -> Self {
        let feed = Said(market.into());
        let plan = PaperPlan {
            venue: plan(4).venue,
            latencies: Latencies {
                new: Delay::Constant(4 * MS),
                back: Delay::Constant(3 * MS),
                // Not added: a command that is here was decided.
                decide: Delay::Constant(50 * MS),
                ..Latencies::none()
            },
            instruments: vec![model::instrument::InstrumentSpec { id: OWN, ..spec() }],
            id: VenueId(0),
            account: ACCOUNT,
            balances: vec![(AssetName::cut("USDT"), Decimal::from(1_000_000))],
            rested,
            window_ticks: 1 << 12,
        };
        let (feed, mut gateways) = paper(feed, vec![plan]);
        let heard = Lane {
            taken: Vec::new(),
            places: 1_000,
        };
        Self {
            feed,
            gateway: gateways.remove(0),
            heard,
        }
    }

    fn poll(&mut self, now_ns: u64) -> Vec<Record> {
        let mut lane = Lane {
            taken: Vec::new(),
            places: 100_000,
        };
        self.feed.poll(&At(now_ns), &mut lane);
        self.heard.taken.clear();
        self.gateway.poll(&At(now_ns), &mut self.heard);
        self.heard.taken.clone()
    }

    fn buy(&mut self, now_ns: u64, counter: u32, price: i64, qty: i64) -> u64 {
        let id = ClientOrderId::new(1, Some(StrategyId(0)), counter).unwrap();
        let body = NewOrder {
            command: u64::from(counter),
            client_id: id.raw(),
            price: Ticks(price),
            qty: Lots(qty),
            tag: 0,
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            reduce_only: Flag::No,
            self_trade: SelfTrade::ExpireTaker,
            reserved: [0; 35],
        };
        let record = Record::new(Kind::NewOrder, &body)
            .on_instrument(OWN)
            .on_account(ACCOUNT)
            .by_strategy(StrategyId(0));
        let trace = Trace {
            received_ns: now_ns - 7,
            ..Trace::default()
        };
        self.gateway.send(Box::new(record), trace, &At(now_ns));
        id.raw()
    }
}

/// A market record as a live feed says it, heard at `here_ns`.
fn live(here_ns: u64, record: Record) -> Record {
    record.on_instrument(OWN).stamped(here_ns)
}

fn book() -> Vec<Record> {
    let first = walk(1, 0).into_iter();
    first
        .map(|(here_ns, record)| live(here_ns, record))
        .collect()
}

fn kinds(records: &[Record]) -> Vec<Kind> {
    let kinds = records.iter().filter_map(Record::kind);
    kinds.filter(|kind| *kind != Kind::Balance).collect()
}

#[test]
fn paper_order_arrives_and_is_answered_when_a_real_one_would_be() {
    let mut desk = Desk::new(book(), Vec::new());
    let up = desk.poll(START_NS + MS);
    assert_eq!(kinds(&up), [Kind::OpenOrders, Kind::Connection]);
    let sent_ns = START_NS + 10 * MS;
    // The offer is 900 lots at two ticks above the middle.
    let id = desk.buy(sent_ns, 1, 6_000_002, 100);
    let told = desk.poll(sent_ns);
    assert_eq!(kinds(&told), [Kind::Sent]);
    let Ok(View::Event(Event::Sent(sent))) = view(&told[0]) else {
        panic!("{told:?}");
    };
    assert_eq!((sent.written_ns, sent.received_ns), (sent_ns, sent_ns - 7));
    assert!(desk.poll(sent_ns + 7 * MS - 1).is_empty());
    let told = desk.poll(sent_ns + 7 * MS);
    assert_eq!(kinds(&told), [Kind::OrderAcked, Kind::OrderFilled]);
    for record in &told {
        assert_eq!(record.account(), Some(ACCOUNT), "{record:?}");
        assert_eq!(record.stamp_ns, sent_ns + 7 * MS);
    }
    let Ok(View::Event(Event::OrderFilled(fill))) = view(&told[1]) else {
        panic!("{told:?}");
    };
    assert_eq!(told[1].instrument(), Some(OWN));
    assert_eq!((fill.client_id, fill.qty), (id, Lots(100)));
    assert_eq!(
        (fill.price, fill.liquidity),
        (Ticks(6_000_002), Liquidity::Taker)
    );
    assert_eq!(fill.venue_time_ns, sent_ns + 4 * MS);
    // Above every number of an earlier run, which began earlier.
    assert!(fill.trade_id > START_NS);
}

#[test]
fn market_that_was_before_the_arrival_is_met_though_heard_later() {
    // A trade of 50 lots at our price happens 1 ms before the order arrives and one of 950 1 ms
    // behind it; both are heard 2 ms later. Only the second one counts: 900 lots are ahead.
    let mut desk = Desk::new(book(), Vec::new());
    desk.poll(START_NS + MS);
    let sent_ns = START_NS + 10 * MS;
    let price = 6_000_000 - 2;
    desk.buy(sent_ns, 1, price, 100);
    let arrives_ns = sent_ns + 4 * MS;
    let early = trade(1, arrives_ns - MS, Side::Sell, price, 950);
    let late = trade(2, arrives_ns + MS, Side::Sell, price, 950);
    desk.feed
        .feed_mut()
        .0
        .push_back(live(arrives_ns + MS, early));
    desk.feed
        .feed_mut()
        .0
        .push_back(live(arrives_ns + 3 * MS, late));
    desk.poll(arrives_ns + 3 * MS);
    let told = desk.poll(arrives_ns + 20 * MS);
    let fills: Vec<(u64, i64)> = told
        .iter()
        .filter_map(|record| match view(record) {
            Ok(View::Event(Event::OrderFilled(fill))) => Some((fill.venue_time_ns, fill.qty.0)),
            _ => None,
        })
        .collect();
    // 900 were ahead of us; 50 are left for us.
    assert_eq!(fills, [(arrives_ns + MS, 50)]);
}

#[test]
fn what_rested_in_an_earlier_run_ended_with_it_and_a_full_ring_holds_the_feed() {
    let rested = Rested {
        client_id: ClientOrderId::new(1, Some(StrategyId(0)), 9).unwrap().raw(),
        instrument: OWN,
        filled: Lots(3),
    };
    let mut many = book();
    for id in 0..20_000 {
        many.push(live(
            START_NS,
            trade(id, START_NS, Side::Sell, 6_000_000 - 2, 1),
        ));
    }
    let count = many.len();
    let mut desk = Desk::new(many, vec![rested]);
    let mut lane = Lane {
        taken: Vec::new(),
        places: 100_000,
    };
    // The gateway does not listen yet: the feed keeps what the ring has no place for.
    desk.feed.poll(&At(START_NS), &mut lane);
    assert_eq!(lane.taken.len(), 1 << 14);
    let told = desk.poll(START_NS + MS);
    assert_eq!(kinds(&told)[0], Kind::OrderExpired);
    let Ok(View::Event(Event::OrderExpired(report))) = view(&told[1]) else {
        panic!("{told:?}");
    };
    assert_eq!(
        (report.client_id, report.cum_qty),
        (rested.client_id, Lots(3))
    );
    desk.feed.poll(&At(START_NS + 2 * MS), &mut lane);
    desk.poll(START_NS + 2 * MS);
    assert!(desk.feed.feed_mut().0.is_empty(), "of {count}");
}
