//! A WebSocket client that never blocks and does not allocate for a message.
//!
//! ```text
//!   Connecting (TCP, TLS) -> Upgrading (HTTP) -> Open -> Closing (ours) -> Closed(reason)
//! ```
//!
//! The caller polls, then drains messages:
//!
//! ```text
//!   loop {
//!       let progress = ws.poll(now_ns)?;
//!       while let Some(message) = ws.next_message()? { ... }
//!       if progress != Progress::Received { break }      // wait for readiness, or spin
//!   }
//! ```
//!
//! Invariants
//! - W1: every message that arrived before the end is given before the reason of the end.
//! - W2: a frame that `send_*` took is never sent twice; a frame that it refused is never sent.
//! - W3: one `poll` reads at most [`READ_BYTES_PER_POLL`] and what one TLS record adds.
//!
//! Thread: one owner. Hot path: yes, once open. Allocates: no in this file. Syscalls: the
//! socket's only.

use mio::{Registry, Token};

pub use super::ws_types::{Progress, SendError, WsConfig, WsMessage};
use super::{
    deframer::{Deframer, Span},
    frame::{self, CONTROL_PAYLOAD_BYTES_MAX, Opcode},
    framer::{Framer, PayloadTooLarge},
    reason::CloseReason,
    stream::{ReadOutcome, Stream, StreamConfig, WriteError},
    upgrade::Upgrade,
};

/// Work bound of one `poll`, so that a flooding server cannot hold a worker.
pub const READ_BYTES_PER_POLL: usize = 64 * 1024;

const CODE_NORMAL: u16 = 1000;
const CODE_PROTOCOL_ERROR: u16 = 1002;
const CODE_TOO_LARGE: u16 = 1009;
const CODE_ABSENT: u16 = 1005;

/// One WebSocket connection; it can be opened again after its end.
#[derive(Debug)]
pub struct WsClient {
    config: WsConfig,
    stream: Stream,
    deframer: Deframer,
    framer: Framer,
    phase: Phase,
    deadline_ns: u64,
    last_received_ns: u64,
    /// A pong that is owed; a newer ping replaces an older one (RFC 6455, section 5.5.3).
    pong: Option<Pong>,
    /// We said goodbye, so the server's is an agreement, whenever it is read.
    said_goodbye: bool,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    Upgrading {
        upgrade: Upgrade,
        answer: Vec<u8>,
    },
    Open,
    Closing,
    /// No more bytes will come; messages before the end may still be unread (W1).
    Ending(CloseReason),
    Closed(CloseReason),
}

#[derive(Debug)]
struct Pong {
    payload: [u8; CONTROL_PAYLOAD_BYTES_MAX],
    payload_bytes: usize,
}

impl WsClient {
    /// Begins to connect; returns at once. All buffers are allocated here.
    ///
    /// # Errors
    ///
    /// No address could be tried, or the registry refused the socket.
    pub fn connect(
        config: WsConfig,
        registry: &Registry,
        token: Token,
        now_ns: u64,
    ) -> Result<Self, CloseReason> {
        let frame_bytes_max = config.send_bytes_max + frame::CLIENT_HEADER_BYTES_MAX;
        let stream_config = StreamConfig {
            target: config.target.clone(),
            connect_timeout_ns: config.connect_timeout_ns,
            pending_bytes_max: config.pending_bytes_max.max(frame_bytes_max),
        };
        let stream = Stream::connect(stream_config, registry, token, now_ns)?;
        Ok(Self {
            stream,
            deframer: Deframer::new(config.message_bytes_max),
            framer: Framer::new(config.send_bytes_max, config.mask_seed),
            phase: Phase::Connecting,
            deadline_ns: now_ns.saturating_add(config.connect_timeout_ns),
            last_received_ns: now_ns,
            pong: None,
            said_goodbye: false,
            config,
        })
    }

