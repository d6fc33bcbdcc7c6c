//! One non-blocking byte stream: TCP, with TLS where the endpoint is secure.
//!
//! ```text
//!   Connecting --(TCP up)--> Handshaking --(TLS up)--> Open --> Closed(reason)
//!       |  ^ next address        |                       |
//!       +--+                     +---- any failure, deadline, close() ---^
//! ```
//!
//! The socket is registered with the caller's `mio` registry, edge-triggered, for reading and
//! writing. After an event (or at any time) the owner calls [`Stream::poll`], then
//! [`Stream::read_into`] until it would block.
//!
//! Invariants
//! - S1: what [`Stream::write`] took is sent once, in order, or the stream closes.
//! - S2: `poll` and `write` always try to hand the kernel all that is pending, so that nothing
//!   waits for a reader (the usual lost-flush error with TLS).
//! - S3: a failed write does not hide what the peer said before it: reading goes on to its end.
//!
//! Thread: one owner. Hot path: yes. Allocates: no in this file; the TLS library does for each
//! record. Syscalls: the socket's only.

use std::io::{self, ErrorKind};

use mio::{Interest, Registry, Token, net::TcpStream};

pub use super::transport::ReadOutcome;
use super::{endpoint::Target, reason::CloseReason, transport::Transport};

/// What a stream needs to know.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// Where to.
    pub target: Target,
    /// Longest time for TCP and TLS together, nanoseconds.
    pub connect_timeout_ns: u64,
    /// Most bytes that may wait for the kernel; a single larger write is taken when none wait.
    pub pending_bytes_max: usize,
}

/// A stream of bytes to one server.
pub struct Stream {
    config: StreamConfig,
    registry: Registry,
    token: Token,
    socket: TcpStream,
    transport: Transport,
    phase: Phase,
    deadline_ns: u64,
    /// Bytes taken by `write` since nothing was pending: an upper bound of what still waits.
    pending_bytes: usize,
    sent_bytes: u64,
    write_failure: Option<CloseReason>,
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Connecting { next_address: usize },
    Handshaking,
    Open,
    Closed(CloseReason),
}

/// Why [`Stream::write`] took nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Not open yet, or not any more.
    #[error("the stream is not open")]
    NotOpen,
    /// Too much is waiting for the kernel already.
    #[error("the stream's send buffer is full")]
    Full,
}

impl Stream {
    /// Begins to connect; returns at once.
    ///
    /// # Errors
    ///
    /// No address of the target could even be tried, or the registry refused the socket.
    pub fn connect(
        config: StreamConfig,
        registry: &Registry,
        token: Token,
        now_ns: u64,
    ) -> Result<Self, CloseReason> {
        let registry = registry
            .try_clone()
            .map_err(|error| connect_failed(&error))?;
        let (socket, next_address) = open_socket(&config.target, 0, &registry, token)?;
        Ok(Self {
            transport: Transport::new(&config.target, config.pending_bytes_max)?,
            phase: Phase::Connecting { next_address },
            deadline_ns: now_ns.saturating_add(config.connect_timeout_ns),
            config,
            registry,
            token,
            socket,
            pending_bytes: 0,
            sent_bytes: 0,
            write_failure: None,
            detail: None,
        })
    }

    /// Begins again after a close (or instead of one): new socket, new TLS, nothing pending.
    ///
    /// # Errors
    ///
    /// As [`Stream::connect`]; the stream is then closed.
    pub fn reconnect(&mut self, now_ns: u64) -> Result<(), CloseReason> {
        self.close(CloseReason::LocalClose);
        let opened = open_socket(&self.config.target, 0, &self.registry, self.token);
        let (socket, next_address) = opened.inspect_err(|reason| self.close(*reason))?;
        self.socket = socket;
        self.transport = Transport::new(&self.config.target, self.config.pending_bytes_max)
            .inspect_err(|reason| self.close(*reason))?;
        self.phase = Phase::Connecting { next_address };
        self.deadline_ns = now_ns.saturating_add(self.config.connect_timeout_ns);
        (self.pending_bytes, self.sent_bytes) = (0, 0);
        (self.write_failure, self.detail) = (None, None);
        Ok(())
    }

    /// Drives connecting and the TLS handshake, and sends what is pending. True when open.
    ///
    /// # Errors
    ///
    /// The stream is closed; the reason repeats at every call.
    pub fn poll(&mut self, now_ns: u64) -> Result<bool, CloseReason> {
        if let Phase::Connecting { next_address } = self.phase {
            self.poll_connect(next_address);
        }
        if matches!(self.phase, Phase::Handshaking) {
            self.poll_handshake();
        }
        match self.phase {
            Phase::Open => {
                self.flush();
                Ok(true)
            }
            Phase::Closed(reason) => Err(reason),
            Phase::Connecting { .. } | Phase::Handshaking if now_ns >= self.deadline_ns => {
                self.close(CloseReason::ConnectTimeout);
                Err(CloseReason::ConnectTimeout)
            }
            Phase::Connecting { .. } | Phase::Handshaking => Ok(false),
        }
    }

