//! Refusals in the venue's words.

use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    /// The venue's code.
    pub(super) code: i32,
    /// Its words.
    pub(super) message: String,
    /// HTTP status of an answer that is refused as a whole.
    pub(super) status: u16,
}

impl Error {
    /// A refusal of the venue's rules: HTTP says 200.
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            status: 200,
        }
    }

    /// A refusal of the request as such.
    pub(super) fn with_status(status: u16, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::new(code, message)
        }
    }

    /// A parameter that is missing or wrong.
    pub(super) fn parameter(name: &str) -> Self {
        Self::new(51_000, format!("Parameter {name} error"))
    }

    /// Too many requests.
    pub(super) fn limited() -> Self {
        Self::with_status(429, 50_011, "Requests too frequent")
    }

    /// The venue does not say whether it was done.
    pub(super) fn timeout() -> Self {
        let message = "API endpoint request timeout (does not indicate success or failure of \
            order, please check order status)";
        Self::with_status(400, 50_004, message)
    }

    /// Not done, because the venue is overloaded.
    pub(super) fn busy() -> Self {
        let message = "Systems are busy. Please try again later.";
        Self::with_status(429, 50_013, message)
    }

    /// The venue does not know the order of a question.
    pub(super) fn no_such_order() -> Self {
        Self::new(51_603, "Order does not exist")
    }

    /// The envelope of a refusal.
    pub(super) fn envelope(&self) -> Value {
        json!({"code": self.code.to_string(), "data": [], "msg": self.message})
    }
}
