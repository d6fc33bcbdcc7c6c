//! Reads a TOML table key by key and collects every problem instead of stopping at the first.
//!
//! Each getter takes its key out of the table; [`Section::finish`] reports what nobody asked for.
//! A problem names the line, the key's path, the value and what is allowed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Line in the file, from 1; 0 if the problem has no place.
    pub(crate) line: usize,
    /// Path of the key, for example `risk.max_order_value`.
    pub(crate) path: String,
    /// What is wrong, and what is allowed.
    pub(crate) what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Where problems go, with the text that gives them their line.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    text: &'t str,
    pub(crate) found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
        }
    }

    fn line(&self, offset: usize) -> usize {
        let end = offset.min(self.text.len());
        self.text.as_bytes()[..end]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1
    }

    pub(crate) fn push_at(&mut self, offset: Option<usize>, path: &str, what: impl Into<String>) {
        let line = offset.map_or(0, |offset| self.line(offset));
        self.found.push(Problem {
            line,
            path: path.to_owned(),
            what: what.into(),
        });
    }
}

type Entry<'t> = (usize, Spanned<DeValue<'t>>);

/// A table that is being read.
pub(crate) struct Section<'t> {
    path: String,
    offset: Option<usize>,
    entries: BTreeMap<String, Entry<'t>>,
    /// Places of the keys that were taken: two keys may contradict each other.
    taken: BTreeMap<String, usize>,
}

