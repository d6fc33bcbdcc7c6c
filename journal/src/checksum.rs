//! CRC-32C of a record: 124 bytes, always the same length, so it can be laid out by hand; and
//! checking one record after the other with it.
//!
//! The processor's CRC instruction takes three cycles and can start one each cycle. A chain of 16
//! of them would wait for itself; here three chains of five run side by side and are joined by two
//! carry-less multiplications. The result is the same as the `crc32c` crate's, which is used where
//! these instructions are not there.
//!
//! Thread: any, pure. Hot path: yes. Allocates: no. Syscalls: none.

use std::arch::x86_64::{
    _mm_clmulepi64_si128, _mm_crc32_u32, _mm_crc32_u64, _mm_cvtsi32_si128, _mm_cvtsi128_si64,
    _mm_xor_si128,
};

use model::record::Record;

use crate::mapping::words;

/// The polynomial of CRC-32C, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// Moves a CRC over 80 and 40 bytes: what stands behind the first and the second chain. 33 less
/// than the bits, as the CRC of the product multiplies by that much.
const SHIFT_80: u32 = power_of_x(80 * 8 - 33);
const SHIFT_40: u32 = power_of_x(40 * 8 - 33);

/// x to the `n`th, modulo the polynomial.
const fn power_of_x(n: u32) -> u32 {
    let mut power = 0x8000_0000_u32;
    let mut i = 0;
    while i < n {
        let carry = if power & 1 == 1 { POLYNOMIAL } else { 0 };
        power = (power >> 1) ^ carry;
        i += 1;
    }
    power
}

/// CRC-32C of the upper half of `head`, of `seq` and of `tail`, starting from `seed`.
#[target_feature(enable = "sse4.2", enable = "pclmulqdq")]
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the instructions take and give 32-bit values in 64-bit registers"
)]
pub(crate) fn hardware(seed: u32, head: u64, seq: u64, tail: &[u64; 14]) -> u32 {
    let mut a = u64::from(_mm_crc32_u32(!seed, (head >> 32) as u32));
    let (mut b, mut c) = (0, 0);
    a = _mm_crc32_u64(a, seq);
    b = _mm_crc32_u64(b, tail[4]);
    c = _mm_crc32_u64(c, tail[9]);
    for i in 0..3 {
        a = _mm_crc32_u64(a, tail[i]);
        b = _mm_crc32_u64(b, tail[5 + i]);
        c = _mm_crc32_u64(c, tail[10 + i]);
    }
    a = _mm_crc32_u64(a, tail[3]);
    b = _mm_crc32_u64(b, tail[8]);
    let shift = |crc: u64, by: u32| {
        let (crc, by) = (
            _mm_cvtsi32_si128(crc as u32 as i32),
            _mm_cvtsi32_si128(by as i32),
        );
        _mm_clmulepi64_si128::<0>(crc, by)
    };
    let joined = _mm_xor_si128(shift(a, SHIFT_80), shift(b, SHIFT_40));
    let last = tail[13] ^ _mm_cvtsi128_si64(joined) as u64;
    !(_mm_crc32_u64(c, last) as u32)
}

/// How many of `records`, from the first on, are whole and have the sequences from `first_seq` on.
/// Records do not wait for each other: the processor sums several at a time, about six nanoseconds
/// each, which is as fast as memory brings them.
#[target_feature(enable = "sse4.2", enable = "pclmulqdq")]
pub(crate) fn good_prefix(seed: u32, first_seq: u64, records: &[Record]) -> usize {
    for (index, record) in records.iter().enumerate() {
        let [head, seq, tail @ ..] = words(record);
        let good = record.kind != 0
            && *seq == first_seq + index as u64
            && record.checksum == hardware(seed, *head, *seq, tail);
        if !good {
            return index;
        }
    }
    records.len()
}
