//! How a record passes from the writer to its readers without a lock: the order of the stores and
//! loads, and nothing else.
//!
//! A place is one word that is zero until something is published there, and the rest. The writer
//! stores the rest and then the word, with release order. A reader loads the word; when it is not
//! zero it fences with acquire order, and only then looks at the rest. The rest of a published
//! place is never stored to again, so a reader may go on looking at it for as long as it likes.
//!
//! This is generic so that the code that the engine runs is also what the model checker runs, over
//! its own atomics (`publication/tests.rs`): every order of two threads' steps, and every value
//! that a weakly ordered processor may let a load see.
//!
//! Thread: any. Hot path: yes. Allocates: no. Locks: no. Syscalls: none.

use std::sync::atomic::Ordering;

/// The place of one record, as the protocol sees it.
pub(crate) trait Place {
    /// Loads the word, atomically.
    fn word(&self, order: Ordering) -> u64;

    /// Stores the word, atomically. The writer only.
    fn set_word(&self, word: u64, order: Ordering);

    /// Stores the rest: the second word and what is behind it. The writer only, and only as long
    /// as the first word is zero.
    fn store_rest(&self, seq: u64, tail: &[u64; 14]);

    /// Orders this thread's loads and stores.
    fn fence(order: Ordering);
}

/// Stores a record and publishes it with its first word, `head`, which must not be zero.
#[inline]
pub(crate) fn publish<P: Place>(place: &P, head: u64, seq: u64, tail: &[u64; 14]) {
    place.store_rest(seq, tail);
    // Pairs with the fence in `published`.
    place.set_word(head, Ordering::Release);
}

/// How many of the places from the first one on are published, up to `max`. The rest of these may
/// be looked at from now on.
#[inline]
pub(crate) fn published<P: Place>(max: usize, at: impl Fn(usize) -> P) -> usize {
    let mut count = 0;
    // Relaxed loads and one fence, because an acquire load is not promised to work on pages that
    // are mapped read-only, and because one fence is enough for all of them.
    while count < max && at(count).word(Ordering::Relaxed) != 0 {
        count += 1;
    }
    // Pairs with the release store in `publish`.
    P::fence(Ordering::Acquire);
    count
}

#[cfg(test)]
mod tests;
