//! What a strategy may ask for at one event: a bounded number of intents, and an alarm.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderType, Side, TimeInForce};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};

use crate::machine::held::Size;
use crate::machine::intent::{Action, Intent, IntentBuffer, Place};
use crate::machine::orders::{Order, OrderState};
use crate::machine::risk::ENGINE_NUMBERS_FROM;

/// An order that a strategy wants, without the id that it will get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) side: Side,
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) price: Ticks,
    pub(crate) qty: Lots,
    pub(crate) tag: u64,
}

/// Collects the wishes of one event.
#[derive(Debug)]
pub(crate) struct Asks<'a> {
    pub(super) event: u64,
    pub(super) time_ns: u64,
    pub(super) epoch: u32,
    pub(super) strategy: StrategyId,
    pub(super) instrument: InstrumentId,
    pub(super) may_trade: bool,
    pub(super) room: usize,
    pub(super) counter: &'a mut u32,
    pub(super) intents: &'a mut IntentBuffer,
    pub(super) alarm_ns: &'a mut Option<u64>,
}

impl Asks<'_> {
    /// Asks for an order. False if it cannot be asked for now: nothing happened then.
    pub(crate) fn place(&mut self, wish: Wish) -> bool {
        match self.next_place(wish) {
            Some(place) => self.push(Action::Place(place)),
            None => false,
        }
    }

    /// Asks for the end of an order. False if it cannot be asked for now.
    pub(crate) fn cancel(&mut self, order: &Order) -> bool {
        let possible = order.is_cancellable() && order.cancel.is_free(self.time_ns);
        possible
            && self.push(Action::Cancel {
                client_id: order.client_id,
            })
    }

    /// Asks for another order in place of one that rests. False if it cannot be asked for now.
    pub(crate) fn replace(&mut self, order: &Order, wish: Wish) -> bool {
        if order.state != OrderState::Open || !order.cancel.is_free(self.time_ns) {
            return false;
        }
        match self.next_place(wish) {
            Some(place) => self.push(Action::Replace {
                cancel: order.client_id,
                place,
            }),
            None => false,
        }
    }

    /// Asks to be called at the first event at or past a time; an earlier alarm stays.
    pub(crate) fn alarm_at(&mut self, time_ns: u64) {
        let earlier = self.alarm_ns.map_or(time_ns, |set| set.min(time_ns));
        *self.alarm_ns = Some(earlier);
    }

    fn next_place(&mut self, wish: Wish) -> Option<Place> {
        if !self.may_trade || self.intents.len() >= self.room {
            return None;
        }
        let counter = self.counter.checked_add(1)?;
        if counter >= ENGINE_NUMBERS_FROM {
            return None;
        }
        let client_id = ClientOrderId::new(self.epoch, Some(self.strategy), counter)?;
        *self.counter = counter;
        Some(Place {
            client_id,
            instrument: self.instrument,
            side: wish.side,
            order_type: wish.order_type,
            time_in_force: wish.time_in_force,
            price: wish.price,
            qty: wish.qty,
            tag: wish.tag,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        })
    }

    fn push(&mut self, action: Action) -> bool {
        self.intents.len() < self.room
            && self.intents.push(Intent {
                event: self.event,
                strategy: self.strategy,
                intended_ns: 0,
                action,
            })
    }
}
