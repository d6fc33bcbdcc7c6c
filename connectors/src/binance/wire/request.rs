//! Writes requests of the WebSocket API into the caller's buffer.
//!
//! Every function returns the request's length, or says why there is none. Ids are whole numbers.
//!
//! Hot path: yes. Allocates: no.

use model::body::{AmendOrder, NewOrder, OrderType, ReplaceOrder, SelfTrade, Side, TimeInForce};
use model::num::{Lots, Ticks};

use super::write::Params;
pub use super::write::{Proof, Scratch};
pub use crate::wire::WriteError;
use crate::wire::order_id::text_of;
use crate::wire::symbols::Entry;

/// What every request needs.
#[derive(Debug, Clone, Copy)]
pub struct Context<'k> {
    /// Our number for the request.
    pub id: u64,
    /// The venue's time as we reckon it, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// How long after that the venue may still act, milliseconds; at most 60,000.
    pub recv_window_ms: u64,
    /// How it proves that it is ours.
    pub proof: Proof<'k>,
}

impl<'k> Context<'k> {
    #[inline]
    fn begin<'b>(
        &self,
        method: &str,
        scratch: &'b mut Scratch,
        out: &'b mut [u8],
    ) -> Params<'b, 'k> {
        Params::begin(out, scratch, method, self.id, self.proof)
    }
}

/// The parts that a placement and a replacement share.
struct Terms {
    client_id: u64,
    side: Side,
    order_type: OrderType,
    time_in_force: TimeInForce,
    price: Ticks,
    qty: Lots,
    self_trade: SelfTrade,
}

/// `order.place`.
///
/// # Errors
///
/// [`WriteError`]; nothing of the buffer is then of use.
pub fn place(
    context: &Context<'_>,
    entry: &Entry,
    order: &NewOrder,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let params = context.begin("order.place", scratch, out);
    let terms = Terms {
        client_id: order.client_id,
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        price: order.price,
        qty: order.qty,
        self_trade: order.self_trade,
    };
    terms_of_order(params, context, entry, &terms)
}

/// `order.cancelReplace`: the new order only if the cancel succeeds.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel_replace(
    context: &Context<'_>,
    entry: &Entry,
    order: &ReplaceOrder,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("order.cancelReplace", scratch, out);
    if order.cancel_venue_order_id != 0 {
        params.number("cancelOrderId", order.cancel_venue_order_id);
    }
    params.text("cancelOrigClientOrderId", &text_of(order.cancel_client_id));
    params.text("cancelReplaceMode", b"STOP_ON_FAILURE");
    let terms = Terms {
        client_id: order.client_id,
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        price: order.price,
        qty: order.qty,
        self_trade: order.self_trade,
    };
    terms_of_order(params, context, entry, &terms)
}

#[inline]
fn terms_of_order(
    mut params: Params<'_, '_>,
    context: &Context<'_>,
    entry: &Entry,
    terms: &Terms,
) -> Result<usize, WriteError> {
    params.text("newClientOrderId", &text_of(terms.client_id));
    params.text("newOrderRespType", b"FULL");
    let (kind, priced, timed): (&[u8], bool, bool) = match terms.order_type {
        OrderType::Limit => (b"LIMIT", true, true),
        OrderType::Market => (b"MARKET", false, false),
        OrderType::PostOnly => (b"LIMIT_MAKER", true, false),
    };
    if priced {
        params.decimal("price", entry.price.scale(), terms.price.0)?;
    }
    params.decimal("quantity", entry.qty.scale(), terms.qty.0)?;
    params.number("recvWindow", context.recv_window_ms);
    if let Some(mode) = self_trade_mode(terms.self_trade) {
        params.text("selfTradePreventionMode", mode);
    }
    params.text(
        "side",
        match terms.side {
            Side::Buy => b"BUY",
            Side::Sell => b"SELL",
        },
    );
    params.text("symbol", entry.symbol().as_bytes());
    if timed {
        params.text(
            "timeInForce",
            match terms.time_in_force {
                TimeInForce::Gtc => b"GTC",
                TimeInForce::Ioc => b"IOC",
                TimeInForce::Fok => b"FOK",
            },
        );
    }
    params.number("timestamp", context.timestamp_ms);
    params.text("type", kind);
    params.finish()
}

/// The venue's word; none leaves it to the symbol's own rule.
const fn self_trade_mode(mode: SelfTrade) -> Option<&'static [u8]> {
    match mode {
        SelfTrade::NotStated => None,
        SelfTrade::ExpireTaker => Some(b"EXPIRE_TAKER"),
        SelfTrade::ExpireMaker => Some(b"EXPIRE_MAKER"),
        SelfTrade::ExpireBoth => Some(b"EXPIRE_BOTH"),
    }
}

