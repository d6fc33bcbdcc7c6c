//! HMAC-SHA256 with the key schedule prepared once.
//!
//! The two hash blocks that depend only on the key are computed at construction; a signature
//! clones that state (a copy on the stack) and hashes the payload only.
//!
//! Thread: any. Hot path: yes. Allocates: no. Syscalls: none.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

const TAG_BYTES: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A shared secret, as its prepared state. The secret itself is not kept; the state is wiped by
/// the hash library on drop.
pub struct HmacKey {
    state: Hmac<Sha256>,
}

impl HmacKey {
    /// Prepares a secret of any length.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let state = Hmac::<Sha256>::new_from_slice(secret)
            .expect("Invariant: HMAC takes a key of any length");
        Self { state }
    }

    /// The raw tag, for venues that want it in base64.
    #[must_use]
    pub fn sign_raw(&self, payload: &[u8]) -> [u8; TAG_BYTES] {
        let mut state = self.state.clone();
        state.update(payload);
        state.finalize().into_bytes().into()
    }

    /// Writes the tag in lower-case hex into the front of `out`.
    pub(crate) fn sign_hex<'a>(&self, payload: &[u8], out: &'a mut [u8]) -> &'a str {
        let tag = self.sign_raw(payload);
        let text = &mut out[..2 * TAG_BYTES];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(tag) {
            *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        }
        str::from_utf8(text).expect("Invariant: hex digits are ASCII")
    }

    /// Compares in constant time; hex digits of either case.
    pub(crate) fn verify_hex(&self, payload: &[u8], hex: &[u8]) -> bool {
        let Some(mut tag) = parse_hex(hex) else {
            return false;
        };
        let mut state = self.state.clone();
        state.update(payload);
        let matches = state.verify_slice(&tag).is_ok();
        tag.zeroize();
        matches
    }
}

fn parse_hex(hex: &[u8]) -> Option<[u8; TAG_BYTES]> {
    let digits: &[u8; 2 * TAG_BYTES] = hex.try_into().ok()?;
    let mut tag = [0; TAG_BYTES];
    for (byte, pair) in tag.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(tag)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HmacKey(***)")
    }
}
