//! Byte layout of a WebSocket frame (RFC 6455, section 5.2): the only file that knows it.
//!
//! ```text
//!   byte 0            byte 1             then
//!   +-+-+-+-+-------+ +-+-------------+ +---------------------+-----------------+---------+
//!   |F|R|R|R| opcode| |M| length 7 bit| | length 16 or 64 bit | mask key 32 bit | payload |
//!   +-+-+-+-+-------+ +-+-------------+ +---------------------+-----------------+---------+
//! ```
//!
//! - F: last fragment of its message. R: reserved, zero because we negotiate no extension.
//! - M: masked. A client always masks, a server never does.
//! - length: 126 means 16 bits follow, 127 means 64 bits follow, big-endian, shortest form only.
//!
//! Thread: any, pure functions. Hot path: yes. Allocates: no. Syscalls: none.

/// Largest header that a server may send (unmasked, 64-bit length).
pub(crate) const SERVER_HEADER_BYTES_MAX: usize = 10;
/// Largest header that a client may send (masked, 64-bit length).
pub(crate) const CLIENT_HEADER_BYTES_MAX: usize = 14;
/// Largest payload of ping, pong and close.
pub(crate) const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

const FINAL_BIT: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const OPCODE_BITS: u8 = 0x0f;
const MASK_BIT: u8 = 0x80;
const LENGTH_BITS: u8 = 0x7f;
const LENGTH_IS_16_BIT: u8 = 126;
const LENGTH_IS_64_BIT: u8 = 127;

/// How a server broke the protocol. Every one of them ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A reserved bit is set, although no extension was negotiated.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// An opcode that RFC 6455 does not define.
    #[error("unknown opcode {0}")]
    BadOpcode(u8),
    /// A server must not mask.
    #[error("a server frame is masked")]
    Masked,
    /// A ping, pong or close of more than 125 bytes.
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A ping, pong or close in fragments.
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// A continuation without a first fragment.
    #[error("a continuation without a beginning")]
    LoneContinuation,
    /// A new message inside an unfinished one.
    #[error("a new message inside an unfinished one")]
    UnfinishedMessage,
    /// A length that is not in its shortest form, or above 2^63.
    #[error("a malformed length")]
    BadLength,
    /// A message larger than the receive buffer was made for.
    #[error("a message larger than message_bytes_max")]
    TooLarge,
    /// A close frame with one byte of payload, or with a code that must not be sent.
    #[error("a malformed close frame")]
    BadClose,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of the message before.
    Continuation,
    /// Text; its bytes are not checked to be UTF-8 here.
    Text,
    /// Bytes.
    Binary,
    /// The end of the connection.
    Close,
    /// A sign of life that wants an answer.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    pub(crate) const fn from_bits(bits: u8) -> Result<Self, FrameError> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            other => Err(FrameError::BadOpcode(other)),
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A server frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) last: bool,
    pub(crate) opcode: Opcode,
    pub(crate) header_bytes: usize,
    pub(crate) payload_bytes: u64,
}

/// Reads a server frame's header; `None` when more bytes are needed.
pub(crate) fn parse_header(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & RESERVED_BITS != 0 {
        return Err(FrameError::ReservedBits);
    }
    if second & MASK_BIT != 0 {
        return Err(FrameError::Masked);
    }
    let opcode = Opcode::from_bits(first & OPCODE_BITS)?;
    let last = first & FINAL_BIT != 0;
    let short = second & LENGTH_BITS;
    if opcode.is_control() {
        check_control(last, short)?;
    }
    let Some((length_bytes, payload_bytes)) = parse_length(short, rest)? else {
        return Ok(None);
    };
    Ok(Some(Header {
        last,
        opcode,
        header_bytes: 2 + length_bytes,
        payload_bytes,
    }))
}

const fn check_control(last: bool, short: u8) -> Result<(), FrameError> {
    if !last {
        return Err(FrameError::ControlFragmented);
    }
    if short as usize > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(FrameError::ControlTooLong);
    }
    Ok(())
}

/// The extended length: how many bytes it took, and its value.
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(usize, u64)>, FrameError> {
    match short {
        LENGTH_IS_16_BIT => {
            let Some(bytes) = rest.first_chunk::<2>() else {
                return Ok(None);
            };
            let length = u16::from_be_bytes(*bytes);
            let is_shortest = length >= u16::from(LENGTH_IS_16_BIT);
            if is_shortest {
                Ok(Some((2, length.into())))
            } else {
                Err(FrameError::BadLength)
            }
        }
        LENGTH_IS_64_BIT => {
            let Some(bytes) = rest.first_chunk::<8>() else {
                return Ok(None);
            };
            let length = u64::from_be_bytes(*bytes);
            let is_shortest = length > u16::MAX.into() && length >> 63 == 0;
            if is_shortest {
                Ok(Some((8, length)))
            } else {
                Err(FrameError::BadLength)
            }
        }
        short => Ok(Some((0, short.into()))),
    }
}

