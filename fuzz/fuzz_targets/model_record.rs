//! Any 128 bytes are a record or a typed error, and any parts are a blob or a typed error.
//!
//! Checked beyond "no panic": a readable record is an event, a command or the journal's own mark,
//! and never two of them, it prints, and an instrument that decodes comes back equal through its
//! own encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::blob::{self, Assembler, BlobKind};
use model::command::command;
use model::event::{Event, View, event, view};
use model::instrument::InstrumentSpec;
use model::num::{Lots, NumberError, Ticks};
use model::record::Record;
use zerocopy::FromBytes as _;

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = Assembler::default();
    for chunk in bytes.chunks_exact(size_of::<Record>()) {
        let record = Record::read_from_bytes(chunk).expect("the chunk has a record's size");
        let seen = view(&record);
        let is_mark = matches!(seen, Ok(View::Mark(_)));
        let (as_event, as_command) = (event(&record), command(&record));
        let meanings = [as_event.is_ok(), as_command.is_ok(), is_mark];
        let meanings = meanings.iter().filter(|&&has_it| has_it).count();
        assert_eq!(meanings, usize::from(seen.is_ok()));
        assert!(!format!("{record:?}").is_empty());
        assert!(record.same_decision(&record.decided()));
        if let Ok(Event::BlobPart(part)) = as_event
            && let Ok(Some((kind, whole))) = assembler.push(part)
        {
            check_blob(kind, &whole);
        }
    }
});

fn check_blob(kind: BlobKind, whole: &[u8]) {
    let Ok(value) = blob::value::<InstrumentSpec>(whole) else {
        return;
    };
    let again = blob::records(kind, &value).expect("what was decoded can be encoded");
    let mut assembler = Assembler::default();
    let mut bytes = None;
    for record in &again {
        let Ok(Event::BlobPart(part)) = event(record) else {
            panic!("not a part: {record:?}")
        };
        bytes = assembler
            .push(part)
            .expect("our own parts follow each other");
    }
    let (_, bytes) = bytes.expect("our own parts make a whole");
    let back = blob::value::<InstrumentSpec>(&bytes).expect("our own bytes decode");
    assert_eq!(back, value);
    use_instrument(&value);
}

/// What the engine does with an instrument from the log must not panic either.
fn use_instrument(spec: &InstrumentSpec) {
    for steps in [i64::MIN, -1, 0, 1, i64::MAX] {
        if let Some(price) = spec.tick.decimal(steps) {
            let back = spec.tick.steps(price);
            assert!(matches!(back, Err(NumberError::OutOfRange)) || back == Ok(steps));
        }
        let _ = spec.notional(Ticks(steps), Lots(steps));
    }
    for text in ["0", "1", "0.00000001", "9223372036854775807"] {
        let _ = spec.tick.parse(text.as_bytes());
        let _ = spec.lot.parse(text.as_bytes());
    }
}
