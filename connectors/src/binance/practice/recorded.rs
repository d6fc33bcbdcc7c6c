//! A recording of Binance's combined streams: what its lines say, and whether they are whole.

use std::path::Path;

use model::instrument::InstrumentSpec;
use model::num::parse_scaled;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::practice::recorded::{Frame, GRAIN_DECIMALS};
use crate::practice::recording::{Line, Lines, RecordingError};

/// A line in the venue's terms.
#[derive(Debug)]
pub(in crate::binance) struct Message<'a> {
    /// Name of the stream; `None` for a snapshot.
    pub(in crate::binance) stream: Option<&'a str>,
    /// The payload as recorded.
    pub(in crate::binance) payload: &'a str,
    pub(in crate::binance) frame: Frame,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow, rename = "lastUpdateId")]
    last_update_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Depth<'a> {
    #[serde(rename = "U")]
    first_id: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    a: Vec<[&'a str; 2]>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    id: u64,
    #[serde(borrow)]
    bids: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    asks: Vec<[&'a str; 2]>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    u: u64,
    b: &'a str,
    #[serde(rename = "B")]
    b_qty: &'a str,
    a: &'a str,
    #[serde(rename = "A")]
    a_qty: &'a str,
}

#[derive(Deserialize)]
struct Trade<'a> {
    t: u64,
    p: &'a str,
    q: &'a str,
    m: bool,
    #[serde(rename = "T")]
    time_ms: i64,
}

/// Reads one line's JSON.
pub(in crate::binance) fn message<'a>(
    json: &'a str,
    spec: &InstrumentSpec,
) -> Result<Message<'a>, String> {
    let wrong = |error: serde_json::Error| format!("is not a message of Binance: {error}");
    let envelope: Envelope<'a> = serde_json::from_str(json).map_err(wrong)?;
    let (Some(stream), Some(data)) = (envelope.stream, envelope.data) else {
        if envelope.last_update_id.is_none() {
            return Err("has neither `stream` and `data` nor `lastUpdateId`".to_owned());
        }
        let snapshot: Snapshot<'a> = serde_json::from_str(json).map_err(wrong)?;
        let frame = Frame::Snapshot {
            id: snapshot.id,
            bids: levels(&snapshot.bids, spec)?,
            asks: levels(&snapshot.asks, spec)?,
        };
        return Ok(Message {
            stream: None,
            payload: json,
            frame,
        });
    };
    let payload = data.get();
    let kind = stream
        .strip_prefix(&spec.symbol.to_lowercase())
        .ok_or_else(|| {
            format!(
                "is of stream {stream:?}, but the instrument is {}",
                spec.symbol
            )
        })?;
    let frame = match kind {
        "@depth@100ms" => depth(payload, spec).map_err(|why| format!("depth: {why}"))?,
        "@bookTicker" => ticker(payload, spec).map_err(|why| format!("bookTicker: {why}"))?,
        "@trade" => trade(payload, spec).map_err(|why| format!("trade: {why}"))?,
        _ => Frame::Other,
    };
    Ok(Message {
        stream: Some(stream),
        payload,
        frame,
    })
}

fn depth(payload: &str, spec: &InstrumentSpec) -> Result<Frame, String> {
    let depth: Depth<'_> = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    Ok(Frame::Depth {
        first_id: depth.first_id,
        last_id: depth.u,
        bids: levels(&depth.b, spec)?,
        asks: levels(&depth.a, spec)?,
    })
}

fn ticker(payload: &str, spec: &InstrumentSpec) -> Result<Frame, String> {
    let ticker: Ticker<'_> = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    Ok(Frame::Top {
        id: ticker.u,
        bid: level(ticker.b, ticker.b_qty, spec)?,
        ask: level(ticker.a, ticker.a_qty, spec)?,
    })
}

fn trade(payload: &str, spec: &InstrumentSpec) -> Result<Frame, String> {
    let trade: Trade<'_> = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    let (price, qty) = level(trade.p, trade.q, spec)?;
    let Trade {
        t: id,
        m: buyer_is_maker,
        time_ms,
        ..
    } = trade;
    Ok(Frame::Trade {
        id,
        price,
        qty,
        buyer_is_maker,
        time_ms,
    })
}

