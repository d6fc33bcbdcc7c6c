//! Which socket write caused which socket read.
//!
//! The client says when it read the message that caused an order, and when it took the order to be
//! written. The cause is the venue's last market write before the first; the effect is the venue's
//! first read of an order after the second.

use connectors::practice::StampKind;

use super::venue::Edge;
use crate::distribution::Distribution;

/// What the client saw of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) received_ns: u64,
    pub(super) taken_ns: u64,
}

/// From write to read for each answer, and how many answers had no pair.
pub(super) fn distribution(edges: &[Edge], answers: &[Answer]) -> (Distribution, u64) {
    let of = |kind: StampKind| -> Vec<u64> {
        let edges = edges.iter().filter(|edge| edge.kind == kind);
        edges.map(|edge| edge.at_ns).collect()
    };
    let (writes, reads) = (of(StampKind::MarketWrite), of(StampKind::OrderRead));
    let (mut found, mut lost) = (Distribution::paced(0), 0);
    for answer in answers {
        let cause = writes.partition_point(|&at| at <= answer.received_ns);
        let effect = reads.partition_point(|&at| at < answer.taken_ns);
        match (cause.checked_sub(1).map(|at| writes[at]), reads.get(effect)) {
            (Some(written_ns), Some(read_ns)) => found.record(read_ns.saturating_sub(written_ns)),
            _ => lost += 1,
        }
    }
    (found, lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_the_write_before_and_the_read_after() {
        let edge = |kind, at_ns| Edge { kind, at_ns };
        let edges = [
            edge(StampKind::MarketWrite, 100),
            edge(StampKind::OrderRead, 150),
            edge(StampKind::MarketWrite, 200),
            edge(StampKind::OrderRead, 260),
        ];
        let answer = |received_ns, taken_ns| Answer {
            received_ns,
            taken_ns,
        };
        let answers = [
            answer(120, 130),
            answer(210, 220),
            answer(90, 95),
            answer(300, 310),
        ];
        let (found, lost) = distribution(&edges, &answers);
        assert_eq!((found.plain().p50, found.plain().max, lost), (50, 60, 2));
    }
}
