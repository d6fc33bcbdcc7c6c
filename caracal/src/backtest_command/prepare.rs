//! From a configuration and data sets to what a backtest is made of.

use std::path::{Path, PathBuf};

use model::body::AssetName;
use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use replay::backtest::{DataSet, Delay, Feed, Latencies, Plan, Recorded, Shift, Source};
use replay::compare::{is_open, waterfalls};
use rust_decimal::Decimal;

use crate::config::{BacktestConfig, BacktestSection, instrument_name};
use crate::output::{Failure, remark};
use crate::run::program_digest;

/// What is to be run on what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The configuration's file, for messages.
    pub(crate) path: &'a Path,
    /// The data sets.
    pub(crate) data: &'a [PathBuf],
    /// Orders are placed from this time on, nanoseconds since the Unix epoch.
    pub(crate) from: Option<u64>,
    /// The data is read up to this time.
    pub(crate) to: Option<u64>,
    /// How the recorder's clock is moved where the configuration says "auto"; found if not given.
    pub(crate) found: Option<Shift>,
}

/// What a backtest is made of.
pub(crate) struct Prepared {
    /// The data.
    pub(crate) feed: Feed,
    /// The machine and its venues.
    pub(crate) plan: Plan,
    /// The instruments, by their ids.
    pub(crate) specs: Vec<InstrumentSpec>,
    /// Records of all data sets, of any kind.
    pub(crate) records: u64,
}

/// Opens the data and builds the plan.
///
/// # Errors
///
/// [`Failure`]: data that is missing or does not fit, quantities that are not whole lots.
pub(crate) fn prepare(args: Wanted<'_>, config: &BacktestConfig) -> Result<Prepared, Failure> {
    let sets = open(args.data)?;
    let mut records = 0_u64;
    for set in &sets {
        records = records.saturating_add(set.records().map_err(Failure::because)?);
    }
    let instruments = sources(&sets, config)?;
    let specs: Vec<InstrumentSpec> = instruments.iter().map(|one| one.spec.clone()).collect();
    let mut machine = config.machine.build(&specs).map_err(|problems| {
        let path = args.path.display();
        Failure::Message(format!("{path}: {}", problems.join("; ")))
    })?;
    machine.control.program = program_digest();
    let backtest = &config.backtest;
    if backtest.venue.queues.needs_orders() {
        for source in &instruments {
            orders_are_shown(&args.data[source.set], source)?;
        }
    }
    let shift = match backtest.shift {
        Some(shift) => shift,
        None => args.found.map_or_else(|| found_shift(args.data), Ok)?,
    };
    let from_ns = args.from.unwrap_or(0);
    let plan = Plan {
        machine,
        balances: balances(config)?,
        venue: backtest.venue.clone(),
        latencies: closed(latencies(backtest)?)?,
        tick_ns: nanos(config.tick_interval),
        sample_ns: nanos(backtest.sample),
        from_ns,
    };
    let feed = Feed {
        sets,
        instruments,
        shift,
        late_max_ns: nanos(backtest.late_max),
        from_ns,
        to_ns: args.to.unwrap_or(u64::MAX),
    };
    Ok(Prepared {
        feed,
        plan,
        specs,
        records,
    })
}

/// A queue of the venue's own orders needs data that shows them.
fn orders_are_shown(path: &Path, source: &Source) -> Result<(), Failure> {
    let set = DataSet::open(path).map_err(Failure::because)?;
    if set.shows_orders(source.place).map_err(Failure::because)? {
        return Ok(());
    }
    Err(Failure::Message(format!(
        "{}: no single orders of {}: queue = \"fifo\" needs data that shows each order of the \
         venue's; import such, or choose another queue",
        path.display(),
        source.spec.symbol
    )))
}

fn open(paths: &[PathBuf]) -> Result<Vec<DataSet>, Failure> {
    paths
        .iter()
        .map(|path| DataSet::open(path).map_err(Failure::because))
        .collect()
}

/// For each configured symbol the one data set that has its market.
fn sources(sets: &[DataSet], config: &BacktestConfig) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for (venue, symbols) in config.symbols.iter().enumerate() {
        let venue_name = &config.machine.venue_names[venue];
        for symbol in symbols {
            let name = instrument_name(symbol, venue_name);
            let (set, place) = find(sets, symbol, &name)?;
            let id = u32::try_from(sources.len()).map_err(Failure::because)?;
            let spec = InstrumentSpec {
                id: InstrumentId(id),
                venue: VenueId(u8::try_from(venue).map_err(Failure::because)?),
                symbol: symbol.clone(),
                name,
                ..sets[set].instruments()[place].clone()
            };
            sources.push(Source { set, place, spec });
        }
    }
    Ok(sources)
}

