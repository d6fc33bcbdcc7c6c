//! The venue's core, without any wire format: accounts, orders and the market they meet in.
//!
//! Invariants
//! - E1: an open order has exactly its remaining quantity's worth locked.
//! - E2: every fill is booked in the ledger, in the balances and as an event, or not at all.
//! - E3: an order id and a trade id are given once.
//!
//! Thread: the practice server's.

mod orders;
mod perps;
mod perps_turn;
mod rates;
#[cfg(test)]
mod tests;

use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;

pub(crate) use orders::{Amended, Placed, Refusal, Request};

use super::accounts::{Accounts, BNB, Leg};
use super::config::FirstIds;
use super::ledger::Ledger;
use super::liquidity::Liquidity;
use super::matching::MARKET;
use super::perps::{PerpConfig, Perps};
use super::recorded::{Frame, GRAIN_DECIMALS};
use super::types::{OrderStatus, Side, VenueOrder, VenueTrade};

/// One hundred-millionth.
const GRAIN: Scale = match Scale::new(1, GRAIN_DECIMALS) {
    Some(step) => step,
    None => panic!("Invariant: a power of ten is a step"),
};

/// Public trades that stay queryable per instrument.
const PUBLIC_TRADES_MAX: usize = 1_000;

/// A trade as everybody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicTrade {
    pub(crate) id: u64,
    pub(crate) price: Ticks,
    pub(crate) qty: Lots,
    pub(crate) buyer_is_maker: bool,
    pub(crate) time_ms: i64,
}

/// One traded instrument.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) spec: InstrumentSpec,
    pub(crate) liquidity: Liquidity,
    pub(crate) next_trade_id: u64,
    /// Latest trades; the tail that was not published yet is `unpublished` long.
    pub(crate) trades: std::collections::VecDeque<PublicTrade>,
    pub(crate) unpublished: usize,
}

impl Listing {
    /// One step of the quantities that [`Liquidity::levels`] and [`Liquidity::top`] give.
    pub(crate) const fn shown_step(&self) -> Scale {
        match self.liquidity {
            Liquidity::Synthetic(_) => self.spec.lot,
            Liquidity::Recorded(_) => GRAIN,
        }
    }

    fn record(&mut self, trade: PublicTrade) {
        if self.trades.len() == PUBLIC_TRADES_MAX {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
        self.unpublished = (self.unpublished + 1).min(self.trades.len());
    }
}

/// Why a report is sent to an order's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Execution {
    /// Accepted.
    New,
    /// Filled in part or whole.
    Trade,
    /// Made smaller on request.
    Replaced,
    /// Cancelled on request.
    Cancelled,
    /// Ended by its time in force.
    Expired,
    /// Ended by self-trade prevention.
    Prevented,
    /// Given another price or quantity on request; it lost its place.
    Modified,
    /// A position was taken from its account: a forced fill.
    Liquidated,
}

/// Why an account is told its wallet and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldingReason {
    /// A fill.
    Order,
    /// Its position was liquidated.
    Liquidation,
}

/// What an account's private stream tells.
#[derive(Debug, Clone)]
pub(crate) enum AccountEvent {
    /// An order changed.
    Report {
        /// Numbered over the whole venue.
        execution_id: u64,
        execution: Execution,
        /// As it stands right after the change.
        order: Box<VenueOrder>,
        trade: Option<Box<VenueTrade>>,
        /// The order's client id before this report, if it changed.
        before: Option<String>,
    },
    /// Balances changed.
    Balances { account: usize, assets: Vec<String> },
    /// Wallet and position behind a perpetual changed.
    Holding {
        account: usize,
        /// The settlement asset.
        asset: String,
        instrument: usize,
        reason: HoldingReason,
    },
    /// Funding was paid (below zero) or received.
    Funding {
        account: usize,
        instrument: usize,
        asset: String,
        amount: Decimal,
        time_ms: i64,
    },
    /// Money came in (above zero) or went out.
    Transfer {
        account: usize,
        asset: String,
        amount: Decimal,
        time_ms: i64,
    },
}

impl AccountEvent {
    /// Whose it is.
    pub(crate) const fn account(&self) -> usize {
        match self {
            Self::Report { order, .. } => order.account,
            Self::Balances { account, .. }
            | Self::Holding { account, .. }
            | Self::Funding { account, .. }
            | Self::Transfer { account, .. } => *account,
        }
    }
}

/// Fees as shares of what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeRates {
    /// For a resting order.
    pub maker: Decimal,
    /// For an order that takes.
    pub taker: Decimal,
}

