//! What is said of an order, and how its quantity is filled.

use model::body::{OrderStatus, RejectReason};

use crate::oracle::Fact;
use crate::runner::Random;

/// What a plan of an order's truth may contain: parts of the quantity, and words about them.
pub(super) fn fact(random: &mut Random, qty: i64, parts: &[i64]) -> Fact {
    let cum = if random.one_in(3) {
        0
    } else {
        random.lots(0, qty)
    };
    match random.below(29) {
        0..=2 => Fact::Sent,
        3 => Fact::SendFailed,
        4 => Fact::Unknown,
        5..=7 => Fact::Acked { cum },
        8 | 9 => Fact::Status {
            status: random.of(&[
                OrderStatus::Open,
                OrderStatus::Open,
                OrderStatus::PartiallyFilled,
                OrderStatus::Filled,
                OrderStatus::Cancelled,
                OrderStatus::Expired,
                OrderStatus::Rejected,
            ]),
            cum,
        },
        10 => Fact::Rejected(random.of(&[
            RejectReason::Duplicate,
            RejectReason::NoAnswer,
            RejectReason::VenueUnsure,
            RejectReason::Filter,
            RejectReason::Balance,
        ])),
        11 => Fact::Cancelled { cum },
        12 => Fact::Expired { cum },
        13..=16 => Fact::Absent,
        17 => Fact::CancelRejected { cum },
        18..=21 => {
            let trade = random.below(parts.len() as u64);
            let qty = parts[usize::try_from(trade).unwrap()];
            Fact::Fill { trade, qty }
        }
        22 | 23 => Fact::List,
        24 => Fact::Amended {
            qty: random.lots(1, qty),
            cum,
        },
        25 => Fact::Decided {
            absent: random.one_in(2),
        },
        _ => Fact::Tick,
    }
}

/// Splits a quantity into fills; sometimes the venue fills more than was asked.
pub(super) fn parts(random: &mut Random, qty: i64) -> Vec<i64> {
    let mut parts = Vec::new();
    let mut left = qty + if random.one_in(50) { 7 } else { 0 };
    while left > 0 && parts.len() < 6 {
        let part = random.lots(1, left);
        parts.push(part);
        left -= part;
    }
    parts
}
