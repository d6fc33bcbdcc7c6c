//! What stands behind both interfaces: exchange, keys, limits, and what the venue remembers beside.

use std::collections::{BTreeMap, VecDeque};

use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;

use super::auth::Key;
use super::error::Error;
use super::instruments::code_of;
use super::limits::Limits;
use crate::practice::exchange::{AccountEvent, Exchange};
use crate::practice::liquidity::Liquidity;
use crate::practice::request_log::{OrderRequest, RequestLog};
use crate::practice::server::Clock;
use crate::practice::setup;
use crate::practice::{MarketConfig, PracticeConfig, PracticeError, Side, VenueTrade};
use crate::protocol::Protocol;

/// Entries of the ledger that stay queryable.
const BILLS_MAX: usize = 200_000;
/// First id of the ledger.
const FIRST_BILL: u64 = 700_000_001;

/// Why money moved.
#[derive(Debug, Clone)]
pub(super) enum Moved {
    /// A fill.
    Fill(Box<VenueTrade>),
    /// Funding of a perpetual.
    Funding(usize),
    /// In or out.
    Transfer,
}

/// An entry of the ledger.
#[derive(Debug, Clone)]
pub(super) struct Bill {
    pub(super) id: u64,
    pub(super) account: usize,
    pub(super) asset: String,
    pub(super) amount: Decimal,
    pub(super) time_ms: i64,
    pub(super) moved: Moved,
}

/// What an order has paid, and its last fill.
#[derive(Debug, Clone)]
pub(super) struct Paid {
    pub(super) fee: Decimal,
    pub(super) profit: Decimal,
    pub(super) last: VenueTrade,
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) exchange: Exchange,
    pub(super) keys: Vec<Key>,
    pub(super) limits: Limits,
    pub(super) log: RequestLog,
    /// Open orders that an account may have in an instrument.
    pub(super) orders_max: usize,
    /// Since the server's start, nanoseconds.
    pub(super) now_ns: u64,
    /// The venue's time, with whatever skew a fault gave it.
    pub(super) now_ms: i64,
    pub(super) skew_ms: i64,
    /// What is traded here are perpetuals.
    pub(super) perpetuals: bool,
    /// When everything of an account is cancelled, venue time.
    pub(super) countdowns: BTreeMap<usize, i64>,
    /// The client's numbers of amendments whose push is still to come, by order.
    pub(super) amended: BTreeMap<u64, String>,
    /// What orders have paid.
    pub(super) paid: BTreeMap<u64, Paid>,
    /// The ledger, oldest first.
    pub(super) bills: VecDeque<Bill>,
    next_bill: u64,
    /// Private events that nobody was told yet.
    pub(super) events: Vec<AccountEvent>,
}

impl Core {
    pub(super) fn new(config: &PracticeConfig) -> Result<Self, PracticeError> {
        setup::check_instruments(config)?;
        let markets = match &config.market {
            MarketConfig::Synthetic {
                seed,
                events_per_second,
            } => {
                setup::check_rate(*events_per_second)?;
                setup::synthetic(config, *seed, *events_per_second)
            }
            MarketConfig::Recording { .. } => {
                let problem = "a practice OKX plays no recordings: use a synthetic market";
                return Err(setup::wrong("market", problem));
            }
        };
        Ok(Self {
            exchange: setup::exchange(config, markets)?,
            keys: config.accounts.iter().map(Key::new).collect(),
            limits: Limits::default(),
            log: RequestLog::default(),
            orders_max: config.orders_max,
            now_ns: 0,
            now_ms: 0,
            skew_ms: 0,
            perpetuals: config.protocol == Protocol::OkxSwap,
            countdowns: BTreeMap::new(),
            amended: BTreeMap::new(),
            paid: BTreeMap::new(),
            bills: VecDeque::new(),
            next_bill: FIRST_BILL,
            events: Vec::new(),
        })
    }

    /// Sets the venue's time for what follows.
    pub(super) const fn set_time(&mut self, clock: Clock) {
        self.now_ns = clock.now_ns;
        self.now_ms = clock.wall_ms.saturating_add(self.skew_ms);
        self.exchange.set_time(self.now_ms);
    }

    /// Takes in what happened: into the ledger, and for the private channels.
    pub(super) fn settle(&mut self) {
        for event in self.exchange.take_events() {
            self.book(&event);
            self.events.push(event);
        }
    }

