//! One run from start to end: journal, recovery, venue, first events, pipeline, supervision, end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine::clock::WallClock;
use engine::pipeline::{Ended, Pipeline, Running};
use engine::strategy::Registry;
use journal::{Durability, Folder, Recovery, Writer};
use model::ids::AccountId;
use model::instrument::InstrumentSpec;
use model::ports::Clock as _;
use replay::Recovered;

use super::durability::Chosen;
use super::follower::Follower;
use super::health::Health;
use super::opening::Opening;
use super::program;
use super::report::{self, Outcome};
use super::sealing::{self, Remarks};
use super::snapshots::{Snapshots, Source};
use super::status::Status;
use super::supervisor::{Ending, Limits, Supervisor};
use super::venue::{self, Ports, Venue};
use super::view::View;
use crate::cli::RunArgs;
use crate::config::{Config, gateway_names, lane_name};
use crate::control::obey::Obedience;
use crate::control::spool::Spool;
use crate::output::{Failure, hex, remark};
use crate::replay_command::progress_bar;

/// Longest time that the pipeline gets to drain.
const SHUT_DOWN_GRACE: Duration = Duration::from_secs(10);
/// How often the embedded venue is asked whether its recording has ended.
const RECORDING_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the engine as configured.
///
/// # Errors
///
/// [`Failure`]: what, where, and what to do. The journal is left intact in every case.
pub(crate) fn run(config: &Config, args: &RunArgs) -> Result<(), Failure> {
    let chosen = Chosen::of(&config.journal)?;
    run_in(&chosen.folder(&config.journal.dir), chosen, config, args)
}

/// The same with the journal in `folder`.
pub(super) fn run_in(
    folder: &Folder,
    chosen: Chosen,
    config: &Config,
    args: &RunArgs,
) -> Result<(), Failure> {
    let began = Instant::now();
    let clock = WallClock::anchored_now();
    let mut options = chosen.options(&config.journal);
    let is_kept = chosen.durability != Durability::Volatile;
    if let Some(seal) = config.journal.seal.as_ref().filter(|_| is_kept) {
        options = options.seal(sealing::options(&config.journal.dir, seal)?);
    }
    let (writer, recovery) = Writer::open_in(folder, options).map_err(Failure::because)?;
    chosen.tell(&config.journal);
    let watch = writer.watch();
    let pruner = writer.pruner();
    let recovered = recover(folder, &config.machine.registry, &recovery)?;
    refuse_while_killed(&recovered, args)?;
    let journal_id = recovered.reader.journal_id();
    let mut venues = venue::start(config, recovered.shadow.machine(), &clock)?;
    let (running, follower) = start(
        config,
        args,
        &mut venues,
        recovered,
        &recovery,
        writer,
        clock,
    )?;
    let source = Source {
        folder: folder.clone(),
        journal_id,
        epoch: recovery.epoch,
        durability: chosen.durability,
        watch: watch.clone(),
        pruner,
        keep: config.journal.keep,
    };
    let snapshots = Snapshots::start(source, config.journal.snapshot_every, recovery.last_seq)?;
    let before = View::of(follower.machine());
    let status = Status::new(config.journal.dir.display().to_string(), args.json);
    let wait_max = chosen.wait_max(config.journal.sync_stall);
    let limits = Limits {
        run_for: args.run_for,
        health: Health::new(watch.clone(), wait_max, recovery.segment_bytes),
        journal: watch,
        recording_ended: Box::new(every(RECORDING_INTERVAL, || {
            venues.iter().any(Venue::recording_ended)
        })),
    };
    let spool = is_kept.then(|| Spool::of(&config.journal.dir));
    let obedience = Obedience::begin(spool, config.machine.venue_names.clone());
    let ending = Supervisor::new(running, follower, snapshots, status, limits, obedience)?.run();
    finish(config, args, ending, &before, clock, began)
}

