//! What the socket tests share: certificates, one-thread servers, a client loop with a deadline.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use connectors::net::{
    CloseReason, Endpoint, Progress, Target, Trust, WsClient, WsConfig, WsMessage, client_config,
};
use mio::{Events, Poll, Token};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// No test waits longer than this for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
pub(crate) const TOKEN: Token = Token(7);

/// A certificate, the server that shows it and the client that trusts it.
pub(crate) struct Pki {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<rustls::ClientConfig>,
}

pub(crate) fn pki(host: &str) -> Pki {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let trust = Trust::from_pem(made.cert.pem().as_bytes()).unwrap();
    Pki {
        server: Arc::new(server),
        client: client_config(&trust).unwrap(),
    }
}

pub(crate) type TlsServerStream = StreamOwned<ServerConnection, TcpStream>;

pub(crate) fn accept_tls(config: &Arc<ServerConfig>, socket: TcpStream) -> TlsServerStream {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), socket)
}

/// A server thread; its panic fails the test in [`Server::join`].
pub(crate) struct Server {
    pub(crate) port: u16,
    thread: JoinHandle<()>,
}

impl Server {
    /// Serves one connection.
    pub(crate) fn once(serve: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        let mut serve = Some(serve);
        Self::times(1, move |socket, _| serve.take().unwrap()(socket))
    }

    /// Serves `count` connections, one after the other; `serve` also gets the connection's index.
    pub(crate) fn times(
        count: usize,
        mut serve: impl FnMut(TcpStream, usize) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            for index in 0..count {
                serve(accept(&listener), index);
            }
        });
        Self { port, thread }
    }

    pub(crate) fn join(self) {
        let start = Instant::now();
        while !self.thread.is_finished() {
            assert!(
                start.elapsed() < DEADLINE,
                "the server thread did not end in time"
            );
            thread::sleep(Duration::from_millis(1));
        }
        self.thread.join().unwrap();
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((socket, _)) => {
                socket.set_nonblocking(false).unwrap();
                socket.set_read_timeout(Some(DEADLINE)).unwrap();
                socket.set_write_timeout(Some(DEADLINE)).unwrap();
                return socket;
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
        assert!(start.elapsed() < DEADLINE, "nobody connected in time");
    }
}

/// Reads an HTTP head, byte by byte; `None` when the peer closed before one.
pub(crate) fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => return None,
        }
    }
    Some(String::from_utf8(head).unwrap())
}

/// Answers an upgrade by hand, with `then` in the same write.
pub(crate) fn upgrade_then(stream: &mut (impl Read + Write), then: &[u8]) {
    let head = read_head(stream).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap();
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    answer.extend_from_slice(then);
    stream.write_all(&answer).unwrap();
    stream.flush().unwrap();
}

/// The caller's side: a `mio` poll and a clock.
pub(crate) struct Caller {
    pub(crate) poll: Poll,
    events: Events,
    start: Instant,
}

impl Caller {
    pub(crate) fn new() -> Self {
        let poll = Poll::new().unwrap();
        Self {
            poll,
            events: Events::with_capacity(8),
            start: Instant::now(),
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    /// Waits for readiness, at most 50 ms.
    #[track_caller]
    pub(crate) fn wait(&mut self) {
        assert!(
            self.start.elapsed() < DEADLINE,
            "the test did not end in time"
        );
        let _ = self
            .poll
            .poll(&mut self.events, Some(Duration::from_millis(50)));
    }

    pub(crate) fn connect(&self, config: WsConfig) -> WsClient {
        WsClient::connect(config, self.poll.registry(), TOKEN, self.now_ns()).unwrap()
    }

    /// Runs until the client is open.
    #[track_caller]
    pub(crate) fn open(&mut self, config: WsConfig) -> WsClient {
        let mut client = self.connect(config);
        while client.poll(self.now_ns()).unwrap() == Progress::Connecting {
            self.wait();
        }
        client
    }

    /// Runs until `wanted` messages came or the connection ended; gives the messages and the end.
    #[track_caller]
    pub(crate) fn receive(
        &mut self,
        client: &mut WsClient,
        wanted: usize,
    ) -> (Vec<Vec<u8>>, Option<CloseReason>) {
        let mut messages = Vec::new();
        while messages.len() < wanted {
            let progress = match client.poll(self.now_ns()) {
                Ok(progress) => progress,
                Err(reason) => return (messages, Some(reason)),
            };
            while messages.len() < wanted {
                match client.next_message() {
                    Ok(Some(WsMessage::Text(bytes) | WsMessage::Binary(bytes))) => {
                        messages.push(bytes.to_vec());
                    }
                    Ok(None) => break,
                    Err(reason) => return (messages, Some(reason)),
                }
            }
            if progress != Progress::Received {
                self.wait();
            }
        }
        (messages, None)
    }

    /// Runs until the end.
    #[track_caller]
    pub(crate) fn receive_all(&mut self, client: &mut WsClient) -> (Vec<Vec<u8>>, CloseReason) {
        let (messages, end) = self.receive(client, usize::MAX);
        (messages, end.unwrap())
    }
}

pub(crate) fn plain(scheme: &str, port: u16, path: &str) -> Target {
    let endpoint = Endpoint::parse(&format!("{scheme}://127.0.0.1:{port}{path}")).unwrap();
    Target::resolve(&endpoint, None).unwrap()
}

/// The name `localhost` often resolves to two addresses, of which only one is listened on.
pub(crate) fn secure(scheme: &str, port: u16, pki: &Pki) -> Target {
    let endpoint = Endpoint::parse(&format!("{scheme}://localhost:{port}/ws")).unwrap();
    Target::resolve(&endpoint, Some(&pki.client)).unwrap()
}
