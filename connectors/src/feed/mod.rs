//! Market data of any venue: stream connections, books kept in step, one lane out.
//!
//! A venue is a [`FeedDialect`]: what to subscribe to and how, what a frame says. Everything else
//! is here: `plan` spreads the topics over connections, `line` is one of them and `subscribe`
//! what is said on it, `core` and `frames` turn frames into events, `legs` joins redundant
//! connections, `others` the parts of marks, `sync` keeps each book in step, `rest` asks for
//! snapshots (`requests`) and open interest (`polls`).
//! While the lane is full nothing is read: what was read is kept, the rest waits in the socket.
//!
//! Thread: one worker. Hot path: yes. Allocates: no in steady state; connecting, snapshots and
//! words may. Syscalls: the sockets' only.

#[cfg(test)]
pub(crate) mod bench;
mod config;
pub(crate) mod core;
pub mod dialect;
mod emit;
mod frame_log;
pub(crate) mod frames;
mod legs;
mod line;
pub mod message;
mod mirror;
mod others;
pub(crate) mod plan;
mod polls;
mod requests;
mod rest;
mod subscribe;
pub mod sync;

use mio::{Poll, Token};
use model::body::LinkState;
use model::ports::{Clock, EventSink, Feed, Worked};

pub use config::{FeedConfig, FeedScope, FeedTiming, StartError};
pub use dialect::{Content, Contents, FeedDialect, Opening, Rules, Topic};
pub use frame_log::FrameLog;
pub use message::{Depth, DepthPart, Market, Scratch};
pub use mirror::Mirror;
pub use sync::Span;

use self::core::Core;
use self::dialect::Snapshots;
use self::line::Line;
use self::plan::Share;
use self::polls::Polls;
use self::requests::Requests;
use self::subscribe::Subscriber;
use crate::link::lane::{Backlog, Lane};
use crate::link::speaker::RemarkGate;
use crate::net::{Endpoint, HttpClient, HttpConfig, Target, WsConfig};

/// A snapshot of 5,000 levels a side needs 2,501 records.
const BACKLOG_RECORDS: usize = 4_096;
const SNAPSHOT_BYTES_MAX: usize = 4 << 20;

/// The market feed of one venue.
pub struct MarketFeed<D> {
    backlog: Backlog,
    wires: Wires<D>,
}

impl<D> std::fmt::Debug for MarketFeed<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarketFeed")
            .field("connections", &self.wires.lines.len())
            .finish_non_exhaustive()
    }
}

/// Everything but the backlog, so that both can be borrowed at once.
struct Wires<D> {
    config: FeedConfig,
    core: Core<D>,
    lines: Vec<Line>,
    /// No connection is opened before.
    next_connect_ns: u64,
    requests: Requests,
    polls: Option<Polls>,
    frames: Option<FrameLog>,
    frame_remarks: RemarkGate,
    http: HttpClient,
    /// Keeps the registry alive; readiness is found by reading.
    poll: Poll,
}

impl<D: FeedDialect + Default> MarketFeed<D> {
    /// Resolves the addresses and prepares everything; connects at the first poll.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn new(config: FeedConfig) -> Result<Self, StartError> {
        Self::with(D::default(), config)
    }
}

