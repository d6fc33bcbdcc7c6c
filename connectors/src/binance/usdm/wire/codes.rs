//! What USD-M's error codes mean for a request: each that the venue documents, one by one.
//!
//! A code that stands in no line means that the outcome is unknown: never that the order does not
//! exist. Source: the venue's page of error codes of USD-M futures, see `connectors/SOURCES.md`.
//!
//! Hot path: yes. Allocates: no.

use model::body::RejectReason as Why;

use crate::gateway::said::Verdict;

/// First and last code of a line, both of the line, and what they mean.
type Line = (i32, i32, Verdict);

const fn refused(why: Why) -> Verdict {
    Verdict::Refused(why)
}

/// From the largest code down.
const TABLE: &[Line] = &[
    // "An unknown error occurred", "internal error": nothing about execution.
    (-1001, -1000, Verdict::Unknown),
    (-1002, -1002, Verdict::Configuration(Why::Permission)),
    (-1003, -1003, Verdict::Limited),
    // The address on the white list, or not.
    (-1005, -1004, Verdict::Configuration(Why::Permission)),
    // "Execution status unknown."
    (-1007, -1006, Verdict::Unknown),
    // Throttled by the system's protection: not executed. Reduce-only and closing orders pass.
    (-1008, -1008, Verdict::Busy),
    // -1010 names any message of the engine: it stands for nothing.
    (-1010, -1010, Verdict::Unknown),
    (-1011, -1011, Verdict::Configuration(Why::Permission)),
    (-1013, -1013, refused(Why::Filter)),
    (-1014, -1014, refused(Why::Other)),
    (-1015, -1015, Verdict::Limited),
    (-1016, -1016, refused(Why::Closed)),
    (-1020, -1020, refused(Why::Other)),
    (-1021, -1021, Verdict::Clock),
    (-1022, -1022, Verdict::Configuration(Why::Permission)),
    (-1023, -1023, refused(Why::Other)),
    (-1099, -1099, Verdict::Configuration(Why::Permission)),
    // Faults of the request, found before the engine.
    (-1106, -1100, refused(Why::Other)),
    (-1110, -1108, refused(Why::Other)),
    (-1111, -1111, refused(Why::Filter)),
    (-1121, -1112, refused(Why::Other)),
    (-1122, -1122, refused(Why::Closed)),
    (-1128, -1125, refused(Why::Other)),
    (-1130, -1130, refused(Why::Other)),
    (-1136, -1136, refused(Why::Other)),
    // NEW_ORDER_REJECTED and CANCEL_REJECTED: the engine refused.
    (-2010, -2010, refused(Why::Other)),
    (-2011, -2011, refused(Why::UnknownOrder)),
    // "Batch cancel failure": of which orders, it does not say.
    (-2012, -2012, Verdict::Unknown),
    (-2013, -2013, refused(Why::UnknownOrder)),
    (-2015, -2014, Verdict::Configuration(Why::Permission)),
    (-2016, -2016, refused(Why::Closed)),
    (-2017, -2017, Verdict::Configuration(Why::Permission)),
    (-2019, -2018, refused(Why::Balance)),
    (-2022, -2020, refused(Why::Other)),
    // "User in liquidation mode now."
    (-2023, -2023, refused(Why::Balance)),
    (-2024, -2024, refused(Why::Other)),
    (-2025, -2025, refused(Why::Filter)),
    (-2026, -2026, refused(Why::Other)),
    (-2028, -2027, refused(Why::Balance)),
    // An order that cannot be as it is.
    (-4000, -4000, refused(Why::Other)),
    (-4014, -4001, refused(Why::Filter)),
    (-4015, -4015, refused(Why::Other)),
    (-4019, -4016, refused(Why::Filter)),
    (-4021, -4020, refused(Why::Other)),
    (-4022, -4022, refused(Why::Closed)),
    (-4025, -4023, refused(Why::Filter)),
    (-4033, -4026, refused(Why::Other)),
    (-4044, -4044, refused(Why::Other)),
    (-4045, -4045, refused(Why::Filter)),
    (-4049, -4046, refused(Why::Other)),
    (-4051, -4050, refused(Why::Balance)),
    (-4055, -4052, refused(Why::Other)),
    (-4057, -4056, Verdict::Configuration(Why::Permission)),
    (-4060, -4058, refused(Why::Other)),
    // Hedge mode against one-way mode: every order will be refused.
    (-4061, -4061, Verdict::Configuration(Why::Other)),
    (-4082, -4062, refused(Why::Other)),
    // "Fail to place batch orders": of which, it does not say.
    (-4083, -4083, Verdict::Unknown),
    (-4086, -4084, refused(Why::Other)),
    // The account may only reduce, or not trade at all.
    (-4088, -4087, Verdict::Configuration(Why::Permission)),
    (-4104, -4104, refused(Why::Other)),
    (-4115, -4114, refused(Why::Other)),
    // An order with this client id is there: an earlier attempt lives, or lived.
    (-4116, -4116, Verdict::Duplicate),
    (-4117, -4117, refused(Why::Other)),
    (-4118, -4118, refused(Why::Other)),
    // Conditional orders have another way since 2025-12-09.
    (-4120, -4120, refused(Why::Other)),
    (-4131, -4131, refused(Why::Filter)),
    (-4135, -4135, refused(Why::Filter)),
    (-4139, -4137, refused(Why::Other)),
    (-4141, -4140, refused(Why::Closed)),
    (-4142, -4142, refused(Why::Other)),
    (-4144, -4144, refused(Why::Other)),
    (-4161, -4161, refused(Why::Other)),
    (-4164, -4164, refused(Why::Filter)),
    (-4165, -4165, refused(Why::Other)),
    (-4172, -4167, refused(Why::Other)),
    (-4184, -4183, refused(Why::Filter)),
    // "Trade forbidden due to Cooling-off Period."
    (-4192, -4192, Verdict::Configuration(Why::Permission)),
    (-4203, -4202, refused(Why::Other)),
    (-4206, -4205, refused(Why::Other)),
    (-4209, -4208, refused(Why::Other)),
    (-4211, -4210, refused(Why::Filter)),
    // Only reduce-only orders are taken from this account for a while.
    (-4401, -4400, refused(Why::Permission)),
    (-4403, -4402, Verdict::Configuration(Why::Permission)),
    // The order was refused because of how it would have executed.
    (-5021, -5021, refused(Why::Other)),
    (-5022, -5022, refused(Why::WouldTake)),
    (-5024, -5024, refused(Why::Closed)),
    (-5027, -5025, refused(Why::Other)),
    // The engine's own check of `recvWindow`: not executed.
    (-5028, -5028, Verdict::Clock),
    (-5029, -5029, refused(Why::Filter)),
    (-5041, -5037, refused(Why::Other)),
];

