//! The market feed of USD-M against its practice venue: real sockets, TLS, two stream servers, the
//! snapshot and open interest over REST, a gap, a lost connection. Seed 11.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::binance::usdm::feed::MarketFeed;
use connectors::feed::{Contents, FeedConfig, FeedScope, FeedTiming};
use connectors::load::RestEndpoint;
use connectors::practice::MarketConfig;
use model::body::{LinkState, Side};
use model::event::{Event, event};
use model::ids::{SourceId, VenueId};
use model::ports::{Clock, EventSink, Feed};
use model::record::{Record, flags};

use super::rig::{Venue, spec};
use crate::support::DEADLINE;

struct Wall;

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(elapsed.as_nanos()).unwrap()
    }
}

/// What came, and the book that the events alone make: ticks to lots.
#[derive(Default)]
struct Heard {
    sides: [BTreeMap<i64, i64>; 2],
    update_id: u64,
    links: Vec<(LinkState, bool)>,
    kinds: BTreeMap<&'static str, usize>,
    trades: Vec<u64>,
}

impl EventSink for Heard {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        match event(record).unwrap() {
            Event::Connection(link) => {
                self.links.push((link.state, record.instrument().is_some()));
                return true;
            }
            Event::BookReset(_) => self.sides = Default::default(),
            Event::BookLevels(levels) => {
                for (side, level) in levels.iter(record.detail) {
                    let side = &mut self.sides[usize::from(side == Side::Sell)];
                    match level.qty.0 {
                        0 => side.remove(&level.price.0),
                        qty => side.insert(level.price.0, qty),
                    };
                }
                if record.has(flags::LAST_OF_MESSAGE) {
                    self.update_id = levels.update_id;
                }
            }
            Event::Trade(trade) => self.trades.push(trade.trade_id),
            Event::Mark(mark) => {
                assert!(mark.mark.0 > 0 && mark.next_funding_ns > 0, "{mark:?}");
            }
            Event::OpenInterest(interest) => {
                assert!(interest.qty.0 >= 0 && interest.venue_time_ns > 0)
            }
            Event::Quote(quote) => assert!(quote.venue_time_ns > 0),
            other => panic!("{other:?}"),
        }
        let kind = record.kind().unwrap().name();
        *self.kinds.entry(kind).or_default() += 1;
        true
    }
}

struct Session {
    venue: Venue,
    feed: MarketFeed,
    heard: Heard,
}

impl Session {
    fn start(redundant: bool) -> Self {
        let venue = Venue::quiet(|config| {
            config.market = MarketConfig::Synthetic {
                seed: 11,
                events_per_second: 40.0,
            };
        });
        let host = venue.server.addr();
        let feed = MarketFeed::new(FeedConfig {
            stream_url: format!("wss://{host}"),
            rest: RestEndpoint {
                url: format!("https://{host}"),
                tls: Some(venue.tls()),
            },
            venue: VenueId(0),
            source: SourceId(3),
            instruments: Arc::new([spec()]),
            snapshot_levels: 1_000,
            scope: FeedScope {
                contents: Contents::ALL,
                redundant,
                ..FeedScope::default()
            },
            timing: FeedTiming::default(),
        });
        Self {
            venue,
            feed: feed.unwrap(),
            heard: Heard::default(),
        }
    }

    #[track_caller]
    fn until(&mut self, done: impl Fn(&MarketFeed, &Heard) -> bool) {
        let start = Instant::now();
        while !done(&self.feed, &self.heard) {
            assert!(
                start.elapsed() < DEADLINE,
                "{:?} {:?}",
                self.heard.links,
                self.heard.kinds
            );
            if !self.feed.poll(&Wall, &mut self.heard).is_yes() {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }

    /// Polls until the book is live and at the venue's own update, then compares every level.
    #[track_caller]
    fn book_is_the_venues(&mut self) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DEADLINE, "{:?}", self.heard.links);
            self.feed.poll(&Wall, &mut self.heard);
            let truth = self.venue.server.truth().unwrap().books[0].clone();
            if !self.feed.is_live() || self.heard.update_id != truth.last_update_id {
                continue;
            }
            let spec = spec();
            let ours = |side: usize| {
                let level = |(price, qty): (&i64, &i64)| {
                    (
                        spec.tick.decimal(*price).unwrap(),
                        spec.lot.decimal(*qty).unwrap(),
                    )
                };
                self.heard.sides[side].iter().map(level).collect::<Vec<_>>()
            };
            let mut bids = truth.bids.clone();
            bids.reverse();
            assert_eq!(ours(0), bids);
            assert_eq!(ours(1), truth.asks);
            return;
        }
    }

    fn saw(&self, state: LinkState, of_book: bool) -> usize {
        let links = self.heard.links.iter();
        links.filter(|link| **link == (state, of_book)).count()
    }
}

#[test]
fn feed_builds_the_venues_book_and_brings_marks_and_open_interest() {
    let mut session = Session::start(false);
    session.book_is_the_venues();
    session.until(|_, heard| {
        ["Trade", "Quote", "Mark", "OpenInterest"]
            .iter()
            .all(|kind| heard.kinds.contains_key(kind))
    });
    assert_eq!(session.feed.unparsed(), 0);
    assert_eq!(session.saw(LinkState::Stale, true), 0);
}

#[test]
fn feed_heals_a_gap_and_a_cut_connection() {
    let mut session = Session::start(false);
    session.book_is_the_venues();
    session.venue.fault("gap@1");
    session.until(|_, heard| heard.links.contains(&(LinkState::Stale, true)));
    session.book_is_the_venues();
    session.heard.links.clear();
    session.venue.fault("drop-market@0s");
    session.until(|_, heard| heard.links.contains(&(LinkState::Down, false)));
    let stale = session
        .heard
        .links
        .iter()
        .position(|link| *link == (LinkState::Stale, true));
    let down = session
        .heard
        .links
        .iter()
        .position(|link| *link == (LinkState::Down, false));
    assert!(stale < down, "stale first: {:?}", session.heard.links);
    session.book_is_the_venues();
    assert_eq!(session.feed.unparsed(), 0);
}

#[test]
fn redundant_connections_bring_each_trade_once() {
    let mut session = Session::start(true);
    session.book_is_the_venues();
    session.until(|_, heard| heard.trades.len() >= 20);
    let mut trades = session.heard.trades.clone();
    trades.sort_unstable();
    trades.dedup();
    assert_eq!(trades.len(), session.heard.trades.len(), "each once");
    session.book_is_the_venues();
    assert_eq!(session.saw(LinkState::Stale, true), 0);
}
