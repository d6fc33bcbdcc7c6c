//! Deframer and framer against properties and against tungstenite, without sockets.

use std::io::{self, Cursor, Read, Write};

use connectors::net::{Deframer, FrameError, Framer, frame::Opcode};
use proptest::prelude::*;
use tungstenite::{
    Message, WebSocket,
    protocol::{
        Role,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

const MESSAGE_BYTES_MAX: usize = 70_000;

/// A stream whose reads come from `input` and whose writes go to `output`.
struct Wire {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite_server(input: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire {
        input: Cursor::new(input),
        output: Vec::new(),
    };
    WebSocket::from_raw_socket(wire, Role::Server, None)
}

/// What came out of a deframer: kind and payload.
type Got = Vec<(Opcode, Vec<u8>)>;

/// Feeds `bytes` in pieces of the given sizes (repeated).
fn deframe(bytes: &[u8], pieces: &[usize], max: usize) -> (Got, Option<FrameError>) {
    let mut deframer = Deframer::new(max);
    let mut got = Vec::new();
    let mut rest = bytes;
    let mut sizes = pieces.iter().copied().cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
        let pushed = deframer.push(&rest[..size]);
        assert!(
            pushed > 0,
            "Invariant D2: a drained deframer always has room"
        );
        rest = &rest[pushed..];
        loop {
            match deframer.next_span() {
                Ok(Some(span)) => got.push((span.opcode, deframer.payload(&span).to_vec())),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(deframer.next_span(), Err(error), "Invariant D3");
                    return (got, Some(error));
                }
            }
        }
    }
    (got, None)
}

#[derive(Debug, Clone)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
    /// Parts of one binary message, with a ping between any two.
    Fragments(Vec<Vec<u8>>),
    Pong(Vec<u8>),
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let bytes = |max| prop::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        "[ -~]{0,300}".prop_map(Sent::Text),
        bytes(200).prop_map(Sent::Binary),
        (60_000..MESSAGE_BYTES_MAX).prop_map(|size| Sent::Binary(vec![7; size])),
        prop::collection::vec(bytes(150), 1..5).prop_map(Sent::Fragments),
        bytes(125).prop_map(Sent::Pong),
    ]
}

/// Lets tungstenite write `sent` and says what we must get.
fn write_by_tungstenite(sent: &[Sent]) -> (Vec<u8>, Got) {
    let mut server = tungstenite_server(Vec::new());
    let mut expected = Vec::new();
    for message in sent {
        match message {
            Sent::Text(text) => {
                expected.push((Opcode::Text, text.clone().into_bytes()));
                server.send(Message::text(text.clone())).unwrap();
            }
            Sent::Binary(bytes) => {
                expected.push((Opcode::Binary, bytes.clone()));
                server.send(Message::binary(bytes.clone())).unwrap();
            }
            Sent::Pong(bytes) => {
                expected.push((Opcode::Pong, bytes.clone()));
                server.send(Message::Pong(bytes.clone().into())).unwrap();
            }
            Sent::Fragments(parts) => {
                send_fragments(&mut server, parts, &mut expected);
            }
        }
    }
    (std::mem::take(&mut server.get_mut().output), expected)
}

