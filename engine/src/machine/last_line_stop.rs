//! Why the gateway's last line stopped a command: the code of its `SendFailed` event.
//!
//! Hot path: yes. Allocates: no.

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum LastLineStop {
    /// A latch is on.
    Latched = 1,
    /// More orders in a second than allowed; the line has latched itself.
    Orders = 2,
    /// More value in a second than allowed; the line has latched itself.
    Value = 3,
    /// The order's value is not known: nothing to count by.
    NoValue = 4,
    /// The command is not readable.
    Unreadable = 5,
}

impl LastLineStop {
    /// Its code.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The stop of a code.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            1 => Self::Latched,
            2 => Self::Orders,
            3 => Self::Value,
            4 => Self::NoValue,
            5 => Self::Unreadable,
            _ => return None,
        })
    }

    /// For the event's text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Latched => "last line: latched",
            Self::Orders => "last line: too many orders in a second",
            Self::Value => "last line: too much value in a second",
            Self::NoValue => "last line: no value to count by",
            Self::Unreadable => "last line: not readable",
        }
    }
}
