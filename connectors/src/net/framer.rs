//! Builds masked client frames in one preallocated buffer, sans I/O.
//!
//! The payload is written by the caller straight behind the room for the largest header; the
//! header is then laid right before it, so nothing is moved or copied.
//!
//! The mask key comes from a small seeded generator. Masking is not secrecy: it exists so that a
//! script in a browser cannot choose the bytes that a proxy sees (RFC 6455, section 10.3), and
//! no such script runs here. The frame travels in TLS anyway.
//!
//! Thread: one owner. Hot path: yes. Allocates: no (once, in `new`). Syscalls: none.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::frame::{self, CLIENT_HEADER_BYTES_MAX, Opcode};

const MASK_STREAM: u64 = 0x6361_7261_6361_6c00;

/// The sending half of a WebSocket, without a socket.
pub struct Framer {
    buffer: Box<[u8]>,
    masks: Pcg32,
}

/// The writer claimed more payload than the buffer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payload does not fit the send buffer (send_bytes_max)")]
pub struct PayloadTooLarge;

impl Framer {
    /// Makes a framer for payloads of up to `payload_bytes_max` bytes (at least 125).
    #[must_use]
    pub fn new(payload_bytes_max: usize, seed: u64) -> Self {
        let payload_bytes_max = payload_bytes_max.max(frame::CONTROL_PAYLOAD_BYTES_MAX);
        Self {
            buffer: vec![0; CLIENT_HEADER_BYTES_MAX + payload_bytes_max].into_boxed_slice(),
            masks: Pcg32::new(seed, MASK_STREAM),
        }
    }

    /// Lets `write` put a payload into the buffer and lends the finished frame around it.
    ///
    /// `write` gets the whole payload room and returns how many bytes it wrote.
    ///
    /// # Errors
    ///
    /// `write` returned more than the room it got.
    pub fn frame_with(
        &mut self,
        opcode: Opcode,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) -> Result<&[u8], PayloadTooLarge> {
        let mask = self.masks.next_u32().to_le_bytes();
        let Some((head, room)) = self
            .buffer
            .split_first_chunk_mut::<CLIENT_HEADER_BYTES_MAX>()
        else {
            return Err(PayloadTooLarge);
        };
        let payload_bytes = write(room);
        let payload = room.get_mut(..payload_bytes).ok_or(PayloadTooLarge)?;
        frame::apply_mask(payload, mask);
        let start = frame::write_header_backwards(head, opcode, payload_bytes, mask);
        Ok(&self.buffer[start..CLIENT_HEADER_BYTES_MAX + payload_bytes])
    }

    /// Frames a payload that already lies elsewhere.
    ///
    /// # Errors
    ///
    /// `payload` is larger than the buffer.
    pub fn frame(&mut self, opcode: Opcode, payload: &[u8]) -> Result<&[u8], PayloadTooLarge> {
        self.frame_with(opcode, |room| {
            if let Some(target) = room.get_mut(..payload.len()) {
                target.copy_from_slice(payload);
            }
            payload.len()
        })
    }

    /// Sixteen bytes for a `Sec-WebSocket-Key`, from the same generator.
    pub(crate) fn handshake_nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.masks.fill_bytes(&mut nonce);
        nonce
    }
}

impl std::fmt::Debug for Framer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Framer").finish_non_exhaustive()
    }
}
