//! What venues say and what prices do, behind the order: clocks, liquidation, funding, debts,
//! concentration, drift, missing rates. Each at its level, one beyond it, and with data missing.

use engine::machine::{AccountConfig, FeatureConfig, LevelConfig, Outputs};
use model::blob::{self, BlobKind};
use model::body::{
    AssetName, Balance, BookLevels, BookReset, Funding, Level, MarginMode, Mark, NoticeCode,
    NoticeLevel, PositionReport, Side, Transfer, TransferKind,
};
use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, SourceId, VenueId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

use crate::control_kit::push;
use crate::kit::{self, ACCOUNT, Rig, SECOND, config, fill, maker, tick};
use crate::monitors::{E8, codes, level, notices, switch};

const VENUE: Scope = Scope::Venue(VenueId(0));
pub(crate) const MAIN: Scope = Scope::Account(ACCOUNT);
const PERPETUAL: InstrumentId = InstrumentId(1);

pub(crate) fn money(text: &str) -> Money {
    Money::new(text.parse().unwrap())
}

/// An instrument like the kit's, of these assets.
pub(crate) fn listed(id: u32, base: &str, quote: &str, contract: Contract) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        symbol: format!("{base}{quote}-{id}"),
        name: format!("{base}-{quote}-{id}"),
        base: base.to_owned(),
        quote: quote.to_owned(),
        contract,
        ..kit::spec()
    }
}

pub(crate) fn perpetual() -> InstrumentSpec {
    let terms = Perpetual {
        multiplier: Decimal::ONE,
        settle: "USDT".to_owned(),
        maintenance: vec![MaintenanceTier {
            value_from: Decimal::ZERO,
            rate_bps: 50,
            deduction: Decimal::ZERO,
        }],
    };
    listed(1, "BTC", "USDT", Contract::Linear(terms))
}

/// A machine with these levels and instruments beside the kit's; two accounts at two venues.
pub(crate) fn watched(levels: Vec<LevelConfig>, more: &[InstrumentSpec]) -> Rig {
    let mut rig = begun(levels, more);
    second(&mut rig);
    rig
}

/// The same before its first tick.
pub(crate) fn begun(levels: Vec<LevelConfig>, more: &[InstrumentSpec]) -> Rig {
    let mut config = config(vec![maker()]);
    config.control.levels = levels;
    config.control.loss_speed_window_ns = 60 * SECOND;
    config.accounts.push(AccountConfig {
        venue: VenueId(1),
        name: "other".to_owned(),
    });
    let mut rig = Rig::new();
    rig.start(&config, 0);
    for spec in more {
        for record in blob::records(BlobKind::Instrument, spec).unwrap() {
            rig.apply(record.from_source(SourceId(9)));
        }
    }
    rig
}

/// A second passes, and a tick comes.
pub(crate) fn second(rig: &mut Rig) {
    rig.pass(SECOND);
    push(rig, tick());
}

pub(crate) fn reducing(rig: &Rig, scope: Scope) -> Option<Control> {
    switch(rig, scope).2
}

/// A book of one tick around a price, with the venue's time.
pub(crate) fn book(rig: &mut Rig, instrument: InstrumentId, price: i64, venue_time_ns: u64) {
    let body = BookReset {
        update_id: rig.machine.last_event(),
        level_records: 1,
        reserved: [0; 64],
    };
    push(
        rig,
        Record::new(Kind::BookReset, &body).on_instrument(instrument),
    );
    let mut body = BookLevels {
        update_id: rig.machine.last_event(),
        venue_time_ns,
        levels: [Level::UNUSED; 4],
    };
    for (place, price) in [price - 1, price + 1].into_iter().enumerate() {
        body.levels[place] = Level {
            price: Ticks(price),
            qty: Lots(100),
        };
    }
    let mut record = Record::new(Kind::BookLevels, &body)
        .on_instrument(instrument)
        .with_flags(flags::LAST_OF_MESSAGE | flags::SNAPSHOT);
    record.detail = BookLevels::detail(2, 2);
    push(rig, record);
}

pub(crate) fn mark(price: i64) -> Record {
    let body = Mark {
        mark: Ticks(price),
        index: Ticks::ZERO,
        funding_rate_e9: 0,
        next_funding_ns: 0,
        venue_time_ns: 0,
        reserved: [0; 40],
    };
    Record::new(Kind::Mark, &body).on_instrument(PERPETUAL)
}

fn balance(account: u16, asset: &str, total: &str) -> Record {
    let body = Balance {
        free: money(total),
        locked: money("0"),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    };
    Record::new(Kind::Balance, &body).on_account(AccountId(account))
}

