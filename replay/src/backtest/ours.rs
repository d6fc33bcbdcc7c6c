//! Takes our own orders out of a recorded market that shows them: a recording of a live run has
//! our resting lots in its levels and our takes among its trades.
//!
//! Without this an order played into that market would queue behind itself, and meet its own twin
//! on the other side.

use std::collections::{BTreeMap, HashSet};

use model::body::{BookLevels, Level, Side};
use model::event::{Event, View, view};
use model::ids::InstrumentId;
use model::record::Record;

/// A price of ours: instrument, whether it is a bid, ticks.
pub(crate) type Spot = (InstrumentId, bool, i64);

/// What of ours a market shows, as time goes by.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    /// From when on how many lots more or fewer of ours rest at a price; by time.
    moves: Vec<(u64, Spot, i64)>,
    next: usize,
    rests: BTreeMap<Spot, i64>,
    /// Trades in which we took, by the venue's id.
    takes: HashSet<(InstrumentId, u64)>,
}

impl Ours {
    /// What rested when, in any order, and the trades in which we took. Times are the venue's.
    pub(crate) fn new(
        mut moves: Vec<(u64, Spot, i64)>,
        takes: HashSet<(InstrumentId, u64)>,
    ) -> Self {
        moves.sort_by_key(|one| one.0);
        Self {
            moves,
            next: 0,
            rests: BTreeMap::new(),
            takes,
        }
    }

    /// The market's record at `now_ns` without us; `None` if it was ours alone.
    pub(crate) fn without(&mut self, record: &Record, now_ns: u64) -> Option<Record> {
        while let Some(&(at_ns, spot, lots)) = self.moves.get(self.next)
            && at_ns <= now_ns
        {
            self.next += 1;
            let rests = self.rests.entry(spot).or_insert(0);
            *rests = rests.saturating_add(lots);
            if *rests == 0 {
                self.rests.remove(&spot);
            }
        }
        if self.rests.is_empty() && self.takes.is_empty() {
            return Some(*record);
        }
        let (Some(instrument), Ok(View::Event(event))) = (record.instrument(), view(record)) else {
            return Some(*record);
        };
        if let Event::Trade(trade) = event {
            let own = self.takes.contains(&(instrument, trade.trade_id));
            return (!own).then_some(*record);
        }
        if let Event::BookLevels(levels) = event {
            let mut levels = *levels;
            self.lessen(instrument, record.detail, &mut levels);
            return Some(with_body(record, &levels));
        }
        if let Event::Quote(quote) = event {
            let mut quote = *quote;
            quote.bid = self.less(instrument, Side::Buy, quote.bid);
            quote.ask = self.less(instrument, Side::Sell, quote.ask);
            return Some(with_body(record, &quote));
        }
        Some(*record)
    }

    fn lessen(&self, instrument: InstrumentId, detail: u8, levels: &mut BookLevels) {
        let shown: Vec<(Side, Level)> = levels.iter(detail).collect();
        for (place, (side, level)) in levels.levels.iter_mut().zip(shown) {
            *place = self.less(instrument, side, level);
        }
    }

    fn less(&self, instrument: InstrumentId, side: Side, level: Level) -> Level {
        let spot = (instrument, side == Side::Buy, level.price.0);
        let own = self.rests.get(&spot).copied().unwrap_or(0).max(0);
        let mut level = level;
        level.qty.0 = level.qty.0.saturating_sub(own).max(0);
        level
    }
}

fn with_body<B: model::body::Body>(record: &Record, body: &B) -> Record {
    let mut changed = *record;
    changed.body = Record::new(model::record::Kind::Tick, body).body;
    changed
}
