//! The bytes of one record of every kind, against the committed file of version 1.
//!
//! A change here is a change of the journal's format. `UPDATE_GOLDEN=1` writes the file anew.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the groups of kinds are tried in turn"
)]

use crate::golden_account;
use model::body::*;
use model::ids::{AccountId, ClientOrderId, InstrumentId, SourceId, StrategyId};
use model::limits::{BLOB_PART_BYTES, LEVELS_PER_RECORD};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;
use zerocopy::IntoBytes as _;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/records-v1.hex");

fn client_id() -> u64 {
    ClientOrderId::new(3, Some(StrategyId(1)), 17)
        .unwrap()
        .raw()
}

fn level(price: i64, qty: i64) -> Level {
    Level {
        price: Ticks(price),
        qty: Lots(qty),
    }
}

fn report() -> OrderReport {
    OrderReport {
        client_id: client_id(),
        venue_order_id: 0x1122_3344,
        venue_time_ns: 1_700_000_000_000_000_000,
        cum_qty: Lots(5),
        code: -2010,
        status: OrderStatus::PartiallyFilled,
        reason: RejectReason::Filter,
        text: Text::cut("Filter failure: NOTIONAL"),
    }
}

fn market(kind: Kind) -> Option<Record> {
    Some(match kind {
        Kind::BookReset => Record::new(
            kind,
            &BookReset {
                update_id: 7,
                level_records: 2,
                reserved: [0; 64],
            },
        ),
        Kind::BookOrder => Record::new(
            kind,
            &BookOrder {
                order_id: 0x5566_7788,
                venue_time_ns: 25,
                price: Ticks(6_183_763),
                qty: Lots(378_826),
                side: Side::Sell,
                change: BookChange::Traded,
                reserved: [0; 46],
            },
        ),
        Kind::BookLevels => {
            let mut levels = [Level::UNUSED; LEVELS_PER_RECORD];
            levels[0] = level(6_183_763, 378_826);
            levels[1] = level(6_183_764, 0);
            let body = BookLevels {
                update_id: 8,
                venue_time_ns: 9,
                levels,
            };
            let mut record = Record::new(kind, &body).with_flags(flags::SNAPSHOT);
            record.detail = BookLevels::detail(2, 0b10);
            record
        }
        Kind::Trade => Record::new(
            kind,
            &Trade {
                trade_id: 3_735_683_259,
                venue_time_ns: 10,
                price: Ticks(6_183_763),
                qty: Lots(2_000),
                aggressor: Side::Sell,
                reserved: [0; 47],
            },
        ),
        Kind::Quote => Record::new(
            kind,
            &Quote {
                update_id: 11,
                venue_time_ns: 0,
                bid: level(6_183_763, 378_826),
                ask: level(6_183_764, 154_698),
                reserved: [0; 32],
            },
        ),
        _ => return None,
    })
}

fn command(kind: Kind) -> Option<Record> {
    let (client_id, qty, price) = (client_id(), Lots(12), Ticks(6_000_000));
    Some(match kind {
        Kind::NewOrder => Record::new(
            kind,
            &NewOrder {
                command: 41,
                client_id,
                price,
                qty,
                tag: 5,
                side: Side::Buy,
                order_type: OrderType::PostOnly,
                time_in_force: TimeInForce::Gtc,
                reduce_only: Flag::No,
                self_trade: model::body::SelfTrade::NotStated,
                reserved: [0; 35],
            },
        ),
        Kind::CancelOrder => Record::new(
            kind,
            &CancelOrder {
                command: 42,
                client_id,
                venue_order_id: 77,
                reserved: [0; 56],
            },
        ),
        Kind::ReplaceOrder => Record::new(
            kind,
            &ReplaceOrder {
                command: 43,
                cancel_client_id: client_id,
                cancel_venue_order_id: 77,
                client_id: client_id + 1,
                price,
                qty,
                tag: 6,
                side: Side::Sell,
                order_type: OrderType::Limit,
                time_in_force: TimeInForce::Ioc,
                reduce_only: Flag::Yes,
                self_trade: model::body::SelfTrade::NotStated,
                reserved: [0; 19],
            },
        ),
        Kind::QueryOrder => Record::new(
            kind,
            &QueryOrder {
                command: 44,
                client_id,
                venue_order_id: 0,
                reserved: [0; 56],
            },
        ),
        Kind::QueryOpenOrders => Record::new(
            kind,
            &QueryOpenOrders {
                command: 45,
                reserved: [0; 72],
            },
        ),
        _ => return None,
    })
}

fn run(kind: Kind) -> Option<Record> {
    Some(match kind {
        Kind::RunStarted => Record::new(
            kind,
            &RunStarted {
                epoch: 3,
                reserved0: 0,
                commands_journaled: 40,
                reserved: [0; 64],
            },
        ),
        Kind::RunEnded => Record::new(
            kind,
            &RunEnded {
                open_orders: 1,
                reserved: [0; 72],
            },
        ),
        Kind::BlobPart => {
            let mut bytes = [0; BLOB_PART_BYTES];
            bytes[..3].copy_from_slice(b"abc");
            Record::new(
                kind,
                &BlobPart {
                    kind: 2,
                    part: 1,
                    parts: 2,
                    used: 3,
                    bytes,
                },
            )
        }
        Kind::Tick => Record::new(
            kind,
            &Tick {
                count: 600,
                reserved: [0; 72],
            },
        ),
        Kind::Connection => Record::new(
            kind,
            &Connection {
                venue: 1,
                channel: Channel::Orders,
                state: LinkState::Stale,
                reserved: 0,
                code: -1021,
                text: Text::cut("clock"),
            },
        ),
        Kind::Operator => Record::new(
            kind,
            &Operator {
                action: OperatorAction::Kill,
                reserved: [0; 7],
                text: Text::cut("signal"),
            },
        ),
        Kind::StateHash | Kind::Balance | Kind::DurableMark | Kind::Recovered => {
            return state(kind);
        }
        _ => return None,
    })
}