fn position(lots: i64, liquidation: i64, margin: &str) -> Record {
    let body = PositionReport {
        qty: Lots(lots),
        entry: money("0"),
        liquidation: Ticks(liquidation),
        margin: money(margin),
        venue_time_ns: 0,
        leverage_bps: 0,
        mode: MarginMode::Isolated,
        reserved: [0; 19],
    };
    Record::new(Kind::PositionReport, &body)
        .on_instrument(PERPETUAL)
        .on_account(ACCOUNT)
}

pub(crate) fn moved(kind: TransferKind, id: u64, asset: &str, amount: &str) -> Record {
    let body = Transfer {
        amount: money(amount),
        id,
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        kind,
        reserved: [0; 33],
    };
    Record::new(Kind::Transfer, &body).on_account(ACCOUNT)
}

pub(crate) fn funded(id: u64, asset: &str, amount: &str) -> Record {
    let body = Funding {
        amount: money(amount),
        id,
        rate_e9: 0,
        qty: Lots::ZERO,
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 18],
    };
    Record::new(Kind::Funding, &body)
        .on_instrument(PERPETUAL)
        .on_account(ACCOUNT)
}

/// A fill of 1 BTC of the perpetual at 10,000.00.
fn opened() -> Record {
    let mut record = fill(0, 77, Side::Buy, 1_000_000, 100_000);
    record = record.on_instrument(PERPETUAL);
    record
}

#[test]
fn clock_offset_is_held_at_its_level_blocks_beyond_it_and_without_times_says_nothing() {
    let millisecond = SECOND / 1_000;
    for (behind, blocks) in [(500 * millisecond, false), (500 * millisecond + 1, true)] {
        let hard = (500 * millisecond).cast_signed();
        let mut rig = watched(vec![level(Control::ClockOffset, None, hard)], &[]);
        for _ in 0..3 {
            let theirs = rig.now - behind;
            book(&mut rig, kit::INSTRUMENT, 1_000_000, theirs);
            rig.pass(SECOND);
        }
        let by = blocks.then_some(Control::ClockOffset);
        assert_eq!(reducing(&rig, VENUE), by, "{behind}");
        // A venue that gives no times says nothing new: what holds stays.
        for _ in 0..3 {
            book(&mut rig, kit::INSTRUMENT, 1_000_000, 0);
            rig.pass(SECOND);
        }
        assert_eq!(reducing(&rig, VENUE), by, "{behind}");
    }
}

#[test]
fn clock_step_blocks_one_beyond_its_level_until_the_next_second_without_one() {
    for (step, blocks) in [(200, false), (201, true)] {
        let mut rig = watched(vec![level(Control::ClockStep, None, 200)], &[]);
        for apart in [1_000, 1_000, 1_000 + step, 1_000 + step] {
            let theirs = rig.now - apart;
            book(&mut rig, kit::INSTRUMENT, 1_000_000, theirs);
            rig.pass(SECOND);
        }
        // Each look is about the second before: the step is seen by now.
        let theirs = rig.now - 1_000 - step;
        book(&mut rig, kit::INSTRUMENT, 1_000_000, theirs);
        let told = codes(&rig).contains(&NoticeCode::ClockStep);
        assert_eq!(told, blocks, "{step}");
        rig.pass(SECOND);
        let theirs = rig.now - 1_000 - step;
        book(&mut rig, kit::INSTRUMENT, 1_000_000, theirs);
        assert_eq!(reducing(&rig, VENUE), None, "it was one step");
    }
}

#[test]
fn liquidation_distance_is_the_nearer_of_the_venues_and_our_own() {
    let hard = vec![level(Control::LiquidationDistance, None, 1_000)];
    let mut rig = watched(hard.clone(), &[perpetual()]);
    push(&mut rig, mark(1_000_000));
    push(&mut rig, position(0, 0, "0"));
    push(&mut rig, opened());
    push(&mut rig, position(100_000, 900_000, "5000"));
    // 10,000.00 to 9,000.00 is a tenth; one tick lower it is less.
    push(&mut rig, mark(1_000_000));
    assert_eq!(reducing(&rig, MAIN), None, "at the level");
    push(&mut rig, mark(999_999));
    assert_eq!(reducing(&rig, MAIN), Some(Control::LiquidationDistance));
    let told = notices(&rig);
    let told = told.iter().rfind(|one| one.code == NoticeCode::HardLimit);
    assert_eq!(
        told.map(|one| (one.value, one.threshold)),
        Some((999, 1_000))
    );
    // The venue names no price: (10,000 - 1,005) / 0.995 = 9,040.2, by our own reckoning.
    push(&mut rig, position(100_000, 0, "1005"));
    push(&mut rig, mark(1_000_000));
    assert_eq!(reducing(&rig, MAIN), Some(Control::LiquidationDistance));
    push(&mut rig, position(100_000, 0, "5000"));
    push(&mut rig, mark(1_000_000));
    assert_eq!(reducing(&rig, MAIN), None);
    // Without a price nobody can say: only what reduces passes.
    let mut rig = watched(hard, &[perpetual()]);
    push(&mut rig, opened());
    assert_eq!(reducing(&rig, MAIN), Some(Control::LiquidationDistance));
    push(&mut rig, mark(1_000_000));
    assert_eq!(reducing(&rig, MAIN), None);
}

