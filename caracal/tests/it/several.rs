//! Several instruments, accounts and venues: all trade and replay without a difference, a kill of
//! one account leaves the others alone, and `kill -9` loses nothing of any.
//!
//! Seed: 1 for the moments of the kills; the markets' are the venues' defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control::{Engine, accepted, wait_for};
use crate::kill::{
    Moments, Place, assert_agreement, audit, has_journal, kills, records, run_and_kill,
    run_to_the_end,
};
use crate::rig::{DEFAULT_CONFIG, PracticeProcess};
use crate::session::{assert_replays, run};

/// A second account, whose strategy quotes another instrument than the first one's.
const HEDGE: &str = r#"
[[account]]
name = "hedge"
venue = "BINANCE"
KEY

[[strategy]]
name = "ether"
kind = "market-maker"
account = "hedge"
symbol = "ETHUSDT"
qty = 0.02
half_spread_ticks = 1
skew_ticks = 10
position_max = 0.2
requote_ticks = 0
requote_pause = "50ms"
backoff = "50ms"
"#;

/// The configuration that is given, with the second account at its end.
fn with_hedge(directory: &Path, config: &Path, key: &str) -> PathBuf {
    let text = std::fs::read_to_string(config).unwrap();
    let path = directory.join("hedge.toml");
    std::fs::write(&path, format!("{text}{}", HEDGE.replace("KEY", key))).unwrap();
    path
}

/// Accounts and instruments of the fills.
fn filled(directory: &Path) -> BTreeSet<(u64, u64)> {
    let fills = records(directory, "OrderFilled");
    let place = |fill: &Value| {
        let number = |key: &str| fill[key].as_u64().unwrap();
        (number("account"), number("instrument"))
    };
    fills.iter().map(place).collect()
}

#[test]
fn two_accounts_trade_two_instruments_and_replay_without_a_difference() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let balances = "balances = [\"ETH 5\", \"USDT 50000\"]";
    let config = with_hedge(at, Path::new(DEFAULT_CONFIG), balances);
    let arguments = ["--config", config.to_str().unwrap(), "--for", "10s"];
    let result = run(at, &arguments);
    assert_eq!(filled(at), BTreeSet::from([(0, 0), (1, 1)]), "{result}");
    assert_replays(at, &result);
    // The second run goes on from the first one's money.
    let last = balances_of(at);
    let result = run(at, &["--config", config.to_str().unwrap(), "--for", "1ms"]);
    assert_eq!(last, balances_of(at), "{result}");
    assert!(last.keys().any(|(account, _)| *account == 1), "{last:?}");
    assert_replays(at, &result);
}

/// The last total that the journal has of each asset of each account.
fn balances_of(directory: &Path) -> BTreeMap<(u64, String), rust_decimal::Decimal> {
    let mut all = BTreeMap::new();
    for balance in records(directory, "Balance") {
        let amount = |key: &str| {
            let text = balance[key].as_str().unwrap();
            text.parse::<rust_decimal::Decimal>().unwrap()
        };
        let asset = balance["asset"].as_str().unwrap().to_owned();
        let account = balance["account"].as_u64().unwrap();
        all.insert((account, asset), amount("free") + amount("locked"));
    }
    all
}

