//! One message of the order connection: an answer to a request, or an event of the private stream.
//!
//! The result and the event stay raw text here: what they are depends on the request.
//!
//! Hot path: yes. Allocates: only for text with escapes.

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::user::{self, UserEvent};
use crate::wire::error::{WireError, from_json, from_raw};
use crate::wire::inline::Inline;
use crate::wire::raw::{Members, Raw};
use crate::wire::text::Text;

/// A rate limit as an answer counts it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit<'a> {
    /// `REQUEST_WEIGHT`, `ORDERS` or `RAW_REQUESTS`.
    #[serde(borrow)]
    pub rate_limit_type: Text<'a>,
    /// `SECOND`, `MINUTE` or `DAY`.
    #[serde(borrow)]
    pub interval: Text<'a>,
    /// How many of them.
    pub interval_num: u64,
    /// What the venue allows in it.
    pub limit: u64,
    /// What is used; absent in `exchangeInfo`.
    #[serde(default)]
    pub count: u64,
}

/// An error as the venue words it.
#[derive(Debug, Clone, Deserialize)]
pub struct ErrorBody<'a> {
    /// Its code; 0 where there is none.
    #[serde(default)]
    pub code: i32,
    /// Its words.
    #[serde(borrow, default, rename = "msg")]
    message: Option<Text<'a>>,
    /// What else it says, by code.
    #[serde(borrow, default)]
    pub data: Option<Raw<'a>>,
}

impl<'a> ErrorBody<'a> {
    /// The venue's words.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_ref().map_or("", Text::as_str)
    }

    /// The same, without its body.
    pub(crate) fn into_message(self) -> Text<'a> {
        self.message.unwrap_or(Text("".into()))
    }

    /// Until when the venue wants no request, milliseconds since the Unix epoch.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(rename = "retryAfter")]
            retry_after: Option<u64>,
        }
        from_raw::<Data>(self.data?).ok()?.retry_after
    }
}

/// An answer to a request.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Our number of the request; `None` if the venue could not read it, or it is none of ours.
    pub id: Option<u64>,
    /// As an HTTP status.
    pub status: u16,
    /// What the venue did, or why it did not.
    pub outcome: Result<Option<Raw<'a>>, ErrorBody<'a>>,
    /// Rate limits, where the venue counts them.
    pub limits: Inline<RateLimit<'a>, 4>,
}

/// A message of the order connection.
#[derive(Debug)]
pub enum Frame<'a> {
    /// An answer.
    Answer(Answer<'a>),
    /// An event of the private stream.
    Event(UserEvent<'a>),
}

/// What of a message's members decides what it is.
#[derive(Default)]
struct Parts<'a> {
    id: Option<Raw<'a>>,
    status: Option<Raw<'a>>,
    result: Option<Raw<'a>>,
    error: Option<Raw<'a>>,
    limits: Option<Raw<'a>>,
    event: Option<Raw<'a>>,
    kind: Option<Raw<'a>>,
    code: Option<Raw<'a>>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut parts = Self::default();
        let mut members = Members::of(bytes)?;
        while let Some((key, value)) = members.next_member()? {
            let place = match key {
                "id" => &mut parts.id,
                "status" => &mut parts.status,
                "result" => &mut parts.result,
                "error" => &mut parts.error,
                "rateLimits" => &mut parts.limits,
                "event" | "data" => &mut parts.event,
                "e" => &mut parts.kind,
                "code" => &mut parts.code,
                _ => continue,
            };
            *place = Some(value).filter(|value| !value.is_null());
        }
        Ok(parts)
    }
}

/// Reads one message of the order connection. An event may stand bare, in the subscription's
/// envelope, or in a stream's.
///
/// # Errors
///
/// [`WireError`].
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, WireError> {
    if let Some(Ok(event)) = usual_event(bytes).map(user::decode) {
        return Ok(Frame::Event(event));
    }
    let parts = Parts::of(bytes)?;
    if parts.kind.is_some() {
        return user::decode(bytes).map(Frame::Event);
    }
    if let Some(event) = parts.event.filter(|_| parts.code.is_none()) {
        return user::decode(event.get().as_bytes()).map(Frame::Event);
    }
    let status = parts.status.map(from_raw::<u16>).transpose()?;
    let outcome = match (parts.error, parts.code) {
        (Some(error), _) => Err(from_raw(error)?),
        (None, Some(_)) => Err(from_json(bytes)?),
        (None, None) if status.is_some() => Ok(parts.result),
        (None, None) => return Err(WireError::UnknownKind),
    };
    let status = status.unwrap_or(400);
    if outcome.is_ok() && !(200..300).contains(&status) {
        return Err(WireError::Missing { field: "error" });
    }
    let id = parts.id.map(from_raw::<RequestId>).transpose()?;
    Ok(Frame::Answer(Answer {
        id: id.and_then(|id| id.0),
        status,
        outcome,
        limits: parts.limits.map(from_raw).transpose()?.unwrap_or_default(),
    }))
}

/// The event in `{"subscriptionId":0,"event":..}` as the venue writes it. Whether what is between
/// is one whole value, its reader finds out; if it is not, the members are looked at one by one.
fn usual_event(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"{\"subscriptionId\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[digits..]
        .strip_prefix(b",\"event\":")?
        .strip_suffix(b"}")
}

/// A request's id: ours are whole numbers, but the venue may echo them as text.
#[derive(Default)]
struct RequestId(Option<u64>);

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl Visitor<'_> for Id {
            type Value = RequestId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, a text or null")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<RequestId, E> {
                Ok(RequestId(Some(id)))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<RequestId, E> {
                Ok(RequestId(None))
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<RequestId, E> {
                Ok(RequestId(id.parse().ok()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<RequestId, E> {
                Ok(RequestId(None))
            }
        }
        deserializer.deserialize_any(Id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_in_another_form_holds_the_same_event() {
        for text in [
            r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}"#,
            r#"{ "subscriptionId" : 0 , "event" : { "e" : "eventStreamTerminated" } } "#,
            r#"{"event":{"E":1,"e":"eventStreamTerminated"},"subscriptionId":0}"#,
            r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated"},"more":{}}"#,
            r#"{"stream":"x","data":{"e":"eventStreamTerminated"}}"#,
            r#"{"e":"eventStreamTerminated"}"#,
        ] {
            let frame = decode(text.as_bytes());
            let ended = matches!(frame, Ok(Frame::Event(UserEvent::Terminated)));
            assert!(ended, "{text}: {frame:?}");
        }
        for broken in [
            r#"{"subscriptionId":0,"event":{"e":"executionReport"}"#,
            r#"{"subscriptionId":0,"event":}"#,
            r#"{"subscriptionId":0}"#,
        ] {
            assert!(decode(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
