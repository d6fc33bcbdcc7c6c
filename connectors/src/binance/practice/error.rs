//! What Binance says when it says no: code, message, HTTP status.

use serde_json::{Value, json};

/// A refusal in Binance's words.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::binance) struct ApiError {
    /// HTTP status; the WebSocket API uses the same numbers.
    pub(in crate::binance) status: u16,
    pub(in crate::binance) code: i32,
    pub(in crate::binance) message: String,
    pub(in crate::binance) data: Option<Value>,
}

impl ApiError {
    pub(in crate::binance) fn new(status: u16, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            data: None,
        }
    }

    pub(in crate::binance) fn bad(code: i32, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(in crate::binance) fn missing(name: &str) -> Self {
        Self::bad(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    pub(in crate::binance) fn illegal(name: &str, legal: &str) -> Self {
        Self::bad(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{legal}'."),
        )
    }

    pub(in crate::binance) fn not_required(name: &str) -> Self {
        Self::bad(-1106, format!("Parameter '{name}' sent when not required."))
    }

    pub(in crate::binance) fn filter(name: &str) -> Self {
        Self::bad(-1013, format!("Filter failure: {name}"))
    }

    pub(in crate::binance) fn engine(message: &str) -> Self {
        Self::bad(-2010, message)
    }

    pub(in crate::binance) fn unknown_order() -> Self {
        Self::bad(-2011, "Unknown order sent.")
    }

    /// The execution status is unknown.
    pub(in crate::binance) fn timeout() -> Self {
        Self::new(
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution \
             status unknown.",
        )
    }

    /// The request was not processed.
    pub(in crate::binance) fn busy() -> Self {
        Self::new(
            503,
            -1008,
            "Server is currently overloaded with other requests. Please try \
            again in a few minutes.",
        )
    }

    /// The `error` member of a WebSocket answer, and the body of a REST answer.
    pub(in crate::binance) fn body(&self) -> Value {
        let mut body = json!({"code": self.code, "msg": self.message});
        if let Some(data) = &self.data {
            body["data"] = data.clone();
        }
        body
    }
}
