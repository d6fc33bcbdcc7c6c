//! An order that a strategy wants, without the id that it will get.
//!
//! Hot path: yes. Allocates: no.

use model::body::{OrderType, Side, TimeInForce};
use model::ids::{ClientOrderId, InstrumentId};
use model::num::{Lots, Ticks};

use crate::machine::held::{Link, Offset, PriceSource, Size, Trigger, TriggerKind};
use crate::machine::intent::{Place, SoftReason};

/// An order to ask for. Made by one of the first three functions, changed by the others:
///
/// ```
/// use engine::strategy::{InstrumentId, Lots, PriceSource, Side, Ticks, Wish};
/// let btc = InstrumentId(0);
/// let quote = Wish::post_only(btc, Side::Buy, Ticks(6_000_000), Lots(100));
/// let stop = Wish::market(btc, Side::Sell, Lots(100))
///     .stop_at(Ticks(5_950_000), PriceSource::Last)
///     .reduce_only();
/// assert!(stop != quote);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) order_type: OrderType,
    pub(super) time_in_force: TimeInForce,
    pub(super) price: Ticks,
    pub(super) qty: Lots,
    pub(super) tag: u64,
    pub(super) reduce_only: bool,
    pub(super) trigger: Option<Trigger>,
    pub(super) good_till_ns: Option<u64>,
    pub(super) link: Link,
    pub(super) size: Size,
    pub(super) acknowledges: Option<SoftReason>,
}

impl Wish {
    const fn new(
        instrument: InstrumentId,
        side: Side,
        order_type: OrderType,
        time_in_force: TimeInForce,
        price: Ticks,
        qty: Lots,
    ) -> Self {
        Self {
            instrument,
            side,
            order_type,
            time_in_force,
            price,
            qty,
            tag: 0,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: Link {
                parent: None,
                group: 0,
            },
            size: Size::Exact,
            acknowledges: None,
        }
    }

    /// A limit order, good till cancelled.
    #[must_use]
    pub const fn limit(instrument: InstrumentId, side: Side, price: Ticks, qty: Lots) -> Self {
        let gtc = TimeInForce::Gtc;
        Self::new(instrument, side, OrderType::Limit, gtc, price, qty)
    }

    /// A limit order that only adds to the book: the venue refuses it if it would take.
    #[must_use]
    pub const fn post_only(instrument: InstrumentId, side: Side, price: Ticks, qty: Lots) -> Self {
        let gtc = TimeInForce::Gtc;
        Self::new(instrument, side, OrderType::PostOnly, gtc, price, qty)
    }

    /// A market order. Risk bounds its price by the collar.
    #[must_use]
    pub const fn market(instrument: InstrumentId, side: Side, qty: Lots) -> Self {
        let ioc = TimeInForce::Ioc;
        Self::new(instrument, side, OrderType::Market, ioc, Ticks::ZERO, qty)
    }

    /// What does not fill at once is cancelled.
    #[must_use]
    pub const fn immediate_or_cancel(mut self) -> Self {
        self.time_in_force = TimeInForce::Ioc;
        self
    }

    /// It fills whole at once, or not at all.
    #[must_use]
    pub const fn fill_or_kill(mut self) -> Self {
        self.time_in_force = TimeInForce::Fok;
        self
    }

    /// The engine cancels it at this machine time, ns since the Unix epoch.
    #[must_use]
    pub const fn good_till(mut self, time_ns: u64) -> Self {
        self.good_till_ns = Some(time_ns);
        self
    }

    /// It may only make the account's position smaller.
    #[must_use]
    pub const fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }

    /// The strategy's own name for it; 0 for none.
    #[must_use]
    pub const fn tagged(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// A stop: the engine holds it until the price is at the level or worse for us.
    #[must_use]
    pub const fn stop_at(self, level: Ticks, source: PriceSource) -> Self {
        self.triggered(TriggerKind::Stop { level }, source)
    }

    /// A take-profit: the engine holds it until the price is at the level or better for us.
    #[must_use]
    pub const fn take_profit_at(self, level: Ticks, source: PriceSource) -> Self {
        self.triggered(TriggerKind::TakeProfit { level }, source)
    }

    /// A trailing stop: held until the price comes back from its best by the offset; it trails
    /// from the first price at `activation` or better, at once if `None`.
    #[must_use]
    pub const fn trailing(
        self,
        offset: Offset,
        activation: Option<Ticks>,
        source: PriceSource,
    ) -> Self {
        self.triggered(TriggerKind::Trailing { offset, activation }, source)
    }

    const fn triggered(mut self, kind: TriggerKind, source: PriceSource) -> Self {
        self.trigger = Some(Trigger { kind, source });
        self
    }

    /// It comes to life by the fills of this order, at the quantity that is filled so far.
    #[must_use]
    pub const fn child_of(mut self, parent: ClientOrderId) -> Self {
        self.link.parent = Some(parent);
        self
    }

    /// Of the orders with the same group, one cancels the other. Above 0, the strategy's own
    /// number. A stop and a take-profit with one parent and one group are a bracket.
    #[must_use]
    pub const fn one_of(mut self, group: u64) -> Self {
        self.link.group = group;
        self
    }

    /// Risk says how large it is, by the strategy's sizing rule; the order's quantity is the most
    /// that it may be. `stop`: where the trade would be given up, for rules that size by it.
    #[must_use]
    pub const fn sized(mut self, stop: Option<Ticks>) -> Self {
        self.size = Size::Sized { stop };
        self
    }

    /// It may pass soft limits, for this reason. A hard one it never passes.
    #[must_use]
    pub const fn acknowledging(mut self, reason: SoftReason) -> Self {
        self.acknowledges = Some(reason);
        self
    }

    pub(super) const fn place(self, client_id: ClientOrderId) -> Place {
        let linked = self.link.parent.is_some() || self.link.group != 0;
        Place {
            client_id,
            instrument: self.instrument,
            side: self.side,
            order_type: self.order_type,
            time_in_force: self.time_in_force,
            price: self.price,
            qty: self.qty,
            tag: self.tag,
            reduce_only: self.reduce_only,
            trigger: self.trigger,
            good_till_ns: self.good_till_ns,
            link: if linked { Some(self.link) } else { None },
            size: self.size,
            acknowledges: self.acknowledges,
        }
    }
}
