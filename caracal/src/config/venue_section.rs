//! `[[venue]]`: whose protocol, which symbols, and how to reach it.

use std::path::PathBuf;

use connectors::practice::FaultSpec;
use connectors::protocol::Protocol;
use rust_decimal::Decimal;

use super::feed_section::{self, FeedChoice};
use super::section::{Problems, Section};

/// Most venues.
const VENUES_MAX: usize = 16;

/// The protocols that there are.
const PROTOCOLS: [(&str, Protocol); 4] = [
    ("binance-spot", Protocol::BinanceSpot),
    ("binance-usdm", Protocol::BinanceUsdm),
    ("okx-spot", Protocol::OkxSpot),
    ("okx-swap", Protocol::OkxSwap),
];

/// One venue.
#[derive(Debug, Clone)]
pub(crate) struct VenueConfig {
    /// Our name for it, in capitals; the end of its instruments' names.
    pub(crate) name: String,
    /// Whose protocol it speaks.
    pub(crate) protocol: Protocol,
    /// The venue's symbols to trade.
    pub(crate) symbols: Vec<String>,
    /// How to reach it.
    pub(crate) connect: Connect,
    /// Whether orders go to a simulated venue over its market, and no further.
    pub(crate) paper: bool,
    /// Whether raw frames of its market are recorded beside the journal.
    pub(crate) record_frames: bool,
    /// What of its market is followed.
    pub(crate) feed: FeedChoice,
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
    /// Whether fees are paid in BNB while the account has some.
    pub(crate) fees_in_bnb: bool,
    /// What each account holds at the first start: asset and amount.
    pub(crate) balances: Vec<(String, Decimal)>,
    /// Faults to play.
    pub(crate) faults: Vec<FaultSpec>,
}

/// What the practice venue's market is made of.
#[derive(Debug, Clone)]
pub(crate) enum MarketChoice {
    /// A seeded order-flow model for each symbol.
    Synthetic {
        /// Seed of the first symbol; each next one has the next number.
        seed: u64,
        /// Prices at which they start, in quote, where they are not the venue's own choice.
        start_prices: Vec<(String, Decimal)>,
        /// Mean arrivals a second, of each.
        events_per_second: u32,
    },
    /// A recording of the first symbol; the others are synthetic.
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
    /// Whether it is the venue's own practice account (OKX).
    pub(crate) demo: bool,
    /// Certificate to trust instead of the public authorities.
    pub(crate) ca_certificate: Option<PathBuf>,
    /// The key of an account that names none.
    pub(crate) key: Option<KeyFiles>,
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
    /// File with the word that was chosen with the key (OKX).
    pub(crate) passphrase: Option<PathBuf>,
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
    /// The same as they are written in the configuration.
    pub(super) written: Vec<String>,
}

impl VenueNames {
    /// What may be written for an instrument, and the name that it stands for: `BTCUSDT.BINANCE`
    /// always, `BTCUSDT` where only one venue has it; the same as the venue's section writes it.
    pub(super) fn instruments(venues: &[Self]) -> Vec<(String, String)> {
        let mut choices = Vec::new();
        for venue in venues {
            for (symbol, written) in venue.symbols.iter().zip(&venue.written) {
                let whole = instrument_name(symbol, &venue.name);
                let having = |name: &str| {
                    let has = |other: &&Self| {
                        let mut all = other.symbols.iter().chain(&other.written);
                        all.any(|other| other == name)
                    };
                    venues.iter().filter(has).count()
                };
                for name in [symbol, written] {
                    if having(name) == 1 {
                        choices.push((name.clone(), whole.clone()));
                    }
                    choices.push((instrument_name(name, &venue.name), whole.clone()));
                }
            }
        }
        choices
    }
}

/// A symbol with its venue, as the configuration's other sections may write it.
pub(crate) fn instrument_name(symbol: &str, venue: &str) -> String {
    format!("{symbol}.{venue}")
}