/// The machine as the journal left it, told to a person.
fn recover(
    folder: &Folder,
    registry: &Registry,
    recovery: &Recovery,
) -> Result<Recovered, Failure> {
    for removed in &recovery.removed {
        let kept = removed.kept_in.display();
        remark(&format!(
            "journal: a torn tail of {} bytes from sequence {} was cut off and kept in {kept}",
            removed.bytes, removed.from_seq
        ));
    }
    let bar = progress_bar("recover", recovery.last_seq);
    let recovered = replay::recover(folder, registry, |seq| bar.set_position(seq))
        .map_err(|error| Failure::while_doing(&folder.dir().display().to_string(), error))?;
    bar.finish_and_clear();
    for text in &recovered.remarks {
        remark(text);
    }
    if let Some(seq) = recovered.snapshot_seq {
        remark(&format!(
            "recovered from snapshot at sequence {seq}, {} records applied",
            recovered.applied
        ));
    }
    if recovered.last_seq > 0 {
        let how = if recovered.ended_in_order {
            "ended in order"
        } else {
            "was cut off"
        };
        let machine = recovered.shadow.machine();
        remark(&format!(
            "recovered to sequence {}: the last run {how}, {} orders live, state hash {}",
            recovered.last_seq,
            machine.orders().live_count(),
            hex(&machine.state_hash())
        ));
    }
    Ok(recovered)
}

fn refuse_while_killed(recovered: &Recovered, args: &RunArgs) -> Result<(), Failure> {
    if !recovered.shadow.machine().kill_latched() || args.release_kill.is_some() {
        return Ok(());
    }
    remark(
        "the kill switch is pulled: this run only cancels and reconciles; two persons release it:",
    );
    remark(
        "  caracal control release, then approve; or caracal run --release-kill ... (see --help)",
    );
    Ok(())
}

/// Writes the run's first events and starts the threads.
fn start(
    config: &Config,
    args: &RunArgs,
    venues: &mut [Venue],
    recovered: Recovered,
    recovery: &Recovery,
    mut writer: Writer,
    clock: WallClock,
) -> Result<(Running, Follower), Failure> {
    let instruments: Vec<InstrumentSpec> = venues
        .iter()
        .flat_map(|venue| venue.instruments.iter().cloned())
        .collect();
    let mut machine_config = config.machine.build(&instruments).map_err(|problems| {
        let path = args.config.display();
        Failure::Message(format!("{path}: {}", problems.join("; ")))
    })?;
    machine_config.control.program = program::digest();
    program::check(config, &machine_config.control.program)?;
    let Recovered {
        mut shadow,
        reader,
        commands_journaled,
        ..
    } = recovered;
    let mut machine = shadow.fork();
    let mut opening = Opening {
        machine: &mut machine,
        writer: &mut writer,
        now_ns: clock.now_ns(),
    };
    let release = args.release();
    opening.start(
        commands_journaled,
        &machine_config,
        &instruments,
        release.as_ref(),
    )?;
    opening.note_cut(recovery)?;
    let mut ports = Vec::new();
    let began_ns = clock.now_ns();
    for (venue, section) in venues.iter_mut().zip(&config.venues) {
        let frames = section
            .record_frames
            .then(|| frames_path(config, &section.name, began_ns));
        ports.push(venue.ports(&machine, machine_config.limits.recv_window_ns, frames)?);
    }
    let pipeline = Pipeline::new(machine, writer, config.engine.topology.clone(), clock)
        .tick_interval(config.engine.tick_interval)
        .last_line(config.engine.last_line);
    let running = connected(pipeline, config, ports)
        .start()
        .map_err(Failure::because)?;
    let mut follower = Follower::new(reader, shadow);
    follower.follow()?;
    Ok((running, follower))
}

/// Where a run keeps a venue's raw frames: beside the journal, a file for each run.
fn frames_path(config: &Config, venue: &str, began_ns: u64) -> PathBuf {
    let mut folder = config.journal.dir.clone().into_os_string();
    folder.push(".frames");
    PathBuf::from(folder).join(format!("{venue}-{began_ns}.gz"))
}

