//! `[backtest]`: the simulated venue's rules, delays and costs.

use std::path::PathBuf;
use std::time::Duration;

use replay::backtest::{
    Burst, Delay, FeeTier, Latencies, Leftover, Outage, QueueChoice, Rules, Share, Shift, Through,
    VenuePlan,
};
use rust_decimal::Decimal;

use super::parse_duration;
use super::section::{Problems, Section};
use crate::journal_command::parse_time;

/// The queue model where none is named.
pub(crate) const QUEUE: &str = "power 3";

const DAY: Duration = Duration::from_secs(86_400);

/// Everything that `[backtest]` says.
#[derive(Debug, Clone)]
pub(crate) struct BacktestSection {
    /// The venues.
    pub(crate) venue: VenuePlan,
    /// Delays; those of a file or a journal are read when the backtest starts.
    pub(crate) latencies: Latencies,
    /// File with recorded delays, if one is used.
    pub(crate) recorded: Option<PathBuf>,
    /// The journal whose delays are drawn from, if one is.
    pub(crate) fitted: Option<PathBuf>,
    /// Name of the queue model.
    pub(crate) queue: String,
    /// How the recorder's clock is corrected; `None`: found from the data.
    pub(crate) shift: Option<Shift>,
    /// How late a record may be.
    pub(crate) late_max: Duration,
    /// Interval of samples.
    pub(crate) sample: Duration,
}

pub(super) fn read(
    mut section: Section<'_>,
    problems: &mut Problems<'_>,
) -> Option<BacktestSection> {
    let queue = section.text(problems, "queue", Some(QUEUE))?;
    let venue = venue(&mut section, &queue, problems);
    let mut latency = section.table(problems, "latency");
    let latencies = latencies(&mut latency, problems);
    let recorded = latency.existing_file(problems, "recorded_file");
    let fitted = latency
        .optional_text(problems, "journal")
        .map(PathBuf::from);
    latency.finish(problems);
    let shift = shift(&mut section, problems);
    let default = Some(Duration::from_secs(2));
    let late_max = section.duration(problems, "late_max", Duration::ZERO..=DAY, default);
    let second = Duration::from_secs(1);
    let range = Duration::from_millis(1)..=DAY;
    let sample = section.duration(problems, "sample", range, Some(second));
    section.finish(problems);
    Some(BacktestSection {
        venue: venue?,
        latencies: latencies?,
        recorded,
        fitted,
        queue,
        shift: shift?,
        late_max: late_max?,
        sample: sample?,
    })
}

fn venue(section: &mut Section<'_>, queue: &str, problems: &mut Problems<'_>) -> Option<VenuePlan> {
    let presets = [
        ("faithful", Rules::FAITHFUL),
        ("hftbacktest", Rules::LIKE_HFTBACKTEST),
    ];
    let mut rules = section.choice(problems, "rules", &presets, Some(Rules::FAITHFUL))?;
    let through = [("seen", Through::Seen), ("all", Through::All)];
    rules.through = section.choice(problems, "through", &through, Some(rules.through))?;
    let leftover = [("rests", Leftover::Rests), ("fills", Leftover::Fills)];
    rules.leftover = section.choice(problems, "leftover", &leftover, Some(rules.leftover))?;
    rules.impact = section.flag(problems, "impact", rules.impact)?;
    rules.shared_queue = section.flag(problems, "shared_queue", rules.shared_queue)?;
    let queues = queue_model(section, queue, problems);
    let tiers = tiers(section, problems);
    let leverage = Decimal::ONE..=Decimal::from(1_000);
    let leverage = section.decimal(problems, "leverage", leverage, Some(Decimal::TEN));
    let orders = section.integer(problems, "orders_per_10s", 0..=1_000_000, Some(0));
    let minute = Duration::from_secs(60);
    let ban = section.duration(problems, "ban", Duration::ZERO..=DAY, Some(minute));
    let outages = outages(section, problems);
    Some(VenuePlan {
        rules,
        queues: queues?,
        tiers: tiers?,
        leverage: leverage?,
        orders_per_10s: u32::try_from(orders?).ok()?,
        ban_ns: nanos(ban?),
        outages: outages?,
    })
}

