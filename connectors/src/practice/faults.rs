//! What goes wrong on purpose: a schedule of faults, and its text form.
//!
//! A fault is written `KIND[:ARGUMENT]@WHEN`.
//!
//! | kind | what happens |
//! |---|---|
//! | `drop` | all connections are cut; `drop-market`, `drop-orders`: streams, order entry |
//! | `gap` | the next depth message is never sent |
//! | `delay-ack:200ms` | the answer to an order request comes late, behind the user stream |
//! | `silent-accept:3s` | the request is done and never answered; private events wait (2 s) |
//! | `timeout-done` | -1007 (HTTP 504), and the request was done |
//! | `timeout-lost` | -1007 (HTTP 504), and the request was not done |
//! | `busy` | -1008 (HTTP 503): not processed |
//! | `html` | the next REST answer is a page of HTML with status 502 |
//! | `unknown-message` | a stream message of an unknown kind, beside the true one |
//! | `unknown-code` | an order request is refused with a code that no page names |
//! | `out-of-range` | a stream message with a number beyond 64 bits, beside the true one |
//! | `duplicate` | the next private event is sent twice |
//! | `reorder` | the next private event is sent after the one behind it |
//! | `rate-limit` | the next request is answered 429 |
//! | `off-tick` | the next fill's private event has a price between two ticks |
//! | `off-lot` | the next fill's private event has a quantity between two lots |
//! | `negative-balance` | the next balances' private event shows less than nothing |
//! | `mute:10s` | private events are lost for so long; the connection stays (for good: `mute`) |
//! | `mute-market:10s` | market streams send nothing for so long; the connections stay |
//! | `expire-key` | listen keys end: their streams say so, stay up, and say nothing more |
//! | `clock-skew:-3s` | from now on the venue's clock is off by so much: requests get -1021 |
//!
//! `WHEN` is `5s` or `250ms` (that long after start), `7` (at the seventh chance: the seventh order
//! request for order faults, depth message for `gap`, stream message, private event or request for
//! the others), or `p0.01` (at random, at each chance, with this probability).

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Longest duration that a fault may name.
const DURATION_MAX: Duration = Duration::from_hours(24);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Cut connections.
    Drop(DropScope),
    /// Lose a depth message.
    Gap,
    /// Answer an order request late.
    DelayAck(Duration),
    /// Accept an order and say nothing; the user stream holds back for this long.
    SilentAccept(Duration),
    /// Say that the outcome is unknown (-1007) after accepting.
    TimeoutDone,
    /// Say that the outcome is unknown (-1007) without accepting.
    TimeoutLost,
    /// Say that the venue is overloaded (-1008) without processing.
    Busy,
    /// Answer a REST request with HTML.
    Html,
    /// Send a stream message of an unknown kind.
    UnknownMessage,
    /// Refuse an order request with an unknown code.
    UnknownCode,
    /// Send a stream message with a number out of range.
    OutOfRange,
    /// Send a private event twice.
    Duplicate,
    /// Send a private event after its successor.
    Reorder,
    /// Answer a request with 429.
    RateLimit,
    /// Report a fill at a price between two ticks.
    OffTick,
    /// Report a fill of a quantity between two lots.
    OffLot,
    /// Report a balance below zero.
    NegativeBalance,
    /// Lose private events for so long.
    Mute(Duration),
    /// Put the venue's clock off, milliseconds.
    ClockSkew(i64),
    /// Let market streams be silent for so long.
    MuteMarket(Duration),
    /// End the listen keys.
    ExpireKey,
}

/// Which connections are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropScope {
    /// All.
    All,
    /// Market streams.
    Market,
    /// Order entry and private streams, REST among them.
    Orders,
}

/// When a fault happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultWhen {
    /// At the first chance so long after start.
    After(Duration),
    /// At this chance, counted from 1.
    Count(u64),
    /// At each chance, with this probability.
    Chance(f64),
}

