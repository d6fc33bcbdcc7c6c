//! Names: of the venues' markets, and of the assets in a symbol.

use super::args::{ImportArgs, MarketKind};
use crate::output::Failure;

/// OKX's perpetuals, which count contracts.
pub(super) const OKX_SWAP: &str = "okx-swap";

/// The venue's name for a market of OKX.
pub(super) const fn okx(market: MarketKind) -> &'static str {
    match market {
        MarketKind::Spot => "okx",
        MarketKind::Usdm => OKX_SWAP,
    }
}

/// The venue's name for a market of Binance.
pub(super) const fn binance(market: MarketKind) -> &'static str {
    match market {
        MarketKind::Spot => "binance",
        MarketKind::Usdm => "binance-usdm",
    }
}

/// Assets that prices are in, the longer names first where one ends as another.
const QUOTES: &[&str] = &[
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "DAI", "BTC", "ETH", "BNB", "EUR", "TRY",
    "BRL", "JPY", "GBP", "AUD", "USD",
];

/// Base and quote: as given, or told from the symbol (`BTCUSDT`, `BTC-USDT`, `BTC/USDT`,
/// `BTC-USDT-SWAP`).
///
/// # Errors
///
/// [`Failure`]: they cannot be told.
pub(super) fn assets(symbol: &str, args: &ImportArgs) -> Result<(String, String), Failure> {
    if let (Some(base), Some(quote)) = (&args.base, &args.quote) {
        return Ok((base.clone(), quote.clone()));
    }
    let symbol = symbol.strip_suffix("-SWAP").unwrap_or(symbol);
    let split = symbol
        .split_once(['-', '/', '_'])
        .or_else(|| {
            QUOTES
                .iter()
                .find_map(|quote| Some((symbol.strip_suffix(quote)?, *quote)))
        })
        .filter(|(base, quote)| !base.is_empty() && !quote.is_empty());
    let Some((base, quote)) = split else {
        return Err(Failure::Message(format!(
            "base and quote of {symbol} cannot be told: give --base and --quote"
        )));
    };
    let own = |given: &Option<String>, told: &str| given.clone().unwrap_or_else(|| told.to_owned());
    Ok((own(&args.base, base), own(&args.quote, quote)))
}
