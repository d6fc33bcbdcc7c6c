//! Checkpoints as signed text: a C2SP tlog-checkpoint (<https://c2sp.org/tlog-checkpoint>) in a
//! signed note (<https://c2sp.org/signed-note>) with one Ed25519 signature, type 0x01.
//!
//! ```text
//! caracal.journal/00abcdef01234567
//! 1234
//! <base64 of the tree's root over records 1 to 1234>
//! time 1763841600000000000
//! cut                                  only if recovery wrote it, see `Checkpoint::cut`
//!                                      (an empty line)
//! <U+2014> caracal.journal/00abcdef01234567 <base64 of key id and signature>
//! ```
//!
//! The signature covers everything before the empty line. Notes stand one behind the other in the
//! file `checkpoints`: a checkpoint has no empty line inside, so where one ends is never in doubt.
//!
//! Thread: any, cold. Hot path: no.

use std::fmt;
use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::key::{Key, KeyError, PublicKey, SIGNATURE_BYTES, journal_of, name_of};
use super::tree::HASH_BYTES;

/// What a signature line begins with: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";
/// Most signature lines of a note; witnesses may have added theirs.
const SIGNATURES_MAX: usize = 16;
/// Longest note that is looked at, bytes.
const NOTE_BYTES_MAX: usize = 64 << 10;

/// Why a text is no checkpoint of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("it is no signed note: text, an empty line, signature lines")]
    NotANote,
    /// A signed note, but not a checkpoint.
    #[error("its text is no checkpoint: origin, size, root, time")]
    NotACheckpoint,
    /// No signature by this key.
    #[error("it has no signature of this key")]
    OtherKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
}

/// What a note says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of which journal.
    pub journal_id: u64,
    /// Records that it covers: sequences 1 to `size`.
    pub size: u64,
    /// Root of the Merkle tree over them.
    pub root: [u8; HASH_BYTES],
    /// When it was signed, nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Recovery found the log ending here, before the last checkpoint, after a power failure: the
    /// larger checkpoints before this one are void.
    pub cut: bool,
}

impl fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root);
        let (name, size) = (name_of(self.journal_id), self.size);
        write!(f, "{name}\n{size}\n{root}\ntime {}\n", self.time_ns)?;
        f.write_str(if self.cut { "cut\n" } else { "" })
    }
}

impl Checkpoint {
    /// Signs it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Crypto`] if the crypto library refuses.
    pub(crate) fn sign(&self, key: &Key) -> Result<String, KeyError> {
        let signature = key.sign(self.to_string().as_bytes())?;
        let id = key.public(self.journal_id).key_id();
        Ok(with_signature(self, id, &signature))
    }

    /// Reads the text of a note; it must be written as [`fmt::Display`] writes it.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let journal_id = journal_of(lines.next()?)?;
        let size = lines.next()?.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let time_ns = lines.next()?.strip_prefix("time ")?.parse().ok()?;
        let cut = lines.next() == Some("cut");
        let checkpoint = Self {
            journal_id,
            size,
            root,
            time_ns,
            cut,
        };
        Some(checkpoint).filter(|checkpoint| checkpoint.to_string() == text)
    }
}

/// The note with one signature line.
fn with_signature(
    checkpoint: &Checkpoint,
    key_id: [u8; 4],
    signature: &[u8; SIGNATURE_BYTES],
) -> String {
    let mut signed = key_id.to_vec();
    signed.extend_from_slice(signature);
    let (name, base64) = (name_of(checkpoint.journal_id), STANDARD.encode(signed));
    format!("{checkpoint}\n{SIGNATURE_MARK}{name} {base64}\n")
}

/// A signed note with a checkpoint, syntax checked, signature not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    checkpoint: Checkpoint,
    /// Key id and signature of each line with the journal's name.
    signatures: Vec<([u8; 4], [u8; SIGNATURE_BYTES])>,
    /// Signature lines of any name.
    lines: usize,
}

