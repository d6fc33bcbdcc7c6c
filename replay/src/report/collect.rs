//! What a report needs of a backtest, collected while it runs, in bounded memory.

use std::collections::VecDeque;

use model::body::{Liquidity, Side};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use super::series::Series;
use super::statistics::{Drawdown, Performance, performance};
use crate::backtest::{FillRow, Observer, OrderEnd, OrderRow, Sample};

/// Points of a plotted series.
const POINTS_MAX: usize = 4_096;
/// Points that ratios are reckoned from.
const PROFITS_MAX: usize = 65_536;
/// Fills that are marked in the price's plot: the last ones.
const MARKS_MAX: usize = 5_000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Upper ends of the bins of a latency, microseconds.
const LATENCY_US: [u64; 12] = [
    100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000,
];
/// Bins of a markout, in 0.01 % of the price: from -5 to 5 in steps of a half, and the tails.
const MARKOUT_BINS: usize = 22;

/// Numbers about orders and fills.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trading {
    /// Orders that were let through.
    pub orders: u64,
    /// Of these, such as were filled, in whole or in part.
    pub orders_filled: u64,
    /// Orders by their end.
    pub ends: Vec<(String, u64)>,
    /// Fills.
    pub fills: u64,
    /// Value filled over value ordered, each at the order's own price.
    pub fill_ratio: Option<f64>,
    /// Part of the traded value that we made.
    pub maker_share: Option<f64>,
    /// Value traded, reporting currency as far as quotes are in it.
    pub turnover: f64,
    /// Fees, reporting currency, as far as their assets had a rate.
    pub fees: f64,
    /// Fills whose fee is in an asset without a rate: it is not in `fees`.
    pub fees_without_rate: u64,
    /// Mean distance of fills from the middle when we heard of them, in our favour, value-weighted,
    /// in 0.01 % of the price.
    pub edge_bps: Option<f64>,
    /// The same against the middle one second later: what is left when the market has moved.
    pub markout_1s_bps: Option<f64>,
    /// The same ten seconds later.
    pub markout_10s_bps: Option<f64>,
    /// Mean distance of takers' fills from the middle when their orders were decided, against us,
    /// value-weighted, in 0.01 % of the price: what waiting and crossing cost.
    pub slippage_bps: Option<f64>,
    /// Mean time from the decision of an order to each of its fills, seconds.
    pub seconds_to_fill: Option<f64>,
    /// Part of the samples with a position.
    pub time_in_position: Option<f64>,
    /// Mean value of all positions, whatever their side, over the samples, reporting currency as
    /// far as quotes are in it.
    pub gross_exposure: Option<f64>,
    /// Largest such value.
    pub gross_exposure_max: f64,
}

/// A sum with weights.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.sum += value * weight;
        self.weight += weight;
    }

    fn get(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// Signed moves and changes of profit, in bounded memory: when it is full, neighbours become one.
#[derive(Debug, Default)]
struct Moves {
    all: Vec<(f64, f64)>,
    /// Samples in each, but for the last one.
    every: u64,
    /// Samples in the last one.
    last: u64,
}

impl Moves {
    fn add(&mut self, moved: f64, changed: f64) {
        if self.last == self.every || self.all.is_empty() {
            if self.all.len() == PROFITS_MAX {
                let pair = |two: &[(f64, f64)]| (two[0].0 + two[1].0, two[0].1 + two[1].1);
                self.all = self.all.chunks_exact(2).map(pair).collect();
                self.every *= 2;
            }
            self.every = self.every.max(1);
            self.all.push((0.0, 0.0));
            self.last = 0;
        }
        if let Some(last) = self.all.last_mut() {
            *last = (last.0 + moved, last.1 + changed);
            self.last += 1;
        }
    }
}

/// One instant of the plots.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Profit, reporting currency.
    pub profit: f64,
    /// Fall from the highest profit so far, reporting currency.
    pub drawdown: f64,
    /// Position of the first instrument, base.
    pub position: f64,
    /// Middle of the first instrument, quote; `None` without a book.
    pub price: Option<f64>,
}

