//! The venue of a run: embedded or external, its instruments, its feed and its gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connectors::binance::feed::{FeedConfig, FeedTiming, MarketFeed};

use connectors::binance::gateway::{BinanceGateway, GatewayConfig, GatewayTiming};
use connectors::binance::instruments::Wanted;
use connectors::binance::start::{Loaded, RestEndpoint, load_instruments};
use connectors::net::{Trust, client_config};
use connectors::practice::PracticeServer;
use connectors::sign::Signer;
use engine::clock::WallClock;
use engine::machine::{Approved, Machine};
use engine::pipeline::SOURCE_FIRST_PORT;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::record::Record;

use super::restore::restored;
use crate::config::{Config, Connect, External, Signature, VenueConfig};
use crate::output::Failure;
use crate::practice::{KeyPair, practice_config, read_trimmed};

/// Longest time for the first answers of the venue.
const START_MAX: Duration = Duration::from_secs(15);
/// Levels a side in a book's snapshot.
const SNAPSHOT_LEVELS: u32 = 1_000;
/// The only venue and account so far.
const VENUE: VenueId = VenueId(0);
const ACCOUNT: AccountId = AccountId(0);

/// The order gateway, which takes approved commands and nothing else.
pub(crate) type OrderGateway = BinanceGateway<Approved<Record>>;

/// Where a venue is and how to prove who we are.
struct Access {
    rest: RestEndpoint,
    streams: String,
    orders: String,
    api_key: String,
    signer: Option<Signer>,
}

/// A venue that answered.
pub(crate) struct Venue {
    /// What is traded, as the venue defines it.
    pub(crate) instruments: Arc<[InstrumentSpec]>,
    /// The practice venue, if it lives in this process.
    pub(crate) practice: Option<PracticeServer>,
    access: Access,
    loaded: Loaded,
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

/// Starts or reaches the venue and asks it for its instruments.
///
/// # Errors
///
/// [`Failure`]: a port in use, no connection, a refused certificate, an unlisted symbol.
pub(crate) fn start(
    config: &Config,
    machine: &Machine,
    clock: &WallClock,
) -> Result<Venue, Failure> {
    let venue = &config.venues[0];
    let (access, practice) = match &venue.connect {
        Connect::Practice(settings) => {
            let key = KeyPair::generate(Signature::Ed25519)?;
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            let state = restored(settings, machine);
            let practice = practice_config(settings, &venue.symbols, listen, &key, state)?;
            let server = PracticeServer::start(practice).map_err(Failure::because)?;
            (embedded_access(&server, &key)?, Some(server))
        }
        Connect::External(external) => (external_access(external)?, None),
    };
    let loaded = load_instruments(&access.rest, VENUE, &wanted(venue), clock, START_MAX)
        .map_err(|error| Failure::while_doing(&format!("venue {}", access.rest.url), error))?;
    let instruments = Arc::from(loaded.instruments.clone());
    Ok(Venue {
        instruments,
        practice,
        access,
        loaded,
    })
}

/// The wanted instruments: ids in the configuration's order, names such as `BTCUSDT.BINANCE`.
fn wanted(venue: &VenueConfig) -> Vec<Wanted> {
    let ids = 0_u32..;
    ids.zip(&venue.symbols)
        .map(|(id, symbol)| Wanted {
            id: InstrumentId(id),
            symbol: symbol.clone(),
            name: format!("{symbol}.{}", venue.name),
        })
        .collect()
}

fn embedded_access(server: &PracticeServer, key: &KeyPair) -> Result<Access, Failure> {
    let address = server.addr();
    let trust = Trust::from_pem(server.certificate_pem().as_bytes()).map_err(Failure::because)?;
    let tls = client_config(&trust).map_err(Failure::because)?;
    Ok(Access {
        rest: RestEndpoint {
            url: format!("https://{address}"),
            tls: Some(tls),
        },
        streams: format!("wss://{address}"),
        orders: format!("wss://{address}/ws-api/v3"),
        api_key: key.api_key.clone(),
        signer: Some(Signer::ed25519_pem(key.secret.as_bytes()).map_err(Failure::because)?),
    })
}

fn external_access(external: &External) -> Result<Access, Failure> {
    let trust = match &external.ca_certificate {
        Some(path) => {
            let pem = read_trimmed(path)?;
            Trust::from_pem(pem.as_bytes())
                .map_err(|error| Failure::while_doing(&path.display().to_string(), error))?
        }
        None => Trust::web_roots(),
    };
    let tls = client_config(&trust).map_err(Failure::because)?;
    let secret = read_trimmed(&external.key.secret)?;
    let signer = match external.key.signature {
        Signature::Hmac => Signer::hmac(secret.as_bytes()),
        Signature::Ed25519 => Signer::ed25519_pem(secret.as_bytes()).map_err(|error| {
            Failure::while_doing(&external.key.secret.display().to_string(), error)
        })?,
    };
    Ok(Access {
        rest: RestEndpoint {
            url: external.rest.clone(),
            tls: Some(tls),
        },
        streams: external.streams.clone(),
        orders: external.orders.clone(),
        api_key: read_trimmed(&external.key.api_key)?,
        signer: Some(signer),
    })
}

impl Venue {
    /// The feed and the gateway of this venue, which go on from where `machine` is.
    ///
    /// # Errors
    ///
    /// [`Failure`]: an address without a host, or no socket.
    pub(crate) fn ports(
        &mut self,
        machine: &Machine,
        recv_window_ns: u64,
    ) -> Result<(MarketFeed, OrderGateway), Failure> {
        // The machine's own: it keeps an instrument's old steps while orders depend on them.
        let held = |spec: &InstrumentSpec| {
            let listing = machine.listing(spec.id);
            listing.map_or_else(|| spec.clone(), |listing| listing.spec().clone())
        };
        let instruments: Arc<[InstrumentSpec]> = self.instruments.iter().map(held).collect();
        let feed = FeedConfig {
            stream_url: self.access.streams.clone(),
            rest: self.access.rest.clone(),
            venue: VENUE,
            source: SOURCE_FIRST_PORT,
            instruments: Arc::clone(&instruments),
            snapshot_levels: SNAPSHOT_LEVELS,
            timing: FeedTiming::default(),
        };
        let feed = MarketFeed::new(feed).map_err(Failure::because)?;
        let no_signer = || Failure::Message("the venue's key is in use already".to_owned());
        let resume = self.instruments.iter().filter_map(|spec| {
            let last = machine.own_trade_id_max(spec.id);
            (last > 0).then_some((spec.id, last))
        });
        let gateway = GatewayConfig {
            url: self.access.orders.clone(),
            tls: self.access.rest.tls.clone(),
            api_key: self.access.api_key.clone(),
            signer: self.access.signer.take().ok_or_else(no_signer)?,
            account: ACCOUNT,
            venue: VENUE,
            instruments,
            recv_window_ms: recv_window_ns.div_ceil(1_000_000),
            limits: self.loaded.limits,
            time: self.loaded.time,
            resume: resume.collect(),
            timing: GatewayTiming::default(),
        };
        let gateway = BinanceGateway::new(gateway).map_err(Failure::because)?;
        Ok((feed, gateway))
    }
}
