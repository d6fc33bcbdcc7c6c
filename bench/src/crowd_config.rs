//! What a full house is configured with: every strategy, and a limit of every control before the
//! order.

use engine::machine::{
    AccountConfig, ControlConfig, FlowRules, HeldRules, LevelConfig, MachineConfig, OrderLimits,
    Protection, RiskLimits, StrategyConfig,
};
use engine::strategy::MovingAverageParams;
use model::control::{Control, Scope};
use model::ids::{AccountId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::{ACCOUNTS, TRADERS, account_of, instruments_of};

pub(super) fn config() -> MachineConfig {
    let never = MovingAverageParams {
        band_ticks: Ticks(1_000_000_000),
        ..MovingAverageParams::example()
    };
    MachineConfig {
        reporting: "USDT".to_owned(),
        strategies: (0..=TRADERS)
            .map(|id| StrategyConfig {
                name: format!("s{id}"),
                account: account_of(id),
                instruments: instruments_of(id).collect(),
                kind: MovingAverageParams::KIND.to_owned(),
                params: never.params(),
            })
            .collect(),
        limits: limits(),
        accounts: (0..ACCOUNTS)
            .map(|id| AccountConfig {
                venue: VenueId(0),
                name: format!("a{id}"),
            })
            .collect(),
        protection: Protection {
            held: HeldRules {
                orders_max: 1_024,
                ..HeldRules::default()
            },
            ..Protection::default()
        },
        book_window_ticks: 1 << 12,
        control: ControlConfig {
            levels: levels(),
            ..ControlConfig::default()
        },
    }
}

/// A limit of every control before the order, in the scopes that it has, so that each check has
/// its whole work: far enough away that every order passes.
fn levels() -> Vec<LevelConfig> {
    let far = 1_000_000_000_000_000;
    let accounts = || (0..ACCOUNTS).map(|id| Scope::Account(AccountId(id)));
    let wide = [Scope::Overall, Scope::Venue(VenueId(0))];
    let summed = [Control::OpenValue, Control::GrossValue, Control::Capital];
    let flowing = [
        Control::CollarPeriod,
        Control::Duplicate,
        Control::OrderToTrade,
    ];
    let level = |control, scope, hard| LevelConfig {
        control,
        scope,
        soft: None,
        hard,
    };
    let mut levels = Vec::new();
    for control in summed {
        levels.extend(wide.map(|scope| level(control, scope, far)));
        levels.extend(accounts().map(|scope| level(control, scope, far)));
    }
    for control in flowing {
        // Nothing is ordered twice here; a nanosecond is the least window.
        let hard = if control == Control::Duplicate {
            1
        } else {
            far
        };
        levels.push(level(control, Scope::Overall, hard));
        levels.extend(accounts().map(|scope| level(control, scope, hard)));
    }
    for strategy in (0..TRADERS).map(|id| Scope::Strategy(StrategyId(id))) {
        let own = [
            Control::MaxQuantity,
            Control::Position,
            Control::PositionValue,
        ];
        levels.extend(own.map(|control| level(control, strategy, far)));
    }
    levels.push(level(Control::Haircut, Scope::Overall, 5_000));
    levels.extend(accounts().map(|scope| level(Control::MessageRate, scope, 1_000_000)));
    levels
}

fn limits() -> RiskLimits {
    RiskLimits {
        orders: OrderLimits {
            qty_max: Lots(100_000),
            value_max: Decimal::from(1_000_000),
            collar_bps: 5_000,
            position_max: Lots(1_000_000),
            open_orders_max: 1_024,
        },
        instruments: Vec::new(),
        open_orders_max: 16_384,
        messages_per_second: 100_000,
        messages_burst: 100_000,
        messages_reserved: 100,
        book_age_max_ns: 3_600_000_000_000,
        ack_timeout_ns: 10_000_000_000,
        recv_window_ns: 5_000_000_000,
        query_pause_min_ns: 1_000_000_000,
        query_pause_max_ns: 60_000_000_000,
        query_attempts_max: 8,
        flow: FlowRules::default(),
    }
}
