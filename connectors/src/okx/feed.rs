//! Market data of OKX, as a dialect of the neutral feed ([`crate::feed`]).
//!
//! The whole book comes in the stream; each update names the one before it. Candles have a server
//! of their own. Thread: the feed's. Hot path: decoding. Allocates: only at start and for requests.

use model::body::Level;
use model::instrument::{Contract, InstrumentSpec};
use model::num::Scale;

use super::wire::market;
use crate::feed::Mirror;
use crate::feed::dialect::{
    Chain, Content, Contents, FeedDialect, Opening, Ping, Rules, Snapshots, Topic,
};
use crate::feed::message::{Depth, Market, Scratch};
use crate::wire::WireError;
use crate::wire::symbols::{Entry, Symbols};

/// The market feed of OKX.
pub type MarketFeed = crate::feed::MarketFeed<OkxStreams>;

const SECOND_NS: u64 = 1_000_000_000;
/// The venue's servers.
const PUBLIC: u8 = 0;
const BUSINESS: u8 = 1;
/// Levels a side that the venue's checksum is made of.
const SUMMED: usize = 25;

/// What is OKX's own in a market feed, for spot and perpetuals.
#[derive(Debug, Clone, Copy, Default)]
pub struct OkxStreams;

/// A subscription's words.
fn topic(slot: usize, content: Content, route: u8, channel: &str, symbol: &str) -> Topic {
    Topic {
        slot,
        content,
        route,
        name: format!("{{\"channel\":\"{channel}\",\"instId\":\"{symbol}\"}}"),
    }
}

fn request(op: &str, topics: &[Topic], id: u64, out: &mut String) {
    use std::fmt::Write;
    let _infallible = write!(out, "{{\"id\":\"{id}\",\"op\":\"{op}\",\"args\":[");
    for (at, topic) in topics.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&topic.name);
    }
    out.push_str("]}");
}

impl FeedDialect for OkxStreams {
    /// OKX's overview of WebSocket, 2026-07: three attempts to connect a second, 480 subscriptions,
    /// ends of them and logins an hour, 64 KB of them in one message, "ping" after less than 30
    /// seconds of silence, better not more than 30 books a connection (of three topics each).
    const RULES: Rules = Rules {
        topics_per_connection: 90,
        topics_per_message: 90,
        messages_apart_ns: SECOND_NS / 5,
        messages_per_hour: 460,
        connects_apart_ns: 2 * SECOND_NS / 5,
        ping: Some(Ping {
            after_ns: 20 * SECOND_NS,
            answer_ns: 5 * SECOND_NS,
            text: "ping",
        }),
        snapshots: Snapshots::Stream,
        poll: None,
        chain: Chain::Linked,
    };

    fn topics(&self, slot: usize, spec: &InstrumentSpec, contents: Contents) -> Vec<Topic> {
        let symbol = spec.symbol.as_str();
        let mut topics = Vec::new();
        let mut add = |content, route, channel, symbol| {
            if contents.has(content) {
                topics.push(topic(slot, content, route, channel, symbol));
            }
        };
        add(Content::Depth, PUBLIC, "books", symbol);
        add(Content::Quotes, PUBLIC, "bbo-tbt", symbol);
        add(Content::Trades, PUBLIC, "trades", symbol);
        add(Content::Candles, BUSINESS, "candle1m", symbol);
        if let Contract::Spot = spec.contract {
            return topics;
        }
        add(Content::Marks, PUBLIC, "mark-price", symbol);
        add(Content::Marks, PUBLIC, "funding-rate", symbol);
        if let Some(pair) = symbol.strip_suffix("-SWAP") {
            add(Content::Marks, PUBLIC, "index-tickers", pair);
        }
        add(Content::OpenInterest, PUBLIC, "open-interest", symbol);
        // One subscription has all perpetuals: it goes with the first.
        if slot == 0 && contents.has(Content::Liquidations) {
            topics.push(Topic {
                slot,
                content: Content::Liquidations,
                route: PUBLIC,
                name: r#"{"channel":"liquidation-orders","instType":"SWAP"}"#.to_owned(),
            });
        }
        topics
    }

    fn opening(&self, route: u8, _: &[Topic]) -> Opening {
        let path = if route == BUSINESS {
            "/ws/v5/business"
        } else {
            "/ws/v5/public"
        };
        Opening {
            path: path.to_owned(),
            subscribes: false,
        }
    }

    fn subscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        request("subscribe", topics, id, out);
    }

    fn unsubscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        request("unsubscribe", topics, id, out);
    }

    #[inline]
    fn decode(
        &self,
        bytes: &[u8],
        symbols: &Symbols,
        scratch: &mut Scratch,
    ) -> Result<Market, WireError> {
        market::decode(bytes, symbols, scratch)
    }

    /// The stream has the whole book: nobody asks.
    fn snapshot_path(&self, symbol: &str, levels: u32) -> String {
        let _not_asked = levels;
        format!("/api/v5/market/books?instId={symbol}&sz=400")
    }

    fn decode_snapshot(&self, _: &[u8], _: &Entry, _: &mut Depth) -> Result<u64, WireError> {
        Err(WireError::UnknownKind)
    }

    fn checksum(&self, entry: &Entry, book: &Mirror) -> Option<i32> {
        book_sum(entry, book.bids(), book.asks())
    }
}

/// The venue's checksum of a book, best levels first: CRC-32 of `price:quantity:price:quantity`,
/// bid and ask in turn, as a signed number. The venue takes its own texts, which have no zeros at
/// their ends. `None` beyond the range of a number.
pub fn book_sum(
    entry: &Entry,
    bids: impl Iterator<Item = Level>,
    asks: impl Iterator<Item = Level>,
) -> Option<i32> {
    levels_sum((entry.price.scale(), entry.qty.scale()), bids, asks)
}

/// As [`book_sum`], of an instrument with these steps of price and quantity.
pub fn levels_sum(
    steps: (Scale, Scale),
    mut bids: impl Iterator<Item = Level>,
    mut asks: impl Iterator<Item = Level>,
) -> Option<i32> {
    let mut sum = flate2::Crc::new();
    let mut is_first = true;
    for _ in 0..SUMMED {
        for level in [bids.next(), asks.next()].into_iter().flatten() {
            if !is_first {
                sum.update(b":");
            }
            is_first = false;
            put(&mut sum, steps, level)?;
        }
    }
    Some(sum.sum().cast_signed())
}

fn put(sum: &mut flate2::Crc, steps: (Scale, Scale), level: Level) -> Option<()> {
    let mut text = [0; 40];
    let price = steps.0.write(level.price.0, &mut text).ok()?;
    sum.update(shortest(&text[..price]));
    sum.update(b":");
    let qty = steps.1.write(level.qty.0, &mut text).ok()?;
    sum.update(shortest(&text[..qty]));
    Some(())
}

/// Without zeros behind the point.
fn shortest(text: &[u8]) -> &[u8] {
    if !text.contains(&b'.') {
        return text;
    }
    let zeros = text.iter().rev().take_while(|byte| **byte == b'0').count();
    let text = &text[..text.len() - zeros];
    text.strip_suffix(b".").unwrap_or(text)
}
