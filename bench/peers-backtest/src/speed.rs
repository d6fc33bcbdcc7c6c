//! By the clock: our backtest and hftbacktest's over the same market, one thread each, in turns.
//!
//! Both run a grid with the same rule and the same times to look; ours through the whole machine
//! (risk, orders, money) and from its files, hftbacktest's from an array in memory.

use std::path::Path;
use std::time::Instant;

use hftbacktest::backtest::Backtest;
use hftbacktest::backtest::data::Data;
use hftbacktest::depth::{
    HashMapMarketDepth, INVALID_MAX, INVALID_MIN, L2MarketDepth, MarketDepth, ROIVectorMarketDepth,
};
use hftbacktest::types::{Bot, ElapseResult, Event, OrdType, Side as TheirSide, TimeInForce};
use model::body::Side;
use model::event::Event as Ours;
use replay::backtest::{Plan, QueueChoice, Rules, Share};
use serde_json::json;

use crate::data::{Failure, Market, units, view};
use crate::ours::{self, Delays, Grid};
use crate::synthetic;
use crate::theirs::{self, Queue};

const MS: u64 = 1_000_000;
/// Times that the recording is repeated for [`alone`].
const TIMES: u64 = 20;
/// Turns; the best one counts.
const TURNS: u32 = 3;
/// Ticks of a side that our book holds densely.
const WINDOW: u32 = 1 << 17;

/// What was measured of one of them.
#[derive(Default)]
struct Best {
    rows_per_s: f64,
    orders: u64,
}

impl Best {
    fn take(&mut self, rows: u64, seconds: f64, orders: u64) {
        self.rows_per_s = self.rows_per_s.max(rows as f64 / seconds);
        self.orders = orders;
    }

    fn json(&self) -> serde_json::Value {
        json!({ "rows_per_s": self.rows_per_s, "orders": self.orders })
    }
}

/// Measures; prints one JSON object.
pub(crate) fn speed(dir: &Path, times: u64) -> Result<(), Failure> {
    let once = market_of(dir)?;
    let market = once.repeated(times)?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    market.write(&data)?;
    let rows = market.rows()?;
    let (tick, lot) = units(&market.spec)?;
    let events = Data::from_data(&market.events()?);
    let (grid, delays, share) = (grid(lot), DELAYS, SHARE);
    let (low, high) = prices(&market, tick)?;
    let [mut ours, mut sixteen, mut hash, mut roi] = std::array::from_fn(|_| Best::default());
    for _ in 0..TURNS {
        let began = Instant::now();
        let outcome = ours::run(&data, market.shift, vec![our_plan(&market, lot)])?.remove(0);
        ours.take(rows, began.elapsed().as_secs_f64(), outcome.counts.orders);
        let began = Instant::now();
        let depth = move || HashMapMarketDepth::new(tick, lot);
        let queue = Queue::Share(share);
        let mut backtest = theirs::plain(events.clone(), delays, queue, depth)?;
        let orders = trade(&mut backtest, grid, (tick, lot))?;
        hash.take(rows, began.elapsed().as_secs_f64(), orders);
        let began = Instant::now();
        let depth = move || ROIVectorMarketDepth::new(tick, lot, low, high);
        let mut backtest = theirs::plain(events.clone(), delays, queue, depth)?;
        let orders = trade(&mut backtest, grid, (tick, lot))?;
        roi.take(rows, began.elapsed().as_secs_f64(), orders);
    }
    for _ in 0..1 {
        let plans = (0..16).map(|_| our_plan(&market, lot)).collect();
        let began = Instant::now();
        let outcome = ours::run(&data, market.shift, plans)?.remove(0);
        sixteen.take(rows, began.elapsed().as_secs_f64(), outcome.counts.orders);
    }
    let books = books(&once, (tick, lot), (low, high))?;
    let found = json!({
        "rows": rows,
        "ours": ours.json(),
        "ours_16": sixteen.json(),
        "hashmap": hash.json(),
        "roi": roi.json(),
        "book_ns": { "ours": books[0], "hashmap": books[1], "roi": books[2] },
    });
    println!("{found}");
    Ok(())
}

fn market_of(dir: &Path) -> Result<Market, Failure> {
    if dir == Path::new("synthetic") {
        return synthetic::market();
    }
    Market::read(dir)
}

/// Ours alone, so many variants in one pass; prints how long it took.
pub(crate) fn alone(dir: &Path, count: usize) -> Result<(), Failure> {
    let market = market_of(dir)?.repeated(TIMES)?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    market.write(&data)?;
    let (_, lot) = units(&market.spec)?;
    let plans = (0..count).map(|_| our_plan(&market, lot)).collect();
    let began = Instant::now();
    let outcome = ours::run(&data, market.shift, plans)?.remove(0);
    let (took, rows) = (began.elapsed().as_secs_f64(), market.rows()?);
    let found = json!({
        "rows": rows, "records": outcome.market_records, "orders": outcome.counts.orders,
        "events": outcome.counts.events, "seconds": took, "rows_per_s": rows as f64 / took,
    });
    println!("{found}");
    Ok(())
}

const DELAYS: Delays = Delays {
    there_ns: 5 * MS,
    back_ns: 5 * MS,
};

const SHARE: Share = Share::PowerOfRatio(3.0);

fn grid(lot: f64) -> Grid {
    let qty = ((0.02 / lot).round() as i64).max(1);
    Grid {
        qty,
        spread: 20,
        step: 10,
        levels: 5,
        skew: 20,
        position_max: 10 * qty,
        every_ns: 100 * MS,
    }
}

fn our_plan(market: &Market, lot: f64) -> Plan {
    let queue = QueueChoice::Probable(SHARE);
    ours::plan(
        &market.spec,
        grid(lot),
        DELAYS,
        queue,
        Rules::LIKE_HFTBACKTEST,
    )
}

