//! Canonical digest of decided state: each part walks its fields in a fixed order.
//!
//! Every variable-length part is preceded by its length, so that no two states have the same walk.
//! Not here: latency stamps, log sequences, counters of what was observed only.

use model::codec;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

/// Something with decided state.
pub(crate) trait Digest {
    /// Feeds all decided state into `sink`.
    fn digest(&self, sink: &mut Sink);
}

/// Bytes that are hashed at once: many small pieces cost several times one large one.
const PIECE_BYTES: usize = 8_192;

/// Where state is fed into.
#[derive(Debug)]
pub(crate) struct Sink {
    hasher: blake3::Hasher,
    piece: [u8; PIECE_BYTES],
    used: usize,
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            piece: [0; PIECE_BYTES],
            used: 0,
        }
    }
}

impl Sink {
    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = &mut self.piece[self.used..];
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.used += now.len();
            rest = later;
            if self.used == PIECE_BYTES {
                self.hasher.update(&self.piece);
                self.used = 0;
            }
        }
    }

    /// Feeds 16 bytes: nearly all that is fed is one of these, and a copy of known length is a
    /// store or two.
    #[inline]
    fn feed_16(&mut self, bytes: [u8; 16]) {
        let after = self.used + bytes.len();
        match self.piece.get_mut(self.used..after) {
            Some(room) if after < PIECE_BYTES => {
                room.copy_from_slice(&bytes);
                self.used = after;
            }
            Some(_) | None => self.feed(&bytes),
        }
    }

    /// Feeds a number.
    #[inline]
    pub(crate) fn number(&mut self, value: impl Into<i128>) {
        self.feed_16(value.into().to_le_bytes());
    }

    /// Feeds a price.
    pub(crate) fn ticks(&mut self, value: Ticks) {
        self.number(value.0);
    }

    /// Feeds a quantity.
    pub(crate) fn lots(&mut self, value: Lots) {
        self.number(value.0);
    }

    /// Feeds an exact decimal, independent of trailing zeros.
    pub(crate) fn decimal(&mut self, value: Decimal) {
        self.feed_16(value.normalize().serialize());
    }

    /// Feeds a number that may be missing.
    pub(crate) fn optional(&mut self, value: Option<u64>) {
        self.number(value.is_some());
        self.number(value.unwrap_or(0));
    }

    /// Feeds bytes with their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.feed(bytes);
    }

    /// Feeds a configured value in the form in which it travels in the log.
    pub(crate) fn value<T: serde::Serialize>(&mut self, value: &T) {
        // What is held came out of a blob, so it can be encoded; were it not so, the empty form
        // would still be the same on every machine.
        self.bytes(&codec::encode(value).unwrap_or_default());
    }

    /// The digest.
    #[must_use]
    pub(crate) fn finish(&self) -> [u8; 32] {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.piece[..self.used]);
        *hasher.finalize().as_bytes()
    }
}

/// Running digest of the decided bytes of every event: eight bytes at a time, a bijection at each
/// step, so that one changed bit of one event always changes it.
///
/// It finds accidents, not attackers: against those the journal has its own chain.
/// Cost: about 10 ns an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct InputDigest([u64; 2]);

impl InputDigest {
    const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];

    /// Takes an event. The times inside a `Sent` body are observed and stay out.
    #[inline]
    pub(crate) fn push(&mut self, record: &Record) {
        self.push_as(record, record.event);
    }

    /// Takes an event as if it had this number.
    #[inline]
    pub(crate) fn push_as(&mut self, record: &Record, number: u64) {
        use zerocopy::IntoBytes;
        let (words, _) = record.as_bytes().as_chunks::<16>();
        let [first, second, _, body @ ..] = words else {
            return;
        };
        // The words of `Record::decided`, without a copy: of the header's six, the first one's
        // checksum, the sequence and the stamp count as 0.
        let mut digest = *self;
        let [kind, _sequence] = halves(first);
        digest.step([kind & !0 << 32, 0]);
        digest.step(halves(second));
        digest.step([number, 0]);
        let body = if record.kind == Kind::Sent.code() {
            body.get(..SENT_DECIDED_PAIRS).unwrap_or(body)
        } else {
            body
        };
        for pair in body {
            digest.step(halves(pair));
        }
        *self = digest;
    }

    #[inline]
    fn step(&mut self, pair: [u64; 2]) {
        for (lane, half) in pair.into_iter().enumerate() {
            self.0[lane] = (self.0[lane] ^ half)
                .wrapping_mul(Self::FACTORS[lane])
                .rotate_left(29);
        }
    }
}

/// Two words of a record.
#[inline]
fn halves(pair: &[u8; 16]) -> [u64; 2] {
    let (halves, _) = pair.as_chunks::<8>();
    match halves {
        [low, high] => [u64::from_le_bytes(*low), u64::from_le_bytes(*high)],
        _ => [0; 2],
    }
}

/// Command number and client id of a `Sent` body, in pairs of words.
const SENT_DECIDED_PAIRS: usize = 1;

impl Digest for InputDigest {
    fn digest(&self, sink: &mut Sink) {
        for lane in self.0 {
            sink.number(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::body::{Sent, Tick};
    use proptest::prelude::*;
    use zerocopy::{FromBytes, IntoBytes};

    fn of(record: &Record) -> InputDigest {
        let mut digest = InputDigest::default();
        digest.push(record);
        digest
    }

    #[test]
    fn input_digest_any_decided_bit_changed_differs() {
        let record = Record::new(
            Kind::Tick,
            &Tick {
                count: 7,
                reserved: [0; 72],
            },
        );
        let observed = |bit: usize| matches!(bit / 8, 0..4 | 8..16 | 40..48);
        for bit in 0..1024 {
            let mut bytes = [0_u8; 128];
            bytes.copy_from_slice(record.as_bytes());
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = Record::read_from_bytes(&bytes).unwrap();
            assert_eq!(of(&changed) == of(&record), observed(bit), "bit {bit}");
        }
    }

    #[test]
    fn input_digest_is_of_the_decided_bytes() {
        let record = Record::read_from_bytes(&[0xa5; 128]).unwrap();
        assert_eq!(of(&record), of(&record.decided()));
        assert_ne!(record, record.decided());
    }

    #[test]
    fn input_digest_latency_times_of_sent_do_not_count() {
        let mut sent = Sent {
            command: 3,
            client_id: 4,
            received_ns: 5,
            sequenced_ns: 6,
            intended_ns: 7,
            approved_ns: 8,
            taken_ns: 9,
            written_ns: 10,
            reserved: [0; 16],
        };
        let before = of(&Record::new(Kind::Sent, &sent));
        sent.received_ns = 99;
        sent.written_ns = 99;
        assert_eq!(of(&Record::new(Kind::Sent, &sent)), before);
        sent.command = 99;
        assert_ne!(of(&Record::new(Kind::Sent, &sent)), before);
    }

    proptest! {
        #[test]
        fn prop_sink_hashes_the_bytes_however_they_are_cut(
            lengths in proptest::collection::vec(0_usize..3 * PIECE_BYTES, 0..12),
        ) {
            let mut sink = Sink::default();
            let mut whole = Vec::new();
            for (index, length) in lengths.into_iter().enumerate() {
                let bytes = vec![index as u8; length];
                sink.bytes(&bytes);
                whole.extend((length as i128).to_le_bytes());
                whole.extend(bytes);
            }
            prop_assert_eq!(sink.finish(), *blake3::hash(&whole).as_bytes());
        }
    }
}
