//! Risk: the only maker of commands. Trusts no number of a strategy's.
//!
//! At each event it first folds the event into its own books, orders and portfolio, then judges the
//! intents that the event caused, strategies in configured order, then sends what it wants itself
//! (cancels at a stop, queries for orders in doubt).
//!
//! Thread: one worker. Hot path: yes. Allocates: only for configuration and instruments.

mod activity;
mod acts;
mod approvals;
mod approved;
mod bounds;
mod bucket;
mod buckets;
mod capital;
mod change_refusal;
mod changes;
mod checks;
mod compile;
mod conditional;
mod counts;
mod crossing;
mod engine_orders;
mod events;
mod exiting;
mod flatten;
mod flow;
mod following;
mod held_changes;
mod judge;
mod judge_change;
mod judge_exposure;
mod judge_held;
mod judge_order;
mod killing;
mod levels;
mod limits;
mod measure;
mod monitors;
mod notices;
mod order_events;
mod reference;
mod saved;
mod setup;
mod sizes;
mod switches;
mod trace;
mod upkeep;
mod weigh;
mod window;

pub use approved::Approved;
pub use changes::{Change, ChangeRefusal, Decision, LimitChange, Proposal};
pub use counts::Counts;
pub(crate) use engine_orders::ENGINE_NUMBERS_FROM;
pub use limits::{FlowRules, InstrumentLimits, OrderLimits, RiskLimits, SelfTradeRule};
pub(crate) use order_events::placed_by;
pub(crate) use saved::SavedRisk;
pub use switches::SwitchState;
pub(crate) use switches::kill_bit;
pub use trace::{Explanation, Verdict};

use model::body::{AssetName, LinkState};
use model::control::Scope;
use model::event::event;
use model::ids::{AccountId, ClientOrderId, InstrumentId, VenueId};
use model::limits::OPEN_ORDERS_MAX;
use model::record::{Kind, Record};

use self::activity::Activity;
use self::bounds::Bounds;
use self::bucket::MessageBucket;
use self::buckets::Buckets;
use self::capital::Capital;
use self::changes::Changes;
use self::events::Follow;
use self::killing::Killing;
use self::levels::Levels;
use self::monitors::Watch;
use self::notices::Notices;
use self::switches::Switches;
use self::trace::{Silent, Trace};
use super::blobs::LaneBlobs;
use super::config::{ACCOUNTS_MAX, MachineConfig};
use super::digest::{Digest, InputDigest, Sink};
use super::error::ApplyError;
use super::exits::Exits;
use super::held::HeldOrders;
use super::intent::Intent;
use super::market::{Listing, Moved};
use super::orders::{AppliedTrades, Order, Orders};
use super::outputs::Outputs;
use super::portfolio::Portfolio;
use super::sizing::Sizing;

/// Ended orders that risk remembers, for fills that come late.
pub(crate) const ENDED_ORDERS_REMEMBERED: usize = 1_024;

/// One instrument as risk sees it.
#[derive(Debug, Clone)]
struct Entry {
    listing: Listing,
    trades: AppliedTrades,
    base: AssetName,
    quote: AssetName,
}

/// Risk's own view of everything, from the same events as the strategies'.
#[derive(Debug, Clone)]
pub struct Risk {
    last_event: u64,
    time_ns: u64,
    epoch: u32,
    commands: u64,
    refusals: u64,
    refusals_seen: u64,
    in_flight: u32,
    stopping: bool,
    cancel_only: bool,
    configured: u32,
    config: Option<MachineConfig>,
    blobs: LaneBlobs,
    entries: Vec<Option<Box<Entry>>>,
    orders: Orders,
    portfolio: Portfolio,
    /// Order connection of each account: each has a gateway of its own.
    links: [LinkState; ACCOUNTS_MAX],
    lists_wanted: Vec<bool>,
    lists_asked: Vec<Option<u64>>,
    bucket: MessageBucket,
    buckets: Buckets,
    venue_order_id_max: u64,
    counts: Counts,
    notices: Notices,
    held: HeldOrders,
    activity: Activity,
    capital: Capital,
    /// Follows from the configuration and the instruments.
    bounds: Bounds,
    /// Whether it has to be made anew.
    stale: bool,
    exits: Exits,
    sizing: Sizing,
    switches: Switches,
    changes: Changes,
    killing: Killing,
    /// The order of a flatten that is being judged.
    closing: Option<ClientOrderId>,
    levels: Levels,
    watch: Watch,
    inputs: InputDigest,
}

impl Default for Risk {
    fn default() -> Self {
        Self::new()
    }
}

