//! Capital while one of several holdings has no price: nothing that increases passes in the scopes
//! that hold it, until it has one.

use engine::machine::{AccountConfig, LevelConfig};
use model::blob::{self, BlobKind};
use model::body::{AssetName, Rate, RefusalReason, Side};
use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, SourceId, StrategyId, VenueId};
use model::instrument::Contract;
use model::num::{Lots, Money};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

use crate::kit::{ACCOUNT, fill, levels, reset, tick};
use crate::limits::{Desk, desk, qty, sell};
use crate::watches::listed;

const OTHER: InstrumentId = InstrumentId(1);

/// A desk with this limit that holds some of an instrument in euros, for which there is no rate.
fn holding(control: Control, scope: Scope) -> Desk {
    let mut desk = desk(|config| {
        config.accounts.push(AccountConfig {
            venue: VenueId(1),
            name: "other".to_owned(),
        });
        config.control.levels = vec![LevelConfig {
            control,
            scope,
            soft: None,
            hard: 100_000_000_000_000,
        }];
    });
    let euros = listed(OTHER.0, "BTC", "EUR", Contract::Spot);
    for record in blob::records(BlobKind::Instrument, &euros).unwrap() {
        desk.event(record.from_source(SourceId(9)));
    }
    let on = |record: Record| record.on_instrument(OTHER);
    desk.event(on(reset(1, 1)));
    let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
    let sides = [
        (Side::Buy, 999_999, 50_000),
        (Side::Sell, 1_000_001, 50_000),
    ];
    desk.event(on(levels(1, whole, &sides)));
    desk.event(tick());
    assert_eq!(desk.place(qty(60)), Ok(1), "nothing is held of it yet");
    desk.event(on(fill(0, 900, Side::Buy, 1_000_000, 1_000)));
    desk
}

fn euro() -> Record {
    let body = Rate {
        rate: Money::new(Decimal::new(11, 1)),
        venue_time_ns: 0,
        asset: AssetName::cut("EUR"),
        reserved: [0; 42],
    };
    Record::new(Kind::Rate, &body)
}

#[test]
fn capital_of_one_holding_without_a_price_lets_nothing_increase_until_it_has_one() {
    for control in [Control::GrossValue, Control::Capital] {
        for scope in [
            Scope::Overall,
            Scope::Venue(VenueId(0)),
            Scope::Account(ACCOUNT),
        ] {
            let mut desk = holding(control, scope);
            for _ in 0..2 {
                let (reason, ..) = desk.place(qty(60)).unwrap_err();
                assert_eq!(reason, RefusalReason::NoPrice, "{control:?} {scope:?}");
                desk.event(tick());
            }
            desk.event(euro());
            desk.event(tick());
            assert_eq!(desk.place(qty(60)), Ok(1), "{control:?} {scope:?}");
        }
    }
}

#[test]
fn capital_of_one_holding_without_a_price_is_nothing_to_other_scopes() {
    for scope in [
        Scope::Account(AccountId(1)),
        Scope::Venue(VenueId(1)),
        // Nobody's fill is no strategy's.
        Scope::Strategy(StrategyId(0)),
    ] {
        let mut desk = holding(Control::GrossValue, scope);
        assert_eq!(desk.place(qty(60)), Ok(1), "{scope:?}");
    }
}

#[test]
fn capital_of_one_holding_without_a_price_lets_another_one_be_reduced() {
    let mut desk = holding(Control::GrossValue, Scope::Overall);
    desk.event(fill(0, 901, Side::Buy, 1_000_000, 1_000));
    let sold = desk.place(sell(1_000, 1_001_000));
    assert_eq!(sold, Ok(1));
    let position = desk.risk.portfolio().position(ACCOUNT, OTHER).unwrap();
    assert_eq!(position.lots, Lots(1_000));
}
