//! Splits Rust source into code and comments, line by line, and finds the lines of test modules.
//!
//! The rules need to know whether a word stands in code, in a comment or in a string, and nothing
//! more, so this is a scanner of the lexical grammar and no parser. Text inside strings and
//! character literals appears in neither part: a rule may name what it forbids.

/// One line of a Rust file.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// As written.
    pub(crate) text: String,
    /// The code, with comments and the insides of literals replaced by spaces.
    pub(crate) code: String,
    /// The text of comments, with everything else replaced by spaces.
    pub(crate) comment: String,
    /// Whether an item under `#[cfg(test)]` holds this line.
    pub(crate) in_test: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// The lines of `text`.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut scanner = Scanner {
        chars: text.chars().collect(),
        at: 0,
        lines: Vec::new(),
    };
    scanner.lines.push(Line::default());
    while scanner.at < scanner.chars.len() {
        scanner.token();
    }
    let mut lines = scanner.lines;
    if text.ends_with('\n') {
        lines.pop();
    }
    mark_tests(&mut lines);
    lines
}

/// Whether `code` holds `word` with no identifier character stuck to either end.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let stuck_before = word.starts_with(is_name);
    let stuck_after = word.ends_with(is_name);
    code.match_indices(word).any(|(start, found)| {
        let before = code[..start].chars().next_back();
        let after = code[start + found.len()..].chars().next();
        !(stuck_before && before.is_some_and(is_name) || stuck_after && after.is_some_and(is_name))
    })
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    lines: Vec<Line>,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    /// Passes over `count` characters as `part`.
    fn take(&mut self, count: usize, part: Part) {
        for _ in 0..count {
            let Some(&c) = self.chars.get(self.at) else {
                return;
            };
            self.at += 1;
            if c == '\n' {
                self.lines.push(Line::default());
                continue;
            }
            if let Some(line) = self.lines.last_mut() {
                line.text.push(c);
                line.code.push(if part == Part::Code { c } else { ' ' });
                line.comment
                    .push(if part == Part::Comment { c } else { ' ' });
            }
        }
    }

    /// Passes over one comment, literal or character of code.
    fn token(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => self.line_comment(),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (c, _) if c.is_alphanumeric() || c == '_' => self.word(),
            _ => self.take(1, Part::Code),
        }
    }

    fn line_comment(&mut self) {
        while self.at < self.chars.len() && self.peek(0) != '\n' {
            self.take(1, Part::Comment);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.take(2, Part::Comment);
                }
                ('*', '/') => {
                    depth -= 1;
                    self.take(2, Part::Comment);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.take(1, Part::Comment),
            }
        }
    }

    fn string(&mut self) {
        self.take(1, Part::Code);
        while self.at < self.chars.len() && self.peek(0) != '"' {
            self.take(if self.peek(0) == '\\' { 2 } else { 1 }, Part::Literal);
        }
        self.take(1, Part::Code);
    }

    /// A character literal or a lifetime: the literal has a closing quote where one must be.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.take(3, Part::Literal);
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.take(1, Part::Literal);
            }
            self.take(1, Part::Literal);
        } else if self.peek(2) == '\'' {
            self.take(3, Part::Literal);
        } else {
            self.take(1, Part::Code);
        }
    }

    /// A name, keyword or number; the prefix of a raw string brings the string along.
    fn word(&mut self) {
        let mut length = 0;
        while self.peek(length).is_alphanumeric() || self.peek(length) == '_' {
            length += 1;
        }
        let word: String = self.chars[self.at..self.at + length].iter().collect();
        self.take(length, Part::Code);
        if matches!(word.as_str(), "r" | "br" | "cr") {
            self.raw_string();
        }
    }

    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(hashes) == '#' {
            hashes += 1;
        }
        if self.peek(hashes) != '"' {
            return;
        }
        self.take(hashes + 1, Part::Code);
        while self.at < self.chars.len() {
            if self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#') {
                return self.take(hashes + 1, Part::Code);
            }
            self.take(1, Part::Literal);
        }
    }
}

/// Marks every line from a `#[cfg(test)]` to the end of the item that follows it.
fn mark_tests(lines: &mut [Line]) {
    let mut depth = 0_usize;
    let mut open = false;
    for line in lines {
        if !open && line.code.trim_start().starts_with("#[cfg(test)]") {
            open = true;
            depth = 0;
        }
        if !open {
            continue;
        }
        line.in_test = true;
        for c in line.code.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(c, '}' | ';') {
                open = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        lines(text)
            .iter()
            .map(|line| line.code.trim_end())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn mask_hides_comments_and_literals() {
        assert_eq!(code("a(); // b"), "a();");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(
            code(r#"f("x \" y", 'z', b'"')"#),
            r#"f("      ",    , b   )"#
        );
        assert_eq!(code("r#\"a\"b\"# + c"), "r#\"   \"# + c");
        assert_eq!(code(r"g('\'', '\u{1F600}', 1)"), "g(    ,            , 1)");
    }

    #[test]
    fn mask_keeps_lifetimes_and_raw_names() {
        assert_eq!(
            code("fn f<'a>(x: &'a str, r#type: u8)"),
            "fn f<'a>(x: &'a str, r#type: u8)"
        );
    }

    #[test]
    fn mask_string_over_lines_keeps_line_numbers() {
        let lines = lines("let a = \"one\ntwo\\\nthree\";\nlet b = 1;\n");
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3].code, "let b = 1;");
        assert_eq!(lines[1].text, "two\\");
        assert_eq!(lines[1].code.trim(), "");
    }

    #[test]
    fn mask_comment_part_holds_comments_only() {
        let lines = lines("a(\"// no\"); // yes\n");
        assert_eq!(lines[0].comment.trim(), "// yes");
    }

    #[test]
    fn test_lines_end_with_the_item() {
        let text = "a();\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nc();\n";
        let marks: Vec<bool> = lines(text).iter().map(|line| line.in_test).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);
        let marks: Vec<bool> = lines("#[cfg(test)]\nmod t;\nx\n")
            .iter()
            .map(|line| line.in_test)
            .collect();
        assert_eq!(marks, [true, true, false]);
    }

    #[test]
    fn word_stuck_to_a_name_is_not_found() {
        assert!(has_word("use rand::x;", "rand::"));
        assert!(!has_word("use brand::x;", "rand::"));
        assert!(has_word("let a: f64 = b;", "f64"));
        assert!(!has_word("let a_f64b = b;", "f64"));
    }
}
