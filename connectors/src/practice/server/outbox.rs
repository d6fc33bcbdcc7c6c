//! What the venue may do with its clients, whatever carries its messages.

use tungstenite::Utf8Bytes;

use super::reactor::ClientId;

/// What carries the messages: the server's sockets, or a drill without any.
pub(crate) trait Wires {
    /// Queues a text message.
    fn send(&mut self, client: ClientId, text: Utf8Bytes);
    /// The next write to a socket is stamped.
    fn stamp_write(&mut self);
    /// Queues a text message for later.
    fn send_later(&mut self, due_ns: u64, client: ClientId, text: String);
    /// Cuts a connection without a word.
    fn cut(&mut self, client: ClientId);
    /// Bytes that a client has not read.
    fn unread_bytes(&self, client: ClientId) -> usize;
}

/// What the venue may do with its clients.
pub(crate) struct Outbox<'a> {
    wires: &'a mut dyn Wires,
}

impl<'a> Outbox<'a> {
    pub(crate) fn new(wires: &'a mut dyn Wires) -> Self {
        Self { wires }
    }

    /// Queues a text message.
    pub(crate) fn send(&mut self, client: ClientId, text: impl Into<Utf8Bytes>) {
        self.wires.send(client, text.into());
    }

    /// Queues a market message, whose socket write is stamped.
    pub(crate) fn send_market(&mut self, client: ClientId, text: impl Into<Utf8Bytes>) {
        self.wires.stamp_write();
        self.send(client, text);
    }

    /// Queues a text message for later.
    pub(crate) fn send_later(&mut self, due_ns: u64, client: ClientId, text: String) {
        self.wires.send_later(due_ns, client, text);
    }

    /// Cuts a connection without a word.
    pub(crate) fn cut(&mut self, client: ClientId) {
        self.wires.cut(client);
    }

    /// Bytes that a client has not read.
    pub(crate) fn unread_bytes(&self, client: ClientId) -> usize {
        self.wires.unread_bytes(client)
    }
}