#[test]
fn all_symbols_of_the_practice_venue_trade_with_fees_in_bnb() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let text = text
        .replace(
            "[\"BTCUSDT\", \"ETHUSDT\"]",
            "[\"BTCUSDT\", \"ETHUSDT\", \"BNBUSDT\", \"ETHBTC\"]",
        )
        .replace("messages_per_second = 10 ", "messages_per_second = 100 ")
        .replace("fees_in_bnb = false", "fees_in_bnb = true")
        .replace("\"ETH 20\",", "\"ETH 20\", \"BNB 20\",");
    let limits = |symbol: &str| {
        format!(
            "\n[[risk.instrument]]\nsymbol = \"{symbol}\"\nqty_max = 1\nvalue_max = 2000\n\
             collar_bps = 50\nposition_max = 5\nopen_orders_max = 20\n"
        )
    };
    // Takes: the queue of a market with few ticks is long.
    let taker = |symbol: &str, qty: &str| {
        format!(
            "\n[[strategy]]\nname = \"{symbol}\"\nkind = \"moving-average\"\naccount = \"main\"\n\
             symbol = \"{symbol}\"\nfast_trades = 3\nslow_trades = 9\nband_ticks = 0\n\
             target_long = {qty}\ntarget_short = 0\nclip = {qty}\nreach_ticks = 5\n\
             cooldown = \"100ms\"\n"
        )
    };
    let config = at.join("all.toml");
    let parts = [
        text,
        limits("BNBUSDT"),
        limits("ETHBTC"),
        taker("ETHUSDT", "0.02"),
        taker("BNBUSDT", "0.05"),
        taker("ETHBTC", "0.02"),
    ];
    std::fs::write(&config, parts.concat()).unwrap();
    let result = run(at, &["--config", config.to_str().unwrap(), "--for", "8s"]);
    let fills = records(at, "OrderFilled");
    let all = BTreeSet::from([(0, 0), (0, 1), (0, 2), (0, 3)]);
    assert_eq!(filled(at), all, "{result}");
    for fill in &fills {
        assert_eq!(fill["fee_asset"], "BNB", "{fill}");
    }
    assert_replays(at, &result);
}

#[test]
fn two_practice_venues_trade_the_same_symbol() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
    let second = "[[venue]]\nname = \"BINANCE2\"\nprotocol = \"binance-spot\"\n\
                  symbols = [\"BTCUSDT\"]\nconnect = \"practice\"\n[venue.practice]\nseed = 7\n\
                  start_prices = [\"BTCUSDT 60100\"]\nbalances = [\"BTC 1\", \"USDT 90000\"]\n";
    let account = HEDGE
        .replace("KEY", "")
        .replace("\"BINANCE\"", "\"BINANCE2\"")
        .replace("ETHUSDT", "BTCUSDT.BINANCE2")
        .replace("qty = 0.02", "qty = 0.002")
        .replace("position_max = 0.2", "position_max = 0.02");
    let limits = "\n[[risk.instrument]]\nsymbol = \"BTCUSDT.BINANCE2\"\nqty_max = 0.01\n\
                  value_max = 2000\ncollar_bps = 50\nposition_max = 0.05\nopen_orders_max = 20\n";
    let text = text
        .replace("symbol = \"BTCUSDT\"", "symbol = \"BTCUSDT.BINANCE\"")
        .replace("instrument:BTCUSDT", "instrument:BTCUSDT.BINANCE");
    let config = at.join("venues.toml");
    std::fs::write(&config, [&text, second, limits, &account].concat()).unwrap();
    let result = run(at, &["--config", config.to_str().unwrap(), "--for", "8s"]);
    assert_eq!(filled(at), BTreeSet::from([(0, 0), (1, 2)]), "{result}");
    assert_replays(at, &result);
}

#[test]
fn symbols_keep_their_numbers_and_a_place_its_account() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let config = with_hedge(at, Path::new(DEFAULT_CONFIG), "");
    let for_a_moment = ["--config", config.to_str().unwrap(), "--for", "1ms"];
    run(at, &for_a_moment);
    // Another order of the symbols: each has the number that it had.
    let text = std::fs::read_to_string(&config).unwrap();
    let turned = text.replace("[\"BTCUSDT\", \"ETHUSDT\"]", "[\"ETHUSDT\", \"BTCUSDT\"]");
    assert_ne!(turned, text);
    std::fs::write(&config, &turned).unwrap();
    run(at, &["--config", config.to_str().unwrap(), "--for", "6s"]);
    let fills = filled(at);
    assert!(
        fills.is_subset(&BTreeSet::from([(0, 0), (1, 1)])),
        "{fills:?}"
    );
    assert!(!fills.is_empty());
    // Another account in the first one's place: refused, whoever's money it would get.
    let other = turned.replace("name = \"main\"", "name = \"other\"");
    let other = other.replace("account = \"main\"", "account = \"other\"");
    std::fs::write(&config, other).unwrap();
    let mut command = crate::rig::caracal(at);
    command.arg("run").args(for_a_moment);
    let output = crate::rig::finish(command, Duration::from_secs(30));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("[[account]] 1 was \"main\"") && said.contains("\"other\""),
        "{said}"
    );
}

