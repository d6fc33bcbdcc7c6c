//! Memory of a file on the heap, aligned to pages, that several mappings can share.
//!
//! Words are atomic, so that a mapping's writer and whoever reads or writes the file may use them
//! at the same time, as two processes may use the same pages.
//!
//! Thread: any. Hot path: no. Allocates: when it is made.

use std::sync::atomic::{AtomicU64, Ordering};

use zerocopy::{FromBytes, FromZeros, IntoBytes, KnownLayout};

/// Words of one page.
const PAGE_WORDS: usize = 512;
/// Bytes of one page.
const PAGE_BYTES: usize = PAGE_WORDS * WORD;
/// Bytes of a word.
const WORD: usize = size_of::<u64>();

#[derive(FromBytes, IntoBytes, KnownLayout)]
#[repr(C, align(4096))]
struct Page([AtomicU64; PAGE_WORDS]);

/// Zeroed memory of a whole number of pages.
pub struct Pages {
    pages: Box<[Page]>,
}

impl Pages {
    /// Memory for `len` bytes, all zero.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let count = len.div_ceil(PAGE_BYTES);
        // Asked for as zeros, so that the system need not make a page before it is used.
        let pages = <[Page]>::new_box_zeroed_with_elems(count).unwrap_or_else(|_| {
            // Where there is no memory, all allocations end like this.
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<Page>())
        });
        Self { pages }
    }

    /// Bytes that there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pages.len() * PAGE_BYTES
    }

    /// All bytes, while nobody else has them.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.pages.as_mut_bytes()
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.pages.as_ptr().cast_mut().cast()
    }

    /// Copies bytes out, as many as there are from `offset` on; returns how many.
    pub fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let count = buffer.len().min(self.size().saturating_sub(offset));
        let mut done = 0;
        while done < count {
            let at = offset + done;
            let bytes = self.word(at).load(Ordering::Acquire).to_le_bytes();
            let from = at % WORD;
            let step = (WORD - from).min(count - done);
            buffer[done..done + step].copy_from_slice(&bytes[from..from + step]);
            done += step;
        }
        count
    }

    /// Copies bytes in, as many as there is room for from `offset` on; returns how many.
    pub fn write(&self, bytes: &[u8], offset: usize) -> usize {
        let count = bytes.len().min(self.size().saturating_sub(offset));
        let mut done = 0;
        while done < count {
            let at = offset + done;
            let (word, from) = (self.word(at), at % WORD);
            let step = (WORD - from).min(count - done);
            let mut value = word.load(Ordering::Relaxed).to_le_bytes();
            value[from..from + step].copy_from_slice(&bytes[done..done + step]);
            word.store(u64::from_le_bytes(value), Ordering::Release);
            done += step;
        }
        count
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.pages[at / PAGE_BYTES].0[at % PAGE_BYTES / WORD]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_unaligned_bytes_come_back_and_ends_are_cut() {
        let pages = Pages::zeroed(5_000);
        assert_eq!(pages.size(), 8_192);
        let bytes: Vec<u8> = (1..=100).collect();
        assert_eq!(pages.write(&bytes, 4_045), 100);
        let mut out = [0; 102];
        assert_eq!(pages.read(&mut out, 4_044), 102);
        assert_eq!((out[0], &out[1..101], out[101]), (0, &bytes[..], 0));
        assert_eq!(pages.write(&bytes, 8_190), 2);
        assert_eq!(pages.read(&mut out, 8_190), 2);
        assert_eq!(pages.read(&mut out, 9_000), 0);
    }
}
