//! hftbacktest: 316.

use engine::machine::OrderState;
use model::body::{AssetName, Side};
use rust_decimal::Decimal;

use crate::kit::{ACCOUNT, fill};
use crate::scene::{id, order, position, resting, state};

/// Issue 316: a partial fill of a resting order changed the order's copy only, never position,
/// balance and fee; and when the order filled wholly, only the last part was booked. Here each part
/// is booked when it comes, and the parts sum up.
#[test]
fn hftbacktest_316_every_part_of_a_fill_reaches_position_balance_and_fee() {
    let (mut rig, quotes) = resting();
    let buy = id(&quotes.buy);
    let holds = |rig: &crate::kit::Rig, asset: &str| {
        let ledger = rig.machine.portfolio().ledger(ACCOUNT).unwrap();
        ledger.total(&AssetName::cut(asset))
    };
    let (base, quote) = (holds(&rig, "BTC"), holds(&rig, "USDT"));
    let price = 999_990;
    let mut filled = 0;
    for (trade, part) in [(1, 10), (2, 25), (3, 64), (4, 1)] {
        rig.apply(fill(buy, trade, Side::Buy, price, part));
        filled += part;
        assert_eq!(position(&rig), filled);
        assert_eq!(order(&rig, buy).filled.0, filled);
        let lots = Decimal::new(filled, 5);
        let fees = Decimal::new(i64::try_from(trade).unwrap(), 4);
        assert_eq!(holds(&rig, "BTC"), base + lots);
        let paid = lots * Decimal::new(price, 2);
        assert_eq!(holds(&rig, "USDT"), quote - paid - fees);
    }
    assert_eq!(state(&rig, buy), OrderState::Filled);
    assert_eq!(rig.machine.counts().fills, 4);
}
