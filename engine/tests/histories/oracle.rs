//! What an order must have come to, computed from everything that was said of it, not step by step.
//!
//! Independent of the engine's table: the highest evidence decides, and quantities are sums and
//! maxima. A proof of absence needs two absences apart and a list without the order, all behind the
//! request's validity and behind whatever shows the order, by their times.

use engine::machine::OrderState;
use model::body::{OrderStatus, RejectReason};

use crate::kit::SECOND;

/// One thing said of an order. Quantities in lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Sent,
    SendFailed,
    /// No answer, or the venue does not know.
    Unknown,
    Acked {
        cum: i64,
    },
    Status {
        status: OrderStatus,
        cum: i64,
    },
    Rejected(RejectReason),
    Cancelled {
        cum: i64,
    },
    Expired {
        cum: i64,
    },
    Absent,
    /// The venue's list of open orders came; it does not hold the order.
    List,
    /// The venue made it smaller.
    Amended {
        qty: i64,
        cum: i64,
    },
    CancelRejected {
        cum: i64,
    },
    /// A fill by its trade's number within the order; the same trade always has the same quantity.
    Fill {
        trade: u64,
        qty: i64,
    },
    /// Two persons decided what became of it: that it was never there, or that it is over.
    Decided {
        absent: bool,
    },
    /// Time passed, and the machine looked at its clock.
    Tick,
}

/// A fact with the machine time at which it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) at_ns: u64,
    pub(crate) fact: Fact,
}

/// What the order's limits in time are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) ack_timeout_ns: u64,
    pub(crate) recv_window_ns: u64,
}

/// What an order came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) state: OrderState,
    pub(crate) filled: i64,
    pub(crate) reported: i64,
    pub(crate) exposure: i64,
}

/// The end of an order of `qty` lots, approved at `approved_ns`.
pub(crate) fn end(qty: i64, approved_ns: u64, rules: Rules, told: &[Told]) -> End {
    let smaller = |told: &Told| match told.fact {
        Fact::Amended { qty, .. } => Some(qty),
        Fact::Sent
        | Fact::SendFailed
        | Fact::Unknown
        | Fact::Acked { .. }
        | Fact::Status { .. }
        | Fact::Rejected(_)
        | Fact::Cancelled { .. }
        | Fact::Expired { .. }
        | Fact::Absent
        | Fact::List
        | Fact::CancelRejected { .. }
        | Fact::Fill { .. }
        | Fact::Decided { .. }
        | Fact::Tick => None,
    };
    let qty = told.iter().filter_map(smaller).fold(qty, i64::min);
    let fills = distinct_fills(told);
    let filled: i64 = fills.iter().map(|&(_, qty)| qty).sum();
    let reported = told.iter().map(|told| reported(told.fact, qty)).max();
    let reported = reported.unwrap_or(0);
    let state = state(qty, filled, approved_ns, rules, told);
    let most = if state.is_ended() {
        reported
    } else {
        qty.max(reported)
    };
    End {
        state,
        filled,
        reported,
        exposure: (most - filled).max(0),
    }
}

fn distinct_fills(told: &[Told]) -> Vec<(u64, i64)> {
    let mut fills: Vec<(u64, i64)> = Vec::new();
    for told in told {
        if let Fact::Fill { trade, qty } = told.fact
            && fills.iter().all(|&(other, _)| other != trade)
        {
            fills.push((trade, qty));
        }
    }
    fills
}

/// How much the venue says is filled.
const fn reported(fact: Fact, qty: i64) -> i64 {
    match fact {
        Fact::Status {
            status: OrderStatus::Filled,
            cum,
        } => {
            if cum > qty {
                cum
            } else {
                qty
            }
        }
        Fact::Acked { cum }
        | Fact::Status { cum, .. }
        | Fact::Cancelled { cum }
        | Fact::Expired { cum }
        | Fact::Amended { cum, .. }
        | Fact::CancelRejected { cum } => cum,
        Fact::Sent
        | Fact::SendFailed
        | Fact::Unknown
        | Fact::Rejected(_)
        | Fact::Absent
        | Fact::List
        | Fact::Fill { .. }
        | Fact::Decided { .. }
        | Fact::Tick => 0,
    }
}

