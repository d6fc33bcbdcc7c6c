//! Assembly: makes rings, lanes and stages, and deals the stages out to the workers.
//!
//! Everything that the hot path will use is allocated and touched here, on the thread that
//! starts the pipeline, before any worker is pinned.
//!
//! Thread: the supervisor's. Hot path: no.

use std::sync::Arc;
use std::time::Duration;

use journal::Durability;
use model::body::Sent;
use model::ids::SourceId;
use model::limits::{INTENTS_IN_FLIGHT_MAX, INTENTS_PER_EVENT_MAX, NOTICES_IN_FLIGHT_MAX};
use model::ports::{Clock, Trace};
use model::record::Record;
use zerocopy::FromZeros;

use super::build::{FeedPort, GatewayPort, Pipeline, Place};
use super::control::{Control, Fault};
use super::gateway::CommandSlot;
use super::gauges::{GatewayGauges, Gauge, Gauges, LaneGauges, WorkerGauges};
use super::journal::{JournalStage, Log};
use super::lane::{
    Lane, LaneSink, SOURCE_FIRST_PORT, SOURCE_OPERATOR, SOURCE_REFUSALS, SOURCE_TIMER, lane,
    touched,
};
use super::last_line::LastLineLimits;
use super::latency::{SAMPLE_SLOTS, Samples};
use super::ring::{self, After, First, JournalPlace, Tap, Writer};
use super::risk::{Judge, RiskStage};
use super::running::{OperatorLane, Running, Threads};
use super::sequencer::{Inputs, LANE_SHARE, Numbering, Sequencer};
use super::stage::Stage;
use super::strategy::StrategyStage;
use super::timer::TimerStage;
use super::topology::{Shape, Topology};
use super::worker::Worker;
use crate::clock::{StageClock, WallClock};
use crate::machine::strategy::Registry;
use crate::machine::{Intent, IntentBuffer, Outputs, REFUSALS_PER_EVENT_MAX, Risk, StrategyRunner};

/// Bytes of a Linux thread name.
const ROLE_NAME_BYTES: usize = 15;

/// A pipeline whose parts are made and not yet on their threads.
pub(super) struct Assembly {
    workers: Vec<Worker>,
    operator: OperatorLane,
    samples: Samples,
    control: Arc<Control>,
    registry: Registry,
}

impl Assembly {
    /// Makes the parts of `pipeline`, whose topology has no problems.
    pub(super) fn of(pipeline: Pipeline) -> Self {
        let shape = pipeline.shape();
        let topology = pipeline.topology.clone();
        let split = shape.strategies > 0 && topology.splits_strategies();
        let groups = groups(shape.strategies, split);
        let control = Arc::new(Control::new(gauges(&pipeline, groups.len())));
        let lanes = Lanes::new(&pipeline);
        let place = journal_place(pipeline.writer.durability());
        let events = ring::inbound(topology.inbound_slots, groups.len(), place, || Record::ZERO);
        let gateways = shape.gateways.len();
        let commands = ring::commands(topology.command_slots, gateways, CommandSlot::empty);
        let mut kit = Kit {
            clock: pipeline.clock,
            inputs: pipeline.inputs,
            sinks: lanes.sinks,
            units: Vec::new(),
            gate: pipeline
                .writer
                .durability()
                .is_strict()
                .then(|| pipeline.writer.watch()),
            last_line: pipeline.last_line,
            control,
        };
        let registry = pipeline.parts.registry;
        let served = served(&pipeline.gateways);
        let intents = kit.strategies(
            pipeline.parts.strategies,
            &groups,
            split,
            events.strategies,
            topology.lane_slots,
        );
        kit.risk(
            pipeline.parts.risk,
            events.risk,
            intents,
            commands.risk,
            served,
        );
        let ends = (events.journal, commands.journal);
        let samples = kit.journal(pipeline.writer, pipeline.last_event, ends);
        kit.gateways(pipeline.gateways, commands.gateways);
        kit.feeds(pipeline.feeds, gateways);
        kit.timer(pipeline.tick_interval);
        let numbering =
            Numbering::after(pipeline.last_event, pipeline.last_time_ns, pipeline.inputs);
        kit.sequencer(lanes.readers, events.sequencer, numbering);
        Self {
            operator: OperatorLane {
                sink: kit.sink(SOURCE_OPERATOR.index()),
                clock: kit.clock,
            },
            samples,
            control: Arc::clone(&kit.control),
            workers: kit.workers(&topology, &shape),
            registry,
        }
    }

    /// Starts the workers' threads.
    pub(super) fn start(self) -> Result<Running, Fault> {
        let mut threads = Threads(Vec::with_capacity(self.workers.len()));
        for worker in self.workers {
            match worker.spawn() {
                Ok(thread) => threads.0.push(thread),
                Err(fault) => {
                    self.control.raise(fault.clone());
                    threads.join_all();
                    return Err(fault);
                }
            }
        }
        Ok(Running {
            operator: self.operator,
            samples: self.samples,
            control: self.control,
            registry: self.registry,
            threads,
        })
    }
}

