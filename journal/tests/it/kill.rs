//! SIGKILL in the middle of appending: everything that was accepted is there afterwards.
//!
//! The child is this test binary again, told by the environment to run [`child_appends_forever`].

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use journal::{OpenError, Reader, Writer};

use crate::common::{PER_SEGMENT, append, assert_holds, open, record, small};

const CHILD: &str = "JOURNAL_TEST_CHILD";
const ROUNDS: u64 = 25;

/// Not a test of its own: without the variable it has nothing to do.
#[test]
fn child_appends_forever() {
    let Some(base) = std::env::var_os(CHILD) else {
        return;
    };
    let base = Path::new(&base);
    let (mut writer, recovery) = open(&base.join("journal"));
    let mut accepted = File::create(base.join("accepted")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut n = recovery.last_seq;
    while Instant::now() < deadline {
        n += 1;
        append(&mut writer, &record(n));
        if n % 8 == 0 {
            accepted.write_all(&n.to_le_bytes()).unwrap();
        }
    }
}

fn spawn_child(base: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_appends_forever"])
        .env(CHILD, base)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Last number that the child wrote down after the journal had accepted it.
fn accepted(base: &Path) -> u64 {
    let bytes = fs::read(base.join("accepted")).unwrap_or_default();
    let last = bytes.chunks_exact(8).next_back();
    last.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn wait_for_records(base: &Path, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while accepted(base) == 0 {
        assert!(Instant::now() < deadline, "the child did not start");
        assert!(child.try_wait().unwrap().is_none(), "the child ended");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn kill_in_the_middle_of_appending_loses_nothing_accepted() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let mut kept = 0;
    for round in 0..ROUNDS {
        let _ = fs::remove_file(base.path().join("accepted"));
        let mut child = spawn_child(base.path());
        wait_for_records(base.path(), &mut child);
        sleep(Duration::from_micros(round * round * 37 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let promised = accepted(base.path());
        let (writer, recovery) = open(&dir);
        drop(writer);
        assert!(
            recovery.last_seq >= promised,
            "{} < {promised}",
            recovery.last_seq
        );
        assert!(recovery.last_seq > kept, "nothing new in round {round}");
        kept = recovery.last_seq;
        if round % 8 == 0 {
            assert_holds(&dir, kept);
        }
    }
    assert_holds(&dir, kept);
}

/// Reads another process's journal while it grows, up to record `last`.
fn follow(dir: &Path, last: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut reader = Reader::open(dir).unwrap();
    let mut n = 0;
    while n < last {
        assert!(Instant::now() < deadline, "stuck at {n}");
        if let Some(found) = reader.next().unwrap() {
            n += 1;
            assert!(found.seq == n && found.same_decision(&record(n)));
        }
    }
}

#[test]
fn open_beside_another_process_is_locked_until_it_dies() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("journal");
    let mut child = spawn_child(base.path());
    wait_for_records(base.path(), &mut child);
    let outcome = Writer::open(&dir, small(journal::Durability::Process));
    assert!(matches!(outcome, Err(OpenError::Locked { .. })));
    follow(&dir, 3 * PER_SEGMENT);
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, recovery) = open(&dir);
    assert!(recovery.last_seq >= accepted(base.path()));
}
