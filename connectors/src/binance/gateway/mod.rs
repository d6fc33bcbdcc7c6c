//! Orders of Binance spot: one WebSocket API connection for requests and private events.
//!
//! What is the same for all venues is in [`crate::gateway`]; here is how this one speaks: `dialect`
//! writes requests and says what they cost, `hear` and `replies` make neutral words of what comes
//! back.

pub(in crate::binance) mod config;
pub(crate) mod dialect;
pub(in crate::binance) mod hear;
pub(in crate::binance) mod replies;
#[cfg(test)]
mod tests;

use crate::gateway::VenueGateway;
pub use crate::gateway::{GatewayCounts, GatewayError, GatewayTiming};
use crate::net::{Endpoint, Target};

pub use self::config::GatewayConfig;
pub use self::dialect::Spot;

/// The way to one account.
pub type BinanceGateway<C> = VenueGateway<C, Spot>;

/// Where the venue's WebSocket API is on its host.
const PATH: &str = "/ws-api/v3";

impl<C> BinanceGateway<C> {
    /// Resolves the address and prepares everything; connects at the first polls.
    ///
    /// # Errors
    ///
    /// [`GatewayError`].
    pub fn new(config: GatewayConfig) -> Result<Self, GatewayError> {
        let endpoint = Endpoint::parse(&config.url).map(|endpoint| {
            if endpoint.path() == "/" {
                endpoint.with_path(PATH)
            } else {
                endpoint
            }
        });
        let socket = endpoint
            .and_then(|endpoint| Target::resolve(&endpoint, config.tls.as_ref()))
            .map_err(|error| GatewayError::Endpoint {
                url: config.url.clone(),
                error,
            })?;
        let ways = crate::gateway::Ways {
            socket,
            stream: None,
            rest: None,
        };
        let (setup, dialect) = config.split()?;
        Self::over(&ways, &setup, dialect)
    }
}