/// The prices that trades had, and 10 % around them: the region that its vector depth looks at.
fn prices(market: &Market, tick: f64) -> Result<(f64, f64), Failure> {
    let (mut low, mut high) = (f64::MAX, 0.0_f64);
    for record in market.trades() {
        if let Ours::Trade(trade) = view(record)? {
            let price = trade.price.0 as f64 * tick;
            (low, high) = (low.min(price), high.max(price));
        }
    }
    Ok((low * 0.9, high * 1.1))
}

/// The grid's rule, as our strategy has it, over its interface; returns how many orders it placed.
fn trade<MD: MarketDepth>(
    backtest: &mut Backtest<MD>,
    grid: Grid,
    (tick, lot): (f64, f64),
) -> Result<u64, Failure> {
    let (mut next_id, mut placed) = (1_u64, 0);
    let every = grid.every_ns.cast_signed();
    let mut cancels: Vec<u64> = Vec::new();
    let mut missing: Vec<(Side, i64)> = Vec::new();
    while backtest.elapse(every)? == ElapseResult::Ok {
        let (bid, ask) = {
            let depth = backtest.depth(0);
            (depth.best_bid_tick(), depth.best_ask_tick())
        };
        if bid == INVALID_MIN || ask == INVALID_MAX || bid >= ask {
            continue;
        }
        backtest.clear_inactive_orders(Some(0));
        let position = (backtest.position(0) / lot).round() as i64;
        let centre_x2 = bid + ask - grid.skew * position * 2 / grid.position_max;
        cancels.clear();
        missing.clear();
        for side in [Side::Buy, Side::Sell] {
            let sign = side.sign();
            let outer = centre_x2 - sign * grid.spread;
            let first = match side {
                Side::Buy => (outer.div_euclid(2 * grid.step) * grid.step).min(ask - 1),
                Side::Sell => (-(-outer).div_euclid(2 * grid.step) * grid.step).max(bid + 1),
            };
            let room = (grid.position_max - position * sign).max(0);
            let count = (room / grid.qty).min(grid.levels);
            let price = |index: i64| first - index * grid.step * sign;
            let theirs = match side {
                Side::Buy => TheirSide::Buy,
                Side::Sell => TheirSide::Sell,
            };
            let own = || backtest.orders(0).values().filter(|own| own.side == theirs);
            let stray = own().filter(|own| {
                own.cancellable() && !(0..count).any(|index| price(index) == own.price_tick)
            });
            cancels.extend(stray.map(|own| own.order_id));
            let free = (0..count).map(price);
            let free = free.filter(|&price| !own().any(|own| own.price_tick == price));
            missing.extend(free.map(|price| (side, price)));
        }
        for id in &cancels {
            backtest.cancel(0, *id, false)?;
        }
        for &(side, price) in &missing {
            let (price, qty) = (price as f64 * tick, grid.qty as f64 * lot);
            let (gtx, limit) = (TimeInForce::GTX, OrdType::Limit);
            match side {
                Side::Buy => backtest.submit_buy_order(0, next_id, price, qty, gtx, limit, false),
                Side::Sell => backtest.submit_sell_order(0, next_id, price, qty, gtx, limit, false),
            }?;
            next_id += 1;
            placed += 1;
        }
    }
    Ok(placed)
}

/// Nanoseconds a level of a book's update, the best prices read once a message: ours, its hash map,
/// its vector.
fn books(
    market: &Market,
    (tick, lot): (f64, f64),
    (low, high): (f64, f64),
) -> Result<[f64; 3], Failure> {
    let mut best = [f64::MAX; 3];
    for _ in 0..7 {
        let mut book = engine::machine::Book::new(WINDOW);
        let (mut levels, mut sum) = (0_u64, 0_i64);
        let began = Instant::now();
        for record in market.depth() {
            match view(record)? {
                Ours::BookReset(reset) => book.reset(record, reset),
                Ours::BookLevels(body) => {
                    levels += body.iter(record.detail).count() as u64;
                    if book.levels(record, body) {
                        let best = [Side::Buy, Side::Sell].map(|side| book.best(side));
                        sum += best
                            .iter()
                            .flatten()
                            .map(|level| level.price.0)
                            .sum::<i64>();
                    }
                }
                _ => {}
            }
        }
        let took = began.elapsed().as_nanos() as f64 / levels as f64;
        best[0] = best[0].min(took);
        let (hash, hash_sum) = theirs_book(market, HashMapMarketDepth::new(tick, lot), levels)?;
        best[1] = best[1].min(hash);
        if hash_sum != sum {
            eprintln!("the best prices differ: {sum} and {hash_sum}");
        }
        let (roi, _) = theirs_book(
            market,
            ROIVectorMarketDepth::new(tick, lot, low, high),
            levels,
        )?;
        best[2] = best[2].min(roi);
    }
    Ok(best)
}

fn theirs_book<MD: MarketDepth + L2MarketDepth>(
    market: &Market,
    mut depth: MD,
    levels: u64,
) -> Result<(f64, i64), Failure> {
    let rows: Vec<(Event, bool)> = market.messages()?;
    let mut sum = 0;
    let began = Instant::now();
    for (row, last) in &rows {
        if row.ev & hftbacktest::types::BUY_EVENT != 0 {
            depth.update_bid_depth(row.px, row.qty, row.exch_ts);
        } else {
            depth.update_ask_depth(row.px, row.qty, row.exch_ts);
        }
        if *last {
            sum += depth.best_bid_tick() + depth.best_ask_tick();
        }
    }
    Ok((began.elapsed().as_nanos() as f64 / levels as f64, sum))
}