/// The data of this instrument: by the name that the data or the configuration has for it; or,
/// where only one has it, by the venue's symbol.
fn find(sets: &[DataSet], symbol: &str, name: &str) -> Result<(usize, usize), Failure> {
    let all = sets.iter().enumerate().flat_map(|(set, data)| {
        let places = data.instruments().iter().enumerate();
        places.map(move |(place, spec)| (set, place, spec))
    });
    let is_it = |spec: &InstrumentSpec| spec.symbol == symbol || spec.name == symbol;
    let all: Vec<_> = all.filter(|(_, _, spec)| is_it(spec)).collect();
    let named: Vec<_> = all
        .iter()
        .filter(|(_, _, spec)| spec.name == name)
        .collect();
    match (named.as_slice(), all.as_slice()) {
        ([one], _) => Ok((one.0, one.1)),
        ([], [one]) => Ok((one.0, one.1)),
        ([], []) => {
            let known = sets.iter().flat_map(DataSet::instruments);
            let known: Vec<&str> = known.map(|spec| spec.name.as_str()).collect();
            Err(Failure::Message(format!(
                "symbol {symbol}: no data set has it; they have: {}; name another directory with \
                 --data, or another symbol in the configuration",
                known.join(", ")
            )))
        }
        _ => Err(Failure::Message(format!(
            "symbol {symbol}: there are several of it ({}); write one of these names instead",
            all.iter()
                .map(|(_, _, spec)| spec.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

fn balances(config: &BacktestConfig) -> Result<Vec<Vec<(AssetName, Decimal)>>, Failure> {
    let one = |(asset, amount): &(String, Decimal)| {
        let name = AssetName::whole(asset)
            .ok_or_else(|| Failure::Message(format!("asset {asset}: the name is too long")))?;
        Ok((name, *amount))
    };
    let of = |all: &Vec<(String, Decimal)>| all.iter().map(one).collect();
    config.balances.iter().map(of).collect()
}

/// A feed is never this slow: the clocks are of different times.
const ANOTHER_TIME_NS: i64 = 10_000_000_000;

/// The recorder's clock is moved so that nothing arrives before it left, nor, where a recording was
/// played at another time, long behind.
///
/// # Errors
///
/// [`Failure`]: data that cannot be read.
pub(crate) fn found_shift(paths: &[PathBuf]) -> Result<Shift, Failure> {
    let mut least: Option<i64> = None;
    for set in open(paths)? {
        let delay = set.least_delay_ns().map_err(Failure::because)?;
        least = match (least, delay) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    let wrong = |least: &i64| *least < 0 || *least > ANOTHER_TIME_NS;
    let Some(off) = least.filter(wrong) else {
        return Ok(Shift::None);
    };
    let how = if off < 0 { "behind" } else { "ahead of" };
    remark(&format!(
        "the recorder's clock was {} ms {how} the venue's: its times are moved by that much, so \
         that the fastest message takes no time (local_clock in [backtest])",
        off.unsigned_abs().div_ceil(1_000_000)
    ));
    Ok(Shift::By(off.saturating_neg()))
}

/// Refuses delays that are to be drawn from a journal where none is named.
pub(crate) fn closed(latencies: Latencies) -> Result<Latencies, Failure> {
    let feed = latencies.feed.iter().map(|delay| ("feed", delay));
    let all = [
        ("new", &latencies.new),
        ("amend", &latencies.amend),
        ("cancel", &latencies.cancel),
        ("back", &latencies.back),
        ("decide", &latencies.decide),
    ];
    let open = feed.chain(all).find(|(_, delay)| is_open(delay));
    let Some((key, _)) = open else {
        return Ok(latencies);
    };
    Err(Failure::Message(format!(
        "backtest.latency.{key} = \"journal\" needs journal = \"DIR\" beside it, the journal of a \
         run that traded"
    )))
}

/// Delays, with those of a file or of a journal read from there.
pub(crate) fn latencies(backtest: &BacktestSection) -> Result<Latencies, Failure> {
    let mut latencies = backtest.latencies.clone();
    let mut recorded: Option<Vec<Recorded>> = None;
    let all = [
        ("new", &mut latencies.new),
        ("amend", &mut latencies.amend),
        ("cancel", &mut latencies.cancel),
        ("back", &mut latencies.back),
    ];
    for (key, delay) in all {
        let (Delay::There(rows) | Delay::Back(rows)) = delay else {
            continue;
        };
        if recorded.is_none() {
            recorded = Some(read_recorded(backtest, key)?);
        }
        rows.clone_from(recorded.as_ref().unwrap_or(&Vec::new()));
    }
    if let Some(journal) = &backtest.fitted {
        let falls = waterfalls(journal)
            .map_err(|error| Failure::while_doing("backtest.latency.journal", error))?;
        falls.fill(&mut latencies);
    }
    Ok(latencies)
}

/// Lines of `sent_ns,arrived_ns,answered_ns`, by rising time.
fn read_recorded(backtest: &BacktestSection, key: &str) -> Result<Vec<Recorded>, Failure> {
    let Some(path) = &backtest.recorded else {
        return Err(Failure::Message(format!(
            "backtest.latency.{key} = \"recorded\" needs recorded_file = \"FILE.csv\", lines of \
             sent_ns,arrived_ns,answered_ns"
        )));
    };
    let place = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::while_doing(&place, error))?;
    let mut rows: Vec<Recorded> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let numbers: Vec<Option<u64>> =
            line.split(',').map(|one| one.trim().parse().ok()).collect();
        let row = match numbers.as_slice() {
            [Some(sent), Some(arrived), Some(answered)]
                if sent <= arrived && arrived <= answered =>
            {
                Recorded {
                    sent_ns: *sent,
                    there_ns: arrived - sent,
                    back_ns: answered - arrived,
                }
            }
            // A line of names.
            [None, ..] if index == 0 => continue,
            _ => {
                return Err(Failure::Message(format!(
                    "{place}:{}: must be sent_ns,arrived_ns,answered_ns, each at or behind the one \
                     before",
                    index + 1
                )));
            }
        };
        if rows.last().is_some_and(|last| last.sent_ns >= row.sent_ns) {
            return Err(Failure::Message(format!(
                "{place}:{}: sent_ns must rise from line to line; sort the file",
                index + 1
            )));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Failure::Message(format!("{place}: holds no delays")));
    }
    Ok(rows)
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
