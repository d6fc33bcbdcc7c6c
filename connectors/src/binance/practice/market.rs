//! Market data as Binance writes it: depth snapshots, and the payloads of the streams.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::num::Scale;
use serde_json::{Value, json};

use super::text;
use crate::practice::exchange::{Listing, PublicTrade};
use crate::practice::types::Side;

/// The answer to `depth`.
pub(in crate::binance) fn depth(listing: &Listing, limit: usize) -> Value {
    let half = |side| {
        let mut lines = Vec::new();
        each_level(listing, side, limit, |price, qty| {
            lines.push(json!([
                text::steps(listing.spec.tick, price),
                text::steps(listing.shown_step(), qty),
            ]));
        });
        Value::Array(lines)
    };
    json!({
        "lastUpdateId": update_id(listing),
        "bids": half(Side::Buy),
        "asks": half(Side::Sell),
    })
}

/// Id of the last change of the book.
pub(in crate::binance) fn update_id(listing: &Listing) -> u64 {
    listing.liquidity.update_id()
}

pub(in crate::binance) fn each_level(
    listing: &Listing,
    side: Side,
    limit: usize,
    mut level: impl FnMut(i64, i64),
) {
    listing
        .liquidity
        .levels(side)
        .take(limit)
        .for_each(|(price, qty)| level(price, qty));
}

/// Payload of `@trade`.
pub(in crate::binance) fn trade(listing: &Listing, trade: &PublicTrade, now_ms: i64) -> String {
    let mut out = String::with_capacity(192);
    let _ = write!(
        out,
        "{{\"e\":\"trade\",\"E\":{now_ms},\"s\":\"{}\",\"t\":{},\"p\":\"",
        listing.spec.symbol, trade.id
    );
    text::push_steps(&mut out, listing.spec.tick, trade.price.0);
    out.push_str("\",\"q\":\"");
    text::push_steps(&mut out, listing.spec.lot, trade.qty.0);
    let _ = write!(
        out,
        "\",\"T\":{},\"m\":{},\"M\":true}}",
        trade.time_ms, trade.buyer_is_maker
    );
    out
}

/// Best bid and ask with quantities.
pub(in crate::binance) type Top = ((i64, i64), (i64, i64));

/// Best bid and ask, if there are both.
pub(in crate::binance) fn top(listing: &Listing) -> Option<Top> {
    Some((
        listing.liquidity.top(Side::Buy)?,
        listing.liquidity.top(Side::Sell)?,
    ))
}

/// Payload of `@bookTicker`.
pub(in crate::binance) fn book_ticker(listing: &Listing, top: &Top) -> String {
    let mut out = String::with_capacity(160);
    let ((bid, bid_qty), (ask, ask_qty)) = *top;
    let update = update_id(listing);
    let _ = write!(
        out,
        "{{\"u\":{update},\"s\":\"{}\",\"b\":\"",
        listing.spec.symbol
    );
    text::push_steps(&mut out, listing.spec.tick, bid);
    out.push_str("\",\"B\":\"");
    text::push_steps(&mut out, listing.shown_step(), bid_qty);
    out.push_str("\",\"a\":\"");
    text::push_steps(&mut out, listing.spec.tick, ask);
    out.push_str("\",\"A\":\"");
    text::push_steps(&mut out, listing.shown_step(), ask_qty);
    out.push_str("\"}");
    out
}

/// Payload of `@depth5`, `@depth10`, `@depth20`.
pub(in crate::binance) fn partial_depth(listing: &Listing, levels: usize) -> String {
    let mut out = String::with_capacity(64 + levels * 80);
    let _ = write!(out, "{{\"lastUpdateId\":{},\"bids\":[", update_id(listing));
    each_level(listing, Side::Buy, levels, |price, qty| {
        push_level(
            &mut out,
            listing.spec.tick,
            listing.shown_step(),
            (price, qty),
        );
    });
    trim_comma(&mut out);
    out.push_str("],\"asks\":[");
    each_level(listing, Side::Sell, levels, |price, qty| {
        push_level(
            &mut out,
            listing.spec.tick,
            listing.shown_step(),
            (price, qty),
        );
    });
    trim_comma(&mut out);
    out.push_str("]}");
    out
}

fn push_level(out: &mut String, tick: Scale, lot: Scale, (price, qty): (i64, i64)) {
    out.push_str("[\"");
    text::push_steps(out, tick, price);
    out.push_str("\",\"");
    text::push_steps(out, lot, qty);
    out.push_str("\"],");
}

fn trim_comma(out: &mut String) {
    if out.ends_with(',') {
        out.pop();
    }
}

/// Level changes since the last message of one depth stream.
#[derive(Debug)]
pub(in crate::binance) struct DepthWindow {
    every_ns: u64,
    due_ns: u64,
    last_id: u64,
    /// USD-M: the message before is named, and its time twice.
    usdm: bool,
    changes: BTreeMap<(Side, i64), i64>,
}

impl DepthWindow {
    pub(in crate::binance) const fn new(every_ns: u64, last_id: u64, usdm: bool) -> Self {
        Self {
            every_ns,
            due_ns: every_ns,
            last_id,
            usdm,
            changes: BTreeMap::new(),
        }
    }

    pub(in crate::binance) fn note(&mut self, side: Side, price: i64, total: i64) {
        self.changes.insert((side, price), total);
    }

    pub(in crate::binance) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Starts the next window. The payload of the one that ended, if anything changed in it.
    pub(in crate::binance) fn close(
        &mut self,
        listing: &Listing,
        now_ns: u64,
        now_ms: i64,
    ) -> Option<String> {
        self.due_ns = (now_ns / self.every_ns + 1) * self.every_ns;
        let update_id = update_id(listing);
        if update_id == self.last_id {
            return None;
        }
        let mut out = String::with_capacity(96 + self.changes.len() * 40);
        let first = self.last_id + 1;
        let _ = write!(out, "{{\"e\":\"depthUpdate\",\"E\":{now_ms},");
        if self.usdm {
            let _ = write!(out, "\"T\":{now_ms},");
        }
        let _ = write!(
            out,
            "\"s\":\"{}\",\"U\":{first},\"u\":{update_id},",
            listing.spec.symbol
        );
        if self.usdm {
            let _ = write!(out, "\"pu\":{},", self.last_id);
        }
        out.push_str("\"b\":[");
        self.push_side(&mut out, listing, Side::Buy);
        out.push_str("],\"a\":[");
        self.push_side(&mut out, listing, Side::Sell);
        out.push_str("]}");
        self.last_id = update_id;
        self.changes.clear();
        Some(out)
    }

    /// Best levels first, as the book itself is ordered.
    fn push_side(&self, out: &mut String, listing: &Listing, wanted: Side) {
        let (tick, lot) = (listing.spec.tick, listing.shown_step());
        let of_side = self.changes.range((wanted, i64::MIN)..=(wanted, i64::MAX));
        match wanted {
            Side::Buy => of_side.rev().for_each(|((_, price), qty)| {
                push_level(out, tick, lot, (*price, *qty));
            }),
            Side::Sell => of_side.for_each(|((_, price), qty)| {
                push_level(out, tick, lot, (*price, *qty));
            }),
        }
        trim_comma(out);
    }
}
