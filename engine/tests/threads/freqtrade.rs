//! freqtrade: 13399, 9128.

use engine::machine::OrderState;
use model::body::{OrderStatus, Side};
use model::command::{CommandView, command};
use model::num::Lots;
use model::record::{Kind, Record, flags};

use crate::kit::{SECOND, fill, levels, sent};
use crate::scene::{counted, id, order, position, resting, say, state};

/// Issue 13399: recovery attached the fill of the trade before, found within ten seconds of the new
/// trade's start, to the new and reversed trade, and crashed at each start. Here a fill names its
/// order by our own id, which is never used twice; how near two orders are in time is nothing.
#[test]
fn freqtrade_13399_late_fill_belongs_to_its_own_order_only() {
    let (mut rig, quotes) = resting();
    let (exit, entry) = (id(&quotes.sell), id(&quotes.buy));
    rig.apply(say(Kind::OrderCancelled, exit));
    let late = fill(exit, 31, Side::Sell, 1_000_004, 70);
    for _ in 0..5 {
        rig.apply(late);
        rig.pass(SECOND);
    }
    assert_eq!(order(&rig, exit).filled, Lots(70));
    assert_eq!(state(&rig, exit), OrderState::Cancelled);
    assert_eq!(order(&rig, entry).filled, Lots(0));
    assert_eq!(state(&rig, entry), OrderState::Open);
    assert_eq!(position(&rig), -70);
}

/// The replacement among the commands that follow from a move of the market.
fn replaced(commands: &[Record], old: u64) -> Option<(Record, u64)> {
    commands.iter().find_map(|record| {
        let CommandView::ReplaceOrder(new) = command(record).unwrap() else {
            return None;
        };
        (new.cancel_client_id == old).then_some((*record, new.client_id))
    })
}

/// Issue 9128: an entry order was replaced while it filled; the bot took the cancel for an empty
/// one, forgot the order, and a position that it did not know stayed at the venue. Here a quantity
/// comes from fills only: a cancel ends no count, a late fill is booked to the old order, and one
/// that the venue counted and did not send yet stays reserved and is asked for.
#[test]
fn freqtrade_9128_entry_replaced_while_it_fills_leaves_no_ghost() {
    for told_late in [false, true] {
        let (mut rig, quotes) = resting();
        let old = id(&quotes.buy);
        rig.pass(SECOND);
        let moved = [
            (Side::Buy, 999_998, 0),
            (Side::Buy, 999_978, 50_000),
            (Side::Sell, 999_982, 50_000),
        ];
        let commands = rig.apply(levels(2, flags::LAST_OF_MESSAGE, &moved));
        let (record, new) = replaced(&commands, old).expect("the maker follows the market");
        rig.apply(sent(&record));
        let cum = if told_late { 0 } else { 40 };
        let status = OrderStatus::Cancelled;
        rig.apply(counted(Kind::OrderCancelled, old, status, cum));
        rig.apply(counted(Kind::OrderAcked, new, OrderStatus::Open, 0));
        assert_eq!(order(&rig, old).exposure(), Lots(cum));
        rig.apply(fill(old, 8, Side::Buy, 999_990, 40));
        assert_eq!(position(&rig), 40);
        assert_eq!(order(&rig, old).filled, Lots(40));
        assert_eq!(order(&rig, old).exposure(), Lots(0));
        assert_eq!(order(&rig, new).filled, Lots(0));
        assert_eq!(state(&rig, new), OrderState::Open);
        assert_eq!(
            rig.machine.strategies()[0].position(crate::kit::INSTRUMENT),
            Lots(40)
        );
    }
}