/// `order.amend.keepPriority`: a smaller quantity at the same place in the queue. The order keeps
/// its client id; without the parameter the venue would give it another.
///
/// # Errors
///
/// [`WriteError`].
pub fn amend(
    context: &Context<'_>,
    entry: &Entry,
    order: &AmendOrder,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("order.amend.keepPriority", scratch, out);
    let client_id = text_of(order.client_id);
    params.text("newClientOrderId", &client_id);
    params.decimal("newQty", entry.qty.scale(), order.qty.0)?;
    if order.venue_order_id != 0 {
        params.number("orderId", order.venue_order_id);
    }
    params.text("origClientOrderId", &client_id);
    params.number("recvWindow", context.recv_window_ms);
    params.text("symbol", entry.symbol().as_bytes());
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `openOrders.cancelAll`: every open order of the account on one instrument.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel_all(
    context: &Context<'_>,
    entry: &Entry,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    of_symbol("openOrders.cancelAll", context, entry, scratch, out)
}

fn of_symbol(
    method: &str,
    context: &Context<'_>,
    entry: &Entry,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin(method, scratch, out);
    params.number("recvWindow", context.recv_window_ms);
    params.text("symbol", entry.symbol().as_bytes());
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `order.cancel` and `order.status`: one order by our id, and by the venue's where it is known.
/// Both given, the venue finds it by its own id and checks ours.
fn one_order(
    method: &str,
    context: &Context<'_>,
    entry: &Entry,
    (client_id, venue_order_id): (u64, u64),
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin(method, scratch, out);
    if venue_order_id != 0 {
        params.number("orderId", venue_order_id);
    }
    params.text("origClientOrderId", &text_of(client_id));
    params.number("recvWindow", context.recv_window_ms);
    params.text("symbol", entry.symbol().as_bytes());
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `order.cancel`. A venue order id of 0 is left out.
///
/// # Errors
///
/// [`WriteError`].
pub fn cancel(
    context: &Context<'_>,
    entry: &Entry,
    client_and_venue_id: (u64, u64),
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    one_order(
        "order.cancel",
        context,
        entry,
        client_and_venue_id,
        scratch,
        out,
    )
}

/// `order.status`, by our id alone: what we believe to be the venue's is not needed for it.
///
/// # Errors
///
/// [`WriteError`].
pub fn order_status(
    context: &Context<'_>,
    entry: &Entry,
    client_id: u64,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    one_order("order.status", context, entry, (client_id, 0), scratch, out)
}

/// `openOrders.status` for one instrument.
///
/// # Errors
///
/// [`WriteError`].
pub fn open_orders(
    context: &Context<'_>,
    entry: &Entry,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    of_symbol("openOrders.status", context, entry, scratch, out)
}

/// `order.status` by the venue's id: whose order it is.
///
/// # Errors
///
/// [`WriteError`].
pub fn order_by_venue_id(
    context: &Context<'_>,
    entry: &Entry,
    venue_order_id: u64,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("order.status", scratch, out);
    params.number("orderId", venue_order_id);
    params.number("recvWindow", context.recv_window_ms);
    params.text("symbol", entry.symbol().as_bytes());
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `openOrders.status` for the whole account.
///
/// # Errors
///
/// [`WriteError`].
pub fn all_open_orders(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("openOrders.status", scratch, out);
    params.number("recvWindow", context.recv_window_ms);
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `time`: needs neither key nor signature.
///
/// # Errors
///
/// [`WriteError`].
pub fn time(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let context = Context {
        proof: Proof::Session,
        ..*context
    };
    context.begin("time", scratch, out).finish()
}

/// Which trades to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trades {
    /// Those of one order.
    OfOrder(u64),
    /// Those of one order from a trade id on.
    OfOrderFrom {
        /// The venue's id of the order.
        order: u64,
        /// First trade id.
        id: u64,
    },
    /// From this trade id on, at most `limit`.
    From {
        /// First trade id.
        id: u64,
        /// Most rows; the venue allows 1,000.
        limit: u64,
    },
    /// The latest ones, at most so many.
    Latest(u64),
}

/// `myTrades` for one instrument.
///
/// # Errors
///
/// [`WriteError`].
pub fn my_trades(
    context: &Context<'_>,
    entry: &Entry,
    which: Trades,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("myTrades", scratch, out);
    match which {
        Trades::OfOrder(order) => {
            params.number("limit", 1_000);
            params.number("orderId", order);
        }
        Trades::OfOrderFrom { order, id } => {
            params.number("fromId", id);
            params.number("limit", 1_000);
            params.number("orderId", order);
        }
        Trades::From { id, limit } => {
            params.number("fromId", id);
            params.number("limit", limit);
        }
        Trades::Latest(limit) => params.number("limit", limit),
    }
    params.number("recvWindow", context.recv_window_ms);
    params.text("symbol", entry.symbol().as_bytes());
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `account.status`, all balances that are not zero.
///
/// # Errors
///
/// [`WriteError`].
pub fn account_status(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("account.status", scratch, out);
    params.bare("omitZeroBalances", b"true");
    params.number("recvWindow", context.recv_window_ms);
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// `session.logon`; needs an Ed25519 key in the context's proof.
///
/// # Errors
///
/// [`WriteError`].
pub fn logon(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let mut params = context.begin("session.logon", scratch, out);
    params.number("recvWindow", context.recv_window_ms);
    params.number("timestamp", context.timestamp_ms);
    params.finish()
}

/// Subscribes to the private stream: of the session's account, or of the signature's.
///
/// # Errors
///
/// [`WriteError`].
pub fn subscribe(
    context: &Context<'_>,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    match context.proof {
        Proof::Session => context
            .begin("userDataStream.subscribe", scratch, out)
            .finish(),
        Proof::Signed { .. } => {
            let mut params = context.begin("userDataStream.subscribe.signature", scratch, out);
            params.number("recvWindow", context.recv_window_ms);
            params.number("timestamp", context.timestamp_ms);
            params.finish()
        }
    }
}
