//! Controls of risk by number, their units, and the scopes that they hold for.
//!
//! One numbering for limits, refusals, notices, `explain` and `RISK.md`. The number is ten times
//! the control's row in that table, plus a part. A number is never used again for something else.
//!
//! Hot path: yes (codes only). Allocates: no.

use serde::{Deserialize, Serialize};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{AccountId, InstrumentId, StrategyId, VenueId};

/// Unit of a control's value, which is always a 64-bit integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Lots of the instrument.
    Lots,
    /// Ticks of the instrument.
    Ticks,
    /// 1e-8 of the instrument's quote asset.
    Quote,
    /// 1e-8 of the reporting currency.
    Reporting,
    /// 1e-8 of the reporting currency in a second.
    ReportingPerSecond,
    /// 1/10_000.
    Bps,
    /// Nanoseconds.
    Nanos,
    /// Messages in a second.
    PerSecond,
    /// Messages for one fill, in 1/100.
    Ratio,
    /// It holds or it does not.
    Switch,
}

/// Which way a limit is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stricter {
    /// A smaller limit.
    Lower,
    /// A larger limit.
    Higher,
}

macro_rules! controls {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $unit:ident, $way:ident;)*) => {
        /// A control.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[repr(u16)]
        pub enum Control {
            $($(#[$doc])* $name = $code,)*
        }

        impl Control {
            /// Every control, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The control of a number.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Name in configuration, notices and tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Unit of its value and limit.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)*
                }
            }

            /// Which way its limit is stricter.
            #[must_use]
            pub const fn stricter(self) -> Stricter {
                match self {
                    $(Self::$name => Stricter::$way,)*
                }
            }
        }
    };
}

controls! {
    /// Fields of an order make sense together.
    Form = 1, "form", Switch, Lower;
    /// The venue's own rules of the instrument.
    VenueFilter = 10, "venue_filter", Switch, Lower;
    /// Largest quantity of one order.
    MaxQuantity = 20, "qty_max", Lots, Lower;
    /// Largest value of one order.
    MaxValue = 30, "value_max", Quote, Lower;
    /// Farthest from the reference price.
    PriceCollar = 40, "collar", Bps, Lower;
    /// Value ordered beyond half the collar within the window.
    CollarPeriod = 50, "collar_period_value", Quote, Lower;
    /// That window.
    CollarWindow = 51, "collar_window", Nanos, Higher;
    /// Messages in a second.
    MessageRate = 60, "messages_per_second", PerSecond, Lower;
    /// Messages at once.
    MessageBurst = 61, "messages_burst", Count, Lower;
    /// Part of the burst that only cancels and reductions may use.
    MessageReserve = 62, "messages_reserved", Count, Higher;
    /// Commands that wait for the gateway.
    InFlight = 63, "in_flight", Count, Lower;
    /// The same execution again and again.
    RepeatedExecution = 70, "repeated_executions", Count, Lower;
    /// In this window.
    RepeatedWindow = 71, "repeated_window", Nanos, Higher;
    /// The same intent again within this time.
    Duplicate = 80, "duplicate_window", Nanos, Higher;
    /// Open and unresolved orders.
    OpenOrders = 90, "open_orders_max", Count, Lower;
    /// Their value.
    OpenValue = 91, "open_value_max", Reporting, Lower;
    /// Net position at the worst case.
    Position = 100, "position_max", Lots, Lower;
    /// Value of the net positions at the worst case.
    PositionValue = 101, "position_value_max", Reporting, Lower;
    /// Sum of the values of all positions, long and short, at the worst case.
    GrossValue = 102, "gross_value_max", Reporting, Lower;
    /// Capital that the worst case takes, after haircuts.
    Capital = 110, "capital_max", Reporting, Lower;
    /// Haircut of an instrument.
    Haircut = 111, "haircut", Bps, Higher;
    /// Free balance by our own books.
    Funds = 112, "funds", Quote, Lower;
    /// Loss of the day.
    DailyLoss = 120, "daily_loss_max", Reporting, Lower;
    /// Age of the oldest price that equity rests on, or time that one is missing.
    EquityAge = 121, "equity_age_max", Nanos, Lower;
    /// Fall from the highest equity.
    Drawdown = 130, "drawdown_max", Reporting, Lower;
    /// Speed of the fall.
    DrawdownSpeed = 131, "drawdown_speed_max", ReportingPerSecond, Lower;
    /// Losing exits in a row.
    LossStreak = 140, "loss_streak_max", Count, Lower;
    /// How long a lock by it lasts.
    LossLock = 141, "loss_streak_lock", Nanos, Higher;
    /// Age of the book.
    BookAge = 150, "book_age_max", Nanos, Lower;
    /// Venue's time against ours.
    ClockOffset = 160, "clock_offset_max", Nanos, Lower;
    /// Jump of that.
    ClockStep = 161, "clock_step_max", Nanos, Lower;
    /// Trades with ourselves.
    SelfTrade = 170, "self_trade", Switch, Lower;
    /// Messages for each fill.
    OrderToTrade = 180, "order_to_trade_max", Ratio, Lower;
    /// In this window.
    OrderToTradeWindow = 181, "order_to_trade_window", Nanos, Higher;
    /// Reduce-only orders reduce.
    ReduceOnly = 190, "reduce_only", Lots, Lower;
    /// Restricted list and status of the instrument.
    Restricted = 200, "restricted", Switch, Lower;
    /// Distance to liquidation.
    LiquidationDistance = 210, "liquidation_distance_min", Bps, Higher;
    /// Funding paid in a day.
    FundingPaid = 220, "funding_paid_max", Reporting, Lower;
    /// Borrowed value.
    Borrowed = 221, "borrowed_max", Reporting, Lower;
    /// Part of the equity at one venue.
    VenueConcentration = 230, "venue_concentration_max", Bps, Lower;
    /// Part of the gross exposure at one venue.
    VenueGross = 231, "venue_gross_max", Bps, Lower;
    /// Distance of a stable asset from 1.
    Depeg = 240, "depeg_max", Bps, Lower;
    /// A fill's price against the reference.
    FillSlippage = 250, "fill_slippage_max", Bps, Lower;
    /// A fill's fee against its value.
    FillFee = 251, "fill_fee_max", Bps, Lower;
    /// Kill switch.
    KillSwitch = 260, "kill", Switch, Lower;
    /// Venue's own dead-man switch.
    DeadMan = 270, "dead_man", Nanos, Lower;
    /// Order connection and its reconciliation.
    Link = 280, "link", Switch, Lower;
    /// Orders whose outcome is unknown.
    UnknownOrders = 290, "unknown_orders_max", Count, Lower;
    /// Their value.
    UnknownValue = 291, "unknown_value_max", Reporting, Lower;
    /// Difference between our books and the venue's.
    Drift = 300, "drift_max", Reporting, Lower;
    /// How long it may last.
    DriftTime = 301, "drift_time_max", Nanos, Lower;
    /// Same program and configuration as deployed.
    Deployment = 310, "deployment", Switch, Lower;
    /// Change of limits.
    LimitChange = 320, "limit_change", Switch, Lower;
    /// Soft limits and their typed override.
    SoftLimit = 330, "soft_limit", Switch, Lower;
    /// Stop-loss of a position.
    StopLoss = 400, "stop_loss", Bps, Lower;
    /// Take-profit of a position.
    TakeProfit = 401, "take_profit", Bps, Lower;
    /// Trailing stop of a position.
    TrailingStop = 402, "trailing_stop", Bps, Lower;
    /// Longest time of a position.
    TimeStop = 403, "time_stop", Nanos, Lower;
    /// Orders that the engine holds until they trigger.
    Held = 410, "held_orders_max", Count, Lower;
    /// Size of an order by rule.
    Sizing = 420, "sizing", Lots, Lower;
    /// Orders in a second at the last line of the gateway.
    LastLineOrders = 430, "last_line_orders", PerSecond, Lower;
    /// Value ordered in a second there.
    LastLineValue = 431, "last_line_value", Quote, Lower;
}

