//! Views on heap memory (which other tools can run too), and the checksum against the library.

use super::*;

/// Stores a record as it is, checksum and all.
fn publish(writer: &mut WriteView, offset: usize, record: &Record) {
    let [head, seq, tail @ ..] = words(record);
    writer.publish(offset, *head, *seq, tail);
}

#[test]
fn view_published_record_is_read_back() {
    let (mut writer, reader) = Region::heap(512);
    let mut record = Record::ZERO;
    record.kind = 4;
    record.body = [7; 80];
    let mut out = Record::ZERO;
    assert!(!reader.load(128, &mut out));
    publish(&mut writer, 128, &record);
    assert!(reader.load(128, &mut out));
    assert_eq!(out, record);
    assert!(!reader.load(0, &mut out) && !reader.load(256, &mut out));
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
