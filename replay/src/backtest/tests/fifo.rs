//! Exact queues: what the venue's single orders say of the place of ours, beside a plain queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::body::{BookChange, BookOrder, Side};
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::markets::{apply, own};
use super::spec;
use crate::backtest::market::Market;
use crate::backtest::own::Execution;
use crate::backtest::{Fifo, Rules};

fn told(id: u64, change: BookChange, side: Side, price: i64, qty: i64) -> Record {
    let body = BookOrder {
        order_id: id,
        venue_time_ns: 0,
        price: Ticks(price),
        qty: Lots(qty),
        side,
        change,
        reserved: [0; 46],
    };
    Record::new(Kind::BookOrder, &body).on_instrument(InstrumentId(0))
}

/// Whose an order of the plain queue is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Whose {
    Theirs(u64),
    Ours(u64),
}

/// A plain book: at each price a queue of orders, first come first served. Bids only; the best
/// price is the highest.
#[derive(Debug, Default)]
struct Plain {
    queues: BTreeMap<i64, VecDeque<(Whose, i64)>>,
}

impl Plain {
    fn push(&mut self, price: i64, whose: Whose, qty: i64) {
        self.queues
            .entry(price)
            .or_default()
            .push_back((whose, qty));
    }

    fn remove(&mut self, whose: Whose) -> Option<(i64, i64)> {
        for (price, queue) in &mut self.queues {
            if let Some(at) = queue.iter().position(|(one, _)| *one == whose) {
                return queue.remove(at).map(|(_, qty)| (*price, qty));
            }
        }
        None
    }

    fn change(&mut self, id: u64, price: i64, qty: i64) {
        let whose = Whose::Theirs(id);
        for (at_price, queue) in &mut self.queues {
            if let Some(one) = queue.iter_mut().find(|(one, _)| *one == whose)
                && *at_price == price
                && qty <= one.1
            {
                one.1 = qty;
                return;
            }
        }
        self.remove(whose);
        self.push(price, whose, qty);
    }

    /// `qty` lots of this order traded: ours that stand before it, best price first, would have.
    fn traded(&mut self, id: u64, mut qty: i64) -> Vec<(u64, i64)> {
        let mut given = Vec::new();
        for queue in self.queues.values_mut().rev() {
            let mut at = 0;
            while let Some((whose, left)) = queue.get_mut(at) {
                match *whose {
                    Whose::Theirs(other) if other == id => return given,
                    Whose::Theirs(_) => at += 1,
                    Whose::Ours(ours) => {
                        let part = qty.min(*left);
                        qty -= part;
                        *left -= part;
                        if part > 0 {
                            given.push((ours, part));
                        }
                        if *left == 0 {
                            queue.remove(at);
                        } else {
                            at += 1;
                        }
                    }
                }
            }
        }
        given
    }

    fn theirs(&self) -> Vec<(u64, i64, i64)> {
        let all = self.queues.iter().flat_map(|(price, queue)| {
            queue.iter().filter_map(|(whose, qty)| match whose {
                Whose::Theirs(id) => Some((*id, *price, *qty)),
                Whose::Ours(_) => None,
            })
        });
        all.collect()
    }
}

fn market() -> Market {
    Market::new(spec(), 1 << 12, Arc::new(Fifo), Rules::FAITHFUL)
}

fn given(out: &mut Vec<Execution>) -> Vec<(u64, i64)> {
    out.drain(..)
        .map(|one| (one.order.client_id, one.qty))
        .collect()
}

#[test]
fn places_agree_with_a_plain_queue_of_all_orders() {
    // Seeds 500 to 539: adds, changes, removals and trades of theirs among orders of ours.
    for seed in 500..540 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut market, mut plain) = (market(), Plain::default());
        let mut out = Vec::new();
        let (mut next, mut fills) = (1, 0);
        for step in 0..2_000 {
            let what = format!("seed {seed} step {step}");
            let theirs = plain.theirs();
            let pick = |random: &mut Pcg64Mcg| theirs[random.random_range(0..theirs.len())];
            let (price, qty) = (random.random_range(95..=100), random.random_range(1..50));
            next += 1;
            match random.random_range(0..10) {
                0..=3 => {
                    plain.push(price, Whose::Theirs(next), qty);
                    let record = told(next, BookChange::Added, Side::Buy, price, qty);
                    apply(&mut market, &record, &mut out);
                }
                4 if !theirs.is_empty() => {
                    let (id, at, _) = pick(&mut random);
                    let price = if random.random() { at } else { price };
                    plain.change(id, price, qty);
                    let record = told(id, BookChange::Changed, Side::Buy, price, qty);
                    apply(&mut market, &record, &mut out);
                }
                5 if !theirs.is_empty() => {
                    let (id, price, _) = pick(&mut random);
                    plain.remove(Whose::Theirs(id));
                    let record = told(id, BookChange::Removed, Side::Buy, price, 0);
                    apply(&mut market, &record, &mut out);
                }
                6 | 7 if !theirs.is_empty() => {
                    let (id, price, rest) = pick(&mut random);
                    let qty = random.random_range(1..=rest);
                    let wanted = plain.traded(id, qty);
                    let record = told(id, BookChange::Traded, Side::Buy, price, qty);
                    apply(&mut market, &record, &mut out);
                    fills += wanted.len();
                    assert_eq!(given(&mut out), wanted, "{what}");
                }
                8 => {
                    plain.push(price, Whose::Ours(next), qty);
                    market.rest(own(next, Side::Buy, price, qty));
                }
                _ => {
                    let first = market.resting().next().map(|own| own.client_id);
                    if let Some(id) = first {
                        plain.remove(Whose::Ours(id));
                        market.remove(id);
                    }
                }
            }
            assert!(out.is_empty(), "{what}: {out:?}");
        }
        assert!(fills > 50, "seed {seed}: {fills} fills");
    }
}

#[test]
fn trade_alone_says_nothing_where_each_order_is_shown() {
    let mut market = market();
    let mut out = Vec::new();
    let add = told(1, BookChange::Added, Side::Buy, 100, 10);
    apply(&mut market, &add, &mut out);
    market.rest(own(7, Side::Buy, 100, 5));
    let add = told(2, BookChange::Added, Side::Buy, 100, 10);
    apply(&mut market, &add, &mut out);
    let all = super::trade(1, super::START_NS, Side::Sell, 100, 50);
    apply(&mut market, &all, &mut out);
    // The one before us traded, so we were not met.
    let before = told(1, BookChange::Traded, Side::Buy, 100, 10);
    apply(&mut market, &before, &mut out);
    assert_eq!(given(&mut out), []);
    // The one behind us traded: we would have been met first.
    let behind = told(2, BookChange::Traded, Side::Buy, 100, 3);
    apply(&mut market, &behind, &mut out);
    assert_eq!(given(&mut out), [(7, 3)]);
}

#[test]
fn smaller_order_of_ours_keeps_its_place() {
    let mut market = market();
    let mut out = Vec::new();
    market.rest(own(7, Side::Buy, 100, 5));
    let add = told(1, BookChange::Added, Side::Buy, 100, 10);
    apply(&mut market, &add, &mut out);
    if let Some(own) = market.find(7) {
        own.qty = 2;
    }
    let behind = told(1, BookChange::Traded, Side::Buy, 100, 10);
    apply(&mut market, &behind, &mut out);
    assert_eq!(given(&mut out), [(7, 2)]);
}
