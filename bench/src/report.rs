//! What a run of the harness found, as a table for people and as one JSON object for tools.
//!
//! A measurement that could not be made has a line saying why, and `null` in the JSON.

use std::fmt;
use std::time::Duration;

use engine::pipeline::{HopLatency, LatencyReport};
use serde_json::{Map, Value, json};

use crate::HarnessError;
use crate::distribution::Percentiles;
use crate::facts::Facts;
use crate::hiccup::Hiccups;
use crate::inside::Outcome;
use crate::wire::Found;

/// A measurement, or why there is none.
#[derive(Debug)]
pub enum Measured<T> {
    /// What was found.
    Found(T),
    /// A filter left it out.
    Unwanted,
    /// This machine cannot make it.
    Impossible(&'static str),
    /// It failed.
    Failed(HarnessError),
}

impl<T> Measured<T> {
    /// A measurement that was tried.
    #[must_use]
    pub fn of(outcome: Result<T, HarnessError>) -> Self {
        match outcome {
            Ok(found) => Self::Found(found),
            Err(error) => Self::Failed(error),
        }
    }

    /// What was found.
    #[must_use]
    pub const fn found(&self) -> Option<&T> {
        match self {
            Self::Found(found) => Some(found),
            Self::Unwanted | Self::Impossible(_) | Self::Failed(_) => None,
        }
    }

    const fn has_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// The line for one that gave nothing.
    fn write_absence(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        match self {
            Self::Found(_) | Self::Unwanted => Ok(()),
            Self::Impossible(why) => writeln!(f, "{name:<34} not here: {why}"),
            Self::Failed(error) => writeln!(f, "{name:<34} FAILED: {error}"),
        }
    }
}

/// Everything that one run found.
#[derive(Debug)]
pub struct Report {
    /// The machine and the build.
    pub facts: Facts,
    /// How long the run took.
    pub time: Duration,
    /// What the machine did to a thread that only spun.
    pub hiccups: Hiccups,
    /// Inside the process, by name; the first is the one that counts.
    pub inside: Vec<(&'static str, Measured<Outcome>)>,
    /// Wire to wire: the engine, and the bare echo.
    pub wire: [(&'static str, Measured<Found>); 2],
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.facts)?;
        let Hiccups {
            gaps,
            lost_percent,
            long_per_second,
            ..
        } = &self.hiccups;
        writeln!(
            f,
            "hiccup control: {lost_percent:.2} % of a spinning thread's time lost, \
             {long_per_second:.0} gaps of 10 us and more a second, the longest {} us\n",
            gaps.max / 1_000,
        )?;
        head(f, "tick to order, ns")?;
        for (name, measured) in &self.inside {
            match measured.found() {
                Some(outcome) => write_outcome(f, name, outcome)?,
                None => measured.write_absence(f, name)?,
            }
        }
        self.write_wire(f)?;
        for (name, outcome) in measured_of(&self.inside) {
            writeln!(f)?;
            head(f, &format!("{name}, by hop"))?;
            for hop in &outcome.hops.hops {
                row(f, hop.hop.name(), &of_hop(hop))?;
            }
        }
        Ok(())
    }
}

fn measured_of<'a, T>(
    all: &'a [(&'static str, Measured<T>)],
) -> impl Iterator<Item = (&'static str, &'a T)> {
    all.iter()
        .filter_map(|(name, measured)| Some((*name, measured.found()?)))
}

fn write_outcome(f: &mut fmt::Formatter<'_>, name: &str, outcome: &Outcome) -> fmt::Result {
    row(f, name, &outcome.corrected)?;
    row(f, "  uncorrected", &outcome.plain)?;
    row(f, "  from when the tick was due", &outcome.from_due)?;
    writeln!(
        f,
        "  {} ticks ({:.0}/s), {} orders, {} lost, {} bytes of orders",
        outcome.ticks, outcome.rate, outcome.orders, outcome.lost, outcome.order_bytes,
    )
}

fn head(f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
    let [p50, p90, p99, p999, max] = ["p50", "p90", "p99", "p99.9", "max"];
    writeln!(
        f,
        "{title:<34} {p50:>9} {p90:>9} {p99:>9} {p999:>9} {max:>10}"
    )
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, at: &Percentiles) -> fmt::Result {
    let Percentiles {
        p50,
        p90,
        p99,
        p999,
        max,
        ..
    } = at;
    writeln!(
        f,
        "{name:<34} {p50:>9} {p90:>9} {p99:>9} {p999:>9} {max:>10}"
    )
}

const fn of_hop(hop: &HopLatency) -> Percentiles {
    Percentiles {
        count: hop.count,
        p50: hop.p50_ns,
        p90: hop.p90_ns,
        p99: hop.p99_ns,
        p999: hop.p999_ns,
        max: hop.max_ns,
    }
}

impl Report {
    /// Whether nothing failed that this machine could have measured.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self
            .inside
            .iter()
            .any(|(_, measured)| measured.has_failed())
            && !self.wire.iter().any(|(_, measured)| measured.has_failed())
    }

    fn write_wire(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        head(f, "wire to wire, ns")?;
        for (name, measured) in &self.wire {
            let Some(found) = measured.found() else {
                measured.write_absence(f, name)?;
                continue;
            };
            let wire = found.percentiles();
            row(f, name, &wire)?;
            let count = wire.count;
            writeln!(f, "  {count} orders, {} without a pair", found.lost)?;
        }
        match self.wire_ratio() {
            Some(ratio) => writeln!(f, "  engine to echo, p50: {ratio:.2}"),
            None => Ok(()),
        }
    }

    /// Median of the engine over the echo's.
    fn wire_ratio(&self) -> Option<f64> {
        let [engine, echo] = &self.wire;
        let p50 = |found: &Found| found.percentiles().p50;
        let (engine, echo) = (p50(engine.1.found()?), p50(echo.1.found()?));
        (echo > 0).then(|| engine as f64 / echo as f64)
    }

    /// The `--json` line.
    #[must_use]
    pub fn json(&self) -> Value {
        let first = self.inside.first().and_then(|(_, outcome)| outcome.found());
        let all: Map<String, Value> = measured_of(&self.inside)
            .map(|(name, outcome)| (name.to_owned(), outcome.corrected.json()))
            .collect();
        json!({
            "rate": first.map(|outcome| outcome.rate),
            "seconds": self.time.as_secs_f64(),
            "tick_to_order_ns": first.map(|outcome| outcome.corrected.json()),
            "variants_ns": all,
            "wire_to_wire_ns": wire(&self.wire[0].1),
            "echo_ns": wire(&self.wire[1].1),
            "wire_to_echo": self.wire_ratio(),
            "hops_ns": first.map(|outcome| hops(&outcome.hops)),
            "lost": first.map(|outcome| outcome.lost),
            "hiccups": {
                "lost_percent": self.hiccups.lost_percent,
                "long_per_second": self.hiccups.long_per_second,
                "max_ns": self.hiccups.gaps.max,
            },
            "machine": self.facts.json(),
        })
    }
}

fn wire(measured: &Measured<Found>) -> Option<Value> {
    measured.found().map(|found| found.percentiles().json())
}

fn hops(report: &LatencyReport) -> Value {
    let rows = report.hops.iter();
    rows.map(|hop| (hop.hop.name().to_owned(), of_hop(hop).json()))
        .collect::<Map<String, Value>>()
        .into()
}
