//! Market data of Binance spot, as a dialect of the neutral feed ([`crate::feed`]).
//!
//! Thread: the feed's. Hot path: decoding. Allocates: only at start and for requests.

#[cfg(test)]
mod tests;

use model::instrument::InstrumentSpec;

pub use crate::feed::{FeedConfig, FeedScope, FeedTiming, StartError};

use super::start::percent_encoded;
use super::wire;
use crate::feed::dialect::{
    Chain, Content, Contents, FeedDialect, Opening, Rules, Snapshots, Topic,
};
use crate::feed::message::{Depth, Market, Scratch};
use crate::wire::WireError;
use crate::wire::symbols::{Entry, Symbols};

/// The market feed of Binance spot.
pub type MarketFeed = crate::feed::MarketFeed<SpotStreams>;

/// Longest path that subscribes by itself; longer lists are subscribed to by message. Proxies
/// refuse request lines beyond 8 KiB.
const PATH_BYTES_MAX: usize = 4_096;

/// What is Binance spot's own in a market feed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpotStreams;

impl FeedDialect for SpotStreams {
    /// binance-spot-api-docs, web-socket-streams.md, 2026-07-21: 1,024 streams a connection, five
    /// messages a second (pongs count, so four at most are ours), 300 connections in 5 minutes.
    const RULES: Rules = Rules {
        topics_per_connection: 1_024,
        topics_per_message: 100,
        messages_apart_ns: 250_000_000,
        messages_per_hour: u32::MAX,
        connects_apart_ns: 200_000_000,
        ping: None,
        // With 1,000 levels (weight 50) at most half of the address's weight.
        snapshots: Snapshots::Rest {
            apart_ns: 1_000_000_000,
        },
        poll: None,
        chain: Chain::Rising,
    };

    fn topics(&self, slot: usize, spec: &InstrumentSpec, contents: Contents) -> Vec<Topic> {
        let symbol = spec.symbol.to_lowercase();
        let streams = [
            (Content::Depth, "depth@100ms"),
            (Content::Quotes, "bookTicker"),
            (Content::Trades, "trade"),
            (Content::Candles, "kline_1m"),
        ];
        let wanted = streams
            .into_iter()
            .filter(|(content, _)| contents.has(*content));
        wanted
            .map(|(content, stream)| Topic {
                slot,
                content,
                route: 0,
                name: format!("{symbol}@{stream}"),
            })
            .collect()
    }

    fn opening(&self, _route: u8, topics: &[Topic]) -> Opening {
        opening("/stream", topics)
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
        wire::decode(bytes, symbols, &mut scratch.depth)
    }

    fn snapshot_path(&self, symbol: &str, levels: u32) -> String {
        let symbol = percent_encoded(symbol.as_bytes());
        format!("/api/v3/depth?symbol={symbol}&limit={levels}")
    }

    fn decode_snapshot(
        &self,
        bytes: &[u8],
        entry: &Entry,
        depth: &mut Depth,
    ) -> Result<u64, WireError> {
        wire::decode_snapshot(bytes, entry, depth)
    }
}

/// A combined stream of all topics if its path is short enough, else one without any.
pub(in crate::binance) fn opening(path: &str, topics: &[Topic]) -> Opening {
    let encoded = |topic: &Topic| {
        let parts = topic.name.split('@');
        let parts = parts.map(|part| percent_encoded(part.as_bytes()));
        parts.collect::<Vec<_>>().join("@")
    };
    let names: Vec<String> = topics.iter().map(encoded).collect();
    let all = format!("{path}?streams={}", names.join("/"));
    let subscribes = all.len() <= PATH_BYTES_MAX;
    Opening {
        path: if subscribes { all } else { path.to_owned() },
        subscribes,
    }
}

/// `{"method":..,"params":[..],"id":..}`. Symbols hold nothing that JSON would escape
/// ([`Symbols::new`] refuses them).
pub(in crate::binance) fn request(method: &str, topics: &[Topic], id: u64, out: &mut String) {
    out.push_str("{\"method\":\"");
    out.push_str(method);
    out.push_str("\",\"params\":[");
    for (index, topic) in topics.iter().enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        out.push_str(&topic.name);
        out.push('"');
    }
    out.push_str("],\"id\":");
    out.push_str(&id.to_string());
    out.push('}');
}
