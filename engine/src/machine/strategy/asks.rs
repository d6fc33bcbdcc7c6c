//! What a strategy may ask for at one event: a bounded number of intents, and timers.
//!
//! Hot path: yes. Allocates: no.

use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::Lots;

use super::timer::{Timer, Timers};
use super::watched::Watched;
use super::wish::Wish;
use crate::machine::intent::{Action, Intent, IntentBuffer};
use crate::machine::orders::{OrderState, Orders};
use crate::machine::risk::ENGINE_NUMBERS_FROM;

/// Why something cannot be asked for now. Nothing happened then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The order connection is down, the engine is stopping, or a kill switch is on.
    #[error("no trading now")]
    NotTrading,
    /// As many intents as one event may have, or as may be under way, are asked for: try again at
    /// the next event.
    #[error("too many intents at once")]
    NoRoom,
    /// As many orders as one strategy may have are live.
    #[error("too many live orders")]
    OrdersFull,
    /// Not one of the strategy's instruments.
    #[error("not one of the strategy's instruments")]
    Instrument,
    /// Not one of the strategy's orders, or it ended, or the like was asked for already.
    #[error("the order cannot be changed now")]
    NotChangeable,
    /// No more order ids in this run, or no timer of this number.
    #[error("no such number")]
    Number,
}

/// Collects what a strategy asks for at one event.
#[derive(Debug)]
pub struct Asks<'a> {
    pub(super) event: u64,
    pub(super) time_ns: u64,
    pub(super) epoch: u32,
    pub(super) strategy: StrategyId,
    pub(super) may_trade: bool,
    pub(super) room: usize,
    pub(super) orders_room: usize,
    pub(super) watched: &'a [Watched],
    pub(super) orders: &'a Orders,
    pub(super) counter: &'a mut u32,
    pub(super) intents: &'a mut IntentBuffer,
    pub(super) timers: &'a mut Timers,
}

impl Asks<'_> {
    /// Whether orders can be asked for now.
    #[must_use]
    pub const fn may_trade(&self) -> bool {
        self.may_trade
    }

    /// Asks for an order. Its id, by which all that follows names it.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub fn place(&mut self, wish: Wish) -> Result<ClientOrderId, AskError> {
        let client_id = self.next_id(&wish)?;
        self.push(Action::Place(wish.place(client_id)))?;
        self.orders_room -= 1;
        *self.counter = client_id.counter();
        Ok(client_id)
    }

    /// Asks for another order in place of one that rests, in one request: the other's id.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub fn replace(&mut self, old: ClientOrderId, wish: Wish) -> Result<ClientOrderId, AskError> {
        let order = self.orders.get(old).ok_or(AskError::NotChangeable)?;
        let free = order.cancel.is_free(self.time_ns) && !self.is_named(old);
        if !matches!(order.state, OrderState::Open | OrderState::Held) || !free {
            return Err(AskError::NotChangeable);
        }
        let client_id = self.next_id(&wish)?;
        self.push(Action::Replace {
            cancel: old,
            place: wish.place(client_id),
        })?;
        self.orders_room -= 1;
        *self.counter = client_id.counter();
        Ok(client_id)
    }

    /// Asks for the end of an order.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub fn cancel(&mut self, client_id: ClientOrderId) -> Result<(), AskError> {
        let order = self.orders.get(client_id).ok_or(AskError::NotChangeable)?;
        let free = order.cancel.is_free(self.time_ns) && !self.is_named(client_id);
        if order.is_cancellable() && free {
            self.push(Action::Cancel { client_id })
        } else {
            Err(AskError::NotChangeable)
        }
    }

    /// Asks for an order to become smaller; it keeps its price and its place in the queue. `qty`
    /// is its new total quantity: below the present one, above what is filled.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub fn amend(&mut self, client_id: ClientOrderId, qty: Lots) -> Result<(), AskError> {
        let order = self.orders.get(client_id).ok_or(AskError::NotChangeable)?;
        let smaller = order.filled < qty && qty < order.qty;
        let free = order.amend.is_free(self.time_ns) && !self.is_named(client_id);
        if smaller && order.is_cancellable() && free {
            self.push(Action::Amend { client_id, qty })
        } else {
            Err(AskError::NotChangeable)
        }
    }

    /// Asks for the end of every live order of the strategy, on one instrument or on all. It is
    /// never refused: what cannot be cancelled now is cancelled as soon as it can be.
    ///
    /// # Errors
    ///
    /// [`AskError::NoRoom`].
    pub fn cancel_all(&mut self, instrument: Option<InstrumentId>) -> Result<(), AskError> {
        self.push(Action::CancelAll { instrument })
    }

    /// Sets a timer: the strategy is called at the first event at or past this machine time. What
    /// the timer was set to before is forgotten.
    ///
    /// # Errors
    ///
    /// [`AskError::Number`]: there is no such timer.
    pub fn ring_at(&mut self, timer: Timer, time_ns: u64) -> Result<(), AskError> {
        let known = self.timers.set(timer, Some(time_ns));
        known.then_some(()).ok_or(AskError::Number)
    }

    /// Takes a timer back.
    ///
    /// # Errors
    ///
    /// [`AskError::Number`]: there is no such timer.
    pub fn silence(&mut self, timer: Timer) -> Result<(), AskError> {
        let known = self.timers.set(timer, None);
        known.then_some(()).ok_or(AskError::Number)
    }

    fn next_id(&self, wish: &Wish) -> Result<ClientOrderId, AskError> {
        if !self.may_trade {
            return Err(AskError::NotTrading);
        }
        if self.orders_room == 0 {
            return Err(AskError::OrdersFull);
        }
        if !self.watched.iter().any(|one| one.id == wish.instrument) {
            return Err(AskError::Instrument);
        }
        let counter = self.counter.checked_add(1).ok_or(AskError::Number)?;
        if counter >= ENGINE_NUMBERS_FROM {
            return Err(AskError::Number);
        }
        ClientOrderId::new(self.epoch, Some(self.strategy), counter).ok_or(AskError::Number)
    }

    /// Whether something was asked of this order at this event already.
    fn is_named(&self, client_id: ClientOrderId) -> bool {
        self.intents.iter().any(|intent| match intent.action {
            Action::Cancel { client_id: named }
            | Action::Amend {
                client_id: named, ..
            } => named == client_id,
            Action::Replace { cancel, .. } => cancel == client_id,
            Action::Place(_) | Action::CancelAll { .. } => false,
        })
    }

    fn push(&mut self, action: Action) -> Result<(), AskError> {
        let intent = Intent {
            event: self.event,
            strategy: self.strategy,
            intended_ns: 0,
            action,
        };
        let taken = self.intents.len() < self.room && self.intents.push(intent);
        taken.then_some(()).ok_or(AskError::NoRoom)
    }
}
