//! The venues of a run: embedded or external, their instruments, their feeds and gateways.

mod binance_spot;
mod binance_usdm;
mod market;
mod okx;
mod ports;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connectors::feed::FrameLog;
use connectors::feed::{Contents, FeedConfig, FeedScope, FeedTiming};
use connectors::load::{RestEndpoint, Wanted};
use connectors::net::{Trust, client_config};
use connectors::okx::wire::request::Keys;
use connectors::practice::PracticeServer;
use connectors::protocol::{self, Protocol};
use connectors::sign::Signer;
use engine::clock::WallClock;
use engine::machine::Machine;
use engine::pipeline::SOURCE_FIRST_PORT;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use replay::backtest::PaperPlan;

use self::market::{Market, Resume};
pub(crate) use self::ports::{AnyFeed, Ports};
use super::identity::instrument_ids;
use super::{paper, restore};
use crate::config::{
    AccountDraft, Config, Connect, External, FeedChoice, KeyFiles, PracticeVenue, Signature,
    VenueConfig, instrument_name,
};
use crate::output::Failure;
use crate::practice::{KeyPair, PracticeAccount, practice_config, read_trimmed};

/// Longest time for the first answers of the venue.
const START_MAX: Duration = Duration::from_secs(15);
/// Levels a side in a book's snapshot.
const SNAPSHOT_LEVELS: u32 = 1_000;

/// Where a venue is.
struct Access {
    /// It is the venue's own practice account.
    demo: bool,
    feed: FeedChoice,
    rest: RestEndpoint,
    streams: String,
    orders: String,
}

/// What a venue's market feed is made of, whichever the protocol; `contents` is what is followed
/// where the configuration does not say.
fn feed_config(
    access: &Access,
    venue: VenueId,
    instruments: &Arc<[InstrumentSpec]>,
    contents: Contents,
) -> FeedConfig {
    FeedConfig {
        stream_url: access.streams.clone(),
        rest: access.rest.clone(),
        venue,
        source: SOURCE_FIRST_PORT,
        instruments: Arc::clone(instruments),
        snapshot_levels: SNAPSHOT_LEVELS,
        scope: FeedScope {
            contents: access.feed.contents.unwrap_or(contents),
            topics_per_connection: access.feed.topics_per_connection,
            redundant: access.feed.redundant,
        },
        timing: FeedTiming::default(),
    }
}

/// An account at a venue, and how it proves who it is.
struct Key {
    account: AccountId,
    proof: Proof,
}

/// How an account proves who it is.
enum Proof {
    /// By its key and a signature.
    Signed { api_key: String, signer: Signer },
    /// By those and a word (OKX).
    Worded(Keys),
}

impl Proof {
    fn new(
        protocol: Protocol,
        api_key: String,
        signer: Signer,
        passphrase: Option<String>,
    ) -> Result<Self, String> {
        let worded = match protocol {
            Protocol::OkxSpot | Protocol::OkxSwap => true,
            Protocol::BinanceSpot | Protocol::BinanceUsdm => false,
        };
        match (worded, signer, passphrase) {
            (false, signer, None) => Ok(Self::Signed { api_key, signer }),
            (true, Signer::Hmac(secret), Some(passphrase)) => Ok(Self::Worded(Keys {
                api_key,
                passphrase,
                secret,
            })),
            (false, _, Some(_)) => {
                Err("this venue's keys have no passphrase: leave passphrase_file out".to_owned())
            }
            (true, Signer::Ed25519(_), _) => {
                Err("OKX signs with a shared secret: write signature = \"hmac\"".to_owned())
            }
            (true, Signer::Hmac(_), None) => {
                Err("an OKX key has a passphrase: give its file as passphrase_file".to_owned())
            }
        }
    }

    /// As [`Self::signed`], for good.
    fn into_signed(self) -> Result<(String, Signer), Failure> {
        match self {
            Self::Signed { api_key, signer } => Ok((api_key, signer)),
            Self::Worded(_) => Err(Failure::Message(
                "this venue's keys have no passphrase".to_owned(),
            )),
        }
    }

    /// Key and signature; those of a venue without passphrases.
    fn signed(&self) -> Option<(&str, &Signer)> {
        match self {
            Self::Signed { api_key, signer } => Some((api_key, signer)),
            Self::Worded(_) => None,
        }
    }
}

/// A venue that answered.
pub(crate) struct Venue {
    /// What is traded, as the venue defines it.
    pub(crate) instruments: Arc<[InstrumentSpec]>,
    id: VenueId,
    practice: Option<PracticeServer>,
    access: Access,
    keys: Vec<Key>,
    market: Market,
    /// What a paper venue is made of: a plan without instruments for each account.
    paper: Option<Vec<PaperPlan>>,
}

impl Venue {
    /// Whether the embedded venue has played its recording to the end.
    pub(crate) fn recording_ended(&self) -> bool {
        let truth = self
            .practice
            .as_ref()
            .and_then(|server| server.truth().ok());
        truth
            .and_then(|truth| truth.recording)
            .is_some_and(|progress| progress.finished)
    }
}

