//! Why a connection ended: one small `Copy` enum for sockets, TLS, WebSocket and HTTP alike.
//!
//! Small and `Copy`, because hot-path calls return it and the journal's `connection` event is made
//! from it. The longer text of a TLS library (host, certificate names) is kept aside by the stream
//! as `close_detail`.
//!
//! Thread: any. Hot path: yes. Allocates: no (only `Display`, which is for people).

use std::io;

use super::frame::FrameError;

/// Why a connection ended or could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The socket could not be created, registered or connected.
    #[error("cannot connect ({0}): check host, port and network")]
    ConnectFailed(io::ErrorKind),
    /// Connecting, TLS and the upgrade together took longer than allowed.
    #[error("connecting took longer than allowed: check host, port and network")]
    ConnectTimeout,
    /// The server's certificate does not verify; nothing was sent to it.
    #[error("the server's certificate does not verify: {0}")]
    Certificate(CertificateProblem),
    /// Any other failure of TLS.
    #[error("TLS failed: the server does not speak TLS here, or no version or cipher is shared")]
    Tls,
    /// The server ended TCP or TLS between messages without saying goodbye.
    #[error("the server closed the connection")]
    PeerClosed,
    /// The server ended TCP or TLS in the middle of a message.
    #[error("the server closed the connection in the middle of a message")]
    PeerClosedMidMessage,
    /// The socket failed after it was open.
    #[error("the socket failed ({0})")]
    Io(io::ErrorKind),
    /// The upgrade request was answered with another status than 101.
    #[error("the server refused the WebSocket upgrade with HTTP status {status}")]
    UpgradeRefused {
        /// The HTTP status of the answer.
        status: u16,
    },
    /// The answer to the upgrade was not a valid HTTP answer with the right accept key.
    #[error("the answer to the WebSocket upgrade is not one: is this a WebSocket endpoint?")]
    UpgradeGarbage,
    /// The server sent a WebSocket close frame.
    #[error("the server closed the WebSocket with code {code}")]
    PeerSentClose {
        /// The close code; 1005 when the frame had none.
        code: u16,
    },
    /// The server broke the WebSocket protocol.
    #[error("WebSocket protocol error: {0}")]
    Frame(FrameError),
    /// We closed, and the server agreed.
    #[error("closed by us")]
    LocalClose,
    /// We closed, and the server did not agree in time.
    #[error("closed by us; the server did not confirm in time")]
    CloseTimeout,
    /// The answer was not HTTP/1.1, or contradicted itself.
    #[error("the answer is not valid HTTP/1.1")]
    HttpGarbage,
    /// The answer was larger than `response_bytes_max`.
    #[error("the HTTP answer is larger than response_bytes_max")]
    HttpTooLarge,
    /// A request was not answered by its deadline.
    #[error("no answer by the request's deadline")]
    RequestTimeout,
}

const _: () = assert!(size_of::<CloseReason>() <= 24);

/// What is wrong with a server's certificate, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// No trusted root leads to it.
    #[error(
        "its issuer is not trusted: if this is a practice venue, trust its certificate in the \
         configuration; if it is a real venue, somebody may be in between"
    )]
    UnknownIssuer,
    /// Its validity is over.
    #[error("it has expired: check this machine's clock, then ask the venue")]
    Expired,
    /// Its validity has not begun.
    #[error("it is not valid yet: check this machine's clock")]
    NotYetValid,
    /// It was made for another host.
    #[error("it was made for another host: check the host in the configuration")]
    WrongName,
    /// It was revoked.
    #[error("it was revoked: do not trade on this endpoint")]
    Revoked,
    /// Anything else; `close_detail` has the text.
    #[error("it is malformed or badly signed")]
    Invalid,
}

impl CloseReason {
    /// The reason for a failure of an open socket.
    #[must_use]
    pub(crate) fn io(error: &io::Error) -> Self {
        Self::Io(error.kind())
    }

    /// The reason for a failure of TLS.
    #[must_use]
    pub(crate) fn tls(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(certificate) = error {
            return Self::Certificate(certificate_problem(certificate));
        }
        Self::Tls
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is another crate's and may grow"
)]
fn certificate_problem(error: &rustls::CertificateError) -> CertificateProblem {
    use rustls::CertificateError as Error;
    match error {
        Error::UnknownIssuer => CertificateProblem::UnknownIssuer,
        Error::Expired | Error::ExpiredContext { .. } => CertificateProblem::Expired,
        Error::NotValidYet | Error::NotValidYetContext { .. } => CertificateProblem::NotYetValid,
        Error::NotValidForName | Error::NotValidForNameContext { .. } => {
            CertificateProblem::WrongName
        }
        Error::Revoked => CertificateProblem::Revoked,
        _ => CertificateProblem::Invalid,
    }
}
