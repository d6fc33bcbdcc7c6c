//! The engine: the machine that decides, and the pipeline that runs it live.

#![forbid(unsafe_code)]

pub mod clock;
pub mod machine;
pub mod pipeline;

/// What a strategy is written with. [`strategy::Strategy`] is the place to start.
///
/// Everything that such a crate needs is here, so that it needs no other crate of the workspace.
pub mod strategy {
    pub use crate::machine::strategy::{
        AskError, Asks, CANDLE_FEEDS_MAX, CANDLE_INTERVAL_MIN_NS, CANDLES_KEPT_MAX, Candle,
        CandleFeed, Candles, Cause, MarkPrice, MarketMakerParams, MovingAverageParams, Parameter,
        Params, Refused, RefusedBy, Registry, RegistryError, Rehearsal, RehearsalError, Setup,
        SetupError, Strategy, TIMERS_MAX, Timer, Unit, View, Wish,
    };
    pub use crate::machine::{
        Action, Book, LastTrade, Listing, Offset, Order, OrderState, Place, PriceSource, Size,
        SoftReason, Top, Trigger, TriggerKind,
    };
    pub use model::body::{Level, OrderType, RefusalReason, RejectReason, Side, TimeInForce};
    pub use model::ids::{ClientOrderId, InstrumentId};
    pub use model::instrument::InstrumentSpec;
    pub use model::num::{Lots, Ticks};
}
