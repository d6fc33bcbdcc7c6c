//! What the benches share: options, machine facts, distributions, and the tick-to-order harness.
//!
//! `README.md` beside this crate says what each bench measures and how to read it. Every figure is
//! a ratio to a control from the same run, because absolute times belong to one machine.
//!
//! Hot path: no, but what runs inside a measured interval does not allocate.

#![forbid(unsafe_code)]

pub mod args;
pub mod cores;
pub mod crowd;
pub mod distribution;
pub mod events;
pub mod facts;
pub mod held;
pub mod hiccup;
pub mod inside;
pub mod messages;
pub mod report;
pub mod session;
pub mod wire;

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The configuration or the instrument did not fit a blob.
    #[error(transparent)]
    Blob(#[from] model::blob::BlobError),
    /// The machine refused an event of the start.
    #[error(transparent)]
    Apply(#[from] engine::machine::ApplyError),
    /// The journal could not be opened.
    #[error(transparent)]
    Open(#[from] journal::OpenError),
    /// The journal refused an event of the start.
    #[error(transparent)]
    Append(#[from] journal::AppendError),
    /// The pipeline did not start.
    #[error(transparent)]
    Start(#[from] engine::pipeline::StartError),
    /// The pipeline stopped by itself, or did not end.
    #[error(transparent)]
    Fault(#[from] engine::pipeline::Fault),
    /// The instrument cannot be used.
    #[error(transparent)]
    Symbols(#[from] connectors::wire::SymbolError),
    /// A directory for the journal could not be made.
    #[error("no temporary directory: {0}")]
    Directory(#[from] std::io::Error),
    /// The practice venue did not start.
    #[error(transparent)]
    Practice(#[from] connectors::practice::PracticeError),
    /// The practice venue records no stamps.
    #[error("the practice venue recorded no stamps")]
    NoStamps,
    /// The practice venue's certificate cannot be used.
    #[error(transparent)]
    Trust(#[from] connectors::net::TrustError),
    /// An address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] connectors::net::EndpointError),
    /// A connection ended.
    #[error("a connection to the practice venue ended: {0}")]
    Closed(#[from] connectors::net::CloseReason),
    /// The feed did not start.
    #[error(transparent)]
    Feed(#[from] connectors::binance::feed::StartError),
    /// The gateway did not start.
    #[error(transparent)]
    Gateway(#[from] connectors::binance::gateway::GatewayError),
    /// The journal could not be read back.
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    /// A thread of the harness panicked.
    #[error("a thread of the harness stopped")]
    Stopped,
    /// Something did not come in time.
    #[error("{what} did not come within {seconds} s")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
}

impl From<engine::pipeline::Failed> for HarnessError {
    fn from(failed: engine::pipeline::Failed) -> Self {
        // The journal of a failed measurement is of no use to anybody.
        Self::Fault(failed.fault)
    }
}
