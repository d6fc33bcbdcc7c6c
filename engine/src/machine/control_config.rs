//! What the machine is told about the people who may change it, and what it watches behind the
//! order: part of its configuration.
//!
//! Hot path: no. Allocates: yes, at configuration.

use model::control::{Control, Scope, ScopeKind, Stricter};
use model::limits::ASSET_NAME_BYTES;
use serde::{Deserialize, Serialize};

use super::config::Problems;

/// Most persons.
const PERSONS_MAX: usize = 64;
/// Longest name of a person, bytes.
const PERSON_NAME_BYTES: usize = 64;
/// Most levels.
const LEVELS_MAX: usize = 4_096;
/// Most assets that should be worth 1.
const STABLE_ASSETS_MAX: usize = 16;
/// Most features that are switched on.
const FEATURES_MAX: usize = 256;

/// Persons, levels, and what the levels need to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct ControlConfig {
    /// Names of those who may ask for a change. Without two of them nothing can be loosened.
    pub persons: Vec<String>,
    /// How long a proposal waits for the second person, nanoseconds. Above 0 where there are
    /// persons.
    pub proposal_life_ns: u64,
    /// Whether positions of a killed scope are closed once the venue confirmed that nothing rests.
    pub flatten_on_kill: bool,
    /// Whether the gateways' last line lets the orders of a flatten pass; without it there is none.
    pub flatten_passes: bool,
    /// Levels of the controls behind the order. One at most for a control and a scope.
    pub levels: Vec<LevelConfig>,
    /// Two executions are the same if their prices differ by at most this, in 1/10_000.
    pub repeated_price_bps: u32,
    /// And their quantities by at most this, in 1/10_000.
    pub repeated_qty_bps: u32,
    /// Time over which the speed of a loss is measured, nanoseconds. Above 0 if a level needs it.
    pub loss_speed_window_ns: u64,
    /// Assets that should be worth one of the reporting currency.
    pub stable_assets: Vec<String>,
    /// Digest of the program that runs; all zero if it is not known.
    pub program: [u8; 32],
    /// Features that are switched on.
    pub features: Vec<FeatureConfig>,
}

/// A control's soft and hard value in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// The control.
    pub control: Control,
    /// What it holds for.
    pub scope: Scope,
    /// From here on reduce-only, in the control's unit. Stricter than the hard one.
    pub soft: Option<i64>,
    /// From here on kill (or what `RISK.md` says), in the control's unit. From 0.
    pub hard: i64,
}

/// A feature of the program that a configuration switches on. Its number means one thing for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
}

/// The kinds of scope that a control can have levels in; empty for the others. Those before the
/// order refuse an order; those behind it end or pause trading.
#[must_use]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are all alike here"
)]
pub const fn watched_scopes(control: Control) -> &'static [ScopeKind] {
    use ScopeKind::{Account, Instrument, Overall, Strategy, Venue};
    match control {
        Control::RepeatedExecution
        | Control::RepeatedWindow
        | Control::LossStreak
        | Control::LossLock => &[Overall, Strategy],
        Control::DailyLoss | Control::Drawdown | Control::DrawdownSpeed => {
            &[Overall, Account, Strategy]
        }
        Control::EquityAge => &[Overall, Account],
        Control::ClockOffset
        | Control::ClockStep
        | Control::VenueConcentration
        | Control::VenueGross
        | Control::UnknownOrders
        | Control::UnknownValue => &[Overall, Venue],
        Control::LiquidationDistance
        | Control::FundingPaid
        | Control::Borrowed
        | Control::Drift
        | Control::DriftTime => &[Overall, Account],
        Control::Depeg => &[Overall],
        Control::FillSlippage | Control::FillFee => &[Overall, Instrument],
        Control::MaxValue
        | Control::OpenOrders
        | Control::OpenValue
        | Control::PriceCollar
        | Control::CollarPeriod
        | Control::Duplicate
        | Control::OrderToTrade => &[Overall, Venue, Account, Strategy, Instrument],
        Control::GrossValue | Control::Capital => &[Overall, Venue, Account, Strategy],
        Control::Haircut => &[Overall, Instrument],
        Control::MessageRate | Control::MessageBurst | Control::MessageReserve => {
            &[Venue, Account, Strategy]
        }
        Control::MaxQuantity | Control::Position | Control::PositionValue => {
            &[Strategy, Instrument]
        }
        _ => &[],
    }
}

