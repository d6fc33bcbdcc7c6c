//! The market feed against the practice venue: real sockets, TLS, and what goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::binance::feed::{FeedConfig, FeedScope, FeedTiming, MarketFeed, StartError};
use connectors::binance::start::RestEndpoint;
use connectors::binance::{LoadError, Wanted, load_instruments};
use connectors::net::{Trust, client_config};
use connectors::practice::{FaultSpec, MarketConfig, PracticeConfig, PracticeServer};
use model::body::{LinkState, Side};
use model::event::{Event, event};
use model::ids::{InstrumentId, SourceId, VenueId};
use model::ports::{Clock, EventSink, Feed};
use model::record::{Record, flags};
use rust_decimal::Decimal;

use crate::support::DEADLINE;

struct Wall;

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(elapsed.as_nanos()).unwrap()
    }
}

/// A lane with few places, emptied by the test, and the book that the events alone make.
#[derive(Default)]
struct Lane {
    records: Vec<Record>,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    update_id: u64,
    links: Vec<(LinkState, bool, String)>,
    trades: usize,
    quotes: usize,
}

/// A quantity in whole lots; what the venue holds below one is cut, as the wire does.
fn whole_lots((price, qty): (Decimal, Decimal)) -> Option<(Decimal, Decimal)> {
    let qty = qty.trunc_with_scale(5);
    (!qty.is_zero()).then_some((price, qty))
}

const PLACES: usize = 8;

impl EventSink for Lane {
    fn free(&self) -> usize {
        PLACES - self.records.len()
    }

    fn push(&mut self, record: &Record) -> bool {
        let room = self.free() > 0;
        if room {
            self.records.push(*record);
        }
        room
    }
}

impl Lane {
    fn take(&mut self) {
        for record in std::mem::take(&mut self.records) {
            assert!(record.stamp_ns > 0 && record.source() == SourceId(3));
            match event(&record).unwrap() {
                Event::Connection(link) => {
                    let book = record.instrument().is_some();
                    self.links.push((link.state, book, link.text.to_string()));
                }
                Event::BookReset(_) => {
                    self.bids.clear();
                    self.asks.clear();
                    // Not whole before the snapshot's last record.
                    self.update_id = 0;
                }
                Event::BookLevels(levels) => {
                    for (side, level) in levels.iter(record.detail) {
                        let half = match side {
                            Side::Buy => &mut self.bids,
                            Side::Sell => &mut self.asks,
                        };
                        match level.qty.0 {
                            0 => half.remove(&level.price.0),
                            qty => half.insert(level.price.0, qty),
                        };
                    }
                    if record.has(flags::LAST_OF_MESSAGE) {
                        self.update_id = levels.update_id;
                    }
                }
                Event::Trade(_) => self.trades += 1,
                Event::Quote(_) => self.quotes += 1,
                other => panic!("{other:?}"),
            }
        }
    }

    fn saw(&self, state: LinkState, book: bool) -> bool {
        self.links
            .iter()
            .any(|link| (link.0, link.1) == (state, book))
    }
}

fn venue(change: impl FnOnce(&mut PracticeConfig)) -> PracticeServer {
    let mut config = PracticeConfig::synthetic(5);
    config.market = MarketConfig::Synthetic {
        seed: 5,
        events_per_second: 40.0,
    };
    change(&mut config);
    PracticeServer::start(config).unwrap()
}

fn rest(server: &PracticeServer) -> RestEndpoint {
    let trust = Trust::from_pem(server.certificate_pem().as_bytes()).unwrap();
    RestEndpoint {
        url: format!("https://{}", server.addr()),
        tls: Some(client_config(&trust).unwrap()),
    }
}

fn wanted(symbol: &str) -> Vec<Wanted> {
    vec![Wanted {
        id: InstrumentId(0),
        symbol: symbol.to_owned(),
        name: "BTC-USDT.BINANCE".to_owned(),
    }]
}

fn feed(server: &PracticeServer, timing: FeedTiming) -> MarketFeed {
    let rest = rest(server);
    let loaded = load_instruments(&rest, VenueId(0), &wanted("BTCUSDT"), &Wall, DEADLINE).unwrap();
    MarketFeed::new(FeedConfig {
        stream_url: format!("wss://{}", server.addr()),
        rest,
        venue: VenueId(0),
        source: SourceId(3),
        instruments: Arc::from(loaded.instruments),
        // Everything that the practice venue holds.
        snapshot_levels: 5_000,
        scope: FeedScope::default(),
        timing,
    })
    .unwrap()
}

fn until(feed: &mut MarketFeed, lane: &mut Lane, done: impl Fn(&MarketFeed, &Lane) -> bool) {
    let start = Instant::now();
    while !done(feed, lane) {
        assert!(start.elapsed() < DEADLINE, "{:?}", lane.links);
        if !feed.poll(&Wall, lane).is_yes() {
            std::thread::sleep(Duration::from_micros(200));
        }
        lane.take();
    }
}

