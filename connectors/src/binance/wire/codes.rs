//! What the venue's error codes mean for a request: the table that decides between "refused" and
//! "nobody knows".
//!
//! Codes are stable, messages are not, except the engine's own under -1010, -2010, -2011 and -2038.
//! A code that the table does not know means that the outcome is unknown: never that the order
//! does not exist. Source: Binance's errors page, see `connectors/SOURCES.md`.
//!
//! Hot path: yes. Allocates: no.

use model::body::RejectReason;

use crate::gateway::said::Verdict;

/// What an error means, from the answer's status, the code and the words.
#[must_use]
pub fn classify(status: u16, code: i32, message: &str) -> Verdict {
    match code {
        -1010 | -2010 | -2011 | -2038 => engine_words(code, message),
        -1013 | -1111 => Verdict::Refused(RejectReason::Filter),
        -1014 | -1020 => Verdict::Refused(RejectReason::Other),
        -1003 | -1015 | -1034 => Verdict::Limited,
        -1008 => Verdict::Busy,
        -1016 | -2016 => Verdict::Refused(RejectReason::Closed),
        -1021 => Verdict::Clock,
        -1002 | -1022 | -2008 | -2014 | -2015 => Verdict::Configuration(RejectReason::Permission),
        -1099..=-1023 => Verdict::Unknown,
        -1199..=-1100 => Verdict::Refused(RejectReason::Other),
        -2013 | -2026 | -2039 => Verdict::Refused(RejectReason::UnknownOrder),
        -2021 | -2022 => Verdict::Partial,
        _ => by_status(status, code),
    }
}

/// A status decides only where the body has no code: these are answered before the engine.
const fn by_status(status: u16, code: i32) -> Verdict {
    match (status, code) {
        (429 | 418, _) => Verdict::Limited,
        (401 | 403, 0) => Verdict::Configuration(RejectReason::Permission),
        _ => Verdict::Unknown,
    }
}

/// The engine's words for what a person has to mend with the venue.
const NOT_ALLOWED: [&str; 6] = [
    "This action is disabled on this account",
    "This account may not place or cancel orders",
    "This symbol is not permitted for this account",
    "This symbol is restricted for this account",
    "Rest API trading is not enabled",
    "WebSocket API trading is not enabled",
];

fn engine_words(code: i32, message: &str) -> Verdict {
    let refused = Verdict::Refused;
    let starts = |words: &str| message.starts_with(words);
    if starts("Duplicate order sent") {
        Verdict::Duplicate
    } else if starts("Account has insufficient balance") {
        refused(RejectReason::Balance)
    } else if starts("Order would immediately match and take") {
        refused(RejectReason::WouldTake)
    } else if starts("Market is closed") {
        refused(RejectReason::Closed)
    } else if starts("Unknown order sent") {
        refused(RejectReason::UnknownOrder)
    } else if starts("Filter failure") {
        refused(RejectReason::Filter)
    } else if NOT_ALLOWED.iter().any(|words| starts(words)) {
        Verdict::Configuration(RejectReason::Permission)
    } else if code == -1010 {
        // The venue names this code for any message of its engine, not only for refusals.
        Verdict::Unknown
    } else {
        refused(RejectReason::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classify_every_documented_class() {
        let check = |status, code, words: &str, want| {
            assert_eq!(
                classify(status, code, words),
                want,
                "{status} {code} {words}"
            );
        };
        check(
            400,
            -1013,
            "Filter failure: LOT_SIZE",
            Verdict::Refused(RejectReason::Filter),
        );
        check(400, -1021, "Timestamp for this request ...", Verdict::Clock);
        check(
            400,
            -1022,
            "",
            Verdict::Configuration(RejectReason::Permission),
        );
        check(400, -1102, "", Verdict::Refused(RejectReason::Other));
        check(400, -1131, "", Verdict::Refused(RejectReason::Other));
        check(400, -1145, "", Verdict::Refused(RejectReason::Other));
        check(429, -1003, "", Verdict::Limited);
        check(429, -1015, "", Verdict::Limited);
        check(418, 0, "", Verdict::Limited);
        check(503, -1008, "", Verdict::Busy);
        check(403, 0, "", Verdict::Configuration(RejectReason::Permission));
        for unknown in [-1000, -1001, -1006, -1007] {
            check(500, unknown, "", Verdict::Unknown);
        }
        check(502, 0, "", Verdict::Unknown);
        check(400, -9999, "a code of tomorrow", Verdict::Unknown);
        let engine = |words, want| check(400, -2010, words, want);
        engine(
            "Account has insufficient balance for requested action.",
            Verdict::Refused(RejectReason::Balance),
        );
        engine(
            "Order would immediately match and take.",
            Verdict::Refused(RejectReason::WouldTake),
        );
        engine("Market is closed.", Verdict::Refused(RejectReason::Closed));
        engine("Duplicate order sent.", Verdict::Duplicate);
        engine("Words of tomorrow.", Verdict::Refused(RejectReason::Other));
        check(
            400,
            -2011,
            "Unknown order sent.",
            Verdict::Refused(RejectReason::UnknownOrder),
        );
        check(409, -2021, "", Verdict::Partial);
    }

    #[test]
    fn unsure_verdicts_are_never_definite() {
        assert!(!Verdict::Unknown.is_definite());
        assert!(!Verdict::Duplicate.is_definite());
        assert!(Verdict::Limited.is_definite());
    }
}
