//! A backtest's orders, fills and samples as Parquet, beside its report.
//!
//! Rows stream in row groups, so memory stays the same whatever the length. Times are nanoseconds
//! since the Unix epoch, null where there is none; `_ticks` and `_lots` are the machine's own
//! steps, and the column without that end is the same as an exact decimal. A file stands under its
//! name only when it is whole. The first failure is kept and told at the end: an observer cannot
//! stop a run, and the run's report is worth having without its tables.

use std::fs::File;
use std::path::{Path, PathBuf};

use model::body::{Liquidity, Side};
use model::ids::{ClientOrderId, StrategyId};
use model::instrument::InstrumentSpec;
use parquet::errors::Result as Written;
use replay::backtest::{FillRow, Observer, OrderRow, Sample};
use rust_decimal::Decimal;

use super::out::publish;
use crate::config::BacktestConfig;
use crate::output::Failure;
use crate::parquet_table::{Cell, DECIMALS, Table, decimal, widen};

/// The files' names.
pub(super) const TABLES: [&str; 3] = ["orders.parquet", "fills.parquet", "samples.parquet"];
/// Form of the files, `caracal.schema`.
const SCHEMA: &str = "1";

const ORDERS: &str = "message caracal_orders {
    REQUIRED BYTE_ARRAY client_order_id (STRING);
    OPTIONAL BYTE_ARRAY strategy (STRING);
    REQUIRED INT32 account;
    REQUIRED BYTE_ARRAY instrument (STRING);
    REQUIRED BYTE_ARRAY side (STRING);
    REQUIRED BYTE_ARRAY type (STRING);
    REQUIRED BYTE_ARRAY time_in_force (STRING);
    REQUIRED INT64 price_ticks;
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) price (DECIMAL(38,18));
    REQUIRED INT64 qty_lots;
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) qty (DECIMAL(38,18));
    REQUIRED INT64 filled_lots;
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) filled (DECIMAL(38,18));
    OPTIONAL INT64 decided (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 arrived (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 acknowledged (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 ended (TIMESTAMP(NANOS,true));
    REQUIRED BYTE_ARRAY end (STRING);
}";

/// A middle is doubled, so that half a tick is a whole number.
const FILLS: &str = "message caracal_fills {
    OPTIONAL BYTE_ARRAY client_order_id (STRING);
    OPTIONAL BYTE_ARRAY strategy (STRING);
    REQUIRED INT32 account;
    REQUIRED BYTE_ARRAY instrument (STRING);
    REQUIRED BYTE_ARRAY side (STRING);
    REQUIRED BYTE_ARRAY liquidity (STRING);
    REQUIRED INT64 price_ticks;
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) price (DECIMAL(38,18));
    REQUIRED INT64 qty_lots;
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) qty (DECIMAL(38,18));
    OPTIONAL FIXED_LEN_BYTE_ARRAY(16) fee (DECIMAL(38,18));
    OPTIONAL INT64 decided (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 at_venue (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 heard (TIMESTAMP(NANOS,true));
    OPTIONAL INT64 middle_x2_ticks;
    OPTIONAL INT64 middle_1s_x2_ticks;
    OPTIONAL INT64 middle_10s_x2_ticks;
}";

/// Three tables that are being written.
pub(super) struct Tables {
    dir: PathBuf,
    specs: Vec<InstrumentSpec>,
    strategies: Vec<String>,
    /// In the order of [`TABLES`].
    tables: [Table; 3],
    failed: Option<Failure>,
}

impl Tables {
    /// Empty ones in this directory.
    ///
    /// # Errors
    ///
    /// [`Failure`]: they cannot be made.
    pub(super) fn new(
        dir: &Path,
        config: &BacktestConfig,
        specs: &[InstrumentSpec],
    ) -> Result<Self, Failure> {
        let strategies = config.machine.strategies.iter();
        let strategies: Vec<String> = strategies.map(|one| one.name.clone()).collect();
        let samples = samples(strategies.len(), specs.len());
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let told = [
            ("caracal.schema", SCHEMA.to_owned()),
            ("caracal.currency", config.machine.reporting.clone()),
            (
                "caracal.strategies",
                serde_json::json!(strategies).to_string(),
            ),
            ("caracal.instruments", serde_json::json!(names).to_string()),
        ];
        let open = |place: usize, schema: &str| {
            let draft = dir.join(format!(".{}", TABLES[place]));
            let failed = |error: &dyn std::fmt::Display| {
                Failure::Message(format!("{}: {error}", draft.display()))
            };
            let file = File::create(&draft).map_err(|error| failed(&error))?;
            Table::new(file, schema, &told).map_err(|error| failed(&error))
        };
        Ok(Self {
            dir: dir.to_owned(),
            specs: specs.to_vec(),
            tables: [open(0, ORDERS)?, open(1, FILLS)?, open(2, &samples)?],
            strategies,
            failed: None,
        })
    }

    /// Ends the files and gives them their names.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the first one since the start. Then no file has its name.
    pub(super) fn finish(self) -> Result<(), Failure> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        for (table, name) in self.tables.into_iter().zip(TABLES) {
            let place = self.dir.join(name);
            let failed = |error: &dyn std::fmt::Display| {
                Failure::Message(format!("{}: {error}", place.display()))
            };
            let file = table.finish().map_err(|error| failed(&error))?;
            publish(&file, &self.dir, name).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    fn strategy(&self, id: Option<StrategyId>) -> Cell {
        let name = id.and_then(|id| self.strategies.get(usize::from(id.0)));
        Cell::of(name.cloned(), Cell::Text)
    }

    fn name(&self, instrument: usize) -> Cell {
        let name = self.specs.get(instrument).map(|spec| spec.name.clone());
        Cell::Text(name.unwrap_or_default())
    }

    fn price(&self, instrument: usize, ticks: i64) -> [Cell; 2] {
        let spec = self.specs.get(instrument);
        let exact = spec.and_then(|spec| decimal(spec.tick, ticks));
        [Cell::Whole(ticks), Cell::of(exact, Cell::Decimal)]
    }

    fn qty(&self, instrument: usize, lots: i64) -> [Cell; 2] {
        let spec = self.specs.get(instrument);
        let exact = spec.and_then(|spec| decimal(spec.lot, lots));
        [Cell::Whole(lots), Cell::of(exact, Cell::Decimal)]
    }

    fn keep(&mut self, place: usize, written: Written<()>) {
        if let (Err(error), None) = (written, &self.failed) {
            let place = self.dir.join(TABLES[place]);
            self.failed = Some(Failure::Message(format!("{}: {error}", place.display())));
        }
    }
}

/// Columns of `samples.parquet`: by number for each strategy and each instrument; their names are
/// in the metadata, for a name may hold what Parquet's text of a schema cannot.
fn samples(strategies: usize, instruments: usize) -> String {
    let mut text = String::from(
        "message caracal_samples {
        REQUIRED INT64 time (TIMESTAMP(NANOS,true));
        OPTIONAL FIXED_LEN_BYTE_ARRAY(16) equity (DECIMAL(38,18));\n",
    );
    for strategy in 0..strategies {
        text += "OPTIONAL FIXED_LEN_BYTE_ARRAY(16) profit_";
        text += &format!("{strategy} (DECIMAL(38,18));\n");
    }
    for instrument in 0..instruments {
        text += &format!("REQUIRED INT64 position_{instrument}_lots;\n");
        text += &format!("OPTIONAL INT64 middle_{instrument}_x2_ticks;\n");
    }
    text + "}"
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn order_id(raw: u64) -> Option<String> {
    ClientOrderId::from_raw(raw).map(|id| id.to_string())
}

/// Money in the reporting currency, to 18 digits behind the point.
fn money(value: Option<Decimal>) -> Cell {
    let units = value.map(|value| value.round_dp(DECIMALS));
    let units = units.and_then(|value| widen(value.mantissa(), value.scale()));
    Cell::of(units, Cell::Decimal)
}

fn middle(middle_x2: i64) -> Cell {
    Cell::of((middle_x2 > 0).then_some(middle_x2), Cell::Whole)
}

impl Observer for Tables {
    fn order(&mut self, row: &OrderRow) {
        if self.failed.is_some() {
            return;
        }
        let instrument = row.instrument.index();
        let head = [
            Cell::Text(order_id(row.client_id).unwrap_or_default()),
            self.strategy(row.strategy),
            Cell::Small(i32::from(row.account.0)),
            self.name(instrument),
            text(side(row.side)),
            Cell::Text(format!("{:?}", row.order_type)),
            Cell::Text(format!("{:?}", row.time_in_force)),
        ];
        let cells = head
            .into_iter()
            .chain(self.price(instrument, row.price.0))
            .chain(self.qty(instrument, row.qty.0))
            .chain(self.qty(instrument, row.filled.0))
            .chain([row.decided_ns, row.arrived_ns, row.acked_ns, row.ended_ns].map(Cell::time))
            .chain([text(row.end.name())]);
        let cells: Vec<Cell> = cells.collect();
        let written = self.tables[0].push(cells);
        self.keep(0, written);
    }

    fn fill(&mut self, row: &FillRow) {
        if self.failed.is_some() {
            return;
        }
        let instrument = row.instrument.index();
        let liquidity = match row.liquidity {
            Liquidity::Maker => "maker",
            Liquidity::Taker => "taker",
        };
        let head = [
            Cell::of(order_id(row.client_id), Cell::Text),
            self.strategy(row.strategy),
            Cell::Small(i32::from(row.account.0)),
            self.name(instrument),
            text(side(row.side)),
            text(liquidity),
        ];
        let cells = head
            .into_iter()
            .chain(self.price(instrument, row.price.0))
            .chain(self.qty(instrument, row.qty.0))
            .chain([money(row.fee)])
            .chain([row.decided_ns, row.there_ns, row.here_ns].map(Cell::time))
            .chain([row.middle_x2, row.middle_1s_x2, row.middle_10s_x2].map(middle));
        let cells: Vec<Cell> = cells.collect();
        let written = self.tables[1].push(cells);
        self.keep(1, written);
    }

    fn sample(&mut self, sample: &Sample) {
        if self.failed.is_some() {
            return;
        }
        let mut cells = vec![Cell::time(sample.time_ns), money(sample.equity)];
        cells.extend(sample.profits.iter().map(|profit| money(*profit)));
        for (lots, middle_x2) in sample.positions.iter().zip(&sample.middles_x2) {
            cells.extend([Cell::Whole(*lots), middle(*middle_x2)]);
        }
        let written = self.tables[2].push(cells);
        self.keep(2, written);
    }
}
