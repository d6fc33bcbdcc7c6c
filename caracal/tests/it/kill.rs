//! Goal: `kill -9` at any moment, then `run` again, loses nothing and sends nothing twice.
//!
//! Method: kill the engine at pseudo-random moments; after each kill, check that the journal
//! replays, that the next run recovers exactly that state, and that a short run which ends in
//! order leaves engine and venue in exact agreement: orders, fills, balances.
//! Seed: 1 for the moments of the kills; the market's is the venue's default.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use connectors::wire::order_id;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::rig::{DEFAULT_CONFIG, PracticeProcess, assert_success, caracal, finish, last_json};

const DEADLINE: Duration = Duration::from_secs(60);

/// Kills of one test: a few in the ordinary run, two hundred in the slow one.
pub(crate) fn kills(few: u32) -> u32 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        200
    } else {
        few
    }
}

/// Marsaglia's xorshift: repeatable moments without a library.
pub(crate) struct Moments(pub(crate) u64);

impl Moments {
    pub(crate) fn next_below(&mut self, bound_ms: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % bound_ms)
    }
}

/// Starts a run and kills it after `moment`.
pub(crate) fn run_and_kill(directory: &Path, config: &Path, moment: Duration) {
    let mut command = caracal(directory);
    command.args(["run", "--config"]).arg(config);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(crate) fn audit(directory: &Path) -> Value {
    audit_of(&directory.join("data/journal"))
}

/// The audit of the journal there.
pub(crate) fn audit_of(journal: &Path) -> Value {
    let mut command = caracal(journal);
    command.args(["replay", ".", "--json"]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let audit = last_json(&output);
    assert_eq!(audit["differences"], 0, "{audit}");
    audit
}

/// A run that recovers, reconciles, and ends in order. Checks that it started from `before`.
pub(crate) fn run_to_the_end(directory: &Path, config: &Path, before: Option<&Value>) -> Value {
    let mut command = caracal(directory);
    command
        .args(["run", "--for", "1ms", "--json", "--config"])
        .arg(config);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    if let Some(before) = before.filter(|before| before["last_sequence"] != 0) {
        let remarks = String::from_utf8_lossy(&output.stderr);
        let hash = before["state_hash"].as_str().unwrap();
        assert!(
            remarks.contains(hash),
            "recovered another state than {hash}: {remarks}"
        );
    }
    last_json(&output)
}

pub(crate) fn has_journal(directory: &Path) -> bool {
    directory.join("data/journal/segment-0000000000").is_file()
}

#[test]
fn kill_at_any_moment_leaves_engine_and_venue_in_agreement() {
    let directory = tempfile::tempdir().unwrap();
    // More starts a minute than the venue's own limit allows.
    let venue = PracticeProcess::start(directory.path(), &["--weight-per-minute", "1000000"]);
    let config = venue.config(directory.path());
    let mut moments = Moments(1);
    for kill in 0..kills(6) {
        run_and_kill(directory.path(), &config, moments.next_below(2_500));
        let before = has_journal(directory.path()).then(|| audit(directory.path()));
        run_to_the_end(directory.path(), &config, before.as_ref());
        assert_agreement(directory.path(), &venue, &[MAIN], kill);
    }
    let journal = records(directory.path(), "OrderFilled");
    assert!(!journal.is_empty(), "the runs traded between the kills");
}

#[test]
fn kill_with_the_embedded_venue_recovers_accounts_orders_and_positions() {
    let directory = tempfile::tempdir().unwrap();
    let mut moments = Moments(1);
    let config = Path::new(DEFAULT_CONFIG);
    for _ in 0..kills(4) {
        run_and_kill(directory.path(), config, moments.next_below(1_500));
        let before = has_journal(directory.path()).then(|| audit(directory.path()));
        run_to_the_end(directory.path(), config, before.as_ref());
        let after = audit(directory.path());
        assert_eq!(after["ended_in_order"], true);
    }
}

/// Records of one kind, as JSON.
pub(crate) fn records(directory: &Path, kind: &str) -> Vec<Value> {
    records_of(&directory.join("data/journal"), kind)
}

/// The same of the journal there.
pub(crate) fn records_of(journal: &Path, kind: &str) -> Vec<Value> {
    let mut command = caracal(journal);
    command.args(["journal", "cat", ".", "--json", "--kind", kind]);
    let output = finish(command, DEADLINE);
    assert_success(&output);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// An account and an instrument: their numbers in the journal, their names at the venue.
pub(crate) struct Place {
    pub(crate) account: u64,
    /// Folder of the account's keys.
    pub(crate) keys: &'static str,
    pub(crate) instrument: u64,
    pub(crate) symbol: &'static str,
    /// Lots of one unit of the base asset.
    pub(crate) lots: i64,
}

const MAIN: Place = Place {
    account: 0,
    keys: "",
    instrument: 0,
    symbol: "BTCUSDT",
    lots: 100_000,
};

impl Place {
    fn is_of(&self, record: &Value) -> bool {
        record["account"] == self.account && record["instrument"] == self.instrument
    }

    fn ask(&self, venue: &PracticeProcess, path: &str, query: &str) -> Value {
        let and = if query.is_empty() { "" } else { "&" };
        let query = format!("symbol={}{and}{query}", self.symbol);
        venue.ask_as(self.keys, path, &query)
    }
}

pub(crate) fn assert_agreement(
    directory: &Path,
    venue: &PracticeProcess,
    places: &[Place],
    kill: u32,
) {
    for place in places {
        let open = place.ask(venue, "/api/v3/openOrders", "");
        assert_eq!(
            open.as_array().unwrap().len(),
            0,
            "after kill {kill}: {open}"
        );
        assert_same_fills(directory, venue, place, kill);
        assert_same_balances(directory, venue, place, kill);
    }
    assert_no_order_twice(directory, venue, places, kill);
}

/// Every fill of the venue is in the journal, with its quantity, and no other.
fn assert_same_fills(directory: &Path, venue: &PracticeProcess, place: &Place, kill: u32) {
    let mut ours: BTreeMap<u64, i64> = BTreeMap::new();
    let fills = records(directory, "OrderFilled");
    for fill in fills.iter().filter(|fill| place.is_of(fill)) {
        ours.insert(
            fill["trade_id"].as_u64().unwrap(),
            fill["qty"].as_i64().unwrap(),
        );
    }
    let mut theirs: BTreeMap<u64, i64> = BTreeMap::new();
    let mut from = 0;
    loop {
        let page = place.ask(
            venue,
            "/api/v3/myTrades",
            &format!("limit=1000&fromId={from}"),
        );
        let page = page.as_array().unwrap();
        for trade in page {
            let id = trade["id"].as_u64().unwrap();
            let qty: Decimal = trade["qty"].as_str().unwrap().parse().unwrap();
            let lots = (qty * Decimal::from(place.lots)).normalize();
            theirs.insert(id, lots.to_string().parse().unwrap());
            from = from.max(id + 1);
        }
        if page.len() < 1000 {
            break;
        }
    }
    let symbol = place.symbol;
    assert_eq!(ours, theirs, "fills in {symbol} differ after kill {kill}");
}

/// The venue has each client order id once, and every one that it has stands in the journal.
fn assert_no_order_twice(directory: &Path, venue: &PracticeProcess, places: &[Place], kill: u32) {
    let mut journaled: BTreeMap<String, (Value, Value)> = BTreeMap::new();
    for kind in ["NewOrder", "ReplaceOrder"] {
        for command in records(directory, kind) {
            let id = command["order"].as_str().unwrap().to_owned();
            let place = (command["account"].clone(), command["instrument"].clone());
            let before = journaled.insert(id.clone(), place);
            assert!(before.is_none(), "order {id} decided twice, kill {kill}");
        }
    }
    let mut seen = BTreeSet::new();
    for place in places {
        let orders = place.ask(venue, "/api/v3/allOrders", "limit=1000");
        for order in orders.as_array().unwrap() {
            let id = order["clientOrderId"].as_str().unwrap().to_owned();
            assert!(
                seen.insert(id.clone()),
                "order {id} placed twice, kill {kill}"
            );
            let ours = order_id::parse(id.as_bytes()).unwrap().to_string();
            let meant = journaled.get(&ours);
            let meant = meant.unwrap_or_else(|| panic!("{ours} is in no journal, kill {kill}"));
            let there = (place.account.into(), place.instrument.into());
            assert_eq!(
                *meant, there,
                "order {ours} is at another place, kill {kill}"
            );
        }
    }
}

/// The last balance that the journal has of the account is the venue's.
fn assert_same_balances(directory: &Path, venue: &PracticeProcess, place: &Place, kill: u32) {
    let mut ours: BTreeMap<String, Decimal> = BTreeMap::new();
    let balances = records(directory, "Balance");
    for balance in balances
        .iter()
        .filter(|one| one["account"] == place.account)
    {
        let amount = |key: &str| balance[key].as_str().unwrap().parse::<Decimal>().unwrap();
        let asset = balance["asset"].as_str().unwrap().to_owned();
        ours.insert(asset, amount("free") + amount("locked"));
    }
    let account = venue.ask_as(place.keys, "/api/v3/account", "");
    for balance in account["balances"].as_array().unwrap() {
        let amount = |key: &str| balance[key].as_str().unwrap().parse::<Decimal>().unwrap();
        let asset = balance["asset"].as_str().unwrap();
        let theirs = amount("free") + amount("locked");
        if let Some(ours) = ours.get(asset) {
            assert_eq!(*ours, theirs, "{asset} differs after kill {kill}");
        }
    }
}
