//! Random histories of events through the whole machine: what may come, and how often.

use model::body::{Channel, LinkState, OperatorAction, Side};

use crate::kit::SECOND;
use crate::pair::Pair;
use crate::runner::{Part, Random, run};

/// A choice; what it means depends on what is there: `pick` is taken modulo that.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The best prices move, and their quantities change.
    Market {
        up: i64,
        spread: i64,
    },
    Trade {
        side: Side,
        reach: i64,
    },
    /// The book is void for a while.
    Gap,
    /// The gateway reports a command, and the venue answers, or stays silent.
    Answer {
        pick: u64,
        answer: Answer,
    },
    Fill {
        pick: u64,
        part: u64,
        stranger: bool,
    },
    /// The last fill again.
    Again,
    Say {
        pick: u64,
        word: Word,
        cum: i64,
    },
    Balance {
        asset: bool,
        amount: i64,
    },
    Operator(OperatorAction),
    Link {
        channel: Channel,
        state: LinkState,
    },
    Tick,
    Wait(u64),
    /// A crash that the journal survived up to `lost` commands ago, and a new run.
    Restart {
        lost: u64,
    },
    /// One machine goes through bytes.
    Freeze,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Silent,
    Unknown,
    Refused,
    NotSent,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Word {
    Open,
    Filled,
    Cancelled,
    Expired,
    Absent,
    NoCancel,
}

pub(crate) fn answer(random: &mut Random) -> Answer {
    match random.below(16) {
        0 => Answer::Silent,
        1 => Answer::Unknown,
        2 => Answer::Refused,
        3 => Answer::NotSent,
        _ => Answer::Done,
    }
}

fn operator(random: &mut Random) -> Step {
    Step::Operator(random.of(&[
        OperatorAction::Stop,
        OperatorAction::Kill,
        OperatorAction::Release,
        OperatorAction::Release,
        OperatorAction::ConfirmFlat,
        OperatorAction::CancelOnly,
        OperatorAction::Resume,
        OperatorAction::Resume,
    ]))
}

fn link(random: &mut Random) -> Step {
    Step::Link {
        channel: random.of(&[Channel::Market, Channel::Orders]),
        state: random.of(&[
            LinkState::Up,
            LinkState::Up,
            LinkState::Down,
            LinkState::Stale,
        ]),
    }
}

fn step(random: &mut Random) -> Step {
    let pick = random.next() >> 32;
    match random.below(100) {
        0..=21 => Step::Market {
            up: random.lots(-6, 6),
            spread: random.lots(1, 12),
        },
        22..=29 => Step::Trade {
            side: random.of(&[Side::Buy, Side::Sell]),
            reach: random.lots(0, 6),
        },
        30 => Step::Gap,
        31..=54 => Step::Answer {
            pick,
            answer: answer(random),
        },
        55..=64 => Step::Fill {
            pick,
            part: random.below(3),
            stranger: random.one_in(12),
        },
        65 => Step::Again,
        66..=71 => Step::Say {
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
        72 => Step::Balance {
            asset: random.one_in(2),
            amount: random.lots(-5, 2_000_000),
        },
        73 | 74 => operator(random),
        75 | 76 => link(random),
        77..=82 => Step::Tick,
        83..=94 => Step::Wait(random.of(&[1_000, 20_000_000, 300_000_000, SECOND, 3 * SECOND])),
        95 => Step::Restart {
            lost: random.below(4),
        },
        _ => Step::Freeze,
    }
}

struct Machines;

impl Part for Machines {
    const NAME: &'static str = "machine";
    const SMALL: u64 = 300;
    const BATCH: u64 = 4;
    type State = Pair;
    type Step = Step;

    fn start(&self) -> Pair {
        Pair::new()
    }

    fn history(&self, random: &mut Random) -> Vec<Step> {
        let length = 12 + random.below(24);
        (0..length).map(|_| step(random)).collect()
    }

    fn check(&self, state: &mut Pair, steps: &[Step]) -> Result<u64, String> {
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
fn machines_conserve_agree_and_stay_within_limits() {
    run(&Machines);
}
