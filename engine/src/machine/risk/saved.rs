//! Risk as a snapshot holds it.
//!
//! Every field of [`Risk`] is named here, so that a new one does not compile before it is saved.
//!
//! Thread: any. Hot path: no. Allocates: yes.

use model::body::{AssetName, LinkState};
use model::limits::{COMMANDS_IN_FLIGHT_MAX, INSTRUMENTS_MAX, OPEN_ORDERS_MAX};
use serde::{Deserialize, Serialize};

use super::activity::Activity;
use super::bounds::Bounds;
use super::bucket::MessageBucket;
use super::buckets::Buckets;
use super::capital::Capital;
use super::changes::{Changes, SavedChanges};
use super::killing::{Killing, SavedKilling};
use super::levels::{Levels, SavedLevels};
use super::monitors::Watch;
use super::notices::{Notices, SavedNotices};
use super::switches::{SavedSwitches, Switches};
use super::{Counts, ENDED_ORDERS_REMEMBERED, Entry, Risk};
use crate::machine::blobs::LaneBlobs;
use crate::machine::config::MachineConfig;
use crate::machine::digest::InputDigest;
use crate::machine::exits::{Exits, SavedExits};
use crate::machine::held::{HeldOrders, SavedHeld};
use crate::machine::market::{Listing, SavedListing};
use crate::machine::orders::{AppliedTrades, Orders, SavedOrders, SavedTrades};
use crate::machine::portfolio::{Portfolio, SavedPortfolio};
use crate::machine::saved::{COUNT_MAX, Unsound, require};
use crate::machine::sizing::{SavedSizing, Sizing};

/// See the module's header.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedRisk {
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
    entries: Vec<Option<SavedEntry>>,
    orders: SavedOrders,
    portfolio: SavedPortfolio,
    links: Vec<LinkState>,
    lists_wanted: Vec<bool>,
    lists_asked: Vec<Option<u64>>,
    bucket: MessageBucket,
    buckets: Buckets,
    venue_order_id_max: u64,
    counts: Counts,
    notices: SavedNotices,
    held: SavedHeld,
    activity: Activity,
    capital: Capital,
    stale: bool,
    exits: SavedExits,
    sizing: SavedSizing,
    switches: SavedSwitches,
    changes: SavedChanges,
    killing: SavedKilling,
    levels: SavedLevels,
    watch: Watch,
    inputs: InputDigest,
}

/// An instrument as a snapshot holds it; the names of its assets follow from its specification.
#[derive(Debug, Serialize, Deserialize)]
struct SavedEntry {
    listing: SavedListing,
    trades: SavedTrades,
}

impl Entry {
    fn save(&self) -> SavedEntry {
        let Self {
            listing,
            trades,
            base: _,
            quote: _,
        } = self;
        SavedEntry {
            listing: listing.save(),
            trades: trades.save(),
        }
    }

    fn restore(index: usize, saved: SavedEntry) -> Result<Box<Self>, Unsound> {
        let listing = Listing::restore(saved.listing)?;
        let spec = listing.spec();
        require(spec.id.index() == index, "id of an instrument")?;
        let (Some(base), Some(quote)) =
            (AssetName::whole(&spec.base), AssetName::whole(&spec.quote))
        else {
            return Err(Unsound("name of an asset"));
        };
        Ok(Box::new(Self {
            trades: AppliedTrades::restore(&saved.trades)?,
            listing,
            base,
            quote,
        }))
    }
}

impl Counts {
    /// The largest of those that rise by one.
    fn highest(&self) -> u64 {
        let Self {
            acked,
            rejected,
            cancelled,
            unknown,
            fills,
            repeated_fills,
            orphan_fills,
            unplaced_fills,
            stray_reports,
            send_failed,
            refused,
            lists,
            listed_ours: _,
            listed_foreign: _,
        } = *self;
        let all = [
            acked,
            rejected,
            cancelled,
            unknown,
            fills,
            repeated_fills,
            orphan_fills,
            unplaced_fills,
            stray_reports,
            send_failed,
            refused,
            lists,
        ];
        all.into_iter().max().unwrap_or(0)
    }
}