impl<'t> Section<'t> {
    pub(crate) fn new(path: &str, offset: Option<usize>, table: DeTable<'t>) -> Self {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let offset = key.span().start;
                (key.into_inner().into_owned(), (offset, value))
            })
            .collect();
        Self {
            path: path.to_owned(),
            offset,
            entries,
            taken: BTreeMap::new(),
        }
    }

    /// Place of `key` in the text, taken or not, or the table's if the key is absent.
    pub(crate) fn offset_of(&self, key: &str) -> Option<usize> {
        let waiting = self.entries.get(key).map(|entry| entry.0);
        waiting.or(self.taken.get(key).copied()).or(self.offset)
    }

    /// Leaves a key to somebody else: it is known here and not looked at.
    pub(crate) fn pass_over(&mut self, key: &str) {
        let _left = self.take(key);
    }

    /// Path of `key` in this table.
    pub(crate) fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Whether the key stands there and was not taken.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Adds a problem about `key`, at the table's place if the key is absent.
    pub(crate) fn problem(&self, problems: &mut Problems<'_>, key: &str, what: impl Into<String>) {
        problems.push_at(self.offset_of(key), &self.key_path(key), what);
    }

    fn take(&mut self, key: &str) -> Option<Entry<'t>> {
        let entry = self.entries.remove(key)?;
        self.taken.insert(key.to_owned(), entry.0);
        Some(entry)
    }

    fn required(&mut self, problems: &mut Problems<'_>, key: &str) -> Option<Entry<'t>> {
        let entry = self.take(key);
        if entry.is_none() {
            self.problem(problems, key, "is missing");
        }
        entry
    }

    /// A whole number in `range`; the default where the key is absent and a default is given.
    pub(crate) fn integer(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
        range: RangeInclusive<i64>,
        default: Option<i64>,
    ) -> Option<i64> {
        if default.is_some() && !self.has(key) {
            return default;
        }
        let (offset, value) = self.required(problems, key)?;
        let parsed = value.get_ref().as_integer().and_then(|integer| {
            i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
        });
        match parsed {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let what = format!(
                    "{} is not allowed: a whole number from {} to {} is",
                    shown(value.get_ref()),
                    range.start(),
                    range.end()
                );
                problems.push_at(Some(offset), &self.key_path(key), what);
                None
            }
        }
    }

    /// An exact decimal in `range`, written as a number or as a string.
    pub(crate) fn decimal(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
        range: RangeInclusive<Decimal>,
        default: Option<Decimal>,
    ) -> Option<Decimal> {
        if default.is_some() && !self.has(key) {
            return default;
        }
        let (offset, value) = self.required(problems, key)?;
        let value_ref = value.get_ref();
        let text = value_ref
            .as_integer()
            .map(|integer| integer.as_str())
            .or_else(|| value_ref.as_float().map(|float| float.as_str()))
            .or_else(|| value_ref.as_str())
            .unwrap_or_default();
        match text.replace('_', "").parse::<Decimal>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let what = format!(
                    "{} is not allowed: a decimal from {} to {} is",
                    shown(value.get_ref()),
                    range.start(),
                    range.end()
                );
                problems.push_at(Some(offset), &self.key_path(key), what);
                None
            }
        }
    }

    /// A text; the default where the key is absent and a default is given.
    pub(crate) fn text(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
        default: Option<&str>,
    ) -> Option<String> {
        if let (Some(default), false) = (default, self.has(key)) {
            return Some(default.to_owned());
        }
        let (offset, value) = self.required(problems, key)?;
        if let Some(text) = value.get_ref().as_str().filter(|text| !text.is_empty()) {
            return Some(text.to_owned());
        }
        let what = format!(
            "{} is not allowed: a text in quotes is",
            shown(value.get_ref())
        );
        problems.push_at(Some(offset), &self.key_path(key), what);
        None
    }

    /// A number or a text, as it stands there.
    pub(crate) fn value(&mut self, problems: &mut Problems<'_>, key: &str) -> Option<String> {
        let (offset, value) = self.required(problems, key)?;
        let value_ref = value.get_ref();
        let text = value_ref
            .as_integer()
            .map(|integer| integer.as_str())
            .or_else(|| value_ref.as_float().map(|float| float.as_str()))
            .or_else(|| value_ref.as_str());
        if text.is_none() {
            let what = format!("{} is neither a number nor a text", shown(value_ref));
            problems.push_at(Some(offset), &self.key_path(key), what);
        }
        text.map(|text| text.replace('_', ""))
    }

    /// A text that may be absent.
    pub(crate) fn optional_text(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
    ) -> Option<String> {
        if self.has(key) {
            self.text(problems, key, None)
        } else {
            None
        }
    }

    /// A path that may be absent. It must exist.
    pub(crate) fn existing_file(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
    ) -> Option<PathBuf> {
        let offset = self.entries.get(key).map(|entry| entry.0);
        let path = PathBuf::from(self.optional_text(problems, key)?);
        if path.is_file() {
            return Some(path);
        }
        let what = format!("\"{}\": there is no such file", path.display());
        problems.push_at(offset, &self.key_path(key), what);
        None
    }

    /// One of a few named values.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
        allowed: &[(&str, T)],
        default: Option<T>,
    ) -> Option<T> {
        if default.is_some() && !self.has(key) {
            return default;
        }
        let (offset, value) = self.required(problems, key)?;
        if let DeValue::String(text) = value.get_ref()
            && let Some((_, chosen)) = allowed.iter().find(|(name, _)| *name == text.as_ref())
        {
            return Some(*chosen);
        }
        let names: Vec<String> = allowed
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let what = format!(
            "{} is not allowed: one of {} is",
            shown(value.get_ref()),
            names.join(", ")
        );
        problems.push_at(Some(offset), &self.key_path(key), what);
        None
    }

    /// `true` or `false`.
    pub(crate) fn flag(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
        default: bool,
    ) -> Option<bool> {
        if !self.has(key) {
            return Some(default);
        }
        let (offset, value) = self.required(problems, key)?;
        if let Some(flag) = value.get_ref().as_bool() {
            return Some(flag);
        }
        let what = format!(
            "{} is not allowed: true or false is",
            shown(value.get_ref())
        );
        problems.push_at(Some(offset), &self.key_path(key), what);
        None
    }

    /// A duration such as `"10ms"`, `"60s"` or `"5m"`, in `range`.
    pub(crate) fn duration(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
        range: RangeInclusive<Duration>,
        default: Option<Duration>,
    ) -> Option<Duration> {
        if default.is_some() && !self.has(key) {
            return default;
        }
        let (offset, value) = self.required(problems, key)?;
        let parsed = value.get_ref().as_str().and_then(parse_duration);
        match parsed {
            Some(duration) if range.contains(&duration) => Some(duration),
            _ => {
                let what = format!(
                    "{} is not allowed: a duration in quotes from \"{:?}\" to \"{:?}\" is",
                    shown(value.get_ref()),
                    range.start(),
                    range.end()
                );
                problems.push_at(Some(offset), &self.key_path(key), what);
                None
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, problems: &mut Problems<'_>, key: &str) -> Option<Vec<String>> {
        let (offset, value) = self.required(problems, key)?;
        let texts: Option<Vec<String>> = value.get_ref().as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.get_ref().as_str().map(ToOwned::to_owned))
                .collect()
        });
        match texts {
            Some(texts) if !texts.is_empty() => Some(texts),
            _ => {
                let what = "not allowed: a list of texts, not empty, is";
                problems.push_at(Some(offset), &self.key_path(key), what);
                None
            }
        }
    }

    /// A list of texts that may be empty or absent.
    pub(crate) fn optional_texts(
        &mut self,
        problems: &mut Problems<'_>,
        key: &str,
    ) -> Option<Vec<String>> {
        let empty = match self.entries.get(key).map(|entry| entry.1.get_ref()) {
            None => true,
            Some(DeValue::Array(items)) => items.is_empty(),
            Some(_) => false,
        };
        if empty {
            self.take(key);
            return Some(Vec::new());
        }
        self.texts(problems, key)
    }

    /// A table of its own; empty if it is absent.
    pub(crate) fn table(&mut self, problems: &mut Problems<'_>, key: &str) -> Section<'t> {
        let path = self.key_path(key);
        match self
            .take(key)
            .map(|(offset, value)| (offset, value.into_inner()))
        {
            Some((offset, DeValue::Table(table))) => Section::new(&path, Some(offset), table),
            Some((offset, other)) => {
                problems.push_at(
                    Some(offset),
                    &path,
                    format!("{} is not a table", shown(&other)),
                );
                Section::new(&path, Some(offset), DeTable::new())
            }
            None => Section::new(&path, self.offset, DeTable::new()),
        }
    }

    /// The tables of a list (`[[key]]`), possibly none.
    pub(crate) fn tables(&mut self, problems: &mut Problems<'_>, key: &str) -> Vec<Section<'t>> {
        let path = self.key_path(key);
        let Some((offset, value)) = self.take(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.into_inner() else {
            problems.push_at(
                Some(offset),
                &path,
                format!("is not a list: write [[{path}]]"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let offset = item.span().start;
            if let DeValue::Table(table) = item.into_inner() {
                sections.push(Section::new(&path, Some(offset), table));
            } else {
                problems.push_at(Some(offset), &path, "is no table");
            }
        }
        sections
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems<'_>) {
        for (key, (offset, _)) in &self.entries {
            let what = "is not a key of this table: remove it, or see config.toml for the names";
            problems.push_at(Some(*offset), &self.key_path(key), what);
        }
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(integer) => integer.as_str().to_owned(),
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Reads `"250us"`, `"10ms"`, `"60s"`, `"5m"` or `"2h"`; whole numbers only.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}
