//! One client: socket, TLS, then HTTP or WebSocket, with bounded memory in both directions.
//!
//! Bytes only; what they mean is the venue's.

use std::io::{self, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use rustls::ServerConnection;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Message};

use super::http::{self, Parsed, Request};

/// Plain bytes that are handed to TLS in one go. What waits behind stays countable and cheap.
const CHUNK_BYTES: usize = 64 << 10;
/// Largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// What a client said.
#[derive(Debug)]
pub(super) enum Said {
    Request(Box<Request>),
    Text(String),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The peer closed, or broke the protocol.
    Closed,
}

enum Phase {
    Http,
    WebSocket(Box<WebSocketContext>),
}

/// The two ends that the WebSocket code reads and writes.
struct Pipe<'a> {
    input: &'a mut Vec<u8>,
    output: &'a mut Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buf.len().min(self.input.len());
        buf[..count].copy_from_slice(&self.input[..count]);
        self.input.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One client.
pub(super) struct Connection {
    socket: TcpStream,
    tls: ServerConnection,
    phase: Phase,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Start of the bytes of `output` that TLS has not got yet.
    taken: usize,
    /// A REST answer is outstanding; the next request waits (HTTP/1.1 answers in order).
    pub(super) answer_due: bool,
    keep_alive: bool,
    close_after_write: bool,
    pub(super) last_ping_ns: u64,
    /// When the oldest ping without an answer was sent.
    pub(super) unanswered_ns: Option<u64>,
    /// When bytes last came from the socket.
    pub(super) read_at: Instant,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, mut tls: ServerConnection, now_ns: u64) -> Self {
        // Our own bound (the caller's, on `unread_bytes`) replaces the library's.
        tls.set_buffer_limit(None);
        Self {
            socket,
            tls,
            phase: Phase::Http,
            input: Vec::new(),
            output: Vec::new(),
            taken: 0,
            answer_due: false,
            keep_alive: true,
            close_after_write: false,
            last_ping_ns: now_ns,
            unanswered_ns: None,
            read_at: Instant::now(),
        }
    }

    pub(super) const fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) const fn is_websocket(&self) -> bool {
        matches!(self.phase, Phase::WebSocket(_))
    }

    /// Plain bytes that wait for the client to read.
    pub(super) fn unread_bytes(&self) -> usize {
        self.output.len() - self.taken
    }

    /// Reads until the socket has no more, and hands out what arrived. `Err` after the last
    /// message of a connection that ended.
    pub(super) fn read(&mut self, said: &mut Vec<Said>) -> Result<(), Ended> {
        let mut ended = Ok(());
        loop {
            match self.tls.read_tls(&mut self.socket) {
                Ok(0) => {
                    ended = Err(Ended::Closed);
                    break;
                }
                Ok(_) => {
                    self.read_at = Instant::now();
                    if self.tls.process_new_packets().is_err() {
                        ended = Err(Ended::Closed);
                        break;
                    }
                    self.take_plain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    ended = Err(Ended::Closed);
                    break;
                }
            }
        }
        self.understand(said)?;
        ended
    }

    fn take_plain(&mut self) {
        let mut chunk = [0; 4096];
        while let Ok(count) = self.tls.reader().read(&mut chunk) {
            if count == 0 {
                break;
            }
            self.input.extend_from_slice(&chunk[..count]);
        }
    }

    /// Turns bytes into requests or messages.
    pub(super) fn understand(&mut self, said: &mut Vec<Said>) -> Result<(), Ended> {
        match &mut self.phase {
            Phase::Http => self.understand_http(said),
            Phase::WebSocket(context) => {
                let mut pipe = Pipe {
                    input: &mut self.input,
                    output: &mut self.output,
                };
                loop {
                    match context.read(&mut pipe) {
                        Ok(Message::Text(text)) => said.push(Said::Text(text.to_string())),
                        Ok(Message::Pong(_)) => self.unanswered_ns = None,
                        Ok(_) => {}
                        Err(tungstenite::Error::Io(error))
                            if error.kind() == io::ErrorKind::WouldBlock =>
                        {
                            return Ok(());
                        }
                        Err(_) => return Err(Ended::Closed),
                    }
                }
            }
        }
    }

    fn understand_http(&mut self, said: &mut Vec<Said>) -> Result<(), Ended> {
        if self.answer_due || self.input.is_empty() || self.close_after_write {
            return Ok(());
        }
        match http::parse(&self.input) {
            Parsed::Partial => Ok(()),
            Parsed::Whole(request, used) => {
                self.input.drain(..used);
                self.keep_alive = request.keep_alive;
                self.answer_due = true;
                said.push(Said::Request(request));
                Ok(())
            }
            Parsed::Bad(status) => {
                self.keep_alive = false;
                self.answer(&http::Reply::json(status, String::new()));
                Ok(())
            }
        }
    }

    /// Answers the outstanding request.
    pub(super) fn answer(&mut self, reply: &http::Reply) {
        self.answer_due = false;
        self.output
            .extend_from_slice(&http::format(reply, self.keep_alive));
        self.close_after_write = !self.keep_alive;
    }

    /// Turns the connection into a WebSocket.
    pub(super) fn upgrade(&mut self, websocket_key: &str) {
        self.answer_due = false;
        self.output.extend_from_slice(&http::upgrade(websocket_key));
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let early = std::mem::take(&mut self.input);
        let context = WebSocketContext::from_partially_read(early, Role::Server, Some(config));
        self.phase = Phase::WebSocket(Box::new(context));
    }

    /// Queues a text message. Nothing happens on a connection that is closing.
    pub(super) fn send_text(&mut self, text: tungstenite::Utf8Bytes) {
        self.send(Message::Text(text));
    }

    /// Queues a ping frame.
    pub(super) fn ping(&mut self, now_ns: u64, payload: String) {
        self.last_ping_ns = now_ns;
        self.unanswered_ns.get_or_insert(now_ns);
        self.send(Message::Ping(Bytes::from(payload)));
    }

    fn send(&mut self, message: Message) {
        if let Phase::WebSocket(context) = &mut self.phase {
            let mut pipe = Pipe {
                input: &mut self.input,
                output: &mut self.output,
            };
            // An error means that a close is under way: the reader will end the connection.
            let _ = context.write(&mut pipe, message);
            let _ = context.flush(&mut pipe);
        }
    }

    /// Writes as much as the socket takes. `Err` when the connection is over.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        loop {
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut self.socket) {
                    Ok(0) => return Err(Ended::Closed),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Err(Ended::Closed),
                }
            }
            if self.tls.is_handshaking() || self.taken == self.output.len() {
                break;
            }
            let end = self.output.len().min(self.taken + CHUNK_BYTES);
            let chunk = &self.output[self.taken..end];
            self.tls
                .writer()
                .write_all(chunk)
                .map_err(|_| Ended::Closed)?;
            self.taken = end;
        }
        if self.taken == self.output.len() {
            self.output.clear();
            self.taken = 0;
            if self.close_after_write {
                return Err(Ended::Closed);
            }
        } else if self.taken > 16 * CHUNK_BYTES {
            self.output.drain(..self.taken);
            self.taken = 0;
        }
        Ok(())
    }
}
