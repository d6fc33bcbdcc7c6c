//! The one table: ours, the floor, the peers, the targets and whether they were met.

use std::fmt;

use bench::facts::Facts;
use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use serde_json::{Map, Value, json};

use crate::peers::Figures;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Ns,
    Us,
    Seconds,
    /// Records a second.
    PerSecond,
    Count,
}

/// Which figure wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// What a row must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    AtMost(f64),
    /// This many times the floor.
    AtMostOfFloor(f64),
    /// This share of the floor.
    AtLeastOfFloor(f64),
    /// At least this, or this share of the floor if that is less.
    AtLeastOrOfFloor(f64, f64),
    /// This many times better than the best peer.
    TimesBestPeer(f64),
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    what: String,
    unit: Unit,
    better: Better,
    ours: Option<f64>,
    floor: Option<(&'static str, f64)>,
    peers: Figures,
    targets: Vec<Target>,
    note: Option<String>,
}

/// Whether a target was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    /// Something to compare with was not measured.
    Open,
}

impl Row {
    pub(crate) fn new(what: &str, unit: Unit, better: Better) -> Self {
        Self {
            what: what.to_owned(),
            unit,
            better,
            ours: None,
            floor: None,
            peers: Vec::new(),
            targets: Vec::new(),
            note: None,
        }
    }

    pub(crate) fn ours(mut self, ours: Option<f64>) -> Self {
        self.ours = ours;
        self
    }

    pub(crate) fn floor(mut self, name: &'static str, floor: Option<f64>) -> Self {
        self.floor = floor.map(|floor| (name, floor));
        self
    }

    /// Best first.
    pub(crate) fn peers(mut self, mut peers: Figures) -> Self {
        peers.sort_by(|(_, a), (_, b)| match self.better {
            Better::Lower => a.total_cmp(b),
            Better::Higher => b.total_cmp(a),
        });
        self.peers = peers;
        self
    }

    pub(crate) fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    pub(crate) fn note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }

    /// Ours over the floor.
    fn of_floor(&self) -> Option<f64> {
        let (_, floor) = self.floor?;
        Some(self.ours? / floor)
    }

    /// How many times better than this figure ours is.
    fn times_better(&self, other: f64) -> Option<f64> {
        let ours = self.ours?;
        Some(match self.better {
            Better::Lower => other / ours,
            Better::Higher => ours / other,
        })
    }

    fn verdict(&self, target: Target) -> Verdict {
        let reached = match target {
            Target::AtMost(most) => self.ours.map(|ours| ours <= most),
            Target::AtMostOfFloor(most) => self.of_floor().map(|ratio| ratio <= most),
            Target::AtLeastOfFloor(least) => self.of_floor().map(|ratio| ratio >= least),
            Target::AtLeastOrOfFloor(least, share) => {
                let floor = self.floor.map(|(_, floor)| floor * share);
                let (ours, floor) = (self.ours, floor);
                ours.zip(floor)
                    .map(|(ours, floor)| ours >= least.min(floor))
            }
            Target::TimesBestPeer(least) => {
                let best = self
                    .peers
                    .first()
                    .and_then(|(_, best)| self.times_better(*best));
                best.map(|times| times >= least)
            }
        };
        match reached {
            Some(true) => Verdict::Met,
            Some(false) => Verdict::Missed,
            None => Verdict::Open,
        }
    }

    fn wanted(&self, target: Target) -> String {
        match target {
            Target::AtMost(most) => format!("at most {}", self.shown(most)),
            Target::AtMostOfFloor(most) => format!("at most {most} of {}", self.floor_name()),
            Target::AtLeastOfFloor(least) => format!("at least {least} of {}", self.floor_name()),
            Target::AtLeastOrOfFloor(least, share) => {
                format!("{}, or {share} of {}", self.shown(least), self.floor_name())
            }
            Target::TimesBestPeer(times) => format!("{times} times the best peer"),
        }
    }

    fn floor_name(&self) -> &'static str {
        self.floor.map_or("the floor", |(name, _)| name)
    }

    fn shown(&self, value: f64) -> String {
        match self.unit {
            Unit::Ns => format!("{value:.1} ns"),
            Unit::Us => format!("{value:.0} us"),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::PerSecond if value < 1e6 => format!("{:.0} k/s", value / 1e3),
            Unit::PerSecond => format!("{:.1} M/s", value / 1e6),
            Unit::Count => format!("{value:.0}"),
        }
    }

    fn cells(&self) -> [String; 7] {
        let lines = |lines: Vec<String>| lines.join("\n");
        let what = self.what.clone();
        let floor = self.floor.map_or(String::new(), |(name, floor)| {
            format!("{}\n{name}", self.shown(floor))
        });
        let ratio = self
            .of_floor()
            .map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let peers = self.peers.iter().map(|(name, value)| {
            let times = self.times_better(*value);
            let times = times.map_or(String::new(), |times| format!(" ({times:.1})"));
            format!("{name} {}{times}", self.shown(*value))
        });
        let targets = self.targets.iter().map(|target| self.wanted(*target));
        let verdicts = self
            .targets
            .iter()
            .map(|target| self.verdict(*target).to_string());
        [
            self.note
                .as_ref()
                .map_or(what.clone(), |note| format!("{what}\n  {note}")),
            self.ours.map_or("none".to_owned(), |ours| self.shown(ours)),
            floor,
            ratio,
            lines(peers.collect()),
            lines(targets.collect()),
            lines(verdicts.collect()),
        ]
    }

    fn json(&self) -> Value {
        let targets = self.targets.iter().map(|target| {
            json!({ "target": self.wanted(*target), "verdict": self.verdict(*target).to_string() })
        });
        let peers: Map<String, Value> = self
            .peers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        json!({
            "what": self.what,
            "ours": self.ours,
            "floor": self.floor.map(|(_, floor)| floor),
            "of_floor": self.of_floor(),
            "peers": peers,
            "targets": targets.collect::<Vec<_>>(),
            "note": self.note,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Open => "open",
        })
    }
}

/// All rows.
pub(crate) struct Table {
    rows: Vec<Row>,
    /// Why there are no peers.
    no_peers: Option<String>,
}

impl Table {
    pub(crate) fn new(no_peers: Option<String>) -> Self {
        Self {
            rows: Vec::new(),
            no_peers,
        }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether everything was measured; a missed target is a measurement too.
    pub(crate) fn is_complete(&self) -> bool {
        self.no_peers.is_none()
    }

    pub(crate) fn json(&self, facts: &Facts) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "rows": rows, "machine": facts.json() })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new();
        grid.load_style(presets::ASCII_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header([
                "what",
                "ours",
                "floor",
                "ratio",
                "peers (times better)",
                "target",
                "verdict",
            ]);
        for row in &self.rows {
            grid.add_row(row.cells());
        }
        for column in [1, 2, 3] {
            if let Some(column) = grid.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "{grid}")?;
        match &self.no_peers {
            Some(why) => writeln!(f, "no peers: {why}"),
            None => Ok(()),
        }
    }
}
