//! What a strategy asks for, on its way to risk.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderType, Side, TimeInForce};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::limits::INTENTS_PER_EVENT_MAX;
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use super::held::{Link, Size, Trigger};

/// One wish of a strategy. Only risk can make a command of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Event that caused it.
    pub event: u64,
    /// Who asks.
    pub strategy: StrategyId,
    /// When the strategy stage raised it, nanoseconds since the Unix epoch; observed, 0 in replay.
    pub intended_ns: u64,
    /// What is asked.
    pub action: Action,
}

/// What an intent asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Place an order.
    Place(Place),
    /// Cancel an order.
    Cancel {
        /// The order.
        client_id: ClientOrderId,
    },
    /// Cancel an order and place another in one request. What comes in the place of an order at
    /// the venue goes to the venue; in the place of one that the engine holds may come any, so this
    /// is how its price or its trigger is changed.
    Replace {
        /// The order to cancel.
        cancel: ClientOrderId,
        /// The order to place.
        place: Place,
    },
    /// Make an order smaller. It keeps its price and its place in the queue. A held one's group
    /// gets smaller with it.
    Amend {
        /// The order.
        client_id: ClientOrderId,
        /// New total quantity: below the present one, above what is filled.
        qty: Lots,
    },
    /// Cancel every live order of the strategy. It is never refused: what cannot be cancelled now
    /// is cancelled as soon as it can be.
    CancelAll {
        /// On this instrument only.
        instrument: Option<InstrumentId>,
    },
}

impl Action {
    /// The order that it makes or is about; none for a cancel of everything.
    #[must_use]
    pub const fn client_id(&self) -> Option<ClientOrderId> {
        match self {
            Self::Place(place) | Self::Replace { place, .. } => Some(place.client_id),
            Self::Cancel { client_id } | Self::Amend { client_id, .. } => Some(*client_id),
            Self::CancelAll { .. } => None,
        }
    }

    /// Whether it takes a credit of the strategy's until its command was sent, or it was refused.
    #[must_use]
    pub const fn takes_credit(&self) -> bool {
        match self {
            Self::Place(_) | Self::Cancel { .. } | Self::Replace { .. } | Self::Amend { .. } => {
                true
            }
            Self::CancelAll { .. } => false,
        }
    }
}

/// An order that a strategy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its id, which the strategy's runner made.
    pub client_id: ClientOrderId,
    /// Where: one of the strategy's instruments.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Limit price; risk prices a market order itself and ignores this.
    pub price: Ticks,
    /// Quantity.
    pub qty: Lots,
    /// The strategy's own name for it.
    pub tag: u64,
    /// Whether it may only reduce the account's position.
    pub reduce_only: bool,
    /// The engine holds it until this triggers. At the venue at once if `None`.
    pub trigger: Option<Trigger>,
    /// The engine cancels it at this machine time, ns since the Unix epoch.
    pub good_till_ns: Option<u64>,
    /// How it hangs together with other orders of the strategy.
    pub link: Option<Link>,
    /// Who says how large it is.
    pub size: Size,
    /// Why it may pass a soft limit; a hard one it never passes.
    pub acknowledges: Option<SoftReason>,
}

/// Why an order may pass a soft limit: the strategy knows of the limit, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoftReason {
    /// It hedges a position elsewhere.
    Hedge,
    /// It unwinds what is held.
    Unwind,
    /// A person agreed to it beforehand.
    Agreed,
}

impl Place {
    /// Whether the engine has to look after it beyond the venue's own rules.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.trigger.is_some() || self.good_till_ns.is_some() || self.link.is_some()
    }
}

/// The intents of one strategy at one event: bounded, in place.
#[derive(Debug, Clone, Copy)]
pub struct IntentBuffer {
    count: usize,
    places: [Option<Intent>; INTENTS_PER_EVENT_MAX],
}

impl Default for IntentBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl IntentBuffer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            count: 0,
            places: [None; INTENTS_PER_EVENT_MAX],
        }
    }

    /// Forgets everything.
    pub const fn clear(&mut self) {
        self.count = 0;
    }

    /// How many intents it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The intents, in the order in which they were raised.
    pub fn iter(&self) -> impl Iterator<Item = &Intent> {
        self.places[..self.count].iter().flatten()
    }

    /// Adds one; false if it is full, and then nothing happened.
    pub fn push(&mut self, intent: Intent) -> bool {
        let Some(place) = self.places.get_mut(self.count) else {
            return false;
        };
        *place = Some(intent);
        self.count += 1;
        true
    }
}
