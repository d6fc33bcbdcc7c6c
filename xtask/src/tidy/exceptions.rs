//! The list of excused violations: each names a file, a rule and a reason, and must be in use.

use serde::Deserialize;
use toml::Spanned;

use super::tree::Tree;
use super::{EXCEPTIONS_PATH, RULES, Violation};

/// Name under which problems of the list itself are reported; it cannot be excused.
const RULE: &str = "exceptions";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    exception: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: Spanned<String>,
    rule: String,
    reason: String,
}

impl Exception {
    fn excuses(&self, rule: &str, violation: &Violation) -> bool {
        self.rule == rule && *self.path.get_ref() == violation.path
    }
}

/// Takes the excused violations out of `found` and adds those of the list itself.
pub(super) fn apply(
    tree: &Tree,
    found: Vec<(&'static str, Violation)>,
) -> Vec<(&'static str, Violation)> {
    let Some(file) = tree.file(EXCEPTIONS_PATH) else {
        return found;
    };
    let list: List = match toml::from_str(&file.text) {
        Ok(list) => list,
        Err(error) => {
            let line = error
                .span()
                .map_or(1, |span| line_of(&file.text, span.start));
            let what = error.message().to_owned();
            return [(RULE, problem(line, what, "correct it"))]
                .into_iter()
                .chain(found)
                .collect();
        }
    };
    let own: Vec<_> = list
        .exception
        .iter()
        .filter_map(|exception| {
            let line = line_of(&file.text, exception.path.span().start);
            judge(exception, &found, line)
        })
        .collect();
    let excused = |rule: &str, violation: &Violation| {
        list.exception
            .iter()
            .any(|exception| exception.excuses(rule, violation))
    };
    let kept = found
        .into_iter()
        .filter(|(rule, violation)| !excused(rule, violation));
    kept.chain(own.into_iter().map(|violation| (RULE, violation)))
        .collect()
}

fn judge(
    exception: &Exception,
    found: &[(&'static str, Violation)],
    line: usize,
) -> Option<Violation> {
    let (path, rule) = (exception.path.get_ref(), &exception.rule);
    if !RULES.iter().any(|(known, _)| known == rule) {
        return Some(problem(
            line,
            format!("no rule is called `{rule}`"),
            "correct the name",
        ));
    }
    if exception.reason.trim().len() < 10 {
        return Some(problem(
            line,
            "an exception without a reason".to_owned(),
            "write the reason",
        ));
    }
    if !found
        .iter()
        .any(|(rule, violation)| exception.excuses(rule, violation))
    {
        return Some(problem(
            line,
            format!("`{path}` keeps `{rule}`"),
            "remove the exception",
        ));
    }
    None
}

fn problem(line: usize, what: String, fix: &'static str) -> Violation {
    let why = "each exception costs a reader's trust, so it must be exact and in use";
    Violation::new(EXCEPTIONS_PATH, line, what, why, fix)
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::super::violations;
    use super::*;

    const BAD: (&str, &str) = ("a/src/x.rs", "fn f() {}\n");
    const PAGE: (&str, &str) = ("ARCHITECTURE.md", "# A\n");

    fn with(list: &str) -> Vec<String> {
        violations(&Tree::of(&[BAD, PAGE, (EXCEPTIONS_PATH, list)]))
    }

    fn entry(path: &str, rule: &str, reason: &str) -> String {
        format!("[[exception]]\npath = \"{path}\"\nrule = \"{rule}\"\nreason = \"{reason}\"\n")
    }

    #[test]
    fn exception_in_use_excuses_its_file_and_rule_only() {
        assert_eq!(with("").len(), 1);
        assert_eq!(
            with(&entry("a/src/x.rs", "header", "a good reason")),
            Vec::<String>::new()
        );
        assert_eq!(
            with(&entry("a/src/y.rs", "header", "a good reason")).len(),
            2
        );
    }

    #[test]
    fn exception_unused_unknown_or_unreasoned_is_found_with_its_line() {
        let cases = [
            (
                entry("a/src/x.rs", "no-float", "a good reason"),
                "keeps `no-float`",
            ),
            (
                entry("a/src/x.rs", "headers", "a good reason"),
                "no rule is called",
            ),
            (entry("a/src/x.rs", "header", " "), "without a reason"),
        ];
        for (list, what) in cases {
            let found = with(&list);
            let start = "xtask/tidy-exceptions.toml:2: ";
            let hit = found
                .iter()
                .any(|line| line.starts_with(start) && line.contains(what));
            assert!(hit, "{what}: {found:?}");
        }
    }

    #[test]
    fn exception_list_that_does_not_parse_is_found() {
        let found = with("[[exception]]\npath = 1\n");
        assert!(
            found.iter().any(|line| line.contains("[exceptions]")),
            "{found:?}"
        );
        let found = with(&format!(
            "{}why = \"x\"\n",
            entry("a", "header", "a good reason")
        ));
        assert!(
            found.iter().any(|line| line.contains("unknown field")),
            "{found:?}"
        );
    }
}