/// One entry of the schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultSpec {
    /// What.
    pub kind: FaultKind,
    /// When.
    pub when: FaultWhen,
}

/// Why a fault's text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No `@`.
    #[error("fault {0:?}: write KIND@WHEN, for example drop@5s")]
    NoTime(String),
    /// No such fault.
    #[error(
        "fault {0:?}: no such kind; there are drop, drop-market, drop-orders, gap, delay-ack, \
         silent-accept, timeout-done, timeout-lost, busy, html, unknown-message, unknown-code, \
         out-of-range, duplicate, reorder, rate-limit, off-tick, off-lot, negative-balance, mute, \
         mute-market, expire-key, clock-skew"
    )]
    Kind(String),
    /// The argument is missing, superfluous or malformed.
    #[error("fault {0:?}: {1}")]
    Argument(String, &'static str),
    /// The time is malformed.
    #[error("fault {0:?}: WHEN is 5s, 250ms, 7 (the seventh chance) or p0.01 (at random)")]
    When(String),
}

impl FromStr for FaultSpec {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (what, when) = text
            .trim()
            .split_once('@')
            .ok_or_else(|| FaultError::NoTime(text.to_owned()))?;
        let when = parse_when(when).ok_or_else(|| FaultError::When(text.to_owned()))?;
        let (name, argument) = match what.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (what, None),
        };
        Ok(Self {
            kind: parse_kind(text, name, argument)?,
            when,
        })
    }
}

fn parse_kind(text: &str, name: &str, argument: Option<&str>) -> Result<FaultKind, FaultError> {
    let wrong = |reason| FaultError::Argument(text.to_owned(), reason);
    let kind = match (name, argument) {
        ("delay-ack", Some(time)) => {
            let time = parse_duration(time).ok_or_else(|| wrong("the delay is 200ms or 1s"))?;
            return Ok(FaultKind::DelayAck(time));
        }
        ("delay-ack", None) => return Err(wrong("give the delay: delay-ack:200ms@3")),
        ("silent-accept", Some(time)) => {
            let time = parse_duration(time).ok_or_else(|| wrong("the silence is 500ms or 3s"))?;
            return Ok(FaultKind::SilentAccept(time));
        }
        ("clock-skew", Some(time)) => {
            let (sign, time) = time.strip_prefix('-').map_or((1, time), |time| (-1, time));
            let time = parse_duration(time)
                .and_then(|time| i64::try_from(time.as_millis()).ok())
                .ok_or_else(|| wrong("the skew is 3s, -3s or 1500ms"))?;
            return Ok(FaultKind::ClockSkew(sign * time));
        }
        ("clock-skew", None) => return Err(wrong("give the skew: clock-skew:-3s@10s")),
        ("mute", Some(time)) => {
            let time = parse_duration(time).ok_or_else(|| wrong("the silence is 500ms or 3s"))?;
            return Ok(FaultKind::Mute(time));
        }
        ("mute", None) => FaultKind::Mute(DURATION_MAX),
        ("mute-market", Some(time)) => {
            let time = parse_duration(time).ok_or_else(|| wrong("the silence is 500ms or 3s"))?;
            return Ok(FaultKind::MuteMarket(time));
        }
        ("mute-market", None) => FaultKind::MuteMarket(DURATION_MAX),
        ("expire-key", _) => FaultKind::ExpireKey,
        ("off-tick", _) => FaultKind::OffTick,
        ("off-lot", _) => FaultKind::OffLot,
        ("negative-balance", _) => FaultKind::NegativeBalance,
        ("silent-accept", None) => FaultKind::SilentAccept(Duration::from_secs(2)),
        ("drop", _) => FaultKind::Drop(DropScope::All),
        ("drop-market", _) => FaultKind::Drop(DropScope::Market),
        ("drop-orders", _) => FaultKind::Drop(DropScope::Orders),
        ("gap", _) => FaultKind::Gap,
        ("timeout-done", _) => FaultKind::TimeoutDone,
        ("timeout-lost", _) => FaultKind::TimeoutLost,
        ("busy", _) => FaultKind::Busy,
        ("html", _) => FaultKind::Html,
        ("unknown-message", _) => FaultKind::UnknownMessage,
        ("unknown-code", _) => FaultKind::UnknownCode,
        ("out-of-range", _) => FaultKind::OutOfRange,
        ("duplicate", _) => FaultKind::Duplicate,
        ("reorder", _) => FaultKind::Reorder,
        ("rate-limit", _) => FaultKind::RateLimit,
        _ => return Err(FaultError::Kind(text.to_owned())),
    };
    if argument.is_some() && name != "silent-accept" {
        return Err(wrong("this kind takes no argument"));
    }
    Ok(kind)
}