impl Note {
    /// Reads one note.
    ///
    /// # Errors
    ///
    /// [`NoteError::NotANote`], [`NoteError::NotACheckpoint`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX || note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::NotANote);
        }
        let at = note.rfind("\n\n").ok_or(NoteError::NotANote)?;
        let (text, signed) = (&note[..=at], &note[at + 2..]);
        let checkpoint = Checkpoint::parse(text).ok_or(NoteError::NotACheckpoint)?;
        let name = name_of(checkpoint.journal_id);
        let mut signatures = Vec::new();
        let mut lines = 0;
        for line in signed.split_inclusive('\n') {
            lines += 1;
            let fields = line
                .strip_suffix('\n')
                .and_then(|line| line.strip_prefix(SIGNATURE_MARK)?.split_once(' '));
            let (by, base64) = fields.ok_or(NoteError::NotANote)?;
            let bytes = STANDARD.decode(base64).map_err(|_| NoteError::NotANote)?;
            let (id, signature) = bytes.split_at_checked(4).ok_or(NoteError::NotANote)?;
            if by == name
                && let (Ok(id), Ok(signature)) = (id.try_into(), signature.try_into())
            {
                signatures.push((id, signature));
            }
        }
        if lines == 0 || lines > SIGNATURES_MAX {
            return Err(NoteError::NotANote);
        }
        Ok(Self {
            checkpoint,
            signatures,
            lines,
        })
    }

    /// What it says, if `key` signed it. Signatures of other keys are ignored, as the
    /// specification demands.
    ///
    /// # Errors
    ///
    /// [`NoteError::OtherKey`], [`NoteError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<Checkpoint, NoteError> {
        if key.journal_id() != self.checkpoint.journal_id {
            return Err(NoteError::OtherKey);
        }
        let id = key.key_id();
        let mut mine = self.signatures.iter().filter(|(by, _)| *by == id);
        let (_, signature) = mine.next().ok_or(NoteError::OtherKey)?;
        let text = self.checkpoint.to_string();
        if mine.next().is_some() || !key.checks(text.as_bytes(), signature) {
            return Err(NoteError::Signature);
        }
        Ok(self.checkpoint)
    }

    /// The note with this key's signature alone, as the journal has it.
    pub(crate) fn plain_text(&self, key: &PublicKey) -> String {
        let id = key.key_id();
        let mine = self.signatures.iter().find(|(by, _)| *by == id);
        mine.map_or_else(String::new, |(_, signature)| {
            with_signature(&self.checkpoint, id, signature)
        })
    }

    /// What it says, whoever signed it.
    #[must_use]
    pub const fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Whether it has one signature line and no more: as this crate writes notes.
    pub(crate) const fn is_plain(&self) -> bool {
        self.lines == 1
    }
}

