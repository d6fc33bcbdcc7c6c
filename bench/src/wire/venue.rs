//! The venue of the wire-to-wire measurement: a practice Binance on loopback with TLS, which
//! stamps its socket's edges.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use connectors::net::{Trust, client_config};
use connectors::practice::{
    AccountSeed, Credential, PracticeConfig, PracticeServer, RequestLimits, SocketStamp, StampKind,
};
use engine::clock::WallClock;
use model::instrument::InstrumentSpec;
use model::ports::Clock;
use rust_decimal::Decimal;

use crate::HarnessError;

/// Seed of the market: both measurements see the same one.
const SEED: u64 = 20_241_122;
/// More stamps than any run takes.
const STAMPS_MAX: usize = 1 << 20;
/// The account's key and secret.
pub(super) const API_KEY: &str = "bench";
pub(super) const SECRET: &[u8] = b"a secret of the bench and of nobody else";

/// A venue that runs.
pub(super) struct Venue {
    server: PracticeServer,
    stamps: Receiver<SocketStamp>,
    pub(super) spec: InstrumentSpec,
    pub(super) tls: Arc<rustls::ClientConfig>,
}

/// A socket's edge in nanoseconds of the wall clock that the client stamps with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) kind: StampKind,
    pub(super) at_ns: u64,
}

impl Venue {
    /// Starts a venue whose market has this many events a second.
    pub(super) fn start(events_per_second: f64) -> Result<Self, HarnessError> {
        let mut config = PracticeConfig::synthetic(SEED);
        config.market = connectors::practice::MarketConfig::Synthetic {
            seed: SEED,
            events_per_second,
        };
        config.spin = crate::cores::last().is_some();
        config.stamps = Some(STAMPS_MAX);
        config.limits = RequestLimits {
            weight_per_minute: u32::MAX,
            orders_per_ten_seconds: u32::MAX,
            orders_per_day: u32::MAX,
            ..RequestLimits::default()
        };
        config.accounts = vec![AccountSeed {
            api_key: API_KEY.to_owned(),
            credential: Credential::Hmac(SECRET.to_vec()),
            balances: vec![
                ("USDT".to_owned(), Decimal::from(100_000_000)),
                ("BTC".to_owned(), Decimal::from(10_000)),
            ],
            open_orders: Vec::new(),
        }];
        let spec = config.instruments[0].spec.clone();
        let server = start_beside(config)?;
        let tls = client_config(&Trust::from_pem(server.certificate_pem().as_bytes())?)?;
        let stamps = server.take_stamps().ok_or(HarnessError::NoStamps)?;
        Ok(Self {
            server,
            stamps,
            spec,
            tls,
        })
    }

    /// An address at the venue.
    pub(super) fn url(&self, scheme: &str, path: &str) -> String {
        // By its name: the certificate is made out to it.
        format!("{scheme}://localhost:{}{path}", self.server.addr().port())
    }

    /// Stops it and gives every edge since its start, in order.
    pub(super) fn stop(self, clock: &WallClock) -> Vec<Edge> {
        // Both count with the same monotonic clock; only the origin differs.
        let (now, now_ns) = (Instant::now(), clock.now_ns());
        self.server.stop();
        let edge = |stamp: SocketStamp| Edge {
            kind: stamp.kind,
            at_ns: match stamp.at.checked_duration_since(now) {
                Some(later) => now_ns + crate::hiccup::nanos(later),
                None => now_ns.saturating_sub(crate::hiccup::nanos(now - stamp.at)),
            },
        };
        let mut edges: Vec<Edge> = self.stamps.try_iter().map(edge).collect();
        edges.sort_by_key(|edge| edge.at_ns);
        edges
    }
}

/// Starts the server on the core before the one that is measured, so that the system does not move
/// it about: its thread takes over the affinity of the one that starts it.
fn start_beside(config: PracticeConfig) -> Result<PracticeServer, HarnessError> {
    let core = crate::cores::before_last();
    std::thread::scope(|scope| {
        let starter = scope.spawn(move || {
            if let Some(id) = core {
                core_affinity::set_for_current(core_affinity::CoreId { id });
            }
            PracticeServer::start(config)
        });
        let started = starter.join().map_err(|_| HarnessError::Stopped)?;
        Ok(started?)
    })
}
