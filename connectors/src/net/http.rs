//! A keep-alive HTTP/1.1 client that never blocks: one request in flight, a short queue behind it.
//!
//! It connects at the first request, and again for the next one after the server closed. It never
//! repeats a request: whether that is safe is the venue layer's to know.
//!
//! Invariants
//! - H3: every submitted request gets exactly one outcome.
//! - H4: [`HttpFailure::NeverSent`] is said only when the kernel took no byte since the request
//!   was handed over. Anything else that is not an answer is [`HttpFailure::Unknown`].
//! - H5: after a deadline passed on a request in flight the connection is dropped, so that a late
//!   answer cannot be taken for the next request's.
//!
//! Thread: one owner. Hot path: no (queries, snapshots). Allocates: no in steady state (buffers of
//! the queue are reused). Syscalls: the socket's only.

use std::collections::VecDeque;

use mio::{Registry, Token};

pub use super::http_types::{
    HttpConfig, HttpFailure, HttpOutcome, HttpRequest, Method, RequestId, SubmitError,
};
use super::{
    http_response::ResponseParser,
    reason::CloseReason,
    stream::{ReadOutcome, Stream, StreamConfig},
};

/// An HTTP client for one server.
pub struct HttpClient {
    config: HttpConfig,
    registry: Registry,
    token: Token,
    stream: Option<Stream>,
    parser: ResponseParser,
    /// `Host` and the configured headers, written once.
    common_head: Vec<u8>,
    queue: VecDeque<Queued>,
    /// Buffers of finished requests, to be used again.
    spare: Vec<Vec<u8>>,
    in_flight: Option<InFlight>,
    /// An answer is lent out of the parser; it is dropped at the next poll.
    lent: bool,
    /// Answers that this connection gave.
    answered: u64,
    next_id: u64,
}

struct Queued {
    id: RequestId,
    deadline_ns: u64,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    id: RequestId,
    deadline_ns: u64,
    /// The stream's count before the request was handed over (H4).
    sent_bytes_before: u64,
}

impl HttpClient {
    /// Makes a client; nothing is connected before the first request.
    ///
    /// # Errors
    ///
    /// The registry cannot be shared (too many open files).
    pub fn new(config: HttpConfig, registry: &Registry, token: Token) -> Result<Self, CloseReason> {
        let registry = registry
            .try_clone()
            .map_err(|error| CloseReason::ConnectFailed(error.kind()))?;
        Ok(Self {
            common_head: common_head(&config),
            parser: ResponseParser::new(config.response_bytes_max),
            queue: VecDeque::with_capacity(config.queue_max),
            spare: Vec::with_capacity(config.queue_max),
            registry,
            token,
            stream: None,
            in_flight: None,
            lent: false,
            answered: 0,
            next_id: 1,
            config,
        })
    }

    /// Queues a request; [`HttpClient::poll`] sends it.
    ///
    /// # Errors
    ///
    /// The queue is full, or the request cannot be sent as it is.
    pub fn submit(&mut self, request: &HttpRequest<'_>) -> Result<RequestId, SubmitError> {
        if self.queue.len() >= self.config.queue_max {
            return Err(SubmitError::QueueFull);
        }
        check_request(request)?;
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        write_request(&mut bytes, request, &self.common_head);
        if bytes.len() > self.config.request_bytes_max {
            self.spare.push(bytes);
            return Err(SubmitError::TooLarge);
        }
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.queue.push_back(Queued {
            id,
            deadline_ns: request.deadline_ns,
            bytes,
        });
        Ok(id)
    }

