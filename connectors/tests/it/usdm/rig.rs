//! A practice USD-M and gateways to it. In the quiet market nothing moves by itself, so that every
//! number is known. Seed 11.

use std::sync::Arc;

use connectors::binance::usdm::gateway::{DEAD_MAN, Usdm, UsdmGateway, UsdmGatewayConfig};
use connectors::binance::usdm::{UsdmLimits, usdm_instrument};
use connectors::gateway::GatewayTiming;
use connectors::link::TimeOffset;
use connectors::net::{Trust, client_config};
use connectors::practice::{AccountSeed, Credential, MarketConfig, PracticeConfig, PracticeServer};
use connectors::protocol::Protocol;
use connectors::sign::{Ed25519Key, Signer};
use model::body::PositionReport;
use model::event::{Event, event};
use model::ids::{AccountId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::Ticks;
use model::record::Record;
use rust_decimal::Decimal;

use crate::gateway::support::Rig;

pub(crate) const HMAC_KEY: &str = "hmacKey";
pub(crate) const ED_KEY: &str = "edKey";
pub(crate) const SECRET: &[u8] = b"a shared secret";
/// 50,000: far below the market at 60,000, and rests.
pub(crate) const LOW: Ticks = Ticks(500_000);

pub(crate) struct Venue {
    pub(crate) server: PracticeServer,
    ed_der: Vec<u8>,
}

pub(crate) fn spec() -> InstrumentSpec {
    usdm_instrument("BTCUSDT").unwrap().spec
}

impl Venue {
    pub(crate) fn quiet(change: impl FnOnce(&mut PracticeConfig)) -> Self {
        let (key, der) = Ed25519Key::generate().unwrap();
        let mut config = PracticeConfig::synthetic(11);
        config.protocol = Protocol::BinanceUsdm;
        config.instruments = vec![usdm_instrument("BTCUSDT").unwrap()];
        config.market = MarketConfig::Synthetic {
            seed: 11,
            events_per_second: 0.001,
        };
        let account = |api_key: &str, credential| AccountSeed {
            api_key: api_key.to_owned(),
            credential,
            balances: vec![("USDT".to_owned(), Decimal::from(1_000_000))],
            open_orders: Vec::new(),
        };
        config.accounts = vec![
            account(HMAC_KEY, Credential::Hmac(SECRET.to_vec())),
            account(ED_KEY, Credential::Ed25519(key.public_key())),
        ];
        change(&mut config);
        Self {
            server: PracticeServer::start(config).unwrap(),
            ed_der: der.to_vec(),
        }
    }

    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        let trust = Trust::from_pem(self.server.certificate_pem().as_bytes()).unwrap();
        client_config(&trust).unwrap()
    }

    pub(crate) fn signer(&self, hmac: bool) -> (String, Signer) {
        if hmac {
            (HMAC_KEY.to_owned(), Signer::hmac(SECRET))
        } else {
            let signer = Signer::ed25519_pkcs8_der(&self.ed_der).unwrap();
            (ED_KEY.to_owned(), signer)
        }
    }

    pub(crate) fn config(&self, hmac: bool) -> UsdmGatewayConfig {
        let (api_key, signer) = self.signer(hmac);
        let host = self.server.addr();
        UsdmGatewayConfig {
            url: format!("wss://{host}"),
            stream_url: format!("wss://{host}"),
            rest_url: format!("https://{host}"),
            tls: Some(self.tls()),
            api_key,
            signer,
            account: AccountId(3),
            venue: VenueId(0),
            instruments: Arc::new([spec()]),
            recv_window_ms: 5_000,
            limits: UsdmLimits::default(),
            time: TimeOffset::default(),
            resume: Vec::new(),
            dead_man: Some(DEAD_MAN),
            timing: GatewayTiming::default(),
        }
    }

    /// A gateway of the first account that is connected and reconciled.
    pub(crate) fn rig(&self) -> Rig<Usdm> {
        self.rig_with(true, |_| {})
    }

    pub(crate) fn rig_with(
        &self,
        hmac: bool,
        change: impl FnOnce(&mut UsdmGatewayConfig),
    ) -> Rig<Usdm> {
        let mut config = self.config(hmac);
        change(&mut config);
        let mut rig = Rig::of(UsdmGateway::new(config).unwrap(), if hmac { 1 } else { 2 });
        rig.until_up();
        rig
    }

    pub(crate) fn fault(&self, text: &str) {
        self.server.inject(text.parse().unwrap()).unwrap();
        self.server.truth().unwrap();
    }

    pub(crate) fn open(&self) -> usize {
        self.server.truth().unwrap().open_orders.len()
    }
}

pub(crate) fn report(record: &Record) -> model::body::OrderReport {
    match event(record).unwrap() {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderStatus(report)
        | Event::OrderUnknown(report)
        | Event::AmendRejected(report)
        | Event::SendFailed(report) => *report,
        other => panic!("no report: {other:?}"),
    }
}

pub(crate) fn last_position(events: &[Record]) -> Option<PositionReport> {
    let mut reports = events
        .iter()
        .filter_map(|record| match event(record).unwrap() {
            Event::PositionReport(report) => Some(*report),
            _ => None,
        });
    reports.next_back()
}

/// The latest free amount of the settlement asset.
pub(crate) fn last_wallet(events: &[Record]) -> Option<Decimal> {
    let mut balances = events
        .iter()
        .filter_map(|record| match event(record).unwrap() {
            Event::Balance(balance) if balance.asset.as_str() == "USDT" => Some(balance.free.get()),
            _ => None,
        });
    balances.next_back()
}
