//! What the tests share: instruments, and files that may be missing.

use std::path::PathBuf;

use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale};
use serde_json::Value;

/// An instrument with these steps and no bounds.
pub(crate) fn instrument(id: u32, symbol: &str, tick: &str, lot: &str) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(0),
        symbol: symbol.to_owned(),
        name: format!("{symbol}.BINANCE"),
        base: "BASE".to_owned(),
        quote: "QUOTE".to_owned(),
        tick: Scale::from_text(tick).unwrap(),
        lot: Scale::from_text(lot).unwrap(),
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

/// Where a file beside the project is.
pub(crate) fn shared_path(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared")
        .join(path)
}

/// A file beside the project, or `None` with a word on the test's output.
pub(crate) fn shared_file(path: &str) -> Option<Vec<u8>> {
    let full = shared_path(path);
    match std::fs::read(&full) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            eprintln!("skipped: {} cannot be read: {error}", full.display());
            None
        }
    }
}

/// A sample of the venue's messages.
pub(crate) fn sample(name: &str) -> Option<Value> {
    let bytes = shared_file(&format!("venues/binance/{name}"))?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// The messages of a sample file that is a list of `{"label", "json"}`.
pub(crate) fn labelled(name: &str) -> Vec<(String, Vec<u8>)> {
    let Some(Value::Array(entries)) = sample(name) else {
        return Vec::new();
    };
    let one = |entry: &Value| {
        let label = entry["label"].as_str().unwrap().to_owned();
        (label, serde_json::to_vec(&entry["json"]).unwrap())
    };
    entries.iter().map(one).collect()
}

/// The one message of a sample file.
pub(crate) fn message(name: &str) -> Option<Vec<u8>> {
    sample(name).map(|value| serde_json::to_vec(&value).unwrap())
}

/// The lines of a recording: local receive time and message.
pub(crate) fn recording(name: &str) -> Option<Vec<(u64, Vec<u8>)>> {
    use std::io::BufRead;
    let bytes = shared_file(&format!("data/{name}"))?;
    let reader = std::io::BufReader::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut lines = Vec::new();
    for line in reader.split(b'\n') {
        let line = line.unwrap();
        let space = line.iter().position(|&byte| byte == b' ').unwrap();
        let time = std::str::from_utf8(&line[..space]).unwrap();
        lines.push((time.parse().unwrap(), line[space + 1..].to_vec()));
    }
    Some(lines)
}
