//! Tests of the switches: every level, every cause, and that what is saved comes back.

use super::*;

const STRATEGY: Option<StrategyId> = Some(StrategyId(3));
const INSTRUMENT: InstrumentId = InstrumentId(4_095);
const VENUE: VenueId = VenueId(255);
const ACCOUNT: AccountId = AccountId(7);

fn mine() -> [Scope; 5] {
    [
        Scope::Overall,
        Scope::Venue(VENUE),
        Scope::Account(ACCOUNT),
        Scope::Strategy(StrategyId(3)),
        Scope::Instrument(INSTRUMENT),
    ]
}

fn others() -> [Scope; 4] {
    [
        Scope::Venue(VenueId(0)),
        Scope::Account(AccountId(0)),
        Scope::Strategy(StrategyId(63)),
        Scope::Instrument(InstrumentId(0)),
    ]
}

fn verdict(switches: &Switches, increases: bool) -> Result<(), Blocked> {
    switches.permits(STRATEGY, INSTRUMENT, VENUE, ACCOUNT, increases)
}

#[test]
fn kill_in_any_level_stops_every_order_of_its_scope_and_no_other() {
    for scope in mine() {
        let mut switches = Switches::default();
        assert!(switches.kill(scope, Control::DailyLoss));
        assert!(!switches.kill(scope, Control::KillSwitch), "again");
        for increases in [true, false] {
            let blocked = verdict(&switches, increases).unwrap_err();
            assert_eq!(blocked.reason, RefusalReason::Killed);
            assert_eq!(
                (blocked.scope, blocked.control),
                (scope, Control::KillSwitch)
            );
        }
        assert!(switches.release(scope) && !switches.release(scope));
        assert_eq!(verdict(&switches, true), Ok(()));
        assert_eq!(switches, Switches::default());
    }
    let mut switches = Switches::default();
    for scope in others() {
        switches.kill(scope, Control::KillSwitch);
    }
    assert_eq!(verdict(&switches, true), Ok(()));
}

#[test]
fn pause_and_reduce_only_let_reductions_through() {
    for scope in mine() {
        let mut switches = Switches::default();
        switches.pause(scope, Control::RepeatedExecution);
        assert_eq!(verdict(&switches, false), Ok(()));
        let blocked = verdict(&switches, true).unwrap_err();
        assert_eq!(blocked.reason, RefusalReason::Paused);
        assert_eq!(blocked.control, Control::RepeatedExecution);
        assert!(switches.enable(scope));
        switches.reduce_only(scope, Control::Depeg, true);
        assert_eq!(verdict(&switches, false), Ok(()));
        let blocked = verdict(&switches, true).unwrap_err();
        assert_eq!(blocked.reason, RefusalReason::ReduceOnlyMode);
    }
}

#[test]
fn reduce_only_of_two_controls_ends_with_the_second() {
    let mut switches = Switches::default();
    let scope = Scope::Venue(VENUE);
    assert!(switches.reduce_only(scope, Control::Depeg, true));
    assert!(!switches.reduce_only(scope, Control::Depeg, true));
    assert!(switches.reduce_only(scope, Control::ClockOffset, true));
    assert!(switches.reduce_only(scope, Control::Depeg, false));
    assert!(verdict(&switches, true).is_err());
    assert!(switches.reduce_only(scope, Control::ClockOffset, false));
    assert_eq!(verdict(&switches, true), Ok(()));
}

#[test]
fn scope_that_cannot_be_changes_nothing() {
    let mut switches = Switches::default();
    for scope in [
        Scope::Account(AccountId(u16::MAX)),
        Scope::Strategy(StrategyId(64)),
        Scope::Instrument(InstrumentId(4_096)),
    ] {
        assert!(!switches.kill(scope, Control::KillSwitch));
        assert!(switches.of(scope).is_off());
    }
    assert_eq!(switches, Switches::default());
}

#[test]
fn switches_come_back_from_a_snapshot() {
    let mut switches = Switches::default();
    for (scope, control) in mine().into_iter().chain(others()).zip(CAUSES) {
        switches.kill(scope, control);
        switches.reduce_only(scope, Control::Drift, true);
    }
    switches.release(Scope::Overall);
    assert!(switches.restrict(InstrumentId(7), 5) && switches.restrict(InstrumentId(2), 0));
    let back = Switches::restore(&switches.save()).unwrap();
    assert_eq!(back, switches);
    let twice = SavedSwitches {
        on: vec![(Scope::Overall, back.of(mine()[1])); 2],
        restricted: Vec::new(),
    };
    assert!(Switches::restore(&twice).is_err());
    let unknown = Switch {
        kill: 1 << CAUSES.len(),
        ..Switch::default()
    };
    let unknown = SavedSwitches {
        on: vec![(Scope::Overall, unknown)],
        restricted: Vec::new(),
    };
    assert!(Switches::restore(&unknown).is_err());
}

#[test]
fn restricted_instrument_may_only_be_reduced_until_its_time_is_over() {
    let mut switches = Switches::default();
    assert!(switches.restrict(INSTRUMENT, 10) && !switches.restrict(INSTRUMENT, 10));
    let blocked = verdict(&switches, true).unwrap_err();
    assert_eq!(blocked.reason, RefusalReason::Restricted);
    assert_eq!(verdict(&switches, false), Ok(()));
    assert_eq!(switches.restriction_over(9), None);
    assert_eq!(switches.restriction_over(10), Some(INSTRUMENT));
    assert!(switches.unrestrict(INSTRUMENT) && !switches.unrestrict(INSTRUMENT));
    assert!(switches.restrict(INSTRUMENT, 0));
    assert_eq!(switches.restriction_over(u64::MAX), None);
}
