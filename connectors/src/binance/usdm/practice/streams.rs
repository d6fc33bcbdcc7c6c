//! Market streams of a practice USD-M: payloads, and which address carries which.

use std::fmt::Write as _;

use model::num::{Lots, Ticks};
use serde_json::json;

use crate::binance::practice::core::Core;
use crate::binance::practice::market::{Top, update_id};
use crate::binance::practice::streams::StreamKind;
use crate::binance::practice::text;
use crate::practice::VenueOrder;
use crate::practice::exchange::{Listing, PublicTrade};

/// Time between two mark prices.
pub(in crate::binance) const MARK_EVERY_NS: u64 = 1_000_000_000;

/// Which half of the host carries a kind of stream: subscribed on the other, it stays silent.
pub(in crate::binance) const fn half_of(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::BookTicker | StreamKind::Depth { .. } | StreamKind::Partial { .. } => "public",
        StreamKind::Trade
        | StreamKind::AggTrade
        | StreamKind::MarkPrice
        | StreamKind::ForceOrder => "market",
    }
}

/// Splits `/public/stream` into the half and the path behind it.
pub(in crate::binance) fn half(path: &str) -> Option<(&'static str, &str)> {
    ["public", "market"].into_iter().find_map(|half| {
        let rest = path.strip_prefix('/')?.strip_prefix(half)?;
        Some((half, rest))
    })
}

/// The listen key of a private stream's address.
pub(in crate::binance) fn listen_key<'r>(path: &'r str, query: &'r str) -> Option<&'r str> {
    let rest = path.strip_prefix("/private/ws")?;
    match rest.strip_prefix('/') {
        Some(key) => Some(key),
        None => query
            .split('&')
            .find_map(|pair| pair.strip_prefix("listenKey=")),
    }
}

/// Payload of `@aggTrade`: each trade is its own aggregate.
pub(in crate::binance) fn agg_trade(listing: &Listing, trade: &PublicTrade, now_ms: i64) -> String {
    let mut out = String::with_capacity(224);
    let _ = write!(
        out,
        "{{\"e\":\"aggTrade\",\"E\":{now_ms},\"s\":\"{}\",\"a\":{},\"p\":\"",
        listing.spec.symbol, trade.id
    );
    text::push_steps(&mut out, listing.spec.tick, trade.price.0);
    out.push_str("\",\"q\":\"");
    text::push_steps(&mut out, listing.spec.lot, trade.qty.0);
    let _ = write!(
        out,
        "\",\"f\":{0},\"l\":{0},\"T\":{1},\"m\":{2}}}",
        trade.id, trade.time_ms, trade.buyer_is_maker
    );
    out
}

/// Payload of `@bookTicker`, which has its name and times here.
pub(in crate::binance) fn book_ticker(listing: &Listing, top: &Top, now_ms: i64) -> String {
    let mut out = String::with_capacity(224);
    let ((bid, bid_qty), (ask, ask_qty)) = *top;
    let _ = write!(
        out,
        "{{\"e\":\"bookTicker\",\"u\":{},\"E\":{now_ms},\"T\":{now_ms},\"s\":\"{}\",\"b\":\"",
        update_id(listing),
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

/// Payload of `@markPrice`.
pub(in crate::binance) fn mark_price(core: &Core, instrument: usize) -> String {
    let mark = core.exchange.mark_price(instrument).unwrap_or_default();
    json!({
        "e": "markPriceUpdate",
        "E": core.now_ms,
        "s": core.spec(instrument).symbol,
        "p": text::money(mark),
        "i": text::money(mark),
        "P": text::money(mark),
        "r": text::money(core.exchange.perps.config.funding_rate),
        "T": core.exchange.next_perp_due_ms().unwrap_or_default(),
    })
    .to_string()
}

/// Payload of `@forceOrder`.
pub(in crate::binance) fn force_order(core: &Core, order: &VenueOrder) -> String {
    let spec = core.spec(order.instrument);
    let price = text::steps(spec.tick, order.price.unwrap_or(Ticks::ZERO).0);
    let lots = |lots: Lots| text::steps(spec.lot, lots.0);
    json!({
        "e": "forceOrder",
        "E": core.now_ms,
        "o": {
            "s": spec.symbol,
            "S": text::side(order.side),
            "o": "LIMIT",
            "f": "IOC",
            "q": lots(order.qty),
            "p": price,
            "ap": price,
            "X": text::status(order.status),
            "l": lots(order.executed),
            "z": lots(order.executed),
            "T": order.updated_ms,
        },
    })
    .to_string()
}
