//! A small writer of typed columns to Parquet: rows stream in, row groups stream out.
//!
//! The schema is Parquet's own text; a row is a [`Cell`] for each column, in the schema's order. A
//! cell of another type than its column's is an error, not another value. Memory is that of one row
//! group, whatever the length. Off the hot path; allocates.

mod column;
mod exact;

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Compression, Type as Physical, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

pub(crate) use column::{Column, bytes, fixed};
pub(crate) use exact::{DECIMALS, decimal, widen};

/// Rows of one row group: what is held in memory before it is written.
const ROWS_PER_GROUP: usize = 1 << 15;
/// Effort of the compression: Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// None, in an optional column.
    None,
    /// `INT32`.
    Small(i32),
    /// `INT64`.
    Whole(i64),
    /// `DOUBLE`.
    Float(f64),
    /// `BYTE_ARRAY (STRING)`.
    Text(String),
    /// `FIXED_LEN_BYTE_ARRAY(16) (DECIMAL)`: whole units.
    Decimal(i128),
}

impl Cell {
    /// A value that may be missing.
    pub(crate) fn of<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::None, cell)
    }

    /// A time, nanoseconds since the Unix epoch; 0 is none.
    pub(crate) const fn time(ns: u64) -> Self {
        if ns == 0 {
            Self::None
        } else {
            Self::Whole(ns.cast_signed())
        }
    }
}

/// The row group under way, one of these a column.
enum Values {
    Small(Column<i32>),
    Whole(Column<i64>),
    Float(Column<f64>),
    Text(Column<ByteArray>),
    Decimal(Column<FixedLenByteArray>),
}

/// A Parquet file that is being written.
pub(crate) struct Table {
    writer: SerializedFileWriter<File>,
    columns: Vec<Values>,
    rows: usize,
}

