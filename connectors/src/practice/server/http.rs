//! HTTP/1.1 at the server's side: a request out of bytes, an answer into bytes.
//!
//! Only what an exchange's REST interface needs: no chunked bodies, no continuation.

use std::fmt::Write as _;

/// Longest head and body that are taken.
const HEAD_BYTES_MAX: usize = 16 << 10;
const BODY_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;

/// A whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path without the query.
    pub(crate) path: String,
    /// Raw query, without the question mark.
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) api_key: Option<String>,
    /// All headers: names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// `Sec-WebSocket-Key` of an upgrade.
    pub(crate) websocket_key: Option<String>,
    pub(crate) keep_alive: bool,
}

impl Request {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// A JSON answer.
    pub(crate) const fn json(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: "application/json;charset=UTF-8",
            headers: Vec::new(),
            body,
        }
    }
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// More bytes are needed.
    Partial,
    /// A request of so many bytes.
    Whole(Box<Request>, usize),
    /// Not a request: answer with this status and close.
    Bad(u16),
}

/// Reads one request from the start of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_bytes = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => return Parsed::Partial,
        Ok(httparse::Status::Partial) => return Parsed::Bad(431),
        Err(_) => return Parsed::Bad(400),
    };
    let header = |name: &str| {
        head.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .and_then(|header| std::str::from_utf8(header.value).ok())
            .map(str::trim)
    };
    let body_bytes = match header("content-length").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(length)) if length <= BODY_BYTES_MAX => length,
        Some(Ok(_)) => return Parsed::Bad(413),
        Some(Err(_)) => return Parsed::Bad(400),
    };
    if header("transfer-encoding").is_some() {
        return Parsed::Bad(411);
    }
    let whole_bytes = head_bytes + body_bytes;
    let Some(body) = bytes.get(head_bytes..whole_bytes) else {
        return Parsed::Partial;
    };
    let Ok(body) = std::str::from_utf8(body) else {
        return Parsed::Bad(400);
    };
    let target = head.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let close = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let request = Request {
        method: head.method.unwrap_or("GET").to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: body.to_owned(),
        api_key: header("x-mbx-apikey").map(str::to_owned),
        headers: head
            .headers
            .iter()
            .filter_map(|header| {
                let value = std::str::from_utf8(header.value).ok()?;
                Some((header.name.to_ascii_lowercase(), value.trim().to_owned()))
            })
            .collect(),
        websocket_key: header("upgrade")
            .filter(|value| value.eq_ignore_ascii_case("websocket"))
            .and_then(|_| header("sec-websocket-key"))
            .map(str::to_owned),
        keep_alive: head.version != Some(0) && !close,
    };
    Parsed::Whole(Box::new(request), whole_bytes)
}

/// The bytes of an answer.
pub(super) fn format(reply: &Reply, keep_alive: bool) -> Vec<u8> {
    let mut text = String::with_capacity(256 + reply.body.len());
    let _ = write!(
        text,
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n",
        reply.status,
        reason(reply.status),
        reply.content_type,
        reply.body.len(),
        if keep_alive { "keep-alive" } else { "close" },
    );
    for (name, value) in &reply.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.push_str(&reply.body);
    text.into_bytes()
}

/// The bytes that turn the connection into a WebSocket.
pub(super) fn upgrade(websocket_key: &str) -> Vec<u8> {
    let accept = tungstenite::handshake::derive_accept_key(websocket_key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_read_whole_or_not_at_all() {
        let bytes = b"POST /api/v3/order?a=1 HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: k\r\n\
            Content-Length: 3\r\n\r\nb=2GET";
        for length in 0..bytes.len() - 3 {
            assert_eq!(parse(&bytes[..length]), Parsed::Partial, "{length} bytes");
        }
        let Parsed::Whole(request, used) = parse(bytes) else {
            panic!("not whole");
        };
        assert_eq!(used, bytes.len() - 3);
        assert_eq!(
            (request.path.as_str(), request.query.as_str()),
            ("/api/v3/order", "a=1")
        );
        assert_eq!(
            (request.body.as_str(), request.api_key.as_deref()),
            ("b=2", Some("k"))
        );
        assert!(request.keep_alive);
    }

    #[test]
    fn request_that_is_none_is_refused() {
        assert_eq!(parse(b"\x16\x03\x01\x00"), Parsed::Bad(400));
        assert_eq!(parse(&[b'a'; HEAD_BYTES_MAX + 1]), Parsed::Bad(431));
        let large = b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n";
        assert_eq!(parse(large), Parsed::Bad(413));
    }
}