/// The pipeline with the feed of each venue and the gateway of each account.
fn connected(mut pipeline: Pipeline, config: &Config, ports: Vec<Ports>) -> Pipeline {
    let venues: Vec<&str> = config
        .venues
        .iter()
        .map(|venue| venue.name.as_str())
        .collect();
    let names = gateway_names(&venues, &config.machine.accounts);
    let name = |account: AccountId| names.get(account.index()).map_or("", String::as_str);
    for (venue, ports) in venues.iter().zip(ports) {
        let lane = lane_name(venue);
        match ports {
            Ports::Live(feed, gateways) => {
                pipeline = pipeline.feed(&lane, feed);
                for (account, gateway) in gateways {
                    pipeline = pipeline.gateway(name(account), &[account], gateway);
                }
            }
            Ports::Paper(feed, gateways) => {
                pipeline = pipeline.feed(&lane, feed);
                for (account, gateway) in gateways {
                    pipeline = pipeline.gateway(name(account), &[account], gateway);
                }
            }
        }
    }
    pipeline
}

/// Ends the pipeline, writes the last event, compares live machine and shadow, prints the run.
fn finish(
    config: &Config,
    args: &RunArgs,
    ending: Ending,
    before: &View,
    clock: WallClock,
    began: Instant,
) -> Result<(), Failure> {
    let Ending {
        mut running,
        mut follower,
        snapshots,
        mut latency,
        trouble,
    } = ending;
    running.samples.drain_into(&mut latency);
    let Ended {
        mut machine,
        mut writer,
    } = running.shut_down(SHUT_DOWN_GRACE).map_err(|failed| {
        let first = trouble
            .clone()
            .map_or_else(String::new, |trouble| format!("{trouble}; "));
        Failure::Message(format!("{first}{}", failed.fault))
    })?;
    let open_orders = u64::try_from(machine.orders().live_count()).unwrap_or(u64::MAX);
    Opening {
        machine: &mut machine,
        writer: &mut writer,
        now_ns: clock.now_ns(),
    }
    .end(open_orders)?;
    let watch = writer.watch();
    let (mut last_seq, durability) = (writer.last_seq(), writer.durability());
    let closed = writer.close();
    if let Ok(summary) = &closed {
        last_seq = summary.last_seq;
    }
    if watch.seal().stopped.is_some() {
        Remarks::default().look(&watch.seal());
    }
    let followed = follower.follow_to(last_seq);
    let state_hash = machine.state_hash();
    let after = View::of(&machine);
    report::print(
        &Outcome {
            journal: &config.journal.dir,
            durability,
            journal_bytes: last_seq * 128,
            tally: follower.tally,
            last_seq,
            state_hash,
            profit: after.profit - before.profit,
            fees: after.fees - before.fees,
            quote: after.quote.clone(),
            position: after.position.clone(),
            latency: latency.report(),
            took: began.elapsed(),
        },
        args.json,
    )?;
    let agree = followed.is_ok() && follower.machine().state_hash() == state_hash;
    if agree && closed.is_ok() {
        snapshots.end(follower.shadow());
    }
    if let Some(trouble) = trouble {
        return Err(Failure::Message(trouble));
    }
    closed.map_err(Failure::because)?;
    followed?;
    if !agree {
        return Err(Failure::Message(
            "self-check: the live machine and its shadow ended in different states".to_owned(),
        ));
    }
    Ok(())
}

/// Asks `question` at most once an `interval`; false in between.
fn every<'a>(interval: Duration, question: impl Fn() -> bool + 'a) -> impl Fn() -> bool + 'a {
    let asked = std::cell::Cell::new(Instant::now());
    move || {
        if asked.get().elapsed() < interval {
            return false;
        }
        asked.set(Instant::now());
        question()
    }
}
