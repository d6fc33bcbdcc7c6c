//! Orders of Binance USD-M futures: the WebSocket API for orders, a listen-key stream for private
//! events, REST for lists, our trades, cancels of everything and the dead man's switch.
//!
//! What is the same for all venues is in [`crate::gateway`]; here is how this one speaks: `dialect`
//! writes requests and says what they cost, `hear` and `replies` make neutral words of what comes
//! back, `kept` remembers what the venue wants repeated when an order is modified.

mod config;
mod dialect;
mod hear;
mod kept;
mod replies;

pub use self::config::{DEAD_MAN, UsdmGatewayConfig};
pub use self::dialect::Usdm;
use crate::gateway::{GatewayError, VenueGateway, Ways};
use crate::load::RestEndpoint;
use crate::net::{Endpoint, Target};

/// The way to one account.
pub type UsdmGateway<C> = VenueGateway<C, Usdm>;

/// Where the venue's WebSocket API is on its host.
const PATH: &str = "/ws-fapi/v1";

impl<C> UsdmGateway<C> {
    /// Resolves the addresses and prepares everything; connects at the first polls.
    ///
    /// # Errors
    ///
    /// [`GatewayError`].
    pub fn new(config: UsdmGatewayConfig) -> Result<Self, GatewayError> {
        let target = |url: &str, path: &str| {
            let endpoint = Endpoint::parse(url).map(|endpoint| {
                if endpoint.path() == "/" {
                    endpoint.with_path(path)
                } else {
                    endpoint
                }
            });
            endpoint
                .and_then(|endpoint| Target::resolve(&endpoint, config.tls.as_ref()))
                .map_err(|error| GatewayError::Endpoint {
                    url: url.to_owned(),
                    error,
                })
        };
        let rest = RestEndpoint {
            url: config.rest_url.clone(),
            tls: config.tls.clone(),
        };
        let rest = rest.target().map_err(|error| GatewayError::Endpoint {
            url: config.rest_url.clone(),
            error,
        })?;
        let ways = Ways {
            socket: target(&config.url, PATH)?,
            stream: Some(target(&config.stream_url, "/")?),
            rest: Some(rest),
        };
        let (setup, dialect) = config.split()?;
        Self::over(&ways, &setup, dialect)
    }
}