#[test]
fn funding_paid_counts_at_its_rate_until_midnight_and_without_a_rate_blocks() {
    let hard = vec![level(Control::FundingPaid, None, 100 * E8)];
    let mut rig = watched(hard.clone(), &[perpetual()]);
    push(&mut rig, funded(1, "USDT", "-60"));
    push(&mut rig, funded(2, "USDT", "10"));
    // 0.005 BTC at 10,000.00.
    push(&mut rig, funded(3, "BTC", "-0.005"));
    assert_eq!(reducing(&rig, MAIN), None, "at the level");
    push(&mut rig, funded(4, "USDT", "-0.00000001"));
    assert_eq!(reducing(&rig, MAIN), Some(Control::FundingPaid));
    rig.pass(86_400 * SECOND);
    push(&mut rig, tick());
    assert_eq!(reducing(&rig, MAIN), None);
    push(&mut rig, funded(5, "BNB", "-0.00000001"));
    assert_eq!(reducing(&rig, MAIN), Some(Control::FundingPaid));
}

#[test]
fn borrowed_counts_what_is_owed_at_the_rates_of_now_and_without_one_blocks() {
    let mut rig = watched(vec![level(Control::Borrowed, None, 100 * E8)], &[]);
    push(&mut rig, moved(TransferKind::Borrow, 1, "BTC", "0.01"));
    assert_eq!(reducing(&rig, MAIN), None, "at the level");
    book(&mut rig, kit::INSTRUMENT, 1_000_001, 0);
    second(&mut rig);
    assert_eq!(reducing(&rig, MAIN), Some(Control::Borrowed));
    push(&mut rig, moved(TransferKind::Repay, 2, "BTC", "-0.01"));
    assert_eq!(reducing(&rig, MAIN), None);
    push(&mut rig, moved(TransferKind::Borrow, 3, "BNB", "1"));
    assert_eq!(reducing(&rig, MAIN), Some(Control::Borrowed));
}

#[test]
fn concentration_of_equity_and_of_exposure_at_a_venue_is_held_at_its_level() {
    // 110,000 at the first venue, and half as much at the other: two thirds, rounded up.
    for (control, hard, killed) in [
        (Control::VenueConcentration, 6_667, false),
        (Control::VenueConcentration, 6_666, true),
        (Control::VenueGross, 8_000, false),
        (Control::VenueGross, 7_999, true),
    ] {
        let mut rig = begun(vec![level(control, Some(hard), hard + 1)], &[]);
        push(&mut rig, balance(1, "USDT", "52500"));
        // Exposure: 1 BTC here, a quarter there.
        push(&mut rig, balance(1, "BTC", "0.25"));
        second(&mut rig);
        let by = killed.then_some(control);
        assert_eq!(reducing(&rig, VENUE), by, "{control:?} {hard}");
        assert_eq!(switch(&rig, VENUE).0, None, "hard is one beyond");
        push(&mut rig, moved(TransferKind::Deposit, 9, "USDT", "500000"));
        push(&mut rig, moved(TransferKind::Deposit, 10, "BTC", "5"));
        second(&mut rig);
        assert_eq!(switch(&rig, VENUE).0, Some(control), "{control:?} {hard}");
    }
}

#[test]
fn drift_counts_once_it_lasted_and_not_while_a_fill_is_on_its_way() {
    let levels = vec![
        level(Control::Drift, Some(5 * E8), 50 * E8),
        level(Control::DriftTime, None, (3 * SECOND).cast_signed()),
    ];
    let mut rig = watched(levels, &[]);
    // The report comes before its fill, and the fill within the time.
    push(&mut rig, balance(0, "BTC", "1.01"));
    rig.pass(2 * SECOND);
    push(&mut rig, fill(0, 1, Side::Buy, 1_000_000, 1_000));
    rig.pass(9 * SECOND);
    push(&mut rig, tick());
    assert_eq!(reducing(&rig, MAIN), None);
    // The quote balance was not reported since: no report, no difference.
    push(&mut rig, balance(0, "USDT", "99899.9999"));
    second(&mut rig);
    // 6 of quote are missing, and stay so.
    push(&mut rig, balance(0, "USDT", "99893.9999"));
    for _ in 0..3 {
        second(&mut rig);
        assert_eq!(reducing(&rig, MAIN), None, "not long enough");
    }
    second(&mut rig);
    assert_eq!(reducing(&rig, MAIN), Some(Control::Drift));
    let told = notices(&rig);
    let told = told
        .iter()
        .find(|one| one.code == NoticeCode::Drift)
        .unwrap();
    assert!(told.value >= 6 * E8 && told.value <= 6 * E8 + 1);
    assert_eq!(told.threshold, 5 * E8);
    // A person's correction ends it; nothing was adjusted before.
    push(&mut rig, moved(TransferKind::Adjustment, 5, "USDT", "-6"));
    assert_eq!(reducing(&rig, MAIN), None);
    assert!(codes(&rig).contains(&NoticeCode::DriftEnded));
    // Far more than the hard level.
    push(&mut rig, balance(0, "BTC", "0.5"));
    for _ in 0..4 {
        second(&mut rig);
    }
    assert_eq!(switch(&rig, MAIN).0, Some(Control::Drift));
}