fn state(kind: Kind) -> Option<Record> {
    Some(match kind {
        Kind::StateHash => Record::new(
            kind,
            &StateHash {
                at_event: 99,
                hash: [0xab; 32],
                reserved: [0; 40],
            },
        ),
        Kind::DurableMark => Record::new(
            kind,
            &DurableMark {
                durable_seq: 992,
                reserved: [0; 72],
            },
        ),
        Kind::Recovered => Record::new(
            kind,
            &Recovered {
                from_seq: 950,
                bytes: 300,
                whole_records: 2,
                durable_mark: 949,
                reserved: [0; 48],
            },
        ),
        Kind::Balance => Record::new(
            kind,
            &Balance {
                free: Money::new(Decimal::new(123_456, 5)),
                locked: Money::new(Decimal::new(-1, 8)),
                venue_time_ns: 12,
                asset: AssetName::cut("USDT"),
                reserved: [0; 26],
            },
        ),
        _ => return None,
    })
}

fn order(kind: Kind) -> Record {
    match kind {
        Kind::OrderFilled => Record::new(
            kind,
            &Fill {
                client_id: client_id(),
                venue_order_id: 77,
                venue_time_ns: 13,
                trade_id: 14,
                price: Ticks(15),
                qty: Lots(16),
                fee: Money::new(Decimal::new(17, 8)),
                fee_asset: AssetName::cut("BTC"),
                side: Side::Buy,
                liquidity: Liquidity::Maker,
            },
        ),
        Kind::Sent => Record::new(
            kind,
            &Sent {
                command: 41,
                client_id: client_id(),
                received_ns: 1,
                sequenced_ns: 2,
                intended_ns: 3,
                approved_ns: 4,
                taken_ns: 5,
                written_ns: 6,
                reserved: [0; 16],
            },
        ),
        Kind::OpenOrders => Record::new(
            kind,
            &OpenOrders {
                ours: 1,
                foreign: 2,
                reserved: [0; 64],
            },
        ),
        Kind::RiskRefused => Record::new(
            kind,
            &Refusal {
                number: 1,
                cause: 2,
                tag: 3,
                value: 4,
                threshold: 5,
                price: Ticks(6),
                qty: Lots(7),
                client_id: client_id(),
                reason: RefusalReason::PriceCollar,
                side: Side::Sell,
                control: 0,
                scope_id: 0,
                version: 0,
                scope: model::control::ScopeKind::Overall,
                level: model::body::NoticeLevel::Info,
                reserved: [0; 2],
            },
        ),
        _ => Record::new(kind, &report()),
    }
}

fn example(kind: Kind) -> Record {
    let record = market(kind)
        .or_else(|| command(kind))
        .or_else(|| run(kind))
        .or_else(|| golden_account::command(kind, client_id()))
        .or_else(|| golden_account::market(kind))
        .or_else(|| golden_account::money(kind))
        .or_else(|| golden_account::control(kind, client_id()))
        .unwrap_or_else(|| order(kind));
    let mut record = record
        .from_source(SourceId(2))
        .on_instrument(InstrumentId(0))
        .on_account(AccountId(1))
        .by_strategy(StrategyId(2))
        .stamped(1_700_000_000_000_000_123);
    record.seq = 1_000;
    record.event = 900;
    record.time_ns = 1_700_000_000_000_000_100;
    record
}

fn lines() -> String {
    Kind::ALL
        .iter()
        .map(|&kind| {
            let record = example(kind);
            let hex: String = record
                .as_bytes()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            format!("{} {hex}\n", kind.name())
        })
        .collect()
}

#[test]
fn golden_bytes_of_every_kind_are_those_of_version_1() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(FILE, lines()).unwrap();
    }
    let golden = std::fs::read_to_string(FILE).unwrap();
    for (want, have) in golden.lines().zip(lines().lines()) {
        assert_eq!(want, have);
    }
    assert_eq!(golden.lines().count(), Kind::ALL.len());
}

#[test]
fn example_of_every_kind_reads_back_as_that_kind() {
    for &kind in Kind::ALL {
        let record = example(kind);
        assert_eq!(record.kind(), Some(kind));
        assert!(model::event::view(&record).is_ok(), "{kind:?}");
        assert_eq!(
            kind.is_command(),
            model::command::command(&record).is_ok(),
            "{kind:?}"
        );
        assert_eq!(record.instrument(), Some(InstrumentId(0)));
        assert_eq!(record.account(), Some(AccountId(1)));
        assert_eq!(record.strategy(), Some(StrategyId(2)));
    }
}
