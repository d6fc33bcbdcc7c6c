//! A market that walks at random: for machines without a recording. Seed 20261123.

use model::body::{BookLevels, BookReset, Level, Side, Trade};
use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Scale, Ticks};
use model::record::{Kind, Record, flags};

use crate::data::{Failure, Market};

const SEED: u64 = 20_261_123;
const START_NS: u64 = 1_700_000_000_000_000_000;
const MS: u64 = 1_000_000;
/// Messages; one in four is a trade.
const MESSAGES: u64 = 100_000;
/// Levels of a side.
const LEVELS: i64 = 500;
/// Middle at the start, ticks.
const MIDDLE: i64 = 600_000;

/// A generator as good as a bench needs (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// The market.
pub(crate) fn market() -> Result<Market, Failure> {
    let mut random = Random(SEED);
    let mut records = snapshot(&mut random);
    let (mut middle, mut at_ns, mut heard_ns) = (MIDDLE, START_NS, START_NS);
    for id in 2..MESSAGES + 2 {
        at_ns += MS / 10 + random.below(5 * MS);
        // One connection: what was said later is not heard earlier.
        heard_ns = heard_ns.max(at_ns + MS + random.below(MS));
        let record = if random.below(4) == 0 {
            trade(&mut random, id, at_ns, middle)
        } else {
            let step = if random.below(8) == 0 { 1 } else { 0 };
            let up = random.below(2) == 0;
            let change = move_of(&mut random, id, at_ns, middle, (step, up));
            middle += if up { step } else { -step };
            change
        };
        records.push(record.stamped(heard_ns));
    }
    Ok(Market::of(spec()?, records))
}

fn spec() -> Result<InstrumentSpec, Failure> {
    Ok(InstrumentSpec {
        id: InstrumentId(0),
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.BINANCE".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 1).ok_or("a tick")?,
        lot: Scale::new(1, 3).ok_or("a lot")?,
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(1_000_000),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: Contract::Spot,
    })
}

fn level(price: i64, qty: u64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty.cast_signed()),
    }
}

fn levels(id: u64, at_ns: u64, bids: &[Level], asks: &[Level], flags: u8) -> Vec<Record> {
    let all: Vec<Level> = bids.iter().chain(asks).copied().collect();
    let parts = BookLevels::cut(id, at_ns, &all, bids.len());
    let count = parts.len();
    let record = |(index, (body, detail)): (usize, (BookLevels, u8))| {
        let last = if index + 1 == count {
            flags::LAST_OF_MESSAGE
        } else {
            0
        };
        let mut record = Record::new(Kind::BookLevels, &body).with_flags(flags | last);
        record.detail = detail;
        record.on_instrument(InstrumentId(0)).stamped(at_ns)
    };
    parts.enumerate().map(record).collect()
}

fn snapshot(random: &mut Random) -> Vec<Record> {
    let mut side = |sign: i64| -> Vec<Level> {
        let prices = (1..=LEVELS).map(|index| MIDDLE + sign * index);
        prices
            .map(|price| level(price, 100 + random.below(5_000)))
            .collect()
    };
    let (bids, asks) = (side(-1), side(1));
    let parts = levels(1, START_NS, &bids, &asks, flags::SNAPSHOT);
    let reset = BookReset {
        update_id: 1,
        level_records: parts.len() as u64,
        reserved: [0; 64],
    };
    let reset = Record::new(Kind::BookReset, &reset).on_instrument(InstrumentId(0));
    let mut records = vec![reset.stamped(START_NS)];
    records.extend(parts);
    records
}

/// Four levels change; where the middle steps, the best one of a side goes and one of the other
/// comes.
fn move_of(
    random: &mut Random,
    id: u64,
    at_ns: u64,
    middle: i64,
    (step, up): (i64, bool),
) -> Record {
    let mut far = |sign: i64| {
        let distance = 1 + random.below(20).cast_signed() + step;
        level(middle + sign * distance, 100 + random.below(5_000))
    };
    let (mut bids, mut asks) = (vec![far(-1)], vec![far(1)]);
    if step == 0 {
        bids.push(far(-1));
        asks.push(far(1));
    } else if up {
        asks.push(level(middle + 1, 0));
        bids.push(level(middle, 1_000));
    } else {
        bids.push(level(middle - 1, 0));
        asks.push(level(middle, 1_000));
    }
    // Two of each side: one record.
    let mut parts = levels(id, at_ns, &bids, &asks, 0);
    parts.remove(0)
}

fn trade(random: &mut Random, id: u64, at_ns: u64, middle: i64) -> Record {
    let buys = random.below(2) == 0;
    let body = Trade {
        trade_id: id,
        venue_time_ns: at_ns,
        price: Ticks(if buys { middle + 1 } else { middle - 1 }),
        qty: Lots(1 + random.below(300).cast_signed()),
        aggressor: if buys { Side::Buy } else { Side::Sell },
        reserved: [0; 47],
    };
    Record::new(Kind::Trade, &body).on_instrument(InstrumentId(0))
}