/// Accounts of the whole configuration with their ids.
type Accounts<'a> = [(AccountId, &'a AccountDraft)];

/// Starts or reaches the venues and asks each for its instruments.
///
/// # Errors
///
/// [`Failure`]: a port in use, no connection, a refused certificate, an unlisted symbol.
pub(crate) fn start(
    config: &Config,
    machine: &Machine,
    clock: &WallClock,
) -> Result<Vec<Venue>, Failure> {
    let ids = instrument_ids(config, machine)?;
    let mut venues = Vec::new();
    for ((id, venue), ids) in (0..).map(VenueId).zip(&config.venues).zip(ids) {
        let accounts: Vec<(AccountId, &AccountDraft)> = (0..)
            .map(AccountId)
            .zip(&config.machine.accounts)
            .filter(|(_, account)| account.venue == id.index())
            .collect();
        let mut reached = reach(id, venue, &ids, &accounts, machine, clock)?;
        if let Some(section) = config.paper.as_ref().filter(|_| venue.paper) {
            reached.paper = Some(paper::plans(
                config, section, venue, &accounts, machine, id,
            )?);
        }
        venues.push(reached);
    }
    Ok(venues)
}

fn reach(
    id: VenueId,
    venue: &VenueConfig,
    instruments: &[(InstrumentId, String)],
    accounts: &Accounts<'_>,
    machine: &Machine,
    clock: &WallClock,
) -> Result<Venue, Failure> {
    let (mut access, keys, practice) = match &venue.connect {
        Connect::Practice(settings) => {
            let (access, keys, server) = embedded(settings, instruments, accounts, machine, venue)?;
            (access, keys, Some(server))
        }
        // Its market is open to all.
        Connect::External(external) if venue.paper => {
            (external_access(external, venue.protocol)?, Vec::new(), None)
        }
        Connect::External(external) => {
            let keys = accounts
                .iter()
                .map(|(account, draft)| external_key(*account, draft, external, venue.protocol))
                .collect::<Result<_, _>>()?;
            (external_access(external, venue.protocol)?, keys, None)
        }
    };
    access.feed = venue.feed;
    let wanted: Vec<Wanted> = instruments
        .iter()
        .map(|(instrument, symbol)| Wanted {
            id: *instrument,
            symbol: symbol.clone(),
            name: instrument_name(symbol, &venue.name),
        })
        .collect();
    let mut market = Market::load(venue.protocol, (&access, &keys), id, &wanted, clock)?;
    for spec in market.instruments() {
        spec.name = protocol::instrument_name(spec, &venue.name);
    }
    Ok(Venue {
        instruments: Arc::from(market.instruments().clone()),
        id,
        practice,
        access,
        keys,
        market,
        paper: None,
    })
}

/// Starts a practice venue inside this process, which goes on from what the journal says.
fn embedded(
    settings: &PracticeVenue,
    instruments: &[(InstrumentId, String)],
    accounts: &Accounts<'_>,
    machine: &Machine,
    venue: &VenueConfig,
) -> Result<(Access, Vec<Key>, PracticeServer), Failure> {
    let pairs: Vec<KeyPair> = accounts
        .iter()
        .map(|_| KeyPair::generate(venue.protocol, Signature::Ed25519))
        .collect::<Result<_, _>>()?;
    let open = |((account, draft), key)| {
        let (account, draft): (AccountId, &AccountDraft) = (account, draft);
        let configured = draft.balances.as_ref().unwrap_or(&settings.balances);
        PracticeAccount {
            key,
            balances: restore::balances(machine, account, configured),
            // What rested at a paper venue ended with its run.
            open_orders: if venue.paper {
                Vec::new()
            } else {
                restore::open_orders(machine, account, instruments)
            },
        }
    };
    let opened = accounts.iter().copied().zip(&pairs).map(open).collect();
    let symbols: Vec<String> = instruments
        .iter()
        .map(|(_, symbol)| symbol.clone())
        .collect();
    let state = restore::restored(machine, instruments);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let market = (settings, venue.protocol);
    let mut practice = practice_config(market, &symbols, listen, opened, &state)?;
    if !venue.paper {
        practice.positions = restore::positions(machine, accounts, instruments);
    }
    let server = PracticeServer::start(practice).map_err(Failure::because)?;
    let keys = accounts.iter().zip(pairs).map(|((account, _), pair)| {
        let signer = match &pair.passphrase {
            Some(_) => Signer::hmac(pair.secret.as_bytes()),
            None => Signer::ed25519_pem(pair.secret.as_bytes()).map_err(Failure::because)?,
        };
        let proof = Proof::new(venue.protocol, pair.api_key, signer, pair.passphrase);
        Ok(Key {
            account: *account,
            proof: proof.map_err(Failure::Message)?,
        })
    });
    let keys = keys.collect::<Result<_, Failure>>()?;
    Ok((embedded_access(&server, venue.protocol)?, keys, server))
}

