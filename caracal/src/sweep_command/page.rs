//! A sweep as one page: a heat map over two settings or a line over one, and the table of all. It
//! loads nothing from anywhere.

use serde_json::{Value, json};

use super::plan::Plan;
use crate::output::Failure;

const TEMPLATE: &str = include_str!("page.html");
const PLACE: &str = "/*SWEEP*/null";

/// The page of a sweep's results.
///
/// # Errors
///
/// [`Failure`], which numbers out of JSON cannot cause.
pub(super) fn page(plan: &Plan, metric: &str, results: &Value) -> Result<String, Failure> {
    let value = json!({
        "metric": metric,
        "results": results,
        "config": plan.text,
        "program": plan.program,
        "data": plan.data.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    });
    // `<` could end the script that holds it.
    let text = serde_json::to_string(&value).map_err(Failure::because)?;
    Ok(TEMPLATE.replacen(PLACE, &text.replace('<', "\\u003c"), 1))
}
