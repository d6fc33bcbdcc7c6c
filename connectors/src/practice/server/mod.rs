//! A practice venue as a running server, and the handle that owns it.
//!
//! One thread serves everything; it is an ordinary thread, not pinned. The handle asks it over a
//! channel, and stops it when dropped.

mod connection;
mod http;
mod outbox;
mod reactor;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};
use rust_decimal::Decimal;

pub(crate) use http::{Reply, Request};

pub(crate) use outbox::{Outbox, Wires};
pub(crate) use reactor::{Answer, ClientId, Clock, Venue};

use super::faults::FaultSpec;
use super::perps::MarginMode;
use super::request_log::OrderRequest;
use super::truth::{RecordingProgress, Truth};
use super::{PracticeConfig, PracticeError};
use crate::binance::practice::BinancePractice;
use crate::okx::practice::OkxPractice;
use crate::protocol::Protocol;
use reactor::{Command, LISTENER, Reactor, Settings, WAKER};

/// Questions that may wait for the server's thread.
const QUESTIONS_MAX: usize = 16;
/// Longest wait for an answer of the server's thread.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the handle asks of a venue.
#[derive(Debug)]
pub(crate) enum Question {
    /// Everything that a client could be compared with.
    Truth(SyncSender<Truth>),
    /// How far the recording has played.
    Progress(SyncSender<Option<RecordingProgress>>),
    /// Let this go wrong from now on.
    Fault(FaultSpec),
    /// The log of order requests.
    Requests(SyncSender<Vec<OrderRequest>>),
    /// Puts a perpetual's mark price there, or gives it back to the book.
    Mark {
        instrument: usize,
        mark: Option<Decimal>,
    },
    /// Sets an account's leverage and margin mode in a perpetual; whether that was possible.
    Setting {
        account: usize,
        instrument: usize,
        leverage: u32,
        mode: MarginMode,
        done: SyncSender<bool>,
    },
    /// A deposit, or below zero a withdrawal; whether it took place.
    Transfer {
        account: usize,
        asset: String,
        amount: Decimal,
        done: SyncSender<bool>,
    },
}

/// An edge of the wire-to-wire measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampKind {
    /// Right before market messages are written to a socket.
    MarketWrite,
    /// Right after a client's bytes were read from a socket.
    OrderRead,
}

/// When an edge was passed, by the clock that the whole process shares.
#[derive(Debug, Clone, Copy)]
pub struct SocketStamp {
    /// Which edge.
    pub kind: StampKind,
    /// When.
    pub at: Instant,
}

/// A practice venue that runs. Dropping it stops it.
#[derive(Debug)]
pub struct PracticeServer {
    addr: SocketAddr,
    certificate_pem: String,
    commands: SyncSender<Command<Question>>,
    waker: Arc<Waker>,
    stamps: Mutex<Option<Receiver<SocketStamp>>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Command<Question> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stop => f.write_str("Stop"),
            Self::Ask(question) => question.fmt(f),
        }
    }
}

impl PracticeServer {
    /// Starts a practice venue that speaks the configuration's protocol. When this returns, the
    /// port accepts connections.
    ///
    /// # Errors
    ///
    /// The port is taken, the recording is damaged, or the configuration contradicts itself.
    pub fn start(config: PracticeConfig) -> Result<Self, PracticeError> {
        // The one place that knows which venues there are.
        match config.protocol {
            Protocol::BinanceSpot | Protocol::BinanceUsdm => {
                let venue = BinancePractice::new(&config, wall_ms())?;
                Self::serve(&config, venue)
            }
            Protocol::OkxSpot | Protocol::OkxSwap => {
                let venue = OkxPractice::new(&config, wall_ms())?;
                Self::serve(&config, venue)
            }
        }
    }

