//! `caracal practice`: a practice venue as a process of its own.

mod keys;
mod setup;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connectors::practice::PracticeServer;
use connectors::protocol::Protocol;
use rust_decimal::Decimal;

use crate::cli::PracticeArgs;
use crate::config::{MarketChoice, PracticeVenue, Signature};
use crate::output::{Failure, say};

pub(crate) use keys::{KeyPair, read_trimmed};
pub(crate) use setup::{PracticeAccount, Restored, practice_config};

/// How often the waiting thread looks whether it should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Runs the command until Ctrl-C or the end of `--for`.
///
/// # Errors
///
/// [`Failure`]: a port in use, an unreadable recording, a fault that cannot be.
pub(crate) fn practice(args: &PracticeArgs) -> Result<(), Failure> {
    let venue = venue_of(args)?;
    let protocol = match args.venue.as_str() {
        "binance-usdm" => Protocol::BinanceUsdm,
        "okx-spot" => Protocol::OkxSpot,
        "okx-swap" => Protocol::OkxSwap,
        _ => Protocol::BinanceSpot,
    };
    let signature = match args.signature.as_str() {
        "hmac" => Signature::Hmac,
        _ => Signature::Ed25519,
    };
    let keys: Vec<KeyPair> = (0..=args.accounts.len())
        .map(|_| KeyPair::generate(protocol, signature))
        .collect::<Result<_, _>>()?;
    let accounts = keys.iter().map(|key| PracticeAccount {
        key,
        balances: venue.balances.clone(),
        open_orders: Vec::new(),
    });
    let fresh = Restored::default();
    let symbols = match &args.symbols[..] {
        [] => setup::symbols(protocol),
        symbols => symbols.to_vec(),
    };
    let accounts = accounts.collect();
    let mut config = practice_config((&venue, protocol), &symbols, args.listen, accounts, &fresh)?;
    config.limits.weight_per_minute = args.weight_per_minute;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(Failure::because)?;
    }
    let server = PracticeServer::start(config).map_err(Failure::because)?;
    // The first account's key beside the certificate, each other's in a folder with its name.
    let folders = args.accounts.iter().map(|name| args.keys.join(name));
    let folders = std::iter::once(args.keys.clone()).chain(folders);
    for (key, folder) in keys.iter().zip(folders) {
        key.write(&folder, server.certificate_pem())?;
    }
    let keys = args.keys.display();
    say(&format!(
        "practice {1}  https://{0}  wss://{0}  keys in {keys}",
        server.addr(),
        args.venue
    ))?;
    say("Ctrl-C ends it")?;
    let deadline = args.run_for.map(|run_for| Instant::now() + run_for);
    while !stop.load(Ordering::Relaxed) && deadline.is_none_or(|end| Instant::now() < end) {
        std::thread::sleep(LOOK_INTERVAL);
    }
    server.stop();
    say(&format!("practice {}  ended", args.venue))
}

fn venue_of(args: &PracticeArgs) -> Result<PracticeVenue, Failure> {
    let market = match &args.recording {
        Some(path) => MarketChoice::Recording {
            path: path.clone(),
            speed: args.speed.clone().unwrap_or_else(|| "1".to_owned()),
        },
        None => MarketChoice::Synthetic {
            seed: args.seed,
            start_prices: Vec::new(),
            events_per_second: 300,
        },
    };
    let faults = args.faults.iter().map(|text| {
        text.parse()
            .map_err(|error| Failure::while_doing(&format!("--fault {text}"), error))
    });
    Ok(PracticeVenue {
        market,
        maker_fee_bps: Decimal::TWO,
        taker_fee_bps: Decimal::from(4),
        fees_in_bnb: args.fees_in_bnb,
        balances: vec![
            ("BTC".to_owned(), Decimal::TWO),
            ("ETH".to_owned(), Decimal::from(20)),
            ("BNB".to_owned(), Decimal::from(20)),
            ("USDT".to_owned(), Decimal::from(200_000)),
        ],
        faults: faults.collect::<Result<_, _>>()?,
    })
}