pub(super) fn read(
    root: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> (Vec<VenueNames>, Option<Vec<VenueConfig>>) {
    let sections = root.tables(problems, "venue");
    if sections.is_empty() || sections.len() > VENUES_MAX {
        let what = format!("{} venues: 1 to {VENUES_MAX} are allowed", sections.len());
        root.problem(problems, "venue", what);
    }
    let mut names = Vec::new();
    let read: Vec<Option<VenueConfig>> = sections
        .into_iter()
        .map(|section| venue(section, &mut names, problems))
        .collect();
    (names, read.into_iter().collect())
}

/// Balances of a venue's accounts where they name none of their own.
type VenueBalances = Option<Vec<(String, Decimal)>>;

/// Names and symbols only, with the practice venue's balances: what a backtest takes of a venue.
pub(super) fn read_names(
    root: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> (Vec<VenueNames>, Vec<VenueBalances>) {
    let mut names = Vec::new();
    let mut all = Vec::new();
    for mut section in root.tables(problems, "venue") {
        let name = section.text(problems, "name", None).unwrap_or_default();
        let symbols = section.texts(problems, "symbols").unwrap_or_default();
        for live in ["protocol", "connect", "external", "orders", "feed"] {
            section.pass_over(live);
        }
        let mut practice = section.table(problems, "practice");
        let has = practice.has("balances");
        all.push(has.then(|| balances(&mut practice, problems)).flatten());
        section.finish(problems);
        let written = symbols.clone();
        names.push(VenueNames {
            name,
            symbols,
            written,
        });
    }
    if names.is_empty() || names.len() > VENUES_MAX {
        let what = format!("{} venues: 1 to {VENUES_MAX} are allowed", names.len());
        root.problem(problems, "venue", what);
    }
    (names, all)
}

fn venue(
    mut section: Section<'_>,
    names: &mut Vec<VenueNames>,
    problems: &mut Problems<'_>,
) -> Option<VenueConfig> {
    let name = section.text(problems, "name", None);
    if let Some(name) = &name
        && names
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name))
    {
        let what = format!("\"{name}\" is the name of a venue already");
        section.problem(problems, "name", what);
    }
    let protocol = section.choice(problems, "protocol", &PROTOCOLS, None);
    let written = section.texts(problems, "symbols");
    let symbols = written.as_ref().map(|written| {
        let symbol = |name: &String| protocol.map_or_else(|| name.clone(), |one| one.symbol(name));
        written.iter().map(symbol).collect::<Vec<String>>()
    });
    for symbol in twice(symbols.as_deref().unwrap_or(&[])) {
        section.problem(problems, "symbols", format!("\"{symbol}\" is there twice"));
    }
    names.push(VenueNames {
        name: name.clone().unwrap_or_default(),
        symbols: symbols.clone().unwrap_or_default(),
        written: written.unwrap_or_default(),
    });
    let kinds = [
        ("practice", ConnectKind::Practice),
        ("external", ConnectKind::External),
    ];
    let kind = section.choice(problems, "connect", &kinds, None);
    let orders = [("venue", false), ("paper", true)];
    let paper = section.choice(problems, "orders", &orders, Some(false));
    let record_frames = section.flag(problems, "record_frames", false);
    let feed = feed_section::read(section.table(problems, "feed"), problems);
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
    Some(VenueConfig {
        name: name?,
        protocol: protocol?,
        symbols: symbols?,
        connect: connect?,
        paper: paper?,
        record_frames: record_frames?,
        feed: feed?,
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
    let fees_in_bnb = section.flag(problems, "fees_in_bnb", false);
    let balances = balances(&mut section, problems);
    let faults = faults(&mut section, problems);
    section.finish(problems);
    Some(PracticeVenue {
        market: market?,
        maker_fee_bps: maker_fee_bps?,
        taker_fee_bps: taker_fee_bps?,
        fees_in_bnb: fees_in_bnb?,
        balances: balances?,
        faults: faults?,
    })
}

fn market(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<MarketChoice> {
    let kinds = [("synthetic", false), ("recording", true)];
    let recorded = section.choice(problems, "market", &kinds, Some(false))?;
    let seed = section.integer(problems, "seed", 0..=i64::MAX, Some(1));
    let start = if section.has("start_prices") {
        amounts(section, problems, "start_prices", "SYMBOL PRICE")
    } else {
        Some(Vec::new())
    };
    let rate = section.integer(problems, "events_per_second", 1..=100_000, Some(300));
    if !recorded {
        return Some(MarketChoice::Synthetic {
            seed: u64::try_from(seed?).ok()?,
            start_prices: start?,
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

pub(super) fn balances(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<Vec<(String, Decimal)>> {
    amounts(section, problems, "balances", "ASSET AMOUNT")
}

/// Texts of a name and a number from 0, each name once.
fn amounts(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    form: &str,
) -> Option<Vec<(String, Decimal)>> {
    let texts = section.texts(problems, key)?;
    let mut amounts: Vec<(String, Decimal)> = Vec::new();
    for text in texts {
        let parsed = text.split_once(' ').and_then(|(name, amount)| {
            let amount: Decimal = amount.parse().ok()?;
            let again = amounts.iter().any(|(known, _)| known == name);
            (!amount.is_sign_negative() && !again).then(|| (name.to_owned(), amount))
        });
        match parsed {
            Some(amount) => amounts.push(amount),
            None => {
                let what =
                    format!("\"{text}\" is not allowed: \"{form}\" is, from 0, each name once");
                section.problem(problems, key, what);
                return None;
            }
        }
    }
    Some(amounts)
}

/// Texts that stand before, too.
fn twice(texts: &[String]) -> impl Iterator<Item = &String> {
    let numbered = texts.iter().enumerate();
    numbered.filter_map(|(index, text)| texts[..index].contains(text).then_some(text))
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
    let demo = section.flag(problems, "demo", false);
    let parts = [
        "signature",
        "api_key_file",
        "secret_file",
        "passphrase_file",
    ];
    let key = if parts.iter().any(|part| section.has(part)) {
        Some(key_files(&mut section, problems)?)
    } else {
        None
    };
    section.finish(problems);
    Some(External {
        rest: rest?,
        streams: streams?,
        orders: orders?,
        demo: demo?,
        ca_certificate,
        key,
    })
}

/// The files of a key, and how it signs.
pub(super) fn key_files(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<KeyFiles> {
    let signatures = [("hmac", Signature::Hmac), ("ed25519", Signature::Ed25519)];
    let signature = section.choice(problems, "signature", &signatures, None);
    let mut key_file = |key| {
        if !section.has(key) {
            section.problem(problems, key, "is missing");
        }
        section.existing_file(problems, key)
    };
    let (api_key, secret) = (key_file("api_key_file"), key_file("secret_file"));
    let passphrase = section
        .has("passphrase_file")
        .then(|| section.existing_file(problems, "passphrase_file"));
    Some(KeyFiles {
        signature: signature?,
        api_key: api_key?,
        secret: secret?,
        passphrase: match passphrase {
            None => None,
            Some(path) => Some(path?),
        },
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
