//! Comparisons whose right answer is known by hand: a market of two levels, a few trades, and
//! orders whose real fate is written down.

use std::path::Path;

use journal::{Durability, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::{
    AssetName, BookLevels, BookReset, CancelOrder, Fill, Flag, Level, Liquidity, NewOrder,
    OrderStatus, SelfTrade, Side, Text, TimeInForce, Trade,
};
use model::body::{OrderReport, OrderType, RejectReason, Sent};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::instrument::Contract;
use model::num::{Lots, Money, Scale, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

use super::*;
use crate::backtest::{Delay, OrderEnd, QueueChoice, Rules};

mod fitting;

const MS: u64 = 1_000_000;
const START_NS: u64 = 1_700_000_000_000_000_000;
/// The journal's number of the instrument: not the play's.
const OWN: InstrumentId = InstrumentId(3);

fn spec() -> InstrumentSpec {
    InstrumentSpec {
        id: OWN,
        venue: model::ids::VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTCUSDT.TEST".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 2).unwrap(),
        lot: Scale::new(1, 5).unwrap(),
        price_min: Some(Ticks(1)),
        price_max: Some(Ticks(100_000_000)),
        qty_min: Lots(1),
        qty_max: Lots(900_000_000),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: Contract::Spot,
    }
}

fn id(counter: u32) -> u64 {
    let id = ClientOrderId::new(1, Some(StrategyId(0)), counter);
    id.unwrap().raw()
}

/// A journal in the making. Times are milliseconds from the start, at the venue; each message takes
/// 2 ms, and our clock is `behind_ns` behind the venue's.
struct Tape {
    records: Vec<Record>,
    behind_ns: u64,
    commands: u64,
}

impl Tape {
    fn new(behind_ns: u64) -> Self {
        let mut tape = Self {
            records: blob::records(BlobKind::Instrument, &spec()).unwrap(),
            behind_ns,
            commands: 0,
        };
        let reset = BookReset {
            update_id: 1,
            level_records: 1,
            reserved: [0; 64],
        };
        tape.here(2, Record::new(Kind::BookReset, &reset));
        tape.levels(0, true, &[(Side::Buy, 100, 50), (Side::Sell, 102, 70)]);
        tape
    }

    fn here(&mut self, at_ms: u64, record: Record) {
        let here_ns = START_NS + at_ms * MS - self.behind_ns;
        self.records
            .push(record.on_instrument(OWN).stamped(here_ns));
    }

    fn levels(&mut self, at_ms: u64, snapshot: bool, changes: &[(Side, i64, i64)]) {
        let mut body = BookLevels {
            update_id: at_ms + 1,
            // A snapshot has no time.
            venue_time_ns: if snapshot { 0 } else { START_NS + at_ms * MS },
            levels: [Level::UNUSED; 4],
        };
        let mut asks = 0;
        for (place, &(side, price, qty)) in changes.iter().enumerate() {
            let (price, qty) = (Ticks(price), Lots(qty));
            body.levels[place] = Level { price, qty };
            asks |= u8::from(side == Side::Sell) << place;
        }
        let snapshot = if snapshot { flags::SNAPSHOT } else { 0 };
        let record = Record::new(Kind::BookLevels, &body);
        let mut record = record.with_flags(flags::LAST_OF_MESSAGE | snapshot);
        record.detail = BookLevels::detail(u8::try_from(changes.len()).unwrap(), asks);
        self.here(at_ms + 2, record);
    }

    fn trade(&mut self, at_ms: u64, aggressor: Side, price: i64, qty: i64) {
        let body = Trade {
            trade_id: at_ms,
            venue_time_ns: START_NS + at_ms * MS,
            price: Ticks(price),
            qty: Lots(qty),
            aggressor,
            reserved: [0; 47],
        };
        self.here(at_ms + 2, Record::new(Kind::Trade, &body));
    }

    fn about(record: Record) -> Record {
        record.on_account(AccountId(0)).by_strategy(StrategyId(0))
    }

    /// An order that arrives at `at_ms` and is acknowledged.
    fn order(&mut self, counter: u32, at_ms: u64, side: Side, price: i64, qty: i64) {
        self.ask(counter, at_ms, (side, OrderType::Limit), price, qty);
        self.report(Kind::OrderAcked, counter, at_ms, RejectReason::None);
    }

    fn ask(&mut self, counter: u32, at_ms: u64, how: (Side, OrderType), price: i64, qty: i64) {
        self.commands += 1;
        let body = NewOrder {
            command: self.commands,
            client_id: id(counter),
            price: Ticks(price),
            qty: Lots(qty),
            tag: 0,
            side: how.0,
            order_type: how.1,
            time_in_force: TimeInForce::Gtc,
            reduce_only: Flag::Yes,
            self_trade: SelfTrade::ExpireTaker,
            reserved: [0; 35],
        };
        self.here(at_ms - 2, Self::about(Record::new(Kind::NewOrder, &body)));
        self.sent(id(counter), at_ms - 2);
    }

    fn cancel(&mut self, counter: u32, at_ms: u64) {
        self.commands += 1;
        let body = CancelOrder {
            command: self.commands,
            client_id: id(counter),
            venue_order_id: 0,
            reserved: [0; 56],
        };
        self.here(
            at_ms - 2,
            Self::about(Record::new(Kind::CancelOrder, &body)),
        );
        self.sent(id(counter), at_ms - 2);
    }

    fn sent(&mut self, client_id: u64, at_ms: u64) {
        let written_ns = START_NS + at_ms * MS - self.behind_ns;
        let body = Sent {
            command: self.commands,
            client_id,
            received_ns: written_ns,
            sequenced_ns: written_ns,
            intended_ns: written_ns,
            approved_ns: written_ns,
            taken_ns: written_ns,
            written_ns,
            reserved: [0; 16],
        };
        self.here(at_ms, Self::about(Record::new(Kind::Sent, &body)));
    }

    fn report(&mut self, kind: Kind, counter: u32, at_ms: u64, reason: RejectReason) {
        let body = OrderReport {
            client_id: id(counter),
            venue_order_id: u64::from(counter),
            venue_time_ns: START_NS + at_ms * MS,
            cum_qty: Lots(0),
            code: 0,
            status: OrderStatus::NotStated,
            reason,
            text: Text::cut(""),
        };
        self.here(at_ms + 2, Self::about(Record::new(kind, &body)));
    }

    fn filled(&mut self, counter: u32, at_ms: u64, price: i64, qty: i64, liquidity: Liquidity) {
        let body = Fill {
            client_id: id(counter),
            venue_order_id: u64::from(counter),
            venue_time_ns: START_NS + at_ms * MS,
            trade_id: at_ms,
            price: Ticks(price),
            qty: Lots(qty),
            fee: Money::new(Decimal::ZERO),
            fee_asset: AssetName::cut("USDT"),
            side: Side::Buy,
            liquidity,
        };
        // Told twice, as by an answer and by a stream.
        for _ in 0..2 {
            self.here(
                at_ms + 2,
                Self::about(Record::new(Kind::OrderFilled, &body)),
            );
        }
    }

    fn write(&self, dir: &Path) {
        let options = Options::new(Durability::Process).segment_bytes(1 << 20);
        let (mut writer, _) = Writer::open(dir, options).unwrap();
        for (event, record) in (1_u64..).zip(&self.records) {
            let mut record = *record;
            record.event = event;
            record.time_ns = START_NS + event;
            writer.append(&record).unwrap();
        }
        writer.close().unwrap();
    }

    fn compare(&self, shows_us: bool) -> Result<Comparison, CompareError> {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("journal");
        self.write(&dir);
        compare(&dir, &wanted(shows_us), |_| {})
    }
}

fn wanted(shows_us: bool) -> Wanted {
    Wanted {
        venue: VenuePlan {
            rules: Rules::FAITHFUL,
            queues: QueueChoice::RiskAverse,
            tiers: Vec::new(),
            leverage: Decimal::TEN,
            orders_per_10s: 0,
            ban_ns: 0,
            outages: Vec::new(),
        },
        latencies: None,
        queue: "risk-averse".to_owned(),
        others: Vec::new(),
        shows_us,
        late_max_ns: 100 * MS,
    }
}

/// Four orders behind 50 lots at 100, with trades of 40 and 30 there. With the risk-averse queue
/// the first order (20 lots) has 10 ahead at the second trade and is filled by it.
fn four_orders(tape: &mut Tape) {
    tape.order(1, 10, Side::Buy, 100, 20);
    tape.trade(20, Side::Sell, 100, 40);
    tape.trade(30, Side::Sell, 100, 30);
    // It really was filled later, and at a better price.
    tape.filled(1, 40, 99, 20, Liquidity::Maker);
    // At a price of its own; predicted to trade at once when somebody sells, but really cancelled.
    tape.order(2, 50, Side::Buy, 101, 5);
    tape.trade(60, Side::Sell, 101, 4);
    tape.cancel(2, 70);
    tape.report(Kind::OrderCancelled, 2, 70, RejectReason::None);
    // Far away: neither.
    tape.order(3, 75, Side::Sell, 110, 5);
    tape.cancel(3, 80);
    tape.report(Kind::OrderCancelled, 3, 80, RejectReason::None);
    // Never predicted, and did trade a part.
    tape.order(4, 85, Side::Buy, 90, 10);
    tape.filled(4, 90, 90, 5, Liquidity::Maker);
    tape.cancel(4, 95);
    tape.report(Kind::OrderCancelled, 4, 95, RejectReason::None);
    tape.levels(120, false, &[(Side::Buy, 95, 1)]);
}

#[test]
fn errors_are_those_that_were_built_in() {
    let mut tape = Tape::new(0);
    four_orders(&mut tape);
    let found = tape.compare(true).unwrap();
    let errors = found.errors;
    let table = [
        errors.both,
        errors.only_predicted,
        errors.only_actual,
        errors.neither,
    ];
    assert_eq!(table, [1, 1, 1, 1]);
    assert_eq!(errors.precision(), Some(0.5));
    assert_eq!(errors.recall(), Some(0.5));
    let first = &found.pairs[0];
    assert_eq!(first.actual.filled, 20, "{first:?}");
    assert_eq!(first.predicted.filled, 20);
    assert_eq!(first.predicted.first_fill_ns, START_NS + 30 * MS);
    assert_eq!(first.actual.first_fill_ns, START_NS + 40 * MS);
    assert_eq!(first.predicted.arrived_ns, START_NS + 10 * MS);
    assert_eq!(first.actual.first_heard_ns, START_NS + 42 * MS);
    assert_eq!(first.predicted.end, OrderEnd::Filled);
    // 10 ms too early, and one tick worse.
    let time = (
        errors.time_ns.count,
        errors.time_ns.mean,
        errors.time_ns.p90,
    );
    assert_eq!(time, (1, -10.0 * MS as f64, 10.0 * MS as f64));
    assert_eq!((errors.price.mean, errors.price.p50), (1.0, 1.0));
    // Lots wrong by 0, 4, 0 and 5: of 20, 5, 5 and 10.
    assert_eq!((errors.qty.p50, errors.qty.p90), (0.0, 5.0));
    assert!((errors.score - (4.0 / 5.0 + 5.0 / 10.0) / 4.0).abs() < 1e-12);
    assert_eq!(errors.lots, (25, 24));
    // The third and the fourth ended as predicted, and so did the first; the second is open.
    assert_eq!(errors.same_end, 4);
    assert_eq!(found.pairs[1].predicted.end, OrderEnd::Cancelled);
    assert_eq!(found.clock.offset_ns, 0);
    assert_eq!(found.clock.resolution_ns, MS);
}

#[test]
fn clock_that_is_seconds_off_changes_nothing() {
    let mut right = Tape::new(0);
    four_orders(&mut right);
    let right = right.compare(true).unwrap();
    let mut tape = Tape::new(3_000 * MS);
    four_orders(&mut tape);
    let found = tape.compare(true).unwrap();
    // Each way took 2 ms; the venue's time is a whole millisecond, so the offset is known to half.
    let off = found.clock.offset_ns - (3_000 * MS).cast_signed();
    assert!(off.unsigned_abs() <= MS / 2, "{off}");
    assert!(!found.clock.is_torn());
    assert_eq!(found.errors.score, right.errors.score);
    assert_eq!(found.errors.time_ns, right.errors.time_ns);
    let heard = found.pairs[0].actual.first_heard_ns;
    assert!(heard.abs_diff(START_NS + 42 * MS) <= MS / 2, "{heard}");
}

#[test]
fn our_own_lots_and_takes_are_no_market() {
    // The book shows our 30 lots at 101 as its best bid, and our take of the offer at 102.
    let mut tape = Tape::new(0);
    tape.order(1, 10, Side::Buy, 101, 30);
    tape.levels(12, false, &[(Side::Buy, 101, 30)]);
    tape.cancel(1, 20);
    tape.report(Kind::OrderCancelled, 1, 20, RejectReason::None);
    // Placed before the book shows that our bid is gone: it meets nobody but ourselves.
    tape.order(2, 25, Side::Sell, 101, 10);
    tape.cancel(2, 28);
    tape.report(Kind::OrderCancelled, 2, 28, RejectReason::None);
    tape.levels(30, false, &[(Side::Buy, 101, 0)]);
    // One of ours offers at 102; another of ours takes there, and its print is no demand.
    tape.order(3, 40, Side::Sell, 102, 10);
    tape.order(4, 50, Side::Buy, 102, 70);
    tape.trade(50, Side::Buy, 102, 70);
    tape.filled(4, 50, 102, 70, Liquidity::Taker);
    tape.levels(60, false, &[(Side::Sell, 102, 10)]);
    tape.cancel(3, 70);
    tape.report(Kind::OrderCancelled, 3, 70, RejectReason::None);
    tape.levels(120, false, &[(Side::Buy, 95, 1)]);
    let filled = |shows_us: bool| -> Vec<i64> {
        let pairs = tape.compare(shows_us).unwrap().pairs;
        pairs.iter().map(|pair| pair.predicted.filled).collect()
    };
    // Our own order stands in the way of the fourth: the venue's rule ends it.
    let without_us = filled(true);
    assert_eq!(without_us[..3], [0, 0, 0]);
    let with_us = filled(false);
    assert_eq!(with_us[1], 10, "{with_us:?}");
}

#[test]
fn orders_that_no_model_can_judge_are_counted_apart() {
    let mut tape = Tape::new(0);
    four_orders(&mut tape);
    tape.ask(5, 100, (Side::Buy, OrderType::Limit), 100, 5);
    tape.report(Kind::OrderRejected, 5, 100, RejectReason::Balance);
    tape.ask(6, 105, (Side::Buy, OrderType::PostOnly), 102, 5);
    tape.report(Kind::OrderRejected, 6, 105, RejectReason::WouldTake);
    // The journal ends before it is said to have left.
    tape.ask(7, 110, (Side::Buy, OrderType::Limit), 100, 5);
    tape.records.pop();
    let found = tape.compare(true).unwrap();
    assert_eq!(found.skipped.refused, 1);
    assert_eq!(found.skipped.not_sent, 1);
    assert_eq!(found.errors.orders, 5);
    let refused = found.pairs.last().unwrap();
    assert_eq!(refused.actual.end, OrderEnd::Rejected);
    assert_eq!(refused.predicted.end, OrderEnd::Rejected);
}

#[test]
fn journal_without_orders_or_without_their_market_is_refused_in_one_line() {
    let said = |tape: &Tape| tape.compare(true).unwrap_err().to_string();
    let mut tape = Tape::new(0);
    tape.trade(20, Side::Sell, 100, 40);
    let text = said(&tape);
    assert!(text.contains("not one order left us in"), "{text}");
    let mut tape = Tape::new(0);
    four_orders(&mut tape);
    // An instrument that the journal does not define.
    for record in &mut tape.records {
        if record.kind().is_some_and(Kind::is_command) {
            *record = record.on_instrument(InstrumentId(9));
        }
    }
    let text = said(&tape);
    assert!(
        text.contains("no definition of their instruments"),
        "{text}"
    );
    let mut tape = Tape::new(0);
    four_orders(&mut tape);
    // The market's times are of another year; another instrument's are right.
    for record in &mut tape.records {
        let market = [Kind::BookLevels.code(), Kind::Trade.code()];
        if market.contains(&record.kind) {
            record.stamp_ns += 365 * 86_400_000 * MS;
        }
    }
    let right = tape
        .records
        .iter()
        .find(|one| one.kind == Kind::Trade.code());
    let mut right = right.unwrap().on_instrument(InstrumentId(1));
    right.stamp_ns -= 365 * 86_400_000 * MS;
    tape.records.push(right);
    let text = said(&tape);
    assert!(text.contains("a recording was played"), "{text}");
    for text in [text, said(&Tape::new(0))] {
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