#[test]
fn drift_at_its_level_or_without_a_price_is_no_kill() {
    for (missing, by) in [("4.99999999", None), ("5.00000001", Some(Control::Drift))] {
        let mut rig = watched(vec![level(Control::Drift, None, 5 * E8)], &[]);
        let total = Decimal::from(100_000) - missing.parse::<Decimal>().unwrap();
        push(&mut rig, balance(0, "USDT", &total.to_string()));
        for _ in 0..12 {
            second(&mut rig);
        }
        assert_eq!(switch(&rig, MAIN).0, by, "{missing}");
    }
    let mut rig = watched(vec![level(Control::Drift, None, 5 * E8)], &[]);
    push(&mut rig, balance(0, "BNB", "1"));
    push(&mut rig, balance(0, "BNB", "1.1"));
    for _ in 0..12 {
        second(&mut rig);
    }
    assert_eq!(switch(&rig, MAIN), (None, None, Some(Control::Drift)));
}

#[test]
fn what_was_there_before_us_is_adopted_as_money_and_refused_as_a_position() {
    let mut rig = watched(
        vec![level(Control::Drift, Some(1), 200_000 * E8)],
        &[perpetual()],
    );
    let adopted = |rig: &Rig| -> Vec<(i64, i64)> {
        let all = notices(rig);
        let told = all.iter().filter(|one| one.code == NoticeCode::Adopted);
        told.map(|one| (one.value, one.threshold)).collect()
    };
    assert_eq!(adopted(&rig), [(E8, 1), (100_000 * E8, 1)]);
    push(&mut rig, balance(0, "BTC", "1"));
    push(&mut rig, mark(1_000_000));
    push(&mut rig, position(100_000, 0, "0"));
    assert_eq!(adopted(&rig)[2..], [(100_000, 0)]);
    let hard = notices(&rig);
    let hard = hard.iter().rfind(|one| one.code == NoticeCode::Adopted);
    assert_eq!(hard.map(|one| one.level), Some(NoticeLevel::Hard));
    let own = rig.machine.position(PERPETUAL, ACCOUNT).unwrap();
    assert_eq!(own.lots, Lots::ZERO, "not ours");
    for _ in 0..12 {
        second(&mut rig);
    }
    assert_eq!(reducing(&rig, MAIN), Some(Control::Drift));
    let equity = rig.machine.portfolio().equity(ACCOUNT);
    assert_eq!(equity, Some(Decimal::from(110_000)), "nor is its profit");
}

#[test]
fn feature_keeps_its_number_over_runs_and_another_name_is_refused() {
    let feature = |number, name: &str| FeatureConfig {
        number,
        name: name.to_owned(),
    };
    let mut config = config(vec![maker()]);
    config.control.features = vec![feature(7, "fast-cancel")];
    let mut rig = Rig::new();
    rig.start(&config, 0);
    // Off, and on again under its name; a number that never was is new.
    config.control.features = Vec::new();
    rig.start(&config, rig.machine.commands_decided());
    config.control.features = vec![feature(7, "fast-cancel"), feature(8, "slow-cancel")];
    rig.start(&config, rig.machine.commands_decided());
    config.control.features = vec![feature(8, "old-code")];
    let mut out = Outputs::new();
    let mut apply = |record: Record| {
        let mut record = record;
        record.event = rig.machine.last_event() + 1;
        record.time_ns = rig.now;
        rig.machine.apply(&record, &mut out)
    };
    apply(kit::run_started(4, 0)).unwrap_or_default();
    let blobs = blob::records(BlobKind::MachineConfig, &config).unwrap();
    let all: Result<Vec<()>, _> = blobs
        .into_iter()
        .map(|record| apply(record.from_source(SourceId(9))))
        .collect();
    let error = all.unwrap_err().to_string();
    assert!(
        error.contains("old-code") && error.contains("slow-cancel"),
        "{error}"
    );
}
