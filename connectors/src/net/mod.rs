//! Venue-neutral sockets: TLS, WebSocket and HTTP/1.1 clients that never block.
//!
//! Every part takes the caller's time (`now_ns`, any monotonic origin) and reads no clock, so
//! that it runs the same live and under a virtual clock. Readiness belongs to the caller: sockets
//! are registered with the caller's `mio` registry and token, edge-triggered, and every `poll`
//! may also be called without an event (a spinning worker does).
//!
//! Reading order: [`endpoint`] and [`tls`] are control plane; [`frame`], [`deframer`] and
//! [`framer`] are sans-I/O; [`stream`], [`ws`] and [`http`] drive sockets.

pub mod deframer;
pub mod endpoint;
pub mod frame;
pub mod framer;
pub mod http;
mod http_response;
mod http_types;
pub mod reason;
pub mod stream;
pub mod tls;
mod transport;
mod upgrade;
pub mod ws;
mod ws_types;

pub use deframer::Deframer;
pub use endpoint::{Endpoint, EndpointError, Target};
pub use frame::FrameError;
pub use framer::Framer;
pub use http::{
    HttpClient, HttpConfig, HttpFailure, HttpOutcome, HttpRequest, Method, RequestId, SubmitError,
};
pub use http_response::HttpResponse;
pub use reason::{CertificateProblem, CloseReason};
pub use tls::{Trust, TrustError, client_config};
pub use ws::{Progress, SendError, WsClient, WsConfig, WsMessage};
