//! The WebSocket client against servers that are wrong: each end has its own clear reason.

use std::{io::Write, net::TcpListener};

use connectors::net::{CertificateProblem, CloseReason, FrameError, Progress, WsConfig};

use crate::support::{Caller, Server, accept_tls, pki, plain, read_head, secure, upgrade_then};

/// Runs a client against a server that does `serve`, to the end.
#[track_caller]
fn check_end(serve: impl FnOnce(std::net::TcpStream) + Send + 'static, expected: CloseReason) {
    let server = Server::once(serve);
    let mut caller = Caller::new();
    let mut config = WsConfig::new(plain("ws", server.port, "/"));
    config.message_bytes_max = 1000;
    let mut client = caller.connect(config);
    let (messages, reason) = caller.receive_all(&mut client);
    assert_eq!(reason, expected);
    assert_eq!(messages.len(), 0);
    assert_eq!(client.close_reason(), Some(reason));
    assert_eq!(client.next_message(), Err(reason), "the reason repeats");
    assert!(!client.is_open());
    server.join();
}

/// A server that sends `bytes` behind its upgrade and waits for the client's end.
fn sends(bytes: &'static [u8]) -> impl FnOnce(std::net::TcpStream) + Send {
    move |mut socket| {
        upgrade_then(&mut socket, bytes);
        assert_eq!(read_head(&mut socket), None);
    }
}

/// A server that reads the upgrade and answers `bytes`.
fn answers(bytes: &'static [u8]) -> impl FnOnce(std::net::TcpStream) + Send {
    move |mut socket| {
        read_head(&mut socket).unwrap();
        socket.write_all(bytes).unwrap();
    }
}

#[test]
fn certificate_of_an_unknown_issuer_ends_before_anything_is_sent() {
    let (real, other) = (pki("localhost"), pki("localhost"));
    let server = Server::once(move |socket| {
        assert_eq!(read_head(&mut accept_tls(&real.server, socket)), None);
    });
    let mut caller = Caller::new();
    let mut client = caller.connect(WsConfig::new(secure("wss", server.port, &other)));
    let (_, reason) = caller.receive_all(&mut client);
    let text = reason.to_string();
    // A self-signed certificate of the same name but another key: the signature is wrong.
    assert!(matches!(reason, CloseReason::Certificate(_)), "{text}");
    assert!(
        text.starts_with("the server's certificate does not verify"),
        "{text}"
    );
    assert!(client.close_detail().unwrap().contains("certificate"));
    server.join();
}

#[test]
fn certificate_that_the_web_does_not_know_is_of_an_unknown_issuer() {
    let made = pki("localhost");
    let web = connectors::net::client_config(&connectors::net::Trust::web_roots()).unwrap();
    let trusting = crate::support::Pki {
        server: made.server.clone(),
        client: web,
    };
    let server = Server::once(move |socket| {
        assert_eq!(read_head(&mut accept_tls(&made.server, socket)), None);
    });
    let mut caller = Caller::new();
    let mut client = caller.connect(WsConfig::new(secure("wss", server.port, &trusting)));
    let expected = CloseReason::Certificate(CertificateProblem::UnknownIssuer);
    assert_eq!(caller.receive_all(&mut client).1, expected);
    server.join();
}

#[test]
fn certificate_of_another_host_is_refused() {
    let pki = pki("other.example");
    let tls = pki.server.clone();
    let server = Server::once(move |socket| {
        assert_eq!(read_head(&mut accept_tls(&tls, socket)), None);
    });
    let mut caller = Caller::new();
    let mut client = caller.connect(WsConfig::new(secure("wss", server.port, &pki)));
    let expected = CloseReason::Certificate(CertificateProblem::WrongName);
    assert_eq!(caller.receive_all(&mut client).1, expected);
    server.join();
}

#[test]
fn server_that_speaks_no_tls_is_refused() {
    let pki = pki("localhost");
    let server = Server::once(|mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = read_head(&mut socket);
    });
    let mut caller = Caller::new();
    let mut client = caller.connect(WsConfig::new(secure("wss", server.port, &pki)));
    assert_eq!(caller.receive_all(&mut client).1, CloseReason::Tls);
    server.join();
}

#[test]
fn port_that_nobody_listens_on_is_refused() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut caller = Caller::new();
    let mut client = caller.connect(WsConfig::new(plain("ws", port, "/")));
    let expected = CloseReason::ConnectFailed(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(caller.receive_all(&mut client).1, expected);
}

