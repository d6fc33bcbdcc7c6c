//! Views on heap memory (which other tools can run too), and the checksum against the library.

use super::*;

/// Stores a record as it is, checksum and all.
fn publish(writer: &mut WriteView, offset: usize, record: &Record) {
    let [head, seq, tail @ ..] = words(record);
    writer.publish(offset, *head, *seq, tail);
}

#[test]
fn view_published_record_is_read_back() {
    let (mut writer, mut reader) = Region::heap(512);
    let mut record = Record::ZERO;
    record.kind = 4;
    record.body = [7; 80];
    assert_eq!(reader.look(128, 9), 0);
    publish(&mut writer, 128, &record);
    assert_eq!(reader.look(128, 9), 1);
    assert!(reader.lend(128, 1) == [record]);
    assert_eq!((reader.look(0, 9), reader.look(256, 9)), (0, 0));
    for offset in [128, 256, 384] {
        publish(&mut writer, offset, &record);
    }
    assert_eq!((reader.look(128, 2), reader.look(384, 9)), (2, 1));
    assert!(reader.lend(128, 3) == [record; 3]);
}

#[test]
fn view_what_was_not_seen_is_not_lent() {
    for (offset, count) in [(256, 1), (128, 2), (0, 1), (0, 2), (640, 1)] {
        let outcome = std::panic::catch_unwind(|| {
            let (mut writer, mut reader) = Region::heap(512);
            let mut record = Record::ZERO;
            record.kind = 4;
            publish(&mut writer, 128, &record);
            assert_eq!(reader.look(128, 9), 1);
            reader.lend(offset, count).len()
        });
        assert!(outcome.is_err(), "{count} at {offset} were lent");
    }
}

/// Goal: both ways of verifying a run end at the same place, whichever byte is changed.
#[test]
fn good_prefix_ends_at_the_first_bad_record() {
    let (seed, first_seq) = (99, 7);
    let mut records: Vec<Record> = (first_seq..first_seq + 20)
        .map(|seq| {
            let mut record = Record::ZERO;
            (record.kind, record.seq) = (4, seq);
            record.body[..8].copy_from_slice(&seq.to_le_bytes());
            record.checksum = crate::format::record_checksum(seed, &record);
            record
        })
        .collect();
    let both = |records: &[Record]| {
        let found = good_prefix(seed, first_seq, records);
        assert_eq!(library_good_prefix(seed, first_seq, records), found);
        found
    };
    assert_eq!(both(&records), 20);
    assert_eq!(good_prefix(seed, first_seq + 1, &records), 0);
    assert_eq!(good_prefix(seed + 1, first_seq, &records), 0);
    for byte in 0..20 * RECORD_BYTES {
        records.as_mut_bytes()[byte] ^= 1 << (byte % 8);
        assert_eq!(both(&records), byte / RECORD_BYTES, "byte {byte}");
        records.as_mut_bytes()[byte] ^= 1 << (byte % 8);
    }
}

#[test]
fn region_offset_outside_is_refused() {
    for offset in [512, 64, usize::MAX - 127] {
        let outcome = std::panic::catch_unwind(|| {
            let (_writer, reader) = Region::heap(512);
            reader.word(offset)
        });
        assert!(outcome.is_err(), "offset {offset} was let through");
    }
}

/// Goal: the checksum by hand is the library's, whatever the bytes.
#[test]
fn checksum_by_hand_equals_the_library() {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        state ^ (state >> 29)
    };
    for round in 0..2_000 {
        let words: [u64; 16] = std::array::from_fn(|_| match round % 3 {
            0 => next(),
            1 => 0,
            _ => next() & 0xFF,
        });
        let seed = u32::try_from(next() >> 32).unwrap();
        let [head, seq, tail @ ..] = &words;
        let expected = crc32c::crc32c_append(seed, &words.as_bytes()[4..]);
        assert_eq!(checksum(seed, *head, *seq, tail), expected);
    }
}
