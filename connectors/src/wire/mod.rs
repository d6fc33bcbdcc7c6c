//! What the formats of all venues have in common: text, numbers and lists of messages, our
//! instruments by their symbols, our client order ids, a scanner's cursor. No venue is named here.
//!
//! Hot path: yes. Allocates: only where a module says so.

pub mod error;
pub mod inline;
pub(crate) mod loose;
pub mod order_id;
pub(crate) mod out;
pub mod raw;
pub(crate) mod scan;
pub mod symbols;
pub mod text;

pub use error::{WireError, WriteError};
pub use inline::Inline;
pub use raw::Raw;
pub use symbols::{SymbolError, Symbols};
pub use text::Text;
