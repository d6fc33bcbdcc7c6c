//! A request's parameters, the same for REST (query and body) and WebSocket (JSON).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::error::ApiError;

const DECIMAL_FORM: &str = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";

/// Names and values, sorted by name.
#[derive(Debug, Default, Clone)]
pub(in crate::binance) struct Params(BTreeMap<String, String>);

impl Params {
    /// From a query and a form body; the query wins where both name something. `None` if a value
    /// is not percent-encoded text.
    pub(in crate::binance) fn from_rest(query: &str, body: &str) -> Option<Self> {
        let mut params = BTreeMap::new();
        for pair in body
            .split('&')
            .chain(query.split('&'))
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.insert(decode(name)?, decode(value)?);
        }
        Some(Self(params))
    }

    /// From the `params` member of a WebSocket request.
    pub(in crate::binance) fn from_json(value: Option<&Value>) -> Option<Self> {
        match value {
            None | Some(Value::Null) => Some(Self::default()),
            Some(Value::Object(members)) => {
                let text = |value: &Value| match value {
                    Value::String(text) => text.clone(),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Array(_)
                    | Value::Object(_) => value.to_string(),
                };
                Some(Self(
                    members
                        .iter()
                        .map(|(name, value)| (name.clone(), text(value)))
                        .collect(),
                ))
            }
            Some(_) => None,
        }
    }

    /// A value that is there and not empty.
    pub(in crate::binance) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(in crate::binance) fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(name))
    }

    /// A whole number, if it is there.
    pub(in crate::binance) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::illegal(name, "^[0-9]{1,20}$"))
            })
            .transpose()
    }

    /// A plain decimal, if it is there, with at most `decimals` digits behind the point.
    pub(in crate::binance) fn decimal(
        &self,
        name: &str,
        decimals: u32,
    ) -> Result<Option<Decimal>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| {
            (1..=20).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole) || !digits(fraction) {
            return Err(ApiError::illegal(name, DECIMAL_FORM));
        }
        let value: Decimal = text
            .parse()
            .map_err(|_| ApiError::illegal(name, DECIMAL_FORM))?;
        let value = value.normalize();
        if value.scale() > decimals {
            let message = format!("Parameter '{name}' has too much precision.");
            return Err(ApiError::bad(-1111, message));
        }
        Ok(Some(value))
    }

    /// What is signed on the WebSocket API: all but the signature, sorted, joined.
    pub(in crate::binance) fn signed_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "signature") {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// What is signed in REST: the query and the body as sent, without the signature.
pub(in crate::binance) fn rest_signed_text(query: &str, body: &str) -> String {
    let without = |text: &str| {
        text.split('&')
            .filter(|pair| !pair.starts_with("signature="))
            .collect::<Vec<_>>()
            .join("&")
    };
    without(query) + &without(body)
}

fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_parameters_are_decoded_and_the_query_wins() {
        let params = Params::from_rest("a=1&b=%EF%BC%91", "a=2&c=x%2By").unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), Some("\u{ff11}"));
        assert_eq!(params.get("c"), Some("x+y"));
        assert!(Params::from_rest("a=%zz", "").is_none());
    }

    #[test]
    fn rest_signed_text_is_query_and_body_without_an_ampersand_between() {
        let text = rest_signed_text("symbol=LTCBTC&side=BUY", "quantity=1&signature=abc");
        assert_eq!(text, "symbol=LTCBTC&side=BUYquantity=1");
    }

    #[test]
    fn decimal_that_is_none_or_too_fine_has_its_code() {
        let params = Params::from_rest("a=1e5&b=0.123456789&c=-1&d=0.500000000000", "").unwrap();
        assert_eq!(params.decimal("a", 8).unwrap_err().code, -1100);
        assert_eq!(params.decimal("b", 8).unwrap_err().code, -1111);
        assert_eq!(params.decimal("c", 8).unwrap_err().code, -1100);
        assert_eq!(params.decimal("d", 8).unwrap(), Some(Decimal::new(5, 1)));
    }
}