fn queue_model(
    section: &Section<'_>,
    text: &str,
    problems: &mut Problems<'_>,
) -> Option<QueueChoice> {
    let choice = queue_of(text);
    if choice.is_none() {
        let what = format!(
            "\"{text}\" is not allowed: \"risk-averse\", \"pro-rata\", \"fifo\", \"log\", \
             \"log2\", or \"power N\", \"power2 N\", \"power3 N\" with N from 0.1 to 10 is"
        );
        section.problem(problems, "queue", what);
    }
    choice
}

/// The queue model of a name such as `power 3`, if it is one.
pub(crate) fn queue_of(text: &str) -> Option<QueueChoice> {
    let (name, exponent) = text.split_once(' ').unwrap_or((text, ""));
    let exponent = || {
        let number: f64 = exponent.parse().ok()?;
        (0.1..=10.0).contains(&number).then_some(number)
    };
    let share = match name {
        "power" => Share::Power(exponent()?),
        "power2" => Share::PowerOfAll(exponent()?),
        "power3" => Share::PowerOfRatio(exponent()?),
        "log" => Share::Log,
        "log2" => Share::LogOfAll,
        "risk-averse" => return Some(QueueChoice::RiskAverse),
        "pro-rata" => return Some(QueueChoice::ProRata),
        "fifo" => return Some(QueueChoice::Fifo),
        _ => return None,
    };
    Some(QueueChoice::Probable(share))
}

