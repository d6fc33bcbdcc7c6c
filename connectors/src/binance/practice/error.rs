//! What Binance says when it says no: code, message, HTTP status.

use serde_json::{Value, json};

/// A refusal in Binance's words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    /// HTTP status; the WebSocket API uses the same numbers.
    pub(super) status: u16,
    pub(super) code: i32,
    pub(super) message: String,
    pub(super) data: Option<Value>,
}

impl ApiError {
    pub(super) fn new(status: u16, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            data: None,
        }
    }

    pub(super) fn bad(code: i32, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::bad(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    pub(super) fn illegal(name: &str, legal: &str) -> Self {
        Self::bad(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{legal}'."),
        )
    }

    pub(super) fn not_required(name: &str) -> Self {
        Self::bad(-1106, format!("Parameter '{name}' sent when not required."))
    }

    pub(super) fn filter(name: &str) -> Self {
        Self::bad(-1013, format!("Filter failure: {name}"))
    }

    pub(super) fn engine(message: &str) -> Self {
        Self::bad(-2010, message)
    }

    pub(super) fn unknown_order() -> Self {
        Self::bad(-2011, "Unknown order sent.")
    }

    /// The execution status is unknown.
    pub(super) fn timeout() -> Self {
        Self::new(
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution \
             status unknown.",
        )
    }

    /// The request was not processed.
    pub(super) fn busy() -> Self {
        Self::new(
            503,
            -1008,
            "Server is currently overloaded with other requests. Please try \
            again in a few minutes.",
        )
    }

    /// The `error` member of a WebSocket answer, and the body of a REST answer.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({"code": self.code, "msg": self.message});
        if let Some(data) = &self.data {
            body["data"] = data.clone();
        }
        body
    }
}
