//! The Parquet file: its schema, and row groups streamed into it.

use std::fs::File;
use std::sync::Arc;

use model::record::{Kind, Record};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::super::instruments::Instruments;
use super::row::Row;
use crate::parquet_table::{Column, DECIMALS, bytes, fixed};

/// Rows of one row group: what is held in memory before it is written, about 60 MB.
const ROWS_PER_GROUP: usize = 1 << 17;
/// Effort of the compression: Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

/// The columns, in this order. `README.md` beside this file says what each is.
const SCHEMA: &str = "message caracal_journal {
    REQUIRED INT64 seq (INTEGER(64,false));
    REQUIRED INT64 event (INTEGER(64,false));
    REQUIRED INT64 time (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 stamp (TIMESTAMP(NANOS,true));
    REQUIRED BYTE_ARRAY kind (STRING);
    REQUIRED INT32 kind_code (INTEGER(8,false));
    REQUIRED INT32 source (INTEGER(8,false));
    REQUIRED INT32 flags (INTEGER(8,false));
    REQUIRED INT32 detail (INTEGER(8,false));
    OPTIONAL INT32 instrument (INTEGER(32,false));
    OPTIONAL BYTE_ARRAY symbol (STRING);
    OPTIONAL INT32 account (INTEGER(16,false));
    OPTIONAL INT32 strategy (INTEGER(16,false));
    OPTIONAL BYTE_ARRAY client_order_id (STRING);
    OPTIONAL INT64 venue_order_id (INTEGER(64,false));
    OPTIONAL INT64 command (INTEGER(64,false));
    OPTIONAL BYTE_ARRAY side (STRING);
    OPTIONAL INT64 price_ticks;
    OPTIONAL INT64 qty_lots;
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) price (DECIMAL(38,18));
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) qty (DECIMAL(38,18));
    OPTIONAL INT64 trade_id (INTEGER(64,false));
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) fee (DECIMAL(38,18));
    OPTIONAL BYTE_ARRAY fee_asset (STRING);
    OPTIONAL BYTE_ARRAY status (STRING);
    OPTIONAL BYTE_ARRAY reason (STRING);
    OPTIONAL INT32 code;
    OPTIONAL BYTE_ARRAY text (STRING);
    OPTIONAL BYTE_ARRAY levels (STRING);
    REQUIRED FIXED_LEN_BYTE_ARRAY(80) body;
}";

const _: () = assert!(DECIMALS == 18, "the schema's decimals");
const _: () = assert!(model::limits::BODY_BYTES == 80, "the schema's body");

/// A Parquet file that is being written.
pub(super) struct Table {
    writer: SerializedFileWriter<File>,
    rows: usize,
    columns: Columns,
    /// Names of the kinds by code, shared by all rows.
    kinds: Vec<ByteArray>,
}

/// The row group under way. Each of the vectors is in the schema's order among its type.
struct Columns {
    seq: Column<i64>,
    event: Column<i64>,
    time: Column<i64>,
    stamp: Column<i64>,
    kind: Column<ByteArray>,
    /// Code of the kind, source, flags, detail.
    bytes: [Column<i32>; 4],
    instrument: Column<i32>,
    symbol: Column<ByteArray>,
    account: Column<i32>,
    strategy: Column<i32>,
    client_order_id: Column<ByteArray>,
    venue_order_id: Column<i64>,
    command: Column<i64>,
    side: Column<ByteArray>,
    price_ticks: Column<i64>,
    qty_lots: Column<i64>,
    price: Column<FixedLenByteArray>,
    qty: Column<FixedLenByteArray>,
    trade_id: Column<i64>,
    fee: Column<FixedLenByteArray>,
    fee_asset: Column<ByteArray>,
    status: Column<ByteArray>,
    reason: Column<ByteArray>,
    code: Column<i32>,
    text: Column<ByteArray>,
    levels: Column<ByteArray>,
    body: Column<FixedLenByteArray>,
}

