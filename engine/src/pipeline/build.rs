//! Builder: what a pipeline is made of, checked, then given to `assembly`.
//!
//! Thread: the supervisor's. Hot path: no.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::ids::AccountId;
use model::instrument::InstrumentSpec;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::ports::{Feed, Gateway};
use model::record::Record;

use super::assembly::Assembly;
use super::control::{Control, Fault};
use super::feed::FeedStage;
use super::gate::Gate;
use super::gateway::{CommandSlot, GatewayStage};
use super::lane::LaneSink;
use super::last_line::{LastLine, LastLineLimits};
use super::ring::After;
use super::running::Running;
use super::sequencer::Inputs;
use super::stage::Stage;
use super::topology::{Problem, Shape, Topology, available_cores};
use crate::clock::{StageClock, WallClock};
use crate::machine::{Approved, Machine, Parts};

/// How often the machine is told the time, unless the configuration says otherwise.
pub const TICK_INTERVAL_DEFAULT: Duration = Duration::from_millis(100);

/// Why the pipeline could not be started. Nothing runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The topology does not fit; all problems.
    #[error("the topology cannot be used: {}", .0.iter().map(ToString::to_string)
        .collect::<Vec<_>>().join("; "))]
    Topology(Vec<Problem>),
    /// The start of the run could not be put on stable storage, in a mode that promises that.
    #[error(transparent)]
    Journal(journal::SyncError),
    /// A worker could not be started.
    #[error(transparent)]
    Fault(Fault),
}

/// A pipeline to be started.
pub struct Pipeline {
    pub(super) parts: Parts,
    pub(super) last_event: u64,
    pub(super) last_time_ns: u64,
    pub(super) writer: Box<journal::Writer>,
    pub(super) topology: Topology,
    pub(super) clock: WallClock,
    pub(super) inputs: Inputs,
    pub(super) tick_interval: Duration,
    pub(super) last_line: Option<LastLineLimits>,
    pub(super) feeds: Vec<FeedPort>,
    pub(super) gateways: Vec<GatewayPort>,
}

/// A feed, not yet a stage.
pub(super) struct FeedPort {
    pub(super) name: String,
    pub(super) into_stage: Box<dyn FnOnce(Place) -> Box<dyn Stage>>,
}

/// A gateway, not yet a stage.
pub(super) struct GatewayPort {
    pub(super) name: String,
    pub(super) accounts: Vec<AccountId>,
    pub(super) into_stage: Box<dyn FnOnce(Place, After<CommandSlot>) -> Box<dyn Stage>>,
}

/// Where a feed's or gateway's stage stands.
pub(super) struct Place {
    pub(super) sink: LaneSink,
    /// Index of its gauges: among the lanes for a feed, among the gateways for a gateway.
    pub(super) index: usize,
    pub(super) control: Arc<Control>,
    /// What orders wait for, in the strict durability modes.
    pub(super) gate: Option<journal::Watch>,
    /// Limits of a gateway's last line.
    pub(super) last_line: Option<LastLineLimits>,
}

impl Pipeline {
    /// A pipeline that goes on from where `machine` is. `writer` must hold the same events, the
    /// start of this run among them.
    #[must_use]
    pub fn new(
        machine: Machine,
        writer: journal::Writer,
        topology: Topology,
        clock: WallClock,
    ) -> Self {
        Self {
            last_event: machine.last_event(),
            last_time_ns: machine.time_ns(),
            parts: machine.into_parts(),
            writer: Box::new(writer),
            topology,
            clock,
            inputs: Inputs::Live,
            tick_interval: TICK_INTERVAL_DEFAULT,
            last_line: None,
            feeds: Vec::new(),
            gateways: Vec::new(),
        }
    }