impl<D: FeedDialect> MarketFeed<D> {
    /// As [`Self::new`], for a dialect that has settings.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn with(dialect: D, config: FeedConfig) -> Result<Self, StartError> {
        let count = config.instruments.len();
        let shares = plan::shares(&dialect, &config.instruments, &config.scope);
        if shares.is_empty() || shares.len() > config::LINES_MAX {
            return Err(StartError::InstrumentCount {
                count,
                connections: shares.len(),
                max: config::LINES_MAX,
            });
        }
        let core = Core::new(dialect, &config, &shares)?;
        let lines = shares.into_iter().enumerate();
        let lines = lines.map(|(index, share)| line(core.dialect(), &config, index, share));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        let rest = config.rest.target().map_err(|error| StartError::Endpoint {
            url: config.rest.url.clone(),
            error,
        })?;
        let poll = Poll::new().map_err(StartError::Socket)?;
        let mut http_config = HttpConfig::new(rest);
        http_config.response_bytes_max = SNAPSHOT_BYTES_MAX;
        let http = HttpClient::new(http_config, poll.registry(), Token(lines.len()));
        let apart_ns = match D::RULES.snapshots {
            Snapshots::Rest { apart_ns } => apart_ns,
            Snapshots::Stream => u64::MAX,
        };
        let has_interest = config.scope.contents.has(Content::OpenInterest);
        let wires = Wires {
            requests: Requests::new(count, apart_ns),
            frames: None,
            frame_remarks: RemarkGate::default(),
            polls: D::RULES
                .poll
                .filter(|_| has_interest)
                .map(|rule| Polls::new(rule, count)),
            lines,
            next_connect_ns: 0,
            http: http.map_err(StartError::Client)?,
            poll,
            core,
            config,
        };
        Ok(Self {
            backlog: Backlog::with_capacity(BACKLOG_RECORDS),
            wires,
        })
    }

    /// From now on raw frames are recorded too. What cannot be recorded is counted and said, and
    /// changes nothing else.
    pub fn record_frames(&mut self, log: FrameLog) {
        self.wires.frames = Some(log);
    }

    /// Messages that could not be read since the start.
    #[must_use]
    pub const fn unparsed(&self) -> u64 {
        self.wires.core.unparsed()
    }

    /// Whether every book is whole and in step, and the lane has all of it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.backlog.is_empty() && self.wires.core.is_live()
    }
}

fn line<D: FeedDialect>(
    dialect: &D,
    config: &FeedConfig,
    index: usize,
    share: Share,
) -> Result<Line, StartError> {
    let opening = dialect.opening(share.route, &share.topics);
    let base = config.stream_url.trim_end_matches('/');
    let target = Endpoint::parse(&format!("{base}{}", opening.path))
        .and_then(|parsed| Target::resolve(&parsed, config.rest.tls.as_ref()))
        .map_err(|error| StartError::Endpoint {
            url: config.stream_url.clone(),
            error,
        })?;
    let subscriber = Subscriber::new(&D::RULES, share.topics, opening.subscribes);
    Ok(Line::new(
        index,
        WsConfig::new(target),
        config.timing,
        subscriber,
        share.leg == 0,
    ))
}

impl<D: FeedDialect> Wires<D> {
    fn connect<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) -> bool {
        if now_ns < self.next_connect_ns {
            return false;
        }
        let Some(line) = self.lines.iter_mut().find(|line| line.is_due(now_ns)) else {
            return false;
        };
        self.next_connect_ns = now_ns.saturating_add(D::RULES.connects_apart_ns);
        line.connect(self.poll.registry(), &mut self.core, now_ns, lane);
        true
    }

    fn turn<S: EventSink>(&mut self, clock: &impl Clock, lane: &mut Lane<'_, S>) -> bool {
        let now_ns = clock.now_ns();
        let mut worked = self.connect(now_ns, lane);
        // Snapshots first: a flood of updates must not keep a book from getting whole.
        worked |= self.drive_rest(now_ns, lane);
        for line in &mut self.lines {
            let frames = &mut self.frames;
            worked |= lane.is_clear() && line.drive(&mut self.core, frames, clock, lane);
            line.watch(&mut self.core, now_ns, lane);
        }
        self.tell_of_dropped(now_ns, lane);
        worked
    }

    /// Says how many raw frames were dropped, at most once a second.
    fn tell_of_dropped<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) {
        let Some(frames) = &mut self.frames else {
            return;
        };
        if frames.has_news()
            && self.frame_remarks.pass(now_ns).is_some()
            && let Some(dropped) = frames.news()
        {
            let words = format!("raw frames: {dropped} dropped so far");
            let speaker = self.core.speaker();
            lane.push(&speaker.says(LinkState::Notice, 0, &words, now_ns));
        }
    }
}

impl<D: FeedDialect> Feed for MarketFeed<D> {
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let flushed = self.backlog.flush(sink);
        if !self.backlog.is_empty() {
            return Worked::from(flushed);
        }
        let mut lane = Lane::new(sink, &mut self.backlog);
        Worked::from(self.wires.turn(clock, &mut lane) || flushed)
    }

    fn shut_down(&mut self) {
        for line in &mut self.wires.lines {
            line.shut_down();
        }
    }
}
