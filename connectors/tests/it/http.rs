//! The HTTP client against blocking servers, over TLS and plain: answers, and honest failures.

use std::io::{Read, Write};

use connectors::net::{
    CloseReason, HttpClient, HttpConfig, HttpFailure, HttpRequest, Method, RequestId, SubmitError,
    Target,
};

use crate::support::{Caller, Server, TOKEN, accept_tls, pki, plain, read_head, secure};

const FOREVER: u64 = u64::MAX;

fn client(caller: &Caller, target: Target) -> HttpClient {
    let mut config = HttpConfig::new(target);
    config.response_bytes_max = 64 * 1024;
    config
        .headers
        .push(("X-MBX-APIKEY".to_owned(), "key".to_owned()));
    HttpClient::new(config, caller.poll.registry(), TOKEN).unwrap()
}

fn get(path: &str) -> HttpRequest<'_> {
    HttpRequest {
        method: Method::Get,
        path,
        headers: &[],
        body: b"",
        deadline_ns: FOREVER,
    }
}

/// An owned outcome: status and body, or the failure.
type Outcome = (RequestId, Result<(u16, Vec<u8>), HttpFailure>);

#[track_caller]
fn outcome(caller: &mut Caller, client: &mut HttpClient) -> Outcome {
    loop {
        let now_ns = caller.now_ns();
        if let Some(outcome) = client.poll(now_ns) {
            let answer = outcome
                .result
                .map(|response| (response.status, response.body.to_vec()));
            return (outcome.id, answer);
        }
        caller.wait();
    }
}

#[track_caller]
fn check(caller: &mut Caller, client: &mut HttpClient, path: &str, status: u16, body: &str) {
    let id = client.submit(&get(path)).unwrap();
    assert_eq!(
        outcome(caller, client),
        (id, Ok((status, body.as_bytes().to_vec())))
    );
}

fn path_of(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

/// Answers every request with its path, until the client leaves.
fn answer_paths(stream: &mut (impl Read + Write)) -> usize {
    let mut count = 0;
    while let Some(head) = read_head(stream) {
        assert!(head.contains("X-MBX-APIKEY: key\r\n"));
        let path = path_of(&head);
        let length = path.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}");
        stream.write_all(answer.as_bytes()).unwrap();
        stream.flush().unwrap();
        count += 1;
    }
    count
}

