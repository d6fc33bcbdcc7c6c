//! The WebSocket client against a tungstenite server, over TLS and plain: what must work.

use std::{io::Write, net::Shutdown, time::Duration};

use connectors::net::{CloseReason, Progress, SendError, WsConfig};
use tungstenite::{Message, accept};

use crate::support::{Caller, Server, accept_tls, pki, plain, read_head, secure, upgrade_then};

/// Payloads of all header sizes.
fn payloads() -> Vec<Vec<u8>> {
    [1, 2, 125, 126, 127, 4_000, 65_535, 65_536, 200_000, 3]
        .into_iter()
        .map(|size: usize| (0..size).map(|index| b'a' + (index % 26) as u8).collect())
        .collect()
}

fn echo(mut server: tungstenite::WebSocket<impl std::io::Read + Write>, count: usize) {
    let mut left = count;
    while left > 0 {
        let message = server.read().unwrap();
        if message.is_text() || message.is_binary() {
            server.send(message).unwrap();
            left -= 1;
        }
    }
    assert!(server.read().is_err(), "the client leaves");
}

#[track_caller]
fn check_echo(caller: &mut Caller, config: WsConfig) {
    let mut client = caller.open(config);
    for payload in payloads() {
        client.send_text(&payload).unwrap();
        assert_eq!(caller.receive(&mut client, 1), (vec![payload], None));
    }
    assert!(client.is_open());
    assert_eq!(client.pending_bytes(), 0);
    assert!(client.last_received_ns() > 0);
}

#[test]
fn client_over_tls_gets_back_what_it_sends() {
    let pki = pki("localhost");
    let tls = pki.server.clone();
    let server = Server::once(move |socket| {
        echo(accept(accept_tls(&tls, socket)).unwrap(), payloads().len());
    });
    let mut config = WsConfig::new(secure("wss", server.port, &pki));
    config.send_bytes_max = 200_000;
    check_echo(&mut Caller::new(), config);
    server.join();
}

#[test]
fn client_over_plain_tcp_gets_back_what_it_sends() {
    let server = Server::once(|socket| echo(accept(socket).unwrap(), payloads().len()));
    let mut config = WsConfig::new(plain("ws", server.port, "/ws"));
    config.send_bytes_max = 200_000;
    check_echo(&mut Caller::new(), config);
    server.join();
}

#[test]
fn client_sends_host_path_and_headers() {
    let server = Server::once(|mut socket| {
        let head = read_head(&mut socket).unwrap();
        assert!(head.starts_with("GET /stream?streams=a/b HTTP/1.1\r\nHost: 127.0.0.1:"));
        assert!(head.contains("X-MBX-APIKEY: key\r\n"));
    });
    let mut config = WsConfig::new(plain("ws", server.port, "/stream?streams=a/b"));
    config
        .headers
        .push(("X-MBX-APIKEY".to_owned(), "key".to_owned()));
    let mut caller = Caller::new();
    let mut client = caller.connect(config);
    let (_, reason) = caller.receive_all(&mut client);
    assert_eq!(reason, CloseReason::PeerClosed);
    server.join();
}

#[test]
fn frames_in_the_packet_of_the_upgrade_are_not_lost() {
    let server = Server::once(|mut socket| {
        upgrade_then(&mut socket, b"\x81\x05first\x81\x06second\x82\x05th");
        socket.write_all(b"ird").unwrap();
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    let (messages, end) = caller.receive(&mut client, 3);
    assert_eq!(messages, [&b"first"[..], b"second", b"third"]);
    assert_eq!(end, None);
    drop(client);
    server.join();
}

/// Reads one frame of a client with at most 125 bytes of payload; gives first byte and payload.
fn read_client_frame(stream: &mut impl std::io::Read) -> (u8, Vec<u8>) {
    let mut head = [0; 6];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[1] & 0x80, 0x80, "a client masks");
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    stream.read_exact(&mut payload).unwrap();
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= head[2 + index % 4];
    }
    (head[0], payload)
}

