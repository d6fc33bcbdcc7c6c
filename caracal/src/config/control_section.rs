//! `[[person]]`, `[control]` and `[[limit]]`: who may change what, and the levels of the controls
//! behind the order, in the units that people use.

use std::time::Duration;

use engine::machine::{ControlConfig, FeatureConfig};

use super::section::{Problems, Section};

/// Persons, levels, and what the levels need to know, as configured.
#[derive(Debug, Clone)]
pub(crate) struct ControlDraft {
    /// All that needs no names of instruments.
    pub(crate) config: ControlConfig,
    /// The levels.
    pub(crate) limits: Vec<LimitDraft>,
    /// Digest that the program must have; `None`: any.
    pub(crate) program: Option<String>,
}

/// One `[[limit]]`.
#[derive(Debug, Clone)]
pub(crate) struct LimitDraft {
    /// Name of the control.
    pub(crate) control: String,
    /// The scope's text, for example `account:main`.
    pub(crate) scope: String,
    /// The soft level's text.
    pub(crate) soft: Option<String>,
    /// The hard level's text.
    pub(crate) hard: String,
}

/// `flatten_passes`: whether the last line lets the orders of a flatten pass.
pub(super) fn read(
    root: &mut Section<'_>,
    flatten_passes: bool,
    problems: &mut Problems<'_>,
) -> Option<ControlDraft> {
    let mut persons = Vec::new();
    for mut person in root.tables(problems, "person") {
        persons.push(person.text(problems, "name", None));
        person.finish(problems);
    }
    let mut section = root.table(problems, "control");
    let times = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);
    let life = section.duration(problems, "proposal_life", times.clone(), Some(HOUR));
    let flatten_on_kill = section.flag(problems, "flatten_on_kill", false);
    if flatten_on_kill == Some(true) && !flatten_passes {
        let what = "needs flatten_passes = true in [engine.last_line], which would stop its orders";
        section.problem(problems, "flatten_on_kill", what);
    }
    let price = section.integer(problems, "repeated_price_bps", 0..=10_000, Some(1));
    let qty = section.integer(problems, "repeated_qty_bps", 0..=10_000, Some(0));
    let window = section.duration(problems, "loss_speed_window", times, Some(MINUTE));
    let stable_assets = section.optional_texts(problems, "stable_assets");
    let features = features(&mut section, problems);
    let program = section.optional_text(problems, "program");
    section.finish(problems);
    let mut limits = Vec::new();
    for mut limit in root.tables(problems, "limit") {
        let control = limit.text(problems, "control", None);
        let scope = limit.text(problems, "scope", Some("everything"));
        let soft = limit.has("soft").then(|| limit.value(problems, "soft"));
        let hard = limit.value(problems, "hard");
        limit.finish(problems);
        limits.push(LimitDraft {
            control: control?,
            scope: scope?,
            soft: soft.map_or(Some(None), |soft| soft.map(Some))?,
            hard: hard?,
        });
    }
    Some(ControlDraft {
        config: ControlConfig {
            persons: persons.into_iter().collect::<Option<_>>()?,
            proposal_life_ns: nanos(life?),
            flatten_on_kill: flatten_on_kill?,
            flatten_passes,
            levels: Vec::new(),
            repeated_price_bps: u32::try_from(price?).ok()?,
            repeated_qty_bps: u32::try_from(qty?).ok()?,
            loss_speed_window_ns: nanos(window?),
            stable_assets: stable_assets?,
            program: [0; 32],
            features: features?,
        },
        limits,
        program,
    })
}

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `features = ["7 name"]`: a feature's number and its name.
fn features(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Vec<FeatureConfig>> {
    let texts = section.optional_texts(problems, "features")?;
    let parse = |text: &String| {
        let (number, name) = text.split_once(' ')?;
        Some(FeatureConfig {
            number: number.parse().ok()?,
            name: name.trim().to_owned(),
        })
    };
    let features: Option<Vec<_>> = texts.iter().map(parse).collect();
    if features.is_none() {
        section.problem(
            problems,
            "features",
            "must be texts of a number, a blank and a name, such as \"7 fast-cancel\"",
        );
    }
    features
}