impl Control {
    /// Its number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// What kind of thing a limit, a latch or a notice is about.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Serialize,
    Deserialize,
)]
#[repr(u8)]
pub enum ScopeKind {
    /// Everything.
    Overall = 0,
    /// A venue.
    Venue = 1,
    /// An account.
    Account = 2,
    /// A strategy.
    Strategy = 3,
    /// An instrument.
    Instrument = 4,
}

/// What a limit, a latch or a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Everything.
    Overall,
    /// A venue.
    Venue(VenueId),
    /// An account.
    Account(AccountId),
    /// A strategy.
    Strategy(StrategyId),
    /// An instrument.
    Instrument(InstrumentId),
}

impl Scope {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> ScopeKind {
        match self {
            Self::Overall => ScopeKind::Overall,
            Self::Venue(_) => ScopeKind::Venue,
            Self::Account(_) => ScopeKind::Account,
            Self::Strategy(_) => ScopeKind::Strategy,
            Self::Instrument(_) => ScopeKind::Instrument,
        }
    }

    /// The id within its kind; 0 for everything.
    #[must_use]
    pub fn id(self) -> u32 {
        match self {
            Self::Overall => 0,
            Self::Venue(venue) => u32::from(venue.0),
            Self::Account(account) => u32::from(account.0),
            Self::Strategy(strategy) => u32::from(strategy.0),
            Self::Instrument(instrument) => instrument.0,
        }
    }

    /// The scope of a kind and an id; `None` if the id is beyond its kind's range.
    #[must_use]
    pub fn from_parts(kind: ScopeKind, id: u32) -> Option<Self> {
        Some(match kind {
            ScopeKind::Overall => return (id == 0).then_some(Self::Overall),
            ScopeKind::Venue => Self::Venue(VenueId(u8::try_from(id).ok()?)),
            ScopeKind::Account => Self::Account(AccountId(u16::try_from(id).ok()?)),
            ScopeKind::Strategy => Self::Strategy(StrategyId(u16::try_from(id).ok()?)),
            ScopeKind::Instrument => Self::Instrument(InstrumentId(id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_rise_and_read_back() {
        let codes: Vec<u16> = Control::ALL.iter().map(|control| control.code()).collect();
        assert!(codes.is_sorted_by(|left, right| left < right));
        for &control in Control::ALL {
            assert_eq!(Control::from_code(control.code()), Some(control));
        }
        let mut names: Vec<&str> = Control::ALL.iter().map(|control| control.name()).collect();
        names.sort_unstable();
        assert!(
            names.is_sorted_by(|left, right| left < right),
            "a name twice"
        );
    }

    #[test]
    fn scope_reads_back_from_its_parts() {
        let scopes = [
            Scope::Overall,
            Scope::Venue(VenueId(7)),
            Scope::Account(AccountId(300)),
            Scope::Strategy(StrategyId(63)),
            Scope::Instrument(InstrumentId(4_095)),
        ];
        for scope in scopes {
            assert_eq!(Scope::from_parts(scope.kind(), scope.id()), Some(scope));
        }
        assert_eq!(Scope::from_parts(ScopeKind::Overall, 1), None);
        assert_eq!(Scope::from_parts(ScopeKind::Venue, 256), None);
    }
}
