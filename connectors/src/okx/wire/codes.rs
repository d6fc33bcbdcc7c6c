//! What OKX's codes mean for a request: of the envelope (`code`) and of each part of it (`sCode`).
//!
//! A code that stands in no line means that the outcome is unknown: never that the order does not
//! exist. Sources: see `connectors/SOURCES.md`.
//!
//! Hot path: yes. Allocates: no.

use model::body::RejectReason as Why;

use crate::gateway::said::Verdict;

/// First and last code of a line, both of the line, and what they mean.
type Line = (i32, i32, Verdict);

const fn refused(why: Why) -> Verdict {
    Verdict::Refused(why)
}

const PERMISSION: Verdict = Verdict::Configuration(Why::Permission);

/// From the smallest code up.
const TABLE: &[Line] = &[
    (50_000, 50_000, refused(Why::Other)),
    // "Service temporarily unavailable": with HTTP 503, before anything was done.
    (50_001, 50_001, Verdict::Busy),
    (50_002, 50_002, refused(Why::Other)),
    // "Does not indicate success or failure of order", and an interface that is offline.
    (50_004, 50_005, Verdict::Unknown),
    (50_006, 50_006, refused(Why::Other)),
    (50_007, 50_008, PERMISSION),
    (50_009, 50_009, refused(Why::Other)),
    (50_010, 50_010, PERMISSION),
    (50_011, 50_011, Verdict::Limited),
    (50_012, 50_012, PERMISSION),
    (50_013, 50_013, Verdict::Busy),
    (50_014, 50_016, refused(Why::Other)),
    // Position, asset or account frozen by deleveraging, liquidation or funding.
    (50_017, 50_023, refused(Why::Other)),
    (50_024, 50_025, refused(Why::Other)),
    // "System error": of an order that may be there.
    (50_026, 50_026, Verdict::Unknown),
    (50_027, 50_027, PERMISSION),
    (50_028, 50_028, refused(Why::Other)),
    (50_029, 50_029, refused(Why::Closed)),
    (50_030, 50_030, PERMISSION),
    (50_031, 50_031, refused(Why::Other)),
    (50_032, 50_033, refused(Why::Closed)),
    (50_034, 50_035, PERMISSION),
    // `expTime` was past: dropped, never executed.
    (50_036, 50_037, Verdict::Clock),
    (50_038, 50_039, refused(Why::Other)),
    (50_040, 50_040, Verdict::Busy),
    // Orders of the account in two seconds.
    (50_061, 50_061, Verdict::Limited),
    (50_100, 50_101, PERMISSION),
    (50_102, 50_102, Verdict::Clock),
    (50_103, 50_111, PERMISSION),
    (50_112, 50_114, PERMISSION),
    (50_115, 50_115, refused(Why::Other)),
    // Faults of an order.
    (51_000, 51_003, refused(Why::Other)),
    (51_004, 51_007, refused(Why::Filter)),
    (51_008, 51_008, refused(Why::Balance)),
    (51_009, 51_010, PERMISSION),
    // An open order has this client id: an earlier attempt lives.
    (51_011, 51_011, Verdict::Duplicate),
    (51_012, 51_015, refused(Why::Other)),
    (51_016, 51_016, Verdict::Duplicate),
    (51_017, 51_017, refused(Why::Balance)),
    (51_018, 51_019, refused(Why::Other)),
    (51_020, 51_020, refused(Why::Filter)),
    (51_021, 51_022, refused(Why::Closed)),
    (51_023, 51_023, refused(Why::Other)),
    (51_024, 51_024, PERMISSION),
    // Too many open orders.
    (51_025, 51_025, refused(Why::Filter)),
    (51_026, 51_026, refused(Why::Other)),
    (51_027, 51_029, refused(Why::Closed)),
    // Funding is being settled.
    (51_030, 51_030, Verdict::Busy),
    (51_031, 51_031, refused(Why::Filter)),
    (51_032, 51_032, refused(Why::Other)),
    (51_033, 51_033, refused(Why::Filter)),
    (51_037, 51_053, refused(Why::Other)),
    // "Getting information timed out".
    (51_054, 51_054, Verdict::Unknown),
    (51_055, 51_059, refused(Why::Other)),
    (51_071, 51_071, refused(Why::Other)),
    (51_101, 51_108, refused(Why::Filter)),
    (51_109, 51_109, refused(Why::Other)),
    (51_110, 51_110, refused(Why::Closed)),
    (51_111, 51_112, refused(Why::Other)),
    (51_113, 51_113, Verdict::Busy),
    (51_115, 51_115, refused(Why::Other)),
    (51_116, 51_122, refused(Why::Filter)),
    (51_124, 51_124, refused(Why::Closed)),
    (51_125, 51_126, refused(Why::Other)),
    (51_127, 51_127, refused(Why::Balance)),
    (51_128, 51_128, refused(Why::Other)),
    (51_129, 51_129, refused(Why::Filter)),
    (51_130, 51_130, refused(Why::Other)),
    (51_131, 51_131, refused(Why::Balance)),
    (51_132, 51_134, refused(Why::Other)),
    // Outside of the price band.
    (51_135, 51_138, refused(Why::Filter)),
    (51_139, 51_148, refused(Why::Other)),
    // "Order timed out": it may be there.
    (51_149, 51_149, Verdict::Unknown),
    (51_150, 51_150, refused(Why::Filter)),
    (51_155, 51_155, PERMISSION),
    (51_169, 51_170, refused(Why::Other)),
    (51_174, 51_174, refused(Why::Filter)),
    (51_201, 51_203, refused(Why::Filter)),
    (51_204, 51_206, refused(Why::Other)),
    // Conditional orders, bots.
    (51_250, 51_370, refused(Why::Other)),
    // Cancels: not there, cancelled, filled, of no kind that can be.
    (51_400, 51_402, refused(Why::UnknownOrder)),
    (51_403, 51_403, refused(Why::Other)),
    (51_404, 51_404, refused(Why::Closed)),
    (51_405, 51_405, refused(Why::UnknownOrder)),
    (51_406, 51_411, refused(Why::Other)),
    // Documented as a timeout and as "triggered": nothing that says what became of it.
    (51_412, 51_412, Verdict::Unknown),
    (51_413, 51_415, refused(Why::Other)),
    // Amendments.
    (51_500, 51_501, refused(Why::Other)),
    (51_502, 51_502, refused(Why::Balance)),
    (51_503, 51_503, refused(Why::UnknownOrder)),
    (51_506, 51_506, refused(Why::Other)),
    (51_508, 51_508, refused(Why::Closed)),
    (51_509, 51_510, refused(Why::UnknownOrder)),
    (51_511, 51_511, refused(Why::WouldTake)),
    (51_512, 51_512, refused(Why::Other)),
    // Three of this order's are on their way.
    (51_513, 51_513, Verdict::Busy),
    // Questions.
    (51_600, 51_602, refused(Why::Other)),
    (51_603, 51_603, refused(Why::UnknownOrder)),
    (51_607, 51_607, Verdict::Busy),
    (54_031, 54_031, refused(Why::Other)),
    (54_094, 54_094, PERMISSION),
    (59_113, 59_113, PERMISSION),
    (59_200, 59_201, refused(Why::Balance)),
    // The connection.
    (60_001, 60_003, PERMISSION),
    (60_004, 60_004, Verdict::Clock),
    (60_005, 60_005, PERMISSION),
    (60_006, 60_006, Verdict::Clock),
    (60_007, 60_007, PERMISSION),
    (60_008, 60_008, refused(Why::Other)),
    (60_009, 60_011, PERMISSION),
    (60_012, 60_013, refused(Why::Other)),
    (60_014, 60_014, Verdict::Limited),
    (60_017, 60_019, refused(Why::Other)),
    (60_020, 60_020, Verdict::Limited),
    (60_021, 60_022, refused(Why::Other)),
    (60_023, 60_023, Verdict::Limited),
    (60_024, 60_024, PERMISSION),
    (60_025, 60_025, Verdict::Limited),
    (60_026, 60_028, refused(Why::Other)),
    (60_029, 60_032, PERMISSION),
    // Of a login or a request that may have been taken.
    (63_999, 63_999, Verdict::Unknown),
    (64_001, 64_002, refused(Why::Other)),
    (64_003, 64_003, PERMISSION),
    (64_004, 64_004, refused(Why::Other)),
    (64_007, 64_007, Verdict::Unknown),
];

