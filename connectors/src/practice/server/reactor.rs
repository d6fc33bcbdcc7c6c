//! The server's loop: accepts, reads, asks the venue, writes. One thread, no venue's format.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rustls::{ServerConfig, ServerConnection};
use tungstenite::Utf8Bytes;

use super::connection::{Connection, Said};
use super::http::{Reply, Request};
use super::outbox::{Outbox, Wires};
use super::{SocketStamp, StampKind};

/// Names one connection for ever; never used again.
pub(crate) type ClientId = usize;

pub(super) const LISTENER: Token = Token(0);
pub(super) const WAKER: Token = Token(1);
const FIRST_CLIENT: ClientId = 2;
/// Longest sleep: control messages and pings are looked at this often at least.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// What the venue does with a REST request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Send it.
    Now(Reply),
    /// Send it later: that long from now.
    Later(Duration, Reply),
    /// Never answer; the connection stays open.
    Never,
    /// The request is a WebSocket upgrade: take it.
    Upgrade,
}

/// The venue behind the server.
pub(crate) trait Venue {
    /// A question from outside the server's thread.
    type Control;

    /// Answers a REST request, or takes an upgrade (then `client` is a WebSocket from now on).
    fn request(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer;
    /// Takes a text message.
    fn text(&mut self, clock: Clock, client: ClientId, text: &str, out: &mut Outbox<'_>);
    /// Forgets a client.
    fn gone(&mut self, client: ClientId);
    /// Does what is due; says when it wants the next turn, nanoseconds of the clock.
    fn turn(&mut self, clock: Clock, out: &mut Outbox<'_>) -> u64;
    /// Answers a question.
    fn control(&mut self, clock: Clock, question: Self::Control);
}

/// The server's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// Since the server's start, never steps.
    pub(crate) now_ns: u64,
    /// Wall clock at the server's start plus `now_ns`, milliseconds since the Unix epoch.
    pub(crate) wall_ms: i64,
}

#[derive(Debug)]
enum Late {
    Text(String),
    Reply(Reply),
}

impl Wires for Clients {
    fn send(&mut self, client: ClientId, text: Utf8Bytes) {
        if let Some(connection) = self.map.get_mut(&client) {
            connection.send_text(text);
            self.dirty.push(client);
        }
    }

    fn stamp_write(&mut self) {
        self.stamp_write = true;
    }

    fn send_later(&mut self, due_ns: u64, client: ClientId, text: String) {
        self.later.push((due_ns, client, Late::Text(text)));
    }

    fn cut(&mut self, client: ClientId) {
        self.doomed.push(client);
    }

    fn unread_bytes(&self, client: ClientId) -> usize {
        self.map.get(&client).map_or(0, Connection::unread_bytes)
    }
}

#[derive(Default)]
struct Clients {
    map: BTreeMap<ClientId, Connection>,
    dirty: Vec<ClientId>,
    doomed: Vec<ClientId>,
    later: Vec<(u64, ClientId, Late)>,
    stamp_write: bool,
}

/// What the loop is told from outside.
pub(super) enum Command<C> {
    Stop,
    Ask(C),
}

/// Settings of the loop.
pub(super) struct Settings {
    pub(super) spin: bool,
    pub(super) unread_bytes_max: usize,
    pub(super) ping_every: Duration,
    pub(super) pong_within: Duration,
    pub(super) stamps: Option<SyncSender<SocketStamp>>,
}

/// The loop's state.
pub(super) struct Reactor<V: Venue> {
    pub(super) poll: Poll,
    pub(super) listener: TcpListener,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) venue: V,
    pub(super) commands: Receiver<Command<V::Control>>,
    pub(super) settings: Settings,
    pub(super) started: Instant,
    pub(super) started_wall_ms: i64,
    clients: Clients,
    next_client: ClientId,
    said: Vec<Said>,
}

impl<V: Venue> Reactor<V> {
    #[expect(clippy::too_many_arguments, reason = "one call, in the server's start")]
    pub(super) fn new(
        poll: Poll,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        venue: V,
        commands: Receiver<Command<V::Control>>,
        settings: Settings,
        started: Instant,
        started_wall_ms: i64,
    ) -> Self {
        Self {
            poll,
            listener,
            tls,
            venue,
            commands,
            settings,
            started,
            started_wall_ms,
            clients: Clients::default(),
            next_client: FIRST_CLIENT,
            said: Vec::new(),
        }
    }

