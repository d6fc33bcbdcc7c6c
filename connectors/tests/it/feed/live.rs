//! A market feed against its practice venue over real sockets, whichever the venue: what came, and
//! the book that the events alone make beside the venue's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::feed::dialect::FeedDialect;
use connectors::feed::{Contents, FeedConfig, FeedScope, FeedTiming, MarketFeed};
use connectors::load::RestEndpoint;
use connectors::net::{Trust, client_config};
use connectors::practice::PracticeServer;
use model::body::{LinkState, Side};
use model::event::{Event, event};
use model::ids::{SourceId, VenueId};
use model::instrument::InstrumentSpec;
use model::ports::{EventSink, Feed};
use model::record::{Record, flags};

use crate::gateway::support::Wall;
use crate::support::DEADLINE;

/// What came, and the book that the events alone make: ticks to lots.
#[derive(Default)]
pub(crate) struct Heard {
    sides: [BTreeMap<i64, i64>; 2],
    update_id: u64,
    pub(crate) links: Vec<(LinkState, bool)>,
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) trades: Vec<u64>,
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
            // Some venues tell mark, index and funding apart.
            Event::Mark(mark) => {
                let says = mark.mark.0 > 0 || mark.index.0 > 0 || mark.next_funding_ns > 0;
                assert!(says, "{mark:?}");
            }
            Event::Candle(candle) => assert!(candle.high.0 >= candle.low.0, "{candle:?}"),
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

/// A venue with one instrument, and a feed of everything it tells of it.
pub(crate) struct Session<D> {
    pub(crate) server: PracticeServer,
    pub(crate) feed: MarketFeed<D>,
    pub(crate) heard: Heard,
    spec: InstrumentSpec,
}

impl<D: FeedDialect + Default> Session<D> {
    pub(crate) fn start(server: PracticeServer, spec: InstrumentSpec, redundant: bool) -> Self {
        let host = server.addr();
        let trust = Trust::from_pem(server.certificate_pem().as_bytes()).unwrap();
        let feed = MarketFeed::new(FeedConfig {
            stream_url: format!("wss://{host}"),
            rest: RestEndpoint {
                url: format!("https://{host}"),
                tls: Some(client_config(&trust).unwrap()),
            },
            venue: VenueId(0),
            source: SourceId(3),
            instruments: Arc::new([spec.clone()]),
            snapshot_levels: 1_000,
            scope: FeedScope {
                contents: Contents::ALL,
                redundant,
                ..FeedScope::default()
            },
            timing: FeedTiming::default(),
        });
        Self {
            server,
            feed: feed.unwrap(),
            heard: Heard::default(),
            spec,
        }
    }

    pub(crate) fn fault(&self, text: &str) {
        self.server.inject(text.parse().unwrap()).unwrap();
        self.server.truth().unwrap();
    }

    #[track_caller]
    pub(crate) fn until(&mut self, done: impl Fn(&MarketFeed<D>, &Heard) -> bool) {
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

    /// Lost messages, silence, cut connections, answers and messages that cannot be read, several
    /// at a time: what was lost is said to be stale, and the book is the venue's again behind it.
    #[track_caller]
    pub(crate) fn book_comes_back_behind_every_fault(&mut self) {
        self.book_is_the_venues();
        let rounds: [&[&str]; 3] = [
            &["unknown-message@1", "gap@1", "html@1"],
            &["out-of-range@1", "mute-market:300ms@0s"],
            &["gap@1", "drop-market@0s"],
        ];
        for faults in rounds {
            self.heard.links.clear();
            for fault in faults {
                self.fault(fault);
            }
            self.until(|_, heard| heard.links.contains(&(LinkState::Stale, true)));
            self.book_is_the_venues();
        }
        assert!(self.feed.unparsed() > 0, "what cannot be read is counted");
    }

    /// Polls until the book is live and at the venue's own update, then compares every level.
    #[track_caller]
    pub(crate) fn book_is_the_venues(&mut self) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < DEADLINE, "{:?}", self.heard.links);
            self.feed.poll(&Wall, &mut self.heard);
            let truth = self.server.truth().unwrap().books[0].clone();
            if !self.feed.is_live() || self.heard.update_id != truth.last_update_id {
                continue;
            }
            let spec = &self.spec;
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

    pub(crate) fn saw(&self, state: LinkState, of_book: bool) -> usize {
        let links = self.heard.links.iter();
        links.filter(|link| **link == (state, of_book)).count()
    }
}