impl Table {
    /// An empty file with this schema. `told` are keys and values of the file's metadata.
    ///
    /// # Errors
    ///
    /// A schema that cannot be, or what the Parquet writer says.
    pub(crate) fn new(file: File, schema: &str, told: &[(&str, String)]) -> Result<Self> {
        let told = told
            .iter()
            .map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_created_by(format!("caracal {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(told.collect()))
            .build();
        let schema = Arc::new(parse_message_type(schema)?);
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        let columns = writer.schema_descr().columns().iter().map(|column| {
            let optional = column.max_def_level() > 0;
            Values::new(column.physical_type(), optional)
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Self {
            writer,
            columns,
            rows: 0,
        })
    }

    /// Takes the next row, a cell for each column, and writes the row group when it is full.
    ///
    /// # Errors
    ///
    /// A row that does not fit the schema, or what the Parquet writer says. The table is then of no
    /// use any more.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Cell>) -> Result<()> {
        let mut cells = row.into_iter();
        for (index, column) in self.columns.iter_mut().enumerate() {
            let cell = cells.next().ok_or_else(|| wrong(index, "has no cell"))?;
            column.push(cell).map_err(|why| wrong(index, why))?;
        }
        if cells.next().is_some() {
            return Err(wrong(self.columns.len(), "is not in the schema"));
        }
        self.rows += 1;
        if self.rows == ROWS_PER_GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes what is left, and the file's end. The file is not synced yet.
    ///
    /// # Errors
    ///
    /// What the Parquet writer says.
    pub(crate) fn finish(mut self) -> Result<File> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.into_inner()
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            if let Some(writer) = group.next_column()? {
                column.write(writer)?;
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

fn wrong(column: usize, why: &str) -> ParquetError {
    ParquetError::General(format!("column {column} of a row {why}"))
}

impl Values {
    fn new(physical: Physical, optional: bool) -> Result<Self> {
        fn column<V>(optional: bool) -> Column<V> {
            if optional {
                Column::optional()
            } else {
                Column::required()
            }
        }
        Ok(match physical {
            Physical::INT32 => Self::Small(column(optional)),
            Physical::INT64 => Self::Whole(column(optional)),
            Physical::DOUBLE => Self::Float(column(optional)),
            Physical::BYTE_ARRAY => Self::Text(column(optional)),
            Physical::FIXED_LEN_BYTE_ARRAY => Self::Decimal(column(optional)),
            other @ (Physical::BOOLEAN | Physical::INT96 | Physical::FLOAT) => {
                return Err(ParquetError::NYI(format!("a column of {other}")));
            }
        })
    }

    fn push(&mut self, cell: Cell) -> std::result::Result<(), &'static str> {
        const OTHER: &str = "is of another type than the schema says";
        match (self, cell) {
            (Self::Small(column), Cell::Small(value)) => column.put(Some(value)),
            (Self::Small(column), Cell::None) => column.put(None),
            (Self::Whole(column), Cell::Whole(value)) => column.put(Some(value)),
            (Self::Whole(column), Cell::None) => column.put(None),
            (Self::Float(column), Cell::Float(value)) => column.put(Some(value)),
            (Self::Float(column), Cell::None) => column.put(None),
            (Self::Text(column), Cell::Text(value)) => column.put(Some(bytes(value))),
            (Self::Text(column), Cell::None) => column.put(None),
            (Self::Decimal(column), Cell::Decimal(units)) => column.put(Some(fixed(units))),
            (Self::Decimal(column), Cell::None) => column.put(None),
            _ => return Err(OTHER),
        }
        .then_some(())
        .ok_or("is empty, but every row must have it")
    }

    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<()> {
        match self {
            Self::Small(column) => column.write(writer.typed::<Int32Type>())?,
            Self::Whole(column) => column.write(writer.typed::<Int64Type>())?,
            Self::Float(column) => column.write(writer.typed::<DoubleType>())?,
            Self::Text(column) => column.write(writer.typed::<ByteArrayType>())?,
            Self::Decimal(column) => column.write(writer.typed::<FixedLenByteArrayType>())?,
        }
        writer.close()
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;

    const SCHEMA: &str = "message test {
        REQUIRED INT64 number;
        OPTIONAL BYTE_ARRAY name (STRING);
        OPTIONAL FIXED_LEN_BYTE_ARRAY(16) exact (DECIMAL(38,18));
        REQUIRED INT32 small;
    }";

    fn table() -> Table {
        Table::new(
            tempfile::tempfile().unwrap(),
            SCHEMA,
            &[("k", "v".to_owned())],
        )
        .unwrap()
    }

    #[test]
    fn table_reads_back_over_more_than_one_row_group() {
        let mut table = table();
        let count = i64::try_from(ROWS_PER_GROUP).unwrap() + 3;
        for number in 0..count {
            let there = number % 3 != 0;
            table
                .push([
                    Cell::Whole(number),
                    Cell::of(there.then(|| format!("n{number}")), Cell::Text),
                    Cell::of(
                        there.then_some(-i128::from(number) * 10_i128.pow(17)),
                        Cell::Decimal,
                    ),
                    Cell::Small(7),
                ])
                .unwrap();
        }
        let reader = SerializedFileReader::new(table.finish().unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let rows: Vec<String> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().to_string())
            .collect();
        assert_eq!(rows.len() as i64, count);
        assert_eq!(rows[0], "{number: 0, name: null, exact: null, small: 7}");
        assert_eq!(
            rows[32_768],
            "{number: 32768, name: \"n32768\", exact: -3276.800000000000000000, \
             small: 7}"
        );
    }

    #[test]
    fn table_refuses_a_row_that_does_not_fit() {
        let good = [Cell::Whole(1), Cell::None, Cell::None, Cell::Small(1)];
        let with = |place: usize, cell: Cell| {
            let mut row = good.to_vec();
            row[place] = cell;
            table().push(row).unwrap_err().to_string()
        };
        assert!(with(0, Cell::None).contains("column 0 of a row is empty"));
        assert!(with(1, Cell::Small(1)).contains("column 1 of a row is of another type"));
        let short = table().push(good[..3].to_vec()).unwrap_err().to_string();
        assert!(short.contains("column 3 of a row has no cell"), "{short}");
        let long = table().push([&good[..], &good[..1]].concat()).unwrap_err();
        assert!(long.to_string().contains("column 4 of a row is not in"));
        assert!(table().push(good.clone()).is_ok());
    }
}
