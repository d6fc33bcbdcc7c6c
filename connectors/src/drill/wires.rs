//! What is on its way between a gateway and a venue that are played.

use std::collections::{BTreeSet, VecDeque};

use tungstenite::Utf8Bytes;

use super::WAY_NS;
use crate::net::HttpRequest;
use crate::practice::server::{ClientId, Reply, Request, Wires};

/// What the venue said and has not arrived yet.
#[derive(Debug, Default)]
pub(super) struct PlayedWires {
    pub(super) now_ns: u64,
    /// When it arrives, over which connection, and what.
    pub(super) to_client: VecDeque<(u64, ClientId, String)>,
    /// By the venue's clock.
    pub(super) later: Vec<(u64, ClientId, String)>,
    pub(super) cut: BTreeSet<ClientId>,
}

impl Wires for PlayedWires {
    fn send(&mut self, client: ClientId, text: Utf8Bytes) {
        let due_ns = self.now_ns + WAY_NS;
        let text = text.as_str().to_owned();
        self.to_client.push_back((due_ns, client, text));
    }

    fn stamp_write(&mut self) {}

    fn send_later(&mut self, due_ns: u64, client: ClientId, text: String) {
        self.later.push((due_ns, client, text));
    }

    fn cut(&mut self, client: ClientId) {
        self.cut.insert(client);
    }

    fn unread_bytes(&self, _client: ClientId) -> usize {
        0
    }
}

/// An answer over HTTP on its way: to which of our requests.
#[derive(Debug)]
pub(super) struct HttpAnswer {
    pub(super) due_ns: u64,
    pub(super) id: u64,
    pub(super) reply: Reply,
}

/// A request as the venue's server would read it.
pub(crate) fn request_of(request: &HttpRequest<'_>) -> Request {
    let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_owned()))
        .collect();
    let key = headers.iter().find(|(name, _)| name == "x-mbx-apikey");
    Request {
        method: request.method.name().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: String::from_utf8_lossy(request.body).into_owned(),
        api_key: key.map(|(_, value)| value.clone()),
        headers,
        websocket_key: None,
        keep_alive: true,
    }
}

/// The opening of a WebSocket.
pub(super) fn upgrade_of(path: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: String::new(),
        api_key: None,
        headers: Vec::new(),
        websocket_key: Some("drill".to_owned()),
        keep_alive: true,
    }
}
