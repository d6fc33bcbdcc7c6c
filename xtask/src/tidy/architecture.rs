//! Rule `architecture`: one short page names every crate and what it promises.

use super::Violation;
use super::manifest;
use super::mask::has_word;
use super::tree::Tree;

const PATH: &str = "ARCHITECTURE.md";
const LINES_MAX: usize = 250;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let violation = |line, what: String, fix| {
        let why = "one page must say where everything is and what always holds";
        Violation::new(PATH, line, what, why, fix)
    };
    let Some(file) = tree.file(PATH) else {
        return vec![violation(1, "the page is missing".to_owned(), "write it")];
    };
    let count = file.text.lines().count();
    let mut found = Vec::new();
    if count > LINES_MAX {
        let what = format!("{count} lines");
        found.push(violation(
            LINES_MAX + 1,
            what,
            "keep it under 250; detail belongs in docs/",
        ));
    }
    for member in manifest::members(tree) {
        let sections = sections_on(&file.text, &member);
        if sections.is_empty() {
            let what = format!("no `##` or `###` heading names the crate `{member}`");
            found.push(violation(1, what, "add a section that does"));
        } else if !sections.iter().any(|(_, text)| text.contains("Invariant:")) {
            let what = format!("the section on `{member}` has no `Invariant:` line");
            found.push(violation(
                sections[0].0,
                what,
                "say what always holds there",
            ));
        }
    }
    found
}

/// Line number and text of each section whose heading names `member`.
fn sections_on(text: &str, member: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut sections = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let level = level(line);
        if (2..=3).contains(&level) && has_word(line, member) {
            let ends = |line: &&&str| (1..=level).contains(&self::level(line));
            let body = lines[index + 1..].iter().take_while(|line| !ends(line));
            let body: Vec<&str> = body.copied().collect();
            sections.push((index + 1, body.join("\n")));
        }
    }
    sections
}

/// Number of `#` before a heading's space; 0 for any other line.
fn level(line: &str) -> usize {
    let marks = line.chars().take_while(|c| *c == '#').count();
    if line[marks..].starts_with(' ') {
        marks
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    const ROOT: (&str, &str) = (
        "Cargo.toml",
        "[workspace]\nmembers = [\"model\", \"bench\"]\n",
    );

    fn found(text: &str) -> Vec<String> {
        places(check, &[ROOT, (PATH, text)])
    }

    #[test]
    fn architecture_page_or_section_missing_is_found() {
        assert_eq!(places(check, &[ROOT]), ["ARCHITECTURE.md:1"]);
        assert_eq!(
            found("# A\n\n## `model/`: x\n**Invariant:** y\n"),
            ["ARCHITECTURE.md:1"]
        );
        let without = "# A\n## `model/`\ntext\n## bench\n### Detail\n**Invariant:** y\n";
        assert_eq!(found(without), ["ARCHITECTURE.md:2"]);
    }

    #[test]
    fn architecture_complete_and_short_is_fine() {
        let good = "# A\n## `model/`\nInvariant: x\n### `bench/`\n**Invariant:** y\n";
        assert!(found(good).is_empty());
        let long = format!("{good}{}", "x\n".repeat(250));
        assert_eq!(found(&long), ["ARCHITECTURE.md:251"]);
    }
}
