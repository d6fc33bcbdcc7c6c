//! The checks of a new order, and nothing else: what they would say now.
//!
//! Hot path: no. Allocates: no.

use model::body::RefusalReason;

use super::Risk;
use super::trace::Silent;
use crate::machine::intent::{Action, Intent};

impl Risk {
    /// Runs every check of a new plain order as [`Self::apply`] would, and changes nothing: for
    /// whoever measures the checks by themselves, or asks before it acts. `None` for a pass, also
    /// for an intent that is no new order, which these checks do not concern.
    #[must_use]
    pub fn would_refuse(&self, intent: &Intent) -> Option<RefusalReason> {
        match &intent.action {
            Action::Place(place) => self
                .clear(intent, place, None, &mut Silent)
                .err()
                .map(|refused| refused.reason),
            Action::Cancel { .. }
            | Action::Replace { .. }
            | Action::Amend { .. }
            | Action::CancelAll { .. } => None,
        }
    }
}
