//! Any bytes are a message of Binance spot or a typed error, and the fast scanner says what the
//! general parser says.
//!
//! The scanner refuses a message with anything behind it, also a space, and gives it to the
//! general parser. So the same bytes with a space behind them must read the same.

#![no_main]

use std::sync::OnceLock;

use connectors::binance::wire::frame::{self, Answer, Frame};
use connectors::binance::wire::order::{CancelReplace, OrderAnswer};
use connectors::binance::wire::rest::{self, Account, ExchangeInfo, ServerTime};
use connectors::binance::wire::user::UserEvent;
use connectors::binance::wire::{Depth, classify, decode, decode_snapshot};
use connectors::wire::{Raw, Symbols, order_id};
use libfuzzer_sys::fuzz_target;
use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale};

fuzz_target!(|bytes: &[u8]| {
    let padded = [bytes, b" "].concat();
    check_market(bytes, &padded);
    check_snapshot(bytes, &padded);
    if let Ok(message) = frame::decode(bytes) {
        use_frame(&message);
    }
    for status in [200, 418] {
        let _ = rest::read::<ExchangeInfo<'_>>(status, bytes).map(|info| {
            info.map(|info| info.rate_limits().count())
                .map_err(|error| error.retry_after_ms())
        });
        let _ = rest::read::<Account<'_>>(status, bytes);
        let _ = rest::read::<ServerTime>(status, bytes);
    }
    if let Some(id) = order_id::parse(bytes) {
        assert_eq!(order_id::text_of(id.raw()).as_slice(), bytes);
    }
});

fn check_market(bytes: &[u8], padded: &[u8]) {
    let (mut fast, mut general) = (Depth::default(), Depth::default());
    let read = decode(bytes, symbols(), &mut fast);
    let again = decode(padded, symbols(), &mut general);
    assert_eq!(read.as_ref().ok(), again.as_ref().ok());
    if matches!(read, Ok(connectors::binance::wire::Market::Depth { .. })) {
        assert_eq!(fast, general);
    }
}

fn check_snapshot(bytes: &[u8], padded: &[u8]) {
    for entry in symbols().iter() {
        let (mut fast, mut general) = (Depth::default(), Depth::default());
        let read = decode_snapshot(bytes, entry, &mut fast).ok();
        assert_eq!(read, decode_snapshot(padded, entry, &mut general).ok());
        if read.is_some() {
            assert_eq!(fast, general);
        }
    }
}

/// Everything that the gateway asks a message for.
fn use_frame(message: &Frame<'_>) {
    match message {
        Frame::Answer(answer) => use_answer(answer),
        Frame::Event(UserEvent::Report(report)) => {
            let _ = (
                report.execution(),
                report.status(),
                report.side(),
                report.trade_id(),
            );
            let _ = order_id::parse(report.client_id());
        }
        Frame::Event(UserEvent::Balances(balances)) => {
            let _ = balances
                .rows
                .iter()
                .map(|row| row.free.as_str().len())
                .sum::<usize>();
        }
        Frame::Event(
            UserEvent::Transfer(_)
            | UserEvent::Terminated
            | UserEvent::Shutdown
            | UserEvent::Ignored,
        ) => {}
    }
}

fn use_answer(answer: &Answer<'_>) {
    let _ = answer.limits.iter().count();
    match &answer.outcome {
        Ok(Some(raw)) => use_result(*raw),
        Ok(None) => {}
        Err(error) => {
            let _ = classify(answer.status, error.code, error.message());
            let _ = error.retry_after_ms();
            if let Some(raw) = error.data {
                use_result(raw);
            }
        }
    }
}

fn use_result(raw: Raw<'_>) {
    let _ = CancelReplace::read(raw);
    if let Ok(order) = OrderAnswer::read(raw) {
        let _ = (
            order.status(),
            order.side(),
            order.time_ms(),
            order.fills.iter().count(),
        );
        let _ = order_id::parse(order.client_id());
    }
}

/// Steps of three kinds: a power of ten, another number, and finer than the venue's eight digits.
fn symbols() -> &'static Symbols {
    static SYMBOLS: OnceLock<Symbols> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        let specs = [
            spec(0, "BTCUSDT", (1, 2), (1, 5)),
            spec(1, "BNBUSDT", (5, 1), (25, 3)),
            spec(2, "SHIBBTC", (1, 13), (1, 0)),
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
