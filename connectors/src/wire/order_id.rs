//! Our client order ids as the venue carries them: a fixed prefix and sixteen hex digits.
//!
//! Binance allows `^[a-zA-Z0-9-_]{1,36}$`, OKX letters and digits alone, at most 32: there the
//! prefix has no hyphen. It tells our orders from a person's or another program's on the same
//! account; its letters hold no SQL keyword, which a firewall may stop.
//!
//! Hot path: yes. Allocates: no.

use model::ids::ClientOrderId;

/// What every id of ours begins with.
pub const PREFIX: &[u8; 8] = b"caracal-";
/// Length of an id's text.
pub const ORDER_ID_BYTES: usize = PREFIX.len() + 16;

/// What every id of ours begins with where only letters and digits are allowed.
pub const PLAIN_PREFIX: &[u8; 7] = b"caracal";
/// Length of such an id's text.
pub const PLAIN_ORDER_ID_BYTES: usize = PLAIN_PREFIX.len() + 16;

const _: () = assert!(ORDER_ID_BYTES <= 36 && PLAIN_ORDER_ID_BYTES <= 32);

/// The id's text.
#[inline]
#[must_use]
pub fn text_of(raw: u64) -> [u8; ORDER_ID_BYTES] {
    let mut text = [0; ORDER_ID_BYTES];
    text[..PREFIX.len()].copy_from_slice(PREFIX);
    write_digits(raw, &mut text[PREFIX.len()..]);
    text
}

/// The id's text of letters and digits alone.
#[inline]
#[must_use]
pub fn plain_text_of(raw: u64) -> [u8; PLAIN_ORDER_ID_BYTES] {
    let mut text = [0; PLAIN_ORDER_ID_BYTES];
    text[..PLAIN_PREFIX.len()].copy_from_slice(PLAIN_PREFIX);
    write_digits(raw, &mut text[PLAIN_PREFIX.len()..]);
    text
}

/// The id of a text; `None` for an order that is not ours.
#[inline]
#[must_use]
pub fn parse(text: &[u8]) -> Option<ClientOrderId> {
    parse_digits(text.strip_prefix(PREFIX)?)
}

/// The id of a text of letters and digits alone; `None` for an order that is not ours.
#[inline]
#[must_use]
pub fn parse_plain(text: &[u8]) -> Option<ClientOrderId> {
    parse_digits(text.strip_prefix(PLAIN_PREFIX)?)
}

#[inline]
fn write_digits(raw: u64, out: &mut [u8]) {
    for (at, digit) in out.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(raw >> (60 - 4 * at) & 0xf) as usize];
    }
}

#[inline]
fn parse_digits(digits: &[u8]) -> Option<ClientOrderId> {
    if digits.len() != 16 {
        return None;
    }
    let mut raw = 0;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        raw = raw << 4 | u64::from(value);
    }
    ClientOrderId::from_raw(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prop_order_id_text_gives_the_id_back(raw in 1_u64 << 40..) {
            let id = ClientOrderId::from_raw(raw).unwrap();
            prop_assert_eq!(parse(&text_of(raw)), Some(id));
            let plain = plain_text_of(raw);
            prop_assert!(plain.iter().all(u8::is_ascii_alphanumeric));
            prop_assert_eq!(parse_plain(&plain), Some(id));
            prop_assert_eq!((parse(&plain), parse_plain(&text_of(raw))), (None, None));
        }
    }

    #[test]
    fn order_id_of_somebody_else_is_none() {
        for text in [
            "",
            "caracal-",
            "caracal-0000010000000001x",
            "caracal-000001000000000G",
            "caracal-00000A0000000001",
            "caracal-0000000000000001",
            "web_0000010000000001",
            "4d96324ff9d44481926157ec08158a40",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
