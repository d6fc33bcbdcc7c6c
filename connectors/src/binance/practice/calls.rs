//! The calls that REST and the WebSocket API share: what they are named, weigh and need.

use crate::binance::usdm::practice::calls::UsdmCall;
use crate::protocol::Protocol;

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::binance) enum Call {
    Ping,
    Time,
    ExchangeInfo,
    Depth,
    Trades,
    BookTicker,
    Place,
    Test,
    Cancel,
    CancelAll,
    CancelReplace,
    Amend,
    Status,
    OpenOrders,
    AllOrders,
    MyTrades,
    Account,
    Commission,
    /// One of USD-M futures.
    Usdm(UsdmCall),
}

impl Call {
    /// From a REST method and path; `None` if there is no such call.
    pub(in crate::binance) fn from_rest(
        protocol: Protocol,
        method: &str,
        path: &str,
    ) -> Option<Self> {
        if protocol == Protocol::BinanceUsdm {
            return UsdmCall::from_rest(method, path).map(Self::Usdm);
        }
        let path = path.strip_prefix("/api/v3/")?;
        Some(match (method, path) {
            ("GET", "ping") => Self::Ping,
            ("GET", "time") => Self::Time,
            ("GET", "exchangeInfo") => Self::ExchangeInfo,
            ("GET", "depth") => Self::Depth,
            ("GET", "trades") => Self::Trades,
            ("GET", "ticker/bookTicker") => Self::BookTicker,
            ("POST", "order") => Self::Place,
            ("POST", "order/test") => Self::Test,
            ("DELETE", "order") => Self::Cancel,
            ("DELETE", "openOrders") => Self::CancelAll,
            ("POST", "order/cancelReplace") => Self::CancelReplace,
            ("PUT", "order/amend/keepPriority") => Self::Amend,
            ("GET", "order") => Self::Status,
            ("GET", "openOrders") => Self::OpenOrders,
            ("GET", "allOrders") => Self::AllOrders,
            ("GET", "myTrades") => Self::MyTrades,
            ("GET", "account") => Self::Account,
            ("GET", "account/commission") => Self::Commission,
            _ => return None,
        })
    }

    /// From a WebSocket method; `None` if there is no such call.
    pub(in crate::binance) fn from_method(protocol: Protocol, method: &str) -> Option<Self> {
        if protocol == Protocol::BinanceUsdm {
            return UsdmCall::from_method(method).map(Self::Usdm);
        }
        Some(match method {
            "ping" => Self::Ping,
            "time" => Self::Time,
            "exchangeInfo" => Self::ExchangeInfo,
            "depth" => Self::Depth,
            "trades.recent" => Self::Trades,
            "ticker.book" => Self::BookTicker,
            "order.place" => Self::Place,
            "order.test" => Self::Test,
            "order.cancel" => Self::Cancel,
            "openOrders.cancelAll" => Self::CancelAll,
            "order.cancelReplace" => Self::CancelReplace,
            "order.amend.keepPriority" => Self::Amend,
            "order.status" => Self::Status,
            "openOrders.status" => Self::OpenOrders,
            "allOrders" => Self::AllOrders,
            "myTrades" => Self::MyTrades,
            "account.status" => Self::Account,
            "account.commission" => Self::Commission,
            _ => return None,
        })
    }

    /// The WebSocket method of an order call, for the log; empty for others.
    pub(in crate::binance) const fn order_method(self) -> &'static str {
        match self {
            Self::Place => "order.place",
            Self::Cancel => "order.cancel",
            Self::CancelAll => "openOrders.cancelAll",
            Self::CancelReplace => "order.cancelReplace",
            Self::Amend => "order.amend.keepPriority",
            Self::Usdm(call) => call.order_method(),
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::Trades
            | Self::BookTicker
            | Self::Test
            | Self::Status
            | Self::OpenOrders
            | Self::AllOrders
            | Self::MyTrades
            | Self::Account
            | Self::Commission => "",
        }
    }

    /// Whether it must be signed.
    pub(in crate::binance) const fn is_signed(self) -> bool {
        match self {
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::Trades
            | Self::BookTicker => false,
            Self::Usdm(call) => call.is_signed(),
            Self::Place
            | Self::Test
            | Self::Cancel
            | Self::CancelAll
            | Self::CancelReplace
            | Self::Amend
            | Self::Status
            | Self::OpenOrders
            | Self::AllOrders
            | Self::MyTrades
            | Self::Account
            | Self::Commission => true,
        }
    }

    /// Whether the key alone is enough, without a signature.
    pub(in crate::binance) const fn needs_key(self) -> bool {
        matches!(self, Self::Usdm(call) if call.needs_key())
    }

    /// Whether it can change orders: the requests whose outcome can be unknown.
    pub(in crate::binance) const fn is_order(self) -> bool {
        match self {
            Self::Place | Self::Cancel | Self::CancelAll | Self::CancelReplace | Self::Amend => {
                true
            }
            Self::Usdm(call) => !call.order_method().is_empty(),
            Self::Ping
            | Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::Trades
            | Self::BookTicker
            | Self::Test
            | Self::Status
            | Self::OpenOrders
            | Self::AllOrders
            | Self::MyTrades
            | Self::Account
            | Self::Commission => false,
        }
    }

    /// Whether the answer shows the counts of orders.
    pub(in crate::binance) const fn counts_orders(self) -> bool {
        if let Self::Usdm(call) = self {
            return call.counts_orders();
        }
        matches!(self, Self::Place | Self::CancelReplace)
    }

    /// Request weight. Order requests cost nothing when they succeed and 1 when they fail.
    pub(in crate::binance) fn weight(self, limit: Option<i64>, one_symbol: bool) -> u32 {
        match self {
            Self::Ping | Self::Time | Self::Test => 1,
            Self::ExchangeInfo | Self::Account | Self::Commission | Self::AllOrders => 20,
            Self::MyTrades => 20,
            Self::Depth => match limit.unwrap_or(100) {
                ..=100 => 5,
                101..=500 => 25,
                501..=1000 => 50,
                _ => 250,
            },
            Self::Usdm(call) => call.weight(limit, one_symbol),
            Self::Trades => 25,
            Self::BookTicker => 2,
            Self::Place | Self::Cancel | Self::CancelAll | Self::CancelReplace => 0,
            Self::Status | Self::Amend => 4,
            Self::OpenOrders => {
                if one_symbol {
                    6
                } else {
                    80
                }
            }
        }
    }
}
