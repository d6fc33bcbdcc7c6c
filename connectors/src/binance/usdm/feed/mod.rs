//! Market data of Binance USD-M futures, as a dialect of the neutral feed ([`crate::feed`]).
//!
//! Messages go through a hand-written scanner (`scan`) that takes their members in any order;
//! whatever looks otherwise goes through a typed general parser (`general`), with the same result.
//!
//! Thread: the feed's. Hot path: decoding. Allocates: only at start, for requests, and in the
//! general parser.

mod general;
mod scan;
#[cfg(test)]
mod tests;

use model::instrument::InstrumentSpec;

use crate::binance::feed::{opening, request};
use crate::binance::start::percent_encoded;
use crate::feed::dialect::{
    Chain, Content, Contents, FeedDialect, Opening, Poll, Rules, Snapshots, Topic,
};
use crate::feed::message::{Depth, Market, Scratch};
use crate::wire::WireError;
use crate::wire::symbols::{Entry, Symbols};

/// The market feed of Binance USD-M futures.
pub type MarketFeed = crate::feed::MarketFeed<UsdmStreams>;

/// Levels a side that a snapshot has at most.
const SNAPSHOT_LEVELS_MAX: u32 = 1_000;

/// The venue's stream servers, since 2026-03-06: a stream that is asked for at the wrong one is
/// acknowledged and never comes.
const PUBLIC: u8 = 0;
const MARKET: u8 = 1;

/// Names of the streams, who has them, and what they bring.
const STREAMS: [(Content, u8, &str); 6] = [
    (Content::Depth, PUBLIC, "depth@100ms"),
    (Content::Quotes, PUBLIC, "bookTicker"),
    // Trades of one taker at one price within 100 ms; single trades are not documented.
    (Content::Trades, MARKET, "aggTrade"),
    (Content::Marks, MARKET, "markPrice@1s"),
    (Content::Candles, MARKET, "kline_1m"),
    (Content::Liquidations, MARKET, "forceOrder"),
];

/// What is Binance USD-M's own in a market feed.
#[derive(Debug, Clone, Copy, Default)]
pub struct UsdmStreams;

impl FeedDialect for UsdmStreams {
    /// developers.binance.com, USD-M futures, 2025-11: 1,024 streams a connection (of which other
    /// connectors keep to 200), ten messages a second, 2,400 of weight a minute.
    const RULES: Rules = Rules {
        topics_per_connection: 200,
        topics_per_message: 100,
        messages_apart_ns: 200_000_000,
        messages_per_hour: u32::MAX,
        connects_apart_ns: 200_000_000,
        ping: None,
        // With 1,000 levels (weight 20) at most half of the address's weight.
        snapshots: Snapshots::Rest {
            apart_ns: 1_000_000_000,
        },
        // Open interest weighs 1.
        poll: Some(Poll {
            apart_ns: 1_000_000_000,
            each_ns: 60_000_000_000,
        }),
        chain: Chain::Rising,
    };

    fn topics(&self, slot: usize, spec: &InstrumentSpec, contents: Contents) -> Vec<Topic> {
        let symbol = spec.symbol.to_lowercase();
        let wanted = STREAMS.iter().filter(|stream| contents.has(stream.0));
        wanted
            .map(|(content, route, stream)| Topic {
                slot,
                content: *content,
                route: *route,
                name: format!("{symbol}@{stream}"),
            })
            .collect()
    }

    fn opening(&self, route: u8, topics: &[Topic]) -> Opening {
        let path = if route == PUBLIC {
            "/public/stream"
        } else {
            "/market/stream"
        };
        opening(path, topics)
    }

    fn subscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        request("SUBSCRIBE", topics, id, out);
    }

    fn unsubscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        request("UNSUBSCRIBE", topics, id, out);
    }

    #[inline]
    fn decode(
        &self,
        bytes: &[u8],
        symbols: &Symbols,
        scratch: &mut Scratch,
    ) -> Result<Market, WireError> {
        decode(bytes, symbols, &mut scratch.depth)
    }

    fn snapshot_path(&self, symbol: &str, levels: u32) -> String {
        let symbol = percent_encoded(symbol.as_bytes());
        let levels = levels.min(SNAPSHOT_LEVELS_MAX);
        format!("/fapi/v1/depth?symbol={symbol}&limit={levels}")
    }

    fn decode_snapshot(
        &self,
        bytes: &[u8],
        entry: &Entry,
        depth: &mut Depth,
    ) -> Result<u64, WireError> {
        decode_snapshot(bytes, entry, depth)
    }

    fn poll_path(&self, symbol: &str) -> String {
        let symbol = percent_encoded(symbol.as_bytes());
        format!("/fapi/v1/openInterest?symbol={symbol}")
    }

    fn decode_poll(&self, bytes: &[u8], entry: &Entry) -> Result<Market, WireError> {
        general::open_interest(bytes, entry)
    }
}

/// Reads one message of the market streams, bare or in its `{"stream":..,"data":..}` envelope.
///
/// # Errors
///
/// [`WireError`]; the content of `depth` is then of no meaning.
#[inline]
pub fn decode(bytes: &[u8], symbols: &Symbols, depth: &mut Depth) -> Result<Market, WireError> {
    match scan::decode(bytes, symbols, depth) {
        Some(message) => Ok(message),
        None => general::decode(bytes, symbols, depth),
    }
}

/// Reads an answer of `/fapi/v1/depth` into `depth` and returns its update id.
///
/// # Errors
///
/// [`WireError`]; the content of `depth` is then of no meaning.
pub fn decode_snapshot(bytes: &[u8], entry: &Entry, depth: &mut Depth) -> Result<u64, WireError> {
    match scan::decode_snapshot(bytes, entry, depth) {
        Some(update_id) => Ok(update_id),
        None => general::decode_snapshot(bytes, entry, depth),
    }
}