/// Writes a client frame's header so that it ends at `CLIENT_HEADER_BYTES_MAX` of `area`, right
/// before the payload, and returns where it begins.
pub(crate) fn write_header_backwards(
    area: &mut [u8; CLIENT_HEADER_BYTES_MAX],
    opcode: Opcode,
    payload_bytes: usize,
    mask: [u8; 4],
) -> usize {
    area[10..14].copy_from_slice(&mask);
    let first = FINAL_BIT | opcode.bits();
    if let Ok(length) = u8::try_from(payload_bytes)
        && length < LENGTH_IS_16_BIT
    {
        area[8..10].copy_from_slice(&[first, MASK_BIT | length]);
        return 8;
    }
    if let Ok(length) = u16::try_from(payload_bytes) {
        area[6..8].copy_from_slice(&[first, MASK_BIT | LENGTH_IS_16_BIT]);
        area[8..10].copy_from_slice(&length.to_be_bytes());
        return 6;
    }
    area[0..2].copy_from_slice(&[first, MASK_BIT | LENGTH_IS_64_BIT]);
    area[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
    0
}

/// Masks (or unmasks) `payload` in place.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_le_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(wide.to_le_bytes()) {
            *byte ^= key;
        }
    }
    for (byte, key) in chunks
        .into_remainder()
        .iter_mut()
        .zip(mask.into_iter().cycle())
    {
        *byte ^= key;
    }
}

/// Reads a close frame's payload: its code, 1005 when there is none.
pub(crate) fn parse_close(payload: &[u8]) -> Result<u16, FrameError> {
    const NO_CODE: u16 = 1005;
    match payload {
        [] => Ok(NO_CODE),
        [_] => Err(FrameError::BadClose),
        [high, low, ..] => match u16::from_be_bytes([*high, *low]) {
            code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(code),
            _ => Err(FrameError::BadClose),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_with_any_first_two_bytes_is_parsed_or_refused() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let mut bytes = [0_u8; SERVER_HEADER_BYTES_MAX];
                bytes[0] = first;
                bytes[1] = second;
                let valid_opcode = matches!(first & 15, 0 | 1 | 2 | 8 | 9 | 10);
                let control = first & 15 >= 8;
                let expected = first & 0x70 == 0
                    && second < 126 // 126 and 127 are followed by zeros: not the shortest form
                    && valid_opcode
                    && (!control || first & 0x80 != 0);
                assert_eq!(
                    parse_header(&bytes).is_ok(),
                    expected,
                    "{first:#x} {second:#x}"
                );
            }
        }
    }

    #[test]
    fn length_not_shortest_is_refused() {
        assert_eq!(
            parse_header(&[0x81, 126, 0, 125]),
            Err(FrameError::BadLength)
        );
        let long = [0x82, 127, 0, 0, 0, 0, 0, 0, 255, 255];
        assert_eq!(parse_header(&long), Err(FrameError::BadLength));
        let huge = [0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(parse_header(&huge), Err(FrameError::BadLength));
    }

    #[test]
    fn mask_of_any_length_is_its_own_inverse() {
        for length in 0..40 {
            let plain: Vec<u8> = (0..length).collect();
            let mut masked = plain.clone();
            apply_mask(&mut masked, [1, 2, 3, 4]);
            for (index, byte) in masked.iter().enumerate() {
                assert_eq!(*byte, plain[index] ^ [1, 2, 3, 4][index % 4]);
            }
            apply_mask(&mut masked, [1, 2, 3, 4]);
            assert_eq!(masked, plain);
        }
    }

    #[test]
    fn close_code_outside_the_allowed_ranges_is_refused() {
        assert_eq!(parse_close(&[]), Ok(1005));
        assert_eq!(parse_close(&[3, 0xe8]), Ok(1000));
        assert_eq!(parse_close(&[3]), Err(FrameError::BadClose));
        assert_eq!(
            parse_close(&1006_u16.to_be_bytes()),
            Err(FrameError::BadClose)
        );
        assert_eq!(
            parse_close(&999_u16.to_be_bytes()),
            Err(FrameError::BadClose)
        );
    }
}
