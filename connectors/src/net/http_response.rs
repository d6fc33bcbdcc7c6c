//! Takes an HTTP/1.1 answer out of a stream of bytes, in one preallocated buffer, sans I/O.
//!
//! ```text
//!   0      head_bytes        body_end           cursor            end           capacity
//!   +------+-----------------+------------------+-----------------+-------------+
//!   | head | decoded body    | gap (chunk sizes)| not parsed yet  | free        |
//!   +------+-----------------+------------------+-----------------+-------------+
//! ```
//!
//! Chunks are moved together in place. One answer at a time: requests are not pipelined.
//!
//! Invariants
//! - H1: `head_bytes <= body_end <= cursor <= end <= capacity` once the head is parsed.
//! - H2: an answer whose length is given twice, or in two ways, is refused: two readers of such
//!   an answer may disagree where it ends.
//!
//! Thread: one owner. Hot path: no (queries and snapshots). Allocates: no (once, in `new`).

use super::reason::CloseReason;

/// Most headers of an answer; venues send about 25.
const HEADERS_MAX: usize = 96;
/// A chunk's size line longer than this is garbage (16 hex digits and a short extension).
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// An answer, lent out of the receive buffer.
#[derive(Debug, Clone, Copy)]
pub struct HttpResponse<'a> {
    /// The status code.
    pub status: u16,
    /// The body, decoded; whatever the venue (or a proxy before it) sent.
    pub body: &'a [u8],
    head: &'a [u8],
}

impl<'a> HttpResponse<'a> {
    /// A whole answer out of its bytes, as a practice venue writes them; `None` if they are none.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(bytes).ok()? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial => return None,
        };
        let status = response.code?;
        let (head, body) = bytes.split_at_checked(length)?;
        Some(Self { status, body, head })
    }

    /// The first header of this name, case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        // Parsed once already, so it parses again.
        let count = match response.parse(self.head) {
            Ok(httparse::Status::Complete(_)) => response.headers.len(),
            Ok(httparse::Status::Partial) | Err(_) => 0,
        };
        headers
            .into_iter()
            .take(count)
            .map(|header| (header.name, header.value))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// So many bytes are missing.
    Length(usize),
    /// A size line comes next.
    ChunkSize,
    /// So many bytes of a chunk are missing, then its line end.
    Chunk(usize),
    /// The line end of a chunk.
    ChunkEnd,
    /// Lines after the last chunk, up to an empty one.
    Trailer,
    /// Until the server closes.
    UntilClose,
    Complete,
}

/// The receiving half of an HTTP client, without a socket.
pub(crate) struct ResponseParser {
    buffer: Box<[u8]>,
    end: usize,
    cursor: usize,
    head: Option<Head>,
    body_end: usize,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    bytes: usize,
    keep_alive: bool,
    body: Body,
}

impl ResponseParser {
    pub(crate) fn new(response_bytes_max: usize) -> Self {
        let buffer = vec![0; response_bytes_max].into_boxed_slice();
        Self {
            buffer,
            end: 0,
            cursor: 0,
            head: None,
            body_end: 0,
        }
    }