/// A fill in the plot of the price, first instrument only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FillMark {
    /// Our time, milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Price, quote.
    pub price: f64,
    /// Quantity, base.
    pub qty: f64,
    /// Whether we bought.
    pub buy: bool,
    /// Whether we made.
    pub maker: bool,
}

/// What an hour of the day, or a regime, brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Part {
    /// Samples in it.
    pub samples: u64,
    /// Profit in it, reporting currency.
    pub profit: f64,
}

/// Steps and lots of the instruments, for prices and quantities in units.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    /// Quote of one tick.
    pub tick: f64,
    /// Quantity of one lot.
    pub lot: f64,
    /// Base (quote for an inverse contract) of a quantity of 1.
    pub multiplier: f64,
    /// Whether a quantity is worth quote instead of base.
    pub inverse: bool,
}

impl Units {
    const NONE: Self = Self {
        tick: 1.0,
        lot: 1.0,
        multiplier: 1.0,
        inverse: false,
    };

    /// Value of lots at a price in ticks, quote; above 0 whatever the side.
    fn value(&self, ticks: f64, lots: i64) -> f64 {
        let quantity = lots.unsigned_abs() as f64 * self.lot * self.multiplier;
        if self.inverse {
            quantity
        } else {
            quantity * ticks * self.tick
        }
    }
}

/// See the module's header.
#[derive(Debug)]
pub struct Collector {
    units: Vec<Units>,
    cash: f64,
    capital: Option<f64>,
    profits: Series<f64>,
    points: Series<Point>,
    fall: Drawdown,
    high: f64,
    marks: VecDeque<FillMark>,
    hours: [Part; 24],
    /// Moves of the middle with the changes of profit beside them.
    moves: Moves,
    /// Profit and middle of the sample before.
    last: Option<(f64, Option<f64>)>,
    ordered: f64,
    filled: f64,
    trading: Trading,
    edge: Mean,
    second: Mean,
    ten_seconds: Mean,
    slippage: Mean,
    waits: Mean,
    made: f64,
    positions: (u64, u64),
    exposure: Mean,
    ends: [u64; 6],
    there_us: [u64; LATENCY_US.len() + 1],
    back_us: [u64; LATENCY_US.len() + 1],
    markouts: [u64; MARKOUT_BINS],
}

impl Collector {
    /// An empty one for these instruments. `cash` is what the accounts have of the reporting
    /// currency at the start: the capital where their equity is not known.
    #[must_use]
    pub fn new(units: Vec<Units>, cash: f64) -> Self {
        Self {
            units,
            cash,
            capital: None,
            profits: Series::new(PROFITS_MAX),
            points: Series::new(POINTS_MAX),
            fall: Drawdown::default(),
            high: f64::MIN,
            marks: VecDeque::new(),
            hours: [Part::default(); 24],
            moves: Moves::default(),
            last: None,
            ordered: 0.0,
            filled: 0.0,
            trading: Trading::default(),
            edge: Mean::default(),
            second: Mean::default(),
            ten_seconds: Mean::default(),
            slippage: Mean::default(),
            waits: Mean::default(),
            made: 0.0,
            positions: (0, 0),
            exposure: Mean::default(),
            ends: [0; 6],
            there_us: [0; LATENCY_US.len() + 1],
            back_us: [0; LATENCY_US.len() + 1],
            markouts: [0; MARKOUT_BINS],
        }
    }

    fn units(&self, instrument: usize) -> Units {
        self.units.get(instrument).copied().unwrap_or(Units::NONE)
    }

    /// The ratios of the profit.
    #[must_use]
    pub fn performance(&self) -> Performance {
        let capital = self.capital.or(Some(self.cash));
        let end = self.last.map(|(profit, _)| profit);
        performance(self.profits.points(), end, capital, self.fall)
    }

