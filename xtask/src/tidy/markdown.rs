//! Rule `markdown-title`: one `# ` title in every Markdown file.

use super::Violation;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .flat_map(check_file)
        .collect()
}

fn check_file(file: &File) -> Vec<Violation> {
    let titles = titles(&file.text);
    let bad: Vec<usize> = if titles.is_empty() {
        vec![1]
    } else {
        titles[1..].to_vec()
    };
    let found = bad.into_iter().map(|line| {
        Violation::new(
            &file.path,
            line,
            format!("{} lines start with `# `", titles.len()),
            "one page has one title, so that links and tables of contents work",
            "keep one `# ` line and make the others `## `",
        )
    });
    found.collect()
}

/// Line numbers of the titles outside fenced code.
fn titles(text: &str) -> Vec<usize> {
    let mut fence: Option<&str> = None;
    let mut titles = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            (None, None) if line.starts_with("# ") => titles.push(index + 1),
            _ => {}
        }
    }
    titles
}

#[cfg(test)]
mod tests {
    use super::super::places;
    use super::*;

    #[test]
    fn markdown_second_or_missing_title_is_found() {
        assert_eq!(places(check, &[("a.md", "# A\n\n# B\n")]), ["a.md:3"]);
        assert_eq!(places(check, &[("a.md", "text\n")]), ["a.md:1"]);
        let good = "# A\n```sh\n# comment\n~~~\n```\n## B\n";
        assert!(places(check, &[("docs/a.md", good)]).is_empty());
    }
}
