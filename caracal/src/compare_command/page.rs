//! A comparison as one page: the curves over one another, the figures, and what was different. It
//! loads nothing from anywhere.

use serde_json::{Value, json};

use super::read::Loaded;
use crate::output::Failure;

const TEMPLATE: &str = include_str!("page.html");
const PLACE: &str = "/*COMPARISON*/null";

/// The page of what the command tells, with the runs' curves.
///
/// # Errors
///
/// [`Failure`], which numbers out of JSON cannot cause.
pub(super) fn page(told: &Value, runs: &[Loaded]) -> Result<String, Failure> {
    let mut all = told.clone();
    let curves = runs.iter().map(|run| {
        let plot = &run.report["plot"];
        json!({
            "time_ms": plot["time_ms"],
            "profit": plot["profit"],
            "drawdown": plot["drawdown"],
            "strategies": run.report["run"]["strategies"],
            "instruments": run.report["run"]["instruments"],
            "currency": run.report["run"]["reporting"],
        })
    });
    all["curves"] = curves.collect::<Vec<_>>().into();
    // `<` could end the script that holds it.
    let text = serde_json::to_string(&all).map_err(Failure::because)?;
    Ok(TEMPLATE.replacen(PLACE, &text.replace('<', "\\u003c"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_has_one_place_and_loads_nothing() {
        assert_eq!(TEMPLATE.matches(PLACE).count(), 1);
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!TEMPLATE.contains(outside), "{outside}");
        }
    }
}