    /// Drives the connection and gives the next outcome, lent until the next call. Call it on
    /// readiness and after [`HttpClient::submit`], until it gives `None`; and now and then
    /// without either, for the deadlines.
    pub fn poll(&mut self, now_ns: u64) -> Option<HttpOutcome<'_>> {
        self.forget_lent();
        if let Some(failed) = self.expire_queued(now_ns) {
            return Some(failed);
        }
        let mut end = self.drive(now_ns);
        if end.is_some() && self.in_flight.is_none() && self.answered > 0 {
            // The server ended a connection that had served: stale, not broken. Connect anew.
            self.drop_connection(CloseReason::PeerClosed);
            self.answered = 0;
            end = self.drive(now_ns);
        }
        let Some(in_flight) = self.in_flight else {
            return end.and_then(|reason| self.fail_unsent(reason));
        };
        match self.parser.advance(end == Some(CloseReason::PeerClosed)) {
            Ok(true) => return Some(self.lend_response(in_flight.id, end)),
            Ok(false) => {}
            Err(reason) => return Some(self.fail_in_flight(in_flight, reason)),
        }
        if let Some(reason) = end {
            return Some(self.fail_in_flight(in_flight, reason));
        }
        if now_ns >= in_flight.deadline_ns {
            return Some(self.fail_in_flight(in_flight, CloseReason::RequestTimeout));
        }
        None
    }

    /// Requests that have no outcome yet.
    #[must_use]
    pub fn pending_requests(&self) -> usize {
        self.queue.len() + usize::from(self.in_flight.is_some())
    }

    /// True while a connection is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_open)
    }

    /// The longer text of the last connection's TLS failure, for people.
    #[must_use]
    pub fn close_detail(&self) -> Option<&str> {
        self.stream.as_ref().and_then(Stream::close_detail)
    }

    /// Connects, sends the next request when none is in flight, reads; the end, if it came.
    fn drive(&mut self, now_ns: u64) -> Option<CloseReason> {
        if self.in_flight.is_none() && self.queue.is_empty() {
            return self.watch_idle(now_ns);
        }
        if let Err(reason) = self.ensure_stream(now_ns) {
            return Some(reason);
        }
        let stream = self.stream.as_mut()?;
        match stream.poll(now_ns) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(reason) => return Some(reason),
        }
        if self.in_flight.is_none() {
            // A server that closed while we were idle is noticed before the request is spent.
            let end = self.read();
            if end.is_some() || !self.parser.is_empty() {
                return Some(end.unwrap_or(CloseReason::HttpGarbage));
            }
            self.send_next();
        }
        self.read()
    }

    /// Lets an idle connection's end be seen; it costs nobody anything.
    fn watch_idle(&mut self, now_ns: u64) -> Option<CloseReason> {
        let stream = self
            .stream
            .as_mut()
            .filter(|stream| stream.close_reason().is_none())?;
        let open = stream.poll(now_ns);
        let end = if open == Ok(true) { self.read() } else { None };
        if !self.parser.is_empty() {
            self.drop_connection(CloseReason::HttpGarbage);
        }
        end
    }

    fn ensure_stream(&mut self, now_ns: u64) -> Result<(), CloseReason> {
        match &mut self.stream {
            Some(stream) if stream.close_reason().is_none() || self.in_flight.is_some() => Ok(()),
            Some(stream) => {
                self.parser.reset();
                self.answered = 0;
                stream.reconnect(now_ns)
            }
            none => {
                let config = StreamConfig {
                    target: self.config.target.clone(),
                    connect_timeout_ns: self.config.connect_timeout_ns,
                    pending_bytes_max: self.config.request_bytes_max,
                };
                *none = Some(Stream::connect(config, &self.registry, self.token, now_ns)?);
                Ok(())
            }
        }
    }

    fn send_next(&mut self) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let Some(next) = self.queue.front() else {
            return;
        };
        let sent_bytes_before = stream.sent_bytes();
        if stream.write(&next.bytes).is_err() {
            return; // Nothing was taken; the next poll sees why.
        }
        let in_flight = InFlight {
            id: next.id,
            deadline_ns: next.deadline_ns,
            sent_bytes_before,
        };
        self.in_flight = Some(in_flight);
        self.drop_front();
    }

    /// Reads all that has arrived; the end, if it came.
    fn read(&mut self) -> Option<CloseReason> {
        let stream = self.stream.as_mut()?;
        loop {
            let space = self.parser.space();
            if space.is_empty() {
                return Some(CloseReason::HttpTooLarge);
            }
            match stream.read_into(space) {
                Ok(ReadOutcome::Bytes(count)) => self.parser.commit(count),
                Ok(ReadOutcome::WouldBlock) => return None,
                Err(reason) => return Some(reason),
            }
        }
    }

    fn lend_response(&mut self, id: RequestId, end: Option<CloseReason>) -> HttpOutcome<'_> {
        self.in_flight = None;
        if end.is_some() || !self.parser.keeps_alive() {
            self.drop_connection_keeping_answer();
        }
        self.lent = true;
        self.answered += 1;
        let result = self
            .parser
            .response()
            .ok_or(HttpFailure::Unknown(CloseReason::HttpGarbage));
        HttpOutcome { id, result }
    }

    fn forget_lent(&mut self) {
        if std::mem::take(&mut self.lent) {
            self.parser.reset();
        }
    }

    fn fail_in_flight(&mut self, in_flight: InFlight, reason: CloseReason) -> HttpOutcome<'_> {
        let sent_bytes = self.stream.as_ref().map_or(u64::MAX, Stream::sent_bytes);
        let failure = if sent_bytes == in_flight.sent_bytes_before {
            HttpFailure::NeverSent(reason)
        } else {
            HttpFailure::Unknown(reason)
        };
        self.in_flight = None;
        self.drop_connection(reason);
        HttpOutcome {
            id: in_flight.id,
            result: Err(failure),
        }
    }

    /// A connection could not be opened, or ended before its first request was handed over.
    fn fail_unsent(&mut self, reason: CloseReason) -> Option<HttpOutcome<'_>> {
        self.drop_connection(reason);
        let id = self.queue.front()?.id;
        self.drop_front();
        Some(HttpOutcome {
            id,
            result: Err(HttpFailure::NeverSent(reason)),
        })
    }

    fn expire_queued(&mut self, now_ns: u64) -> Option<HttpOutcome<'static>> {
        let index = self
            .queue
            .iter()
            .position(|queued| now_ns >= queued.deadline_ns)?;
        let expired = self.queue.remove(index)?;
        self.spare.push(expired.bytes);
        let failure = HttpFailure::NeverSent(CloseReason::RequestTimeout);
        Some(HttpOutcome {
            id: expired.id,
            result: Err(failure),
        })
    }

    fn drop_front(&mut self) {
        if let Some(front) = self.queue.pop_front() {
            self.spare.push(front.bytes);
        }
    }

    fn drop_connection(&mut self, reason: CloseReason) {
        self.parser.reset();
        if let Some(stream) = &mut self.stream {
            stream.close(reason);
        }
    }

    fn drop_connection_keeping_answer(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.close(CloseReason::LocalClose);
        }
    }
}

