//! Any server bytes, in pieces of any size, give the messages that a plain reading of RFC 6455
//! gives, or an error; and the buffer never gets stuck.
//!
//! Byte 0 is the size of the pieces, byte 1 the largest allowed message, the rest the stream. The
//! plain reading sees the whole stream at once and shares no code with the deframer.

#![no_main]

use connectors::net::deframer::Deframer;
use connectors::net::frame::Opcode;
use libfuzzer_sys::fuzz_target;

/// What a stream held: messages and control frames in order, and whether it broke the protocol.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    messages: Vec<(Opcode, Vec<u8>)>,
    broken: bool,
}

fuzz_target!(|bytes: &[u8]| {
    let [piece, limit, stream @ ..] = bytes else {
        return;
    };
    let message_bytes_max = 125 + usize::from(*limit) * 64;
    let whole = plain_reading(stream, message_bytes_max);
    let pieces = in_pieces(stream, usize::from(*piece) + 1, message_bytes_max);
    assert_eq!(pieces, whole);
});

fn in_pieces(stream: &[u8], piece_bytes: usize, message_bytes_max: usize) -> Held {
    let mut deframer = Deframer::new(message_bytes_max);
    let mut held = Held::default();
    for mut piece in stream.chunks(piece_bytes) {
        while !piece.is_empty() && !held.broken {
            let taken = deframer.push(piece);
            assert!(
                taken > 0,
                "the buffer is full and holds no complete message"
            );
            piece = &piece[taken..];
            drain(&mut deframer, &mut held);
        }
    }
    held
}

fn drain(deframer: &mut Deframer, held: &mut Held) {
    loop {
        match deframer.next_span() {
            Ok(Some(span)) => {
                let payload = deframer.payload(&span).to_vec();
                held.messages.push((span.opcode, payload));
            }
            Ok(None) => return,
            Err(error) => {
                held.broken = true;
                assert_eq!(deframer.next_span(), Err(error), "an error must repeat");
                return;
            }
        }
    }
}

fn plain_reading(mut stream: &[u8], message_bytes_max: usize) -> Held {
    let mut held = Held::default();
    let mut fragments: Option<(Opcode, Vec<u8>)> = None;
    loop {
        let frame = match plain_frame(stream) {
            Ok(Some(frame)) => frame,
            Ok(None) => return held,
            Err(()) => break,
        };
        let is_control = matches!(frame.opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        let fits_sequence =
            is_control || (frame.opcode == Opcode::Continuation) == fragments.is_some();
        let before = fragments.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let before = if is_control { 0 } else { before };
        if !fits_sequence || frame.payload_bytes > (message_bytes_max - before) as u64 {
            break;
        }
        let end = frame.header_bytes + frame.payload_bytes as usize;
        let Some(payload) = stream.get(frame.header_bytes..end) else {
            return held;
        };
        stream = &stream[end..];
        if is_control {
            held.messages.push((frame.opcode, payload.to_vec()));
            continue;
        }
        let (opcode, mut bytes) = fragments.take().unwrap_or((frame.opcode, Vec::new()));
        bytes.extend_from_slice(payload);
        if frame.last {
            held.messages.push((opcode, bytes));
        } else {
            fragments = Some((opcode, bytes));
        }
    }
    held.broken = true;
    held
}

struct Frame {
    last: bool,
    opcode: Opcode,
    header_bytes: usize,
    payload_bytes: u64,
}

/// RFC 6455, section 5.2, for a client that negotiated no extension.
fn plain_frame(stream: &[u8]) -> Result<Option<Frame>, ()> {
    let (Some(&first), Some(&second)) = (stream.first(), stream.get(1)) else {
        return Ok(None);
    };
    let opcode = match first & 15 {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err(()),
    };
    let last = first >> 7 == 1;
    let broken_control = first & 8 != 0 && (!last || second > 125);
    if first & 0x70 != 0 || second > 127 || broken_control {
        return Err(());
    }
    let length_bytes = match second {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(length) = stream.get(2..2 + length_bytes) else {
        return Ok(None);
    };
    let long = length
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let payload_bytes = if length_bytes == 0 {
        u64::from(second)
    } else {
        long
    };
    let shortest = match length_bytes {
        2 => long >= 126,
        8 => long > 65_535 && long < 1 << 63,
        _ => true,
    };
    if !shortest {
        return Err(());
    }
    Ok(Some(Frame {
        last,
        opcode,
        header_bytes: 2 + length_bytes,
        payload_bytes,
    }))
}
