//! `caracal control` and the kill paths against a running engine: what persons reach, and how an
//! engine answers, and what is said when none runs.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::rig::{DEFAULT_CONFIG, assert_success, caracal, finish};

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Engine {
    child: Child,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Engine {
    fn start(directory: &Path) -> Self {
        Self::start_with(directory, Path::new(DEFAULT_CONFIG))
    }

    pub(crate) fn start_with(directory: &Path, config: &Path) -> Self {
        let mut command = caracal(directory);
        command
            .args(["run", "--journal", "j", "--config"])
            .arg(config)
            .args(["--for", "120s", "--allow-unsafe-fs"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let child = command.spawn().unwrap();
        Self { child }
    }

    /// SIGINT, or another; then waits for the end.
    fn signal(&mut self, name: &str) {
        let id = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn end(mut self) {
        self.signal("-INT");
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < DEADLINE, "no orderly end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Runs `caracal control`; whether it succeeded, and all that it said.
fn control(directory: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = caracal(directory);
    command.args(["control", "--journal", "j"]).args(arguments);
    let output = finish(command, DEADLINE);
    let said = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&said).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.success(), text)
}

pub(crate) fn accepted(directory: &Path, arguments: &[&str]) -> String {
    let (accepted, text) = control(directory, arguments);
    assert!(accepted, "{arguments:?}: {text}");
    text
}

fn refused(directory: &Path, arguments: &[&str], words: &str) {
    let (accepted, text) = control(directory, arguments);
    assert!(!accepted, "{arguments:?} succeeded: {text}");
    assert!(text.contains(words), "{words:?} is not in: {text}");
}

/// Asks `show` until it holds `words`.
pub(crate) fn wait_for(directory: &Path, words: &str) {
    let began = Instant::now();
    loop {
        let (_, text) = control(directory, &["show", "--wait", "20s"]);
        if text.contains(words) {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "{words:?} is not in: {text}");
    }
}

#[test]
fn persons_kill_release_and_change_limits_of_a_running_engine() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let engine = Engine::start(at);
    wait_for(at, "no switch is on");
    let anna = ["--by", "anna", "--reason", "drill"];
    let boris = ["--by", "boris", "--reason", "seen"];
    let kill = [&["kill", "--scope", "strategy:maker"][..], &anna].concat();
    accepted(at, &kill);
    wait_for(at, "strategy:maker: killed by kill");
    refused(at, &kill, "it is so already");
    // Closing positions kills its scope too; here it is under a kill and may have none.
    let flatten = [&["flatten", "--scope", "strategy:maker"][..], &anna].concat();
    accepted(at, &flatten);
    let release = [&["release", "--scope", "strategy:maker"][..], &anna].concat();
    let text = accepted(at, &release);
    let number = text.split("approve ").nth(1).unwrap();
    let number = number.split(' ').next().unwrap();
    refused(
        at,
        &[&["approve", number][..], &anna].concat(),
        "cannot approve it",
    );
    accepted(at, &[&["approve", number][..], &boris].concat());
    wait_for(at, "no switch is on");
    refused(at, &["kill", "--reason", "why"], "--by NAME is missing");
    refused(at, &["kill", "--by", "anna"], "--reason TEXT is missing");
    refused(
        at,
        &["kill", "--by", "carl", "--reason", "why"],
        "\"carl\" is none of",
    );
    let nowhere = [&["kill", "--scope", "venue:NOWHERE"][..], &anna].concat();
    refused(at, &nowhere, "there is no such thing");
    let limit = |name, old, new| [&["limit", name, "--old", old, "--new", new][..], &anna].concat();
    refused(at, &limit("nothing", "1", "2"), "there is no control");
    refused(at, &limit("daily_loss_max", "1", "x"), "must be a sum");
    engine.end();
    refused(
        at,
        &[&["kill", "--wait", "100ms"][..], &anna].concat(),
        "no engine answered within 100ms, so nothing was changed",
    );
}

#[test]
fn kill_file_and_signal_kill_everything_and_two_persons_release_it_at_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let engine = Engine::start(at);
    wait_for(at, "no switch is on");
    std::fs::write(at.join("j.control/KILL"), "runaway").unwrap();
    wait_for(at, "everything: killed by kill");
    assert!(!at.join("j.control/KILL").exists());
    engine.end();
    let run = |arguments: &[&str]| {
        let mut command = caracal(at);
        command.args([
            "run",
            "--config",
            DEFAULT_CONFIG,
            "--journal",
            "j",
            "--for",
            "1s",
        ]);
        command.arg("--allow-unsafe-fs").args(arguments);
        finish(command, DEADLINE)
    };
    let alone = run(&["--release-kill", "why"]);
    assert!(!alone.status.success());
    let twice = [
        "--release-kill",
        "why",
        "--by",
        "anna",
        "--approved-by",
        "anna",
    ];
    let twice = run(&twice);
    let said = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(
        !twice.status.success() && said.contains("two persons"),
        "{said}"
    );
    let both = [
        "--release-kill",
        "why",
        "--by",
        "anna",
        "--approved-by",
        "boris",
    ];
    assert_success(&run(&both));
    let mut engine = Engine::start(at);
    wait_for(at, "no switch is on");
    engine.signal("-USR1");
    wait_for(at, "everything: killed by kill");
    engine.end();
}
