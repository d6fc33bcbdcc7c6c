//! The report as one page: a fixed template with the report's JSON inside. It loads nothing from
//! anywhere, so it can be kept, sent and printed.

use super::Report;

const TEMPLATE: &str = include_str!("page.html");
const PLACE: &str = "/*REPORT*/null";

/// The page.
///
/// # Errors
///
/// Never for a report made by [`Report::new`]: its numbers are what JSON can hold, or `None`.
pub fn page(report: &Report) -> Result<String, serde_json::Error> {
    // `<` could end the script that holds it.
    let json = serde_json::to_string(report)?.replace('<', "\\u003c");
    Ok(TEMPLATE.replacen(PLACE, &json, 1))
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
