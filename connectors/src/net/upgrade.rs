//! The HTTP upgrade that turns a byte stream into a WebSocket (RFC 6455, section 4.1), sans I/O.
//!
//! Bytes behind the answer's head belong to the first frames and stay with the caller.
//!
//! Thread: any. Hot path: no (once a connection).

use base64::{Engine, engine::general_purpose::STANDARD};
use tungstenite::handshake::derive_accept_key;

use super::{endpoint::Endpoint, reason::CloseReason};

/// Most headers of an answer that we look at; more is no WebSocket server's answer.
const HEADERS_MAX: usize = 64;

/// An upgrade that was asked for and not answered yet.
#[derive(Debug)]
pub(crate) struct Upgrade {
    accept_key: String,
}

impl Upgrade {
    /// Writes the request; `nonce` must be fresh for each connection.
    pub(crate) fn request(
        endpoint: &Endpoint,
        headers: &[(String, String)],
        nonce: [u8; 16],
    ) -> (Self, Vec<u8>) {
        let key = STANDARD.encode(nonce);
        let mut text = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
            endpoint.path(),
            endpoint.host_header(),
        );
        for (name, value) in headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        (
            Self {
                accept_key: derive_accept_key(key.as_bytes()),
            },
            text.into_bytes(),
        )
    }

    /// Judges the answer: its length once it is complete and right, `None` when more is needed.
    pub(crate) fn check_answer(&self, bytes: &[u8]) -> Result<Option<usize>, CloseReason> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut headers);
        let length = match answer.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(CloseReason::UpgradeGarbage),
        };
        match answer.code {
            Some(101) => {}
            Some(status) => return Err(CloseReason::UpgradeRefused { status }),
            None => return Err(CloseReason::UpgradeGarbage),
        }
        if self.is_agreement(answer.headers) {
            Ok(Some(length))
        } else {
            Err(CloseReason::UpgradeGarbage)
        }
    }

    fn is_agreement(&self, headers: &[httparse::Header<'_>]) -> bool {
        let value_of = |name: &str| {
            headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name))
                .map(|h| h.value)
        };
        let upgrades =
            value_of("upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
        let connects = value_of("connection").is_some_and(|value| {
            value
                .split(|byte| *byte == b',')
                .any(|part| part.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        });
        let accepts = value_of("sec-websocket-accept") == Some(self.accept_key.as_bytes());
        // We asked for neither, so a server that chose one speaks another protocol than we.
        let adds_nothing = value_of("sec-websocket-extensions").is_none()
            && value_of("sec-websocket-protocol").is_none();
        upgrades && connects && accepts && adds_nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and accept value of RFC 6455, section 1.3.
    fn sample() -> Upgrade {
        let endpoint = Endpoint::parse("ws://example.com/chat").unwrap();
        let nonce = STANDARD.decode("dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        let header = ("X-A".to_owned(), "b".to_owned());
        let (upgrade, request) = Upgrade::request(&endpoint, &[header], nonce.try_into().unwrap());
        let request = String::from_utf8(request).unwrap();
        assert!(
            request.starts_with("GET /chat HTTP/1.1\r\nHost: example.com\r\n"),
            "{request}"
        );
        assert!(request.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
        assert!(request.ends_with("X-A: b\r\n\r\n"));
        upgrade
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn answer_cut_anywhere_waits_for_more() {
        let upgrade = sample();
        for cut in 0..GOOD.len() {
            assert_eq!(
                upgrade.check_answer(&GOOD.as_bytes()[..cut]),
                Ok(None),
                "cut at {cut}"
            );
        }
        let followed = format!("{GOOD}\u{1}frame");
        assert_eq!(
            upgrade.check_answer(followed.as_bytes()),
            Ok(Some(GOOD.len()))
        );
    }

    #[test]
    fn answer_wrong_in_any_part_is_refused() {
        let upgrade = sample();
        let garbage = [
            GOOD.replace("s3pP", "S3pP"),
            GOOD.replace("Upgrade: WebSocket", "Upgrade: h2c"),
            GOOD.replace("keep-alive, Upgrade", "keep-alive"),
            GOOD.replace(
                "\r\n\r\n",
                "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            ),
            "<html>hello</html>\r\n\r\n".to_owned(),
        ];
        for answer in garbage {
            let result = upgrade.check_answer(answer.as_bytes());
            assert_eq!(result, Err(CloseReason::UpgradeGarbage), "{answer}");
        }
        let refused = upgrade.check_answer(b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\n\r\n");
        assert_eq!(refused, Err(CloseReason::UpgradeRefused { status: 503 }));
    }
}
