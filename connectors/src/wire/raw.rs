//! A value of a message that is not read yet, and the members of an object.
//!
//! What an answer's result is depends on the request, and what an event is on its kind; both are
//! cut out here first. serde could do the same, but needs a heap for whatever is nested.
//!
//! The cut looks at quotes, brackets and nothing else: whether a value is good JSON is for its own
//! reader to say, and a value that nobody reads may be anything.
//!
//! Hot path: yes. Allocates: no.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::error::WireError;

/// JSON text of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Nothing.
    pub const NULL: Self = Self("null");

    /// The text.
    #[must_use]
    pub const fn get(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

/// The members of an object, in order: key and value.
pub(crate) struct Members<'a> {
    text: &'a str,
    at: usize,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    First,
    Next,
    Over,
}

impl<'a> Members<'a> {
    /// # Errors
    ///
    /// The bytes are not UTF-8, or no object begins there.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, WireError> {
        let text = std::str::from_utf8(bytes).map_err(|error| broken_at(error.valid_up_to()))?;
        let mut members = Self {
            text,
            at: 0,
            state: State::First,
        };
        match members.skip_space() {
            Some(b'{') => {
                members.at += 1;
                Ok(members)
            }
            Some(b'<') => Err(WireError::Html),
            Some(_) | None => Err(members.broken()),
        }
    }

    fn broken(&self) -> WireError {
        broken_at(self.at)
    }

    /// The first byte that is not white space.
    fn skip_space(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let space = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.at += space;
        rest.get(space).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), WireError> {
        if self.skip_space() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.broken())
    }

    /// The next member; `None` behind the last, with nothing but white space after it.
    pub(crate) fn next_member(&mut self) -> Result<Option<(&'a str, Raw<'a>)>, WireError> {
        if self.state == State::Over {
            return Ok(None);
        }
        match (self.skip_space(), &self.state) {
            (Some(b'}'), _) => {
                self.at += 1;
                self.state = State::Over;
                return match self.skip_space() {
                    None => Ok(None),
                    Some(_) => Err(self.broken()),
                };
            }
            (Some(b','), State::Next) => self.at += 1,
            (Some(b'"'), State::First) => {}
            _ => return Err(self.broken()),
        }
        self.state = State::Next;
        if self.skip_space() != Some(b'"') {
            return Err(self.broken());
        }
        let key = self.value()?;
        self.expect(b':')?;
        self.skip_space();
        let value = self.value()?;
        Ok(Some((key.0.trim_matches('"'), value)))
    }

    fn value(&mut self) -> Result<Raw<'a>, WireError> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            let Some(&byte) = self.text.as_bytes().get(self.at) else {
                return Err(self.broken());
            };
            match byte {
                b'"' => self.skip_text()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                    return Err(self.broken());
                }
                _ if depth > 0 => self.at += 1,
                _ => self.skip_word(),
            }
            if depth == 0 {
                return Ok(Raw(&self.text[start..self.at]));
            }
        }
    }

    /// A text with its quotes.
    fn skip_text(&mut self) -> Result<(), WireError> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => {
                    self.at = bytes.len();
                    return Err(self.broken());
                }
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn skip_word(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = |byte: &u8| {
            matches!(
                byte,
                b'}' | b']' | b',' | b':' | b'"' | b'{' | b'[' | b' ' | b'\t' | b'\n' | b'\r'
            )
        };
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }
}

fn broken_at(at: usize) -> WireError {
    WireError::Json {
        line: 1,
        column: u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn all(text: &str) -> Result<Vec<(String, String)>, WireError> {
        let mut members = Members::of(text.as_bytes())?;
        let mut found = Vec::new();
        while let Some((key, value)) = members.next_member()? {
            found.push((key.to_owned(), value.get().to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn members_of_broken_objects_are_errors() {
        assert_eq!(all("<html>"), Err(WireError::Html));
        for bad in [
            "",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{,}",
            "{\"a\":[1}",
            "{\"a\":\"\\",
            "{1:2}",
            "{\"a\" 1}",
            "{\"a\":1 2}",
        ] {
            assert!(all(bad).is_err(), "{bad} {:?}", all(bad));
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\{}\\[\\],: ]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn prop_members_are_those_of_the_general_parser(
            members in proptest::collection::btree_map("[a-z]{1,4}", any_json(), 0..6),
            pretty in any::<bool>(),
        ) {
            let object = Value::Object(members.into_iter().collect());
            let text = if pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                object.to_string()
            };
            let found = all(&text).unwrap();
            prop_assert_eq!(found.len(), object.as_object().unwrap().len());
            for (key, value) in found {
                let value: Value = serde_json::from_str(&value).unwrap();
                prop_assert_eq!(&value, &object[&key]);
            }
        }

        #[test]
        fn prop_any_text_never_panics(text in "[{}\\[\\]\",:a\\\\ 1\\u{e9}]{0,40}") {
            let _ = all(&text);
        }
    }
}
