//! The venues of drills: each with its gateway, its market and an account.

use std::sync::Arc;
use std::time::Duration;

use connectors::binance::usdm::gateway::{DEAD_MAN, UsdmGatewayConfig};
use connectors::binance::usdm::{UsdmLimits, usdm_instrument};
use connectors::drill::DrillSetup;
use connectors::gateway::GatewayTiming;
use connectors::link::TimeOffset;
use connectors::okx::gateway::{DEAD_MAN as OKX_DEAD_MAN, OkxGatewayConfig};
use connectors::okx::practice::okx_instrument;
use connectors::okx::wire::request::{Keys, TradeMode};
use connectors::practice::{Credential, PracticeConfig, PracticeInstrument};
use connectors::protocol::Protocol;
use connectors::sign::{HmacKey, Signer};
use model::ids::VenueId;
use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;

use crate::kit::{ACCOUNT, KEY, SECRET, gateway_config, venue_config};

/// Where a drill takes place: a venue with its gateway and its one instrument.
pub(crate) struct Place {
    pub(crate) at: At,
    pub(crate) gateway: DrillSetup,
    pub(crate) venue: PracticeConfig,
}

/// What of a venue a drill has to know.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) instrument: InstrumentSpec,
    /// What quantities are multiplied by: for lots that are finer than a coin's five digits.
    pub(crate) unit: i64,
    /// Our orders' names as the venue has them.
    pub(crate) name_of: fn(u64) -> String,
}

/// An order's name with the usual prefix.
fn name_of(raw: u64) -> String {
    let text = connectors::wire::order_id::text_of(raw);
    String::from_utf8(text.to_vec()).unwrap()
}

/// Binance spot.
pub(crate) fn spot(venue: &PracticeConfig) -> Place {
    Place {
        at: At {
            instrument: PracticeInstrument::btcusdt().spec,
            unit: 1,
            name_of,
        },
        gateway: DrillSetup::BinanceSpot(gateway_config()),
        venue: venue.clone(),
    }
}

/// A venue of chaos: its name, and what its requests are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chaotic {
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    /// Requests of which something is lost; an empty one is any about orders.
    pub(crate) methods: &'static [&'static str],
}

/// The word that goes with an OKX key.
const PASSPHRASE: &str = "a word";

/// An order's name of letters and digits alone.
fn plain_name_of(raw: u64) -> String {
    let text = connectors::wire::order_id::plain_text_of(raw);
    String::from_utf8(text.to_vec()).unwrap()
}

fn with_instrument(
    seed: u64,
    protocol: Protocol,
    instrument: &PracticeInstrument,
) -> PracticeConfig {
    let mut venue = venue_config(seed);
    venue.protocol = protocol;
    venue.instruments = vec![instrument.clone()];
    venue.limits.orders_per_minute = 100_000_000;
    // Often enough to come while nobody listens.
    venue.perps.funding_every = Duration::from_mins(2);
    venue.accounts[0]
        .balances
        .iter_mut()
        .filter(|_| protocol.has_perpetuals())
        .for_each(|(asset, amount)| {
            if asset == "BTC" {
                *amount = Decimal::ZERO;
            }
        });
    venue
}

impl Chaotic {
    /// The venue of this seed.
    pub(crate) fn open(self, seed: u64) -> Place {
        match self.protocol {
            Protocol::BinanceSpot => spot(&venue_config(seed)),
            Protocol::BinanceUsdm => usdm(seed),
            Protocol::OkxSpot | Protocol::OkxSwap => okx(seed, self.protocol),
        }
    }
}

fn usdm(seed: u64) -> Place {
    let instrument = usdm_instrument("BTCUSDT").unwrap();
    let spot = gateway_config();
    let gateway = UsdmGatewayConfig {
        url: spot.url,
        stream_url: "wss://stream.example".to_owned(),
        rest_url: "https://venue.example".to_owned(),
        tls: None,
        api_key: KEY.to_owned(),
        signer: Signer::hmac(SECRET),
        account: ACCOUNT,
        venue: VenueId(0),
        instruments: Arc::new([instrument.spec.clone()]),
        recv_window_ms: 5_000,
        limits: UsdmLimits {
            weight_per_minute: 10_000_000,
            orders_per_ten_seconds: 1_000_000,
            orders_per_minute: 100_000_000,
        },
        time: TimeOffset::default(),
        resume: Vec::new(),
        dead_man: Some(DEAD_MAN),
        timing: GatewayTiming::default(),
    };
    Place {
        venue: with_instrument(seed, Protocol::BinanceUsdm, &instrument),
        at: At {
            instrument: instrument.spec,
            unit: 1,
            name_of,
        },
        gateway: DrillSetup::BinanceUsdm(gateway),
    }
}

fn okx(seed: u64, protocol: Protocol) -> Place {
    let perpetuals = protocol.has_perpetuals();
    let symbol = if perpetuals {
        "BTC-USDT-SWAP"
    } else {
        "BTC-USDT"
    };
    let instrument = okx_instrument(symbol).unwrap();
    let mut venue = with_instrument(seed, protocol, &instrument);
    venue.accounts[0].credential = Credential::HmacWithPassphrase {
        secret: SECRET.to_vec(),
        passphrase: PASSPHRASE.to_owned(),
    };
    venue.orders_max = 500;
    let gateway = OkxGatewayConfig {
        url: "wss://venue.example".to_owned(),
        rest_url: "https://venue.example".to_owned(),
        tls: None,
        keys: Keys {
            api_key: KEY.to_owned(),
            passphrase: PASSPHRASE.to_owned(),
            secret: HmacKey::new(SECRET),
        },
        mode: if perpetuals {
            TradeMode::Cross
        } else {
            TradeMode::Cash
        },
        demo: false,
        account: ACCOUNT,
        venue: VenueId(0),
        instruments: Arc::new([instrument.spec.clone()]),
        codes: vec![Some(if perpetuals { 10_459 } else { 1_001 })],
        validity_ms: 5_000,
        time: TimeOffset::default(),
        resume: Vec::new(),
        dead_man: Some(OKX_DEAD_MAN),
        timing: GatewayTiming::default(),
    };
    Place {
        venue,
        at: At {
            instrument: instrument.spec,
            unit: instrument.flow_unit,
            name_of: plain_name_of,
        },
        gateway: DrillSetup::Okx(gateway),
    }
}