fn send_fragments(server: &mut WebSocket<Wire>, parts: &[Vec<u8>], expected: &mut Got) {
    for (index, part) in parts.iter().enumerate() {
        let data = if index == 0 {
            Data::Binary
        } else {
            Data::Continue
        };
        let last = index + 1 == parts.len();
        let frame = Frame::message(part.clone(), OpCode::Data(data), last);
        server.send(Message::Frame(frame)).unwrap();
        if !last {
            expected.push((Opcode::Ping, b"between".to_vec()));
            server.send(Message::Ping("between".into())).unwrap();
        }
    }
    expected.push((Opcode::Binary, parts.concat()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn prop_deframer_reads_what_tungstenite_writes_in_any_split(
        sent in prop::collection::vec(any_sent(), 1..8),
        pieces in prop::collection::vec(1_usize..40_000, 1..6),
    ) {
        let (bytes, expected) = write_by_tungstenite(&sent);
        let (got, error) = deframe(&bytes, &pieces, MESSAGE_BYTES_MAX);
        prop_assert_eq!(error, None);
        prop_assert!(got == expected);
    }

    #[test]
    fn prop_deframer_on_any_bytes_gives_the_same_in_any_split(
        bytes in prop::collection::vec(prop_oneof![
            Just(0x81_u8), Just(0x01), Just(0x80), Just(0x89), 0_u8..8, any::<u8>(),
        ], 0..400),
        pieces in prop::collection::vec(1_usize..30, 1..6),
    ) {
        let whole = deframe(&bytes, &[bytes.len()], 200);
        prop_assert_eq!(deframe(&bytes, &pieces, 200), whole);
    }

    #[test]
    fn prop_tungstenite_reads_what_the_framer_writes(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..70_000), 1..5),
        seed in any::<u64>(),
    ) {
        let mut framer = Framer::new(MESSAGE_BYTES_MAX, seed);
        let mut bytes = Vec::new();
        for payload in &payloads {
            bytes.extend_from_slice(framer.frame(Opcode::Binary, payload).unwrap());
        }
        let mut server = tungstenite_server(bytes);
        for payload in &payloads {
            let message = server.read().unwrap();
            prop_assert!(message.is_binary() && message.into_data() == payload.as_slice());
        }
    }
}

#[test]
fn framer_payload_beyond_the_buffer_is_refused() {
    let mut framer = Framer::new(200, 1);
    assert!(framer.frame(Opcode::Text, &[b'x'; 201]).is_err());
    assert!(
        framer
            .frame_with(Opcode::Text, |room| room.len() + 1)
            .is_err()
    );
    assert!(framer.frame(Opcode::Text, &[b'x'; 200]).is_ok());
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: FrameError) {
    for piece in 1..=bytes.len() {
        let (got, error) = deframe(bytes, &[piece], 1000);
        assert_eq!((got.len(), error), (0, Some(expected)), "pieces of {piece}");
    }
}

#[test]
fn deframer_broken_frame_is_refused_with_its_kind() {
    check_refused(&[0xc1, 0], FrameError::ReservedBits);
    check_refused(&[0x83, 0], FrameError::BadOpcode(3));
    check_refused(&[0x81, 0x81, 1, 2, 3, 4, 5], FrameError::Masked);
    check_refused(&[0x89, 126, 0, 200], FrameError::ControlTooLong);
    check_refused(&[0x09, 0], FrameError::ControlFragmented);
    check_refused(&[0x80, 0], FrameError::LoneContinuation);
    check_refused(
        &[0x01, 1, b'a', 0x81, 1, b'b'],
        FrameError::UnfinishedMessage,
    );
    check_refused(&[0x81, 126, 0x03, 0xe9], FrameError::TooLarge);
}

#[test]
fn deframer_fragments_beyond_the_limit_together_are_refused() {
    let mut bytes = vec![0x02, 126, 2, 0x58];
    bytes.extend_from_slice(&[1; 600]);
    bytes.extend_from_slice(&[0x80, 126, 1, 0x91]); // 401 more make 1001
    bytes.extend_from_slice(&[2; 401]);
    assert_eq!(
        deframe(&bytes, &[50], 1000),
        (Vec::new(), Some(FrameError::TooLarge))
    );
}

/// The largest message in two fragments, with the largest ping between, just fits (D2).
#[test]
fn deframer_largest_message_with_ping_between_fits() {
    let mut bytes = vec![0x02, 126, 3, 0xe7];
    bytes.extend_from_slice(&[1; 999]);
    bytes.extend_from_slice(&[0x89, 125]);
    bytes.extend_from_slice(&[9; 125]);
    bytes.extend_from_slice(&[0x80, 1, 2]);
    for piece in [1, 7, 300, bytes.len()] {
        let (got, error) = deframe(&bytes, &[piece], 1000);
        assert_eq!(error, None);
        let sizes: Vec<_> = got
            .iter()
            .map(|(opcode, bytes)| (*opcode, bytes.len()))
            .collect();
        assert_eq!(sizes, [(Opcode::Ping, 125), (Opcode::Binary, 1000)]);
    }
}
