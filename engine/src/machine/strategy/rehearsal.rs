//! A strategy alone on a stage, for its author's tests: events go in, what it asks for comes out.
//!
//! There is no risk and no venue here: whatever is asked for is as good as sent, and the test says
//! what becomes of it. The strategy runs in the same runner as in the engine.
//!
//! Hot path: no. Allocates: yes.

use model::body::{
    AssetName, BookLevels, BookReset, Channel, Connection, Fill, Level, LinkState, Liquidity,
    OrderReport, OrderStatus, Refusal, RefusalReason, RejectReason, RunStarted, Side, Text, Tick,
    Trade,
};
use model::control::ScopeKind;
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Money, Scale, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

use super::{Params, Registry, RegistryError, Setting, Strategy, StrategyRunner, View};
use crate::machine::config::{ConfigProblem, StrategyConfig};
use crate::machine::digest::{Digest, Sink};
use crate::machine::error::ApplyError;
use crate::machine::intent::{Action, IntentBuffer};

/// Why a strategy cannot be rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// Its name or its parameters' names cannot be.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It cannot be made of these values.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    /// The event cannot be: a bug of the test.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// No such order or instrument: a bug of the test.
    #[error("the strategy has no such order or instrument")]
    Unknown,
    /// A step of a number cannot be.
    #[error("\"{0}\" is no step of prices or quantities: write a decimal above 0")]
    Step(String),
    /// What was saved could not be read again: `is_sound` says no to its own state, or the state
    /// does not come back as it was.
    #[error("the strategy's state does not survive a snapshot")]
    Snapshot,
}

/// See the module's header.
///
/// ```
/// use engine::strategy::{
///     Action, InstrumentId, Lots, MarketMakerParams, Params, Registry, Rehearsal, Ticks,
/// };
/// # fn main() -> Result<(), engine::strategy::RehearsalError> {
/// let btc = Rehearsal::spot(0, "BTC", "USDT", "0.01", "0.00001")?;
/// let (kind, params) = (MarketMakerParams::KIND, MarketMakerParams::example().params());
/// let mut stage = Rehearsal::new(Registry::standard(), kind, vec![btc], params)?;
/// let asked = stage.book(InstrumentId(0), (Ticks(999), Lots(50)), (Ticks(1_001), Lots(50)))?;
/// assert_eq!(asked.len(), 2, "a quote on each side");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rehearsal {
    registry: Registry,
    pub(super) runner: StrategyRunner,
    buffer: IntentBuffer,
    pub(super) time_ns: u64,
    numbers: u64,
}

/// Where the stage's time starts.
const START_NS: u64 = 1_700_000_000_000_000_000;

