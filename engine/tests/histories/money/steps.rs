//! What may come to the books, and how often.

use model::body::{Side, TransferKind};

use super::{ASSETS, Step};
use crate::runner::Random;

pub(super) fn step(random: &mut Random) -> Step {
    let asset = random.of(&ASSETS);
    match random.below(20) {
        0..=9 => Step::Fill {
            instrument: u32::try_from(random.below(3)).unwrap(),
            owner: random.below(3),
            side: random.of(&[Side::Buy, Side::Sell]),
            price: random.lots(100_000, 5_000_000),
            qty: random.lots(1, 50) * random.of(&[1, 100, 1_000]),
            fee: random.lots(-500, 5_000),
            paid: asset,
        },
        10 => Step::Again,
        11 => Step::Transfer {
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
        12 => Step::Funding {
            instrument: 1 + u32::try_from(random.below(2)).unwrap(),
            amount: random.lots(1, 900) * random.of(&[-1, 1]),
        },
        13 => Step::Balance {
            asset,
            amount: random.lots(-5, 10_000),
        },
        14 | 15 => Step::Mark {
            instrument: 1 + u32::try_from(random.below(2)).unwrap(),
            price: random.lots(100_000, 5_000_000),
        },
        16 | 17 => Step::Rate {
            asset: random.of(&["BTC", "BNB"]),
            rate: random.lots(1, 5_000_000),
        },
        18 => Step::Tick {
            hours: random.below(30),
        },
        _ if random.one_in(8) => Step::Freeze,
        _ => Step::Tick { hours: 0 },
    }
}
