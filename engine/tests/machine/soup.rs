//! Any events at all: never a panic, always within the bounds, always the same again.

use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, balance, config, connection, fill, levels, maker, operator, report,
    reset, taker, tick,
};
use engine::machine::{Machine, Outputs};
use model::body::{
    Channel, LinkState, OperatorAction, OrderStatus, RejectReason, Sent, Side, Trade,
};
use model::ids::ClientOrderId;
use model::ids::StrategyId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};
use proptest::prelude::*;

/// Numbers that are likely, and numbers that are as large as they can be.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => 999_900_i64..1_000_100,
        2 => 0_i64..3,
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
        1 => any::<i64>(),
    ]
}

fn client_id() -> impl Strategy<Value = u64> {
    let own = (1_u32..3, 0_u16..2, 1_u32..6).prop_map(|(epoch, strategy, counter)| {
        ClientOrderId::new(epoch, Some(StrategyId(strategy)), counter)
            .unwrap()
            .raw()
    });
    prop_oneof![9 => own, 1 => any::<u64>()]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn market() -> impl Strategy<Value = Record> {
    let level = (side(), number(), number());
    let changes = proptest::collection::vec(level, 1..5);
    prop_oneof![
        (any::<u64>(), 0_u64..2).prop_map(|(id, records)| reset(id, records)),
        (0_u64..100, 0_u8..4, changes).prop_map(|(id, bits, changes)| {
            let known = bits & (flags::LAST_OF_MESSAGE | flags::SNAPSHOT);
            levels(id, known, &changes)
        }),
        (number(), number(), side()).prop_map(|(price, qty, aggressor)| {
            let body = Trade {
                trade_id: 1,
                venue_time_ns: 0,
                price: Ticks(price),
                qty: Lots(qty),
                aggressor,
                reserved: [0; 47],
            };
            Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT)
        }),
    ]
}

fn about_orders() -> impl Strategy<Value = Record> {
    let kind = prop_oneof![
        Just(Kind::OrderAcked),
        Just(Kind::OrderRejected),
        Just(Kind::OrderCancelled),
        Just(Kind::OrderExpired),
        Just(Kind::OrderUnknown),
        Just(Kind::OrderStatus),
        Just(Kind::OrderAbsent),
        Just(Kind::CancelRejected),
        Just(Kind::SendFailed),
    ];
    let status = prop_oneof![
        Just(OrderStatus::NotStated),
        Just(OrderStatus::Open),
        Just(OrderStatus::Filled),
        Just(OrderStatus::Cancelled),
    ];
    let reason = prop_oneof![
        Just(RejectReason::None),
        Just(RejectReason::Duplicate),
        Just(RejectReason::UnknownOrder),
    ];
    let reports = (kind, client_id(), status, number(), reason).prop_map(
        |(kind, id, status, cum, reason)| {
            report(kind, id, status, cum, reason).by_strategy(StrategyId(0))
        },
    );
    let fills = (client_id(), 1_u64..20, side(), number(), number())
        .prop_map(|(id, trade, side, price, qty)| fill(id, trade, side, price, qty));
    let sents = (1_u64..9, client_id()).prop_map(|(command, client_id)| {
        let body = Sent {
            command,
            client_id,
            received_ns: 0,
            sequenced_ns: 0,
            intended_ns: 0,
            approved_ns: 0,
            taken_ns: 0,
            written_ns: 0,
            reserved: [0; 16],
        };
        Record::new(Kind::Sent, &body)
            .on_account(ACCOUNT)
            .by_strategy(StrategyId(0))
    });
    prop_oneof![3 => reports, 2 => fills, 1 => sents]
}

fn running() -> impl Strategy<Value = Record> {
    let link = prop_oneof![
        3 => Just(LinkState::Up),
        1 => Just(LinkState::Down),
        1 => Just(LinkState::Stale),
    ];
    let channel = prop_oneof![Just(Channel::Market), Just(Channel::Orders)];
    let action = prop_oneof![
        1 => Just(OperatorAction::Stop),
        1 => Just(OperatorAction::Kill),
        3 => Just(OperatorAction::Release),
        1 => Just(OperatorAction::ConfirmFlat),
        2 => Just(OperatorAction::CancelOnly),
        2 => Just(OperatorAction::Resume),
    ];
    prop_oneof![
        4 => Just(tick()),
        2 => (channel, link).prop_map(|(channel, state)| connection(channel, state)),
        1 => action.prop_map(operator),
        1 => number().prop_map(|total| balance("BTC", total)),
    ]
}

pub(crate) fn events() -> impl Strategy<Value = Vec<(Record, u64)>> {
    let record = prop_oneof![3 => market(), 3 => about_orders(), 2 => running()];
    let wait = prop_oneof![4 => 0_u64..1_000, 1 => 0_u64..10_000_000_000];
    proptest::collection::vec((record, wait), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn prop_machine_any_events_keep_it_within_bounds_and_repeatable(events in events()) {
        let mut rig = Rig::new();
        rig.start(&config(vec![maker(), taker()]), 0);
        for (record, wait) in events {
            rig.pass(wait);
            rig.apply(record);
            let refusals = rig.out.refusals.clone();
            let risk = rig.machine.risk();
            prop_assert!(risk.commands_in_flight() as usize <= COMMANDS_IN_FLIGHT_MAX);
            prop_assert!(rig.machine.strategies().iter().all(|s| s.intents_in_flight() <= 16));
            for refusal in refusals {
                rig.apply(refusal);
            }
        }
        let numbers: Vec<u64> = rig
            .commands
            .iter()
            .map(|record| model::command::command(record).unwrap().number())
            .collect();
        prop_assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
        let mut again = Machine::new();
        let mut out = Outputs::new();
        for record in &rig.log {
            again.apply(record, &mut out).unwrap();
        }
        prop_assert_eq!(again.state_hash(), rig.machine.state_hash());
    }
}