/// Finds the notes that stand one behind the other in `bytes`, by their form only. What is left
/// behind the last whole one is the second result: a last note with zero bytes in it too. No note
/// has any; they stand where a power failure took the first of a note's sectors and left the rest.
pub(crate) fn split(bytes: &[u8]) -> (Vec<Range<usize>>, Range<usize>) {
    let mark = SIGNATURE_MARK.as_bytes();
    let mut notes = Vec::new();
    let mut start = 0;
    while let Some(blank) = find(&bytes[start..], b"\n\n") {
        let mut at = start + blank + 2;
        let signed_from = at;
        while bytes[at..].starts_with(mark)
            && let Some(end) = find(&bytes[at..], b"\n")
        {
            at += end + 1;
        }
        if at == signed_from {
            break;
        }
        notes.push(start..at);
        start = at;
    }
    while let Some(torn) = notes.pop_if(|last| bytes[last.clone()].contains(&0)) {
        start = torn.start;
    }
    (notes, start..bytes.len())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: u64 = 0x0123_4567_89ab_cdef;

    fn checkpoint(size: u64, cut: bool) -> Checkpoint {
        let mut root = [0; HASH_BYTES];
        for (i, byte) in root.iter_mut().enumerate() {
            *byte = i as u8 * 7;
        }
        Checkpoint {
            journal_id: JOURNAL,
            size,
            root,
            time_ns: 1_763_841_600_000_000_000 + size,
            cut,
        }
    }

    #[test]
    fn note_is_read_as_it_was_signed() {
        let key = Key::fixed(3);
        for cut in [false, true] {
            let said = checkpoint(42, cut);
            let note = Note::parse(&said.sign(&key).unwrap()).unwrap();
            assert_eq!(note.verify(&key.public(JOURNAL)), Ok(said));
            assert!(note.is_plain());
            let other = Key::fixed(4).public(JOURNAL);
            assert_eq!(note.verify(&other), Err(NoteError::OtherKey));
            let other = key.public(JOURNAL + 1);
            assert_eq!(note.verify(&other), Err(NoteError::OtherKey));
        }
    }

    /// Goal: a note with any bit changed is refused.
    #[test]
    fn note_with_any_bit_changed_is_refused() {
        let key = Key::fixed(3);
        let public = key.public(JOURNAL);
        let good = checkpoint(1_000, false).sign(&key).unwrap();
        for bit in 0..8 * good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            let read = Note::parse(&text).and_then(|note| note.verify(&public));
            assert!(read.is_err(), "bit {bit}: {text}");
        }
    }

    #[test]
    fn note_with_a_witness_is_read_and_is_not_plain() {
        let key = Key::fixed(3);
        let mut text = checkpoint(9, false).sign(&key).unwrap();
        text.push_str("\u{2014} witness.example AAAAAAECAwQFBgcICQ==\n");
        let note = Note::parse(&text).unwrap();
        assert!(note.verify(&key.public(JOURNAL)).is_ok());
        assert!(!note.is_plain());
    }

    /// Goal: the specification's own example of a signed note has the form that we read: only the
    /// text is no checkpoint of ours.
    #[test]
    fn example_of_the_specification() {
        let text = "Ognuno sta solo sul cuor della terra\n\n\u{2014} a.example/b \
                    NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQ\
                    waqP3ZekRwNtIc=\n";
        assert_eq!(Note::parse(text), Err(NoteError::NotACheckpoint));
        assert_eq!(Note::parse("a\n"), Err(NoteError::NotANote));
        assert_eq!(Note::parse(""), Err(NoteError::NotANote));
    }

    #[test]
    fn split_finds_whole_notes_and_the_torn_rest() {
        let key = Key::fixed(3);
        let notes: Vec<String> = (1..=3)
            .map(|size| checkpoint(size, size == 2).sign(&key).unwrap())
            .collect();
        let bytes = notes.concat().into_bytes();
        let whole = notes[0].len() + notes[1].len();
        for end in whole..bytes.len() {
            let (found, rest) = split(&bytes[..end]);
            assert_eq!(found.len(), 2, "cut at {end}");
            assert_eq!(rest, whole..end);
        }
        // The first sector of the last note is lost, and its end is there.
        let mut torn = bytes.clone();
        torn[whole..whole + 40].fill(0);
        let (found, rest) = split(&torn);
        assert_eq!((found.len(), rest), (2, whole..bytes.len()));
        // One that is not the last is no torn one.
        let mut changed = bytes.clone();
        changed[3] = 0;
        assert_eq!(split(&changed).0.len(), 3);
        let (found, rest) = split(&bytes);
        let texts: Vec<&[u8]> = found.into_iter().map(|range| &bytes[range]).collect();
        assert_eq!(
            texts,
            notes.iter().map(String::as_bytes).collect::<Vec<_>>()
        );
        assert!(rest.is_empty());
        assert_eq!(split(b""), (vec![], 0..0));
        assert_eq!(split(b"\n\nx"), (vec![], 0..3));
    }
}
