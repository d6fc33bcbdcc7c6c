//! A level of a book as the venue writes it. Allocates: only for text with escapes.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::wire::text::Text;

/// A level: price, quantity, and whatever follows.
pub(in crate::okx) struct Rung<'a> {
    pub(in crate::okx) price: Text<'a>,
    pub(in crate::okx) qty: Text<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Rung<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rungs;
        impl<'de> Visitor<'de> for Rungs {
            type Value = Rung<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a price and a quantity")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Rung<'de>, A::Error> {
                use serde::de::Error;
                let missing = || A::Error::custom("a level without price or quantity");
                let price = items.next_element()?.ok_or_else(missing)?;
                let qty = items.next_element()?.ok_or_else(missing)?;
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Rung { price, qty })
            }
        }
        deserializer.deserialize_seq(Rungs)
    }
}
