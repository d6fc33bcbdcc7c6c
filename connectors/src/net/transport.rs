//! What lies between a TCP socket and our bytes: nothing, or a TLS session.
//!
//! The one place that calls the TLS library during a connection. Every function loops until the
//! kernel says that it would block, because readiness is edge-triggered.
//!
//! Thread: one owner. Hot path: yes. Allocates: not in this file; the TLS library does, a small
//! buffer for each record. Syscalls: the socket's only.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::ClientConnection;

use super::{endpoint::Target, reason::CloseReason};

/// The layer above a TCP socket.
pub(crate) enum Transport {
    Plain { pending: Vec<u8> },
    Tls(Box<ClientConnection>),
}

/// What reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// So many bytes lie at the front of the buffer.
    Bytes(usize),
    /// Nothing now; wait for readiness or poll again.
    WouldBlock,
}

/// What one round of sending did: bytes taken by the kernel, then "all sent" or a failure.
pub(crate) struct Sent {
    pub(crate) sent: u64,
    pub(crate) end: io::Result<bool>,
}

impl Transport {
    pub(crate) fn new(target: &Target, pending_bytes_max: usize) -> Result<Self, CloseReason> {
        let Some((tls, name)) = &target.tls else {
            return Ok(Self::Plain {
                pending: Vec::with_capacity(pending_bytes_max),
            });
        };
        let mut connection = ClientConnection::new(tls.clone(), name.clone())
            .map_err(|error| CloseReason::tls(&error))?;
        // The bound is the stream's: the library's own would take parts of a write.
        connection.set_buffer_limit(None);
        Ok(Self::Tls(Box::new(connection)))
    }

    /// Takes all of `bytes` for sending.
    pub(crate) fn queue(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain { pending } => {
                pending.extend_from_slice(bytes);
                Ok(())
            }
            Self::Tls(tls) => tls.writer().write_all(bytes),
        }
    }

    /// Queues the end of the TLS session, where there is one.
    pub(crate) fn queue_goodbye(&mut self) {
        if let Self::Tls(tls) = self {
            tls.send_close_notify();
        }
    }

    /// Hands queued bytes to the kernel until it takes no more.
    pub(crate) fn send(&mut self, socket: &mut TcpStream) -> Sent {
        match self {
            Self::Plain { pending } => send_plain(socket, pending),
            Self::Tls(tls) => send_secure(socket, tls),
        }
    }

    pub(crate) fn read(
        &mut self,
        socket: &mut TcpStream,
        buffer: &mut [u8],
        detail: &mut Option<String>,
    ) -> Result<ReadOutcome, CloseReason> {
        match self {
            Self::Plain { .. } => read_plain(socket, buffer),
            Self::Tls(tls) => read_secure(socket, tls, buffer, detail),
        }
    }

    /// True when the handshake is over (or there is none).
    pub(crate) fn handshake(
        &mut self,
        socket: &mut TcpStream,
        detail: &mut Option<String>,
    ) -> Result<bool, CloseReason> {
        match self {
            Self::Plain { .. } => Ok(true),
            Self::Tls(tls) => drive_handshake(socket, tls, detail),
        }
    }
}

fn send_plain(socket: &mut TcpStream, pending: &mut Vec<u8>) -> Sent {
    let mut sent = 0;
    let end = loop {
        if sent == pending.len() {
            break Ok(true);
        }
        match socket.write(&pending[sent..]) {
            Ok(0) => break Err(ErrorKind::WriteZero.into()),
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(false),
            Err(error) => break Err(error),
        }
    };
    pending.drain(..sent);
    Sent {
        sent: sent as u64,
        end,
    }
}

fn send_secure(socket: &mut TcpStream, tls: &mut ClientConnection) -> Sent {
    let mut sent = 0;
    let end = loop {
        if !tls.wants_write() {
            break Ok(true);
        }
        match tls.write_tls(socket) {
            Ok(0) => break Err(ErrorKind::WriteZero.into()),
            Ok(count) => sent += count as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(false),
            Err(error) => break Err(error),
        }
    };
    Sent { sent, end }
}

fn read_plain(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<ReadOutcome, CloseReason> {
    loop {
        match socket.read(buffer) {
            Ok(0) => return Err(CloseReason::PeerClosed),
            Ok(count) => return Ok(ReadOutcome::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(ReadOutcome::WouldBlock);
            }
            Err(error) => return Err(CloseReason::io(&error)),
        }
    }
}

fn read_secure(
    socket: &mut TcpStream,
    tls: &mut ClientConnection,
    buffer: &mut [u8],
    detail: &mut Option<String>,
) -> Result<ReadOutcome, CloseReason> {
    loop {
        match tls.reader().read(buffer) {
            Ok(0) => return Err(CloseReason::PeerClosed),
            Ok(count) => return Ok(ReadOutcome::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The peer ended TCP without ending TLS; common, and no message can hide in it.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(CloseReason::PeerClosed);
            }
            Err(error) => return Err(CloseReason::io(&error)),
        }
        if matches!(receive_records(socket, tls, detail)?, Received::Nothing) {
            return Ok(ReadOutcome::WouldBlock);
        }
    }
}

/// Reads and writes handshake records; true when the handshake is over.
fn drive_handshake(
    socket: &mut TcpStream,
    tls: &mut ClientConnection,
    detail: &mut Option<String>,
) -> Result<bool, CloseReason> {
    loop {
        if let Err(error) = send_secure(socket, tls).end {
            return Err(CloseReason::io(&error));
        }
        if !tls.is_handshaking() {
            return Ok(true);
        }
        match receive_records(socket, tls, detail)? {
            Received::Nothing => return Ok(false),
            Received::End => return Err(CloseReason::PeerClosed),
            Received::Some => {}
        }
    }
}

enum Received {
    Some,
    Nothing,
    End,
}

/// One read from the socket into the TLS library, and its processing.
fn receive_records(
    socket: &mut TcpStream,
    tls: &mut ClientConnection,
    detail: &mut Option<String>,
) -> Result<Received, CloseReason> {
    let count = loop {
        match tls.read_tls(socket) {
            Ok(count) => break count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => return Err(CloseReason::io(&error)),
        }
    };
    if let Err(error) = tls.process_new_packets() {
        *detail = Some(error.to_string());
        return Err(CloseReason::tls(&error));
    }
    Ok(if count == 0 {
        Received::End
    } else {
        Received::Some
    })
}
