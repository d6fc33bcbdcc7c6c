//! A venue of few words, with snapshots in the stream, linked updates and checksums; its server
//! does only what the test says, and answers pings.
//!
//! ```text
//!   S slot last bids asks [checksum]          the whole book; bids and asks: price:qty,.. or -
//!   U slot before last bids asks [checksum]   an update
//!   T slot id price                           a trade
//!   Q slot id bid ask [time]                  best prices
//!   L slot   P   X   A code                   subscription ended, pong, shutdown, answer
//! ```

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::feed::dialect::{Chain, Ping, Snapshots};
use connectors::feed::{
    Content, Contents, Depth, DepthPart, FeedConfig, FeedDialect, FeedScope, FeedTiming, Market,
    MarketFeed, Mirror, Opening, Rules, Scratch, Span, Topic,
};
use connectors::load::RestEndpoint;
use connectors::wire::symbols::Entry;
use connectors::wire::{Symbols, WireError};
use model::body::{Level, LinkState, Quote, Side, Trade};
use model::event::{Event, event};
use model::ids::{SourceId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Feed};
use model::record::{Record, flags};
use tungstenite::{Message, WebSocket};

use crate::samples::instrument;
use crate::support::DEADLINE;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Toy;

const MS: u64 = 1_000_000;

impl FeedDialect for Toy {
    const RULES: Rules = Rules {
        topics_per_connection: 7,
        topics_per_message: 4,
        messages_apart_ns: 20 * MS,
        messages_per_hour: 1_000,
        connects_apart_ns: MS,
        ping: Some(Ping {
            after_ns: 100 * MS,
            answer_ns: 400 * MS,
            text: "ping",
        }),
        snapshots: Snapshots::Stream,
        poll: None,
        chain: Chain::Linked,
    };

    fn topics(&self, slot: usize, _: &InstrumentSpec, contents: Contents) -> Vec<Topic> {
        let all = [
            (Content::Depth, "depth"),
            (Content::Quotes, "quotes"),
            (Content::Trades, "trades"),
        ];
        let wanted = all
            .into_iter()
            .filter(|(content, _)| contents.has(*content));
        wanted
            .map(|(content, name)| Topic {
                slot,
                content,
                route: 0,
                name: format!("{slot}.{name}"),
            })
            .collect()
    }

    fn opening(&self, _: u8, _: &[Topic]) -> Opening {
        Opening {
            path: "/toy".to_owned(),
            subscribes: false,
        }
    }

    fn subscribe(&self, topics: &[Topic], _: u64, out: &mut String) {
        out.push_str("sub");
        for topic in topics {
            out.push(' ');
            out.push_str(&topic.name);
        }
    }

    fn unsubscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        out.push_str("un");
        self.subscribe(topics, id, out);
    }

    fn decode(
        &self,
        bytes: &[u8],
        _: &Symbols,
        scratch: &mut Scratch,
    ) -> Result<Market, WireError> {
        let text = std::str::from_utf8(bytes).map_err(|_| WireError::UnknownKind)?;
        let words: Vec<&str> = text.split(' ').collect();
        read(&words, &mut scratch.depth).ok_or(WireError::UnknownKind)
    }

    fn snapshot_path(&self, _: &str, _: u32) -> String {
        String::new()
    }

    fn decode_snapshot(&self, _: &[u8], _: &Entry, _: &mut Depth) -> Result<u64, WireError> {
        Err(WireError::UnknownKind)
    }

    /// The sum of all prices times quantities.
    fn checksum(&self, _: &Entry, book: &Mirror) -> Option<i32> {
        let both = book.bids().chain(book.asks());
        let sum: i64 = both.map(|level| level.price.0 * level.qty.0).sum();
        i32::try_from(sum).ok()
    }
}