/// Both ends of every lane, by source.
struct Lanes {
    sinks: Vec<Option<LaneSink>>,
    readers: Vec<Lane>,
}

impl Lanes {
    fn new(pipeline: &Pipeline) -> Self {
        let first_feed = SOURCE_FIRST_PORT.index() + pipeline.gateways.len();
        let sources = first_feed + pipeline.feeds.len();
        let mut lanes = Self {
            sinks: Vec::with_capacity(sources),
            readers: Vec::with_capacity(sources),
        };
        for index in 0..sources {
            // C3: risk's refusals and notices always find a place.
            let strategies = pipeline.parts.strategies.len();
            let refusals = strategies * INTENTS_IN_FLIGHT_MAX + NOTICES_IN_FLIGHT_MAX;
            let slots = if index == SOURCE_REFUSALS.index() {
                pipeline.topology.lane_slots.max(refusals)
            } else {
                pipeline.topology.lane_slots
            };
            // The topology's problems bound the number of ports.
            let source = SourceId(u8::try_from(index).unwrap_or(u8::MAX));
            let (mut sink, mut reader) = lane(source, slots);
            if pipeline.inputs == Inputs::Recorded {
                sink = sink.verbatim();
                reader.muted = index < first_feed;
            }
            lanes.sinks.push(Some(sink));
            lanes.readers.push(reader);
        }
        lanes
    }
}

/// In `sync` durability nobody acts on what the journal has not made durable.
fn journal_place(durability: Durability) -> JournalPlace {
    match durability {
        Durability::Sync => JournalPlace::Before,
        Durability::Volatile
        | Durability::Process
        | Durability::Interval(_)
        | Durability::Group => JournalPlace::Beside,
    }
}

/// The strategy stages: index of each one's first strategy, and how many it has.
fn groups(strategies: usize, split: bool) -> Vec<(usize, usize)> {
    if split {
        (0..strategies).map(|index| (index, 1)).collect()
    } else {
        vec![(0, strategies)]
    }
}

fn gauges(pipeline: &Pipeline, strategy_stages: usize) -> Gauges {
    let last_event = || Gauge::starting_at(pipeline.last_event);
    let own = ["operator", "timer", "refusals"].map(str::to_owned);
    let gateways = pipeline.gateways.iter().map(|port| &port.name);
    let feeds = pipeline.feeds.iter().map(|port| &port.name);
    let names = own
        .into_iter()
        .chain(gateways.clone().map(|name| format!("gateway.{name}")));
    let lanes: Vec<LaneGauges> = names
        .chain(feeds.map(|name| format!("feed.{name}")))
        .map(LaneGauges::new)
        .collect();
    // These have no stage that would close them: the others' ends cover theirs.
    let own_end = |lane: &&LaneGauges| lane.name != "timer" && !lane.name.starts_with("feed.");
    lanes
        .iter()
        .filter(own_end)
        .for_each(|lane| lane.closed.set(1));
    Gauges {
        sequenced: last_event(),
        journaled: last_event(),
        decided: last_event(),
        journal_seq: Gauge::starting_at(pipeline.writer.last_seq()),
        strategies: (0..strategy_stages).map(|_| last_event()).collect(),
        lanes,
        gateways: gateways.cloned().map(GatewayGauges::new).collect(),
        workers: pipeline
            .topology
            .workers
            .iter()
            .enumerate()
            .map(worker_gauges)
            .collect(),
        ..Gauges::default()
    }
}

