//! Puts a REST request together: path and query, signed over the query's bytes as they are sent.
//!
//! Values that may hold anything (a signature in base64, a list of orders) are percent-encoded
//! before they are signed. Hot path: the fallback only. Allocates: no.

use super::terms::{Put, Validity};
use crate::binance::wire::write::{Digits, Out};
use crate::sign::{SIGNATURE_TEXT_BYTES, Signer};
use crate::wire::WriteError;

/// What every signed request needs.
#[derive(Debug, Clone, Copy)]
pub struct RestContext<'k> {
    /// The public half, for the header `X-MBX-APIKEY`.
    pub api_key: &'k str,
    /// The secret half.
    pub signer: &'k Signer,
    /// The venue's time as we reckon it, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// How long after that the venue may still act, milliseconds; at most 60,000.
    pub recv_window_ms: u64,
}

impl RestContext<'_> {
    pub(super) const fn validity(&self) -> Validity {
        Validity {
            timestamp_ms: self.timestamp_ms,
            recv_window_ms: self.recv_window_ms,
        }
    }
}

/// A path with its query, being written.
pub(super) struct Query<'b> {
    out: Out<'b>,
    query_from: usize,
    first: bool,
}

impl<'b> Query<'b> {
    pub(super) fn begin(path: &str, out: &'b mut [u8]) -> Self {
        let mut out = Out::new(out);
        out.put(path.as_bytes());
        out.put(b"?");
        Self {
            query_from: path.len() + 1,
            out,
            first: true,
        }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.put(b"&");
        }
        self.out.put(name.as_bytes());
        self.out.put(b"=");
    }

    /// A value that may hold anything.
    pub(super) fn encoded(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.encode(value);
    }

    fn encode(&mut self, value: &[u8]) {
        for &byte in value {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                self.out.put(&[byte]);
            } else {
                let digit = |half: u8| b"0123456789ABCDEF"[usize::from(half)];
                self.out.put(&[b'%', digit(byte >> 4), digit(byte & 0xf)]);
            }
        }
    }

    /// Writes the time, signs everything, and gives the length.
    pub(super) fn finish(mut self, context: &RestContext<'_>) -> Result<usize, WriteError> {
        self.number("recvWindow", context.recv_window_ms);
        self.number("timestamp", context.timestamp_ms);
        self.sign(context)
    }

    /// The same where the time is in the query already.
    pub(super) fn sign(mut self, context: &RestContext<'_>) -> Result<usize, WriteError> {
        let mut text = [0; SIGNATURE_TEXT_BYTES];
        let payload = self.out.written().get(self.query_from..);
        let payload = payload.ok_or(WriteError::TooLong)?;
        let signature = context.signer.sign_into(payload, &mut text);
        self.name("signature");
        self.encode(signature.as_bytes());
        self.out.finish()
    }

    /// Begins the list of a batch, percent-encoded.
    pub(super) fn batch(&mut self, name: &str) -> Batch<'_, 'b> {
        self.name(name);
        self.encode(b"[");
        Batch {
            query: self,
            orders: 0,
            first: true,
        }
    }
}

impl Put for Query<'_> {
    fn text(&mut self, name: &'static str, value: &[u8]) {
        self.encoded(name, value);
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.name(name);
        self.out.put(Digits::of(value).as_bytes());
    }
}

/// The orders of a batch, as JSON inside of a query.
pub(super) struct Batch<'q, 'b> {
    query: &'q mut Query<'b>,
    orders: usize,
    first: bool,
}

impl Batch<'_, '_> {
    /// Begins the next order.
    pub(super) fn next(&mut self) {
        self.query
            .encode(if self.orders > 0 { b"},{" } else { b"{" });
        self.orders += 1;
        self.first = true;
    }

    /// A number or text of a plain list.
    pub(super) fn item(&mut self, value: &[u8]) {
        if self.orders > 0 {
            self.query.encode(b",");
        }
        self.orders += 1;
        self.query.encode(value);
    }

    /// Ends the list: of orders, or of plain items.
    pub(super) fn end(self, orders: bool) {
        self.query.encode(if orders { b"}]" } else { b"]" });
    }

    fn member(&mut self, name: &str, value: &[u8]) {
        if !std::mem::take(&mut self.first) {
            self.query.encode(b",");
        }
        self.query.encode(b"\"");
        self.query.encode(name.as_bytes());
        self.query.encode(b"\":\"");
        self.query.encode(value);
        self.query.encode(b"\"");
    }
}

impl Put for Batch<'_, '_> {
    fn text(&mut self, name: &'static str, value: &[u8]) {
        self.member(name, value);
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.member(name, Digits::of(value).as_bytes());
    }
}