/// What an error means, from the answer's status, the code and the words.
#[must_use]
pub fn classify(status: u16, code: i32, message: &str) -> Verdict {
    // Below the codes stands the load balancer: with 503 it may or may not have passed it on, and
    // only its words tell which.
    if status == 503 && code != -1008 {
        return if message.starts_with("Service Unavailable") {
            Verdict::Busy
        } else {
            Verdict::Unknown
        };
    }
    let line = TABLE
        .iter()
        .find(|(last, first, _)| (*last..=*first).contains(&code));
    match (line, status) {
        (Some((.., verdict)), _) => *verdict,
        (None, 429 | 418) => Verdict::Limited,
        (None, 401 | 403) if code == 0 => Verdict::Configuration(Why::Permission),
        (None, _) => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The venue's page, code by code.
    const DOCUMENTED: &[i32] = &[
        -1000, -1001, -1002, -1003, -1004, -1005, -1006, -1007, -1008, -1010, -1011, -1013, -1014,
        -1015, -1016, -1020, -1021, -1022, -1023, -1099, -1100, -1101, -1102, -1103, -1104, -1105,
        -1106, -1108, -1109, -1110, -1111, -1112, -1113, -1114, -1115, -1116, -1117, -1118, -1119,
        -1120, -1121, -1122, -1125, -1126, -1127, -1128, -1130, -1136, -2010, -2011, -2012, -2013,
        -2014, -2015, -2016, -2017, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026,
        -2027, -2028, -4000, -4001, -4002, -4003, -4004, -4005, -4006, -4007, -4008, -4009, -4010,
        -4011, -4012, -4013, -4014, -4015, -4016, -4017, -4018, -4019, -4020, -4021, -4022, -4023,
        -4024, -4025, -4026, -4027, -4028, -4029, -4030, -4031, -4032, -4033, -4044, -4045, -4046,
        -4047, -4048, -4049, -4050, -4051, -4052, -4053, -4054, -4055, -4056, -4057, -4058, -4059,
        -4060, -4061, -4062, -4063, -4064, -4065, -4066, -4067, -4068, -4069, -4070, -4071, -4072,
        -4073, -4074, -4075, -4076, -4077, -4078, -4079, -4080, -4081, -4082, -4083, -4084, -4085,
        -4086, -4087, -4088, -4104, -4114, -4115, -4116, -4117, -4118, -4120, -4131, -4135, -4137,
        -4138, -4139, -4140, -4141, -4142, -4144, -4161, -4164, -4165, -4167, -4168, -4169, -4170,
        -4171, -4172, -4183, -4184, -4192, -4202, -4203, -4205, -4206, -4208, -4209, -4210, -4211,
        -4400, -4401, -4402, -4403, -5021, -5022, -5024, -5025, -5026, -5027, -5028, -5029, -5037,
        -5038, -5039, -5040, -5041,
    ];

    fn lines_of(code: i32) -> usize {
        let has = |line: &&Line| (line.0..=line.1).contains(&code);
        TABLE.iter().filter(has).count()
    }

    #[test]
    fn each_documented_code_has_one_line_and_no_other_code_has_any() {
        for code in DOCUMENTED {
            assert_eq!(lines_of(*code), 1, "{code}");
        }
        let documented = |code: &i32| DOCUMENTED.contains(code);
        for code in (-9_999..0).filter(|code| !documented(code)) {
            assert_eq!(lines_of(code), 0, "{code} is on no page");
            assert_eq!(classify(400, code, ""), Verdict::Unknown, "{code}");
        }
    }

    #[test]
    fn outcome_is_unknown_exactly_where_the_venue_does_not_say() {
        let unknown = [-1000, -1001, -1006, -1007, -1010, -2012, -4083];
        for code in DOCUMENTED {
            let verdict = classify(400, *code, "");
            assert_eq!(
                verdict == Verdict::Unknown,
                unknown.contains(code),
                "{code}"
            );
        }
        for (status, words, want) in [
            (
                503,
                "Unknown error, please check your request or try again later.",
                Verdict::Unknown,
            ),
            (503, "Service Unavailable.", Verdict::Busy),
            (502, "", Verdict::Unknown),
            (429, "", Verdict::Limited),
            (418, "", Verdict::Limited),
            (403, "", Verdict::Configuration(Why::Permission)),
        ] {
            assert_eq!(classify(status, 0, words), want, "{status} {words}");
        }
        assert_eq!(classify(503, -1008, "Request throttled"), Verdict::Busy);
        assert_eq!(
            classify(503, -1000, "Unknown error, please"),
            Verdict::Unknown
        );
        assert_eq!(classify(429, -1015, ""), Verdict::Limited);
    }

    #[test]
    fn reasons_are_the_models_own() {
        for (code, why) in [
            (-2019, Why::Balance),
            (-5022, Why::WouldTake),
            (-4164, Why::Filter),
            (-4014, Why::Filter),
            (-2011, Why::UnknownOrder),
            (-2022, Why::Other),
        ] {
            assert_eq!(classify(400, code, ""), Verdict::Refused(why), "{code}");
        }
        assert_eq!(classify(400, -4116, ""), Verdict::Duplicate);
        assert_eq!(classify(400, -5028, ""), Verdict::Clock);
    }
}