    /// The numbers about orders and fills.
    #[must_use]
    pub fn trading(&self) -> Trading {
        let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let names = ENDS.iter().map(|end| end.name().to_owned());
        Trading {
            ends: names.zip(self.ends).collect(),
            fill_ratio: ratio(self.filled, self.ordered),
            maker_share: ratio(self.made, self.trading.turnover),
            edge_bps: self.edge.get(),
            markout_1s_bps: self.second.get(),
            markout_10s_bps: self.ten_seconds.get(),
            slippage_bps: self.slippage.get(),
            seconds_to_fill: self.waits.get(),
            time_in_position: ratio(self.positions.0 as f64, self.positions.1 as f64),
            gross_exposure: self.exposure.get(),
            ..self.trading.clone()
        }
    }

    /// Points of the plots, at even intervals.
    #[must_use]
    pub fn points(&self) -> &[(u64, Point)] {
        self.points.points()
    }

    /// The last fills of the first instrument.
    pub fn marks(&self) -> impl Iterator<Item = &FillMark> {
        self.marks.iter()
    }

    /// Profit by hour of the day, UTC.
    #[must_use]
    pub const fn hours(&self) -> &[Part; 24] {
        &self.hours
    }

    /// Profit in quiet, middling and wild times: thirds by the size of the middle's move between
    /// samples, or, of more than 65,536, over as many samples as make so many moves. Moves of one
    /// size are together, in the quieter part.
    #[must_use]
    pub fn regimes(&self) -> [Part; 3] {
        let mut sizes: Vec<f64> = self.moves.all.iter().map(|one| one.0.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let largest = |third: usize| {
            let rank = (sizes.len() * third).div_ceil(3);
            rank.checked_sub(1).map_or(0.0, |rank| sizes[rank])
        };
        let (quiet, middling) = (largest(1), largest(2));
        let mut parts = [Part::default(); 3];
        for (moved, profit) in &self.moves.all {
            let place = usize::from(moved.abs() > quiet) + usize::from(moved.abs() > middling);
            parts[place].samples += 1;
            parts[place].profit += profit;
        }
        parts
    }

    /// Orders by the time to the venue and by the time of the answer: upper end in microseconds
    /// (`None`: beyond all), and counts.
    #[must_use]
    pub fn latencies(&self) -> Vec<(Option<u64>, u64, u64)> {
        let ends = LATENCY_US.iter().copied().map(Some).chain([None]);
        let counts = self.there_us.iter().zip(&self.back_us);
        let rows = ends.zip(counts);
        rows.map(|(end, (there, back))| (end, *there, *back))
            .collect()
    }

    /// Fills by their markout after a second: lower end in 0.01 % of the price (`None`: below all),
    /// and the count.
    #[must_use]
    pub fn markouts(&self) -> Vec<(Option<f64>, u64)> {
        let ends = [None].into_iter();
        let steps = (0..MARKOUT_BINS - 1).map(|bin| Some(bin as f64 / 2.0 - 5.0));
        ends.chain(steps).zip(self.markouts).collect()
    }
}

const ENDS: [OrderEnd; 6] = [
    OrderEnd::Filled,
    OrderEnd::Cancelled,
    OrderEnd::Expired,
    OrderEnd::Rejected,
    OrderEnd::NotSent,
    OrderEnd::Open,
];

fn bin(bins: &mut [u64; LATENCY_US.len() + 1], from_ns: u64, to_ns: u64) {
    if from_ns == 0 || to_ns < from_ns {
        return;
    }
    let us = (to_ns - from_ns) / 1_000;
    let place = LATENCY_US.partition_point(|end| *end <= us);
    bins[place] += 1;
}

fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

impl Observer for Collector {
    fn order(&mut self, row: &OrderRow) {
        let units = self.units(row.instrument.index());
        self.trading.orders += 1;
        self.trading.orders_filled += u64::from(row.filled.0 > 0);
        self.ordered += units.value(row.price.0 as f64, row.qty.0);
        self.filled += units.value(row.price.0 as f64, row.filled.0);
        if let Some(place) = ENDS.iter().position(|end| *end == row.end) {
            self.ends[place] += 1;
        }
        bin(&mut self.there_us, row.decided_ns, row.arrived_ns);
        bin(&mut self.back_us, row.arrived_ns, row.acked_ns);
    }