impl Table {
    /// An empty file of the journal with this id.
    ///
    /// # Errors
    ///
    /// What the Parquet writer says.
    pub(super) fn new(file: File, journal_id: u64) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_created_by(format!("caracal {}", env!("CARGO_PKG_VERSION")))
            .set_key_value_metadata(Some(vec![
                KeyValue::new("caracal.journal".to_owned(), format!("{journal_id:016x}")),
                KeyValue::new("caracal.schema".to_owned(), "1".to_owned()),
            ]))
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            writer: SerializedFileWriter::new(file, schema, Arc::new(properties))?,
            rows: 0,
            columns: Columns::new(),
            kinds: (0..=u8::MAX).map(kind_name).collect(),
        })
    }

    /// Takes the next row, and writes the row group when it is full.
    ///
    /// # Errors
    ///
    /// What the Parquet writer says.
    pub(super) fn push(&mut self, record: &Record, instruments: &Instruments) -> Result<()> {
        let kind = self.kinds[usize::from(record.kind)].clone();
        self.columns.push_header(record, kind, instruments);
        self.columns.push_row(Row::new(record, instruments));
        let body = FixedLenByteArray::from(record.body.to_vec());
        self.columns.body.push(body);
        self.rows += 1;
        if self.rows == ROWS_PER_GROUP {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes what is left, and the file's end.
    ///
    /// # Errors
    ///
    /// What the Parquet writer says.
    pub(super) fn finish(mut self) -> Result<File> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.into_inner()
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        self.columns.write(&mut group)?;
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

fn kind_name(code: u8) -> ByteArray {
    match Kind::from_code(code) {
        Some(kind) => bytes(kind.name()),
        None => bytes("?"),
    }
}

/// The 64 bits as they are; Parquet's logical type says that they have no sign.
const fn signed(value: u64) -> i64 {
    value.cast_signed()
}

impl Columns {
    const fn new() -> Self {
        Self {
            seq: Column::required(),
            event: Column::required(),
            time: Column::required(),
            stamp: Column::optional(),
            kind: Column::required(),
            bytes: [const { Column::required() }; 4],
            instrument: Column::optional(),
            symbol: Column::optional(),
            account: Column::optional(),
            strategy: Column::optional(),
            client_order_id: Column::optional(),
            venue_order_id: Column::optional(),
            command: Column::optional(),
            side: Column::optional(),
            price_ticks: Column::optional(),
            qty_lots: Column::optional(),
            price: Column::optional(),
            qty: Column::optional(),
            trade_id: Column::optional(),
            fee: Column::optional(),
            fee_asset: Column::optional(),
            status: Column::optional(),
            reason: Column::optional(),
            code: Column::optional(),
            text: Column::optional(),
            levels: Column::optional(),
            body: Column::required(),
        }
    }

    fn push_header(&mut self, record: &Record, kind: ByteArray, instruments: &Instruments) {
        let stamp = (record.stamp_ns != 0).then_some(signed(record.stamp_ns));
        let instrument = record.instrument().map(|id| id.0);
        let spec = instrument.and_then(|number| instruments.get(number));
        self.seq.push(signed(record.seq));
        self.event.push(signed(record.event));
        self.time.push(signed(record.time_ns));
        self.stamp.push_optional(stamp);
        self.kind.push(kind);
        let codes = [record.kind, record.source, record.flags, record.detail];
        for (column, code) in self.bytes.iter_mut().zip(codes) {
            column.push(i32::from(code));
        }
        self.instrument
            .push_optional(instrument.map(u32::cast_signed));
        self.symbol
            .push_optional(spec.map(|spec| bytes(spec.symbol.as_str())));
        let account = record.account().map(|id| i32::from(id.0));
        self.account.push_optional(account);
        let strategy = record.strategy().map(|id| i32::from(id.0));
        self.strategy.push_optional(strategy);
    }

    fn push_row(&mut self, row: Row) {
        self.client_order_id
            .push_optional(row.client_order_id.map(bytes));
        self.venue_order_id
            .push_optional(row.venue_order_id.map(signed));
        self.command.push_optional(row.command.map(signed));
        self.side.push_optional(row.side.map(bytes));
        self.price_ticks.push_optional(row.price_ticks);
        self.qty_lots.push_optional(row.qty_lots);
        self.price.push_optional(row.price.map(fixed));
        self.qty.push_optional(row.qty.map(fixed));
        self.trade_id.push_optional(row.trade_id.map(signed));
        self.fee.push_optional(row.fee.map(fixed));
        self.fee_asset.push_optional(row.fee_asset.map(bytes));
        self.status.push_optional(row.status.map(bytes));
        self.reason.push_optional(row.reason.map(bytes));
        self.code.push_optional(row.code);
        self.text.push_optional(row.text.map(bytes));
        self.levels.push_optional(row.levels.map(bytes));
    }

    /// Writes every column, in the schema's order.
    fn write(&mut self, group: &mut SerializedRowGroupWriter<'_, File>) -> Result<()> {
        let mut next = Next(group);
        next.int64(&mut self.seq)?;
        next.int64(&mut self.event)?;
        next.int64(&mut self.time)?;
        next.int64(&mut self.stamp)?;
        next.text(&mut self.kind)?;
        for column in &mut self.bytes {
            next.int32(column)?;
        }
        next.int32(&mut self.instrument)?;
        next.text(&mut self.symbol)?;
        next.int32(&mut self.account)?;
        next.int32(&mut self.strategy)?;
        next.text(&mut self.client_order_id)?;
        next.int64(&mut self.venue_order_id)?;
        next.int64(&mut self.command)?;
        next.text(&mut self.side)?;
        next.int64(&mut self.price_ticks)?;
        next.int64(&mut self.qty_lots)?;
        next.fixed(&mut self.price)?;
        next.fixed(&mut self.qty)?;
        next.int64(&mut self.trade_id)?;
        next.fixed(&mut self.fee)?;
        next.text(&mut self.fee_asset)?;
        next.text(&mut self.status)?;
        next.text(&mut self.reason)?;
        next.int32(&mut self.code)?;
        next.text(&mut self.text)?;
        next.text(&mut self.levels)?;
        next.fixed(&mut self.body)
    }
}

/// Writes the row group's next column, which must be of the type that the call names.
struct Next<'a, 'g>(&'a mut SerializedRowGroupWriter<'g, File>);

macro_rules! next_column {
    ($name:ident, $value:ty, $type:ty) => {
        fn $name(&mut self, column: &mut Column<$value>) -> Result<()> {
            // `None` behind the last column; the schema has as many as `write` writes.
            if let Some(mut writer) = self.0.next_column()? {
                column.write(writer.typed::<$type>())?;
                writer.close()?;
            }
            Ok(())
        }
    };
}

impl Next<'_, '_> {
    next_column!(int32, i32, Int32Type);
    next_column!(int64, i64, Int64Type);
    next_column!(text, ByteArray, ByteArrayType);
    next_column!(fixed, FixedLenByteArray, FixedLenByteArrayType);
}
