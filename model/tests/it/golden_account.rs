//! Examples of the records about accounts, control and notices, for the golden file.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the groups of kinds are tried in turn"
)]

use model::body::*;
use model::control::{Control, ScopeKind};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

pub(crate) fn market(kind: Kind) -> Option<Record> {
    Some(match kind {
        Kind::Mark => Record::new(
            kind,
            &Mark {
                mark: Ticks(6_000_001),
                index: Ticks(6_000_002),
                funding_rate_e9: -100_000,
                next_funding_ns: 20,
                venue_time_ns: 21,
                reserved: [0; 40],
            },
        ),
        Kind::Candle => Record::new(
            kind,
            &Candle {
                open_time_ns: 60,
                venue_time_ns: 61,
                open: Ticks(6_000_003),
                high: Ticks(6_000_006),
                low: Ticks(6_000_001),
                close: Ticks(6_000_004),
                volume: Lots(62),
                taker_bought: Lots(63),
                trades: 64,
                interval_s: 65,
                closed: Flag::Yes,
                reserved: [0; 3],
            },
        ),
        Kind::OpenInterest => Record::new(
            kind,
            &OpenInterest {
                qty: Lots(66),
                venue_time_ns: 67,
                reserved: [0; 64],
            },
        ),
        Kind::Liquidation => Record::new(
            kind,
            &Liquidation {
                venue_time_ns: 68,
                price: Ticks(6_000_005),
                average: Ticks(6_000_002),
                qty: Lots(69),
                filled: Lots(70),
                side: Side::Sell,
                reserved: [0; 39],
            },
        ),
        _ => return None,
    })
}

pub(crate) fn money(kind: Kind) -> Option<Record> {
    let amount = Money::new(Decimal::new(-25, 3));
    let asset = AssetName::cut("USDT");
    Some(match kind {
        Kind::Rate => Record::new(
            kind,
            &Rate {
                rate: Money::new(Decimal::new(9_998, 4)),
                venue_time_ns: 22,
                asset,
                reserved: [0; 42],
            },
        ),
        Kind::Transfer => Record::new(
            kind,
            &Transfer {
                amount,
                id: 23,
                venue_time_ns: 24,
                asset,
                kind: TransferKind::Withdrawal,
                reserved: [0; 33],
            },
        ),
        Kind::Funding => Record::new(
            kind,
            &Funding {
                amount,
                id: 25,
                rate_e9: 100_000,
                qty: Lots(-3),
                venue_time_ns: 26,
                asset,
                reserved: [0; 18],
            },
        ),
        Kind::PositionReport => Record::new(
            kind,
            &PositionReport {
                qty: Lots(-3),
                entry: amount,
                liquidation: Ticks(7_000_000),
                margin: amount,
                venue_time_ns: 27,
                leverage_bps: 30_000,
                mode: MarginMode::Isolated,
                reserved: [0; 19],
            },
        ),
        _ => return None,
    })
}

pub(crate) fn control(kind: Kind, client_id: u64) -> Option<Record> {
    Some(match kind {
        Kind::Control => Record::new(
            kind,
            &ControlRequest {
                number: 30,
                target: 31,
                old: 32,
                new: 33,
                soft: i64::MAX,
                scope_id: 2,
                control: Control::MaxQuantity.code(),
                person: 1,
                action: ControlAction::SetLimit,
                scope: ScopeKind::Strategy,
                outcome: Outcome::None,
                reason: Text::cut("smaller clips"),
            },
        ),
        Kind::RiskNotice => Record::new(
            kind,
            &Notice {
                number: 34,
                cause: 35,
                value: 36,
                threshold: 37,
                other: 38,
                price: Ticks(39),
                qty: Lots(40),
                scope_id: 2,
                version: 41,
                code: NoticeCode::HardLimit,
                control: Control::DailyLoss.code(),
                scope: ScopeKind::Account,
                level: NoticeLevel::Hard,
                reserved: [0; 10],
            },
        ),
        Kind::OrderAmended => Record::new(
            kind,
            &Amended {
                client_id,
                venue_order_id: 77,
                venue_time_ns: 42,
                qty: Lots(5),
                cum_qty: Lots(1),
                reserved: [0; 40],
            },
        ),
        _ => return None,
    })
}

pub(crate) fn command(kind: Kind, client_id: u64) -> Option<Record> {
    Some(match kind {
        Kind::AmendOrder => Record::new(
            kind,
            &AmendOrder {
                command: 46,
                client_id,
                venue_order_id: 77,
                qty: Lots(12),
                reserved: [0; 48],
            },
        ),
        Kind::CancelAll => Record::new(
            kind,
            &CancelAll {
                command: 47,
                reserved: [0; 72],
            },
        ),
        Kind::Latch => Record::new(
            kind,
            &Latch {
                command: 48,
                scope_id: 2,
                scope: ScopeKind::Strategy,
                on: Flag::Yes,
                reserved: [0; 66],
            },
        ),
        _ => return None,
    })
}
