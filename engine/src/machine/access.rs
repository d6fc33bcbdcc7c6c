//! Read access to the whole machine: for recovery, status, reports, and the embedded venue.
//!
//! Hot path: no.

use model::ids::{AccountId, InstrumentId};
use model::instrument::InstrumentSpec;

use super::digest::{Digest, Sink};
use super::strategy::Registry;
use super::{
    Counts, Listing, Machine, MachineConfig, Orders, Portfolio, Position, Risk, StrategyRunner, Top,
};

impl Machine {
    /// Number of the event that was applied last; 0 before the first.
    #[must_use]
    pub const fn last_event(&self) -> u64 {
        self.risk.last_event()
    }

    /// Machine time: that of the last event.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.risk.time_ns()
    }

    /// Number of the present run; 0 before the first.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.risk.epoch()
    }

    /// Commands decided so far.
    #[must_use]
    pub const fn commands_decided(&self) -> u64 {
        self.risk.commands_decided()
    }

    /// Refusals made so far.
    #[must_use]
    pub const fn refusals_made(&self) -> u64 {
        self.risk.refusals_made()
    }

    /// Whether the kill switch is on.
    #[must_use]
    pub fn kill_latched(&self) -> bool {
        self.risk.kill_latched()
    }

    /// The configuration, once it came.
    #[must_use]
    pub const fn config(&self) -> Option<&MachineConfig> {
        self.risk.config()
    }

    /// Specifications of all instruments, in the order of their ids.
    pub fn instruments(&self) -> impl Iterator<Item = &InstrumentSpec> {
        self.risk.listings().map(Listing::spec)
    }

    /// One instrument with its book and last trade, as risk sees it.
    #[must_use]
    pub fn listing(&self, instrument: InstrumentId) -> Option<&Listing> {
        self.risk.listing(instrument)
    }

    /// Best bid and ask, if they can be relied on.
    #[must_use]
    pub fn top(&self, instrument: InstrumentId) -> Option<Top> {
        self.risk.listing(instrument)?.book().top()
    }

    /// Live and lately ended orders.
    #[must_use]
    pub const fn orders(&self) -> &Orders {
        self.risk.orders()
    }

    /// Ledgers and positions.
    #[must_use]
    pub const fn portfolio(&self) -> &Portfolio {
        self.risk.portfolio()
    }

    /// Position of an account in an instrument.
    #[must_use]
    pub fn position(&self, instrument: InstrumentId, account: AccountId) -> Option<&Position> {
        self.risk.portfolio().position(account, instrument)
    }

    /// What happened so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        self.risk.counts()
    }

    /// The venue's id of the market's last trade on an instrument.
    #[must_use]
    pub fn market_trade_id(&self, instrument: InstrumentId) -> Option<u64> {
        let listing = self.risk.listing(instrument)?;
        listing.last_trade().map(|trade| trade.trade_id)
    }

    /// Largest id of a trade of an account's on an instrument; 0 before the first.
    #[must_use]
    pub fn own_trade_id_max(&self, account: AccountId, instrument: InstrumentId) -> u64 {
        self.risk.own_trade_id_max(account, instrument)
    }

    /// Largest venue order id that a report or fill named.
    #[must_use]
    pub const fn venue_order_id_max(&self) -> u64 {
        self.risk.venue_order_id_max()
    }

    /// Risk, for what else it tells.
    #[must_use]
    pub const fn risk(&self) -> &Risk {
        &self.risk
    }

    /// The strategies that may be configured.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The strategies, in configured order.
    #[must_use]
    pub fn strategies(&self) -> &[StrategyRunner] {
        &self.strategies
    }

    /// Digest of all decided state: equal for equal events, whatever ran them.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        let mut sink = Sink::default();
        sink.number(self.strategies.len() as u64);
        for strategy in &self.strategies {
            strategy.digest(&mut sink);
        }
        self.risk.digest(&mut sink);
        sink.finish()
    }
}
