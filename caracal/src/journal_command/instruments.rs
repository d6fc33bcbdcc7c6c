//! The instruments that a journal names: their numbers, names and steps, from its own blobs.

use std::collections::BTreeMap;

use journal::{ReadError, Reader};
use model::blob::{self, Assembler, BlobKind};
use model::event::{Event, event};
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};

/// The newest definition of each instrument, as far as the records were shown.
#[derive(Debug, Default)]
pub(crate) struct Instruments {
    specs: BTreeMap<u32, InstrumentSpec>,
    /// Blobs under way, by lane.
    lanes: BTreeMap<u8, Assembler>,
}

impl Instruments {
    /// Learns what `record` says about an instrument; most records say nothing.
    #[inline]
    pub(crate) fn learn(&mut self, record: &Record) {
        if record.kind == Kind::BlobPart.code() {
            self.take_part(record);
        } else if record.kind == Kind::RunStarted.code() {
            // Parts of the run before have no rest.
            self.lanes.clear();
        }
    }

    fn take_part(&mut self, record: &Record) {
        let Ok(Event::BlobPart(part)) = event(record) else {
            return;
        };
        let lane = self.lanes.entry(record.source().0).or_default();
        // A blob that cannot be read is for replay to refuse; here its steps are not known.
        if let Ok(Some((BlobKind::Instrument, bytes))) = lane.push(part)
            && let Ok(spec) = blob::value::<InstrumentSpec>(&bytes)
        {
            self.specs.insert(spec.id.0, spec);
        }
    }

    /// The definition of an instrument, if it was shown.
    pub(crate) fn get(&self, instrument: u32) -> Option<&InstrumentSpec> {
        self.specs.get(&instrument)
    }

    /// Learns from everything before sequence `seq`, and leaves the reader there.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub(super) fn learn_before(&mut self, reader: &mut Reader, seq: u64) -> Result<(), ReadError> {
        reader.seek(0);
        while reader.next_seq() < seq
            && let Some(record) = reader.next()?
        {
            self.learn(record);
        }
        reader.seek(seq);
        Ok(())
    }
}

/// The number of the instrument that the journal calls `name`: by its venue's symbol or by ours,
/// in upper or lower case.
///
/// # Errors
///
/// A line for a person: no such instrument, or several.
pub(super) fn number_of(reader: &mut Reader, name: &str) -> Result<u32, String> {
    let mut all = Instruments::default();
    reader.seek(0);
    while let Some(record) = reader.next().map_err(|error| error.to_string())? {
        all.learn(record);
        // A run names all of its instruments at its start, one behind the other.
        if record.kind != Kind::BlobPart.code() && !all.named(name).is_empty() {
            break;
        }
    }
    let found = all.named(name);
    if let [number] = found[..] {
        return Ok(number);
    }
    let names: Vec<String> = all
        .specs
        .values()
        .map(|spec| format!("{} ({}, number {})", spec.name, spec.symbol, spec.id))
        .collect();
    let names = if names.is_empty() {
        "it names none".to_owned()
    } else {
        format!("it names {}", names.join(", "))
    };
    Err(if found.is_empty() {
        format!("--instrument {name}: the journal has none of this name; {names}")
    } else {
        format!("--instrument {name}: the journal has several of this name; {names}")
    })
}

impl Instruments {
    fn named(&self, name: &str) -> Vec<u32> {
        let is_named = |spec: &&InstrumentSpec| {
            spec.symbol.eq_ignore_ascii_case(name) || spec.name.eq_ignore_ascii_case(name)
        };
        let found = self.specs.values().filter(is_named);
        found.map(|spec| spec.id.0).collect()
    }
}