impl Risk {
    /// Nothing configured, nothing connected, nothing approved.
    #[must_use]
    pub fn new() -> Self {
        Self {
            last_event: 0,
            time_ns: 0,
            epoch: 0,
            commands: 0,
            refusals: 0,
            refusals_seen: 0,
            in_flight: 0,
            stopping: false,
            cancel_only: false,
            configured: 0,
            config: None,
            blobs: LaneBlobs::default(),
            entries: Vec::new(),
            orders: Orders::new(OPEN_ORDERS_MAX, ENDED_ORDERS_REMEMBERED),
            portfolio: Portfolio::default(),
            links: [LinkState::Down; ACCOUNTS_MAX],
            lists_wanted: Vec::new(),
            lists_asked: Vec::new(),
            bucket: MessageBucket::default(),
            buckets: Buckets::default(),
            venue_order_id_max: 0,
            counts: Counts::default(),
            notices: Notices::default(),
            held: HeldOrders::default(),
            activity: Activity::default(),
            capital: Capital::default(),
            bounds: Bounds::default(),
            stale: true,
            exits: Exits::default(),
            sizing: Sizing::default(),
            switches: Switches::default(),
            changes: Changes::default(),
            killing: Killing::default(),
            closing: None,
            levels: Levels::default(),
            watch: Watch::default(),
            inputs: InputDigest::default(),
        }
    }

