//! What persons ask of a desk, and the second person's word.

use engine::machine::OrderState;
use model::body::{ControlAction, ControlRequest, Outcome};
use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use zerocopy::TryFromBytes as _;

use super::desk::Desk;
use crate::kit;

const ACTIONS: [ControlAction; 14] = [
    ControlAction::SetLimit,
    ControlAction::SetLimit,
    ControlAction::SetLimit,
    ControlAction::Kill,
    ControlAction::Release,
    ControlAction::Release,
    ControlAction::Resolve,
    ControlAction::Resolve,
    ControlAction::Pause,
    ControlAction::Enable,
    ControlAction::Restrict,
    ControlAction::Unrestrict,
    ControlAction::Flatten,
    ControlAction::Withdraw,
];

/// The position's own limit stays: the oracle knows it.
const CONTROLS: [Control; 6] = [
    Control::MaxQuantity,
    Control::OpenOrders,
    Control::DailyLoss,
    Control::DrawdownSpeed,
    Control::UnknownOrders,
    Control::PriceCollar,
];

fn place(pick: u64, count: usize) -> usize {
    usize::try_from(pick % count as u64).unwrap()
}

fn scope(pick: u64) -> Scope {
    match pick % 6 {
        0 => Scope::Venue(VenueId(1)),
        1 => Scope::Account(AccountId(u16::try_from(pick / 8 % 3).unwrap())),
        2 => Scope::Strategy(StrategyId(u16::try_from(pick / 8 % 3).unwrap())),
        3 | 4 => Scope::Instrument(InstrumentId(u32::try_from(pick / 8 % 4).unwrap())),
        _ => Scope::Overall,
    }
}

impl Desk {
    /// A request, and perhaps the second person's approval of it.
    pub(super) fn request(&mut self, pick: u64, number: i64, second: bool) -> Result<(), String> {
        self.requests += 1;
        let asked = self.requests;
        let action = ACTIONS[place(pick, ACTIONS.len())];
        let control = CONTROLS[place(pick >> 8, CONTROLS.len())];
        let scope = scope(pick >> 12);
        let old = self.limit(control, scope);
        let unknown = self
            .machine
            .orders()
            .live()
            .find(|order| order.state == OrderState::Unknown);
        let target = if action == ControlAction::Resolve {
            unknown.map_or(1, |order| order.client_id.raw())
        } else if action == ControlAction::Withdraw {
            asked.saturating_sub(1)
        } else {
            0
        };
        let mut record = kit::request(asked, 0, action, scope);
        let body = ControlRequest::try_mut_from_bytes(&mut record.body).unwrap();
        body.target = target;
        body.new = number;
        body.old = old;
        if action == ControlAction::SetLimit {
            body.control = control.code();
        }
        if action == ControlAction::Resolve {
            body.outcome = [Outcome::Absent, Outcome::Cancelled][place(pick >> 20, 2)];
        }
        self.apply(record)?;
        if second {
            self.deliver()?;
            self.requests += 1;
            self.apply(kit::approval(self.requests, 1, asked))?;
        }
        Ok(())
    }

    fn limit(&self, control: Control, scope: Scope) -> i64 {
        let mut limits = self.machine.risk().watched_limits();
        let mine = limits.find(|limit| (limit.0, limit.1) == (control, scope));
        mine.map_or(i64::MAX, |limit| limit.3)
    }
}