fn levels(list: &[[&str; 2]], spec: &InstrumentSpec) -> Result<Vec<(i64, i64)>, String> {
    list.iter()
        .map(|[price, qty]| level(price, qty, spec))
        .collect()
}

fn level(price: &str, qty: &str, spec: &InstrumentSpec) -> Result<(i64, i64), String> {
    let ticks = spec
        .tick
        .parse(price.as_bytes())
        .map_err(|error| format!("price {price:?}: {error} (tick {})", spec.tick))?;
    let grains = parse_scaled(qty.as_bytes(), GRAIN_DECIMALS)
        .map_err(|error| format!("quantity {qty:?}: {error}"))?;
    if ticks <= 0 || grains < 0 {
        return Err(format!("price {price:?} or quantity {qty:?} is below zero"));
    }
    Ok((ticks, grains))
}

/// What a check of the whole file found.
#[derive(Debug)]
pub(in crate::binance) struct Checked {
    /// The book that the recording starts from.
    pub(in crate::binance) snapshot: Frame,
    pub(in crate::binance) lines: u64,
    pub(in crate::binance) first_ns: u64,
}

/// What has to follow what.
#[derive(Default)]
struct Chain {
    snapshot: Option<Frame>,
    snapshot_id: u64,
    first_depth_id: Option<u64>,
    depth_id: Option<u64>,
    trade_id: Option<u64>,
    top_id: u64,
    first_ns: Option<u64>,
}

/// Reads the whole file once, so that damage shows before anything is played.
pub(in crate::binance) fn check(
    path: &Path,
    spec: &InstrumentSpec,
) -> Result<Checked, RecordingError> {
    let mut lines = Lines::open(path)?;
    let mut chain = Chain::default();
    let mut count = 0;
    loop {
        let problem = match lines.next()? {
            None => break,
            Some(line) => {
                count = line.number;
                chain.follow(&line, spec).err()
            }
        };
        if let Some(reason) = problem {
            return Err(lines.error(reason));
        }
    }
    let end = |reason: &str| lines.error(reason);
    let first_ns = chain.first_ns.ok_or_else(|| end("the file is empty"))?;
    let snapshot = chain
        .snapshot
        .ok_or_else(|| end("the file has no depth snapshot: the book cannot be known"))?;
    if chain.depth_id.is_none_or(|last| last < chain.snapshot_id) {
        return Err(end("the depth messages end before the snapshot"));
    }
    if chain
        .first_depth_id
        .is_some_and(|first| chain.snapshot_id + 1 < first)
    {
        return Err(end("the snapshot is older than the first depth message"));
    }
    Ok(Checked {
        snapshot,
        lines: count,
        first_ns,
    })
}

impl Chain {
    fn follow(&mut self, line: &Line<'_>, spec: &InstrumentSpec) -> Result<(), String> {
        self.first_ns.get_or_insert(line.ns);
        match message(line.json, spec)?.frame {
            Frame::Snapshot { id, bids, asks } => {
                if self.snapshot.is_none() {
                    self.snapshot_id = id;
                    self.snapshot = Some(Frame::Snapshot { id, bids, asks });
                }
                Ok(())
            }
            Frame::Depth {
                first_id, last_id, ..
            } => {
                if let Some(last) = self.depth_id
                    && first_id != last + 1
                {
                    return Err(format!(
                        "depth update ids have a hole: {first_id} after {last}; the file was \
                         edited or messages were lost"
                    ));
                }
                if last_id < first_id {
                    return Err(format!("depth ids run backwards: {first_id} to {last_id}"));
                }
                self.first_depth_id.get_or_insert(first_id);
                self.depth_id = Some(last_id);
                Ok(())
            }
            Frame::Trade { id, .. } => {
                if let Some(last) = self.trade_id
                    && id != last + 1
                {
                    return Err(format!("trade ids have a hole: {id} after {last}"));
                }
                self.trade_id = Some(id);
                Ok(())
            }
            Frame::Top { id, .. } => {
                if id < self.top_id {
                    let last = self.top_id;
                    return Err(format!("bookTicker ids run backwards: {id} after {last}"));
                }
                self.top_id = id;
                Ok(())
            }
            Frame::Other => Ok(()),
        }
    }
}