#[test]
fn fragmented_message_with_ping_between_is_whole_and_the_ping_answered() {
    let server = Server::once(|mut socket| {
        upgrade_then(
            &mut socket,
            b"\x01\x03one\x89\x04ping\x00\x03two\x80\x05three",
        );
        assert_eq!(read_client_frame(&mut socket), (0x8a, b"ping".to_vec()));
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    assert_eq!(
        caller.receive(&mut client, 1),
        (vec![b"onetwothree".to_vec()], None)
    );
    server.join();
}

#[test]
fn close_by_us_is_confirmed() {
    let server = Server::once(|socket| {
        let mut server = accept(socket).unwrap();
        assert!(server.read().unwrap().is_close());
        while server.read().is_ok() {}
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    client.close(caller.now_ns());
    assert_eq!(client.send_text(b"late"), Err(SendError::NotOpen));
    assert_eq!(caller.receive_all(&mut client).1, CloseReason::LocalClose);
    assert_eq!(client.close_reason(), Some(CloseReason::LocalClose));
    server.join();
}

#[test]
fn close_by_the_server_comes_after_its_messages_and_is_answered() {
    let server = Server::once(|mut socket| {
        upgrade_then(&mut socket, b"\x81\x04last\x88\x05\x03\xe9bye");
        assert_eq!(read_client_frame(&mut socket), (0x88, vec![0x03, 0xe9]));
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    let (messages, reason) = caller.receive_all(&mut client);
    assert_eq!(messages, [b"last"]);
    assert_eq!(reason, CloseReason::PeerSentClose { code: 1001 });
    assert_eq!(client.poll(0), Err(reason), "the reason repeats");
    server.join();
}

#[test]
fn half_closed_server_gives_its_messages_then_the_end() {
    let server = Server::once(|mut socket| {
        upgrade_then(&mut socket, b"\x81\x04last");
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    let (messages, reason) = caller.receive_all(&mut client);
    assert_eq!(
        (messages, reason),
        (vec![b"last".to_vec()], CloseReason::PeerClosed)
    );
    server.join();
}

#[test]
fn client_reconnects_with_its_buffers_after_an_end() {
    let server = Server::times(2, |mut socket, index| {
        let half_frame: &[u8] = if index == 0 {
            b"\x81\x09cut"
        } else {
            b"\x81\x05whole"
        };
        upgrade_then(&mut socket, half_frame);
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    assert_eq!(
        caller.receive_all(&mut client).1,
        CloseReason::PeerClosedMidMessage
    );
    client.reconnect(caller.now_ns()).unwrap();
    assert_eq!(client.close_reason(), None);
    assert_eq!(
        caller.receive(&mut client, 1),
        (vec![b"whole".to_vec()], None)
    );
    server.join();
}

/// The number of the frame that ends the count.
const LAST: u64 = 99_999_999;

/// Goal: back-pressure is said, and every frame that was taken arrives once, in order (W2).
/// Method: the server reads nothing until the client was refused, then counts.
#[track_caller]
fn check_back_pressure(config: impl Fn(u16) -> WsConfig, server_tls: Option<crate::support::Pki>) {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let tls = server_tls.map(|pki| pki.server);
    let server = Server::once(move |socket| {
        wait_and_count(wait, socket, tls);
    });
    let mut caller = Caller::new();
    let mut client = caller.open(config(server.port));
    let mut taken = 0_u64;
    let send = |client: &mut connectors::net::WsClient, number: u64| {
        client.send_text_with(|room| {
            room[..8].copy_from_slice(format!("{number:08}").as_bytes());
            room[8..20_000].fill(b'x');
            20_000
        })
    };
    loop {
        match send(&mut client, taken) {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_eq!(error, SendError::Full);
                break;
            }
        }
    }
    assert!(client.pending_bytes() > 0);
    go.send(()).unwrap();
    while send(&mut client, LAST).is_err() {
        caller.wait();
        assert_ne!(client.poll(caller.now_ns()), Ok(Progress::Connecting));
    }
    let expected = format!("{taken}");
    assert_eq!(
        caller.receive(&mut client, 1),
        (vec![expected.into_bytes()], None)
    );
    server.join();
}

fn wait_and_count(
    wait: std::sync::mpsc::Receiver<()>,
    socket: std::net::TcpStream,
    tls: Option<std::sync::Arc<rustls::ServerConfig>>,
) {
    match tls {
        Some(tls) => count(accept(accept_tls(&tls, socket)).unwrap(), &wait),
        None => count(accept(socket).unwrap(), &wait),
    }
}

fn count(
    mut server: tungstenite::WebSocket<impl std::io::Read + Write>,
    wait: &std::sync::mpsc::Receiver<()>,
) {
    wait.recv_timeout(Duration::from_secs(10)).unwrap();
    let mut expected = 0_u64;
    loop {
        let data = server.read().unwrap().into_data();
        let number = str::from_utf8(&data[..8]).unwrap().parse::<u64>().unwrap();
        if number == LAST {
            break;
        }
        assert_eq!(number, expected);
        expected += 1;
    }
    server.send(Message::text(expected.to_string())).unwrap();
}

#[test]
fn plain_server_that_reads_late_gets_every_frame_once() {
    check_back_pressure(|port| binary_config(plain("ws", port, "/")), None);
}

#[test]
fn tls_server_that_reads_late_gets_every_frame_once() {
    let pki = pki("localhost");
    let client = pki.client.clone();
    let config = move |port| {
        let endpoint =
            connectors::net::Endpoint::parse(&format!("wss://localhost:{port}/")).unwrap();
        binary_config(connectors::net::Target::resolve(&endpoint, Some(&client)).unwrap())
    };
    check_back_pressure(config, Some(pki));
}

fn binary_config(target: connectors::net::Target) -> WsConfig {
    WsConfig {
        pending_bytes_max: 64 * 1024,
        ..WsConfig::new(target)
    }
}

#[test]
fn send_of_nothing_or_too_much_is_refused_and_nothing_goes_out() {
    let server = Server::once(|socket| {
        let mut server = accept(socket).unwrap();
        assert_eq!(server.read().unwrap().into_data(), "ok");
    });
    let mut caller = Caller::new();
    let mut client = caller.open(WsConfig::new(plain("ws", server.port, "/")));
    assert_eq!(client.send_text_with(|_| 0), Err(SendError::Empty));
    assert_eq!(
        client.send_text_with(|room| room.len() + 1),
        Err(SendError::TooLarge)
    );
    assert_eq!(
        client.send_binary(&vec![0; 65 * 1024]),
        Err(SendError::TooLarge)
    );
    assert_eq!(client.send_text(b"ok"), Ok(8));
    server.join();
}
