//! Private events on their way to their owners, with the faults that strike there: held back, sent
//! twice, sent behind the next one, lost.

use std::time::Duration;

use super::exchange::AccountEvent;
use super::faults::{Chance, FaultKind, Faults};

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    held: Vec<AccountEvent>,
    held_until_ns: u64,
    /// Goes out behind the next one.
    swapped: Option<AccountEvent>,
    /// Events are lost until then.
    muted_until_ns: u64,
}

impl Delivery {
    /// Holds everything back for so long.
    pub(crate) fn hold(&mut self, silence: Duration, now_ns: u64) {
        self.held_until_ns = after(now_ns, silence);
    }

    /// When something that is held back goes out, nanoseconds of the server's clock.
    pub(crate) const fn due_ns(&self) -> u64 {
        if self.held.is_empty() {
            u64::MAX
        } else {
            self.held_until_ns
        }
    }

    /// What goes out now, in order, of these and of what waits.
    pub(crate) fn due(
        &mut self,
        events: Vec<AccountEvent>,
        faults: &mut Faults,
        now_ns: u64,
    ) -> Vec<AccountEvent> {
        self.held.extend(events);
        let mut due = Vec::new();
        if now_ns < self.held_until_ns {
            return due;
        }
        for event in std::mem::take(&mut self.held) {
            match faults.strike(Chance::Private, now_ns) {
                Some(FaultKind::Mute(silence)) => self.muted_until_ns = after(now_ns, silence),
                Some(FaultKind::Reorder) if self.swapped.is_none() => {
                    self.swapped = Some(event);
                    continue;
                }
                Some(FaultKind::Duplicate) => self.send(event.clone(), now_ns, &mut due),
                _ => {}
            }
            self.send(event, now_ns, &mut due);
            if let Some(late) = self.swapped.take() {
                self.send(late, now_ns, &mut due);
            }
        }
        due
    }

    fn send(&self, event: AccountEvent, now_ns: u64, due: &mut Vec<AccountEvent>) {
        if now_ns >= self.muted_until_ns {
            due.push(event);
        }
    }
}

/// That long from now.
pub(crate) fn after(now_ns: u64, wait: Duration) -> u64 {
    now_ns.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
}
