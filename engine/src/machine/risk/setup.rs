//! Configuration and instruments as they arrive in blobs.
//!
//! An id of a journal means one thing for ever: an account or instrument that would become another
//! one is refused.
//!
//! Hot path: no. Allocates: yes.

use model::blob::{self, BlobError, BlobKind};
use model::body::{AssetName, BlobPart, NoticeCode, NoticeLevel};
use model::control::{Control, Scope};
use model::ids::{InstrumentId, StrategyId};
use model::instrument::InstrumentSpec;
use model::limits::INSTRUMENTS_MAX;
use model::record::Record;

use super::notices::Told;
use super::{Entry, Risk, levels};
use crate::machine::config::MachineConfig;
use crate::machine::error::ApplyError;
use crate::machine::held::HeldEnd;
use crate::machine::market::Listing;
use crate::machine::orders::AppliedTrades;

impl Risk {
    pub(super) fn on_blob_part(
        &mut self,
        record: &Record,
        part: &BlobPart,
    ) -> Result<(), ApplyError> {
        let event = record.event;
        let bad = |error: BlobError| ApplyError::Blob { event, error };
        let whole = self.blobs.push(record.source(), part).map_err(bad)?;
        match whole {
            None => Ok(()),
            Some((BlobKind::MachineConfig, bytes)) => {
                let config = blob::value(&bytes).map_err(bad)?;
                self.configure(event, config)
            }
            Some((BlobKind::Instrument, bytes)) => {
                let spec = blob::value(&bytes).map_err(bad)?;
                self.list(event, spec)
            }
        }
    }

    fn configure(&mut self, event: u64, config: MachineConfig) -> Result<(), ApplyError> {
        let problems = config.check();
        let count = problems.len();
        if let Some(first) = problems.into_iter().next() {
            return Err(ApplyError::Config {
                event,
                count,
                first,
            });
        }
        if let Some(old) = &self.config {
            check_accounts(event, old, &config)?;
        }
        self.watch_deployment(event, &config)?;
        let old = self.config.as_ref().map_or_else(Vec::new, levels::of);
        self.levels.configure(&old, &levels::of(&config));
        self.bucket.limit(&config.limits);
        self.lists_wanted.resize(config.accounts.len(), false);
        self.lists_asked.resize(config.accounts.len(), None);
        self.orders.set_pace(config.limits.pace());
        self.config = Some(config);
        self.configured += 1;
        self.recompile();
        self.exits.look_again();
        self.configure_sizing();
        self.open_positions();
        Ok(())
    }

    fn list(&mut self, event: u64, spec: InstrumentSpec) -> Result<(), ApplyError> {
        let refused = |problem| ApplyError::Instrument {
            event,
            symbol: spec.symbol.clone(),
            problem,
        };
        if spec.id.index() >= INSTRUMENTS_MAX {
            return Err(refused("its id is above the most instruments"));
        }
        let (Some(base), Some(quote)) =
            (AssetName::whole(&spec.base), AssetName::whole(&spec.quote))
        else {
            return Err(refused("the name of an asset is longer than 14 bytes"));
        };
        let Some(config) = &self.config else {
            return Err(refused("it came before the configuration"));
        };
        let window = config.book_window_ticks;
        let index = spec.id.index();
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || None);
        }
        if self.entries[index].is_some() {
            return self.relist(event, spec);
        }
        self.entries[index] = Some(Box::new(Entry {
            listing: Listing::new(spec, window),
            trades: AppliedTrades::new(),
            base,
            quote,
        }));
        self.recompile();
        self.open_positions();
        Ok(())
    }

    fn relist(&mut self, event: u64, spec: InstrumentSpec) -> Result<(), ApplyError> {
        let (resting, positions) = self.exposed(spec.id);
        let Some(Some(entry)) = self.entries.get_mut(spec.id.index()) else {
            return Ok(());
        };
        let old = entry.listing.spec();
        let meaning = |spec: &InstrumentSpec| (spec.venue, spec.symbol.clone());
        if meaning(old) != meaning(&spec) || old.base != spec.base || old.quote != spec.quote {
            return Err(ApplyError::Renamed {
                event,
                what: "instrument",
                id: spec.id.0,
                old: old.name.clone(),
                new: spec.name,
            });
        }
        let id = spec.id;
        let same = entry.listing.same_steps(&spec);
        if same || resting == 0 && (positions == 0 || old.lot == spec.lot) {
            entry.listing.respecify(spec);
            self.open_positions();
            self.recompile();
            return Ok(());
        }
        // Our lots and prices would change their meaning under orders or a position. So the old
        // steps stay in force, for the venue's side too; nothing new is placed, and what rests is
        // cancelled. A start at which nothing depends on the old steps takes the new ones.
        entry.listing.halt();
        self.want_cancels(|order| order.instrument == id);
        let scope = Scope::Instrument(id);
        self.notice(
            Told::new(NoticeCode::RulesChanged, NoticeLevel::Hard, scope).by(
                Control::Restricted,
                resting,
                positions,
            ),
        );
        Ok(())
    }

    /// How many live orders and open positions are in lots and ticks of an instrument.
    fn exposed(&self, instrument: InstrumentId) -> (i64, i64) {
        let on = |id: InstrumentId| i64::from(id == instrument);
        let orders: i64 = self.orders.live().map(|order| on(order.instrument)).sum();
        let held = self.held.iter().map(|held| on(held.instrument));
        let orders = held.sum::<i64>() + orders;
        (orders, self.portfolio.open_in(instrument))
    }

    pub(super) fn open_positions(&mut self) {
        let Some(config) = &self.config else {
            return;
        };
        let entries = self.entries.iter().flatten();
        self.portfolio.open(
            &config.reporting,
            config.accounts.iter().map(|account| account.venue),
            entries.map(|entry| entry.listing.spec()),
        );
    }

    /// The strategy of this id is not the one that placed these orders: nobody looks after them.
    pub(crate) fn disown(&mut self, strategy: StrategyId) {
        self.orders.update_live(|order| {
            if order.strategy == Some(strategy) {
                order.cancel_wanted = true;
            }
        });
        self.held
            .finish_all(HeldEnd::Switched, |held| held.strategy == strategy);
        self.exits.disown(strategy);
    }
}

fn check_accounts(event: u64, old: &MachineConfig, new: &MachineConfig) -> Result<(), ApplyError> {
    for (index, account) in old.accounts.iter().enumerate() {
        let now = new.accounts.get(index);
        if now != Some(account) {
            return Err(ApplyError::Renamed {
                event,
                what: "account",
                id: u32::try_from(index).unwrap_or(u32::MAX),
                old: account.name.clone(),
                new: now.map_or_else(|| "nothing".to_owned(), |account| account.name.clone()),
            });
        }
    }
    Ok(())
}
