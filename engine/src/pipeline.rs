//! The pipeline: runs the machine live, on threads of its own, between the venues' sockets.
//!
//! Start with `topology`: it has the picture, the queues and the argument why nothing deadlocks.
//! Then, in the order in which an event travels: `lane`, `feed` and `timer` bring events in,
//! `sequencer` orders them, `ring` carries them, `strategy` and `risk` decide, `journal` writes
//! everything down, `gate` holds orders back that the disk does not have, `gateway` sends. `worker`
//! is a thread, `control`, `gauges` and `latency` are what the supervisor sees, `build` and
//! `assembly` make it all, `running` ends it.
//!
//! Invariant: what is computed does not depend on the topology, nor on which thread ran when.
//! Invariant: a command is journaled before it is sent, and after the event that caused it.

mod assembly;
mod build;
mod control;
mod feed;
mod gate;
mod gateway;
mod gauges;
mod journal;
mod lane;
mod last_line;
mod latency;
mod probe;
mod ring;
mod risk;
mod running;
mod sequencer;
mod stage;
mod strategy;
mod timer;
mod topology;
mod worker;

pub use build::{Pipeline, StartError, TICK_INTERVAL_DEFAULT};
pub use control::Fault;
pub use gauges::{GatewayGauges, Gauge, Gauges, LaneGauges, WorkerGauges};
pub use lane::{LaneSink, SOURCE_FIRST_PORT, SOURCE_OPERATOR, SOURCE_REFUSALS, SOURCE_TIMER};
pub use last_line::LastLineLimits;
pub use latency::{Hop, HopLatency, LatencyRecorder, LatencyReport, Samples};
pub use probe::{LaneReceiver, LaneSender, RingReceiver, RingSender, lane_probe, ring_probe};
pub use running::{Ended, Failed, OperatorLane, Running};
pub use sequencer::Inputs;
pub use topology::{Problem, Shape, Topology, UnknownWait, Wait, WorkerConfig, available_cores};
pub use worker::LONG_TURN_NS;
