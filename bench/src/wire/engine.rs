//! The engine at the venue: its real feed, pipeline and gateway on one spinning worker.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::binance::feed::{FeedConfig, FeedScope, FeedTiming, MarketFeed};
use connectors::binance::gateway::{BinanceGateway, GatewayConfig, GatewayTiming};
use connectors::binance::start::{Limits, RestEndpoint};
use connectors::link::TimeOffset;
use connectors::sign::Signer;
use engine::clock::WallClock;
use engine::machine::Approved;
use engine::pipeline::{Pipeline, Running, SOURCE_FIRST_PORT};
use model::body::Sent;
use model::command::command;
use model::event::{Event, event};
use model::ids::{AccountId, SourceId, VenueId};
use model::ports::Clock;
use model::record::{Kind, Record};

use super::pairs::Answer;
use super::venue::{API_KEY, SECRET, Venue};
use super::{DEADLINE, Found};
use crate::{HarnessError, cores, session};

/// Lets the engine trade at `venue` for `time`.
pub(super) fn run(venue: Venue, time: Duration) -> Result<Found, HarnessError> {
    let dir = tempfile::tempdir()?;
    let clock = WallClock::anchored_now();
    let (machine, writer) =
        session::started(dir.path(), &venue.spec, clock.now_ns(), SEGMENT_BYTES)?;
    let running = Pipeline::new(machine, writer, cores::one_worker(cores::last()), clock)
        .feed("binance", feed(&venue)?)
        .gateway("binance", &[AccountId(0)], gateway(&venue)?)
        .start()?;
    let traded = trade(&running, time);
    let ended = running.shut_down(DEADLINE)?;
    traded?;
    drop(ended);
    let answers = answers(dir.path())?;
    Ok(Found::of(&venue.stop(&clock), &answers))
}

fn trade(running: &Running, time: Duration) -> Result<(), HarnessError> {
    let began = Instant::now();
    while running.gauges().commands.get() == 0 && running.fault().is_none() {
        if DEADLINE < began.elapsed() {
            return Err(HarnessError::Late {
                what: "the engine's first order",
                seconds: DEADLINE.as_secs(),
            });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(time);
    Ok(())
}

fn feed(venue: &Venue) -> Result<MarketFeed, HarnessError> {
    Ok(MarketFeed::new(FeedConfig {
        stream_url: venue.url("wss", ""),
        rest: RestEndpoint {
            url: venue.url("https", ""),
            tls: Some(Arc::clone(&venue.tls)),
        },
        venue: VenueId(0),
        source: SourceId(SOURCE_FIRST_PORT.0 + 1),
        instruments: Arc::from([venue.spec.clone()]),
        snapshot_levels: 1_000,
        scope: FeedScope::default(),
        timing: FeedTiming::default(),
    })?)
}

fn gateway(venue: &Venue) -> Result<BinanceGateway<Approved<Record>>, HarnessError> {
    Ok(BinanceGateway::new(GatewayConfig {
        url: venue.url("wss", "/ws-api/v3"),
        tls: Some(Arc::clone(&venue.tls)),
        api_key: API_KEY.to_owned(),
        signer: Signer::hmac(SECRET),
        account: AccountId(0),
        venue: VenueId(0),
        instruments: Arc::from([venue.spec.clone()]),
        recv_window_ms: 5_000,
        limits: Limits {
            weight_per_minute: u64::from(u32::MAX),
            orders_per_ten_seconds: u64::from(u32::MAX),
            orders_per_day: u64::from(u32::MAX),
        },
        time: TimeOffset::default(),
        resume: Vec::new(),
        timing: GatewayTiming::default(),
    })?)
}

/// Segments of the journal: a second of this market.
const SEGMENT_BYTES: u64 = 16 << 20;
/// Time around a fill in which the venue writes to our order connection as well.
const FILL_NS: u64 = 100_000;

/// Every order that a market message caused, by the journal: the first one of each message.
///
/// Not those after a message that tells of our own fill: there the venue writes the private events
/// before the market's, and what would be measured is the venue.
fn answers(dir: &Path) -> Result<Vec<Answer>, HarnessError> {
    let mut reader = journal::Reader::open(dir)?;
    let mut market: HashMap<u64, bool> = HashMap::new();
    let mut caused: HashMap<u64, u64> = HashMap::new();
    let mut answers: Vec<Answer> = Vec::new();
    let mut fills: Vec<u64> = Vec::new();
    while let Some(record) = reader.next()? {
        let Some(kind) = record.kind() else { continue };
        if kind.is_command() {
            if market.get(&record.event) == Some(&true)
                && let Ok(view) = command(record)
            {
                caused.insert(view.number(), record.event);
            }
            continue;
        }
        market.insert(
            record.event,
            matches!(kind, Kind::Quote | Kind::BookLevels | Kind::Trade),
        );
        match event(record) {
            Ok(Event::Sent(sent)) => answers.extend(answer(sent, &caused, answers.last())),
            Ok(Event::OrderFilled(_)) => fills.push(record.stamp_ns),
            Ok(_) | Err(_) => {}
        }
    }
    let is_near = |answer: &Answer| {
        let after = fills.partition_point(|&at| at + FILL_NS < answer.received_ns);
        fills
            .get(after)
            .is_some_and(|&at| at < answer.received_ns + FILL_NS)
    };
    answers.retain(|answer| !is_near(answer));
    Ok(answers)
}

fn answer(sent: &Sent, caused: &HashMap<u64, u64>, last: Option<&Answer>) -> Option<Answer> {
    let is_first = last.is_none_or(|last| last.received_ns != sent.received_ns);
    (caused.contains_key(&sent.command) && is_first).then_some(Answer {
        received_ns: sent.received_ns,
        taken_ns: sent.taken_ns,
    })
}
