//! Any bytes are a message of OKX or a typed error, and the fast scanner says what the general
//! parser says.
//!
//! The scanner refuses a message with anything behind it, also a space, and gives it to the
//! general parser. So the same bytes with a space behind them must read the same.

#![no_main]

use std::sync::OnceLock;

use connectors::feed::{Market, Scratch};
use connectors::load::Wanted;
use connectors::okx::instruments::{Tiers, select};
use connectors::okx::wire::account::{AccountRow, PositionRow};
use connectors::okx::wire::classify;
use connectors::okx::wire::frame::{self, Ack, Frame};
use connectors::okx::wire::market::decode;
use connectors::okx::wire::private::{FillRow, OrderRow};
use connectors::okx::wire::rest::{self, InstrumentRow, TierRow, TimeRow};
use connectors::wire::Symbols;
use libfuzzer_sys::fuzz_target;
use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale};

fuzz_target!(|bytes: &[u8]| {
    // The word is the only message that is not JSON: with a space behind it, it is none.
    if bytes != b"pong" {
        let padded = [bytes, b" "].concat();
        let (mut fast, mut general) = (Scratch::default(), Scratch::default());
        let read = decode(bytes, symbols(), &mut fast);
        let again = decode(&padded, symbols(), &mut general);
        assert_eq!(read.as_ref().ok(), again.as_ref().ok());
        if matches!(read, Ok(Market::Depth { .. })) {
            assert_eq!(fast.depth, general.depth);
        }
        if read.is_ok() {
            assert_eq!(fast.more, general.more);
        }
    }
    if let Ok(frame) = frame::decode(bytes) {
        use_frame(&frame);
    }
    use_rows(bytes);
});

fn use_frame(frame: &Frame<'_>) {
    match frame {
        Frame::Answer(answer) => answer.acks.iter().for_each(use_ack),
        Frame::Orders(rows) => rows.iter().for_each(use_order),
        Frame::Account(rows) => rows.iter().for_each(|row| _ = row.time_ms()),
        Frame::Positions(rows) => rows.iter().for_each(|row| _ = row.time_ms()),
        Frame::Quick(rows) => rows.iter().for_each(|row| _ = row.time_ms()),
        Frame::Word(_) => {}
    }
}

fn use_ack(ack: &Ack<'_>) {
    let _ = (ack.order_id(), ack.client_id(), ack.time_ms(), ack.words());
    let _ = classify(200, ack.code());
}

fn use_order(row: &OrderRow<'_>) {
    let _ = (row.order_id(), row.client_id(), row.status(), row.side());
    let _ = (
        row.trade_id(),
        row.fill_ms(),
        row.fill_fee(),
        row.liquidity(),
    );
    let _ = (
        row.amendment(),
        row.time_ms(),
        row.filled(),
        row.is_in_quote(),
    );
}

fn use_rows(bytes: &[u8]) {
    let _ = rest::rows::<Ack<'_>>(bytes);
    let _ = rest::rows::<AccountRow<'_>>(bytes);
    let _ = rest::rows::<PositionRow<'_>>(bytes);
    if let Ok(Ok(rows)) = rest::rows::<OrderRow<'_>>(bytes) {
        rows.iter().for_each(use_order);
    }
    if let Ok(Ok(rows)) = rest::rows::<FillRow<'_>>(bytes) {
        for row in &rows {
            let _ = (row.trade_id(), row.order_id(), row.bill_id(), row.side());
            let _ = (row.liquidity(), row.fee(), row.time_ms(), row.client_id());
        }
    }
    if let Ok(Ok(rows)) = rest::rows::<TimeRow<'_>>(bytes) {
        rows.iter().for_each(|row| _ = row.ms());
    }
    let wanted = ["BTC-USDT", "BTC-USDT-SWAP"].map(|symbol| Wanted {
        id: InstrumentId(0),
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
    });
    let tiers = rest::rows::<TierRow<'_>>(bytes);
    const LIST: &[u8] = include_bytes!("../seeds/wire_okx/instruments");
    let listed = rest::rows::<InstrumentRow<'_>>(LIST);
    let price = Scale::new(1, 0).and_then(|scale| scale.decimal(i64::MAX));
    if let (Ok(Ok(tiers)), Ok(Ok(rows)), Some(price)) = (&tiers, &listed, price) {
        let _ = select(rows, Tiers::Venue(tiers, price), VenueId(0), &wanted);
    }
    if let Ok(Ok(rows)) = rest::rows::<InstrumentRow<'_>>(bytes) {
        for wanted in wanted {
            let _ = select(&rows, Tiers::Highest, VenueId(0), &[wanted]);
        }
    }
}

/// Steps of three kinds: a power of ten, another number, and finer than eight digits.
fn symbols() -> &'static Symbols {
    static SYMBOLS: OnceLock<Symbols> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        let specs = [
            spec(0, "BTC-USDT", (1, 1), (1, 3)),
            spec(1, "ETH-USDT-SWAP", (5, 2), (25, 3)),
            spec(2, "SHIB-BTC", (1, 13), (1, 0)),
        ];
        Symbols::new(&specs).expect("the symbols differ")
    })
}

fn spec(id: u32, symbol: &str, tick: (i64, u8), lot: (i64, u8)) -> InstrumentSpec {
    let scale = |(mantissa, decimals)| Scale::new(mantissa, decimals).expect("a step above zero");
    InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(0),
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
        base: "BASE".to_owned(),
        quote: "QUOTE".to_owned(),
        tick: scale(tick),
        lot: scale(lot),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(i64::MAX),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: model::instrument::Contract::Spot,
    }
}