    fn serve<V>(config: &PracticeConfig, venue: V) -> Result<Self, PracticeError>
    where
        V: Venue<Control = Question> + Send + 'static,
    {
        let identity = tls::make().map_err(PracticeError::Certificate)?;
        let at_start = |source: io::Error| PracticeError::Listen {
            addr: config.listen,
            source,
        };
        let mut listener = TcpListener::bind(config.listen).map_err(at_start)?;
        let addr = listener.local_addr().map_err(at_start)?;
        let poll = Poll::new().map_err(at_start)?;
        let registry = poll.registry();
        registry
            .register(&mut listener, LISTENER, Interest::READABLE)
            .map_err(at_start)?;
        let waker = Arc::new(Waker::new(registry, WAKER).map_err(at_start)?);
        let (stamp_sender, stamp_receiver) = config.stamps.map(sync_channel).unzip();
        let settings = Settings {
            spin: config.spin,
            unread_bytes_max: config.unread_bytes_max,
            ping_every: config.ping_every,
            pong_within: config.pong_within,
            stamps: stamp_sender,
        };
        let (commands, command_receiver) = sync_channel(QUESTIONS_MAX);
        let reactor = Reactor::new(
            poll,
            listener,
            identity.config,
            venue,
            command_receiver,
            settings,
            Instant::now(),
            wall_ms(),
        );
        let thread = std::thread::Builder::new()
            .name("practice".to_owned())
            .spawn(move || reactor.run())
            .map_err(at_start)?;
        Ok(Self {
            addr,
            certificate_pem: identity.certificate_pem,
            commands,
            waker,
            stamps: Mutex::new(stamp_receiver),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate that a client must trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What the venue holds to be true, all at one moment.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn truth(&self) -> Result<Truth, PracticeError> {
        let (sender, receiver) = sync_channel(1);
        self.ask(Command::Ask(Question::Truth(sender)))?;
        receiver
            .recv_timeout(ANSWER_WITHIN)
            .map_err(|_| PracticeError::Gone)
    }

    /// How far the recording has played; `None` for a synthetic market. Cheap, for polling.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn progress(&self) -> Result<Option<RecordingProgress>, PracticeError> {
        let (sender, receiver) = sync_channel(1);
        self.ask(Command::Ask(Question::Progress(sender)))?;
        receiver
            .recv_timeout(ANSWER_WITHIN)
            .map_err(|_| PracticeError::Gone)
    }

    /// Lets something go wrong. Times count from the server's start, chances from now.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn inject(&self, fault: FaultSpec) -> Result<(), PracticeError> {
        self.ask(Command::Ask(Question::Fault(fault)))
    }

    /// The order requests that arrived so far, oldest first: what the venue itself saw.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn requests(&self) -> Result<Vec<OrderRequest>, PracticeError> {
        let (sender, receiver) = sync_channel(1);
        self.ask(Command::Ask(Question::Requests(sender)))?;
        receiver
            .recv_timeout(ANSWER_WITHIN)
            .map_err(|_| PracticeError::Gone)
    }

    /// Puts a perpetual's mark price there, quote per base; `None` gives it back to the book.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn set_mark(&self, instrument: usize, mark: Option<Decimal>) -> Result<(), PracticeError> {
        self.ask(Command::Ask(Question::Mark { instrument, mark }))
    }

    /// Sets an account's leverage and margin mode in a perpetual. False if the mode cannot change
    /// because of a position or an open order, or there is no such account or perpetual.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn set_margin(
        &self,
        account: usize,
        instrument: usize,
        leverage: u32,
        mode: MarginMode,
    ) -> Result<bool, PracticeError> {
        let (done, receiver) = sync_channel(1);
        self.ask(Command::Ask(Question::Setting {
            account,
            instrument,
            leverage,
            mode,
            done,
        }))?;
        receiver
            .recv_timeout(ANSWER_WITHIN)
            .map_err(|_| PracticeError::Gone)
    }

    /// Deposits into an account, or withdraws where `amount` is below zero. False if there is no
    /// such account or not so much is free.
    ///
    /// # Errors
    ///
    /// [`PracticeError::Gone`]: the server has stopped.
    pub fn transfer(
        &self,
        account: usize,
        asset: &str,
        amount: Decimal,
    ) -> Result<bool, PracticeError> {
        let (done, receiver) = sync_channel(1);
        self.ask(Command::Ask(Question::Transfer {
            account,
            asset: asset.to_owned(),
            amount,
            done,
        }))?;
        receiver
            .recv_timeout(ANSWER_WITHIN)
            .map_err(|_| PracticeError::Gone)
    }

    /// The channel of socket stamps, once; `None` if none are recorded or it was taken already.
    #[must_use]
    pub fn take_stamps(&self) -> Option<Receiver<SocketStamp>> {
        self.stamps.lock().ok()?.take()
    }

    /// Cuts all connections and ends the thread.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn ask(&self, command: Command<Question>) -> Result<(), PracticeError> {
        self.commands
            .send(command)
            .map_err(|_| PracticeError::Gone)?;
        self.waker.wake().map_err(|_| PracticeError::Gone)
    }

    fn shut_down(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.ask(Command::Stop);
            let _ = thread.join();
        }
    }
}

/// The bytes of an answer, for whoever plays the way to the client.
pub(crate) fn written(reply: &Reply) -> Vec<u8> {
    http::format(reply, true)
}

fn wall_ms() -> i64 {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)
}

impl Drop for PracticeServer {
    fn drop(&mut self) {
        self.shut_down();
    }
}
