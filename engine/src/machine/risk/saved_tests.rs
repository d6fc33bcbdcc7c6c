//! Tests of what a snapshot of risk may hold: each number at its bound and one beyond.

use super::*;

/// What an empty risk saves, changed, and whether it is taken.
fn taken(change: impl FnOnce(&mut SavedRisk)) -> bool {
    let mut saved = Risk::new().save();
    change(&mut saved);
    Risk::restore(saved).is_ok()
}

#[test]
fn numbers_of_a_snapshot_are_taken_below_their_bounds_and_refused_from_there() {
    type Set = fn(&mut SavedRisk, u64);
    let counts: [Set; 17] = [
        |risk, n| risk.last_event = n,
        |risk, n| risk.commands = n,
        |risk, n| risk.refusals = n,
        |risk, n| risk.refusals_seen = n,
        |risk, n| risk.counts.acked = n,
        |risk, n| risk.counts.rejected = n,
        |risk, n| risk.counts.cancelled = n,
        |risk, n| risk.counts.unknown = n,
        |risk, n| risk.counts.fills = n,
        |risk, n| risk.counts.repeated_fills = n,
        |risk, n| risk.counts.orphan_fills = n,
        |risk, n| risk.counts.unplaced_fills = n,
        |risk, n| risk.counts.stray_reports = n,
        |risk, n| risk.counts.send_failed = n,
        |risk, n| risk.counts.refused = n,
        |risk, n| risk.counts.lists = n,
        // What a venue said of itself is no count of ours: any number can be.
        |risk, n| risk.venue_order_id_max = n,
    ];
    for (index, set) in counts.into_iter().enumerate() {
        assert!(taken(|risk| set(risk, COUNT_MAX - 1)), "{index}");
        assert_eq!(taken(|risk| set(risk, COUNT_MAX)), index == 16, "{index}");
        assert_eq!(taken(|risk| set(risk, u64::MAX)), index == 16, "{index}");
    }
    for set in [(|risk, n| risk.counts.listed_ours = n) as Set, |risk, n| {
        risk.counts.listed_foreign = n
    }] {
        assert!(taken(|risk| set(risk, u64::MAX)));
    }
    assert!(taken(|risk| risk.epoch = (1 << 24) - 1));
    assert!(!taken(|risk| risk.epoch = 1 << 24));
    assert!(taken(|risk| risk.configured = (1 << 31) - 1));
    assert!(!taken(|risk| risk.configured = 1 << 31));
    let most = u32::try_from(COMMANDS_IN_FLIGHT_MAX).unwrap();
    assert!(taken(|risk| risk.in_flight = most));
    assert!(!taken(|risk| risk.in_flight = most + 1));
}

#[test]
fn lists_of_a_snapshot_are_as_long_as_there_are_accounts() {
    assert!(taken(|_| {}));
    assert!(!taken(|risk| risk.lists_wanted.push(true)));
    assert!(!taken(|risk| risk.lists_asked.push(None)));
    assert!(!taken(|risk| {
        risk.lists_wanted.push(true);
        risk.lists_asked.push(None);
    }));
    assert!(!taken(|risk| risk.links.push(LinkState::Up)));
    assert!(!taken(|risk| {
        risk.links.pop();
    }));
}

#[test]
fn snapshot_with_instruments_needs_a_configuration() {
    assert!(!taken(|risk| risk.entries.push(None)));
    assert!(!taken(|risk| risk
        .entries
        .resize_with(INSTRUMENTS_MAX + 1, || None)));
}

#[test]
fn snapshot_keeps_every_number_and_switch() {
    let mut risk = Risk::new();
    (risk.last_event, risk.time_ns, risk.epoch) = (5, 6, 7);
    (risk.commands, risk.refusals, risk.refusals_seen) = (8, 9, 10);
    (risk.in_flight, risk.configured, risk.venue_order_id_max) = (11, 12, 13);
    (risk.stopping, risk.cancel_only) = (true, true);
    risk.counts.lists = 14;
    let again = Risk::restore(risk.save()).unwrap();
    assert_eq!((again.last_event, again.time_ns, again.epoch), (5, 6, 7));
    assert_eq!(
        (again.commands, again.refusals, again.refusals_seen),
        (8, 9, 10)
    );
    assert_eq!(
        (again.in_flight, again.configured, again.venue_order_id_max),
        (11, 12, 13)
    );
    assert!(again.stopping && again.cancel_only);
    assert_eq!(again.counts, risk.counts);
}
