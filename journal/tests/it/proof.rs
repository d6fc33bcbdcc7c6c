//! Inclusion proofs: for every record, checked without the journal; refused with any byte changed.

use std::path::Path;

use journal::seal::{Key, Note, Proof, ProofError, ProveError, PublicKey, prove, read_notes};

use crate::common::{PER_SEGMENT, fast_dir};
use crate::seal::{fill, fixed_key, make, open_sealed, reseal_record, sealed};
use crate::verify::journal;

fn key_of(dir: &Path) -> PublicKey {
    PublicKey::load(&dir.join("seal.pub")).unwrap()
}

#[test]
fn every_record_of_a_small_journal_is_proved() {
    let last = PER_SEGMENT + 70;
    let dir = journal(last, 100);
    let key = key_of(dir.path());
    let bytes = std::fs::read(dir.path().join("segment-0000000000")).unwrap();
    for round in ["with leaves", "without leaves"] {
        for seq in 1..=last {
            let text = prove(dir.path(), seq, None).unwrap().to_text();
            let proof = Proof::parse(&text).unwrap();
            assert_eq!(proof.seq, seq, "{round}");
            assert_eq!(proof.check(Some(&key)).unwrap().size, last);
            if seq <= PER_SEGMENT {
                let at = crate::common::offset_of(seq);
                assert_eq!(proof.record[..], bytes[at..at + 128]);
            }
        }
        let _gone = std::fs::remove_file(dir.path().join("leaves"));
    }
    for seq in [0, last + 1, u64::MAX] {
        let refused = prove(dir.path(), seq, None);
        assert!(
            matches!(refused, Err(ProveError::NotCovered { .. })),
            "{seq}"
        );
    }
}

/// Goal: a proof with any bit changed is refused, with the key given and without.
#[test]
fn proof_with_any_byte_changed_is_refused() {
    let dir = journal(PER_SEGMENT + 70, 100);
    let key = key_of(dir.path());
    let old = &read_notes(&dir.path().join("checkpoints")).unwrap()[1];
    let text = prove(dir.path(), 333, Some(old)).unwrap().to_text();
    let accepts = |text: &str| {
        let proof = Proof::parse(text);
        proof.is_ok_and(|proof| proof.check(Some(&key)).is_ok() || proof.check(None).is_ok())
    };
    assert!(accepts(&text));
    let mut refused = 0;
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1 << bit;
            let Ok(other) = String::from_utf8(other) else {
                continue;
            };
            assert!(!accepts(&other), "bit {bit} of byte {at}");
            refused += 1;
        }
        assert!(!text.get(..at).is_some_and(accepts));
    }
    assert!(refused > 7 * text.len() / 2);
    assert!(!accepts(&format!("{text} ")));
}

#[test]
fn proof_leads_from_an_older_checkpoint() {
    let (dir, fork, keys) = (fast_dir(), fast_dir(), fast_dir());
    let key = fixed_key(keys.path());
    let options = sealed(&key, &[]);
    make(dir.path(), &options, 300, 50);
    let notes = read_notes(&dir.path().join("checkpoints")).unwrap();
    crate::common::copy(dir.path(), fork.path());
    make(dir.path(), &options, 700, 50);
    let (mut writer, mut steps) = open_sealed(fork.path(), &options);
    writer.append(&crate::common::record(9)).unwrap();
    fill(&mut writer, &mut steps, 350, 50);
    steps.close(writer).unwrap();
    let public = key_of(dir.path());
    for old in &notes {
        let text = prove(dir.path(), 5, Some(old)).unwrap().to_text();
        let proof = Proof::parse(&text).unwrap();
        assert_eq!(proof.check_with(Some(&public), old).unwrap().size, 700);
    }
    let forked = read_notes(&fork.path().join("checkpoints")).unwrap();
    let forked = forked.last().unwrap();
    assert!(matches!(
        prove(dir.path(), 5, Some(forked)),
        Err(ProveError::Changed { size: 700 })
    ));
    let proof = prove(dir.path(), 5, None).unwrap();
    assert_eq!(
        proof.check_with(Some(&public), forked),
        Err(ProofError::OtherCheckpoint { size: 350 })
    );
    let other = Key::generate().unwrap().public(public.journal_id());
    assert!(matches!(
        proof.check(Some(&other)),
        Err(ProofError::OtherKey { .. })
    ));
}

#[test]
fn changed_records_cannot_be_proved() {
    let dir = journal(200, 50);
    reseal_record(dir.path(), 30, |bytes| bytes[77] ^= 1);
    for seq in [30, 31] {
        let refused = prove(dir.path(), seq, None);
        assert!(
            matches!(refused, Err(ProveError::Changed { size: 200 })),
            "{seq}"
        );
    }
    std::fs::remove_file(dir.path().join("seal.pub")).unwrap();
    assert!(matches!(
        prove(dir.path(), 5, None),
        Err(ProveError::NotSealed)
    ));
    assert!(Note::parse("x").is_err());
}