fn worker_gauges((index, worker): (usize, &super::topology::WorkerConfig)) -> WorkerGauges {
    let mut name = match &worker.stages[..] {
        [only] => only.clone(),
        [first, ..] => format!("w{index}-{first}"),
        [] => format!("w{index}"),
    };
    let mut end = name.len().min(ROLE_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    WorkerGauges::new(name)
}

/// By raw account: whether one of `gateways` serves it.
fn served(gateways: &[GatewayPort]) -> Vec<bool> {
    let accounts = || gateways.iter().flat_map(|port| &port.accounts);
    let most = accounts().map(|account| account.index() + 1).max();
    let mut served = vec![false; most.unwrap_or(0)];
    accounts().for_each(|account| served[account.index()] = true);
    served
}

/// Makes stages, and collects them by the name of the unit that a worker is given.
struct Kit {
    clock: WallClock,
    inputs: Inputs,
    /// By source; each is taken once.
    sinks: Vec<Option<LaneSink>>,
    units: Vec<(String, Box<dyn Stage>)>,
    /// What the gateways' gates wait for, in the strict durability modes.
    gate: Option<journal::Watch>,
    /// Limits of the gateways' last lines.
    last_line: Option<LastLineLimits>,
    control: Arc<Control>,
}

impl Kit {
    fn sink(&mut self, source: usize) -> LaneSink {
        let sink = self.sinks.get_mut(source).and_then(Option::take);
        sink.expect("Invariant: each lane has one producer")
    }

    fn add(&mut self, stage: Box<dyn Stage>) {
        self.units.push((stage.name().to_owned(), stage));
    }

    /// The strategy stages; returns the intent lanes for risk, in the same order.
    fn strategies(
        &mut self,
        runners: Vec<StrategyRunner>,
        groups: &[(usize, usize)],
        split: bool,
        readers: Vec<Tap<Record>>,
        lane_slots: usize,
    ) -> Vec<rtrb::Consumer<Intent>> {
        let mut runners = runners.into_iter();
        let mut lanes = Vec::with_capacity(groups.len());
        for (index, (&(first, count), events)) in groups.iter().zip(readers).enumerate() {
            // C1: room for the intents of one event, at least.
            let slots = lane_slots.max(count * INTENTS_PER_EVENT_MAX);
            let (intents, lane) = rtrb::RingBuffer::new(slots);
            lanes.push(lane);
            let name = if split {
                format!("strategy.{first}")
            } else {
                "strategy".to_owned()
            };
            self.add(Box::new(StrategyStage {
                name,
                index,
                first,
                runners: runners.by_ref().take(count).collect(),
                events,
                buffer: IntentBuffer::new(),
                intents,
                ended: false,
                clock: StageClock::of(self.clock),
                control: Arc::clone(&self.control),
            }));
        }
        lanes
    }

    fn risk(
        &mut self,
        risk: Risk,
        events: After<Record>,
        lanes: Vec<rtrb::Consumer<Intent>>,
        commands: Writer<CommandSlot>,
        served: Vec<bool>,
    ) {
        let refusals = self.sink(SOURCE_REFUSALS.index());
        self.add(Box::new(RiskStage {
            events,
            ended: false,
            judge: Judge {
                risk: Box::new(risk),
                lanes,
                intents: Vec::with_capacity(REFUSALS_PER_EVENT_MAX),
                out: Outputs::new(),
                published: 0,
                cause: Trace::default(),
                commands: Some(commands),
                refusals,
                served,
                inputs: self.inputs,
                clock: StageClock::of(self.clock),
                control: Arc::clone(&self.control),
            },
        }));
    }

    /// The journal stage; returns the supervisor's end of the samples' lane.
    fn journal(
        &mut self,
        writer: Box<journal::Writer>,
        last_event: u64,
        (events, commands): (First<Record>, First<CommandSlot>),
    ) -> Samples {
        let (samples, reader) = touched(SAMPLE_SLOTS, Sent::new_zeroed());
        self.add(Box::new(JournalStage {
            events,
            commands,
            log: Log {
                writer,
                last_event,
                samples,
                control: Arc::clone(&self.control),
            },
            ended: false,
        }));
        Samples(reader)
    }

    fn gateways(&mut self, ports: Vec<GatewayPort>, readers: Vec<After<CommandSlot>>) {
        for (index, (port, commands)) in ports.into_iter().zip(readers).enumerate() {
            let place = self.place(SOURCE_FIRST_PORT.index() + index, index);
            self.add((port.into_stage)(place, commands));
        }
    }

    fn feeds(&mut self, ports: Vec<FeedPort>, gateways: usize) {
        for (index, port) in ports.into_iter().enumerate() {
            let source = SOURCE_FIRST_PORT.index() + gateways + index;
            let place = self.place(source, source);
            self.add((port.into_stage)(place));
        }
    }

    fn place(&mut self, source: usize, index: usize) -> Place {
        Place {
            sink: self.sink(source),
            index,
            control: Arc::clone(&self.control),
            gate: self.gate.clone(),
            last_line: self.last_line,
        }
    }

    fn timer(&mut self, interval: Duration) {
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let sink = self.sink(SOURCE_TIMER.index());
        self.add(Box::new(TimerStage {
            sink,
            lane: SOURCE_TIMER.index(),
            interval_ns: (self.inputs == Inputs::Live).then_some(interval_ns),
            due_ns: self.clock.now_ns(),
            count: 0,
            ended: false,
            clock: StageClock::of(self.clock),
            control: Arc::clone(&self.control),
        }));
    }

    fn sequencer(&mut self, lanes: Vec<Lane>, ring: Writer<Record>, numbering: Numbering) {
        self.add(Box::new(Sequencer {
            lanes,
            next_lane: 0,
            share: LANE_SHARE,
            ring: Some(ring),
            numbering,
            clock: StageClock::of(self.clock),
            control: Arc::clone(&self.control),
        }));
    }

    /// Deals the stages out as `topology` says.
    fn workers(mut self, topology: &Topology, shape: &Shape) -> Vec<Worker> {
        let mut workers = Vec::with_capacity(topology.workers.len());
        for (index, config) in topology.workers.iter().enumerate() {
            let mut stages = Vec::new();
            for name in &config.stages {
                let units = shape.units_of(name);
                let wanted = |unit: &str| unit == name || units.iter().any(|name| name == unit);
                let mine = self.units.extract_if(.., |(unit, _)| wanted(unit));
                stages.extend(mine.map(|(_, stage)| stage));
            }
            workers.push(Worker {
                name: self.control.gauges.workers[index].name.clone(),
                index,
                core: config.core,
                wait: config.wait,
                stages,
                clock: StageClock::of(self.clock),
                control: Arc::clone(&self.control),
            });
        }
        assert!(self.units.is_empty(), "Invariant: each stage has a worker");
        workers
    }
}
