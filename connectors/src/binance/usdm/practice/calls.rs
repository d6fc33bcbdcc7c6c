//! The calls of USD-M over REST and the WebSocket API: names, weights, what they need.

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::binance) enum UsdmCall {
    Ping,
    Time,
    ExchangeInfo,
    Depth,
    PremiumIndex,
    OpenInterest,
    Brackets,
    PositionMode,
    Place,
    Modify,
    Cancel,
    CancelAll,
    PlaceBatch,
    CancelBatch,
    Countdown,
    Status,
    OpenOrders,
    Trades,
    Balances,
    Account,
    Positions,
    Income,
    Commission,
    KeyStart,
    KeyPing,
    KeyStop,
}

impl UsdmCall {
    /// From a REST method and path; `None` if there is no such call.
    pub(in crate::binance) fn from_rest(method: &str, path: &str) -> Option<Self> {
        Some(match (method, path) {
            ("GET", "/fapi/v1/ping") => Self::Ping,
            ("GET", "/fapi/v1/time") => Self::Time,
            ("GET", "/fapi/v1/exchangeInfo") => Self::ExchangeInfo,
            ("GET", "/fapi/v1/depth") => Self::Depth,
            ("GET", "/fapi/v1/premiumIndex") => Self::PremiumIndex,
            ("GET", "/fapi/v1/openInterest") => Self::OpenInterest,
            ("GET", "/fapi/v1/leverageBracket") => Self::Brackets,
            ("GET", "/fapi/v1/positionSide/dual") => Self::PositionMode,
            ("POST", "/fapi/v1/order") => Self::Place,
            ("PUT", "/fapi/v1/order") => Self::Modify,
            ("DELETE", "/fapi/v1/order") => Self::Cancel,
            ("DELETE", "/fapi/v1/allOpenOrders") => Self::CancelAll,
            ("POST", "/fapi/v1/batchOrders") => Self::PlaceBatch,
            ("DELETE", "/fapi/v1/batchOrders") => Self::CancelBatch,
            ("POST", "/fapi/v1/countdownCancelAll") => Self::Countdown,
            ("GET", "/fapi/v1/order") => Self::Status,
            ("GET", "/fapi/v1/openOrders") => Self::OpenOrders,
            ("GET", "/fapi/v1/userTrades") => Self::Trades,
            ("GET", "/fapi/v2/balance" | "/fapi/v3/balance") => Self::Balances,
            ("GET", "/fapi/v2/account" | "/fapi/v3/account") => Self::Account,
            ("GET", "/fapi/v2/positionRisk" | "/fapi/v3/positionRisk") => Self::Positions,
            ("GET", "/fapi/v1/income") => Self::Income,
            ("GET", "/fapi/v1/commissionRate") => Self::Commission,
            ("POST", "/fapi/v1/listenKey") => Self::KeyStart,
            ("PUT", "/fapi/v1/listenKey") => Self::KeyPing,
            ("DELETE", "/fapi/v1/listenKey") => Self::KeyStop,
            _ => return None,
        })
    }

    /// From a WebSocket method; `None` if there is no such call.
    pub(in crate::binance) fn from_method(method: &str) -> Option<Self> {
        Some(match method {
            "depth" => Self::Depth,
            "order.place" => Self::Place,
            "order.modify" => Self::Modify,
            "order.cancel" => Self::Cancel,
            "order.status" => Self::Status,
            "account.balance" | "v2/account.balance" => Self::Balances,
            "account.status" | "v2/account.status" => Self::Account,
            "account.position" | "v2/account.position" => Self::Positions,
            "userDataStream.start" => Self::KeyStart,
            "userDataStream.ping" => Self::KeyPing,
            "userDataStream.stop" => Self::KeyStop,
            _ => return None,
        })
    }

    /// The name of a call that changes orders, for the log; empty for others.
    pub(in crate::binance) const fn order_method(self) -> &'static str {
        match self {
            Self::Place => "order.place",
            Self::Modify => "order.modify",
            Self::Cancel => "order.cancel",
            Self::CancelAll => "allOpenOrders",
            Self::PlaceBatch => "batchOrders.place",
            Self::CancelBatch => "batchOrders.cancel",
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::PremiumIndex
            | Self::OpenInterest
            | Self::Brackets
            | Self::PositionMode
            | Self::Countdown
            | Self::Status
            | Self::OpenOrders
            | Self::Trades
            | Self::Balances
            | Self::Account
            | Self::Positions
            | Self::Income
            | Self::Commission
            | Self::KeyStart
            | Self::KeyPing
            | Self::KeyStop => "",
        }
    }

    /// Whether it must be signed.
    pub(in crate::binance) const fn is_signed(self) -> bool {
        match self {
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::PremiumIndex
            | Self::OpenInterest
            | Self::KeyStart
            | Self::KeyPing
            | Self::KeyStop => false,
            Self::Brackets
            | Self::PositionMode
            | Self::Place
            | Self::Modify
            | Self::Cancel
            | Self::CancelAll
            | Self::PlaceBatch
            | Self::CancelBatch
            | Self::Countdown
            | Self::Status
            | Self::OpenOrders
            | Self::Trades
            | Self::Balances
            | Self::Account
            | Self::Positions
            | Self::Income
            | Self::Commission => true,
        }
    }

    /// Whether the key alone is enough.
    pub(in crate::binance) const fn needs_key(self) -> bool {
        matches!(self, Self::KeyStart | Self::KeyPing | Self::KeyStop)
    }

    /// Whether the answer shows the counts of orders.
    pub(in crate::binance) const fn counts_orders(self) -> bool {
        matches!(self, Self::Place | Self::Modify | Self::PlaceBatch)
    }

    /// Request weight.
    pub(in crate::binance) fn weight(self, limit: Option<i64>, one_symbol: bool) -> u32 {
        match self {
            Self::Place | Self::Modify => 0,
            Self::Depth => match limit.unwrap_or(500) {
                ..=50 => 2,
                51..=100 => 5,
                101..=500 => 10,
                _ => 20,
            },
            Self::OpenOrders if !one_symbol => 40,
            Self::PlaceBatch | Self::Balances | Self::Account | Self::Positions | Self::Trades => 5,
            Self::Countdown => 10,
            Self::Income => 30,
            Self::Commission => 20,
            Self::PositionMode => 30,
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::PremiumIndex
            | Self::OpenInterest
            | Self::Brackets
            | Self::Cancel
            | Self::CancelAll
            | Self::CancelBatch
            | Self::Status
            | Self::OpenOrders
            | Self::KeyStart
            | Self::KeyPing
            | Self::KeyStop => 1,
        }
    }
}
