//! `caracal verify` and `caracal prove` as a person runs them.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use journal::seal::{Key, SealOptions};
use journal::{Durability, Options, SEGMENT_BYTES_MIN, Writer};
use model::record::{Kind, Record};
use serde_json::Value;

use crate::rig::{caracal, finish};

/// A sealed journal of 100 records at `data/journal`.
fn journal(directory: &Path) {
    let dir = directory.join("data/journal");
    let (key, _made) = Key::load_or_create(&Key::default_path(&dir)).unwrap();
    let options = Options::new(Durability::Process)
        .segment_bytes(SEGMENT_BYTES_MIN)
        .seal(SealOptions {
            key,
            also: vec![directory.join("held")],
        });
    let (mut writer, _) = Writer::open(&dir, options).unwrap();
    for n in 1..=100 {
        let mut record = Record::ZERO;
        record.kind = Kind::Tick.code();
        record.event = n;
        writer.append(&record).unwrap();
    }
    writer.close().unwrap();
}

/// Runs; gives the exit code, standard output and standard error.
fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = caracal(directory);
    command.args(arguments);
    let Output {
        status,
        stdout,
        stderr,
    } = finish(command, Duration::from_secs(30));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn last_json(out: &str) -> Value {
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

#[test]
fn verify_says_intact_or_names_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    journal(at);
    let (code, out, err) = run(at, &["verify", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let result = last_json(&out);
    assert_eq!(
        (&result["ok"], &result["records"]),
        (&true.into(), &100.into())
    );
    assert_eq!(result["covered_sequence"], 100);

    std::fs::copy(at.join("data/journal/seal.pub"), at.join("key")).unwrap();
    let arguments = ["verify", "--key", "key", "--checkpoint", "held"];
    let (code, out, _) = run(at, &arguments);
    assert!(
        code == 0 && out.contains("intact") && out.contains("as given"),
        "{out}"
    );

    let path = at.join("data/journal/segment-0000000000");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 128 * 41 + 60] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (code, out, err) = run(at, &["verify", "--json"]);
    assert_eq!(code, 1);
    let result = last_json(&out);
    assert_eq!(result["first_bad"]["first_sequence"], 42);
    assert_eq!(result["first_bad"]["byte"], 4096 + 128 * 41);
    assert!(err.contains("record 42"), "{err}");

    for (arguments, words) in [
        (vec!["verify", "nowhere"], "not a journal"),
        (vec!["verify", "--key", "held"], "no public key"),
        (vec!["verify", "--checkpoint", "nowhere"], "no such file"),
        (vec!["prove", "42"], "not those of the checkpoint"),
        (vec!["prove", "101"], "under no checkpoint"),
    ] {
        let (code, _, err) = run(at, &arguments);
        assert!(code == 1 && err.contains(words), "{arguments:?}: {err}");
    }
}

#[test]
fn proof_is_checked_without_the_journal() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    journal(directory.path());
    let arguments = ["prove", "17", "--since", "held", "--out", "proof"];
    let (code, _, err) = run(directory.path(), &arguments);
    assert_eq!(code, 0, "{err}");
    for (from, to) in [
        ("proof", "proof"),
        ("held", "held"),
        ("data/journal/seal.pub", "key"),
    ] {
        std::fs::copy(directory.path().join(from), elsewhere.path().join(to)).unwrap();
    }
    let check = [
        "verify",
        "--proof",
        "proof",
        "--key",
        "key",
        "--checkpoint",
        "held",
        "--json",
    ];
    let (code, out, err) = run(elsewhere.path(), &check);
    assert_eq!(code, 0, "{err}");
    assert_eq!(last_json(&out)["sequence"], 17);
    let path = elsewhere.path().join("proof");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"seq\": 17", "\"seq\": 18", 1)).unwrap();
    let (code, _, err) = run(elsewhere.path(), &check);
    assert!(code == 1 && err.contains("refused"), "{err}");
}
