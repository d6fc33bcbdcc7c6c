//! From a configuration to a venue that can open.

use rust_decimal::Decimal;

use super::auth::Key;
use super::core::Core;
use super::playback::RECORDED;
use super::player::Player;
use super::recorded;
use crate::binance::usdm::practice::state::UsdmState;
use crate::practice::limits::Meter;
use crate::practice::liquidity::Liquidity;
use crate::practice::recorded::{GRAIN_DECIMALS, RecordedMarket};
use crate::practice::recording::Lines;
use crate::practice::request_log::RequestLog;
use crate::practice::setup::{self, wrong};
use crate::practice::{EVENTS_PER_SECOND, MarketConfig, PracticeConfig, PracticeError, Speed};
use crate::protocol::Protocol;

/// Builds exchange, keys and limits.
pub(in crate::binance) fn build(
    config: &PracticeConfig,
) -> Result<(Core, Option<Player>), PracticeError> {
    setup::check_instruments(config)?;
    let (markets, player) = markets(config)?;
    let core = Core {
        keys: config
            .accounts
            .iter()
            .map(|account| Key::new(&account.api_key, &account.credential))
            .collect(),
        meter: Meter::new(
            config.limits,
            config.accounts.len(),
            config.protocol == Protocol::BinanceUsdm,
        ),
        exchange: setup::exchange(config, markets)?,
        orders_max: config.orders_max,
        log: RequestLog::default(),
        now_ms: 0,
        now_ns: 0,
        skew_ms: 0,
        next_generated_id: 0,
        protocol: config.protocol,
        usdm: UsdmState::default(),
    };
    Ok((core, player))
}

/// One market per instrument, and the player if the market is a recording.
fn markets(config: &PracticeConfig) -> Result<(Vec<Liquidity>, Option<Player>), PracticeError> {
    match &config.market {
        MarketConfig::Synthetic {
            seed,
            events_per_second,
        } => {
            setup::check_rate(*events_per_second)?;
            Ok((setup::synthetic(config, *seed, *events_per_second), None))
        }
        MarketConfig::Recording { path, speed } => {
            let instrument = &config.instruments[RECORDED];
            if *speed == Speed::Times(0) {
                return Err(wrong("market.speed", "must be at least 1, or max"));
            }
            let checked = recorded::check(path, &instrument.spec)?;
            let grains_per_lot =
                instrument
                    .spec
                    .lot
                    .decimal(1)
                    .and_then(grains)
                    .ok_or_else(|| {
                        wrong(
                            "instruments[0].lot",
                            "a recording needs lots of whole hundred-millionths",
                        )
                    })?;
            let mut market = RecordedMarket::new(grains_per_lot);
            market.apply(&checked.snapshot);
            let player = Player::new(Lines::open(path)?, &checked, *speed)?;
            let mut markets = setup::synthetic(config, config.fault_seed, EVENTS_PER_SECOND);
            markets[RECORDED] = Liquidity::Recorded(Box::new(market));
            Ok((markets, Some(player)))
        }
    }
}

/// A quantity in hundred-millionths, if it is a whole number of them.
fn grains(quantity: Decimal) -> Option<i64> {
    let grains = quantity.checked_mul(Decimal::from(10_u64.pow(GRAIN_DECIMALS.into())))?;
    if grains.trunc() == grains {
        i64::try_from(grains).ok()
    } else {
        None
    }
}
