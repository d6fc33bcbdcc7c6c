//! The venues that there are, and how each writes what we call `BTC-USDT` and `BTC-USDT-PERP`.
//!
//! Our names are the same at every venue: base, quote, `PERP` for a perpetual, and behind a point
//! the venue's name. Control plane. Allocates.

use model::instrument::{Contract, InstrumentSpec};

/// End of a perpetual's name.
const PERP: &str = "-PERP";
/// End of a perpetual's symbol at OKX.
const SWAP: &str = "-SWAP";

/// Whose protocol, and which of its markets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Binance, spot.
    BinanceSpot,
    /// Binance, perpetuals settled in a stable asset.
    BinanceUsdm,
    /// OKX, spot.
    OkxSpot,
    /// OKX, perpetuals settled in a stable asset.
    OkxSwap,
}

impl Protocol {
    /// The venue's symbol of what a person wrote: its own symbol, or our name without the venue.
    #[must_use]
    pub fn symbol(self, written: &str) -> String {
        match self {
            Self::BinanceSpot | Self::BinanceUsdm => written
                .strip_suffix(PERP)
                .unwrap_or(written)
                .replace('-', ""),
            Self::OkxSpot => written.to_owned(),
            Self::OkxSwap => match written.strip_suffix(PERP) {
                Some(pair) => format!("{pair}{SWAP}"),
                None => written.to_owned(),
            },
        }
    }

    /// Whether what is traded there are perpetuals.
    #[must_use]
    pub const fn has_perpetuals(self) -> bool {
        match self {
            Self::BinanceSpot | Self::OkxSpot => false,
            Self::BinanceUsdm | Self::OkxSwap => true,
        }
    }
}

/// Our name of an instrument, for example `BTC-USDT-PERP.OKX`.
#[must_use]
pub fn instrument_name(spec: &InstrumentSpec, venue: &str) -> String {
    let kind = match spec.contract {
        Contract::Spot => "",
        Contract::Linear(_) | Contract::Inverse(_) => PERP,
    };
    format!("{}-{}{kind}.{venue}", spec.base, spec.quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_names_are_the_venues_symbols() {
        let cases = [
            (Protocol::BinanceSpot, "BTC-USDT", "BTCUSDT"),
            (Protocol::BinanceSpot, "BTCUSDT", "BTCUSDT"),
            (Protocol::BinanceUsdm, "BTC-USDT-PERP", "BTCUSDT"),
            (Protocol::BinanceUsdm, "BTCUSDT", "BTCUSDT"),
            (Protocol::OkxSpot, "BTC-USDT", "BTC-USDT"),
            (Protocol::OkxSwap, "BTC-USDT-PERP", "BTC-USDT-SWAP"),
            (Protocol::OkxSwap, "BTC-USDT-SWAP", "BTC-USDT-SWAP"),
        ];
        for (protocol, written, symbol) in cases {
            assert_eq!(protocol.symbol(written), symbol, "{protocol:?} {written}");
        }
    }
}
