//! The machine: books, strategies, risk, orders and portfolio as a pure function of the events.
//!
//! `state = fold(apply, events)`. No clock, socket, file, thread, random number, float, or hash-map
//! iteration: two machines that applied the same events are equal, and so are their commands.
//!
//! Hot path: yes. Allocates: only for configuration and instruments.

mod access;
mod blobs;
mod config;
mod control_config;
mod digest;
mod divide;
mod error;
mod exits;
mod following;
mod held;
mod intent;
mod last_line_stop;
mod market;
mod orders;
mod outputs;
mod portfolio;
mod protection;
mod risk;
mod saved;
mod sizing;
pub(crate) mod strategy;

pub use config::{
    ACCOUNTS_MAX, AccountConfig, BOOK_WINDOW_MAX, BOOK_WINDOW_MIN, ConfigProblem,
    INSTRUMENTS_PER_STRATEGY_MAX, MachineConfig, StrategyConfig,
};
pub use control_config::{ControlConfig, FeatureConfig, LevelConfig, watched_scopes};
pub use error::ApplyError;
pub use following::{Depths, Following};
pub use held::{Link, Offset, PriceSource, Size, Trigger, TriggerKind};
pub use intent::{Action, Intent, IntentBuffer, Place, SoftReason};
pub use last_line_stop::LastLineStop;
pub use market::{Book, Depth, LastTrade, Listing, Moved, Top};
pub use orders::{Chore, Order, OrderState, Orders, Overlays};
pub use outputs::{Outputs, REFUSALS_PER_EVENT_MAX};
pub use portfolio::{Fifo, Holding, Ledger, Portfolio, Position, VenuePosition};
pub use protection::{ExitRules, HeldRules, Protection, SizingRule, StrategyRules, VolatilityRule};
pub use risk::{
    Approved, Change, ChangeRefusal, Counts, Decision, Explanation, FlowRules, InstrumentLimits,
    LimitChange, OrderLimits, Proposal, Risk, RiskLimits, SelfTradeRule, SwitchState, Verdict,
};
pub use saved::{SNAPSHOT_LAYOUT, SavedMachine, ThawError, Unsound};
pub use strategy::StrategyRunner;

use model::ids::StrategyId;
use model::record::{Kind, Record};

use self::strategy::{Registry, Setting};

/// The parts of a machine, as the live pipeline runs them on their workers.
///
/// A start (`RunStarted`) and a configuration go through [`Machine::apply`] before the parts are
/// taken apart: only the whole machine can make strategies, and hand them risk's view of their
/// orders. Every other event may come to the parts, a changed instrument too.
#[derive(Debug)]
pub struct Parts {
    /// In the order of the configuration.
    pub strategies: Vec<StrategyRunner>,
    /// Risk.
    pub risk: Risk,
    /// The strategies that may be configured.
    pub registry: Registry,
}