impl ControlConfig {
    pub(super) fn check(&self, problems: &mut Problems) {
        self.check_persons(problems);
        self.check_levels(problems);
        problems.require(
            self.flatten_passes || !self.flatten_on_kill,
            "control.flatten_on_kill",
            self.flatten_on_kill,
            "false, unless the last line lets its orders pass",
        );
        let assets = self.stable_assets.len();
        problems.require(
            assets <= STABLE_ASSETS_MAX,
            "control.stable_assets",
            assets,
            "at most 16",
        );
        for asset in &self.stable_assets {
            problems.require(
                (1..=ASSET_NAME_BYTES).contains(&asset.len()),
                "control.stable_assets",
                asset,
                "1 to 14 bytes",
            );
        }
        let bands = [
            ("control.repeated_price_bps", self.repeated_price_bps),
            ("control.repeated_qty_bps", self.repeated_qty_bps),
        ];
        for (path, value) in bands {
            problems.require(value <= 10_000, path, value, "0 to 10000");
        }
        let features = self.features.len();
        problems.require(
            features <= FEATURES_MAX,
            "control.features",
            features,
            "at most 256",
        );
        for (index, feature) in self.features.iter().enumerate() {
            let before = &self.features[..index];
            problems.require(
                before.iter().all(|other| other.number != feature.number),
                "control.features",
                feature.number,
                "named once only",
            );
        }
    }

    fn check_persons(&self, problems: &mut Problems) {
        let persons = self.persons.len();
        problems.require(
            persons <= PERSONS_MAX,
            "control.persons",
            persons,
            "at most 64",
        );
        for (index, name) in self.persons.iter().enumerate() {
            let fits = (1..=PERSON_NAME_BYTES).contains(&name.len());
            problems.require(
                fits && !self.persons[..index].contains(name),
                format!("control.persons[{index}]"),
                name,
                "1 to 64 bytes, and another name than those before",
            );
        }
        problems.require(
            persons == 0 || self.proposal_life_ns > 0,
            "control.proposal_life_ns",
            self.proposal_life_ns,
            "above 0",
        );
    }

    fn check_levels(&self, problems: &mut Problems) {
        let levels = self.levels.len();
        problems.require(
            levels <= LEVELS_MAX,
            "control.levels",
            levels,
            "at most 4096",
        );
        for (index, level) in self.levels.iter().enumerate() {
            let path = format!("control.levels[{index}]");
            let before = &self.levels[..index];
            let same =
                |other: &LevelConfig| (other.control, other.scope) == (level.control, level.scope);
            problems.require(
                !before.iter().any(same),
                &path,
                level.control.name(),
                "limited once only in a scope",
            );
            problems.require(
                watched_scopes(level.control).contains(&level.scope.kind()),
                &path,
                level.control.name(),
                "a control with levels, in a scope that it has",
            );
            problems.require(
                level.is_sound(),
                &path,
                level.hard,
                "at least 0, and looser than the soft level",
            );
            problems.require(
                level.control != Control::DrawdownSpeed || self.loss_speed_window_ns > 0,
                "control.loss_speed_window_ns",
                self.loss_speed_window_ns,
                "above 0",
            );
        }
    }
}

impl LevelConfig {
    /// Whether both values are in range, and the soft one is at least as strict as the hard one.
    fn is_sound(&self) -> bool {
        let hard = (0..i64::MAX).contains(&self.hard);
        hard && self.soft.is_none_or(|soft| {
            (0..i64::MAX).contains(&soft)
                && match self.control.stricter() {
                    Stricter::Lower => soft <= self.hard,
                    Stricter::Higher => soft >= self.hard,
                }
        })
    }
}
