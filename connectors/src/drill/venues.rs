//! The venues that can be drilled: how each is opened, and what its requests are called.

use model::num::{Lots, Ticks};

use super::played::{Play, Played};
use super::{DrillError, DrillSetup};
use crate::binance::practice::BinancePractice;
use crate::okx::practice::OkxPractice;
use crate::practice::server::{Question, Venue};
use crate::practice::{FaultSpec, OrderRequest, PracticeConfig, Side, Truth, VenueOrder};
use crate::protocol::Protocol;

/// A practice venue as a drill looks at it, beside what its server would.
pub(super) trait PlayedVenue: Venue<Control = Question> + std::fmt::Debug {
    /// Everything that it holds to be true.
    fn truth(&self) -> Truth;
    /// The order requests that arrived.
    fn requests(&self) -> Vec<OrderRequest>;
    /// What changed since the last call, in order; from the first call on.
    fn take_changes(&mut self) -> Vec<VenueOrder>;
    /// Lets something go wrong.
    fn add_fault(&mut self, fault: FaultSpec);
    /// Best levels of a synthetic book.
    fn levels(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)>;
}

impl PlayedVenue for BinancePractice {
    fn truth(&self) -> Truth {
        self.truth()
    }

    fn requests(&self) -> Vec<OrderRequest> {
        self.requests()
    }

    fn take_changes(&mut self) -> Vec<VenueOrder> {
        self.take_changes()
    }

    fn add_fault(&mut self, fault: FaultSpec) {
        self.add_fault(fault);
    }

    fn levels(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)> {
        self.levels(instrument, side, levels)
    }
}

impl PlayedVenue for OkxPractice {
    fn truth(&self) -> Truth {
        self.truth()
    }

    fn requests(&self) -> Vec<OrderRequest> {
        self.requests()
    }

    fn take_changes(&mut self) -> Vec<VenueOrder> {
        self.take_changes()
    }

    fn add_fault(&mut self, fault: FaultSpec) {
        self.add_fault(fault);
    }

    fn levels(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)> {
        self.levels(instrument, side, levels)
    }
}

/// How a venue's order connection is found, and how requests name themselves there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// Path of the order connection.
    pub(super) path: &'static str,
    /// The member that names a request.
    pub(super) member: &'static str,
    /// The names of requests about orders.
    pub(super) orders: &'static [&'static str],
}

const SPOT: Words = Words {
    path: "/ws-api/v3",
    member: "method",
    orders: &[
        "order.place",
        "order.cancel",
        "order.cancelReplace",
        "order.amend.keepPriority",
    ],
};

const USDM: Words = Words {
    path: "/ws-fapi/v1",
    member: "method",
    orders: &["order.place", "order.cancel", "order.modify"],
};

const OKX: Words = Words {
    path: "/ws/v5/private",
    member: "op",
    orders: &["order", "cancel-order", "amend-order"],
};

impl Words {
    /// Whether a text is a request of this method; an empty one is any about orders.
    pub(super) fn names(&self, text: &str, method: &str) -> bool {
        let is = |name: &str| text.contains(&format!("\"{}\":\"{name}\"", self.member));
        if method.is_empty() {
            self.orders.iter().any(|name| is(name))
        } else {
            is(method)
        }
    }
}

/// Opens both sides.
pub(super) fn play(
    gateway: DrillSetup,
    venue: &PracticeConfig,
    start_ns: u64,
) -> Result<Box<dyn Play>, DrillError> {
    let wall_ms = i64::try_from(start_ns / 1_000_000).unwrap_or(i64::MAX);
    Ok(match gateway {
        DrillSetup::BinanceSpot(config) => {
            let (setup, dialect) = config.split()?;
            let venue = BinancePractice::new(&of(venue, Protocol::BinanceSpot), wall_ms)?;
            Box::new(Played::new((&setup, dialect), venue, SPOT, start_ns)?)
        }
        DrillSetup::BinanceUsdm(config) => {
            let (setup, dialect) = config.split()?;
            let venue = BinancePractice::new(&of(venue, Protocol::BinanceUsdm), wall_ms)?;
            Box::new(Played::new((&setup, dialect), venue, USDM, start_ns)?)
        }
        DrillSetup::Okx(config) => {
            let (setup, dialect) = config.split()?;
            let venue = OkxPractice::new(venue, wall_ms)?;
            Box::new(Played::new((&setup, dialect), venue, OKX, start_ns)?)
        }
    })
}

fn of(venue: &PracticeConfig, protocol: Protocol) -> PracticeConfig {
    PracticeConfig {
        protocol,
        ..venue.clone()
    }
}