fn read(words: &[&str], depth: &mut Depth) -> Option<Market> {
    let number = |at: usize| words.get(at)?.parse::<u64>().ok();
    let slot = number(1).unwrap_or(0) as usize;
    let is_snapshot = words[0] == "S";
    Some(match words[0] {
        "P" => Market::Pong,
        "X" => Market::Shutdown,
        "L" => Market::Left { slot },
        "A" => Market::Answer {
            error: number(1).map(|code| code as i32),
        },
        "T" => Market::Trade {
            slot,
            trade: Trade {
                trade_id: number(2)?,
                venue_time_ns: 1,
                price: Ticks(number(3)? as i64),
                qty: Lots(1),
                aggressor: Side::Buy,
                reserved: [0; 47],
            },
        },
        "Q" => Market::Quote {
            slot,
            quote: Quote {
                update_id: number(2)?,
                venue_time_ns: number(5).unwrap_or(1),
                bid: level(words.get(3)?)?,
                ask: level(words.get(4)?)?,
                reserved: [0; 32],
            },
        },
        "S" | "U" => {
            let at = if is_snapshot { 2 } else { 3 };
            let levels = |at: usize| match *words.get(at)? {
                "-" => Some(Vec::new()),
                list => list.split(',').map(level).collect::<Option<Vec<_>>>(),
            };
            depth.set(&levels(at + 1)?, &levels(at + 2)?);
            Market::Depth {
                slot,
                part: if is_snapshot {
                    DepthPart::Snapshot
                } else {
                    DepthPart::Update
                },
                span: Span {
                    first_id: number(at)?,
                    last_id: number(at)?,
                    before_id: if is_snapshot { None } else { number(2) },
                    venue_time_ns: 1,
                },
                checksum: words.get(at + 3).and_then(|text| text.parse().ok()),
            }
        }
        _ => return None,
    })
}

fn level(text: &str) -> Option<Level> {
    let (price, qty) = text.split_once(':')?;
    Some(Level {
        price: Ticks(price.parse().ok()?),
        qty: Lots(qty.parse().ok()?),
    })
}

enum Order {
    Say(String),
    Cut,
}

/// A connection at the venue's end.
struct Talk {
    orders: Sender<Order>,
    heard: Arc<Mutex<Vec<String>>>,
}

/// The venue: a thread for each connection.
pub(crate) struct Venue {
    port: u16,
    talks: Arc<Mutex<Vec<Talk>>>,
    answers_pings: Arc<Mutex<bool>>,
}

impl Venue {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let venue = Self {
            port: listener.local_addr().unwrap().port(),
            talks: Arc::default(),
            answers_pings: Arc::new(Mutex::new(true)),
        };
        let (talks, pings) = (Arc::clone(&venue.talks), Arc::clone(&venue.answers_pings));
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let (orders, taken) = channel();
                let heard = Arc::new(Mutex::new(Vec::new()));
                let talk = Talk {
                    orders,
                    heard: Arc::clone(&heard),
                };
                talks.lock().unwrap().push(talk);
                let pings = Arc::clone(&pings);
                std::thread::spawn(move || serve(socket, &taken, &heard, &pings));
            }
        });
        venue
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.talks.lock().unwrap().len()
    }

    /// Sends a message on the connection of this number.
    pub(crate) fn say(&self, talk: usize, text: impl Into<String>) {
        let order = Order::Say(text.into());
        self.talks.lock().unwrap()[talk].orders.send(order).unwrap();
    }

    /// Cuts the connection of this number.
    pub(crate) fn cut(&self, talk: usize) {
        let talks = self.talks.lock().unwrap();
        talks[talk].orders.send(Order::Cut).unwrap();
    }

    /// What came on the connection of this number, pings aside.
    pub(crate) fn heard(&self, talk: usize) -> Vec<String> {
        let talks = self.talks.lock().unwrap();
        let Some(talk) = talks.get(talk) else {
            return Vec::new();
        };
        talk.heard.lock().unwrap().clone()
    }

    pub(crate) fn is_deaf_to_pings(&self) {
        *self.answers_pings.lock().unwrap() = false;
    }
}