    /// Begins a new connection with the same buffers, whatever became of the old one.
    ///
    /// # Errors
    ///
    /// As [`WsClient::connect`]; the client is then closed.
    pub fn reconnect(&mut self, now_ns: u64) -> Result<(), CloseReason> {
        self.deframer.reset();
        self.pong = None;
        self.said_goodbye = false;
        self.last_received_ns = now_ns;
        self.deadline_ns = now_ns.saturating_add(self.config.connect_timeout_ns);
        self.phase = Phase::Connecting;
        self.stream
            .reconnect(now_ns)
            .inspect_err(|reason| self.phase = Phase::Closed(*reason))
    }

    /// Drives connecting, sends what is pending and reads what has arrived.
    ///
    /// Call it on readiness until it is not [`Progress::Received`], draining
    /// [`WsClient::next_message`] in between; or in a spin loop.
    ///
    /// # Errors
    ///
    /// The connection has ended, and all its messages were given. Repeats at every call.
    pub fn poll(&mut self, now_ns: u64) -> Result<Progress, CloseReason> {
        match self.phase {
            Phase::Closed(reason) => return Err(reason),
            Phase::Ending(_) => return Ok(Progress::Received),
            Phase::Connecting | Phase::Upgrading { .. } => {
                if let Err(reason) = self.poll_opening(now_ns) {
                    self.shut(reason);
                    return Err(reason);
                }
                if !self.is_open() {
                    return Ok(Progress::Connecting);
                }
            }
            Phase::Open | Phase::Closing => {}
        }
        Ok(self.poll_open(now_ns))
    }