    /// Runs until told to stop, or until the handle is gone.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut due_ns = 0;
        loop {
            match self.commands.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return,
                Ok(Command::Ask(question)) => {
                    let clock = self.clock();
                    self.venue.control(clock, question);
                }
                Err(TryRecvError::Empty) => {}
            }
            let wait = self.wait(due_ns);
            if self.poll.poll(&mut events, Some(wait)).is_err() {
                continue;
            }
            let ready: Vec<(Token, bool)> = events
                .iter()
                .map(|event| (event.token(), event.is_readable()))
                .collect();
            for (token, readable) in ready {
                self.ready(token, readable);
            }
            let clock = self.clock();
            let mut out = Outbox::new(&mut self.clients);
            due_ns = self.venue.turn(clock, &mut out);
            self.send_late(clock.now_ns);
            self.ping(clock);
            self.flush_dirty();
            self.end_doomed();
        }
    }

    fn clock(&self) -> Clock {
        let elapsed = self.started.elapsed();
        Clock {
            now_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
            wall_ms: self
                .started_wall_ms
                .saturating_add(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    fn wait(&self, due_ns: u64) -> Duration {
        if self.settings.spin {
            return Duration::ZERO;
        }
        let late = self.clients.later.iter().map(|(due, ..)| *due).min();
        let due = late.unwrap_or(u64::MAX).min(due_ns);
        let now_ns = self.clock().now_ns;
        let wait = Duration::from_nanos(due.saturating_sub(now_ns));
        wait.min(SLEEP_MAX)
    }

    fn ready(&mut self, token: Token, readable: bool) {
        match token {
            LISTENER => self.accept(),
            WAKER => {}
            Token(client) => {
                if readable {
                    self.read(client);
                }
                self.clients.dirty.push(client);
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((mut socket, _)) = self.listener.accept() {
            let _ = socket.set_nodelay(true);
            let Ok(tls) = ServerConnection::new(Arc::clone(&self.tls)) else {
                continue;
            };
            let client = self.next_client;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            if registry
                .register(&mut socket, Token(client), interest)
                .is_err()
            {
                continue;
            }
            self.next_client += 1;
            let now_ns = self.clock().now_ns;
            self.clients
                .map
                .insert(client, Connection::new(socket, tls, now_ns));
        }
    }

    fn read(&mut self, client: ClientId) {
        let Some(connection) = self.clients.map.get_mut(&client) else {
            return;
        };
        let mut said = std::mem::take(&mut self.said);
        if connection.read(&mut said).is_err() {
            self.clients.doomed.push(client);
        }
        if !said.is_empty() && self.settings.stamps.is_some() {
            let at = connection.read_at;
            self.stamp(StampKind::OrderRead, at);
        }
        self.handle(client, &mut said);
        self.said = said;
    }

    /// Hands what a client said to the venue, and what it says meanwhile, in order.
    fn handle(&mut self, client: ClientId, said: &mut Vec<Said>) {
        while !said.is_empty() {
            for thing in std::mem::take(said) {
                let clock = self.clock();
                match thing {
                    Said::Request(request) => self.request(clock, client, &request),
                    Said::Text(text) => {
                        let mut out = Outbox::new(&mut self.clients);
                        self.venue.text(clock, client, &text, &mut out);
                    }
                }
            }
            if let Some(connection) = self.clients.map.get_mut(&client)
                && connection.understand(said).is_err()
            {
                self.clients.doomed.push(client);
            }
        }
    }

    fn request(&mut self, clock: Clock, client: ClientId, request: &Request) {
        let answer = self.venue.request(clock, client, request);
        let Some(connection) = self.clients.map.get_mut(&client) else {
            return;
        };
        match answer {
            Answer::Now(reply) => connection.answer(&reply),
            Answer::Never => {}
            Answer::Later(wait, reply) => {
                let due_ns = clock.now_ns.saturating_add(nanos(wait));
                self.clients
                    .later
                    .push((due_ns, client, Late::Reply(reply)));
            }
            Answer::Upgrade => {
                connection.upgrade(request.websocket_key.as_deref().unwrap_or_default());
            }
        }
        self.clients.dirty.push(client);
    }

    fn send_late(&mut self, now_ns: u64) {
        let mut index = 0;
        while index < self.clients.later.len() {
            if self.clients.later[index].0 > now_ns {
                index += 1;
                continue;
            }
            let (_, client, late) = self.clients.later.remove(index);
            let Some(connection) = self.clients.map.get_mut(&client) else {
                continue;
            };
            match late {
                Late::Text(text) => connection.send_text(text.into()),
                Late::Reply(reply) => {
                    connection.answer(&reply);
                    let mut said = Vec::new();
                    let _ = connection.understand(&mut said);
                    self.handle(client, &mut said);
                }
            }
            self.clients.dirty.push(client);
        }
    }

    fn ping(&mut self, clock: Clock) {
        let every_ns = nanos(self.settings.ping_every);
        let within_ns = nanos(self.settings.pong_within);
        for (client, connection) in &mut self.clients.map {
            if !connection.is_websocket() {
                continue;
            }
            if clock.now_ns.saturating_sub(connection.last_ping_ns) >= every_ns {
                connection.ping(clock.now_ns, clock.wall_ms.to_string());
                self.clients.dirty.push(*client);
            }
            let silent = connection.unanswered_ns;
            if silent.is_some_and(|since| clock.now_ns.saturating_sub(since) >= within_ns) {
                self.clients.doomed.push(*client);
            }
        }
    }

    fn flush_dirty(&mut self) {
        if self.clients.stamp_write {
            self.clients.stamp_write = false;
            self.stamp(StampKind::MarketWrite, Instant::now());
        }
        let mut dirty = std::mem::take(&mut self.clients.dirty);
        dirty.dedup();
        for client in dirty.drain(..) {
            let Some(connection) = self.clients.map.get_mut(&client) else {
                continue;
            };
            let over = connection.flush().is_err();
            if over || connection.unread_bytes() > self.settings.unread_bytes_max {
                self.clients.doomed.push(client);
            }
        }
        self.clients.dirty = dirty;
    }

    fn end_doomed(&mut self) {
        for client in std::mem::take(&mut self.clients.doomed) {
            if let Some(mut connection) = self.clients.map.remove(&client) {
                let _ = connection.flush();
                let _ = self.poll.registry().deregister(connection.socket_mut());
                self.venue.gone(client);
            }
        }
    }

    fn stamp(&self, kind: StampKind, at: Instant) {
        if let Some(stamps) = &self.settings.stamps {
            // Full means that nobody reads: the harness counts what it got.
            let _ = stamps.try_send(SocketStamp { kind, at });
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