fn common_head(config: &HttpConfig) -> Vec<u8> {
    let mut head = format!("Host: {}\r\n", config.target.endpoint().host_header()).into_bytes();
    for (name, value) in &config.headers {
        write_header(&mut head, name, value);
    }
    head
}

fn write_request(bytes: &mut Vec<u8>, request: &HttpRequest<'_>, common_head: &[u8]) {
    bytes.extend_from_slice(request.method.name().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(request.path.as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    bytes.extend_from_slice(common_head);
    for (name, value) in request.headers {
        write_header(bytes, name, value);
    }
    if !request.body.is_empty() || !matches!(request.method, Method::Get) {
        write_header(bytes, "Content-Length", &request.body.len().to_string());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(request.body);
}

fn write_header(bytes: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        bytes.extend_from_slice(part.as_bytes());
    }
}

/// Refuses what would end a line or split a word of the request's head.
fn check_request(request: &HttpRequest<'_>) -> Result<(), SubmitError> {
    let path_is_clean = request.path.starts_with('/')
        && request.path.bytes().all(|byte| byte > b' ' && byte < 0x7f);
    if !path_is_clean {
        return Err(SubmitError::BadPath);
    }
    let clean = |text: &str| text.bytes().all(|byte| byte >= b' ' && byte != 0x7f);
    let names = |text: &str| clean(text) && !text.is_empty() && !text.contains([':', ' ']);
    if request
        .headers
        .iter()
        .all(|(name, value)| names(name) && clean(value))
    {
        Ok(())
    } else {
        Err(SubmitError::BadHeader)
    }
}

impl std::fmt::Debug for HttpClient {
    /// Leaves requests and common headers out: they hold API keys and signatures.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HttpClient")
            .field("stream", &self.stream)
            .field("queued", &self.queue.len())
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}
