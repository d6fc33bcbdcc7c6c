//! Puts a request together: its JSON, and at the same time the text that is signed, if it is.
//!
//! The venue signs `name=value&...` sorted by name; parameters are therefore written in that order,
//! and each value goes to both places as it is. A debug assertion watches the order.
//!
//! Hot path: yes. Allocates: no. Formatting machinery: none.

use model::num::Scale;

use crate::sign::{SIGNATURE_TEXT_BYTES, SignatureText, Signer};
use crate::wire::WriteError;
pub(in crate::binance) use crate::wire::out::{Digits, Out};

/// Longest text that is signed; the longest request has about 400 bytes of it.
const PAYLOAD_BYTES: usize = 1_024;

/// Room for putting requests together; one beside each connection.
#[derive(Debug)]
pub struct Scratch {
    payload: [u8; PAYLOAD_BYTES],
    signature: SignatureText,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            payload: [0; PAYLOAD_BYTES],
            signature: [0; SIGNATURE_TEXT_BYTES],
        }
    }
}

/// How a request proves that it is ours.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'k> {
    /// The connection is logged on: nothing to add.
    Session,
    /// Each request carries key and signature.
    Signed {
        /// The public half.
        api_key: &'k str,
        /// The secret half.
        signer: &'k Signer,
    },
}

/// The parameters of one request, being written.
pub(in crate::binance) struct Params<'b, 'k> {
    json: Out<'b>,
    payload: Out<'b>,
    signature: &'b mut SignatureText,
    proof: Proof<'k>,
    last: &'static str,
}

impl<'b, 'k> Params<'b, 'k> {
    /// Begins the request; a signed one has the key as its first parameter.
    #[inline]
    pub(in crate::binance) fn begin(
        buffer: &'b mut [u8],
        scratch: &'b mut Scratch,
        method: &str,
        id: u64,
        proof: Proof<'k>,
    ) -> Self {
        let mut json = Out::new(buffer);
        json.put(b"{\"id\":");
        json.put(Digits::of(id).as_bytes());
        json.put(b",\"method\":\"");
        json.put(method.as_bytes());
        json.put(b"\",\"params\":{");
        let mut params = Self {
            json,
            payload: Out::new(&mut scratch.payload),
            signature: &mut scratch.signature,
            proof,
            last: "",
        };
        if let Proof::Signed { api_key, .. } = proof {
            params.text("apiKey", api_key.as_bytes());
        }
        params
    }

    /// Watches the order of the names; what stands between this one and the one before, in the
    /// JSON and in the text that is signed.
    #[inline]
    fn next(&mut self, name: &'static str) -> (&'static [u8], &'static [u8]) {
        debug_assert!(self.last < name, "{name} after {}", self.last);
        let is_first = self.last.is_empty();
        self.last = name;
        if is_first {
            (b"\"", b"")
        } else {
            (b",\"", b"&")
        }
    }

    /// The text that is signed, if anything is.
    #[inline]
    fn sign(&mut self, between: &[u8], name: &'static str, value: &[u8]) {
        if matches!(self.proof, Proof::Signed { .. }) {
            let pieces = [between, name.as_bytes(), b"=", value];
            self.payload.put_all(pieces);
        }
    }

    /// A text that needs no escapes.
    #[inline]
    pub(in crate::binance) fn text(&mut self, name: &'static str, value: &[u8]) {
        let (comma, and) = self.next(name);
        let pieces = [comma, name.as_bytes(), b"\":\"", value, b"\""];
        self.json.put_all(pieces);
        self.sign(and, name, value);
    }

    /// A number or a boolean.
    #[inline]
    pub(in crate::binance) fn bare(&mut self, name: &'static str, value: &[u8]) {
        let (comma, and) = self.next(name);
        let pieces = [comma, name.as_bytes(), b"\":", value];
        self.json.put_all(pieces);
        self.sign(and, name, value);
    }

    #[inline]
    pub(in crate::binance) fn number(&mut self, name: &'static str, value: u64) {
        self.bare(name, Digits::of(value).as_bytes());
    }

    /// Steps as decimal text.
    #[inline]
    pub(in crate::binance) fn decimal(
        &mut self,
        name: &'static str,
        scale: Scale,
        steps: i64,
    ) -> Result<(), WriteError> {
        let mut text = [0; 40];
        let length = scale
            .write(steps, &mut text)
            .map_err(|_| WriteError::OutOfRange)?;
        self.text(name, &text[..length]);
        Ok(())
    }

    /// Signs if need be, and ends the request.
    #[inline]
    pub(in crate::binance) fn finish(mut self) -> Result<usize, WriteError> {
        if let Proof::Signed { signer, .. } = self.proof {
            if self.payload.is_full() {
                return Err(WriteError::TooLong);
            }
            let signature = signer.sign_into(self.payload.written(), self.signature);
            self.json.put(b",\"signature\":\"");
            self.json.put(signature.as_bytes());
            self.json.put(b"\"");
        }
        self.json.put(b"}}");
        self.json.finish()
    }
}
