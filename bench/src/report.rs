//! What a run of the harness found, as a table for people and as one JSON object for tools.
//!
//! A measurement that could not be made has a line saying why, and `null` in the JSON.

use std::fmt;
use std::time::Duration;

use engine::pipeline::{HopLatency, LatencyReport};
use serde_json::{Map, Value, json};

use crate::distribution::Percentiles;
use crate::facts::Facts;
use crate::hiccup::Hiccups;
use crate::inside::Outcome;

/// A measurement, or why there is none.
pub type Measured<T> = Result<T, String>;

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
            match measured {
                Ok(outcome) => write_outcome(f, name, outcome)?,
                Err(why) => writeln!(f, "{name:<34} not measured: {why}")?,
            }
        }
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
        .filter_map(|(name, measured)| Some((*name, measured.as_ref().ok()?)))
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
    /// The `--json` line.
    #[must_use]
    pub fn json(&self) -> Value {
        let first = self
            .inside
            .first()
            .and_then(|(_, outcome)| outcome.as_ref().ok());
        let all: Map<String, Value> = measured_of(&self.inside)
            .map(|(name, outcome)| (name.to_owned(), outcome.corrected.json()))
            .collect();
        json!({
            "rate": first.map(|outcome| outcome.rate),
            "seconds": self.time.as_secs_f64(),
            "tick_to_order_ns": first.map(|outcome| outcome.corrected.json()),
            "variants_ns": all,
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

fn hops(report: &LatencyReport) -> Value {
    let rows = report.hops.iter();
    rows.map(|hop| (hop.hop.name().to_owned(), of_hop(hop).json()))
        .collect::<Map<String, Value>>()
        .into()
}
