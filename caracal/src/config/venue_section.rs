//! `[[venue]]`: whose protocol, which symbols, and how to reach it.

use std::path::PathBuf;

use connectors::practice::FaultSpec;
use rust_decimal::Decimal;

use super::section::{Problems, Section};

/// One venue.
#[derive(Debug, Clone)]
pub(crate) struct VenueConfig {
    /// Our name for it, in capitals; the end of its instruments' names.
    pub(crate) name: String,
    /// The venue's symbols to trade.
    pub(crate) symbols: Vec<String>,
    /// How to reach it.
    pub(crate) connect: Connect,
}

/// How to reach a venue.
#[derive(Debug, Clone)]
pub(crate) enum Connect {
    /// A practice venue inside this process.
    Practice(PracticeVenue),
    /// A server outside this process.
    External(External),
}

/// The practice venue inside this process.
#[derive(Debug, Clone)]
pub(crate) struct PracticeVenue {
    /// What its market is made of.
    pub(crate) market: MarketChoice,
    /// Fee of a maker, in units of 0.01 %.
    pub(crate) maker_fee_bps: Decimal,
    /// Fee of a taker, in units of 0.01 %.
    pub(crate) taker_fee_bps: Decimal,
    /// What the account holds at the first start: asset and amount.
    pub(crate) balances: Vec<(String, Decimal)>,
    /// Faults to play.
    pub(crate) faults: Vec<FaultSpec>,
}

/// What the practice venue's market is made of.
#[derive(Debug, Clone)]
pub(crate) enum MarketChoice {
    /// A seeded order-flow model.
    Synthetic {
        /// Its seed.
        seed: u64,
        /// Price at which it starts, in quote.
        start_price: Decimal,
        /// Mean arrivals a second.
        events_per_second: u32,
    },
    /// A recording of the real one.
    Recording {
        /// The file.
        path: PathBuf,
        /// `1`, `10` or `max`.
        speed: String,
    },
}

/// A server outside this process.
#[derive(Debug, Clone)]
pub(crate) struct External {
    /// Base of the REST interface, `https://host:port`.
    pub(crate) rest: String,
    /// Base of the market streams, `wss://host:port`.
    pub(crate) streams: String,
    /// Address of the order interface, `wss://host:port/path`.
    pub(crate) orders: String,
    /// Certificate to trust instead of the public authorities.
    pub(crate) ca_certificate: Option<PathBuf>,
    /// The key.
    pub(crate) key: KeyFiles,
}

/// Files that hold an API key. Secrets never stand in the configuration itself.
#[derive(Debug, Clone)]
pub(crate) struct KeyFiles {
    /// How requests are signed.
    pub(crate) signature: Signature,
    /// File with the API key that the venue gave.
    pub(crate) api_key: PathBuf,
    /// File with the secret.
    pub(crate) secret: PathBuf,
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// Each request, with a shared secret.
    Hmac,
    /// The session once, with a private key.
    Ed25519,
}

#[derive(Clone, Copy)]
enum ConnectKind {
    Practice,
    External,
}

/// What other sections may name, known even where the rest of a venue is wrong.
#[derive(Debug, Clone)]
pub(super) struct VenueNames {
    /// The venue's name.
    pub(super) name: String,
    /// Its symbols.
    pub(super) symbols: Vec<String>,
}