#[test]
fn kill_of_one_account_leaves_the_other_one_trading() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let config = with_hedge(at, Path::new(DEFAULT_CONFIG), "");
    let engine = Engine::start_with(at, &config);
    wait_for(at, "no switch is on");
    let orders = |account: u64| {
        let all = crate::kill::records_of(&at.join("j"), "NewOrder");
        let its = all
            .into_iter()
            .filter(move |order| order["account"] == account);
        its.map(|order| order["event"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let wait = |holds: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(30), "nothing came");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait(&|| !orders(0).is_empty() && !orders(1).is_empty());
    let who = ["--by", "anna", "--reason", "drill"];
    accepted(
        at,
        &[&["kill", "--scope", "account:hedge"][..], &who].concat(),
    );
    wait_for(at, "account:hedge: killed by kill");
    let (main, hedge) = (orders(0).len(), orders(1).len());
    wait(&|| orders(0).len() > main + 3);
    assert_eq!(orders(1).len(), hedge, "nothing new of the killed account");
    engine.end();
    let audit = crate::kill::audit_of(&at.join("j"));
    assert_eq!(audit["ended_in_order"], true, "{audit}");
}

#[test]
fn kill_9_with_two_accounts_leaves_engine_and_venue_in_agreement() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let arguments = ["--weight-per-minute", "1000000", "--account", "hedge"];
    let venue = PracticeProcess::start(at, &arguments);
    let keys = venue.keys.join("hedge");
    let key = format!(
        "signature = \"ed25519\"\napi_key_file = \"{0}/api-key\"\nsecret_file = \"{0}/secret\"",
        keys.display()
    );
    let config = with_hedge(at, &venue.config(at), &key);
    let places = [
        place(0, "", 0, "BTCUSDT", 100_000),
        place(0, "", 1, "ETHUSDT", 10_000),
        place(1, "hedge", 0, "BTCUSDT", 100_000),
        place(1, "hedge", 1, "ETHUSDT", 10_000),
    ];
    let mut moments = Moments(1);
    for kill in 0..kills(4) {
        let moment = Duration::from_secs(1) + moments.next_below(2_500);
        run_and_kill(at, &config, moment);
        let before = has_journal(at).then(|| audit(at));
        run_to_the_end(at, &config, before.as_ref());
        assert_agreement(at, &venue, &places, kill);
    }
    assert_eq!(filled(at), BTreeSet::from([(0, 0), (1, 1)]));
}

#[test]
fn kill_9_with_embedded_venues_recovers_the_money_of_both_accounts() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let config = with_hedge(at, Path::new(DEFAULT_CONFIG), "");
    let mut moments = Moments(1);
    for _ in 0..kills(3) {
        let moment = Duration::from_secs(3) + moments.next_below(2_500);
        run_and_kill(at, &config, moment);
        let before = has_journal(at).then(|| audit(at));
        run_to_the_end(at, &config, before.as_ref());
        let after = audit(at);
        assert_eq!(after["ended_in_order"], true);
        // What the venue was given is what our own books had: no difference was found.
        for notice in records(at, "RiskNotice") {
            assert_ne!(notice["code"], "Drift", "{notice}");
        }
    }
    assert_eq!(filled(at), BTreeSet::from([(0, 0), (1, 1)]));
}

const fn place(
    account: u64,
    keys: &'static str,
    instrument: u64,
    symbol: &'static str,
    lots: i64,
) -> Place {
    Place {
        account,
        keys,
        instrument,
        symbol,
        lots,
    }
}
