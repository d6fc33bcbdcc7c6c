//! Orders of OKX, spot and perpetuals: one private connection for login, orders and private events,
//! REST for lists, single orders, our trades and the dead man's switch.
//!
//! What is the same for all venues is in [`crate::gateway`]; here is how this one speaks: `dialect`
//! writes requests and says what they cost, `hear`, `events` and `replies` make neutral words of
//! what comes back.

mod config;
mod dialect;
mod events;
mod hear;
mod replies;

pub(in crate::okx) use self::config::check_keys;
pub use self::config::{DEAD_MAN, OkxGatewayConfig};
pub use self::dialect::Okx;
use crate::gateway::{GatewayError, VenueGateway, Ways};
use crate::load::RestEndpoint;
use crate::net::{Endpoint, Target};

/// The way to one account.
pub type OkxGateway<C> = VenueGateway<C, Okx>;

/// Where the private connection is on its host.
const PATH: &str = "/ws/v5/private";

impl<C> OkxGateway<C> {
    /// Resolves the addresses and prepares everything; connects at the first polls.
    ///
    /// # Errors
    ///
    /// [`GatewayError`].
    pub fn new(config: OkxGatewayConfig) -> Result<Self, GatewayError> {
        let wrong = |url: &str| {
            let url = url.to_owned();
            move |error| GatewayError::Endpoint { url, error }
        };
        let endpoint = Endpoint::parse(&config.url).map_err(wrong(&config.url))?;
        let endpoint = if endpoint.path() == "/" {
            endpoint.with_path(PATH)
        } else {
            endpoint
        };
        let socket = Target::resolve(&endpoint, config.tls.as_ref());
        let rest = RestEndpoint {
            url: config.rest_url.clone(),
            tls: config.tls.clone(),
        };
        let ways = Ways {
            socket: socket.map_err(wrong(&config.url))?,
            stream: None,
            rest: Some(rest.target().map_err(wrong(&config.rest_url))?),
        };
        let (setup, dialect) = config.split()?;
        Self::over(&ways, &setup, dialect)
    }
}