    /// The next message, lent until the next call.
    ///
    /// Pings are answered on the way, closes too.
    ///
    /// # Errors
    ///
    /// The connection has ended, and all its messages were given. Repeats at every call.
    pub fn next_message(&mut self) -> Result<Option<WsMessage<'_>>, CloseReason> {
        match self.next_data()? {
            None => Ok(None),
            Some(span) if span.opcode == Opcode::Text => {
                Ok(Some(WsMessage::Text(self.deframer.payload(&span))))
            }
            Some(span) => Ok(Some(WsMessage::Binary(self.deframer.payload(&span)))),
        }
    }

    /// Sends a text message that `write` puts straight into the send buffer.
    ///
    /// `write` gets `send_bytes_max` bytes of room and returns how many it used. Returns the size
    /// of the frame. `Ok` means sent or queued: never send it again.
    ///
    /// # Errors
    ///
    /// Nothing was sent, and nothing of it will be.
    pub fn send_text_with(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<usize, SendError> {
        self.send_with(Opcode::Text, write)
    }

    /// Sends a text message that lies elsewhere. See [`WsClient::send_text_with`].
    ///
    /// # Errors
    ///
    /// Nothing was sent, and nothing of it will be.
    pub fn send_text(&mut self, payload: &[u8]) -> Result<usize, SendError> {
        self.send_with(Opcode::Text, |room| copy_payload(payload, room))
    }

    /// Sends a binary message. See [`WsClient::send_text_with`].
    ///
    /// # Errors
    ///
    /// Nothing was sent, and nothing of it will be.
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<usize, SendError> {
        self.send_with(Opcode::Binary, |room| copy_payload(payload, room))
    }

    /// Says goodbye; keep polling until the reason comes ([`CloseReason::LocalClose`]).
    pub fn close(&mut self, now_ns: u64) {
        match self.phase {
            Phase::Open => {
                self.deadline_ns = now_ns.saturating_add(self.config.close_timeout_ns);
                self.phase = Phase::Closing;
                self.said_goodbye = true;
                self.send_close(CODE_NORMAL);
            }
            Phase::Connecting | Phase::Upgrading { .. } => self.shut(CloseReason::LocalClose),
            Phase::Closing | Phase::Ending(_) | Phase::Closed(_) => {}
        }
    }

    /// True when messages can be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Why the connection ended; `None` while it lives or messages are unread.
    #[must_use]
    pub const fn close_reason(&self) -> Option<CloseReason> {
        match self.phase {
            Phase::Closed(reason) => Some(reason),
            Phase::Connecting
            | Phase::Upgrading { .. }
            | Phase::Open
            | Phase::Closing
            | Phase::Ending(_) => None,
        }
    }

    /// The longer text of a TLS failure, for people.
    #[must_use]
    pub fn close_detail(&self) -> Option<&str> {
        self.stream.close_detail()
    }

    /// Upper bound of the bytes that wait for the kernel.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.stream.pending_bytes()
    }

    /// When the last byte arrived (or connecting began), in the caller's time.
    #[must_use]
    pub const fn last_received_ns(&self) -> u64 {
        self.last_received_ns
    }

    fn poll_opening(&mut self, now_ns: u64) -> Result<(), CloseReason> {
        if !self.stream.poll(now_ns)? {
            return Ok(());
        }
        if matches!(self.phase, Phase::Connecting) {
            self.begin_upgrade()?;
        }
        self.read_answer(now_ns)?;
        if !self.is_open() && now_ns >= self.deadline_ns {
            return Err(CloseReason::ConnectTimeout);
        }
        Ok(())
    }

    fn begin_upgrade(&mut self) -> Result<(), CloseReason> {
        let nonce = self.framer.handshake_nonce();
        let endpoint = self.config.target.endpoint();
        let (upgrade, request) = Upgrade::request(endpoint, &self.config.headers, nonce);
        self.stream
            .write(&request)
            .map_err(|_| CloseReason::PeerClosed)?;
        self.phase = Phase::Upgrading {
            upgrade,
            answer: Vec::new(),
        };
        Ok(())
    }

    /// Collects the HTTP answer; bytes behind it go to the deframer.
    fn read_answer(&mut self, now_ns: u64) -> Result<(), CloseReason> {
        const ANSWER_BYTES_MAX: usize = 16 * 1024;
        let Phase::Upgrading { upgrade, answer } = &mut self.phase else {
            return Ok(());
        };
        let mut chunk = [0; 1024];
        loop {
            match self.stream.read_into(&mut chunk)? {
                ReadOutcome::WouldBlock => return Ok(()),
                ReadOutcome::Bytes(count) => answer.extend_from_slice(&chunk[..count]),
            }
            self.last_received_ns = now_ns;
            if let Some(length) = upgrade.check_answer(answer)? {
                // At most one chunk lies behind the head, which the smallest buffer may not hold.
                let rest = &answer[length..];
                if self.deframer.push(rest) < rest.len() {
                    return Err(CloseReason::Frame(frame::FrameError::TooLarge));
                }
                self.phase = Phase::Open;
                return Ok(());
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(CloseReason::UpgradeGarbage);
            }
        }
    }

    fn poll_open(&mut self, now_ns: u64) -> Progress {
        self.send_pong();
        let (received, end) = self.read_socket(now_ns);
        let end = match end {
            None if matches!(self.phase, Phase::Closing) && now_ns >= self.deadline_ns => {
                Some(CloseReason::CloseTimeout)
            }
            end => end,
        };
        if let Some(reason) = end {
            self.phase = Phase::Ending(reason);
            return Progress::Received;
        }
        if received {
            Progress::Received
        } else {
            Progress::Idle
        }
    }

    /// Sends what is pending and reads into the deframer; whether bytes came, and the end.
    fn read_socket(&mut self, now_ns: u64) -> (bool, Option<CloseReason>) {
        if let Err(reason) = self.stream.poll(now_ns) {
            return (false, Some(reason));
        }
        let mut received_bytes = 0;
        while received_bytes < READ_BYTES_PER_POLL {
            let space = self.deframer.space();
            if space.is_empty() {
                break; // Unread messages fill the buffer: the caller drains them first.
            }
            match self.stream.read_into(space) {
                Ok(ReadOutcome::Bytes(count)) => {
                    self.deframer.commit(count);
                    received_bytes += count;
                    self.last_received_ns = now_ns;
                }
                Ok(ReadOutcome::WouldBlock) => return (received_bytes > 0, None),
                Err(reason) => return (received_bytes > 0, Some(reason)),
            }
        }
        (true, None)
    }

    /// The next data message; control frames are dealt with on the way.
    fn next_data(&mut self) -> Result<Option<Span>, CloseReason> {
        loop {
            if let Phase::Closed(reason) = self.phase {
                return Err(reason);
            }
            match self.deframer.next_span() {
                Ok(Some(span)) => match span.opcode {
                    Opcode::Text | Opcode::Binary => return Ok(Some(span)),
                    Opcode::Ping => self.owe_pong(&span),
                    Opcode::Close => self.answer_close(&span),
                    Opcode::Pong | Opcode::Continuation => {}
                },
                Ok(None) => match self.phase {
                    Phase::Ending(reason) => {
                        let reason = self.refine_end(reason);
                        self.shut(reason);
                    }
                    Phase::Connecting
                    | Phase::Upgrading { .. }
                    | Phase::Open
                    | Phase::Closing
                    | Phase::Closed(_) => return Ok(None),
                },
                Err(error) => {
                    let too_large = error == frame::FrameError::TooLarge;
                    self.send_close(if too_large {
                        CODE_TOO_LARGE
                    } else {
                        CODE_PROTOCOL_ERROR
                    });
                    self.shut(CloseReason::Frame(error));
                }
            }
        }
    }

    /// A server that vanishes after our goodbye agreed to it; one that cuts a message did worse.
    fn refine_end(&self, reason: CloseReason) -> CloseReason {
        if reason != CloseReason::PeerClosed {
            return reason;
        }
        match (self.said_goodbye, self.deframer.is_between_messages()) {
            (true, _) => CloseReason::LocalClose,
            (false, true) => CloseReason::PeerClosed,
            (false, false) => CloseReason::PeerClosedMidMessage,
        }
    }

    fn owe_pong(&mut self, span: &Span) {
        let mut pong = Pong {
            payload: [0; CONTROL_PAYLOAD_BYTES_MAX],
            payload_bytes: 0,
        };
        let payload = self.deframer.payload(span);
        pong.payload_bytes = payload.len();
        pong.payload[..payload.len()].copy_from_slice(payload);
        self.pong = Some(pong);
        self.send_pong();
    }

    /// Sends the pong that is owed, if any and if there is room; otherwise a later poll does.
    fn send_pong(&mut self) {
        let Some(pong) = &self.pong else { return };
        let payload = &pong.payload[..pong.payload_bytes];
        let sent = match self.framer.frame(Opcode::Pong, payload) {
            Ok(frame) => self.stream.write(frame),
            Err(PayloadTooLarge) => Ok(()), // Cannot be: every buffer holds a control frame.
        };
        if sent != Err(WriteError::Full) {
            self.pong = None;
        }
    }

    fn answer_close(&mut self, span: &Span) {
        let reason = match frame::parse_close(self.deframer.payload(span)) {
            Ok(_) if self.said_goodbye => CloseReason::LocalClose,
            Ok(code) => {
                self.send_close(if code == CODE_ABSENT {
                    CODE_NORMAL
                } else {
                    code
                });
                CloseReason::PeerSentClose { code }
            }
            Err(error) => {
                self.send_close(CODE_PROTOCOL_ERROR);
                CloseReason::Frame(error)
            }
        };
        self.shut(reason);
    }

    fn send_close(&mut self, code: u16) {
        if let Ok(frame) = self.framer.frame(Opcode::Close, &code.to_be_bytes()) {
            // When there is no room, the end of TCP has to say it.
            let _ = self.stream.write(frame);
        }
    }

    fn shut(&mut self, reason: CloseReason) {
        self.stream.close(reason);
        self.phase = Phase::Closed(reason);
    }

    fn send_with(
        &mut self,
        opcode: Opcode,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<usize, SendError> {
        if !self.is_open() {
            return Err(SendError::NotOpen);
        }
        let mut payload_bytes = 0;
        let counted = |room: &mut [u8]| {
            payload_bytes = write(room);
            payload_bytes
        };
        let frame = self
            .framer
            .frame_with(opcode, counted)
            .map_err(|PayloadTooLarge| SendError::TooLarge)?;
        if payload_bytes == 0 {
            return Err(SendError::Empty);
        }
        match self.stream.write(frame) {
            Ok(()) => Ok(frame.len()),
            Err(WriteError::Full) => Err(SendError::Full),
            Err(WriteError::NotOpen) => Err(SendError::NotOpen),
        }
    }
}

fn copy_payload(payload: &[u8], room: &mut [u8]) -> usize {
    if let Some(target) = room.get_mut(..payload.len()) {
        target.copy_from_slice(payload);
    }
    payload.len()
}