fn parse_when(text: &str) -> Option<FaultWhen> {
    if let Some(chance) = text.strip_prefix('p') {
        let chance: f64 = chance.parse().ok()?;
        return (chance > 0.0 && chance <= 1.0).then_some(FaultWhen::Chance(chance));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .map(FaultWhen::Count);
    }
    parse_duration(text).map(FaultWhen::After)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s')?, 1_000),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time = Duration::from_millis(digits.parse::<u64>().ok()?.checked_mul(unit)?);
    (time <= DURATION_MAX).then_some(time)
}

/// Where a fault can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chance {
    /// No particular place: cuts and skew.
    Turn,
    /// An order request.
    Order,
    /// A REST request.
    Rest,
    /// Any request.
    Request,
    /// A depth message.
    Depth,
    /// A market stream message.
    Stream,
    /// A private event.
    Private,
    /// A private event of a fill.
    Fill,
    /// A private event of balances.
    Balances,
}

impl FaultKind {
    const fn chance(self) -> Chance {
        match self {
            Self::Drop(_) | Self::ClockSkew(_) | Self::MuteMarket(_) | Self::ExpireKey => {
                Chance::Turn
            }
            Self::DelayAck(_)
            | Self::SilentAccept(_)
            | Self::TimeoutDone
            | Self::TimeoutLost
            | Self::Busy
            | Self::UnknownCode => Chance::Order,
            Self::Html => Chance::Rest,
            Self::RateLimit => Chance::Request,
            Self::Gap => Chance::Depth,
            Self::UnknownMessage | Self::OutOfRange => Chance::Stream,
            Self::Duplicate | Self::Reorder | Self::Mute(_) => Chance::Private,
            Self::OffTick | Self::OffLot => Chance::Fill,
            Self::NegativeBalance => Chance::Balances,
        }
    }
}

/// The schedule while it runs.
#[derive(Debug)]
pub(crate) struct Faults {
    entries: VecDeque<Entry>,
    dice: Pcg64,
}

#[derive(Debug)]
struct Entry {
    spec: FaultSpec,
    chances: u64,
}

impl Faults {
    pub(crate) fn new(specs: &[FaultSpec], seed: u64) -> Self {
        let entries = specs
            .iter()
            .map(|spec| Entry {
                spec: *spec,
                chances: 0,
            })
            .collect();
        Self {
            entries,
            dice: Pcg64::seed_from_u64(seed),
        }
    }

    /// Adds a fault while the venue runs.
    pub(crate) fn add(&mut self, spec: FaultSpec) {
        self.entries.push_back(Entry { spec, chances: 0 });
    }

