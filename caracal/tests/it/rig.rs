//! What the tests share: the binary with a deadline, a practice venue as a process, and the
//! venue's own truth, asked for over its REST interface.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::net::{
    Endpoint, HttpClient, HttpConfig, HttpRequest, Method, Target, Trust, client_config,
};
use connectors::sign::Signer;
use serde_json::Value;

/// The repository's own configuration.
pub(crate) const DEFAULT_CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config.toml");

/// Path of a recording, or `None` if this checkout has none beside it; the caller says so.
pub(crate) fn recording() -> Option<PathBuf> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/binance-spot-btcusdt-20240808.gz"
    );
    let path = PathBuf::from(path);
    path.is_file().then_some(path)
}

/// The binary, ready to be given arguments, in `directory`.
pub(crate) fn caracal(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_caracal"));
    command.current_dir(directory).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end, or panics when `deadline` has passed.
pub(crate) fn finish(mut command: Command, deadline: Duration) -> Output {
    let mut child = command.spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read_out = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let read_err = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if deadline < began.elapsed() {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (stdout, stderr) = (read_out.join().unwrap(), read_err.join().unwrap());
    let status = status.unwrap_or_else(|| {
        panic!(
            "no end within {deadline:?}: {}",
            String::from_utf8_lossy(&stderr)
        )
    });
    Output {
        status,
        stdout,
        stderr,
    }
}

/// The JSON object on the last line of standard output.
pub(crate) fn last_json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| {
        panic!(
            "{error}: last line {line:?}; {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Fails the test with what the command said.
#[track_caller]
pub(crate) fn assert_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// `caracal practice` as a process of its own; killed when dropped.
pub(crate) struct PracticeProcess {
    child: Child,
    /// `127.0.0.1:port`.
    pub(crate) address: String,
    /// Directory with the certificate and the keys.
    pub(crate) keys: PathBuf,
}

impl PracticeProcess {
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let keys = directory.join("practice-keys");
        let mut command = caracal(directory);
        command
            .args(["practice", "--listen", "127.0.0.1:0", "--keys"])
            .arg(&keys);
        command.args(arguments).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line
            .split("https://")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address,
            keys,
        }
    }

    /// The default configuration, turned to this venue, in a file in `directory`.
    pub(crate) fn config(&self, directory: &Path) -> PathBuf {
        let text = std::fs::read_to_string(DEFAULT_CONFIG).unwrap();
        let before = text.split("[venue.practice]").next().unwrap();
        let behind = text.split("[[account]]").nth(1).unwrap();
        let (address, keys) = (&self.address, self.keys.display());
        let external = format!(
            "[venue.external]\nrest = \"https://{address}\"\nstreams = \"wss://{address}\"\n\
             orders = \"wss://{address}/ws-api/v3\"\nca_certificate = \"{keys}/ca.pem\"\n\
             signature = \"ed25519\"\napi_key_file = \"{keys}/api-key\"\n\
             secret_file = \"{keys}/secret\"\n\n[[account]]"
        );
        let before = before.replace("connect = \"practice\"", "connect = \"external\"");
        let path = directory.join("external.toml");
        std::fs::write(&path, format!("{before}{external}{behind}")).unwrap();
        path
    }

    /// The answer to a signed GET of the venue's REST interface.
    pub(crate) fn ask(&self, path: &str, query: &str) -> Value {
        self.ask_as("", path, query)
    }

    /// The same as the account whose keys are in this folder; the first one's are in none.
    pub(crate) fn ask_as(&self, folder: &str, path: &str, query: &str) -> Value {
        let read = |name: &str| std::fs::read(self.keys.join(folder).join(name)).unwrap();
        let trust = Trust::from_pem(&read("ca.pem")).unwrap();
        let signer = Signer::ed25519_pem(&read("secret")).unwrap();
        let api_key = String::from_utf8(read("api-key")).unwrap();
        let endpoint = Endpoint::parse(&format!("https://{}", self.address)).unwrap();
        let target = Target::resolve(&endpoint, Some(&client_config(&trust).unwrap())).unwrap();
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis();
        let separator = if query.is_empty() { "" } else { "&" };
        let query = format!("{query}{separator}timestamp={now_ms}");
        let mut text = [0; 88];
        let signature = signer
            .sign_into(query.as_bytes(), &mut text)
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        get(
            target,
            &format!("{path}?{query}&signature={signature}"),
            &api_key,
        )
    }
}

impl Drop for PracticeProcess {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn get(target: Target, path: &str, api_key: &str) -> Value {
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(8);
    let mut client =
        HttpClient::new(HttpConfig::new(target), poll.registry(), mio::Token(0)).unwrap();
    let headers = [("X-MBX-APIKEY", api_key)];
    let request = HttpRequest {
        method: Method::Get,
        path,
        headers: &headers,
        body: b"",
        deadline_ns: 5_000_000_000,
    };
    client.submit(&request).unwrap();
    let began = Instant::now();
    loop {
        poll.poll(&mut events, Some(Duration::from_millis(10)))
            .unwrap();
        let now_ns = u64::try_from(began.elapsed().as_nanos()).unwrap();
        if let Some(outcome) = client.poll(now_ns) {
            let response = outcome.result.unwrap();
            let body = String::from_utf8_lossy(response.body).into_owned();
            assert_eq!(response.status, 200, "{path}: {body}");
            return serde_json::from_str(&body).unwrap();
        }
    }
}