    /// Forgets everything, for the next answer. Keeps the buffer.
    pub(crate) fn reset(&mut self) {
        (self.end, self.cursor, self.body_end) = (0, 0, 0);
        self.head = None;
    }

    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.end..]
    }

    pub(crate) fn commit(&mut self, count: usize) {
        assert!(
            count <= self.buffer.len() - self.end,
            "Invariant H1: commit inside the space"
        );
        self.end += count;
    }

    /// True when nothing of an answer has arrived.
    pub(crate) const fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Takes in what was committed; true when the answer is complete.
    pub(crate) fn advance(&mut self, closed: bool) -> Result<bool, CloseReason> {
        while self.head.is_none() {
            if !self.parse_head()? {
                return Ok(false);
            }
        }
        while self.step_body(closed)? {}
        let complete = self.head.is_some_and(|head| head.body == Body::Complete);
        if complete && self.cursor < self.end {
            return Err(CloseReason::HttpGarbage); // Nobody asked for a second answer.
        }
        Ok(complete)
    }

    /// The complete answer.
    pub(crate) fn response(&self) -> Option<HttpResponse<'_>> {
        let head = self.head?;
        Some(HttpResponse {
            status: head.status,
            body: &self.buffer[head.bytes..self.body_end],
            head: &self.buffer[..head.bytes],
        })
    }

    /// True when the connection may be used again after this answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.head.is_some_and(|head| head.keep_alive)
    }

    fn parse_head(&mut self) -> Result<bool, CloseReason> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let bytes = match response.parse(&self.buffer[..self.end]) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) => return Ok(false),
            Err(_) => return Err(CloseReason::HttpGarbage),
        };
        let status = response.code.ok_or(CloseReason::HttpGarbage)?;
        if (100..200).contains(&status) {
            return self.skip_interim(status, bytes);
        }
        let minor_version = response.version.unwrap_or(0);
        let head = read_head(status, minor_version, bytes, response.headers)?;
        self.head = Some(head);
        (self.cursor, self.body_end) = (bytes, bytes);
        Ok(true)
    }

    /// Drops an interim answer (100, 103); the real one follows.
    fn skip_interim(&mut self, status: u16, bytes: usize) -> Result<bool, CloseReason> {
        if status == 101 {
            return Err(CloseReason::HttpGarbage); // We asked for no other protocol.
        }
        self.buffer.copy_within(bytes..self.end, 0);
        self.end -= bytes;
        Ok(self.end > 0)
    }

    /// Does one step of decoding; false when it is complete or needs more bytes.
    fn step_body(&mut self, closed: bool) -> Result<bool, CloseReason> {
        let Some(head) = &self.head else {
            return Ok(false);
        };
        let unparsed = &self.buffer[self.cursor..self.end];
        let next = match head.body {
            Body::Complete => return Ok(false),
            Body::UntilClose => {
                self.take_body(self.end - self.cursor);
                if closed {
                    Body::Complete
                } else {
                    return Ok(false);
                }
            }
            Body::Length(0) => Body::Complete,
            Body::Chunk(0) => Body::ChunkEnd,
            Body::Length(missing) | Body::Chunk(missing) if !unparsed.is_empty() => {
                let count = missing.min(unparsed.len());
                let length = matches!(head.body, Body::Length(_));
                self.take_body(count);
                let left = missing - count;
                if length {
                    Body::Length(left)
                } else {
                    Body::Chunk(left)
                }
            }
            Body::Length(_) | Body::Chunk(_) => return Ok(false),
            Body::ChunkSize => match chunk_size(unparsed)? {
                None => return Ok(false),
                Some((line_bytes, size)) => {
                    self.cursor += line_bytes;
                    if size == 0 {
                        Body::Trailer
                    } else {
                        Body::Chunk(size)
                    }
                }
            },
            Body::ChunkEnd => match unparsed {
                [b'\r', b'\n', ..] => {
                    self.cursor += 2;
                    Body::ChunkSize
                }
                [] | [b'\r'] => return Ok(false),
                _ => return Err(CloseReason::HttpGarbage),
            },
            Body::Trailer => match unparsed.windows(2).position(|pair| pair == b"\r\n") {
                None => return Ok(false),
                Some(line_bytes) => {
                    self.cursor += line_bytes + 2;
                    if line_bytes == 0 {
                        Body::Complete
                    } else {
                        Body::Trailer
                    }
                }
            },
        };
        if let Some(head) = &mut self.head {
            head.body = next;
        }
        Ok(true)
    }

    /// Moves `count` unparsed bytes behind the body.
    fn take_body(&mut self, count: usize) {
        let from = self.cursor..self.cursor + count;
        if self.body_end != self.cursor {
            self.buffer.copy_within(from, self.body_end);
        }
        self.body_end += count;
        self.cursor += count;
    }
}

/// A chunk's size line: its bytes and the size.
fn chunk_size(unparsed: &[u8]) -> Result<Option<(usize, usize)>, CloseReason> {
    match httparse::parse_chunk_size(unparsed) {
        Ok(httparse::Status::Complete((line_bytes, size))) => {
            let size = usize::try_from(size).map_err(|_| CloseReason::HttpTooLarge)?;
            Ok(Some((line_bytes, size)))
        }
        Ok(httparse::Status::Partial) if unparsed.len() < CHUNK_LINE_BYTES_MAX => Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => Err(CloseReason::HttpGarbage),
    }
}