    /// Reads what has arrived into the front of `buffer`, which must not be empty.
    ///
    /// # Errors
    ///
    /// The stream is closed (the peer's end of stream is [`CloseReason::PeerClosed`]). All bytes
    /// that came before were given by earlier calls.
    pub fn read_into(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome, CloseReason> {
        match self.phase {
            Phase::Open => {}
            Phase::Closed(reason) => return Err(reason),
            Phase::Connecting { .. } | Phase::Handshaking => return Ok(ReadOutcome::WouldBlock),
        }
        let result = self
            .transport
            .read(&mut self.socket, buffer, &mut self.detail);
        let result = match (result, self.write_failure) {
            (Ok(ReadOutcome::WouldBlock), Some(reason)) => Err(reason),
            (result, _) => result,
        };
        if let Err(reason) = result {
            self.close(reason);
        }
        result
    }

    /// Takes all of `bytes`, or nothing, and sends what the kernel takes now.
    ///
    /// `Ok` means taken: never write the same bytes again. The rest goes out in later polls.
    ///
    /// # Errors
    ///
    /// Nothing was taken.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if !self.is_open() || self.write_failure.is_some() {
            return Err(WriteError::NotOpen);
        }
        if self.is_full_for(bytes.len()) {
            self.flush();
        }
        if self.is_full_for(bytes.len()) {
            return Err(WriteError::Full);
        }
        self.pending_bytes += bytes.len();
        if let Err(error) = self.transport.queue(bytes) {
            self.write_failure = Some(CloseReason::io(&error));
        }
        self.flush();
        Ok(())
    }

    /// Ends the stream now: says goodbye in TLS as far as the kernel takes it, and closes.
    /// Later calls keep the first reason.
    pub fn close(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Closed(_)) {
            return;
        }
        self.transport.queue_goodbye();
        self.flush();
        // Both may fail on a socket that is gone already, which is what we want of it.
        let _ = self.registry.deregister(&mut self.socket);
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        self.phase = Phase::Closed(reason);
    }

    /// True when bytes can be written.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Why the stream ended; `None` while it lives.
    #[must_use]
    pub const fn close_reason(&self) -> Option<CloseReason> {
        match self.phase {
            Phase::Closed(reason) => Some(reason),
            Phase::Connecting { .. } | Phase::Handshaking | Phase::Open => None,
        }
    }

    /// The longer text of a failure, for people; `None` when the reason says it all.
    #[must_use]
    pub fn close_detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Upper bound of the bytes that wait for the kernel.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Bytes (in TLS: of ciphertext) that the kernel has taken since the connection began.
    #[must_use]
    pub const fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    fn is_full_for(&self, bytes: usize) -> bool {
        self.pending_bytes > 0
            && self.pending_bytes.saturating_add(bytes) > self.config.pending_bytes_max
    }

    fn poll_connect(&mut self, next_address: usize) {
        let error = match self.socket.take_error() {
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => Some(error),
        };
        if let Some(error) = error {
            self.try_next_address(next_address, &error);
            return;
        }
        if self.socket.peer_addr().is_err() {
            return; // Not connected yet.
        }
        // A refusal costs latency, not correctness.
        let _ = self.socket.set_nodelay(true);
        self.phase = Phase::Handshaking; // Plain TCP passes through it at once.
    }

    fn try_next_address(&mut self, next_address: usize, error: &io::Error) {
        let _ = self.registry.deregister(&mut self.socket);
        if next_address >= self.config.target.addresses.len() {
            self.close(connect_failed(error));
            return;
        }
        match open_socket(
            &self.config.target,
            next_address,
            &self.registry,
            self.token,
        ) {
            Ok((socket, next_address)) => {
                self.socket = socket;
                self.phase = Phase::Connecting { next_address };
            }
            Err(reason) => self.close(reason),
        }
    }

    fn poll_handshake(&mut self) {
        let result = self.transport.handshake(&mut self.socket, &mut self.detail);
        self.flush();
        match result {
            Ok(true) => self.phase = Phase::Open,
            Ok(false) => {
                if let Some(reason) = self.write_failure {
                    self.close(reason);
                }
            }
            Err(reason) => self.close(reason),
        }
    }

    /// Hands pending bytes to the kernel until it takes no more (S2).
    fn flush(&mut self) {
        if self.write_failure.is_some() {
            return;
        }
        let result = self.transport.send(&mut self.socket);
        self.sent_bytes += result.sent;
        match result.end {
            Ok(true) => self.pending_bytes = 0,
            Ok(false) => {}
            Err(error) if matches!(self.phase, Phase::Connecting { .. }) => drop(error),
            Err(error) => self.write_failure = Some(CloseReason::io(&error)),
        }
    }
}

/// Starts a connection to the first address from `first` on that can be tried.
fn open_socket(
    target: &Target,
    first: usize,
    registry: &Registry,
    token: Token,
) -> Result<(TcpStream, usize), CloseReason> {
    let mut last = CloseReason::ConnectFailed(ErrorKind::AddrNotAvailable);
    for (index, address) in target.addresses.iter().enumerate().skip(first) {
        let opened = TcpStream::connect(*address).and_then(|mut socket| {
            registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => return Ok((socket, index + 1)),
            Err(error) => last = connect_failed(&error),
        }
    }
    Err(last)
}

fn connect_failed(error: &io::Error) -> CloseReason {
    CloseReason::ConnectFailed(error.kind())
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("endpoint", &self.config.target.endpoint)
            .field("phase", &self.phase)
            .field("pending_bytes", &self.pending_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::net::Endpoint;

    /// Goal: a name with several addresses, as `localhost` often has, reaches the one that lives.
    #[test]
    fn stream_with_a_dead_first_address_tries_the_next() {
        let dead = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap()));
        let mut target = Target::resolve(&endpoint.unwrap(), None).unwrap();
        target.addresses.insert(0, dead);
        let poll = mio::Poll::new().unwrap();
        let config = StreamConfig {
            target,
            connect_timeout_ns: u64::MAX,
            pending_bytes_max: 100,
        };
        let mut stream = Stream::connect(config, poll.registry(), Token(0), 0).unwrap();
        let start = Instant::now();
        while !stream.poll(0).unwrap() {
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "not connected in time"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(stream.is_open());
    }
}
