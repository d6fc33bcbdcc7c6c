//! What a strategy knows of kills: while one is on that stops it, it is told that it may not trade.
//!
//! Hot path: notices only. Allocates: no.

use model::body::Notice;
use model::control::Scope;

use super::{Cause, StrategyRunner};
use crate::machine::risk::kill_bit;

impl StrategyRunner {
    /// A kill of everything, or of a scope that is ours: our venue, account, strategy, or the only
    /// instrument that we have.
    pub(super) fn on_kill(&mut self, notice: &Notice, released: bool) -> Option<Cause> {
        let instrument = match self.config.instruments.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let ours = match Scope::from_parts(notice.scope, notice.scope_id)? {
            Scope::Overall => true,
            Scope::Venue(venue) => venue == self.setting.venue,
            Scope::Account(account) => account == self.config.account,
            Scope::Strategy(strategy) => strategy == self.id,
            Scope::Instrument(id) => instrument == Some(id),
        };
        if !ours {
            return None;
        }
        let bit = kill_bit(notice.scope);
        if released {
            self.setting.killed &= !bit;
        } else {
            self.setting.killed |= bit;
        }
        (released && self.setting.killed == 0).then_some(Cause::Fresh)
    }
}