/// Polls until the book is live and at the venue's own update id, then compares every level.
fn book_equals_the_venues(server: &PracticeServer, feed: &mut MarketFeed, lane: &mut Lane) {
    let start = Instant::now();
    let mut truth = server.truth().unwrap().books[0].clone();
    while !(feed.is_live() && lane.update_id == truth.last_update_id) {
        assert!(start.elapsed() < DEADLINE, "{:?}", lane.links);
        feed.poll(&Wall, lane);
        lane.take();
        if lane.update_id != truth.last_update_id {
            truth = server.truth().unwrap().books[0].clone();
        }
    }
    let decimals = |(price, qty): (&i64, &i64)| (Decimal::new(*price, 2), Decimal::new(*qty, 5));
    let bids: Vec<_> = lane.bids.iter().rev().map(decimals).collect();
    let asks: Vec<_> = lane.asks.iter().map(decimals).collect();
    let whole = |side: Vec<_>| side.into_iter().filter_map(whole_lots).collect::<Vec<_>>();
    assert_eq!((bids, asks), (whole(truth.bids), whole(truth.asks)));
}

#[test]
fn instruments_of_the_venue_are_loaded_with_limits_and_time() {
    let server = venue(|_| {});
    let loaded = load_instruments(
        &rest(&server),
        VenueId(0),
        &wanted("BTCUSDT"),
        &Wall,
        DEADLINE,
    )
    .unwrap();
    let theirs = connectors::practice::PracticeInstrument::btcusdt().spec;
    assert_eq!(loaded.instruments, [theirs]);
    assert_eq!(loaded.limits.weight_per_minute, 6_000);
    assert_eq!(loaded.limits.orders_per_ten_seconds, 100);
    assert!(
        loaded.time.offset_ns.abs() < 1_000_000_000,
        "one machine, one clock"
    );
}

#[test]
fn instrument_that_the_venue_does_not_have_is_named() {
    let server = venue(|_| {});
    let error = load_instruments(&rest(&server), VenueId(0), &wanted("NOPE"), &Wall, DEADLINE);
    let error = error.unwrap_err();
    assert!(
        matches!(error, LoadError::Refused { code: -1121, .. }),
        "{error}"
    );
    let mut wrong = rest(&server);
    wrong.tls = Some(client_config(&Trust::web_roots()).unwrap());
    let error = load_instruments(&wrong, VenueId(0), &wanted("BTCUSDT"), &Wall, DEADLINE);
    let words = error.unwrap_err().to_string();
    assert!(words.contains("certificate"), "{words}");
}

#[test]
fn feed_builds_the_venues_book_over_a_lane_of_eight() {
    let server = venue(|_| {});
    let mut feed = feed(&server, FeedTiming::default());
    let mut lane = Lane::default();
    book_equals_the_venues(&server, &mut feed, &mut lane);
    until(&mut feed, &mut lane, |_, lane| {
        lane.quotes > 5 && lane.trades > 0
    });
    assert_eq!(feed.unparsed(), 0);
    let states: Vec<_> = lane.links.iter().map(|link| (link.0, link.1)).collect();
    let want = [
        (LinkState::Syncing, false),
        (LinkState::Syncing, true),
        (LinkState::Up, false),
        (LinkState::Up, true),
    ];
    assert_eq!(states, want);
    feed.shut_down();
    until(&mut feed, &mut lane, |_, lane| {
        lane.saw(LinkState::Down, false)
    });
}

#[test]
fn feed_follows_a_recording_at_full_speed_to_its_last_level() {
    let path = crate::samples::shared_path("data/binance-spot-btcusdt-20240808.gz");
    if crate::samples::shared_file("data/binance-spot-btcusdt-20240808.gz").is_none() {
        return;
    }
    let speed = connectors::practice::Speed::Max;
    let server = venue(|config| config.market = MarketConfig::Recording { path, speed });
    let mut feed = feed(&server, FeedTiming::default());
    let mut lane = Lane::default();
    let finished = || server.truth().unwrap().recording.unwrap().finished;
    let start = Instant::now();
    while !finished() {
        assert!(start.elapsed() < 2 * DEADLINE, "{:?}", lane.links);
        for _ in 0..1_000 {
            feed.poll(&Wall, &mut lane);
            lane.take();
        }
    }
    book_equals_the_venues(&server, &mut feed, &mut lane);
    assert_eq!(feed.unparsed(), 0);
    assert!(!lane.saw(LinkState::Stale, true), "{:?}", lane.links);
    assert!(
        lane.quotes > 20_000 && lane.trades > 8_000,
        "{} {}",
        lane.quotes,
        lane.trades
    );
}

