//! `[engine]` and `[[worker]]`: rings, lanes, threads, and the machine's clock.

use std::time::Duration;

use engine::machine::{BOOK_WINDOW_MAX, BOOK_WINDOW_MIN};
use engine::pipeline::{LastLineLimits, Shape, Topology, Wait, WorkerConfig, available_cores};
use model::limits::{RING_SLOTS_MAX, RING_SLOTS_MIN};
use rust_decimal::Decimal;

use super::account_section::AccountDraft;
use super::section::{Problems, Section};
use super::venue_section::VenueNames;

/// Threads, queues and the tick.
#[derive(Debug, Clone)]
pub(crate) struct EngineConfig {
    /// Threads, rings and lanes.
    pub(crate) topology: Topology,
    /// Machine time never stands still longer than this.
    pub(crate) tick_interval: Duration,
    /// Width of the dense part of a book's side, ticks.
    pub(crate) book_window_ticks: u32,
    /// Limits of the gateways' last lines.
    pub(crate) last_line: LastLineLimits,
    /// Asset in which equity and profit are summed.
    pub(crate) reporting: String,
}

pub(super) fn read(
    root: &mut Section<'_>,
    venues: &[VenueNames],
    accounts: &[AccountDraft],
    strategies: usize,
    problems: &mut Problems<'_>,
) -> Option<EngineConfig> {
    let mut section = root.table(problems, "engine");
    let inbound_slots = slots(&mut section, problems, "inbound_slots", 4096);
    let command_slots = slots(&mut section, problems, "command_slots", 256);
    let lane_slots = slots(&mut section, problems, "lane_slots", 1024);
    let last_line = last_line(section.table(problems, "last_line"), problems);
    let machine = machine_part(&mut section, problems);
    section.finish(problems);
    let at_workers = root.offset_of("worker");
    let workers: Vec<Option<WorkerConfig>> = root
        .tables(problems, "worker")
        .into_iter()
        .map(|section| worker(section, problems))
        .collect();
    let topology = Topology {
        workers: workers.into_iter().collect::<Option<_>>()?,
        inbound_slots: inbound_slots?,
        command_slots: command_slots?,
        lane_slots: lane_slots?,
    };
    let names: Vec<&str> = venues.iter().map(|venue| venue.name.as_str()).collect();
    let shape = Shape {
        strategies,
        feeds: names.iter().map(|name| lane_name(name)).collect(),
        gateways: gateway_names(&names, accounts),
    };
    if strategies > 0 && !venues.is_empty() && !accounts.is_empty() {
        for problem in topology.problems(&shape, &available_cores()) {
            let what = format!("{} is not allowed: {}", problem.value, problem.allowed);
            problems.push_at(at_workers, &problem.key, what);
        }
    }
    let machine = machine?;
    Some(EngineConfig {
        topology,
        tick_interval: machine.tick_interval,
        book_window_ticks: machine.book_window_ticks,
        last_line: last_line?,
        reporting: machine.reporting,
    })
}

/// Name of a venue's feed among the stages.
pub(crate) fn lane_name(venue: &str) -> String {
    venue.to_ascii_lowercase()
}

/// Names of the accounts' gateways among the stages, in the order of the accounts: the venue's, and
/// behind it the account's where the venue has several.
pub(crate) fn gateway_names(venues: &[&str], accounts: &[AccountDraft]) -> Vec<String> {
    let name = |account: &AccountDraft| {
        let venue = venues
            .get(account.venue)
            .map_or_else(String::new, |name| lane_name(name));
        let there = accounts.iter().filter(|other| other.venue == account.venue);
        if there.count() == 1 {
            venue
        } else {
            format!("{venue}.{}", account.name.to_ascii_lowercase())
        }
    };
    accounts.iter().map(name).collect()
}

/// Least orders in a second with which positions can be closed, beside those just before a kill.
const FLATTEN_ORDERS: i64 = 40;

fn last_line(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<LastLineLimits> {
    let orders = section.integer(problems, "orders_per_second", 1..=100_000, Some(100));
    let values = Decimal::ONE..=Decimal::from(1_000_000_000_000_u64);
    let default = Some(Decimal::from(100_000));
    let value = section.decimal(problems, "value_per_second", values, default);
    let flatten = section.flag(problems, "flatten_passes", false);
    if flatten == Some(true) && orders.is_some_and(|orders| orders < FLATTEN_ORDERS) {
        let what = "must be 40 or more with flatten_passes: closing positions takes 20 in a second";
        section.problem(problems, "orders_per_second", what);
    }
    section.finish(problems);
    Some(LastLineLimits {
        orders_per_second: u32::try_from(orders?).ok()?,
        value_per_second: value?,
        flatten_passes: flatten?,
    })
}

/// What of `[engine]` concerns the machine itself.
#[derive(Debug, Clone)]
pub(super) struct MachinePart {
    pub(super) tick_interval: Duration,
    pub(super) book_window_ticks: u32,
    pub(super) reporting: String,
}

/// Reads that part, and passes over what is about threads and queues.
pub(super) fn read_machine(
    root: &mut Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<MachinePart> {
    let mut section = root.table(problems, "engine");
    for live in ["inbound_slots", "command_slots", "lane_slots", "last_line"] {
        section.pass_over(live);
    }
    let part = machine_part(&mut section, problems);
    section.finish(problems);
    part
}

fn machine_part(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<MachinePart> {
    let range = Duration::from_millis(1)..=Duration::from_secs(1);
    let default = Some(Duration::from_millis(100));
    let tick_interval = section.duration(problems, "tick_interval", range, default);
    let window = i64::from(BOOK_WINDOW_MIN)..=i64::from(BOOK_WINDOW_MAX);
    let window = section.integer(problems, "book_window_ticks", window, Some(65_536));
    let reporting = section.text(problems, "reporting", Some("USDT"));
    Some(MachinePart {
        tick_interval: tick_interval?,
        book_window_ticks: u32::try_from(window?).ok()?,
        reporting: reporting?,
    })
}

fn slots(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    default: i64,
) -> Option<usize> {
    let range = i64::try_from(RING_SLOTS_MIN).ok()?..=i64::try_from(RING_SLOTS_MAX).ok()?;
    let number = section.integer(problems, key, range, Some(default))?;
    usize::try_from(number).ok()
}

fn worker(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<WorkerConfig> {
    let core = if section.has("core") {
        Some(section.integer(problems, "core", 0..=4095, None)?)
    } else {
        None
    };
    let waits = [
        ("spin", Wait::Spin),
        ("yield", Wait::Yield),
        ("park", Wait::Park),
    ];
    let wait = section.choice(problems, "wait", &waits, Some(Wait::Park));
    let stages = section.texts(problems, "stages");
    section.finish(problems);
    let core = core.map(usize::try_from).transpose().ok()?;
    Some(WorkerConfig {
        core,
        wait: wait?,
        stages: stages?,
    })
}