/// The whole machine on one thread: replay, recovery, audit, backtest.
///
/// A clone is equal, but its buffers have no spare room: it may allocate. Give a clone to the
/// shadow and keep the original for the hot path.
#[derive(Debug, Clone)]
pub struct Machine {
    strategies: Vec<StrategyRunner>,
    risk: Risk,
    registry: Registry,
    intents: Vec<Intent>,
    buffer: IntentBuffer,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// An empty machine with the strategies that Caracal brings; everything else comes from
    /// events.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Registry::standard())
    }

    /// An empty machine with these strategies.
    #[must_use]
    pub fn with(registry: Registry) -> Self {
        Self::from_parts(Parts {
            strategies: Vec::new(),
            risk: Risk::new(),
            registry,
        })
    }

    /// A machine of these parts, which have all applied the same events.
    #[must_use]
    pub fn from_parts(parts: Parts) -> Self {
        Self {
            strategies: parts.strategies,
            risk: parts.risk,
            registry: parts.registry,
            intents: Vec::with_capacity(REFUSALS_PER_EVENT_MAX),
            buffer: IntentBuffer::new(),
        }
    }

    /// Its parts.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        Parts {
            strategies: self.strategies,
            risk: self.risk,
            registry: self.registry,
        }
    }

    /// Applies one event. What `out` held is replaced by what the event causes.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]: the event cannot be applied, and the machine must not be used any more.
    pub fn apply(&mut self, record: &Record, out: &mut Outputs) -> Result<(), ApplyError> {
        self.raise(record)?;
        let configured = self.risk.configured();
        self.risk.apply(record, &self.intents, out)?;
        self.follow(record, configured)
    }

    /// As [`Self::apply`], and tells what each check of each intent saw. State and decisions are
    /// the same.
    ///
    /// # Errors
    ///
    /// As [`Self::apply`].
    pub fn apply_explained(
        &mut self,
        record: &Record,
        out: &mut Outputs,
        explanations: &mut Vec<Explanation>,
    ) -> Result<(), ApplyError> {
        self.raise(record)?;
        let configured = self.risk.configured();
        self.risk
            .apply_explained(record, &self.intents, out, explanations)?;
        self.follow(record, configured)
    }

    /// The strategies' turn: what they wish for at this event.
    fn raise(&mut self, record: &Record) -> Result<(), ApplyError> {
        self.intents.clear();
        for strategy in &mut self.strategies {
            strategy.apply(record, &mut self.buffer)?;
            self.intents.extend(self.buffer.iter().copied());
        }
        Ok(())
    }

    /// What a configuration or a start asks of the whole machine.
    fn follow(&mut self, record: &Record, configured: u32) -> Result<(), ApplyError> {
        if self.risk.configured() != configured {
            self.build_strategies()
                .map_err(|first| ApplyError::Config {
                    event: record.event,
                    count: 1,
                    first,
                })?;
        }
        if record.kind() == Some(Kind::RunStarted) {
            for strategy in &mut self.strategies {
                strategy.adopt(self.risk.orders(), |id| self.risk.is_held(id));
            }
        }
        Ok(())
    }

    /// Makes the strategies of a new configuration. One that keeps its place, name, account and
    /// instruments goes on; orders of one that does not are cancelled, for nobody knows them now.
    fn build_strategies(&mut self) -> Result<(), ConfigProblem> {
        let Some(config) = self.risk.config().cloned() else {
            return Ok(());
        };
        let setting = Setting {
            venue: model::ids::VenueId(0),
            book_window_ticks: config.book_window_ticks,
            recv_window_ns: config.limits.recv_window_ns,
            epoch: self.risk.epoch(),
            last_event: self.risk.last_event(),
            time_ns: self.risk.time_ns(),
            killed: 0,
        };
        let mut old = std::mem::take(&mut self.strategies).into_iter();
        for (index, strategy) in config.strategies.into_iter().enumerate() {
            let id = StrategyId(u16::try_from(index).unwrap_or(u16::MAX));
            let account = config.accounts.get(strategy.account.index());
            let venue = account.map_or(setting.venue, |account| account.venue);
            let runner = match old.next() {
                Some(mut runner) if runner.continues(&strategy) => {
                    runner.reconfigure(strategy, setting.recv_window_ns, &self.registry)?;
                    runner
                }
                Some(_) | None => {
                    self.risk.disown(id);
                    let killed = self.risk.kills_of(id, venue, &strategy);
                    let setting = Setting {
                        venue,
                        killed,
                        ..setting
                    };
                    self.new_runner(id, strategy, setting)?
                }
            };
            self.strategies.push(runner);
        }
        for gone in old {
            self.risk.disown(gone.id());
        }
        Ok(())
    }

    fn new_runner(
        &self,
        id: StrategyId,
        strategy: StrategyConfig,
        setting: Setting,
    ) -> Result<StrategyRunner, ConfigProblem> {
        let instruments = strategy.instruments.clone();
        let mut runner = StrategyRunner::new(id, strategy, setting, &self.registry)?;
        for listing in instruments.iter().filter_map(|id| self.risk.listing(*id)) {
            runner.list(listing.spec().clone());
        }
        Ok(runner)
    }
}

fn check_next(last: u64, record: &Record) -> Result<(), ApplyError> {
    let expected = last + 1;
    if record.event == expected {
        Ok(())
    } else {
        Err(ApplyError::Gap {
            expected,
            got: record.event,
        })
    }
}