    /// Adds a feed; its stage is `feed.NAME`.
    #[must_use]
    pub fn feed<F: Feed + Send + 'static>(mut self, name: &str, feed: F) -> Self {
        let clock = self.clock;
        let stage = format!("feed.{name}");
        let into_stage = move |place: Place| -> Box<dyn Stage> {
            Box::new(FeedStage {
                name: stage,
                feed,
                sink: place.sink,
                lane: place.index,
                closing: None,
                ended: false,
                clock: StageClock::of(clock),
                control: place.control,
            })
        };
        self.feeds.push(FeedPort {
            name: name.to_owned(),
            into_stage: Box::new(into_stage),
        });
        self
    }

    /// Adds a gateway; its stage is `gateway.NAME`. It gets the commands of `accounts`.
    #[must_use]
    pub fn gateway<G>(mut self, name: &str, accounts: &[AccountId], gateway: G) -> Self
    where
        G: Gateway<Approved<Record>> + Send + 'static,
    {
        let clock = self.clock;
        let stage = format!("gateway.{name}");
        let own_accounts = accounts.to_vec();
        let listings = self.parts.risk.listings();
        let specs: Vec<InstrumentSpec> = listings.map(|listing| listing.spec().clone()).collect();
        let into_stage = move |place: Place, commands: After<CommandSlot>| -> Box<dyn Stage> {
            Box::new(GatewayStage {
                name: stage,
                accounts: own_accounts,
                gateway,
                commands,
                gate: Gate::new(place.gate),
                last_line: LastLine::new(place.last_line, &specs, Arc::clone(&place.control.latch)),
                answers: VecDeque::with_capacity(COMMANDS_IN_FLIGHT_MAX),
                waiting: VecDeque::with_capacity(COMMANDS_IN_FLIGHT_MAX),
                sink: place.sink,
                index: place.index,
                closing: None,
                ended: false,
                clock: StageClock::of(clock),
                control: place.control,
            })
        };
        self.gateways.push(GatewayPort {
            name: name.to_owned(),
            accounts: accounts.to_vec(),
            into_stage: Box::new(into_stage),
        });
        self
    }

    /// Takes its events from somewhere else than live sources; see [`Inputs`].
    #[must_use]
    pub fn inputs(mut self, inputs: Inputs) -> Self {
        self.inputs = inputs;
        self
    }

    /// Limits the gateways' last lines. Without it they only have latches.
    #[must_use]
    pub fn last_line(mut self, limits: LastLineLimits) -> Self {
        self.last_line = Some(limits);
        self
    }

    /// Sets the interval of the timer's ticks.
    #[must_use]
    pub fn tick_interval(mut self, interval: Duration) -> Self {
        self.tick_interval = interval;
        self
    }

    /// Builds everything and starts the workers.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then no thread is left.
    pub fn start(mut self) -> Result<Running, StartError> {
        let problems = self.problems(&available_cores());
        if !problems.is_empty() {
            return Err(StartError::Topology(problems));
        }
        if self.writer.durability().is_strict() {
            // What the run starts with is durable before anybody acts on it.
            self.writer.sync_now().map_err(StartError::Journal)?;
        }
        Assembly::of(self).start().map_err(StartError::Fault)
    }

    /// Every problem of this pipeline on a machine with `cores`.
    fn problems(&self, cores: &[usize]) -> Vec<Problem> {
        let mut problems = self.topology.problems(&self.shape(), cores);
        let mut seen: Vec<AccountId> = Vec::new();
        for gateway in &self.gateways {
            for &account in &gateway.accounts {
                if seen.contains(&account) {
                    problems.push(Problem {
                        key: format!("gateway.{}.accounts", gateway.name),
                        value: account.to_string(),
                        allowed: "an account that no other gateway serves".to_owned(),
                    });
                }
                seen.push(account);
            }
        }
        problems
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            strategies: self.parts.strategies.len(),
            feeds: self.feeds.iter().map(|feed| feed.name.clone()).collect(),
            gateways: self
                .gateways
                .iter()
                .map(|gateway| gateway.name.clone())
                .collect(),
        }
    }
}