fn serve(
    socket: TcpStream,
    orders: &Receiver<Order>,
    heard: &Mutex<Vec<String>>,
    pings: &Mutex<bool>,
) {
    let Ok(mut ws) = tungstenite::accept(socket) else {
        return;
    };
    ws.get_ref()
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    loop {
        match orders.try_recv() {
            Ok(Order::Say(text)) => {
                if ws.send(Message::from(text)).is_err() {
                    return;
                }
                continue;
            }
            Ok(Order::Cut) | Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {}
        }
        if !listen(&mut ws, heard, pings) {
            return;
        }
    }
}

/// Whether the connection goes on.
fn listen(ws: &mut WebSocket<TcpStream>, heard: &Mutex<Vec<String>>, pings: &Mutex<bool>) -> bool {
    match ws.read() {
        Ok(Message::Text(text)) if text.as_str() == "ping" => {
            !*pings.lock().unwrap() || ws.send(Message::from("P")).is_ok()
        }
        Ok(Message::Text(text)) => {
            heard.lock().unwrap().push(text.to_string());
            true
        }
        Ok(_) => true,
        Err(tungstenite::Error::Io(error)) => matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
        Err(_) => false,
    }
}

struct Wall;

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(elapsed.as_nanos()).unwrap()
    }
}

#[derive(Default)]
struct Log(Vec<Record>);

impl EventSink for Log {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push(*record);
        true
    }
}

/// The feed at its venue, and what it said.
pub(crate) struct Session {
    pub(crate) venue: Venue,
    feed: MarketFeed<Toy>,
    log: Log,
    /// Short names of the events so far, those of the whole connection in brackets.
    pub(crate) said: Vec<String>,
    /// Messages that only marked a place.
    pub(crate) marks: u64,
}

impl Session {
    pub(crate) fn start(instruments: u32, scope: FeedScope) -> Self {
        let venue = Venue::start();
        let specs: Vec<_> = (0..instruments)
            .map(|id| instrument(id, &format!("TOY{id}"), "1", "1"))
            .collect();
        let feed = MarketFeed::new(FeedConfig {
            stream_url: format!("ws://127.0.0.1:{}", venue.port),
            rest: RestEndpoint {
                url: "http://127.0.0.1:9".to_owned(),
                tls: None,
            },
            venue: VenueId(0),
            source: SourceId(3),
            instruments: Arc::from(specs),
            snapshot_levels: 400,
            scope,
            timing: FeedTiming::default(),
        });
        Self {
            venue,
            feed: feed.unwrap(),
            log: Log::default(),
            said: Vec::new(),
            marks: 0,
        }
    }

    /// Polls until `done`, or fails at the deadline.
    #[track_caller]
    pub(crate) fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < DEADLINE, "{:?}", self.said);
            self.poll();
        }
    }

    /// Polls for so long.
    pub(crate) fn run(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time {
            self.poll();
        }
    }

    fn poll(&mut self) {
        if !self.feed.poll(&Wall, &mut self.log).is_yes() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let names = self.log.0.drain(..).filter_map(|record| name(&record));
        self.said.extend(names);
    }

    /// Polls until the last thing said is this.
    #[track_caller]
    pub(crate) fn until_said(&mut self, last: &str) {
        self.until(|session| session.said.iter().any(|said| said == last));
    }

    /// What was said since the last call.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    pub(crate) fn unparsed(&self) -> u64 {
        self.feed.unparsed()
    }
}

fn name(record: &Record) -> Option<String> {
    Some(match event(record).unwrap() {
        Event::Connection(link) if record.instrument().is_some() => format!("{:?}", link.state),
        Event::Connection(link) if link.state == LinkState::Notice => return None,
        Event::Connection(link) => format!("[{:?}]", link.state),
        Event::BookReset(reset) => format!("reset {}", reset.update_id),
        Event::BookLevels(levels) => {
            assert!(record.has(flags::LAST_OF_MESSAGE), "few levels here");
            format!("levels {}", levels.update_id)
        }
        Event::Trade(trade) => format!("trade {}", trade.trade_id),
        Event::Quote(quote) => format!("quote {}", quote.update_id),
        other => panic!("{other:?}"),
    })
}
