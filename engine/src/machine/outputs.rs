//! What the machine decided at one event: commands for the gateways, refusals for the strategies.
//!
//! Hot path: yes. Allocates: only at creation.

use model::limits::{
    COMMANDS_IN_FLIGHT_MAX, INTENTS_PER_EVENT_MAX, NOTICES_IN_FLIGHT_MAX, STRATEGIES_MAX,
};
use model::record::Record;

use super::risk::Approved;

/// Most refusals of one event.
pub const REFUSALS_PER_EVENT_MAX: usize = STRATEGIES_MAX * INTENTS_PER_EVENT_MAX;

/// The decisions of one event. Reused from event to event; its room is reserved once.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// Commands, in the order of their numbers. At most `COMMANDS_IN_FLIGHT_MAX`.
    pub commands: Vec<Approved<Record>>,
    /// For each command, when its intent was raised (observed); 0 for risk's own commands.
    pub intended_ns: Vec<u64>,
    /// `RiskRefused` events, then `RiskNotice` events, to go back through a lane. Their number is
    /// decided; event number, time and lane are the sequencer's.
    pub refusals: Vec<Record>,
}

impl Default for Outputs {
    fn default() -> Self {
        Self::new()
    }
}

impl Outputs {
    /// Empty, with room for the most that one event can cause.
    #[must_use]
    pub fn new() -> Self {
        Self {
            commands: Vec::with_capacity(COMMANDS_IN_FLIGHT_MAX),
            intended_ns: Vec::with_capacity(COMMANDS_IN_FLIGHT_MAX),
            refusals: Vec::with_capacity(REFUSALS_PER_EVENT_MAX + NOTICES_IN_FLIGHT_MAX),
        }
    }

    /// Forgets everything and keeps the room.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.intended_ns.clear();
        self.refusals.clear();
    }
}
