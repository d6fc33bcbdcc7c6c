//! Any bytes are a message of Binance USD-M futures about orders and money, or a typed error.

#![no_main]

use connectors::binance::usdm::instruments::{Brackets, select};
use connectors::binance::usdm::wire::account::{
    BalanceRow, BatchRow, IncomeRow, ListenKeyAnswer, PositionRow, done,
};
use connectors::binance::usdm::wire::info::{ExchangeInfo, SymbolBrackets};
use connectors::binance::usdm::wire::user::{self, UserEvent};
use connectors::binance::usdm::wire::classify;
use connectors::binance::wire::order::TradeRow;
use connectors::binance::wire::rest;
use connectors::load::Wanted;
use connectors::wire::Raw;
use libfuzzer_sys::fuzz_target;
use model::ids::{InstrumentId, VenueId};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = user::decode(bytes) {
        use_event(&event);
    }
    for status in [200, 503] {
        let _ = rest::read::<Vec<BalanceRow<'_>>>(status, bytes);
        let _ = rest::read::<Vec<PositionRow<'_>>>(status, bytes);
        let _ = rest::read::<Vec<TradeRow<'_>>>(status, bytes);
        let _ = rest::read::<ListenKeyAnswer<'_>>(status, bytes);
        if let Ok(Ok(rows)) = rest::read::<Vec<IncomeRow<'_>>>(status, bytes) {
            let _ = rows.iter().filter_map(IncomeRow::id).count();
        }
        if let Ok(Err(error)) = rest::read::<Raw<'_>>(status, bytes) {
            let _ = classify(status, error.code, error.message());
        }
    }
    if let Ok(Ok(raw)) = rest::read::<Raw<'_>>(200, bytes) {
        let _ = (done(raw), BatchRow::read(raw));
    }
    use_instruments(bytes);
});

fn use_event(event: &UserEvent<'_>) {
    match event {
        UserEvent::Report(report) => {
            let _ = (
                report.execution(),
                report.status(),
                report.side(),
                report.trade_id(),
            );
        }
        UserEvent::Account(update) => {
            let _ = update.change.balances.iter().count();
            let _ = update.change.positions.iter().count();
        }
        UserEvent::MarginCall(call) => {
            let _ = call.positions.iter().count();
        }
        UserEvent::Lite(_)
        | UserEvent::Config(_)
        | UserEvent::Expired
        | UserEvent::Shutdown
        | UserEvent::Ignored => {}
    }
}

/// The same bytes as a list of instruments and as their tiers.
fn use_instruments(bytes: &[u8]) {
    let wanted = Wanted {
        id: InstrumentId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT-PERP.BINANCE".to_owned(),
    };
    const INFO: &[u8] = br#"{"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL",
        "status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT"}]}"#;
    let tiers = rest::read::<Vec<SymbolBrackets<'_>>>(200, bytes);
    if let (Ok(Ok(tiers)), Ok(Ok(info))) = (tiers, rest::read::<ExchangeInfo<'_>>(200, INFO)) {
        let _ = select(&info, Brackets::Venue(&tiers), VenueId(0), &[wanted.clone()]);
    }
    if let Ok(Ok(info)) = rest::read::<ExchangeInfo<'_>>(200, bytes) {
        let _ = info.rate_limits().count();
        let _ = select(&info, Brackets::Highest, VenueId(0), &[wanted]);
    }
}