/// Texts of three numbers: volume from, maker and taker in units of 0.01 %.
fn tiers(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Vec<FeeTier>> {
    if !section.has("fees") {
        section.problem(
            problems,
            "fees",
            "is missing: for example [\"0 2 4\"]: from a volume of 0, maker 2 and taker 4 bps",
        );
        return None;
    }
    let texts = section.texts(problems, "fees")?;
    let tier = |text: &String| {
        let mut numbers = text.split(' ').map(str::parse::<Decimal>);
        let mut next = || numbers.next()?.ok();
        let (volume_from, maker, taker) = (next()?, next()?, next()?);
        let sane = |bps: Decimal| bps.abs() <= Decimal::from(100);
        let bps = Decimal::from(10_000);
        (numbers.next().is_none() && sane(maker) && sane(taker)).then(|| FeeTier {
            volume_from,
            maker: maker / bps,
            taker: taker / bps,
        })
    };
    let tiers: Option<Vec<FeeTier>> = texts.iter().map(tier).collect();
    let fine = |tiers: &Vec<FeeTier>| {
        let rises = tiers
            .windows(2)
            .all(|pair| pair[0].volume_from < pair[1].volume_from);
        rises && tiers.first().is_some_and(|one| one.volume_from.is_zero())
    };
    let tiers = tiers.filter(fine);
    if tiers.is_none() {
        let what = "must be texts \"VOLUME MAKER TAKER\" with rising volumes from 0, in quote over \
                    30 days, and fees in 0.01 % from -100 to 100";
        section.problem(problems, "fees", what);
    }
    tiers
}

/// Texts of a time and a duration.
fn outages(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Vec<Outage>> {
    let texts = section.optional_texts(problems, "outages")?;
    let mut outages = Vec::new();
    for text in texts {
        let parsed = text.rsplit_once(' ').and_then(|(from, length)| {
            let from_ns = parse_time(from).ok()?;
            let length = nanos(parse_duration(length)?);
            let to_ns = from_ns.checked_add(length)?;
            Some(Outage { from_ns, to_ns })
        });
        let Some(outage) = parsed else {
            let what = format!(
                "\"{text}\" is not allowed: a time and a duration such as \
                 \"2024-08-08T00:01:00Z 30s\" is"
            );
            section.problem(problems, "outages", what);
            return None;
        };
        outages.push(outage);
    }
    Some(outages)
}

fn latencies(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Latencies> {
    let feed = section.text(problems, "feed", Some("recorded"))?;
    let feed = if feed == "recorded" {
        Some(None)
    } else {
        delay(section, problems, "feed", &feed).map(Some)
    };
    let mut one = |key: &'static str, default: &str| {
        let text = section.text(problems, key, Some(default))?;
        delay(section, problems, key, &text)
    };
    let new = one("new", "5ms");
    let amend = one("amend", "5ms");
    let cancel = one("cancel", "5ms");
    let back = one("back", "5ms");
    let decide = one("decide", "10us");
    let burst = burst(section, problems);
    let seed = section.integer(problems, "seed", 0..=i64::MAX, Some(1));
    Some(Latencies {
        feed: feed?,
        new: new?,
        amend: amend?,
        cancel: cancel?,
        back: back?,
        decide: decide?,
        burst: burst?,
        seed: u64::try_from(seed?).ok()?,
    })
}

fn delay(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    text: &str,
) -> Option<Delay> {
    let found = delay_of(key, text);
    if found.is_none() {
        let what = format!(
            "\"{text}\" is not allowed: \"2ms\", \"uniform 1ms 3ms\", \"lognormal 2ms 0.5\", \
             \"feed 1.5 1ms\", with journal, \"journal\" or, with recorded_file, \"recorded\" is"
        );
        section.problem(problems, key, what);
    }
    found
}

fn delay_of(key: &str, text: &str) -> Option<Delay> {
    let words: Vec<&str> = text.split(' ').collect();
    let time = |text: &str| fine_duration(text);
    match words.as_slice() {
        ["uniform", from, to] => {
            let (from, to) = (time(from)?, time(to)?);
            (from <= to).then_some(Delay::Uniform(from, to))
        }
        ["lognormal", median, sigma] => {
            let sigma: f64 = sigma.parse().ok()?;
            let fits = (0.0..=5.0).contains(&sigma);
            fits.then_some(Delay::Lognormal(time(median)?, sigma))
        }
        ["feed", factor, more] => {
            let factor: f64 = factor.parse().ok()?;
            let fits = (0.0..=1_000.0).contains(&factor);
            fits.then_some(Delay::Feed(factor, time(more)?))
        }
        ["journal"] => Some(Delay::Drawn(Vec::new())),
        ["recorded"] if key == "back" => Some(Delay::Back(Vec::new())),
        ["recorded"] if key != "feed" && key != "decide" => Some(Delay::There(Vec::new())),
        [constant] => time(constant).map(Delay::Constant),
        _ => None,
    }
}

/// Nanoseconds of `250ns`, `10us` or what a duration may be elsewhere.
fn fine_duration(text: &str) -> Option<u64> {
    let number = |unit: &str| text.strip_suffix(unit)?.parse::<u64>().ok();
    let fine = number("us")
        .and_then(|us| us.checked_mul(1_000))
        .or_else(|| number("ns"));
    fine.or_else(|| parse_duration(text).map(nanos))
        .filter(|ns| *ns <= nanos(DAY))
}

fn burst(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Option<Burst>> {
    let Some(text) = section.optional_text(problems, "burst") else {
        return Some(None);
    };
    let parsed = text.split_once(' ').and_then(|(above, factor)| {
        let factor: f64 = factor.parse().ok()?;
        let above: u32 = above.parse().ok()?;
        (1.0..=1_000.0)
            .contains(&factor)
            .then_some(Burst { above, factor })
    });
    if parsed.is_none() {
        let what = format!(
            "\"{text}\" is not allowed: messages in a second and a factor, such as \"2000 3\", is"
        );
        section.problem(problems, "burst", what);
        return None;
    }
    Some(parsed)
}

/// `Some(None)`: to be found from the data.
fn shift(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Option<Shift>> {
    let text = section.text(problems, "local_clock", Some("auto"))?;
    let by = |text: &str, sign: i64| {
        let ns = i64::try_from(fine_duration(text)?).ok()?;
        Some(Some(Shift::By(ns * sign)))
    };
    let found = match text.as_str() {
        "auto" => Some(None),
        "recorded" => Some(Some(Shift::None)),
        other => match other.strip_prefix('-') {
            Some(rest) => by(rest, -1),
            None => by(other.strip_prefix('+').unwrap_or(other), 1),
        },
    };
    if found.is_none() {
        let what = format!("\"{text}\" is not allowed: \"auto\", \"recorded\" or \"+1300ms\" is");
        section.problem(problems, "local_clock", what);
    }
    found
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
