//! The model checker over the real protocol: every order of steps, every value a load may see.
//!
//! The rest of a place is atomic here too, but relaxed: so that a reader that looks too early gets
//! an old value, which fails the test, in place of undefined behaviour. Not modelled is what makes
//! real memory hold what was stored: the compiler and the processor keep to the same rules.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::*;

/// A place in the checker's memory: its word, and two words of the rest.
#[derive(Default)]
struct Modelled {
    word: AtomicU64,
    rest: [AtomicU64; 2],
}

impl Modelled {
    fn rest(&self) -> [u64; 2] {
        self.rest
            .each_ref()
            .map(|word| word.load(Ordering::Relaxed))
    }
}

impl Place for &Modelled {
    fn word(&self, order: Ordering) -> u64 {
        self.word.load(order)
    }

    fn set_word(&self, word: u64, order: Ordering) {
        self.word.store(word, order);
    }

    fn store_rest(&self, seq: u64, tail: &[u64; 14]) {
        self.rest[0].store(seq, Ordering::Relaxed);
        self.rest[1].store(tail[13], Ordering::Relaxed);
    }

    fn fence(order: Ordering) {
        loom::sync::atomic::fence(order);
    }
}

const PLACES: usize = 3;

fn places() -> Arc<[Modelled; PLACES]> {
    Arc::new(std::array::from_fn(|_| Modelled::default()))
}

fn publish_all(places: &[Modelled], publish: impl Fn(&&Modelled, u64)) {
    for (seq, place) in (1..).zip(places) {
        publish(&place, seq);
    }
}

fn properly(place: &&Modelled, seq: u64) {
    publish(place, 1 << 32 | seq, seq, &[seq * 3; 14]);
}

/// Looks from each end on that it reached, `looks` times; whether all that it saw was whole.
fn read(places: &[Modelled], looks: usize) -> bool {
    let mut seen = 0;
    let mut whole = true;
    for _ in 0..looks {
        seen += published(places.len() - seen, |index| &places[seen + index]);
        // What was seen before is looked at again: a lent record stays as it is.
        let expected = (1..).map(|seq: u64| [seq, seq * 3]);
        whole &= places[..seen]
            .iter()
            .zip(expected)
            .all(|(place, rest)| place.rest() == rest);
    }
    whole
}

/// Goal (J4, fault 53): no reader ever sees a part of a record, in any interleaving.
#[test]
fn publication_reader_sees_whole_records_only() {
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&runs);
    loom::model(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let shared = places();
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || read(&*shared, 2))
        };
        publish_all(&*shared, properly);
        assert!(reader.join().unwrap(), "a part of a record was seen");
        assert_eq!(published(PLACES, |index| &shared[index]), PLACES);
    });
    // Every order was tried, not one.
    assert!(runs.load(Ordering::Relaxed) > 20, "{runs:?} runs");
}

/// Goal: several readers do not disturb each other or the writer.
#[test]
fn publication_two_readers_see_whole_records_only() {
    loom::model(|| {
        let shared: Arc<[Modelled; 2]> = Arc::default();
        let readers = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || read(&*shared, 1))
        });
        publish_all(&*shared, properly);
        for reader in readers {
            assert!(reader.join().unwrap(), "a part of a record was seen");
        }
    });
}

/// Goal: the checker finds it when an order is too weak or the stores are swapped, so that the
/// tests above can fail.
#[test]
fn publication_checker_finds_a_broken_writer() {
    let relaxed = |place: &&Modelled, seq: u64| {
        place.store_rest(seq, &[seq * 3; 14]);
        place.set_word(1 << 32 | seq, Ordering::Relaxed);
    };
    let swapped = |place: &&Modelled, seq: u64| {
        place.set_word(1 << 32 | seq, Ordering::Release);
        place.store_rest(seq, &[seq * 3; 14]);
    };
    let broken: [fn(&&Modelled, u64); 2] = [relaxed, swapped];
    for publish in broken {
        let outcome = std::panic::catch_unwind(|| {
            loom::model(move || {
                let shared = places();
                let reader = {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || read(&*shared, 1))
                };
                publish_all(&*shared, publish);
                assert!(reader.join().unwrap(), "a part of a record was seen");
            });
        });
        assert!(outcome.is_err(), "a broken writer was not found");
    }
}

/// Goal: as above, for a reader that does not fence.
#[test]
fn publication_checker_finds_a_broken_reader() {
    let outcome = std::panic::catch_unwind(|| {
        loom::model(|| {
            let shared = places();
            let reader = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    (&&shared[0]).word(Ordering::Relaxed) == 0 || shared[0].rest() == [1, 3]
                })
            };
            publish_all(&*shared, properly);
            assert!(reader.join().unwrap(), "a part of a record was seen");
        });
    });
    assert!(outcome.is_err(), "a broken reader was not found");
}