    fn fill(&mut self, row: &FillRow) {
        let units = self.units(row.instrument.index());
        let price = row.price.0 as f64 * units.tick;
        let value = units.value(row.price.0 as f64, row.qty.0);
        self.trading.fills += 1;
        self.trading.turnover += value;
        match row.fee {
            Some(fee) => self.trading.fees += float(fee),
            None => self.trading.fees_without_rate += 1,
        }
        let away = |middle_x2: i64| {
            let distance = middle_x2 as f64 / 2.0 - row.price.0 as f64;
            let in_favour = distance * row.side.sign() as f64;
            (middle_x2 > 0).then(|| in_favour / row.price.0 as f64 * 1e4)
        };
        let maker = row.liquidity == Liquidity::Maker;
        if maker {
            self.made += value;
        }
        if let Some(edge) = away(row.middle_x2) {
            self.edge.add(edge, value);
        }
        if !maker && let Some(edge) = away(row.middle_decided_x2) {
            self.slippage.add(-edge, value);
        }
        if let Some(second) = away(row.middle_1s_x2) {
            self.second.add(second, value);
            let bin = ((second + 5.0) * 2.0).floor().clamp(-1.0, 20.0) + 1.0;
            self.markouts[bin as usize] += 1;
        }
        if let Some(later) = away(row.middle_10s_x2) {
            self.ten_seconds.add(later, value);
        }
        if row.decided_ns > 0 {
            let wait = row.here_ns.saturating_sub(row.decided_ns);
            self.waits.add(wait as f64 / 1e9, 1.0);
        }
        if row.instrument.index() == 0 {
            if self.marks.len() == MARKS_MAX {
                self.marks.pop_front();
            }
            self.marks.push_back(FillMark {
                time_ms: row.here_ns / 1_000_000,
                price,
                qty: row.qty.0 as f64 * units.lot,
                buy: row.side == Side::Buy,
                maker,
            });
        }
    }

    fn sample(&mut self, sample: &Sample) {
        let known: Option<Decimal> = sample
            .profits
            .iter()
            .try_fold(Decimal::ZERO, |sum, profit| sum.checked_add((*profit)?));
        let Some(profit) = known.map(float) else {
            return;
        };
        if self.capital.is_none() {
            self.capital = sample.equity.map(float);
        }
        let units = self.units(0);
        let middle = sample.middles_x2.first().copied().unwrap_or(0);
        let price = (middle > 0).then(|| middle as f64 / 2.0 * units.tick);
        let held = sample.positions.iter().any(|lots| *lots != 0);
        self.positions.0 += u64::from(held);
        self.positions.1 += 1;
        let markets = sample.positions.iter().zip(&sample.middles_x2);
        let values = markets.enumerate().map(|(index, (lots, middle_x2))| {
            let middle = *middle_x2 as f64 / 2.0;
            self.units(index).value(middle, *lots)
        });
        let gross: f64 = values.sum();
        self.exposure.add(gross, 1.0);
        self.trading.gross_exposure_max = self.trading.gross_exposure_max.max(gross);
        self.high = self.high.max(profit);
        self.fall.add(sample.time_ns, profit);
        self.profits.add(sample.time_ns, profit);
        self.points.add(
            sample.time_ns,
            Point {
                profit,
                drawdown: self.high - profit,
                position: sample.positions.first().copied().unwrap_or(0) as f64 * units.lot,
                price,
            },
        );
        if let Some((before, price_before)) = self.last {
            let hour = usize::try_from(sample.time_ns / HOUR_NS % 24).unwrap_or(0);
            self.hours[hour].samples += 1;
            self.hours[hour].profit += profit - before;
            if let (Some(price), Some(price_before)) = (price, price_before) {
                self.moves.add(price - price_before, profit - before);
            }
        }
        self.last = Some((profit, price));
    }
}