#[test]
fn server_that_never_answers_the_upgrade_runs_into_the_timeout() {
    let server = Server::once(|mut socket| {
        read_head(&mut socket).unwrap();
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut config = WsConfig::new(plain("ws", server.port, "/"));
    config.connect_timeout_ns = 100_000_000;
    let mut client = caller.connect(config);
    assert_eq!(
        caller.receive_all(&mut client).1,
        CloseReason::ConnectTimeout
    );
    assert!(caller.now_ns() >= 100_000_000);
    server.join();
}

#[test]
fn html_instead_of_an_upgrade_is_refused_with_its_status() {
    let html = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>No</html>";
    check_end(answers(html), CloseReason::UpgradeRefused { status: 403 });
}

#[test]
fn garbage_instead_of_an_upgrade_is_refused() {
    check_end(
        answers(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        CloseReason::UpgradeGarbage,
    );
}

#[test]
fn endless_head_instead_of_an_upgrade_is_refused() {
    check_end(
        |mut socket| {
            read_head(&mut socket).unwrap();
            let _ = socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ");
            while socket.write_all(&[b'x'; 1024]).is_ok() {}
        },
        CloseReason::UpgradeGarbage,
    );
}

#[test]
fn server_that_closes_instead_of_upgrading_is_said_to() {
    check_end(answers(b"HTTP/1.1 101 Swi"), CloseReason::PeerClosed);
}

#[test]
fn masked_frame_ends_the_connection() {
    let frame = b"\x81\x81\x01\x02\x03\x04\x05";
    check_end(sends(frame), CloseReason::Frame(FrameError::Masked));
}

#[test]
fn malformed_close_frame_ends_the_connection() {
    check_end(
        sends(b"\x88\x01\x03"),
        CloseReason::Frame(FrameError::BadClose),
    );
}

#[test]
fn oversize_message_ends_the_connection_and_says_so() {
    check_end(
        |mut socket| {
            upgrade_then(&mut socket, b"\x81\x7e\x03\xe9");
            let mut frame = [0; 8];
            std::io::Read::read_exact(&mut socket, &mut frame).unwrap();
            let code = [frame[6] ^ frame[2], frame[7] ^ frame[3]];
            assert_eq!((frame[0], u16::from_be_bytes(code)), (0x88, 1009));
        },
        CloseReason::Frame(FrameError::TooLarge),
    );
}

#[test]
fn server_that_vanishes_in_a_frame_is_told_from_one_that_leaves() {
    let leaves = |mut socket: std::net::TcpStream| upgrade_then(&mut socket, b"");
    check_end(leaves, CloseReason::PeerClosed);
    let vanishes = |mut socket: std::net::TcpStream| upgrade_then(&mut socket, b"\x81\x09cut");
    check_end(vanishes, CloseReason::PeerClosedMidMessage);
    let in_fragments = |mut socket: std::net::TcpStream| upgrade_then(&mut socket, b"\x01\x03cut");
    check_end(in_fragments, CloseReason::PeerClosedMidMessage);
}

#[test]
fn server_that_ignores_our_close_is_left_after_the_timeout() {
    let server = Server::once(|mut socket| {
        upgrade_then(&mut socket, b"");
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut config = WsConfig::new(plain("ws", server.port, "/"));
    config.close_timeout_ns = 50_000_000;
    let mut client = caller.open(config);
    client.close(caller.now_ns());
    assert_eq!(caller.receive_all(&mut client).1, CloseReason::CloseTimeout);
    server.join();
}

/// Goal: a caller that does not drain is not given more than the buffer holds, and loses nothing.
#[test]
fn caller_that_does_not_drain_stops_the_socket_and_loses_nothing() {
    const COUNT: usize = 20_000;
    let server = Server::once(|mut socket| {
        upgrade_then(&mut socket, b"");
        for index in 0..COUNT {
            let mut frame = [b'.'; 102];
            frame[..2].copy_from_slice(&[0x82, 100]);
            frame[2..10].copy_from_slice(&(index as u64).to_be_bytes());
            socket.write_all(&frame).unwrap();
        }
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut config = WsConfig::new(plain("ws", server.port, "/"));
    config.message_bytes_max = 4096;
    let mut client = caller.open(config);
    for _ in 0..200 {
        assert_ne!(client.poll(caller.now_ns()), Ok(Progress::Connecting));
    }
    let (messages, end) = caller.receive(&mut client, COUNT);
    assert_eq!(end, None);
    for (index, message) in messages.iter().enumerate() {
        assert_eq!(message[..8], (index as u64).to_be_bytes());
    }
    drop(client);
    server.join();
}
