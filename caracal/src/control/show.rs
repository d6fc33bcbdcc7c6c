//! What a person sees of the controls of a running engine.
//!
//! Hot path: no. Allocates: yes.

use engine::machine::{Change, Decision, Machine, Proposal};
use model::control::Control;

use super::words::{Names, value_text};

/// Switches, restricted list, limits and proposals, a line each.
pub(crate) fn text(machine: &Machine, names: &Names) -> String {
    let risk = machine.risk();
    let mut lines = Vec::new();
    for on in risk.switches_on() {
        let scope = names.scope_text(on.scope);
        let states = [
            ("killed", on.killed),
            ("paused", on.paused),
            ("reduce-only", on.reducing),
        ];
        for (state, by) in states {
            if let Some(by) = by {
                lines.push(format!("{scope}: {state} by {}", by.name()));
            }
        }
    }
    for (scope, number, left) in risk.flattening() {
        let scope = names.scope_text(scope);
        lines.push(format!(
            "{scope}: {left} positions are being closed; stop it with: caracal control withdraw \
             {number}"
        ));
    }
    for (instrument, until) in risk.restricted() {
        let scope = names.scope_text(model::control::Scope::Instrument(*instrument));
        let lasts = match until {
            0 => "for good".to_owned(),
            until => {
                let left = i64::try_from(until.saturating_sub(machine.time_ns()));
                format!(
                    "for {} more",
                    value_text(Control::TimeStop, left.unwrap_or(i64::MAX))
                )
            }
        };
        lines.push(format!("{scope}: restricted {lasts}"));
    }
    if lines.is_empty() {
        lines.push("no switch is on".to_owned());
    }
    for (control, scope, soft, hard) in risk.watched_limits() {
        let (soft, hard) = (value_text(control, soft), value_text(control, hard));
        let scope = names.scope_text(scope);
        lines.push(format!(
            "limit {} of {scope}: soft {soft}, hard {hard}",
            control.name()
        ));
    }
    for proposal in risk.proposals() {
        lines.push(proposal_text(machine, names, proposal));
    }
    lines.join("\n")
}

fn proposal_text(machine: &Machine, names: &Names, proposal: &Proposal) -> String {
    let what = match &proposal.change {
        Change::Release(scope) => format!("release the kill of {}", names.scope_text(*scope)),
        Change::Enable(scope) => format!("enable {}", names.scope_text(*scope)),
        Change::Unrestrict(instrument) => {
            let scope = model::control::Scope::Instrument(*instrument);
            format!("take {} off the restricted list", names.scope_text(scope))
        }
        Change::Resolve(order, Decision::Absent) => {
            format!("decide that the venue never had order {order}")
        }
        Change::Resolve(order, Decision::Cancelled) => {
            format!("decide that order {order} has ended")
        }
        Change::Limit(change) => {
            let text = |value| value_text(change.control, value);
            let (old, new, soft) = (text(change.old), text(change.new), text(change.soft));
            let scope = names.scope_text(change.scope);
            let control = change.control.name();
            format!("limit {control} of {scope} from {old} to {new}, soft {soft}")
        }
    };
    let persons = machine
        .config()
        .map_or(&[][..], |config| &config.control.persons);
    let person = persons
        .get(usize::from(proposal.person))
        .map_or("?", String::as_str);
    let left = i64::try_from(proposal.expires_ns.saturating_sub(machine.time_ns()));
    let left = value_text(Control::TimeStop, left.unwrap_or(i64::MAX));
    format!(
        "proposal {} by {person}, {left} left: {what}",
        proposal.number
    )
}
