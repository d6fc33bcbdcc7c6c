//! What a person calls an order.

use std::fmt;

use model::ids::{ClientOrderId, StrategyId};

use crate::output::Failure;

/// An order, by one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Raw client order id.
    Client(u64),
    /// The venue's id.
    Venue(u64),
    /// Number of a refusal.
    Refusal(u64),
}

impl Wanted {
    /// Reads `1-0-17`, `1000042` or `refusal-12`.
    ///
    /// # Errors
    ///
    /// A line that names the three forms.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let refusal = text.strip_prefix("refusal-").map(str::parse);
        match (refusal, text.parse(), client_id(text)) {
            (Some(Ok(number)), ..) => Ok(Self::Refusal(number)),
            (_, Ok(id), _) => Ok(Self::Venue(id)),
            (_, _, Some(id)) => Ok(Self::Client(id.raw())),
            _ => Err(Failure::Message(format!(
                "{text}: no name of an order; write a client order id as 1-0-17, the venue's id as \
                 1000042, or a refusal as refusal-12"
            ))),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(raw) => write!(f, "order {}", name(*raw)),
            Self::Venue(id) => write!(f, "an order that the venue calls {id}"),
            Self::Refusal(number) => write!(f, "refusal {number}"),
        }
    }
}

/// A client order id as records show it.
pub(super) fn name(raw: u64) -> String {
    ClientOrderId::from_raw(raw).map_or_else(|| raw.to_string(), |id| id.to_string())
}

fn client_id(text: &str) -> Option<ClientOrderId> {
    let mut parts = text.split('-');
    let epoch = parts.next()?.parse().ok()?;
    let strategy = match parts.next()? {
        "e" => None,
        strategy => Some(StrategyId(strategy.parse().ok()?)),
    };
    let counter = parts.next()?.parse().ok()?;
    if parts.next().is_some() {
        return None;
    }
    ClientOrderId::new(epoch, strategy, counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_orders_are_read_and_shown() {
        let id = ClientOrderId::new(1, Some(StrategyId(0)), 17).unwrap();
        assert_eq!(Wanted::read("1-0-17").unwrap(), Wanted::Client(id.raw()));
        assert_eq!(Wanted::read("1-0-17").unwrap().to_string(), "order 1-0-17");
        let engines = ClientOrderId::new(2, None, 3).unwrap();
        assert_eq!(
            Wanted::read("2-e-3").unwrap(),
            Wanted::Client(engines.raw())
        );
        assert_eq!(Wanted::read("1000042").unwrap(), Wanted::Venue(1_000_042));
        assert_eq!(Wanted::read("refusal-12").unwrap(), Wanted::Refusal(12));
        for wrong in ["", "1-0", "1-0-17-2", "0-0-1", "refusal-x", "x", "-3"] {
            let error = Wanted::read(wrong).unwrap_err().to_string();
            assert!(error.contains("refusal-12"), "{wrong}: {error}");
        }
    }
}
