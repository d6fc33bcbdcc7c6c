//! A sealed journal through its life: archived, pruned, cut by a power failure; and the golden one.

use std::path::{Path, PathBuf};

use journal::seal::{Proof, PublicKey, VerifyOptions, prove, verify};
use journal::{ArchiveOptions, Folder, PruneOptions, Reader, archive, prune};

use crate::common::{PER_SEGMENT, copy, edit, fast_dir, offset_of, reboot, record, segment};
use crate::seal::{fill, fixed_key, make, open_sealed, sealed};
use crate::verify::{first_bad, journal as sealed_journal, look};

fn assert_intact(dir: &Path) {
    assert_eq!(look(dir).findings, []);
}

#[test]
fn archived_segments_are_verified_and_proved() {
    let last = 4 * PER_SEGMENT + 40;
    let dir = sealed_journal(last, 100);
    let folder = Folder::on_disk(dir.path());
    archive(&folder, ArchiveOptions::default(), &mut |_, _| {}).unwrap();
    let verified = look(dir.path());
    assert_eq!(verified.findings, []);
    assert_eq!(
        (verified.archived, verified.sealed, verified.covered_seq),
        (2, 4, last)
    );
    assert!(prove(dir.path(), 17, None).is_ok());
    std::fs::remove_file(dir.path().join("leaves")).unwrap();
    assert!(prove(dir.path(), 17, None).is_ok());
    let packed = segment(dir.path(), 1).with_extension("zst");
    let good = std::fs::read(&packed).unwrap();
    for at in (0..good.len()).step_by(61) {
        edit(&packed, |bytes| bytes[at] ^= 0x10);
        assert!(!look(dir.path()).ok(), "byte {at}");
        std::fs::write(&packed, &good).unwrap();
    }
    let keys = fast_dir();
    make(
        dir.path(),
        &sealed(&fixed_key(keys.path()), &[]),
        last + 500,
        100,
    );
    assert_intact(dir.path());
}

/// Goal: what is left after a prune is verified against checkpoints over all of history, and its
/// records are proved, without the records that are gone; and sealing goes on.
#[test]
fn pruned_journal_is_verified_proved_and_goes_on() {
    let last = 4 * PER_SEGMENT + 40;
    let dir = sealed_journal(last, 100);
    let folder = Folder::on_disk(dir.path());
    let snapshot = journal::snapshot::Snapshot {
        seq: last,
        epoch: 1,
        time_ns: 1,
        layout: 1,
        state_hash: [1; 32],
        payload: vec![7; 100],
    };
    journal::snapshot::write(&folder, look(dir.path()).journal_id, &snapshot).unwrap();
    let options = PruneOptions {
        keep_bytes: Some(1),
        ..PruneOptions::default()
    };
    let pruned = prune(&folder, options).unwrap();
    assert!(!pruned.segments.is_empty(), "{pruned:?}");
    let verified = look(dir.path());
    assert_eq!(verified.findings, []);
    assert_eq!((verified.last_seq, verified.covered_seq), (last, last));
    assert!(verified.records < last);
    assert!(prove(dir.path(), last, None).is_ok());
    assert!(prove(dir.path(), 5, None).is_err());
    let keys = fast_dir();
    make(
        dir.path(),
        &sealed(&fixed_key(keys.path()), &[]),
        last + 600,
        100,
    );
    assert_intact(dir.path());
    edit(&dir.path().join("snapshot-00000000000000001832"), |bytes| {
        bytes[200] ^= 1
    });
    assert!(
        first_bad(dir.path())
            .path
            .ends_with("snapshot-00000000000000001832")
    );
}

/// Goal: after a power failure the log may end before its last checkpoint; with the signed `cut`
/// all of it verifies, also against a checkpoint of the lost part that somebody holds.
#[test]
fn log_cut_by_a_power_failure_verifies() {
    let (dir, keys, held) = (fast_dir(), fast_dir(), fast_dir());
    let options = sealed(&fixed_key(keys.path()), &[]);
    let (mut writer, mut steps) = open_sealed(dir.path(), &options);
    fill(&mut writer, &mut steps, 300, 50);
    drop((writer, steps));
    let held = held.path().join("held");
    std::fs::copy(dir.path().join("checkpoints"), &held).unwrap();
    edit(&segment(dir.path(), 0), |bytes| {
        bytes[offset_of(271) + 100..].fill(0)
    });
    assert!(!look(dir.path()).ok());
    reboot(dir.path());
    make(dir.path(), &options, 290, 50);
    let verified = look(dir.path());
    assert_eq!(
        (verified.findings, verified.cuts, verified.covered_seq),
        (vec![], 1, 290)
    );
    let notes = journal::seal::read_notes(&held).unwrap();
    let against = VerifyOptions {
        key: None,
        held: notes.into_iter().map(|note| (held.clone(), note)).collect(),
    };
    let verified = verify(dir.path(), &against, |_| {}).unwrap();
    assert_eq!((verified.findings, verified.held), (vec![], 5));
    let broken = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "broken"))
        .unwrap();
    edit(&broken, |bytes| bytes[3] ^= 1);
    assert_eq!(first_bad(dir.path()).path, broken);
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1-sealed")
}

/// Goal: a sealed journal of version 1, written once with a fixed key and kept for good, verifies,
/// is proved with the very same bytes, and goes on being sealed.
#[test]
fn golden_sealed_journal_verifies_and_goes_on() {
    let key = PublicKey::load(&golden().join("seal.pub")).unwrap();
    let dir = fast_dir();
    copy(&golden(), dir.path());
    let proof = dir.path().join("proof-of-17.json");
    let text = std::fs::read_to_string(&proof).unwrap();
    std::fs::remove_file(proof).unwrap();
    let options = VerifyOptions {
        key: Some(key),
        held: Vec::new(),
    };
    let verified = verify(dir.path(), &options, |_| {}).unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!((verified.last_seq, verified.covered_seq), (458, 458));
    assert_eq!((verified.sealed, verified.notes), (1, 6));
    assert_eq!(
        Proof::parse(&text).unwrap().check(Some(&key)).unwrap().size,
        458
    );
    assert_eq!(prove(dir.path(), 17, None).unwrap().to_text(), text);
    for (n, found) in (1..).zip(Reader::open(dir.path()).unwrap().records()) {
        assert!(found.unwrap().same_decision(&record(n)));
    }
    let keys = fast_dir();
    make(
        dir.path(),
        &sealed(&fixed_key(keys.path()), &[]),
        1_000,
        100,
    );
    assert_intact(dir.path());
}