/// What an error means, by its code and the answer's HTTP status (200 over WebSocket).
#[must_use]
pub fn classify(status: u16, code: i32) -> Verdict {
    let line = TABLE
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&code));
    match (line, status) {
        (Some((.., verdict)), _) => *verdict,
        (None, 429) => Verdict::Limited,
        (None, 401 | 403) if code == 0 => PERMISSION,
        (None, _) => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of orders, keys and connections that the venue's page and its changelog name.
    const DOCUMENTED: &[(i32, i32)] = &[
        (50_000, 50_002),
        (50_004, 50_040),
        (50_061, 50_061),
        (50_100, 50_115),
        (51_000, 51_012),
        (51_014, 51_033),
        (51_037, 51_041),
        (51_044, 51_044),
        (51_046, 51_059),
        (51_071, 51_071),
        (51_101, 51_113),
        (51_115, 51_117),
        (51_120, 51_122),
        (51_124, 51_139),
        (51_145, 51_145),
        (51_147, 51_150),
        (51_155, 51_155),
        (51_169, 51_170),
        (51_174, 51_174),
        (51_201, 51_206),
        (51_250, 51_265),
        (51_267, 51_295),
        (51_298, 51_300),
        (51_302, 51_313),
        (51_317, 51_317),
        (51_340, 51_351),
        (51_370, 51_370),
        (51_400, 51_413),
        (51_415, 51_415),
        (51_500, 51_503),
        (51_506, 51_506),
        (51_508, 51_513),
        (51_600, 51_603),
        (51_607, 51_607),
        (54_031, 54_031),
        (54_094, 54_094),
        (59_113, 59_113),
        (59_200, 59_201),
        (60_001, 60_009),
        (60_011, 60_014),
        (60_017, 60_030),
        (60_032, 60_032),
        (63_999, 63_999),
        (64_001, 64_004),
        (64_007, 64_007),
    ];

    #[test]
    fn every_documented_code_has_one_line() {
        for (first, last) in DOCUMENTED {
            for code in *first..=*last {
                let lines = TABLE
                    .iter()
                    .filter(|(first, last, _)| (*first..=*last).contains(&code));
                assert_eq!(lines.count(), 1, "{code}");
            }
        }
        for pair in TABLE.windows(2) {
            assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0, "{pair:?}");
        }
    }

    #[test]
    fn what_decides_over_money() {
        for unknown in [
            50_004, 50_026, 51_149, 51_412, 63_999, 64_007, 0, 1, 2, 99_999,
        ] {
            assert_eq!(classify(200, unknown), Verdict::Unknown, "{unknown}");
        }
        for limited in [50_011, 50_061, 60_014] {
            assert_eq!(classify(200, limited), Verdict::Limited, "{limited}");
        }
        for clock in [50_036, 50_037, 50_102, 60_006] {
            assert_eq!(classify(200, clock), Verdict::Clock, "{clock}");
        }
        for (code, why) in [
            (51_008, Why::Balance),
            (51_020, Why::Filter),
            (51_121, Why::Filter),
            (51_137, Why::Filter),
            (51_400, Why::UnknownOrder),
            (51_503, Why::UnknownOrder),
            (51_603, Why::UnknownOrder),
            (51_511, Why::WouldTake),
            (51_000, Why::Other),
            (60_013, Why::Other),
        ] {
            assert_eq!(classify(200, code), refused(why), "{code}");
        }
        assert_eq!(classify(200, 50_113), PERMISSION);
        assert_eq!(classify(200, 51_016), Verdict::Duplicate);
        assert_eq!(classify(429, 50_013), Verdict::Busy);
    }

    #[test]
    fn status_decides_only_without_a_code() {
        assert_eq!(classify(429, 0), Verdict::Limited);
        assert_eq!(classify(403, 0), PERMISSION);
        assert_eq!(classify(502, 0), Verdict::Unknown);
        assert_eq!(classify(503, 50_001), Verdict::Busy);
        assert_eq!(classify(403, 99_999), Verdict::Unknown);
    }
}