pub(super) fn read(
    root: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> (Vec<VenueNames>, Option<Vec<VenueConfig>>) {
    let sections = root.tables(problems, "venue");
    if sections.len() != 1 {
        let what = format!(
            "{} venues: exactly one [[venue]] is allowed so far",
            sections.len()
        );
        root.problem(problems, "venue", what);
    }
    let mut names = Vec::new();
    let read: Vec<Option<VenueConfig>> = sections
        .into_iter()
        .map(|section| venue(section, &mut names, problems))
        .collect();
    (names, read.into_iter().collect())
}

fn venue(
    mut section: Section<'_>,
    names: &mut Vec<VenueNames>,
    problems: &mut Problems<'_>,
) -> Option<VenueConfig> {
    let name = section.text(problems, "name", None);
    let protocol = section.choice(problems, "protocol", &[("binance-spot", ())], None);
    let symbols = section.texts(problems, "symbols");
    names.push(VenueNames {
        name: name.clone().unwrap_or_default(),
        symbols: symbols.clone().unwrap_or_default(),
    });
    let kinds = [
        ("practice", ConnectKind::Practice),
        ("external", ConnectKind::External),
    ];
    let kind = section.choice(problems, "connect", &kinds, None);
    let connect = match kind {
        Some(ConnectKind::Practice) => {
            practice(section.table(problems, "practice"), problems).map(Connect::Practice)
        }
        Some(ConnectKind::External) => {
            external(section.table(problems, "external"), problems).map(Connect::External)
        }
        None => None,
    };
    section.finish(problems);
    protocol?;
    Some(VenueConfig {
        name: name?,
        symbols: symbols?,
        connect: connect?,
    })
}

fn practice(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<PracticeVenue> {
    let market = market(&mut section, problems);
    let bps = Decimal::from(-10)..=Decimal::from(100);
    let fee = |section: &mut Section<'_>, problems: &mut Problems<'_>, key| {
        section.decimal(problems, key, bps.clone(), Some(Decimal::TEN))
    };
    let maker_fee_bps = fee(&mut section, problems, "maker_fee_bps");
    let taker_fee_bps = fee(&mut section, problems, "taker_fee_bps");
    let balances = balances(&mut section, problems);
    let faults = faults(&mut section, problems);
    section.finish(problems);
    Some(PracticeVenue {
        market: market?,
        maker_fee_bps: maker_fee_bps?,
        taker_fee_bps: taker_fee_bps?,
        balances: balances?,
        faults: faults?,
    })
}

fn market(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<MarketChoice> {
    let kinds = [("synthetic", false), ("recording", true)];
    let recorded = section.choice(problems, "market", &kinds, Some(false))?;
    let seed = section.integer(problems, "seed", 0..=i64::MAX, Some(1));
    let price = Decimal::ONE..=Decimal::from(10_000_000);
    let start = section.decimal(problems, "start_price", price, Some(Decimal::from(60_000)));
    let rate = section.integer(problems, "events_per_second", 1..=100_000, Some(300));
    if !recorded {
        return Some(MarketChoice::Synthetic {
            seed: u64::try_from(seed?).ok()?,
            start_price: start?,
            events_per_second: u32::try_from(rate?).ok()?,
        });
    }
    if !section.has("recording") {
        section.problem(
            problems,
            "recording",
            "is missing: a market = \"recording\" needs it",
        );
    }
    let path = section.existing_file(problems, "recording");
    let speeds = [("1", "1"), ("10", "10"), ("max", "max")];
    let speed = section.choice(problems, "speed", &speeds, Some("1"));
    Some(MarketChoice::Recording {
        path: path?,
        speed: speed?.to_owned(),
    })
}

fn balances(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<Vec<(String, Decimal)>> {
    let texts = section.texts(problems, "balances")?;
    let mut balances = Vec::new();
    for text in texts {
        let parsed = text.split_once(' ').and_then(|(asset, amount)| {
            let amount: Decimal = amount.parse().ok()?;
            (!amount.is_sign_negative()).then(|| (asset.to_owned(), amount))
        });
        match parsed {
            Some(balance) => balances.push(balance),
            None => {
                let what = format!("\"{text}\" is not allowed: \"ASSET AMOUNT\" is, amount >= 0");
                section.problem(problems, "balances", what);
                return None;
            }
        }
    }
    Some(balances)
}

fn faults(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Vec<FaultSpec>> {
    let texts = section.optional_texts(problems, "faults")?;
    let mut plans = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(plan) => plans.push(plan),
            Err(error) => {
                section.problem(problems, "faults", format!("\"{text}\": {error}"));
                return None;
            }
        }
    }
    Some(plans)
}

fn external(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<External> {
    let rest = address(&mut section, problems, "rest", "https://");
    let streams = address(&mut section, problems, "streams", "wss://");
    let orders = address(&mut section, problems, "orders", "wss://");
    let ca_certificate = section.existing_file(problems, "ca_certificate");
    let signatures = [("hmac", Signature::Hmac), ("ed25519", Signature::Ed25519)];
    let signature = section.choice(problems, "signature", &signatures, None);
    let mut key_file = |key| {
        if !section.has(key) {
            section.problem(problems, key, "is missing");
        }
        section.existing_file(problems, key)
    };
    let (api_key, secret) = (key_file("api_key_file"), key_file("secret_file"));
    section.finish(problems);
    let key = KeyFiles {
        signature: signature?,
        api_key: api_key?,
        secret: secret?,
    };
    Some(External {
        rest: rest?,
        streams: streams?,
        orders: orders?,
        ca_certificate,
        key,
    })
}

fn address(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    scheme: &str,
) -> Option<String> {
    let text = section.text(problems, key, None)?;
    if text.starts_with(scheme) {
        return Some(text);
    }
    let what = format!("\"{text}\" is not allowed: an address that starts with {scheme} is");
    section.problem(problems, key, what);
    None
}