fn read_head(
    status: u16,
    minor_version: u8,
    bytes: usize,
    headers: &[httparse::Header<'_>],
) -> Result<Head, CloseReason> {
    let mut length: Option<usize> = None;
    let mut chunked = false;
    let mut keep_alive = minor_version >= 1;
    for header in headers {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-length") {
            let given = parse_length(value).ok_or(CloseReason::HttpGarbage)?;
            if length.replace(given).is_some_and(|other| other != given) {
                return Err(CloseReason::HttpGarbage);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(CloseReason::HttpGarbage); // No other coding was offered.
            }
            chunked = true;
        } else if header.name.eq_ignore_ascii_case("connection") {
            keep_alive = keep_alive && !value.eq_ignore_ascii_case(b"close");
        }
    }
    let body = match (length, chunked) {
        _ if matches!(status, 204 | 304) => Body::Complete,
        (Some(_), true) => return Err(CloseReason::HttpGarbage),
        (None, true) => Body::ChunkSize,
        (Some(length), false) => Body::Length(length),
        (None, false) => Body::UntilClose,
    };
    keep_alive = keep_alive && body != Body::UntilClose;
    Ok(Head {
        status,
        bytes,
        keep_alive,
        body,
    })
}

fn parse_length(text: &[u8]) -> Option<usize> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if is_number {
        str::from_utf8(text).ok()?.parse().ok()
    } else {
        None
    }
}

impl std::fmt::Debug for ResponseParser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ResponseParser")
            .field("head", &self.head)
            .field("received_bytes", &self.end)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
        Transfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n\
        4\r\nWiki\r\n6;x=y\r\npedia \r\nb\r\nin\r\n\r\nchunk\r\n0\r\nTrailer: t\r\n\r\n";

    /// Feeds `bytes` in pieces and gives status and body, or the error.
    fn feed(
        bytes: &[u8],
        piece: usize,
        closed: bool,
    ) -> Result<Option<(u16, Vec<u8>)>, CloseReason> {
        let mut parser = ResponseParser::new(1024);
        let mut complete = false;
        for part in bytes.chunks(piece) {
            parser.space()[..part.len()].copy_from_slice(part);
            parser.commit(part.len());
            complete = parser.advance(false)?;
        }
        if closed {
            complete = parser.advance(true)?;
        }
        let response = parser.response().filter(|_| complete);
        Ok(response.map(|response| (response.status, response.body.to_vec())))
    }

    #[test]
    fn chunked_answer_in_pieces_of_any_size_is_the_same() {
        let expected = Some((200, b"Wikipedia in\r\n\r\nchunk".to_vec()));
        for piece in 1..=CHUNKED.len() {
            assert_eq!(
                feed(CHUNKED, piece, false),
                Ok(expected.clone()),
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn answer_cut_anywhere_is_not_complete() {
        for cut in 0..CHUNKED.len() {
            assert_eq!(feed(&CHUNKED[..cut], 1, true), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn answer_without_length_ends_with_the_connection() {
        let bytes = b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>";
        assert_eq!(feed(bytes, 3, false), Ok(None));
        assert_eq!(feed(bytes, 3, true), Ok(Some((502, b"<html>".to_vec()))));
    }

    #[test]
    fn answer_that_contradicts_itself_is_refused() {
        let bad = [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
        ];
        for answer in bad {
            let result = feed(answer.as_bytes(), 1024, false);
            assert_eq!(result, Err(CloseReason::HttpGarbage), "{answer}");
        }
    }

    #[test]
    fn header_is_found_whatever_its_case() {
        let mut parser = ResponseParser::new(1024);
        parser.space()[..CHUNKED.len()].copy_from_slice(CHUNKED);
        parser.commit(CHUNKED.len());
        assert_eq!(parser.advance(false), Ok(true));
        let response = parser.response().unwrap();
        assert_eq!(response.header("retry-AFTER"), Some(&b"7"[..]));
        assert_eq!(response.header("x-mbx-used-weight"), None);
        assert!(parser.keeps_alive());
    }
}