#[test]
fn requests_over_tls_share_one_connection() {
    let pki = pki("localhost");
    let tls = pki.server.clone();
    let server = Server::once(move |socket| {
        assert_eq!(answer_paths(&mut accept_tls(&tls, socket)), 3);
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, secure("https", server.port, &pki));
    for path in ["/a", "/b?c=d", "/e"] {
        check(&mut caller, &mut http, path, 200, path);
    }
    assert!(http.is_connected());
    drop(http);
    server.join();
}

#[test]
fn queued_requests_are_answered_in_order() {
    let server = Server::once(|mut socket| assert_eq!(answer_paths(&mut socket), 3));
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    let ids = ["/1", "/2", "/3"].map(|path| (http.submit(&get(path)).unwrap(), path));
    assert_eq!(http.pending_requests(), 3);
    for (id, path) in ids {
        let expected = (id, Ok((200, path.as_bytes().to_vec())));
        assert_eq!(outcome(&mut caller, &mut http), expected);
    }
    assert_eq!(http.pending_requests(), 0);
    drop(http);
    server.join();
}

#[test]
fn post_sends_headers_length_and_body_and_headers_come_back() {
    let server = Server::once(|mut socket| {
        let head = read_head(&mut socket).unwrap();
        assert!(head.starts_with("POST /api/v3/order?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
        assert!(head.contains("Content-Length: 5\r\n") && head.contains("X-Own: v\r\n"));
        let mut body = [0; 5];
        socket.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"a=b&c");
        let answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 12\r\nx-mbx-used-weight-1M: 6001\r\n\
                      Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        for byte in answer.as_bytes() {
            socket.write_all(&[*byte]).unwrap();
        }
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    let headers = [("X-Own", "v")];
    let request = HttpRequest {
        method: Method::Post,
        path: "/api/v3/order?x=1",
        headers: &headers,
        body: b"a=b&c",
        deadline_ns: FOREVER,
    };
    http.submit(&request).unwrap();
    loop {
        if let Some(outcome) = http.poll(caller.now_ns()) {
            let response = outcome.result.unwrap();
            assert_eq!((response.status, response.body), (429, &b"{}"[..]));
            assert_eq!(response.header("retry-after"), Some(&b"12"[..]));
            assert_eq!(response.header("X-MBX-USED-WEIGHT-1M"), Some(&b"6001"[..]));
            break;
        }
        caller.wait();
    }
    drop(http);
    server.join();
}

#[test]
fn server_that_says_close_is_connected_anew_for_the_next_request() {
    let server = Server::times(2, |mut socket, index| {
        read_head(&mut socket).unwrap();
        let answer =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{index}");
        socket.write_all(answer.as_bytes()).unwrap();
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    check(&mut caller, &mut http, "/", 200, "0");
    assert!(!http.is_connected());
    check(&mut caller, &mut http, "/", 200, "1");
    server.join();
}

/// Goal: a keep-alive connection that the server closed while idle costs no request.
#[test]
fn server_that_closes_while_idle_is_connected_anew() {
    let server = Server::times(2, |mut socket, index| {
        read_head(&mut socket).unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{index}");
        socket.write_all(answer.as_bytes()).unwrap();
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    check(&mut caller, &mut http, "/", 200, "0");
    std::thread::sleep(std::time::Duration::from_millis(100));
    check(&mut caller, &mut http, "/", 200, "1");
    server.join();
}

#[test]
fn html_answer_is_a_body_like_any_other() {
    let server = Server::once(|mut socket| {
        read_head(&mut socket).unwrap();
        socket
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>oops</html>")
            .unwrap();
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    check(&mut caller, &mut http, "/", 502, "<html>oops</html>");
    server.join();
}

/// One request against a server that misbehaves; gives the failure.
#[track_caller]
fn failure(serve: impl FnOnce(std::net::TcpStream) + Send + 'static) -> HttpFailure {
    let server = Server::once(serve);
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    let id = http.submit(&get("/")).unwrap();
    let (failed_id, result) = outcome(&mut caller, &mut http);
    assert_eq!(failed_id, id);
    server.join();
    result.unwrap_err()
}

fn answers(bytes: &'static [u8]) -> impl FnOnce(std::net::TcpStream) + Send {
    move |mut socket| {
        read_head(&mut socket).unwrap();
        let _ = socket.write_all(bytes);
    }
}

#[test]
fn request_whose_connection_dies_after_it_has_an_unknown_outcome() {
    assert_eq!(
        failure(answers(b"")),
        HttpFailure::Unknown(CloseReason::PeerClosed)
    );
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
    assert_eq!(
        failure(answers(cut)),
        HttpFailure::Unknown(CloseReason::PeerClosed)
    );
    let garbage = b"\x15\x03\x01\x00\x02";
    assert_eq!(
        failure(answers(garbage)),
        HttpFailure::Unknown(CloseReason::HttpGarbage)
    );
}

#[test]
fn answer_beyond_the_limit_has_an_unknown_outcome() {
    let endless = |mut socket: std::net::TcpStream| {
        read_head(&mut socket).unwrap();
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        let _ = socket.write_all(&[b'x'; 100_000]);
    };
    assert_eq!(
        failure(endless),
        HttpFailure::Unknown(CloseReason::HttpTooLarge)
    );
}

#[test]
fn request_that_cannot_connect_was_never_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", port, "/"));
    let ids = [
        http.submit(&get("/")).unwrap(),
        http.submit(&get("/")).unwrap(),
    ];
    let reason = CloseReason::ConnectFailed(std::io::ErrorKind::ConnectionRefused);
    for id in ids {
        let expected = (id, Err(HttpFailure::NeverSent(reason)));
        assert_eq!(outcome(&mut caller, &mut http), expected);
    }
}

#[test]
fn request_to_an_untrusted_server_was_never_sent() {
    let (real, other) = (pki("localhost"), pki("elsewhere"));
    let server = Server::once(move |socket| {
        assert_eq!(read_head(&mut accept_tls(&real.server, socket)), None);
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, secure("https", server.port, &other));
    http.submit(&get("/")).unwrap();
    let (_, result) = outcome(&mut caller, &mut http);
    let failure = result.unwrap_err();
    assert!(
        matches!(failure, HttpFailure::NeverSent(CloseReason::Certificate(_))),
        "{failure}"
    );
    assert!(http.close_detail().is_some());
    server.join();
}

/// Goal: a late answer is never taken for the next request's (H5).
#[test]
fn request_unanswered_by_its_deadline_is_unknown_and_the_next_gets_its_own_answer() {
    let (late, next) = std::sync::mpsc::channel::<()>();
    let server = Server::times(2, move |mut socket, index| {
        let head = read_head(&mut socket).unwrap();
        let path = path_of(&head);
        if index == 0 {
            next.recv_timeout(crate::support::DEADLINE).unwrap();
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}",
            path.len()
        );
        let _ = socket.write_all(answer.as_bytes());
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    let slow = HttpRequest {
        deadline_ns: caller.now_ns() + 200_000_000,
        ..get("/slow")
    };
    http.submit(&slow).unwrap();
    let (_, result) = outcome(&mut caller, &mut http);
    assert_eq!(
        result,
        Err(HttpFailure::Unknown(CloseReason::RequestTimeout))
    );
    late.send(()).unwrap();
    check(&mut caller, &mut http, "/next", 200, "/next");
    server.join();
}

#[test]
fn request_that_expires_in_the_queue_was_never_sent() {
    let server = Server::once(|mut socket| {
        let head = read_head(&mut socket).unwrap();
        assert_eq!(path_of(&head), "/first");
        assert_eq!(read_head(&mut socket), None);
    });
    let mut caller = Caller::new();
    let mut http = client(&caller, plain("http", server.port, "/"));
    http.submit(&get("/first")).unwrap();
    let short = HttpRequest {
        deadline_ns: caller.now_ns() + 100_000_000,
        ..get("/second")
    };
    let second = http.submit(&short).unwrap();
    let expected = (
        second,
        Err(HttpFailure::NeverSent(CloseReason::RequestTimeout)),
    );
    assert_eq!(outcome(&mut caller, &mut http), expected);
    assert_eq!(http.pending_requests(), 1);
    drop(http);
    server.join();
}

#[test]
fn submit_of_what_cannot_be_sent_is_refused() {
    let caller = Caller::new();
    let mut config = HttpConfig::new(plain("http", 1, "/"));
    config.queue_max = 1;
    config.request_bytes_max = 200;
    let mut http = HttpClient::new(config, caller.poll.registry(), TOKEN).unwrap();
    for path in ["", "x", "/a b", "/a\r\nX: y", "/\u{e9}"] {
        assert_eq!(http.submit(&get(path)), Err(SubmitError::BadPath), "{path}");
    }
    for header in [("X", "a\r\nB: c"), ("X Y", "a"), ("", "a"), ("X:", "a")] {
        let headers = [header];
        let request = HttpRequest {
            headers: &headers,
            ..get("/")
        };
        assert_eq!(
            http.submit(&request),
            Err(SubmitError::BadHeader),
            "{header:?}"
        );
    }
    let large = HttpRequest {
        body: &[b'x'; 200],
        ..get("/")
    };
    assert_eq!(http.submit(&large), Err(SubmitError::TooLarge));
    http.submit(&get("/")).unwrap();
    assert_eq!(http.submit(&get("/")), Err(SubmitError::QueueFull));
}

#[test]
fn debug_of_client_and_settings_shows_no_header() {
    let caller = Caller::new();
    let mut config = HttpConfig::new(plain("http", 1, "/"));
    config
        .headers
        .push(("X-MBX-APIKEY".to_owned(), "hidden".to_owned()));
    assert!(!format!("{config:?}").contains("hidden"));
    let mut http = HttpClient::new(config, caller.poll.registry(), TOKEN).unwrap();
    http.submit(&get("/hidden")).unwrap();
    let shown = format!("{http:?}");
    assert!(
        !shown.contains("hidden") && !shown.contains(&format!("{:?}", b"hidden")),
        "{shown}"
    );
}