    /// The fault that strikes at this chance, `elapsed_ns` after start, if one does. A fault that
    /// is not a matter of probability strikes once. A cut or a skew counts stream messages.
    pub(crate) fn strike(&mut self, chance: Chance, elapsed_ns: u64) -> Option<FaultKind> {
        let mut hit = None;
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let fits = entry.spec.kind.chance() == chance;
            let counted = fits && chance != Chance::Turn
                || chance == Chance::Stream && entry.spec.kind.chance() == Chance::Turn;
            entry.chances += u64::from(counted);
            let now = match entry.spec.when {
                FaultWhen::After(time) => u128::from(elapsed_ns) >= time.as_nanos(),
                FaultWhen::Count(count) => entry.chances >= count,
                FaultWhen::Chance(odds) => counted && self.dice.random::<f64>() < odds,
            };
            if hit.is_none() && now && (fits || counted) {
                hit = Some((index, entry.spec));
            }
        }
        let (index, spec) = hit?;
        if !matches!(spec.when, FaultWhen::Chance(_)) {
            self.entries.remove(index);
        }
        Some(spec.kind)
    }

    /// When the next timed fault is due, nanoseconds after start.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        self.entries
            .iter()
            .filter(|entry| entry.spec.kind.chance() == Chance::Turn)
            .filter_map(|entry| match entry.spec.when {
                FaultWhen::After(time) => u64::try_from(time.as_nanos()).ok(),
                FaultWhen::Count(_) | FaultWhen::Chance(_) => None,
            })
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_text_of_every_kind_is_read() {
        let read = |text: &str| text.parse::<FaultSpec>().unwrap();
        assert_eq!(read("drop@5s").kind, FaultKind::Drop(DropScope::All));
        assert_eq!(
            read("gap@10s").when,
            FaultWhen::After(Duration::from_secs(10))
        );
        assert_eq!(read("silent-accept@3").when, FaultWhen::Count(3));
        assert_eq!(
            read("delay-ack:250ms@p0.5"),
            FaultSpec {
                kind: FaultKind::DelayAck(Duration::from_millis(250)),
                when: FaultWhen::Chance(0.5),
            }
        );
        assert_eq!(read("clock-skew:-3s@1s").kind, FaultKind::ClockSkew(-3_000));
        for name in [
            "drop-market",
            "drop-orders",
            "timeout-done",
            "timeout-lost",
            "busy",
            "html",
            "unknown-message",
            "unknown-code",
            "out-of-range",
            "duplicate",
            "reorder",
            "rate-limit",
            "off-tick",
            "off-lot",
            "negative-balance",
            "mute",
            "mute-market",
            "expire-key",
        ] {
            read(&format!("{name}@1"));
        }
    }

    #[test]
    fn fault_text_that_is_wrong_says_what_and_how() {
        let say = |text: &str| text.parse::<FaultSpec>().unwrap_err().to_string();
        assert!(say("drop").contains("KIND@WHEN"));
        assert!(say("melt@5s").contains("no such kind"));
        assert!(say("gap:7@5s").contains("no argument"));
        assert!(say("delay-ack@5s").contains("delay-ack:200ms@3"));
        assert!(say("drop@soon").contains("WHEN is"));
        assert!(say("drop@0").contains("WHEN is"));
        assert!(say("drop@p2").contains("WHEN is"));
        assert!(say("drop@99999999999999999999s").contains("WHEN is"));
    }

    #[test]
    fn fault_strikes_once_at_its_chance() {
        let mut faults = Faults::new(&["gap@2".parse().unwrap()], 1);
        assert_eq!(faults.strike(Chance::Order, 0), None);
        assert_eq!(faults.strike(Chance::Depth, 0), None);
        assert_eq!(faults.strike(Chance::Depth, 0), Some(FaultKind::Gap));
        assert_eq!(faults.strike(Chance::Depth, 0), None);
        let mut cut = Faults::new(&["drop@1s".parse().unwrap()], 1);
        assert_eq!(cut.next_due_ns(), Some(1_000_000_000));
        assert_eq!(cut.strike(Chance::Turn, 999_999_999), None);
        assert_eq!(
            cut.strike(Chance::Turn, 1_000_000_000),
            Some(FaultKind::Drop(DropScope::All))
        );
        assert_eq!(cut.next_due_ns(), None);
    }
}
