//! The main figures of reports, side by side.

use serde_json::{Value, json};

use super::read::Loaded;

/// Name, unit (`$`: the reporting currency), where `report.json` has it, factor, digits.
const ROWS: [(&str, &str, &str, f64, usize); 25] = [
    ("profit", "$", "/counted/pnl", 1.0, 4),
    ("return", "%", "/performance/total_return", 100.0, 4),
    ("Sharpe", "a year", "/performance/sharpe", 1.0, 3),
    ("Sortino", "a year", "/performance/sortino", 1.0, 3),
    ("Calmar", "a year", "/performance/calmar", 1.0, 3),
    ("largest drawdown", "$", "/performance/max_drawdown", 1.0, 4),
    (
        "longest drawdown",
        "s",
        "/performance/max_drawdown_s",
        1.0,
        1,
    ),
    (
        "value at risk 95 %",
        "$",
        "/performance/value_at_risk_95",
        1.0,
        4,
    ),
    ("its interval", "s", "/performance/interval_s", 1.0, 1),
    ("turnover", "$", "/trading/turnover", 1.0, 2),
    ("fees", "$", "/counted/fees", 1.0, 4),
    ("orders", "", "/trading/orders", 1.0, 0),
    ("fills", "", "/trading/fills", 1.0, 0),
    ("fill ratio", "%", "/trading/fill_ratio", 100.0, 2),
    ("maker share", "%", "/trading/maker_share", 100.0, 2),
    ("edge", "bps", "/trading/edge_bps", 1.0, 3),
    ("after 1 s", "bps", "/trading/markout_1s_bps", 1.0, 3),
    ("after 10 s", "bps", "/trading/markout_10s_bps", 1.0, 3),
    ("slippage", "bps", "/trading/slippage_bps", 1.0, 3),
    ("time to fill", "s", "/trading/seconds_to_fill", 1.0, 3),
    (
        "time in position",
        "%",
        "/trading/time_in_position",
        100.0,
        1,
    ),
    (
        "mean gross exposure",
        "$",
        "/trading/gross_exposure",
        1.0,
        2,
    ),
    (
        "fees without a rate",
        "",
        "/trading/fees_without_rate",
        1.0,
        0,
    ),
    ("refused by risk", "", "/counted/refusals", 1.0, 0),
    ("liquidations", "", "/counted/liquidations", 1.0, 0),
];

/// One figure of each run.
pub(super) struct Figure {
    /// What it is.
    pub(super) name: &'static str,
    /// Its unit; empty for a count.
    pub(super) unit: String,
    /// Of each run; `None` where it has none.
    pub(super) values: Vec<Option<f64>>,
    digits: usize,
}

/// The figures. Money is only comparable in one currency: its unit says if there are several.
pub(super) fn figures(runs: &[Loaded]) -> Vec<Figure> {
    let currency = |run: &Loaded| {
        run.report["run"]["reporting"]
            .as_str()
            .unwrap_or("?")
            .to_owned()
    };
    let mut currencies: Vec<String> = runs.iter().map(currency).collect();
    currencies.dedup();
    let rows = ROWS
        .iter()
        .map(|(name, unit, place, factor, digits)| Figure {
            name,
            unit: if *unit == "$" {
                currencies.join("/")
            } else {
                (*unit).to_owned()
            },
            values: runs
                .iter()
                .map(|run| number(run.report.pointer(place)?).map(|value| value * factor))
                .collect(),
            digits: *digits,
        });
    rows.collect()
}

/// Exact numbers are texts in a report.
fn number(value: &Value) -> Option<f64> {
    let text = || value.as_str()?.parse().ok();
    value.as_f64().or_else(text)
}

impl Figure {
    /// What this run has more than the first one.
    fn difference(&self, run: usize) -> Option<f64> {
        Some(self.values[run]? - self.values[0]?)
    }

    /// A value as text.
    pub(super) fn shown(&self, value: Option<f64>) -> String {
        value.map_or_else(
            || "-".to_owned(),
            |value| format!("{value:.*}", self.digits),
        )
    }

    /// The difference as text, with its sign.
    pub(super) fn shown_difference(&self, run: usize) -> String {
        let text = |value: f64| format!("{value:+.*}", self.digits);
        self.difference(run).map_or_else(|| "-".to_owned(), text)
    }

    /// Name, unit, values and differences to the first run, whole and as shown.
    pub(super) fn to_json(&self) -> Value {
        let runs = 0..self.values.len();
        json!({
            "name": self.name,
            "unit": self.unit,
            "values": self.values,
            "differences": runs.map(|run| self.difference(run)).collect::<Vec<_>>(),
            "digits": self.digits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_against_the_first_and_none_without_both() {
        let figure = |values: &[Option<f64>]| Figure {
            name: "profit",
            unit: String::new(),
            values: values.to_vec(),
            digits: 2,
        };
        let one = figure(&[Some(1.5), Some(-2.0), None]);
        assert_eq!(one.shown_difference(1), "-3.50");
        assert_eq!(one.shown_difference(2), "-");
        assert_eq!(one.shown(None), "-");
        assert_eq!(figure(&[None, Some(1.0)]).shown_difference(1), "-");
        assert_eq!(number(&json!("-1.25")), Some(-1.25));
        assert_eq!(number(&json!("unknown")), None);
    }
}