#[test]
fn raw_frames_are_recorded_as_an_import_reads_them() {
    use connectors::binance::capture::{What, read};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("frames.gz");
    let server = venue(|_| {});
    let mut feed = feed(&server, FeedTiming::default());
    feed.record_frames(connectors::feed::FrameLog::create(&path).unwrap());
    let mut lane = Lane::default();
    book_equals_the_venues(&server, &mut feed, &mut lane);
    until(&mut feed, &mut lane, |_, lane| {
        lane.quotes > 5 && lane.trades > 5
    });
    drop(feed);
    let packed = std::fs::File::open(&path).unwrap();
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed);
    std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
    let (mut tops, mut trades, mut updates, mut snapshots) = (0, 0, 0, 0);
    let mut last_ns = 0;
    for line in text.lines() {
        let (time, json) = line.split_once(' ').unwrap();
        let time_ns: u64 = time.parse().unwrap();
        assert!(time_ns >= last_ns, "in the order in which they were read");
        last_ns = time_ns;
        let frame = read(json).unwrap();
        assert!(frame.symbol == Some("BTCUSDT"), "{frame:?}");
        match frame.what {
            What::Top { .. } => tops += 1,
            What::Trade { .. } => trades += 1,
            What::Depth { .. } => updates += 1,
            What::Snapshot { .. } => snapshots += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((tops, trades), (lane.quotes, lane.trades));
    assert!(updates > 0 && snapshots == 1);
}

#[test]
fn feed_heals_a_gap() {
    let server = venue(|_| {});
    let mut feed = feed(&server, FeedTiming::default());
    let mut lane = Lane::default();
    book_equals_the_venues(&server, &mut feed, &mut lane);
    server
        .inject("gap@1".parse::<FaultSpec>().unwrap())
        .unwrap();
    until(&mut feed, &mut lane, |_, lane| {
        lane.saw(LinkState::Stale, true)
    });
    book_equals_the_venues(&server, &mut feed, &mut lane);
}

#[test]
fn feed_heals_a_cut_connection_and_a_web_page() {
    let server = venue(|config| config.faults = vec!["html@7".parse().unwrap()]);
    let mut feed = feed(&server, FeedTiming::default());
    let mut lane = Lane::default();
    book_equals_the_venues(&server, &mut feed, &mut lane);
    server
        .inject("drop-market@0s".parse::<FaultSpec>().unwrap())
        .unwrap();
    until(&mut feed, &mut lane, |_, lane| {
        lane.saw(LinkState::Down, false)
    });
    let stale = lane
        .links
        .iter()
        .position(|link| link.0 == LinkState::Stale);
    let down = lane.links.iter().position(|link| link.0 == LinkState::Down);
    assert!(stale < down, "stale first: {:?}", lane.links);
    book_equals_the_venues(&server, &mut feed, &mut lane);
}

#[test]
fn feed_remarks_on_what_it_cannot_read() {
    let server = venue(|config| {
        config.faults = vec!["out-of-range@20".parse().unwrap()];
    });
    let mut feed = feed(&server, FeedTiming::default());
    let mut lane = Lane::default();
    until(&mut feed, &mut lane, |feed, _| feed.unparsed() == 1);
    until(&mut feed, &mut lane, |_, lane| {
        lane.saw(LinkState::Notice, false)
    });
    book_equals_the_venues(&server, &mut feed, &mut lane);
}

#[test]
fn silent_connection_is_replaced() {
    let server = venue(|config| {
        config.market = MarketConfig::Synthetic {
            seed: 5,
            events_per_second: 0.000_1,
        };
    });
    let timing = FeedTiming {
        first_message_ns: 300_000_000,
        ..FeedTiming::default()
    };
    let mut feed = feed(&server, timing);
    let mut lane = Lane::default();
    until(&mut feed, &mut lane, |_, lane| {
        let words = |link: &&(LinkState, bool, String)| link.2 == "no first message";
        lane.links.iter().filter(words).count() == 2
    });
}

#[test]
fn untrusted_certificate_is_a_failure_that_needs_a_person() {
    let server = venue(|_| {});
    let mut lane = Lane::default();
    let loaded = load_instruments(
        &rest(&server),
        VenueId(0),
        &wanted("BTCUSDT"),
        &Wall,
        DEADLINE,
    )
    .unwrap();
    let mut config = FeedConfig {
        stream_url: format!("wss://{}", server.addr()),
        rest: rest(&server),
        venue: VenueId(0),
        source: SourceId(3),
        instruments: Arc::from(loaded.instruments),
        snapshot_levels: 1_000,
        scope: FeedScope::default(),
        timing: FeedTiming::default(),
    };
    config.rest.tls = Some(client_config(&Trust::web_roots()).unwrap());
    let mut feed = MarketFeed::new(config.clone()).unwrap();
    until(&mut feed, &mut lane, |_, lane| {
        lane.saw(LinkState::Failed, false)
    });
    config.stream_url = "nonsense".to_owned();
    let error = MarketFeed::new(config.clone()).unwrap_err();
    assert!(matches!(error, StartError::Endpoint { .. }), "{error}");
    config.instruments = Arc::from([]);
    let error = MarketFeed::new(config).unwrap_err();
    assert!(matches!(
        error,
        StartError::InstrumentCount { count: 0, .. }
    ));
}
