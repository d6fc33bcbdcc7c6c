//! Turns a stream of server bytes into WebSocket messages, in one preallocated buffer, sans I/O.
//!
//! ```text
//!   0        message_start   message_end        cursor              end           capacity
//!   +--------+---------------+------------------+-------------------+-------------+
//!   | spent  | assembled     | gap (headers,    | not parsed yet    | free        |
//!   |        | fragments     | control frames)  |                   |             |
//!   +--------+---------------+------------------+-------------------+-------------+
//! ```
//!
//! Unfragmented messages are lent where they lie. Fragments are moved together, over the headers
//! between them. Bytes move otherwise only when the free tail runs short.
//!
//! Invariants
//! - D1: `message_start <= message_end <= cursor <= end <= capacity`.
//! - D2: `capacity` holds the largest allowed message and the largest control frame, so that a
//!   full buffer without a complete frame cannot happen.
//! - D3: after an error the deframer yields only that error.
//!
//! Thread: one owner. Hot path: yes. Allocates: no (once, in `new`). Syscalls: none.

use std::ops::Range;

use super::frame::{self, CONTROL_PAYLOAD_BYTES_MAX, FrameError, Header, Opcode};

/// Room beside the largest message: a control frame between its fragments, or its last header.
const OVERHEAD_BYTES: usize = CONTROL_PAYLOAD_BYTES_MAX + frame::SERVER_HEADER_BYTES_MAX;
/// With less free tail than this, used-up bytes are reclaimed first.
const TAIL_BYTES_MIN: usize = 16 * 1024;

/// One complete message or control frame, as a place in the buffer.
///
/// It stays valid until the next call of [`Deframer::space`], [`Deframer::push`] or
/// [`Deframer::next_span`]; [`Deframer::payload`] gives the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is; never [`Opcode::Continuation`].
    pub opcode: Opcode,
    range: Range<usize>,
}

/// The receiving half of a WebSocket, without a socket.
pub struct Deframer {
    buffer: Box<[u8]>,
    message_bytes_max: usize,
    message_start: usize,
    message_end: usize,
    cursor: usize,
    end: usize,
    /// The kind of the message whose fragments are being assembled.
    assembling: Option<Opcode>,
    failed: Option<FrameError>,
}

impl Deframer {
    /// Makes a deframer for messages of up to `message_bytes_max` bytes (at least 125).
    #[must_use]
    pub fn new(message_bytes_max: usize) -> Self {
        let message_bytes_max = message_bytes_max.max(CONTROL_PAYLOAD_BYTES_MAX);
        Self {
            buffer: vec![0; message_bytes_max + OVERHEAD_BYTES].into_boxed_slice(),
            message_bytes_max,
            message_start: 0,
            message_end: 0,
            cursor: 0,
            end: 0,
            assembling: None,
            failed: None,
        }
    }

    /// Forgets everything, for a new connection. Keeps the buffer.
    pub fn reset(&mut self) {
        (self.message_start, self.message_end, self.cursor, self.end) = (0, 0, 0, 0);
        self.assembling = None;
        self.failed = None;
    }

    /// The free tail, for the socket to read into; empty when unread messages fill the buffer.
    pub fn space(&mut self) -> &mut [u8] {
        let is_empty = self.is_between_messages();
        if is_empty || self.buffer.len() - self.end < TAIL_BYTES_MIN {
            self.reclaim();
        }
        &mut self.buffer[self.end..]
    }

    /// Says that `count` bytes were written into [`Deframer::space`].
    ///
    /// # Panics
    ///
    /// When `count` is more than the space was: a bug of the caller.
    pub fn commit(&mut self, count: usize) {
        assert!(
            count <= self.buffer.len() - self.end,
            "Invariant D1: commit inside the space"
        );
        self.end += count;
    }

