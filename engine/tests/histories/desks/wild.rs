//! A strategy that asks for anything: every kind of order, held or not, groups, children,
//! replacements, amendments, cancels. Its numbers come from its state, so two machines agree.

use engine::machine::Offset;
use engine::machine::StrategyConfig;
use engine::strategy::{
    Asks, Cause, ClientOrderId, InstrumentId, Lots, Parameter, Params, PriceSource, Registry,
    Setup, SetupError, Side, Strategy, Ticks, Unit, View, Wish,
};
use model::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::kit::SECOND;
use crate::runner::Random;

#[derive(Debug)]
struct Wild {
    salt: u64,
}

/// How often it was called, and what it asked for last.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Called {
    times: u64,
    last: Option<ClientOrderId>,
}

impl Strategy for Wild {
    const KIND: &'static str = "wild";
    type State = Called;

    fn parameters() -> Vec<Parameter> {
        vec![Parameter::new(
            "salt",
            Unit::Count,
            0..=1_000,
            "of its numbers",
        )]
    }

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        Ok(Self {
            salt: setup.integer("salt")?.unsigned_abs(),
        })
    }

    fn on_event(&self, called: &mut Called, _: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        called.times += 1;
        let mut random = Random::new(self.salt, called.times);
        if random.below(3) > 0 {
            return;
        }
        let instruments: Vec<InstrumentId> = view.instruments().collect();
        let instrument = random.of(&instruments);
        let live: Vec<ClientOrderId> = view.orders().map(|order| order.client_id).collect();
        // What cannot be asked for now is not what is tested here.
        let asked = match random.below(12) {
            0 | 1 if !live.is_empty() => asks.cancel(random.of(&live)).ok(),
            2 if !live.is_empty() => asks.amend(random.of(&live), Lots(random.lots(1, 90))).ok(),
            3 if !live.is_empty() => {
                let old = random.of(&live);
                wish(instrument, view, &mut random).and_then(|wish| {
                    called.last = asks.replace(old, wish).ok();
                    called.last.map(|_| ())
                })
            }
            4 if random.one_in(8) => asks.cancel_all(random.one_in(2).then_some(instrument)).ok(),
            5 => bracket(instrument, view, asks, &mut random),
            _ => wish(instrument, view, &mut random).and_then(|wish| {
                let last = asks.place(linked(wish, called.last, &mut random)).ok();
                called.last = last.or(called.last);
                last.map(|_| ())
            }),
        };
        let _ = asked;
    }
}

fn linked(wish: Wish, last: Option<ClientOrderId>, random: &mut Random) -> Wish {
    match (random.below(10), last) {
        (0, Some(parent)) => wish.child_of(parent),
        (1, _) => wish.one_of(1 + random.below(3)),
        _ => wish,
    }
}

/// An order about the middle of the book, or far from it; sometimes one that is held.
fn wish(instrument: InstrumentId, view: &View<'_>, random: &mut Random) -> Option<Wish> {
    let top = view.market(instrument)?.book().top()?;
    let side = random.of(&[Side::Buy, Side::Sell]);
    let near = if side == Side::Buy { top.bid } else { top.ask };
    let price = Ticks(near.price.0 + random.lots(-20, 20));
    let qty = Lots(random.lots(1, 120));
    let wish = match random.below(6) {
        0 => Wish::market(instrument, side, qty),
        1 => Wish::post_only(instrument, side, price, qty),
        2 => Wish::limit(instrument, side, price, qty).immediate_or_cancel(),
        _ => Wish::limit(instrument, side, price, qty),
    };
    let level = Ticks(near.price.0 + random.lots(-8, 8));
    let source = random.of(&[PriceSource::Last, PriceSource::Mid, PriceSource::Mark]);
    let wish = match random.below(10) {
        0 | 1 => wish.stop_at(level, source),
        2 => wish.take_profit_at(level, source),
        3 => wish.trailing(Offset::Ticks(random.lots(1, 6)), None, source),
        4 => wish.good_till(view.time_ns() + random.below(3 * SECOND)),
        _ => wish,
    };
    Some(if random.one_in(6) {
        wish.reduce_only()
    } else {
        wish
    })
}

/// An entry with a stop and a take-profit, one of which cancels the other.
fn bracket(
    instrument: InstrumentId,
    view: &View<'_>,
    asks: &mut Asks<'_>,
    random: &mut Random,
) -> Option<()> {
    let top = view.market(instrument)?.book().top()?;
    let qty = Lots(random.lots(10, 80));
    let group = 10 + random.below(50);
    let entry = Wish::limit(instrument, Side::Buy, top.ask.price, qty);
    let entry = asks.place(entry).ok()?;
    let below = Ticks(top.bid.price.0 - random.lots(1, 10));
    let above = Ticks(top.ask.price.0 + random.lots(1, 10));
    let exit = Wish::market(instrument, Side::Sell, qty)
        .child_of(entry)
        .one_of(group);
    asks.place(exit.stop_at(below, PriceSource::Mid)).ok()?;
    let exit = Wish::limit(instrument, Side::Sell, above, qty)
        .child_of(entry)
        .one_of(group);
    asks.place(exit).ok().map(|_| ())
}

pub(super) fn registry() -> Registry {
    Registry::standard().with::<Wild>().unwrap()
}

/// One of them.
pub(super) fn strategy(salt: i64, account: u16, instruments: &[u32]) -> StrategyConfig {
    StrategyConfig {
        name: format!("wild-{salt}"),
        account: AccountId(account),
        instruments: instruments.iter().copied().map(InstrumentId).collect(),
        kind: Wild::KIND.to_owned(),
        params: Params::new().with("salt", salt),
    }
}
