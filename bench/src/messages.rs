//! Binance messages as the venue words them, made without randomness.
//!
//! Prices and quantities have the venue's eight decimals; all fit [`instrument`].

use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;

/// A trade in the envelope of a combined stream.
pub const TRADE: &str = concat!(
    r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","#,
    r#""t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"#,
    r#""M":true}}"#,
);

/// Best bid and ask of USD-M in the envelope of a combined stream, as recorded in 2024.
pub const USDM_QUOTE: &str = concat!(
    r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"#,
    r#""s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","#,
    r#""T":1723161256313,"E":1723161256313}}"#,
);

/// A trade of USD-M, as recorded in 2024.
pub const USDM_TRADE: &str = concat!(
    r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"#,
    r#""s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":true}}"#,
);

/// A fill of one of our orders, in the envelope of the order connection's subscription.
pub const EXECUTION_REPORT: &str = concat!(
    r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1723161255343,"#,
    r#""s":"BTCUSDT","c":"c4294967297","S":"BUY","o":"LIMIT_MAKER","f":"GTC","#,
    r#""q":"0.00100000","p":"61837.63000000","P":"0.00000000","F":"0.00000000","g":-1,"#,
    r#""C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":4293153,"#,
    r#""l":"0.00050000","z":"0.00050000","L":"61837.63000000","n":"0.00000050","#,
    r#""N":"BTC","T":1723161255342,"t":3735683259,"I":8641984,"w":false,"m":true,"#,
    r#""M":true,"O":1723161254342,"Z":"30.91881500","Y":"30.91881500","Q":"0.00000000","#,
    r#""W":1723161254342,"V":"EXPIRE_MAKER"}}"#,
);

/// The answer to `order.place`.
pub const ORDER_ANSWER: &str = concat!(
    r#"{"id":17,"status":200,"result":{"symbol":"BTCUSDT","orderId":12569099453,"#,
    r#""orderListId":-1,"clientOrderId":"c4294967297","transactTime":1723161255342,"#,
    r#""price":"61837.63000000","origQty":"0.00100000","executedQty":"0.00000000","#,
    r#""origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","#,
    r#""status":"NEW","timeInForce":"GTC","type":"LIMIT_MAKER","side":"BUY","#,
    r#""workingTime":1723161255342,"fills":[],"#,
    r#""selfTradePreventionMode":"EXPIRE_MAKER"},"#,
    r#""rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"#,
    r#""limit":100,"count":12},{"rateLimitType":"ORDERS","interval":"DAY","#,
    r#""intervalNum":1,"limit":200000,"count":4043},{"rateLimitType":"REQUEST_WEIGHT","#,
    r#""interval":"MINUTE","intervalNum":1,"limit":6000,"count":321}]}"#,
);

/// The instrument of every message: tick 0.01, lot 0.00001.
///
/// # Panics
///
/// Never: the steps are constants.
#[must_use]
#[expect(clippy::unwrap_used, reason = "constant steps; every bench makes them")]
pub fn instrument() -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(0),
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.BINANCE".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 2).unwrap(),
        lot: Scale::new(1, 5).unwrap(),
        price_min: Some(Ticks(1)),
        price_max: Some(Ticks(100_000_000)),
        qty_min: Lots(1),
        qty_max: Lots(900_000_000),
        notional_min: Some(Decimal::from(5)),
        notional_max: Some(Decimal::from(9_000_000)),
        trading: true,
        contract: model::instrument::Contract::Spot,
    }
}

/// Best bid and ask in the envelope of a combined stream.
#[must_use]
pub fn quote(update_id: u64, bid: Ticks, ask: Ticks) -> String {
    let (bid, ask) = (price(bid.0), price(ask.0));
    format!(
        "{{\"stream\":\"btcusdt@bookTicker\",\"data\":{{\"u\":{update_id},\"s\":\"BTCUSDT\",\
         \"b\":\"{bid}\",\"B\":\"3.78826000\",\"a\":\"{ask}\",\"A\":\"1.54698000\"}}}}"
    )
}

/// A depth update of USD-M with `levels` on each side: shorter decimals and a link.
#[must_use]
pub fn usdm_depth(last_id: u64, levels: i64) -> String {
    let side = |price: &dyn Fn(i64) -> i64| {
        let level = |at| {
            let (price, qty) = (Decimal::new(price(at), 2), Decimal::new(1 + 37 * at, 3));
            format!("[\"{price}\",\"{qty}\"]")
        };
        (0..levels).map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (
        side(&|at| 6_180_020 - 30 * at),
        side(&|at| 6_180_030 + 20 * at),
    );
    format!(
        "{{\"stream\":\"btcusdt@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":1723161256299,\
         \"T\":1723161256298,\"s\":\"BTCUSDT\",\"U\":{},\"u\":{last_id},\"pu\":{},\
         \"b\":[{bids}],\"a\":[{asks}]}}}}",
        last_id - 5_551,
        last_id - 5_620,
    )
}

/// A depth update with `levels` on each side, in the envelope of a combined stream.
#[must_use]
pub fn depth(last_id: u64, levels: i64) -> String {
    let first_id = last_id - 7;
    let (bids, asks) = (
        side(levels, |at| 6_183_763 - 3 * at),
        side(levels, |at| 6_183_764 + 2 * at),
    );
    format!(
        "{{\"stream\":\"btcusdt@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\
         \"E\":1723161255208,\"s\":\"BTCUSDT\",\"U\":{first_id},\"u\":{last_id},\
         \"b\":[{bids}],\"a\":[{asks}]}}}}"
    )
}

/// Levels with every fifth removed, as updates are.
fn side(levels: i64, price_of: impl Fn(i64) -> i64) -> String {
    let level = |at: i64| {
        let qty = if at % 5 == 4 { 0 } else { 1_000 + 37 * at };
        format!(
            "[\"{}\",\"{}.{:05}000\"]",
            price(price_of(at)),
            qty / 100_000,
            qty % 100_000
        )
    };
    (0..levels).map(level).collect::<Vec<_>>().join(",")
}

fn price(ticks: i64) -> String {
    format!("{}.{:02}000000", ticks / 100, ticks % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_json_and_deterministic() {
        let messages = [
            TRADE.to_owned(),
            EXECUTION_REPORT.to_owned(),
            ORDER_ANSWER.to_owned(),
            quote(9, Ticks(6_183_763), Ticks(6_183_764)),
            depth(100, 10),
        ];
        for message in messages {
            serde_json::from_str::<serde_json::Value>(&message).unwrap();
        }
        assert_eq!(depth(100, 34), depth(100, 34));
        assert!(quote(9, Ticks(105), Ticks(110)).contains("\"b\":\"1.05000000\""));
    }
}
