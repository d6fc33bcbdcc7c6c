//! The type that only risk can make.

use model::record::Record;

/// Something that risk let through. A gateway takes nothing else.
///
/// The field is private, and only this crate's risk module creates one:
///
/// ```compile_fail
/// let record = model::record::Record::ZERO;
/// let forged = engine::machine::Approved(record);
/// ```
///
/// ```compile_fail
/// let record = model::record::Record::ZERO;
/// let forged = engine::machine::Approved::new(record);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// Approves `value`. Callable inside risk only.
    pub(in crate::machine::risk) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for reading.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }
}

impl<T> AsRef<T> for Approved<T> {
    fn as_ref(&self) -> &T {
        &self.0
    }
}

impl Approved<Record> {
    /// The same command with its observed header fields set: the sequence place and the stamp.
    #[must_use]
    pub const fn observed(mut self, seq: u64, stamp_ns: u64) -> Self {
        self.0.seq = seq;
        self.0.stamp_ns = stamp_ns;
        self
    }
}
