//! Proof that nothing on the message path allocates: a counting global allocator and real frames.
//!
//! Its own binary, because an allocator is global. Counted per thread, so that a server thread's
//! allocations do not show. The allocations of the TLS library (a buffer for each record) are not
//! ours and not measured here: the socket test runs over plain TCP.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers are not seen as tests"
)]

mod counting;

use std::{
    cell::Cell,
    io::Write,
    time::{Duration, Instant},
};

use counting::ALLOCATIONS;

use connectors::{
    net::{
        Deframer, Endpoint, Framer, Progress, Target, WsClient, WsConfig, WsMessage, frame::Opcode,
    },
    sign::{Ed25519Key, SIGNATURE_TEXT_BYTES, Signer},
};

/// Allocations of this thread during `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// Server frames: text of several sizes, a fragmented message, a ping.
fn server_bytes() -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    for size in [90_u8, 30, 125] {
        bytes.extend_from_slice(&[0x81, size]);
        bytes.resize(bytes.len() + usize::from(size), b'x');
    }
    bytes.extend_from_slice(&[0x81, 126, 0x20, 0]);
    bytes.resize(bytes.len() + 0x2000, b'y');
    bytes.extend_from_slice(b"\x01\x03one\x89\x04ping\x80\x03two");
    (bytes, 6)
}

#[test]
fn counting_allocator_sees_an_allocation() {
    assert!(allocations(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(10)))) > 0);
}

#[test]
fn deframer_and_framer_over_100k_frames_do_not_allocate() {
    let (bytes, per_round) = server_bytes();
    let mut deframer = Deframer::new(64 * 1024);
    let mut framer = Framer::new(4096, 1);
    let mut frames = 0_usize;
    let mut sent_bytes = 0_usize;
    let count = allocations(|| {
        while frames < 100_000 {
            for piece in bytes.chunks(1500) {
                assert_eq!(deframer.push(piece), piece.len());
                while let Some(span) = deframer.next_span().unwrap() {
                    frames += 1;
                    let payload = deframer.payload(&span);
                    let length = payload.len().min(4096);
                    let frame = framer.frame(Opcode::Text, &payload[..length]).unwrap();
                    sent_bytes += frame.len();
                }
            }
        }
    });
    assert_eq!(count, 0);
    assert!(frames >= 100_000 && frames.is_multiple_of(per_round));
    assert!(sent_bytes > frames);
}

/// Allocations of 1000 signatures.
fn allocations_of(signer: &Signer) -> u64 {
    let mut out = [0; SIGNATURE_TEXT_BYTES];
    allocations(|| {
        for _ in 0..1000 {
            assert!(
                !signer
                    .sign_into(b"symbol=BTCUSDT&side=BUY", &mut out)
                    .is_empty()
            );
        }
    })
}

#[test]
fn hmac_signature_does_not_allocate() {
    assert_eq!(allocations_of(&Signer::hmac(b"secret")), 0);
}

/// The crypto library's one buffer is all; if a release of it stops that, this says so.
#[test]
fn ed25519_signature_allocates_only_in_the_library() {
    let key = Signer::Ed25519(Ed25519Key::generate().unwrap().0);
    assert_eq!(allocations_of(&key), 1000);
}

#[test]
fn client_over_a_socket_does_not_allocate_for_messages() {
    const ROUNDS: usize = 5_000;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut server = tungstenite::accept(socket).unwrap();
        for _ in 0..ROUNDS {
            let data = server.read().unwrap().into_data();
            server
                .get_mut()
                .write_all(&[0x89, 1, b'p', 0x81, data.len() as u8])
                .unwrap();
            server.get_mut().write_all(&data).unwrap();
            assert!(server.read().unwrap().is_pong());
        }
    });
    let endpoint = Endpoint::parse(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let config = WsConfig::new(Target::resolve(&endpoint, None).unwrap());
    let poll = mio::Poll::new().unwrap();
    let mut client = WsClient::connect(config, poll.registry(), mio::Token(0), 0).unwrap();
    let start = Instant::now();
    let now_ns = || u64::try_from(start.elapsed().as_nanos()).unwrap();
    while client.poll(now_ns()).unwrap() == Progress::Connecting {
        std::thread::yield_now();
    }
    let count = allocations(|| {
        for _ in 0..ROUNDS {
            client.send_text(b"an order of a usual size").unwrap();
            wait_for_message(&mut client, &now_ns);
        }
    });
    assert_eq!(count, 0);
    server.join().unwrap();
}

fn wait_for_message(client: &mut WsClient, now_ns: &impl Fn() -> u64) {
    loop {
        assert!(now_ns() < 20_000_000_000, "no message in time");
        client.poll(now_ns()).unwrap();
        if let Some(WsMessage::Text(text)) = client.next_message().unwrap() {
            assert_eq!(text, b"an order of a usual size");
            return;
        }
    }
}