fn embedded_access(server: &PracticeServer, protocol: Protocol) -> Result<Access, Failure> {
    let address = server.addr();
    let trust = Trust::from_pem(server.certificate_pem().as_bytes()).map_err(Failure::because)?;
    let tls = client_config(&trust).map_err(Failure::because)?;
    Ok(Access {
        demo: false,
        feed: FeedChoice::default(),
        rest: RestEndpoint {
            url: format!("https://{address}"),
            tls: Some(tls),
        },
        streams: format!("wss://{address}"),
        orders: match protocol {
            Protocol::BinanceUsdm => format!("wss://{address}{}", binance_usdm::ORDERS_PATH),
            Protocol::BinanceSpot => format!("wss://{address}{}", binance_spot::ORDERS_PATH),
            Protocol::OkxSpot | Protocol::OkxSwap => {
                format!("wss://{address}{}", okx::ORDERS_PATH)
            }
        },
    })
}

fn external_access(external: &External, protocol: Protocol) -> Result<Access, Failure> {
    let has_demo = match protocol {
        Protocol::OkxSpot | Protocol::OkxSwap => true,
        Protocol::BinanceSpot | Protocol::BinanceUsdm => false,
    };
    if external.demo && !has_demo {
        return Err(Failure::Message(
            "venue.external.demo: only OKX has it; Binance's test network has addresses of its own"
                .to_owned(),
        ));
    }
    let trust = match &external.ca_certificate {
        Some(path) => {
            let pem = read_trimmed(path)?;
            Trust::from_pem(pem.as_bytes())
                .map_err(|error| Failure::while_doing(&path.display().to_string(), error))?
        }
        None => Trust::web_roots(),
    };
    let tls = client_config(&trust).map_err(Failure::because)?;
    Ok(Access {
        demo: external.demo,
        feed: FeedChoice::default(),
        rest: RestEndpoint {
            url: external.rest.clone(),
            tls: Some(tls),
        },
        streams: external.streams.clone(),
        orders: external.orders.clone(),
    })
}

/// The account's key, or the venue's.
fn external_key(
    account: AccountId,
    draft: &AccountDraft,
    external: &External,
    protocol: Protocol,
) -> Result<Key, Failure> {
    let no_key = || Failure::Message(format!("account \"{}\" has no key", draft.name));
    let files: &KeyFiles = draft
        .key
        .as_ref()
        .or(external.key.as_ref())
        .ok_or_else(no_key)?;
    let secret = read_trimmed(&files.secret)?;
    let signer = match files.signature {
        Signature::Hmac => Signer::hmac(secret.as_bytes()),
        Signature::Ed25519 => Signer::ed25519_pem(secret.as_bytes())
            .map_err(|error| Failure::while_doing(&files.secret.display().to_string(), error))?,
    };
    let passphrase = files.passphrase.as_deref().map(read_trimmed).transpose()?;
    let proof = Proof::new(protocol, read_trimmed(&files.api_key)?, signer, passphrase);
    let wrong = |why| Failure::Message(format!("account \"{}\": {why}", draft.name));
    Ok(Key {
        account,
        proof: proof.map_err(wrong)?,
    })
}

impl Venue {
    /// The feed of this venue and a gateway for each of its accounts, which go on from where
    /// `machine` is. Raw frames are recorded in a new file at `frames`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: an address without a host, or no socket.
    pub(crate) fn ports(
        &mut self,
        machine: &Machine,
        recv_window_ns: u64,
        frames: Option<PathBuf>,
    ) -> Result<Ports, Failure> {
        // The machine's own: it keeps an instrument's old steps while orders depend on them.
        let held = |spec: &InstrumentSpec| {
            let listing = machine.listing(spec.id);
            listing.map_or_else(|| spec.clone(), |listing| listing.spec().clone())
        };
        let instruments: Arc<[InstrumentSpec]> = self.instruments.iter().map(held).collect();
        let mut feed = self.market.feed(&self.access, self.id, &instruments)?;
        if let Some(path) = frames {
            let failed = |error| Failure::while_doing(&path.display().to_string(), error);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            feed.record_frames(FrameLog::create(&path).map_err(failed)?);
        }
        if let Some(plans) = self.paper.take() {
            return Ok(paper::ports(feed, plans, &instruments));
        }
        let mut gateways = Vec::new();
        for key in self.keys.drain(..) {
            let trades = self.instruments.iter().filter_map(|spec| {
                let last = machine.own_trade_id_max(key.account, spec.id);
                (last > 0).then_some((spec.id, last))
            });
            let account = key.account;
            let resume = Resume {
                trades: trades.collect(),
                key,
                instruments: Arc::clone(&instruments),
                recv_window_ms: recv_window_ns.div_ceil(1_000_000),
            };
            let gateway = self.market.gateway(&self.access, self.id, resume)?;
            gateways.push((account, gateway));
        }
        Ok(Ports::Live(feed, gateways))
    }
}