fn state(qty: i64, filled: i64, approved_ns: u64, rules: Rules, told: &[Told]) -> OrderState {
    let any = |is: &dyn Fn(Fact) -> bool| told.iter().any(|told| is(told.fact));
    let status = |wanted: OrderStatus| {
        any(&|fact| matches!(fact, Fact::Status { status, .. } if status == wanted))
    };
    if filled >= qty || status(OrderStatus::Filled) {
        return OrderState::Filled;
    }
    let over = Fact::Decided { absent: false };
    let cancelled = |fact| matches!(fact, Fact::Cancelled { .. }) || fact == over;
    if any(&cancelled) || status(OrderStatus::Cancelled) {
        return OrderState::Cancelled;
    }
    if any(&|fact| matches!(fact, Fact::Expired { .. })) || status(OrderStatus::Expired) {
        return OrderState::Expired;
    }
    let refused = |fact| matches!(fact, Fact::Rejected(reason) if !is_unsure(reason));
    // What was refused does not fill: a fill voids the refusal, but not the venue's later word.
    if any(&refused) && filled == 0 || status(OrderStatus::Rejected) {
        return OrderState::Rejected;
    }
    let shown = shown(told);
    let seen = told.iter().zip(&shown).filter(|(_, shown)| **shown);
    let seen_ns = seen.map(|(told, _)| told.at_ns).max();
    let left = seen_ns.is_some() || !any(&|fact| fact == Fact::SendFailed);
    if left && is_absent(seen_ns, approved_ns, rules, told) {
        return OrderState::Absent;
    }
    if seen_ns.is_some() {
        return OrderState::Open;
    }
    if any(&|fact| fact == Fact::SendFailed) {
        return OrderState::NotSent;
    }
    // One that was proven absent just then was not waited for; its request, written late after
    // all, is given up at the next look at the clock.
    let late = |(index, told_now): (usize, &Told)| {
        told_now.fact == Fact::Tick
            && told_now.at_ns >= approved_ns + rules.ack_timeout_ns
            && !is_absent(None, approved_ns, rules, &told[..index])
    };
    let unsure = |fact| matches!(fact, Fact::Rejected(reason) if is_unsure(reason));
    if told.iter().enumerate().any(late) || any(&|fact| fact == Fact::Unknown) || any(&unsure) {
        return OrderState::Unknown;
    }
    if any(&|fact| fact == Fact::Sent) {
        return OrderState::Sent;
    }
    OrderState::Approved
}

/// A refusal that says nothing about whether the venue has the order.
const fn is_unsure(reason: RejectReason) -> bool {
    matches!(
        reason,
        RejectReason::Duplicate | RejectReason::NoAnswer | RejectReason::VenueUnsure
    )
}

/// For each fact whether it shows that the venue has, or had, the order. A fill that comes again
/// shows nothing new.
fn shown(told: &[Told]) -> Vec<bool> {
    let is_new = |index: usize, trade: u64| {
        let same = |told: &Told| matches!(told.fact, Fact::Fill { trade: t, .. } if t == trade);
        !told[..index].iter().any(same)
    };
    let shows = |(index, told): (usize, &Told)| match told.fact {
        Fact::Acked { .. } | Fact::Status { .. } | Fact::Amended { .. } => true,
        Fact::Fill { trade, .. } => is_new(index, trade),
        Fact::Sent
        | Fact::SendFailed
        | Fact::Unknown
        | Fact::Rejected(_)
        | Fact::Cancelled { .. }
        | Fact::Expired { .. }
        | Fact::Absent
        | Fact::List
        | Fact::CancelRejected { .. }
        | Fact::Decided { .. }
        | Fact::Tick => false,
    };
    told.iter().enumerate().map(shows).collect()
}

/// Whether its absence is proven: behind the request's validity, and behind all that shows the
/// order, two of the last four absences a second or more apart, and a list without it.
fn is_absent(seen_ns: Option<u64>, approved_ns: u64, rules: Rules, told: &[Told]) -> bool {
    let times = |wanted: Fact| {
        let mut times: Vec<u64> = told
            .iter()
            .filter(|told| told.fact == wanted)
            .map(|told| told.at_ns)
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    };
    let written = times(Fact::Sent).last().copied().unwrap_or(0);
    let valid = written.max(approved_ns) + rules.recv_window_ns;
    let after = valid.max(seen_ns.unwrap_or(0));
    // Persons decide of the order as it is; what shows it later says otherwise.
    let decided = times(Fact::Decided { absent: true });
    if decided.last().copied() > seen_ns {
        return true;
    }
    let absences = times(Fact::Absent);
    let remembered = &absences[absences.len().saturating_sub(4)..];
    let mut counting = remembered.iter().filter(|&&at| at > after);
    let listed = times(Fact::List).last().is_some_and(|&at| at > after);
    match (counting.next(), remembered.last()) {
        (Some(first), Some(last)) => listed && last - first >= SECOND,
        _ => false,
    }
}