/// The whole venue.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) listings: Vec<Listing>,
    pub(crate) accounts: Accounts,
    pub(crate) ledger: Ledger,
    pub(crate) fees: FeeRates,
    /// Whether fees are paid in BNB where that is possible.
    pub(crate) fees_in_bnb: bool,
    /// Positions, if any instrument is a perpetual.
    pub(crate) perps: Perps,
    /// By listing: the two whose prices imply its own.
    legs: Vec<Option<(usize, usize)>>,
    next_order_id: u64,
    next_execution_id: u64,
    events: Vec<AccountEvent>,
    now_ms: i64,
}

impl Exchange {
    /// A venue without accounts.
    pub(crate) fn new(listings: Vec<Listing>, fees: FeeRates, first: FirstIds) -> Self {
        Self {
            legs: rates::legs(&listings),
            listings,
            accounts: Accounts::default(),
            ledger: Ledger::default(),
            fees,
            fees_in_bnb: false,
            perps: Perps::new(PerpConfig::default()),
            next_order_id: first.order,
            next_execution_id: first.execution,
            events: Vec::new(),
            now_ms: 0,
        }
    }

    /// Sets the venue's time for what follows.
    pub(crate) const fn set_time(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// What happened since the last call, in order.
    pub(crate) fn take_events(&mut self) -> Vec<AccountEvent> {
        std::mem::take(&mut self.events)
    }

    /// Opens every market, after the restored orders are in.
    pub(crate) fn open_markets(&mut self) {
        for listing in &mut self.listings {
            listing.liquidity.open();
        }
    }

    /// The id that the next accepted order will get.
    pub(crate) const fn next_order_id(&self) -> u64 {
        self.next_order_id
    }

    /// The id that the next report will get.
    pub(crate) const fn next_execution_id(&self) -> u64 {
        self.next_execution_id
    }

    /// Lets the synthetic market of an instrument do the one thing that is due.
    pub(crate) fn step_market(&mut self, instrument: usize) {
        let implied = self.implied_ticks(instrument);
        let Liquidity::Synthetic(synthetic) = &mut self.listings[instrument].liquidity else {
            return;
        };
        if let Some(implied) = implied {
            synthetic.flow.pull(implied);
        }
        let Some(step) = synthetic.flow.step(&mut synthetic.engine) else {
            return;
        };
        for fill in &step.matched.fills {
            let id = self.publish_trade(instrument, step.side, fill.price, fill.qty);
            if fill.maker_owner != MARKET {
                self.fill_maker(fill.maker, Ticks(fill.price), Lots(fill.qty), id, true);
                self.report_balances_of(fill.maker);
            }
        }
        if !step.matched.fills.is_empty() && self.is_perp(instrument) {
            self.sweep_reduce_only(instrument);
        }
    }

    /// Applies a message of a recording, and fills our orders as it allows.
    pub(crate) fn apply_recorded(&mut self, instrument: usize, frame: &Frame) {
        let listing = &mut self.listings[instrument];
        let Liquidity::Recorded(market) = &mut listing.liquidity else {
            return;
        };
        let fills = market.apply(frame);
        if let Frame::Trade {
            id,
            price,
            qty,
            buyer_is_maker,
            time_ms,
        } = *frame
        {
            // The public list shows whole lots; the stream has the recorded text.
            let (price, qty) = (Ticks(price), Lots(market.whole_lots(qty)));
            listing.record(PublicTrade {
                id,
                price,
                qty,
                buyer_is_maker,
                time_ms,
            });
            listing.unpublished = 0;
        }
        for fill in fills {
            let id = self.next_trade_id(instrument);
            self.fill_maker(fill.order, Ticks(fill.price), Lots(fill.qty), id, true);
            self.report_balances_of(fill.order);
        }
        if self.is_perp(instrument) {
            self.sweep_reduce_only(instrument);
        }
    }

    fn next_trade_id(&mut self, instrument: usize) -> u64 {
        let listing = &mut self.listings[instrument];
        let id = listing.next_trade_id;
        listing.next_trade_id += 1;
        id
    }

    /// Gives a trade its id and makes it public. Our trades are no part of a recorded tape.
    fn publish_trade(&mut self, instrument: usize, taker: Side, price: i64, qty: i64) -> u64 {
        let id = self.next_trade_id(instrument);
        let time_ms = self.now_ms;
        let listing = &mut self.listings[instrument];
        if matches!(listing.liquidity, Liquidity::Synthetic(_)) {
            listing.record(PublicTrade {
                id,
                price: Ticks(price),
                qty: Lots(qty),
                buyer_is_maker: taker == Side::Sell,
                time_ms,
            });
        }
        id
    }

    /// Books a fill of a resting order.
    pub(crate) fn fill_maker(
        &mut self,
        order: u64,
        price: Ticks,
        qty: Lots,
        trade_id: u64,
        market: bool,
    ) {
        let limit = self.ledger.order(order).and_then(|order| order.price);
        self.book_fill(order, limit, (price, qty), trade_id, (true, market));
    }

    /// Books one account's side of a trade: balances, ledger, event (E2).
    fn book_fill(
        &mut self,
        order: u64,
        reserved_at: Option<Ticks>,
        (price, qty): (Ticks, Lots),
        trade_id: u64,
        (maker, against_market): (bool, bool),
    ) -> Option<VenueTrade> {
        let known = self.ledger.order(order)?.clone();
        if self.is_perp(known.instrument) {
            let rate = if maker {
                self.fees.maker
            } else {
                self.fees.taker
            };
            let trade = self.book_perp_fill(&known, (price, qty), trade_id, (maker, rate))?;
            self.record_fill(trade.clone(), Execution::Trade);
            return Some(trade);
        }
        let spec = &self.listings[known.instrument].spec;
        let quantity = spec.quantity(qty)?;
        let notional = spec.notional(price, qty)?;
        let reserved = match (reserved_at, known.side) {
            (Some(limit), Side::Buy) => Some(spec.notional(limit, qty)?),
            (Some(_), Side::Sell) => Some(quantity),
            (None, _) => None,
        };
        let fee_rate = if maker {
            self.fees.maker
        } else {
            self.fees.taker
        };
        let fee_in_bnb = self.fee_in_bnb(&spec.quote, notional, fee_rate);
        let leg = Leg {
            account: known.account,
            side: known.side,
            base: &spec.base,
            quote: &spec.quote,
            qty: quantity,
            notional,
            reserved,
            fee_rate,
            fee_in_bnb,
            against_market,
        };
        let fee = self.accounts.settle(&leg);
        assert!(
            fee.is_ok(),
            "Invariant E1: order {order} had not locked what its fill costs"
        );
        let (commission, commission_asset) = fee.ok()?;
        let trade = VenueTrade {
            id: trade_id,
            order,
            account: known.account,
            instrument: known.instrument,
            side: known.side,
            price,
            qty,
            quote: notional,
            realised: Decimal::ZERO,
            commission,
            commission_asset,
            maker,
            time_ms: self.now_ms,
        };
        self.record_fill(trade.clone(), Execution::Trade);
        Some(trade)
    }

    fn record_fill(&mut self, trade: VenueTrade, execution: Execution) {
        let time_ms = self.now_ms;
        self.ledger.update(trade.order, |order| {
            order.executed = Lots(order.executed.0 + trade.qty.0);
            order.executed_quote += trade.quote;
            order.updated_ms = time_ms;
            order.status = if order.executed == order.qty {
                OrderStatus::Filled
            } else {
                OrderStatus::PartiallyFilled
            };
        });
        self.ledger.add_trade(trade.clone());
        self.report(trade.order, execution, Some(trade));
    }

    fn report(&mut self, order: u64, execution: Execution, trade: Option<VenueTrade>) {
        let Some(order) = self.ledger.order(order).cloned() else {
            return;
        };
        let execution_id = self.next_execution_id;
        self.next_execution_id += 1;
        self.events.push(AccountEvent::Report {
            execution_id,
            execution,
            order: Box::new(order),
            trade: trade.map(Box::new),
            before: None,
        });
    }

    /// Books a deposit, or a withdrawal of no more than is free; whether it took place.
    pub(crate) fn transfer(&mut self, account: usize, asset: &str, amount: Decimal) -> bool {
        if self.accounts.transfer(account, asset, amount).is_err() {
            return false;
        }
        self.events.push(AccountEvent::Transfer {
            account,
            asset: asset.to_owned(),
            amount,
            time_ms: self.now_ms,
        });
        self.events.push(AccountEvent::Balances {
            account,
            assets: vec![asset.to_owned()],
        });
        true
    }

    fn report_balances_of(&mut self, order: u64) {
        let Some(order) = self.ledger.order(order) else {
            return;
        };
        if self.is_perp(order.instrument) {
            let (account, instrument) = (order.account, order.instrument);
            self.report_holding(account, instrument, HoldingReason::Order);
            return;
        }
        let spec = &self.listings[order.instrument].spec;
        let mut assets = vec![spec.base.clone(), spec.quote.clone()];
        if self.fees_in_bnb && !assets.iter().any(|asset| asset == BNB) {
            assets.push(BNB.to_owned());
        }
        self.events.push(AccountEvent::Balances {
            account: order.account,
            assets,
        });
    }
}
