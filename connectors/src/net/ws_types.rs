//! What a WebSocket client takes and gives: its settings, its messages, its refusals.
//!
//! Thread: any. Hot path: the small enums only. Allocates: no.

use super::endpoint::Target;

const SECOND_NS: u64 = 1_000_000_000;

/// What a WebSocket client needs to know.
#[derive(Clone)]
pub struct WsConfig {
    /// Where to, with the path of the upgrade.
    pub target: Target,
    /// Largest message that is accepted, bytes; the receive buffer is made for it. 1 MiB.
    pub message_bytes_max: usize,
    /// Largest payload that is sent, bytes. 64 KiB.
    pub send_bytes_max: usize,
    /// Most bytes that may wait for the kernel before sending is refused as full. 256 KiB.
    pub pending_bytes_max: usize,
    /// Longest time for TCP, TLS and the upgrade together, nanoseconds. 5 s.
    pub connect_timeout_ns: u64,
    /// Longest wait for the server's answer to our close, nanoseconds. 1 s.
    pub close_timeout_ns: u64,
    /// Seed of the mask keys and the upgrade's key. Not a secret; need not differ.
    pub mask_seed: u64,
    /// Further headers of the upgrade request.
    pub headers: Vec<(String, String)>,
}

impl WsConfig {
    /// The usual sizes and times for `target`.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            message_bytes_max: 1024 * 1024,
            send_bytes_max: 64 * 1024,
            pending_bytes_max: 256 * 1024,
            connect_timeout_ns: 5 * SECOND_NS,
            close_timeout_ns: SECOND_NS,
            mask_seed: 0,
            headers: Vec::new(),
        }
    }
}

impl std::fmt::Debug for WsConfig {
    /// Leaves the headers out: they may hold API keys.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WsConfig")
            .field("endpoint", self.target.endpoint())
            .field("headers", &"***")
            .finish_non_exhaustive()
    }
}

/// What a poll did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not open yet.
    Connecting,
    /// Open, and nothing new.
    Idle,
    /// Bytes arrived, or the end did: drain `next_message` and poll again.
    Received,
}

/// A complete message, lent out of the receive buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WsMessage<'a> {
    /// A text message. Not checked to be UTF-8; parsers work on bytes.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
}

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not open yet, closing, or closed.
    #[error("the WebSocket is not open")]
    NotOpen,
    /// The server or the network takes no more: keep the message and try again later.
    #[error("the WebSocket's send buffer is full")]
    Full,
    /// More than `send_bytes_max`: it will never fit.
    #[error("the message is larger than send_bytes_max")]
    TooLarge,
    /// The writer wrote nothing.
    #[error("the message is empty")]
    Empty,
}