impl Risk {
    /// What a snapshot has to hold.
    #[expect(
        clippy::too_many_lines,
        reason = "every field is named once, so that a new one does not compile unsaved"
    )]
    pub(crate) fn save(&self) -> SavedRisk {
        let Self {
            last_event,
            time_ns,
            epoch,
            commands,
            refusals,
            refusals_seen,
            in_flight,
            stopping,
            cancel_only,
            configured,
            config,
            blobs,
            entries,
            orders,
            portfolio,
            links,
            lists_wanted,
            lists_asked,
            bucket,
            buckets,
            venue_order_id_max,
            counts,
            notices,
            held,
            activity,
            capital,
            bounds: _,
            stale,
            exits,
            sizing,
            switches,
            changes,
            killing,
            closing: _,
            levels,
            watch,
            inputs,
        } = self;
        let entries = entries
            .iter()
            .map(|entry| entry.as_deref().map(Entry::save));
        SavedRisk {
            last_event: *last_event,
            time_ns: *time_ns,
            epoch: *epoch,
            commands: *commands,
            refusals: *refusals,
            refusals_seen: *refusals_seen,
            in_flight: *in_flight,
            stopping: *stopping,
            cancel_only: *cancel_only,
            configured: *configured,
            config: config.clone(),
            blobs: blobs.clone(),
            entries: entries.collect(),
            orders: orders.save(),
            portfolio: portfolio.save(),
            links: links.to_vec(),
            lists_wanted: lists_wanted.clone(),
            lists_asked: lists_asked.clone(),
            bucket: *bucket,
            buckets: buckets.clone(),
            venue_order_id_max: *venue_order_id_max,
            counts: *counts,
            notices: notices.save(),
            held: held.save(),
            activity: activity.clone(),
            capital: capital.clone(),
            stale: *stale,
            exits: exits.save(),
            sizing: sizing.save(),
            switches: switches.save(),
            changes: changes.save(),
            killing: killing.save(),
            levels: levels.save(),
            watch: watch.clone(),
            inputs: *inputs,
        }
    }

    /// Risk of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: SavedRisk) -> Result<Self, Unsound> {
        saved.check()?;
        let accounts = saved.accounts();
        let mut orders = Orders::restore(&saved.orders, OPEN_ORDERS_MAX, ENDED_ORDERS_REMEMBERED)?;
        if let Some(config) = &saved.config {
            orders.set_pace(config.limits.pace());
        }
        let links = saved.links.try_into();
        let switches = Switches::restore(&saved.switches)?;
        let entries: Result<_, _> = saved
            .entries
            .into_iter()
            .enumerate()
            .map(|(index, entry)| entry.map(|entry| Entry::restore(index, entry)).transpose())
            .collect();
        let mut risk = Self {
            last_event: saved.last_event,
            time_ns: saved.time_ns,
            epoch: saved.epoch,
            commands: saved.commands,
            refusals: saved.refusals,
            refusals_seen: saved.refusals_seen,
            in_flight: saved.in_flight,
            stopping: saved.stopping,
            cancel_only: saved.cancel_only,
            configured: saved.configured,
            config: saved.config,
            blobs: saved.blobs,
            entries: entries?,
            orders,
            portfolio: Portfolio::restore(&saved.portfolio, accounts)?,
            links: links.map_err(|_| Unsound("number of connections"))?,
            lists_wanted: saved.lists_wanted,
            lists_asked: saved.lists_asked,
            bucket: saved.bucket,
            buckets: saved.buckets,
            venue_order_id_max: saved.venue_order_id_max,
            counts: saved.counts,
            notices: Notices::restore(&saved.notices)?,
            held: HeldOrders::restore(&saved.held)?,
            activity: saved.activity,
            capital: saved.capital,
            bounds: Bounds::default(),
            stale: saved.stale,
            killing: Killing::restore(&saved.killing, &switches)?,
            closing: None,
            switches,
            changes: Changes::restore(&saved.changes)?,
            levels: Levels::restore(&saved.levels)?,
            watch: saved.watch,
            exits: Exits::restore(&saved.exits)?,
            sizing: Sizing::restore(&saved.sizing)?,
            inputs: saved.inputs,
        };
        risk.open_positions();
        // Now, so that the first event needs no room; unless the original still had it before it.
        if !risk.stale {
            risk.compile();
            // What the original kept was looked at.
            risk.portfolio.take_moved();
        }
        Ok(risk)
    }
}

impl SavedRisk {
    fn accounts(&self) -> usize {
        self.config
            .as_ref()
            .map_or(0, |config| config.accounts.len())
    }

    fn check(&self) -> Result<(), Unsound> {
        let numbers = [
            self.last_event,
            self.commands,
            self.refusals,
            self.refusals_seen,
            self.counts.highest(),
        ];
        let sound = numbers.into_iter().all(|number| number < COUNT_MAX);
        require(sound, "count of events, commands or refusals")?;
        require(self.epoch < 1 << 24, "number of the run")?;
        require(self.configured < 1 << 31, "count of configurations")?;
        let most = COMMANDS_IN_FLIGHT_MAX;
        require(self.in_flight as usize <= most, "commands under way")?;
        require(self.entries.len() <= INSTRUMENTS_MAX, "instruments")?;
        let sound = self
            .config
            .as_ref()
            .is_none_or(|config| config.check().is_empty());
        require(sound, "configuration")?;
        require(
            self.config.is_some() || self.entries.is_empty(),
            "instruments, which need a configuration",
        )?;
        require(
            self.lists_wanted.len() == self.accounts() && self.lists_asked.len() == self.accounts(),
            "number of accounts",
        )?;
        self.blobs.check()?;
        self.activity.check()?;
        require(self.capital.is_sound(), "capital that is counted")?;
        self.watch.check()?;
        require(self.buckets.is_sound(), "message rates by scope")?;
        self.bucket
            .check(self.config.as_ref().map(|config| &config.limits))
    }
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
