//! Hummingbot: 8457, 2534.

use engine::machine::{OrderState, StrategyConfig};
use model::body::{Channel, LinkState, OperatorAction, OrderStatus, Side};
use model::num::Lots;
use model::record::{Kind, Record};

use crate::kit::{
    Rig, SECOND, config, connection, fill, kinds, maker, new_order, operator, send_failed, sent,
    tick,
};
use crate::scene::{counted, id, order, placed, position, resting, say, state};

fn makers(count: usize) -> Vec<StrategyConfig> {
    let named = |index| StrategyConfig {
        name: format!("maker {index}"),
        ..maker()
    };
    (0..count).map(named).collect()
}

/// Issue 8457: six accepted sells were marked failed during an outage of the name service and
/// dropped from tracking, on an error of the network and not by a word of the venue; they filled:
/// a short position that nobody knew of. Here an outage ends nothing: each order stays, is counted
/// in full, is asked for again when the venue can be reached, and its fills are its own.
#[test]
fn hummingbot_8457_outage_drops_no_accepted_order() {
    let mut rig = Rig::new();
    rig.start(&config(makers(6)), 0);
    let placed: Vec<Record> = rig.commands.clone();
    for command in &placed {
        rig.apply(sent(command));
        rig.apply(say(Kind::OrderAcked, id(command)));
    }
    let sells: Vec<u64> = placed
        .iter()
        .filter(|command| new_order(command).side == Side::Sell)
        .map(id)
        .collect();
    assert_eq!(sells.len(), 6);
    for _ in 0..3_600 {
        rig.pass(SECOND);
        rig.apply(connection(Channel::Orders, LinkState::Down));
        let asked = rig.apply(connection(Channel::Orders, LinkState::Up));
        for command in asked {
            rig.apply(send_failed(&command));
        }
        rig.apply(connection(Channel::Orders, LinkState::Down));
        rig.apply(tick());
    }
    for &sell in &sells {
        assert_eq!(state(&rig, sell), OrderState::Open);
        assert_eq!(order(&rig, sell).exposure(), Lots(100));
    }
    rig.pass(10 * SECOND);
    let asked = rig.apply(connection(Channel::Orders, LinkState::Up));
    assert!(kinds(&asked).contains(&Kind::QueryOrder));
    for (trade, &sell) in (1..).zip(&sells) {
        rig.apply(fill(sell, trade, Side::Sell, 1_000_004, 100));
        rig.apply(counted(Kind::OrderStatus, sell, OrderStatus::Filled, 100));
        assert_eq!(state(&rig, sell), OrderState::Filled);
    }
    assert_eq!(position(&rig), -600);
    assert_eq!(rig.machine.counts().orphan_fills, 0);
}

/// Issue 2534: the kill switch was reached, an error in its report kept the bot from stopping, and
/// orders went on being placed. Here the latch is state of the machine, the only place that
/// approves: after it nothing is placed whatever the market does, what rests is cancelled, and a
/// restart keeps it.
#[test]
fn hummingbot_2534_nothing_is_placed_behind_the_kill_switch() {
    let (mut rig, quotes) = resting();
    let killed = rig.apply(operator(OperatorAction::Kill));
    let cancels = kinds(&killed);
    assert_eq!(cancels, [Kind::CancelOrder, Kind::CancelOrder]);
    let before = rig.commands.len();
    for step in 0..300_u64 {
        rig.pass(SECOND);
        let up = i64::try_from(step % 17).unwrap() * 5;
        rig.book(20 + step, 999_998 + up, 1_000_002 + up);
        rig.apply(tick());
        for refusal in std::mem::take(&mut rig.refusals) {
            rig.apply(refusal);
        }
        if step == 150 {
            let journaled = rig.machine.commands_decided();
            rig.begin(&config(vec![maker()]), journaled);
            rig.apply(connection(Channel::Orders, LinkState::Up));
        }
    }
    assert_eq!(placed(&rig.commands[before..]), Vec::<u64>::new());
    assert!(rig.machine.kill_latched());
    for quote in [&quotes.buy, &quotes.sell] {
        rig.apply(say(Kind::OrderCancelled, id(quote)));
        assert_eq!(state(&rig, id(quote)), OrderState::Cancelled);
    }
}