    /// Copies as much of `bytes` as fits and returns how much that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.commit(count);
        count
    }

    /// The next complete message or control frame; `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// The server broke the protocol; the connection must end. The error repeats for ever (D3).
    pub fn next_span(&mut self) -> Result<Option<Span>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.parse_frames();
        if let Err(error) = result {
            self.failed = Some(error);
        }
        result
    }

    /// The bytes of a span that [`Deframer::next_span`] just returned.
    #[must_use]
    pub fn payload(&self, span: &Span) -> &[u8] {
        &self.buffer[span.range.clone()]
    }

    /// True when the stream may end here without cutting a message.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.cursor == self.end && self.assembling.is_none()
    }

    fn parse_frames(&mut self) -> Result<Option<Span>, FrameError> {
        loop {
            let unparsed = &self.buffer[self.cursor..self.end];
            let Some(header) = frame::parse_header(unparsed)? else {
                return Ok(None);
            };
            self.check_sequence(header.opcode)?;
            let payload_bytes = self.check_size(&header)?;
            if unparsed.len() - header.header_bytes < payload_bytes {
                return Ok(None);
            }
            let payload_start = self.cursor + header.header_bytes;
            self.cursor = payload_start + payload_bytes;
            let payload = payload_start..self.cursor;
            if header.opcode.is_control() {
                return Ok(Some(Span {
                    opcode: header.opcode,
                    range: payload,
                }));
            }
            if let Some(span) = self.accept_data(header, payload) {
                return Ok(Some(span));
            }
        }
    }

    const fn check_sequence(&self, opcode: Opcode) -> Result<(), FrameError> {
        match (opcode, self.assembling.is_some()) {
            (Opcode::Continuation, false) => Err(FrameError::LoneContinuation),
            (Opcode::Text | Opcode::Binary, true) => Err(FrameError::UnfinishedMessage),
            (Opcode::Continuation, true)
            | (Opcode::Text | Opcode::Binary, false)
            | (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => Ok(()),
        }
    }

    /// Refuses a message that would not fit, at its header, before its bytes arrive.
    fn check_size(&self, header: &Header) -> Result<usize, FrameError> {
        let payload_bytes =
            usize::try_from(header.payload_bytes).map_err(|_| FrameError::TooLarge)?;
        let assembled = if header.opcode.is_control() {
            0
        } else {
            self.message_end - self.message_start
        };
        if payload_bytes > self.message_bytes_max - assembled {
            return Err(FrameError::TooLarge);
        }
        Ok(payload_bytes)
    }

    /// Takes a data frame; gives the message when it is complete.
    fn accept_data(&mut self, header: Header, payload: Range<usize>) -> Option<Span> {
        let Some(opcode) = self.assembling else {
            (self.message_start, self.message_end) = (payload.start, payload.end);
            return self.finish_if_last(header.opcode, header.last);
        };
        let new_end = self.message_end + payload.len();
        self.buffer.copy_within(payload, self.message_end);
        self.message_end = new_end;
        self.finish_if_last(opcode, header.last)
    }

    fn finish_if_last(&mut self, opcode: Opcode, last: bool) -> Option<Span> {
        if !last {
            self.assembling = Some(opcode);
            return None;
        }
        let range = self.message_start..self.message_end;
        self.assembling = None;
        (self.message_start, self.message_end) = (self.cursor, self.cursor);
        Some(Span { opcode, range })
    }

    /// Moves what is still needed to the front.
    fn reclaim(&mut self) {
        let assembled = match self.assembling {
            Some(_) => self.message_start..self.message_end,
            None => self.cursor..self.cursor,
        };
        let assembled_bytes = assembled.len();
        if self.cursor == assembled_bytes {
            return; // Nothing is used up: everything lies at the front already.
        }
        let unparsed = self.cursor..self.end;
        let unparsed_bytes = unparsed.len();
        self.buffer.copy_within(assembled, 0);
        self.buffer.copy_within(unparsed, assembled_bytes);
        self.message_start = 0;
        self.message_end = assembled_bytes;
        self.cursor = assembled_bytes;
        self.end = assembled_bytes + unparsed_bytes;
    }
}

impl std::fmt::Debug for Deframer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Deframer")
            .field("unparsed_bytes", &(self.end - self.cursor))
            .field("assembling", &self.assembling)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
