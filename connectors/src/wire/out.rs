//! Bytes into a buffer of fixed size, and decimal digits: what requests are put together with.
//!
//! Hot path: yes. Allocates: no. Formatting machinery: none.

use crate::wire::WriteError;

/// Bytes into a buffer of fixed size; remembers that something did not fit.
pub(crate) struct Out<'b> {
    buffer: &'b mut [u8],
    length: usize,
    full: bool,
}

impl<'b> Out<'b> {
    pub(crate) const fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            full: false,
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.length..self.length + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.full = true,
        }
    }

    /// Several pieces with one check; all of them or none.
    #[inline]
    pub(crate) fn put_all<const N: usize>(&mut self, pieces: [&[u8]; N]) {
        let length = pieces.iter().fold(0, |sum, piece| sum + piece.len());
        let Some(mut place) = self.buffer.get_mut(self.length..self.length + length) else {
            self.full = true;
            return;
        };
        for piece in pieces {
            let (front, behind) = place.split_at_mut(piece.len());
            front.copy_from_slice(piece);
            place = behind;
        }
        self.length += length;
    }

    /// Whether something did not fit.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn written(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    pub(crate) const fn finish(self) -> Result<usize, WriteError> {
        if self.full {
            Err(WriteError::TooLong)
        } else {
            Ok(self.length)
        }
    }
}

/// Decimal digits of a number.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    #[inline]
    pub(crate) fn of(mut value: u64) -> Self {
        let mut bytes = [0; 20];
        let mut start = bytes.len();
        loop {
            start -= 1;
            bytes[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                return Self { bytes, start };
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