    fn book(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Report {
                order,
                trade: Some(trade),
                ..
            } => {
                let fee = trade.commission;
                let paid = self.paid.entry(order.id).or_insert_with(|| Paid {
                    fee: Decimal::ZERO,
                    profit: Decimal::ZERO,
                    last: trade.as_ref().clone(),
                });
                paid.fee += fee;
                paid.profit += trade.realised;
                paid.last = trade.as_ref().clone();
                let asset = trade.commission_asset.clone();
                let moved = Moved::Fill(trade.clone());
                self.bill((order.account, asset), trade.realised - fee, moved);
            }
            AccountEvent::Funding {
                account,
                instrument,
                asset,
                amount,
                ..
            } => {
                let moved = Moved::Funding(*instrument);
                self.bill((*account, asset.clone()), *amount, moved);
            }
            AccountEvent::Transfer {
                account,
                asset,
                amount,
                ..
            } => self.bill((*account, asset.clone()), *amount, Moved::Transfer),
            AccountEvent::Report { trade: None, .. }
            | AccountEvent::Balances { .. }
            | AccountEvent::Holding { .. } => {}
        }
    }

    fn bill(&mut self, (account, asset): (usize, String), amount: Decimal, moved: Moved) {
        if self.bills.len() >= BILLS_MAX {
            self.bills.pop_front();
        }
        let id = self.next_bill;
        self.next_bill += 1;
        self.bills.push_back(Bill {
            id,
            account,
            asset,
            amount,
            time_ms: self.now_ms,
            moved,
        });
        while self.paid.len() > BILLS_MAX {
            self.paid.pop_first();
        }
    }

    pub(super) fn spec(&self, instrument: usize) -> &InstrumentSpec {
        &self.exchange.listings[instrument].spec
    }

    /// Position of an instrument by its name.
    pub(super) fn find(&self, symbol: &str) -> Option<usize> {
        let mut listings = self.exchange.listings.iter();
        listings.position(|listing| listing.spec.symbol == symbol)
    }

    /// Position of an instrument by its number.
    pub(super) fn find_code(&self, code: u64) -> Option<usize> {
        let mut listings = self.exchange.listings.iter();
        listings.position(|listing| code_of(&listing.spec.symbol) == code)
    }

    /// As [`Self::find`], for a parameter that must be there.
    pub(super) fn need(&self, symbol: Option<&str>) -> Result<usize, Error> {
        let symbol = symbol.ok_or_else(|| Error::parameter("instId"))?;
        let message = format!("Instrument ID, {symbol} does not exist.");
        self.find(symbol).ok_or_else(|| Error::new(51_001, message))
    }

    /// The last price, or the middle of the book before the first trade.
    pub(super) fn last_price(&self, instrument: usize) -> Decimal {
        let listing = &self.exchange.listings[instrument];
        let traded = listing.trades.back().map(|trade| trade.price);
        match traded.and_then(|price| listing.spec.price(price)) {
            Some(price) => price,
            None => self.exchange.mark_price(instrument).unwrap_or_default(),
        }
    }

    /// What the price band of an instrument is around.
    pub(super) fn reference(&self, instrument: usize) -> Decimal {
        if self.perpetuals {
            self.exchange.mark_price(instrument).unwrap_or_default()
        } else {
            self.last_price(instrument)
        }
    }

    /// Best price of a side, as everybody sees it.
    pub(super) fn best(&self, instrument: usize, side: Side) -> Option<(i64, i64)> {
        self.exchange.listings[instrument].liquidity.top(side)
    }

    /// Notes an order request.
    pub(super) fn note(
        &mut self,
        method: &'static str,
        instrument: Option<usize>,
        client_id: &str,
    ) {
        let symbol = instrument.map(|at| self.spec(at).symbol.clone());
        self.log.add(OrderRequest {
            at_ns: self.now_ns,
            time_ms: self.now_ms,
            method,
            symbol: symbol.unwrap_or_default(),
            client_id: client_id.to_owned(),
            code: None,
        });
    }

    /// Lets the engine of a synthetic market forget which levels changed: books are compared whole.
    pub(super) fn forget_changes(&mut self, instrument: usize) {
        let liquidity = &mut self.exchange.listings[instrument].liquidity;
        if let Liquidity::Synthetic(synthetic) = liquidity {
            synthetic.engine.drain_changes(|_, _, _| {});
        }
    }
}
