//! One row group's values, column by column, as the Parquet writer takes them.

use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use parquet::errors::Result;

/// Values of a column, and for each row whether it has one.
#[derive(Debug)]
pub(crate) struct Column<V> {
    values: Vec<V>,
    /// 1 where the row has a value; empty for a column that every row has.
    present: Vec<i16>,
    required: bool,
}

impl<V> Column<V> {
    /// A column in which every row has a value.
    pub(crate) const fn required() -> Self {
        Self {
            values: Vec::new(),
            present: Vec::new(),
            required: true,
        }
    }

    /// A column in which a row may have none.
    pub(crate) const fn optional() -> Self {
        Self {
            values: Vec::new(),
            present: Vec::new(),
            required: false,
        }
    }

    /// The next row's value, in a column that every row has.
    pub(crate) fn push(&mut self, value: V) {
        self.values.push(value);
    }

    /// The next row's value, or none.
    pub(crate) fn push_optional(&mut self, value: Option<V>) {
        self.present.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    /// The next row's value, in a column of either sort. False, and nothing is put, if a row must
    /// have one and this has none.
    pub(super) fn put(&mut self, value: Option<V>) -> bool {
        match (self.required, value) {
            (true, None) => return false,
            (true, Some(value)) => self.push(value),
            (false, value) => self.push_optional(value),
        }
        true
    }

    /// Gives all values to the writer and is empty again.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub(crate) fn write<T: DataType<T = V>>(
        &mut self,
        writer: &mut ColumnWriterImpl<'_, T>,
    ) -> Result<()> {
        let present = (!self.required).then_some(&self.present[..]);
        writer.write_batch(&self.values, present, None)?;
        self.values.clear();
        self.present.clear();
        Ok(())
    }
}

/// Text as Parquet has it.
pub(crate) fn bytes(text: impl Into<String>) -> ByteArray {
    ByteArray::from(text.into().into_bytes())
}

/// A decimal's units: sixteen bytes, big end first, two's complement.
pub(crate) fn fixed(units: i128) -> FixedLenByteArray {
    FixedLenByteArray::from(units.to_be_bytes().to_vec())
}
