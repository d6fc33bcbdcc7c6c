//! A snapshot ahead of the log stops a writer before it has changed anything.

use journal::storage::Access;
use journal::{
    Durability, Folder, OpenError, Options, Reader, SEGMENT_BYTES_MIN, Writer, snapshot,
};

use crate::snapshot::{bytes_of, in_memory, of, put, report};

/// Goal: a writer refuses a log that ends before a snapshot of it, and no file changes.
#[test]
fn fault_44_writer_refuses_a_snapshot_ahead_and_changes_nothing() {
    let (_, folder) = in_memory();
    let options = Options::new(Durability::Process).segment_bytes(SEGMENT_BYTES_MIN);
    let (writer, steps, _) = Writer::open_stepped(&folder, options.clone()).unwrap();
    steps.close(writer).unwrap();
    let id = Reader::open_in(&folder).unwrap().journal_id();
    snapshot::write(&folder, id, &of(20)).unwrap();
    let superblock = || {
        let path = folder.dir().join("superblock");
        let file = folder.storage().open(&path, Access::Read).unwrap();
        let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    let before = (superblock(), names(&folder));
    let Err(refused) = Writer::open_stepped(&folder, options.clone()).map(|_| ()) else {
        panic!("opened")
    };
    assert!(
        matches!(
            refused,
            OpenError::SnapshotAhead {
                seq: 20,
                last_seq: 0,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!((superblock(), names(&folder)), before);
    // One that is damaged says nothing about the log.
    let mut bytes = bytes_of(&folder, 20);
    bytes[130] ^= 1;
    put(&folder, 20, &bytes);
    assert!(Writer::open_stepped(&folder, options).is_ok());
    report(44, "1 writer refused, files unchanged");
}

fn names(folder: &Folder) -> Vec<String> {
    let mut names = folder.storage().list(folder.dir()).unwrap();
    names.sort();
    names
}
