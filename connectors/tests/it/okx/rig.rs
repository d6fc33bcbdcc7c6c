//! A practice OKX and gateways to it, spot or perpetuals. In the quiet market nothing moves by
//! itself, so that every number is known. Seed 11.

use std::sync::Arc;

use connectors::gateway::GatewayTiming;
use connectors::link::TimeOffset;
use connectors::load::{RestEndpoint, Wanted};
use connectors::net::{Trust, client_config};
use connectors::okx::gateway::{DEAD_MAN, Okx, OkxGateway, OkxGatewayConfig};
use connectors::okx::practice::okx_instrument;
use connectors::okx::start::{Loaded, Market, Wish, load_okx};
use connectors::okx::wire::request::{Keys, TradeMode};
use connectors::practice::{AccountSeed, Credential, MarketConfig, PracticeConfig, PracticeServer};
use connectors::protocol::Protocol;
use connectors::sign::HmacKey;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::num::Ticks;
use rust_decimal::Decimal;

use crate::gateway::support::{DEADLINE, Rig, Wall};

const SECRETS: [&[u8]; 2] = [b"first secret", b"second secret"];
const WORDS: [&str; 2] = ["one word", "another"];
/// 50,000: far below the market at 60,000, and rests.
pub(crate) const LOW: Ticks = Ticks(500_000);

pub(crate) struct Venue {
    pub(crate) server: PracticeServer,
    pub(crate) perpetuals: bool,
}

/// The key of an account, by its number.
pub(crate) fn keys(account: usize) -> Keys {
    Keys {
        api_key: format!("practice-key-{account}"),
        passphrase: WORDS[account].to_owned(),
        secret: HmacKey::new(SECRETS[account]),
    }
}

impl Venue {
    pub(crate) fn quiet(perpetuals: bool, change: impl FnOnce(&mut PracticeConfig)) -> Self {
        let mut config = PracticeConfig::synthetic(11);
        config.protocol = if perpetuals {
            Protocol::OkxSwap
        } else {
            Protocol::OkxSpot
        };
        config.market = MarketConfig::Synthetic {
            seed: 11,
            events_per_second: 0.001,
        };
        let balance = |asset: &str, amount: i64| (asset.to_owned(), Decimal::from(amount));
        let account = |number: usize| AccountSeed {
            api_key: keys(number).api_key,
            credential: Credential::HmacWithPassphrase {
                secret: SECRETS[number].to_vec(),
                passphrase: WORDS[number].to_owned(),
            },
            balances: vec![balance("USDT", 1_000_000), balance("BTC", 10)],
            open_orders: Vec::new(),
        };
        config.accounts = vec![account(0), account(1)];
        let mut venue = Self {
            server: PracticeServer::start(PracticeConfig::synthetic(1)).unwrap(),
            perpetuals,
        };
        config.instruments = vec![okx_instrument(venue.symbol()).unwrap()];
        change(&mut config);
        venue.server = PracticeServer::start(config).unwrap();
        venue
    }

    pub(crate) const fn symbol(&self) -> &'static str {
        if self.perpetuals {
            "BTC-USDT-SWAP"
        } else {
            "BTC-USDT"
        }
    }

    /// Lots that are a tenth of a coin.
    pub(crate) const fn tenth(&self) -> i64 {
        if self.perpetuals { 1_000 } else { 10_000_000 }
    }

    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        let trust = Trust::from_pem(self.server.certificate_pem().as_bytes()).unwrap();
        client_config(&trust).unwrap()
    }

    pub(crate) fn rest(&self) -> RestEndpoint {
        RestEndpoint {
            url: format!("https://{}", self.server.addr()),
            tls: Some(self.tls()),
        }
    }

    pub(crate) fn load(&self, keys: Option<&Keys>) -> Result<Loaded, String> {
        let wanted = [Wanted {
            id: InstrumentId(0),
            symbol: self.symbol().to_owned(),
            name: "BTC.OKX".to_owned(),
        }];
        let wish = Wish {
            market: if self.perpetuals {
                Market::Swap
            } else {
                Market::Spot
            },
            keys,
            demo: false,
        };
        let loaded = load_okx(&self.rest(), wish, VenueId(0), &wanted, &Wall, DEADLINE);
        loaded.map_err(|error| error.to_string())
    }

    pub(crate) fn config(&self, account: usize) -> OkxGatewayConfig {
        let host = self.server.addr();
        let loaded = self.load(Some(&keys(account))).unwrap();
        OkxGatewayConfig {
            url: format!("wss://{host}"),
            rest_url: format!("https://{host}"),
            tls: Some(self.tls()),
            keys: keys(account),
            mode: if self.perpetuals {
                TradeMode::Cross
            } else {
                TradeMode::Cash
            },
            demo: false,
            account: AccountId(3),
            venue: VenueId(0),
            instruments: loaded.instruments.into(),
            codes: loaded.codes,
            validity_ms: 5_000,
            time: TimeOffset::default(),
            resume: Vec::new(),
            dead_man: Some(DEAD_MAN),
            timing: GatewayTiming::default(),
        }
    }

    /// A gateway of the first account that is connected and reconciled.
    pub(crate) fn rig(&self) -> Rig<Okx> {
        self.rig_with(0, |_| {})
    }

    pub(crate) fn rig_with(
        &self,
        account: usize,
        change: impl FnOnce(&mut OkxGatewayConfig),
    ) -> Rig<Okx> {
        let mut config = self.config(account);
        change(&mut config);
        let epoch = u32::try_from(account).unwrap() + 1;
        let mut rig = Rig::of(OkxGateway::new(config).unwrap(), epoch);
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