impl Rehearsal {
    /// A strategy of the user's own on these instruments, connected and listed. Parameters that
    /// are not given have their defaults.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn of<S: Strategy>(
        instruments: Vec<InstrumentSpec>,
        params: Params,
    ) -> Result<Self, RehearsalError> {
        let registry = Registry::default().with::<S>()?;
        Self::new(registry, S::KIND, instruments, params)
    }

    /// Any strategy of a registry.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn new(
        registry: Registry,
        kind: &str,
        instruments: Vec<InstrumentSpec>,
        params: Params,
    ) -> Result<Self, RehearsalError> {
        let mut params = params;
        for parameter in registry.parameters(kind).unwrap_or_default() {
            if let (None, Some(default)) = (params.get(parameter.name), parameter.default) {
                params = params.with(parameter.name, default);
            }
        }
        let config = StrategyConfig {
            name: "rehearsed".to_owned(),
            account: AccountId(0),
            instruments: instruments.iter().map(|spec| spec.id).collect(),
            kind: kind.to_owned(),
            params,
        };
        let setting = Setting {
            venue: instruments.first().map_or(VenueId(0), |spec| spec.venue),
            book_window_ticks: 1 << 12,
            recv_window_ns: 1_000_000_000,
            epoch: 1,
            last_event: 0,
            time_ns: START_NS,
            killed: 0,
        };
        let mut runner = StrategyRunner::new(StrategyId(0), config, setting, &registry)?;
        for spec in instruments {
            runner.list(spec);
        }
        let mut stage = Self {
            registry,
            runner,
            buffer: IntentBuffer::new(),
            time_ns: START_NS,
            numbers: 0,
        };
        let started = RunStarted {
            epoch: 1,
            reserved0: 0,
            commands_journaled: 0,
            reserved: [0; 64],
        };
        stage.apply(Record::new(Kind::RunStarted, &started))?;
        stage.link(Channel::Orders, LinkState::Up)?;
        Ok(stage)
    }

    /// A spot instrument of venue 0: its number, its assets, the steps of its price (in quote) and
    /// of its quantity (in base), as decimals.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Step`]: a step that is no decimal above zero.
    pub fn spot(
        id: u32,
        base: &str,
        quote: &str,
        tick: &str,
        lot: &str,
    ) -> Result<InstrumentSpec, RehearsalError> {
        Ok(InstrumentSpec {
            id: InstrumentId(id),
            venue: VenueId(0),
            symbol: format!("{base}{quote}"),
            name: format!("{base}-{quote}.STAGE"),
            base: base.to_owned(),
            quote: quote.to_owned(),
            tick: step(tick)?,
            lot: step(lot)?,
            price_min: None,
            price_max: None,
            qty_min: Lots(1),
            qty_max: Lots(i64::MAX),
            notional_min: None,
            notional_max: None,
            trading: true,
            contract: Contract::Spot,
        })
    }

    /// The book becomes these two levels: price and quantity.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Apply`].
    pub fn book(
        &mut self,
        instrument: InstrumentId,
        bid: (Ticks, Lots),
        ask: (Ticks, Lots),
    ) -> Result<Vec<Action>, RehearsalError> {
        self.numbers += 1;
        let level = |(price, qty)| Level { price, qty };
        let reset = BookReset {
            update_id: self.numbers,
            level_records: 1,
            reserved: [0; 64],
        };
        let levels = BookLevels {
            update_id: self.numbers,
            venue_time_ns: 0,
            levels: [level(bid), level(ask), Level::UNUSED, Level::UNUSED],
        };
        let mut whole = Record::new(Kind::BookLevels, &levels)
            .with_flags(flags::LAST_OF_MESSAGE | flags::SNAPSHOT);
        whole.detail = BookLevels::detail(2, 0b10);
        let reset = Record::new(Kind::BookReset, &reset);
        let mut asked = self.apply(reset.on_instrument(instrument))?;
        asked.extend(self.apply(whole.on_instrument(instrument))?);
        Ok(asked)
    }

    /// The market data of the venue stops (false) or is followed again (true). A book is only
    /// current again when it came whole.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Apply`].
    pub fn market_link(&mut self, up: bool) -> Result<Vec<Action>, RehearsalError> {
        let state = if up { LinkState::Up } else { LinkState::Stale };
        self.link(Channel::Market, state)
    }

    /// The order connection is lost (false) or up (true).
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Apply`].
    pub fn order_link(&mut self, up: bool) -> Result<Vec<Action>, RehearsalError> {
        let state = if up { LinkState::Up } else { LinkState::Down };
        self.link(Channel::Orders, state)
    }

    /// A trade in the market.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Apply`].
    pub fn trade(
        &mut self,
        instrument: InstrumentId,
        price: Ticks,
        qty: Lots,
        aggressor: Side,
    ) -> Result<Vec<Action>, RehearsalError> {
        self.numbers += 1;
        let trade = Trade {
            trade_id: self.numbers,
            venue_time_ns: self.time_ns,
            price,
            qty,
            aggressor,
            reserved: [0; 47],
        };
        self.apply(Record::new(Kind::Trade, &trade).on_instrument(instrument))
    }

    /// Time passes, and the engine's clock ticks.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Apply`].
    pub fn pass(&mut self, nanos: u64) -> Result<Vec<Action>, RehearsalError> {
        self.time_ns = self.time_ns.saturating_add(nanos);
        let tick = Tick {
            count: 0,
            reserved: [0; 72],
        };
        self.apply(Record::new(Kind::Tick, &tick))
    }

    /// The venue accepts an order: it rests.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn accept(&mut self, order: ClientOrderId) -> Result<Vec<Action>, RehearsalError> {
        self.report(
            Kind::OrderAcked,
            order,
            OrderStatus::Open,
            RejectReason::None,
        )
    }

    /// The venue refuses an order.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn reject(
        &mut self,
        order: ClientOrderId,
        reason: RejectReason,
    ) -> Result<Vec<Action>, RehearsalError> {
        self.report(Kind::OrderRejected, order, OrderStatus::Rejected, reason)
    }

    /// The venue cancelled an order.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn cancelled(&mut self, order: ClientOrderId) -> Result<Vec<Action>, RehearsalError> {
        let none = RejectReason::None;
        self.report(Kind::OrderCancelled, order, OrderStatus::Cancelled, none)
    }

    /// The venue fills this much of an order, at the order's price.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn fill(&mut self, order: ClientOrderId, qty: Lots) -> Result<Vec<Action>, RehearsalError> {
        let known = *self
            .runner
            .orders()
            .get(order)
            .ok_or(RehearsalError::Unknown)?;
        self.numbers += 1;
        let fill = Fill {
            client_id: order.raw(),
            venue_order_id: 0,
            venue_time_ns: self.time_ns,
            trade_id: self.numbers,
            price: known.price,
            qty,
            fee: Money::new(Decimal::ZERO),
            fee_asset: AssetName::EMPTY,
            side: known.side,
            liquidity: Liquidity::Maker,
        };
        let record = Record::new(Kind::OrderFilled, &fill).on_instrument(known.instrument);
        self.apply(record.on_account(AccountId(0)))
    }

    /// Risk refuses an order that was asked for.
    ///
    /// # Errors
    ///
    /// [`RehearsalError`].
    pub fn refuse(
        &mut self,
        order: ClientOrderId,
        reason: RefusalReason,
    ) -> Result<Vec<Action>, RehearsalError> {
        let known = *self
            .runner
            .orders()
            .get(order)
            .ok_or(RehearsalError::Unknown)?;
        let refusal = Refusal {
            number: 0,
            cause: 0,
            tag: known.tag,
            value: 0,
            threshold: 0,
            price: known.price,
            qty: known.qty,
            client_id: order.raw(),
            reason,
            side: known.side,
            control: 0,
            scope_id: 0,
            version: 0,
            scope: ScopeKind::Overall,
            level: model::body::NoticeLevel::Hard,
            reserved: [0; 2],
        };
        let record = Record::new(Kind::RiskRefused, &refusal).on_instrument(known.instrument);
        self.apply(record.by_strategy(StrategyId(0)))
    }

    /// As if the strategy's own fills had summed up to this position.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Unknown`].
    pub fn hold(&mut self, instrument: InstrumentId, lots: Lots) -> Result<(), RehearsalError> {
        let mut watched = self.runner.watched.iter_mut();
        let one = watched.find(|one| one.id == instrument);
        one.ok_or(RehearsalError::Unknown)?.position = lots;
        Ok(())
    }

    /// What the strategy sees now.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View {
            time_ns: self.time_ns,
            watched: &self.runner.watched,
            candles: &self.runner.candles,
            orders: &self.runner.orders,
        }
    }

    /// Digest of all that the strategy and its runner know.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        let mut sink = Sink::default();
        self.runner.digest(&mut sink);
        sink.finish()
    }

    /// Saves and restores the strategy, as a restart of the engine does.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Snapshot`]: it is not the same afterwards.
    pub fn restart(&mut self) -> Result<(), RehearsalError> {
        let before = self.state_hash();
        let config = self.runner.config().clone();
        let saved = self.runner.save();
        let again = StrategyRunner::restore(StrategyId(0), config, saved, &self.registry);
        self.runner = again.map_err(|_| RehearsalError::Snapshot)?;
        let same = self.state_hash() == before;
        same.then_some(()).ok_or(RehearsalError::Snapshot)
    }

    fn link(&mut self, channel: Channel, state: LinkState) -> Result<Vec<Action>, RehearsalError> {
        let body = Connection {
            venue: self.runner.setting.venue.0,
            channel,
            state,
            reserved: 0,
            code: 0,
            text: Text::EMPTY,
        };
        self.apply(Record::new(Kind::Connection, &body))
    }

    fn report(
        &mut self,
        kind: Kind,
        order: ClientOrderId,
        status: OrderStatus,
        reason: RejectReason,
    ) -> Result<Vec<Action>, RehearsalError> {
        let known = *self
            .runner
            .orders()
            .get(order)
            .ok_or(RehearsalError::Unknown)?;
        let body = OrderReport {
            client_id: order.raw(),
            venue_order_id: order.raw(),
            venue_time_ns: self.time_ns,
            cum_qty: known.filled,
            code: 0,
            status,
            reason,
            text: Text::EMPTY,
        };
        let record = Record::new(kind, &body).on_instrument(known.instrument);
        self.apply(record.on_account(AccountId(0)))
    }

    /// One event. What is asked for is as good as sent: its credit returns at once.
    fn apply(&mut self, record: Record) -> Result<Vec<Action>, RehearsalError> {
        let mut record = record;
        record.event = self.runner.last_event() + 1;
        record.time_ns = self.time_ns;
        self.runner.apply(&record, &mut self.buffer)?;
        self.runner.in_flight = 0;
        Ok(self.buffer.iter().map(|intent| intent.action).collect())
    }
}

fn step(text: &str) -> Result<Scale, RehearsalError> {
    Scale::from_text(text).map_err(|_| RehearsalError::Step(text.to_owned()))
}
