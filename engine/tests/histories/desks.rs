//! Random histories of whole desks: three accounts at two venues, four instruments, strategies
//! that ask for anything (held orders, groups, brackets, amendments), persons that change limits,
//! kill, pause, restrict and resolve, money that moves, crashes.

mod books;
mod desk;
mod requests;
mod venue;
mod wild;

use model::body::{Channel, LinkState, OperatorAction, Side, TransferKind};

use self::desk::Desk;
use crate::kit::SECOND;
use crate::machine::{Answer, Word, answer};
use crate::runner::{Part, Random, run};

/// A choice; what it means depends on what is there: a `pick` is taken modulo that.
#[derive(Debug, Clone, Copy)]
enum Step {
    World(World),
    Money(Money),
    Answer {
        pick: u64,
        answer: Answer,
    },
    Fill {
        pick: u64,
        part: u64,
        stranger: bool,
    },
    /// The last fill or movement of money again.
    Again,
    Say {
        pick: u64,
        word: Word,
        cum: i64,
    },
    Request {
        pick: u64,
        number: i64,
        second: bool,
    },
    Operator(OperatorAction),
    Tick,
    Wait(u64),
    /// A crash that the journal survived up to `lost` commands ago, and a new run.
    Restart {
        lost: u64,
    },
    /// One machine goes through bytes.
    Freeze,
}

/// Markets and connections.
#[derive(Debug, Clone, Copy)]
enum World {
    Market {
        instrument: u32,
        up: i64,
        spread: i64,
    },
    Trade {
        instrument: u32,
        side: Side,
        reach: i64,
    },
    Gap {
        instrument: u32,
    },
    Mark {
        instrument: u32,
        up: i64,
    },
    Rate {
        asset: &'static str,
        rate: i64,
    },
    Link {
        venue: u8,
        channel: Channel,
        state: LinkState,
    },
}

/// Money that moves, or a venue's report of it.
#[derive(Debug, Clone, Copy)]
enum Money {
    Transfer {
        account: u16,
        kind: TransferKind,
        asset: &'static str,
        amount: i64,
    },
    Funding {
        account: u16,
        amount: i64,
    },
    Balance {
        account: u16,
        asset: &'static str,
        amount: i64,
    },
}

fn small(random: &mut Random, bound: u64) -> u32 {
    u32::try_from(random.below(bound)).unwrap()
}

fn account(random: &mut Random) -> u16 {
    u16::try_from(random.below(3)).unwrap()
}

fn market(random: &mut Random) -> World {
    let instrument = small(random, 4);
    match random.below(20) {
        0..=10 => World::Market {
            instrument,
            up: random.lots(-8, 8),
            spread: random.lots(1, 12),
        },
        11..=16 => World::Trade {
            instrument,
            side: random.of(&[Side::Buy, Side::Sell]),
            reach: random.lots(0, 8),
        },
        17 => World::Gap { instrument },
        18 => World::Mark {
            instrument: 2,
            up: random.lots(-40, 40),
        },
        _ => World::Rate {
            asset: random.of(&["BTC", "ETH", "USDC"]),
            rate: random.lots(90, 2_000_000),
        },
    }
}

fn money(random: &mut Random) -> Money {
    let asset = random.of(&["BTC", "ETH", "USDT"]);
    match random.below(3) {
        0 => Money::Transfer {
            account: account(random),
            kind: random.of(&[
                TransferKind::Deposit,
                TransferKind::Withdrawal,
                TransferKind::Internal,
                TransferKind::Borrow,
                TransferKind::Repay,
                TransferKind::Interest,
                TransferKind::Adjustment,
            ]),
            asset,
            amount: random.lots(-4_000, 4_000),
        },
        1 => Money::Funding {
            account: account(random),
            amount: random.lots(1, 900) * random.of(&[-1, 1]),
        },
        _ => Money::Balance {
            account: account(random),
            asset,
            amount: random.lots(-5, 2_000_000),
        },
    }
}

fn person(random: &mut Random) -> Step {
    if random.one_in(3) {
        return Step::Operator(random.of(&[
            OperatorAction::Stop,
            OperatorAction::Kill,
            OperatorAction::Release,
            OperatorAction::ConfirmFlat,
            OperatorAction::CancelOnly,
            OperatorAction::Resume,
            OperatorAction::Resume,
        ]));
    }
    Step::Request {
        pick: random.next() >> 16,
        number: random.lots(0, 700),
        second: !random.one_in(3),
    }
}

fn step(random: &mut Random) -> Step {
    let pick = random.next() >> 32;
    match random.below(100) {
        0..=27 => Step::World(market(random)),
        28..=51 => Step::Answer {
            pick,
            answer: answer(random),
        },
        52..=61 => Step::Fill {
            pick,
            part: random.below(3),
            stranger: random.one_in(12),
        },
        62 => Step::Again,
        63..=67 => Step::Say {
            pick,
            word: random.of(&[
                Word::Open,
                Word::Filled,
                Word::Cancelled,
                Word::Expired,
                Word::Absent,
                Word::NoCancel,
            ]),
            cum: random.lots(0, 60),
        },
        68..=71 => Step::Money(money(random)),
        72..=77 => person(random),
        78 | 79 => Step::World(World::Link {
            venue: u8::try_from(random.below(2)).unwrap(),
            channel: random.of(&[Channel::Market, Channel::Orders]),
            state: random.of(&[
                LinkState::Up,
                LinkState::Up,
                LinkState::Down,
                LinkState::Stale,
            ]),
        }),
        80..=84 => Step::Tick,
        85..=95 => Step::Wait(random.of(&[1_000, 20_000_000, 300_000_000, SECOND, 3 * SECOND])),
        96 => Step::Restart {
            lost: random.below(4),
        },
        _ => Step::Freeze,
    }
}

struct Desks;

impl Part for Desks {
    const NAME: &'static str = "desks";
    const SMALL: u64 = 150;
    const BATCH: u64 = 4;
    type State = Desk;
    type Step = Step;

    fn start(&self) -> Desk {
        Desk::new()
    }

    fn history(&self, random: &mut Random) -> Vec<Step> {
        let length = 8 + random.below(14);
        (0..length).map(|_| step(random)).collect()
    }

    fn check(&self, state: &mut Desk, steps: &[Step]) -> Result<u64, String> {
        let before = state.events;
        for &step in steps {
            state.step(step)?;
            if state.back.len() > 4 {
                state.deliver()?;
            }
        }
        state.recover()?;
        Ok(state.events - before)
    }
}

#[test]
fn desks_conserve_agree_and_count_as_a_walk_does() {
    run(&Desks);
}