    /// Applies one event, then judges the intents that it caused, strategies in configured order.
    /// What `out` held is replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub fn apply(
        &mut self,
        record: &Record,
        intents: &[Intent],
        out: &mut Outputs,
    ) -> Result<(), ApplyError> {
        self.apply_with(record, intents, out, &mut Silent, None)
    }

    /// As [`Self::apply`], and tells what each check of each intent saw, and of each order that
    /// the engine makes itself. The state and the decisions are the same.
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub fn apply_explained(
        &mut self,
        record: &Record,
        intents: &[Intent],
        out: &mut Outputs,
        explanations: &mut Vec<Explanation>,
    ) -> Result<(), ApplyError> {
        self.apply_with(record, intents, out, explanations, None)
    }

    fn apply_with(
        &mut self,
        record: &Record,
        intents: &[Intent],
        out: &mut Outputs,
        trace: &mut impl Trace,
        moved: Option<Moved>,
    ) -> Result<(), ApplyError> {
        debug_assert!(intents.iter().all(|intent| intent.event == record.event));
        out.clear();
        super::check_next(self.last_event, record)?;
        let event = event(record).map_err(|error| ApplyError::Record {
            event: record.event,
            error,
        })?;
        self.last_event = record.event;
        self.time_ns = self.time_ns.max(record.time_ns);
        self.inputs.push(record);
        self.bucket.refill(self.time_ns);
        if self.stale && record.kind() != Some(Kind::BlobPart) {
            self.compile();
        }
        let follow = self.fold(record, &event, moved)?;
        self.show_sizing(record, &event);
        self.watch(record, &event);
        self.show_exits(record, &event);
        self.show_held(record, &event);
        // What protects goes before what is wished for now.
        let follow = self.drive_exits(follow, out, trace);
        let follow = self.drive_held(follow, out, trace);
        for intent in intents {
            self.judge(intent, out, trace);
        }
        let follow = self.drive_held(follow, out, trace);
        match follow {
            Follow::Nothing => {}
            Follow::Orders => {
                self.work_at_kills(out);
                self.work_at_flattens(out, trace);
                self.upkeep(out);
            }
            Follow::All => {
                self.work_at_kills(out);
                self.work_at_flattens(out, trace);
                self.upkeep(out);
                self.ask_for_lists(out);
            }
        }
        self.held.recount(&self.orders);
        debug_assert!(self.held.is_counted(&self.orders), "sums over held orders");
        self.notices.emit(out);
        Ok(())
    }

    fn entry(&self, instrument: InstrumentId) -> Option<&Entry> {
        self.entries.get(instrument.index())?.as_deref()
    }

    fn venue_of(&self, account: AccountId) -> Option<VenueId> {
        let config = self.config.as_ref()?;
        Some(config.accounts.get(account.index())?.venue)
    }

    fn link_of(&self, order: &Order) -> LinkState {
        self.order_link(order.account)
    }

    /// Number of the event that was applied last; 0 before the first.
    #[must_use]
    pub const fn last_event(&self) -> u64 {
        self.last_event
    }

    /// Whether the running sums by which limits are judged are those of a walk over all live and
    /// held orders. For tests and audits: as slow as the walk.
    #[must_use]
    pub fn sums_hold(&self) -> bool {
        self.orders.sums_hold() && self.held.is_counted(&self.orders)
    }

    /// Machine time: that of the last event.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// Number of the present run; 0 before the first.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Commands decided so far.
    #[must_use]
    pub const fn commands_decided(&self) -> u64 {
        self.commands
    }

    /// Refusals made so far.
    #[must_use]
    pub const fn refusals_made(&self) -> u64 {
        self.refusals
    }

    /// Commands approved and not yet reported as sent or failed.
    #[must_use]
    pub const fn commands_in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether the kill switch of everything is on.
    #[must_use]
    pub fn kill_latched(&self) -> bool {
        self.switches.of(Scope::Overall).is_killed()
    }

    /// Whether a stop was asked for in this run.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether nothing but cancels and queries is approved until an operator resumes.
    #[must_use]
    pub const fn is_cancel_only(&self) -> bool {
        self.cancel_only
    }

    /// Version of the limits: how often they changed.
    #[must_use]
    pub const fn limits_version(&self) -> u32 {
        self.configured
    }

    /// The configuration, once it came.
    #[must_use]
    pub const fn config(&self) -> Option<&MachineConfig> {
        self.config.as_ref()
    }

    /// How often a configuration was taken.
    pub(crate) const fn configured(&self) -> u32 {
        self.configured
    }

    /// Every instrument, in the order of the ids.
    pub fn listings(&self) -> impl Iterator<Item = &Listing> {
        self.entries.iter().flatten().map(|entry| &entry.listing)
    }

    /// One instrument.
    #[must_use]
    pub fn listing(&self, instrument: InstrumentId) -> Option<&Listing> {
        Some(&self.entry(instrument)?.listing)
    }

    /// Largest id of a trade of an account's on an instrument that was applied; 0 before the first.
    #[must_use]
    pub fn own_trade_id_max(&self, account: AccountId, instrument: InstrumentId) -> u64 {
        self.entry(instrument)
            .map_or(0, |entry| entry.trades.latest(account))
    }

    /// Largest venue order id that a report or fill named.
    #[must_use]
    pub const fn venue_order_id_max(&self) -> u64 {
        self.venue_order_id_max
    }

    /// All orders.
    #[must_use]
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Ledgers and positions.
    #[must_use]
    pub const fn portfolio(&self) -> &Portfolio {
        &self.portfolio
    }

    /// State of an account's order connection.
    #[must_use]
    pub fn order_link(&self, account: AccountId) -> LinkState {
        let link = self.links.get(account.index());
        link.copied().unwrap_or(LinkState::Down)
    }

    /// Notices that came back as events.
    #[must_use]
    pub const fn notices_told(&self) -> u64 {
        self.notices.told()
    }

    /// Notices that found no room and are not in the log; what they would say is in the state.
    #[must_use]
    pub const fn notices_lost(&self) -> u64 {
        self.notices.lost()
    }

    /// What happened so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Digest for Risk {
    fn digest(&self, sink: &mut Sink) {
        let numbers = [
            self.last_event,
            self.time_ns,
            u64::from(self.epoch),
            self.commands,
            self.refusals,
            self.refusals_seen,
            u64::from(self.in_flight),
            self.venue_order_id_max,
        ];
        for number in numbers {
            sink.number(number);
        }
        // One number for both: without cancel-only the walk is that of older logs' hashes.
        sink.number(u8::from(self.stopping) | u8::from(self.cancel_only) << 1);
        sink.value(&self.config);
        sink.number(self.entries.len() as u64);
        for entry in &self.entries {
            sink.number(entry.is_some());
            if let Some(entry) = entry {
                entry.listing.digest(sink);
                entry.trades.digest(sink);
            }
        }
        self.orders.digest(sink);
        self.portfolio.digest(sink);
        for link in self.links {
            sink.number(link as u8);
        }
        for wanted in &self.lists_wanted {
            sink.number(*wanted);
        }
        for asked in &self.lists_asked {
            sink.optional(*asked);
        }
        self.bucket.digest(sink);
        self.buckets.digest(sink);
        self.counts.digest(sink);
        self.notices.digest(sink);
        self.held.digest(sink);
        self.activity.digest(sink);
        self.capital.digest(sink);
        self.exits.digest(sink);
        self.sizing.digest(sink);
        self.switches.digest(sink);
        self.changes.digest(sink);
        self.killing.digest(sink);
        self.levels.digest(sink);
        self.watch.digest(sink);
        self.inputs.digest(sink);
    }
}
