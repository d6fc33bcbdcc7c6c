//! Our names of USD-M perpetuals and the venue's symbols, both ways.
//!
//! `BTC-USDT-PERP.BINANCE` is the venue's `BTCUSDT`. The venue's symbol has no separator, so the
//! way back needs the assets, which the instrument list has.

/// What our name ends with.
const SUFFIX: &str = "-PERP";

/// Our name: base and quote asset, and the venue's name in our configuration.
#[must_use]
pub fn name_of(base: &str, quote: &str, venue: &str) -> String {
    format!("{base}-{quote}{SUFFIX}.{}", venue.to_uppercase())
}

/// The venue's symbol of our name, with or without the venue behind the point; `None` if it is no
/// perpetual's name.
#[must_use]
pub fn symbol_of(name: &str) -> Option<String> {
    let (pair, _) = name.split_once('.').unwrap_or((name, ""));
    let (base, quote) = pair.strip_suffix(SUFFIX)?.split_once('-')?;
    let whole = !base.is_empty() && !quote.is_empty() && !quote.contains('-');
    whole.then(|| format!("{base}{quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_symbol_lead_to_each_other() {
        let name = name_of("BTC", "USDT", "binance");
        assert_eq!(name, "BTC-USDT-PERP.BINANCE");
        assert_eq!(symbol_of(&name).as_deref(), Some("BTCUSDT"));
        assert_eq!(
            symbol_of("1000PEPE-USDC-PERP").as_deref(),
            Some("1000PEPEUSDC")
        );
        for other in [
            "BTC-USDT.BINANCE",
            "BTCUSDT",
            "-USDT-PERP.B",
            "BTC--PERP",
            "A-B-C-PERP",
        ] {
            assert_eq!(symbol_of(other), None, "{other}");
        }
    }
}
