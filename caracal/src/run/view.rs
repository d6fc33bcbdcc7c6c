//! What a person wants to know of a machine, read out of it in one place.

use engine::machine::{Machine, Position};
use model::body::{AssetName, LinkState, Side};
use model::ids::AccountId;
use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;

/// A machine's state in a person's units.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Order connection of each account.
    links: Vec<LinkState>,
    /// Best bid and ask of the first instrument, or why there is none.
    top: String,
    /// Positions, as text.
    pub(crate) position: String,
    /// Profit and loss since the journal's first event, realised and at the middle of the book,
    /// after fees.
    pub(crate) profit: Decimal,
    /// Fees since the journal's first event.
    pub(crate) fees: Decimal,
    /// Asset of profit and fees: the reporting currency.
    pub(crate) quote: String,
    /// Orders that are not ended.
    pub(crate) live_orders: usize,
    /// Of these, the ones whose outcome is unknown.
    pub(crate) unknown_orders: usize,
    /// Whether the machine is ending in order.
    pub(crate) stopping: bool,
    /// Whether the kill switch is on.
    pub(crate) killed: bool,
    /// Whether only cancels and queries are sent.
    pub(crate) cancel_only: bool,
}

impl View {
    /// The view of `machine`.
    pub(crate) fn of(machine: &Machine) -> Self {
        let accounts = machine.config().map_or(0, |config| config.accounts.len());
        let accounts = (0..).map(AccountId).take(accounts);
        let (profit, fees) = profit_and_fees(machine);
        Self {
            links: accounts.map(|one| machine.risk().order_link(one)).collect(),
            top: top_text(machine),
            position: position_text(machine),
            profit,
            fees,
            quote: machine
                .config()
                .map_or_else(String::new, |config| config.reporting.clone()),
            live_orders: machine.orders().live_count(),
            unknown_orders: machine.orders().unknown_count(),
            stopping: machine.risk().is_stopping(),
            killed: machine.kill_latched(),
            cancel_only: machine.risk().is_cancel_only(),
        }
    }

    /// Whether every account's order connection is up and reconciled.
    pub(crate) fn orders_up(&self) -> bool {
        self.links.iter().all(|state| *state == LinkState::Up)
    }

    /// State of the order connections.
    pub(crate) fn links_text(&self) -> String {
        let states: Vec<String> = self
            .links
            .iter()
            .map(|state| format!("{state:?}").to_lowercase())
            .collect();
        format!("orders {}", states.join(","))
    }

    /// Best bid and ask.
    pub(crate) fn top_text(&self) -> &str {
        &self.top
    }

    /// Why nothing new is sent, if so.
    pub(crate) const fn halt_text(&self) -> Option<&'static str> {
        if self.killed {
            Some("kill switch: two persons release it, see `caracal control --help`")
        } else if self.stopping {
            Some("ending in order: cancelling what rests")
        } else if self.cancel_only {
            Some("cancel-only: the journal's disk cannot keep its promise now")
        } else {
            None
        }
    }
}

fn top_text(machine: &Machine) -> String {
    let Some(spec) = machine.instruments().next() else {
        return "no instrument".to_owned();
    };
    let Some(top) = machine.top(spec.id) else {
        return format!("{} book stale", spec.symbol);
    };
    let text = |side: Side| {
        let level = top.side(side);
        let price = spec.price(level.price).unwrap_or_default();
        let qty = spec.quantity(level.qty).unwrap_or_default();
        (price, qty)
    };
    let ((bid, bid_qty), (ask, ask_qty)) = (text(Side::Buy), text(Side::Sell));
    format!("{} {bid_qty} @ {bid} / {ask} @ {ask_qty}", spec.symbol)
}

fn spec_of(machine: &Machine, position: &Position) -> Option<InstrumentSpec> {
    machine
        .instruments()
        .find(|spec| spec.id == position.instrument)
        .cloned()
}

/// What is held of each base asset that was traded, over all accounts and instruments.
fn position_text(machine: &Machine) -> String {
    let mut held: Vec<(String, Decimal)> = Vec::new();
    for position in machine.portfolio().positions() {
        let Some(spec) = spec_of(machine, position) else {
            continue;
        };
        let amount = spec.in_base(position.lots).unwrap_or_default();
        match held.iter_mut().find(|(asset, _)| *asset == spec.base) {
            Some((_, sum)) => *sum += amount,
            None => held.push((spec.base, amount)),
        }
    }
    let text = |(asset, amount): &(String, Decimal)| format!("{} {asset}", amount.normalize());
    let texts: Vec<String> = held.iter().map(text).collect();
    if texts.is_empty() {
        "0".to_owned()
    } else {
        texts.join(", ")
    }
}

/// Profit after fees, and the fees, over all positions, in the reporting currency at the present
/// rates. A position without a price to value it at counts at its cost; what has no rate is left
/// out.
fn profit_and_fees(machine: &Machine) -> (Decimal, Decimal) {
    let portfolio = machine.portfolio();
    let rate = |asset: &str| AssetName::whole(asset).and_then(|asset| portfolio.rate(&asset));
    let (mut profit, mut fees) = (Decimal::ZERO, Decimal::ZERO);
    for position in portfolio.positions() {
        let Some(spec) = spec_of(machine, position) else {
            continue;
        };
        let unrealised = machine.listing(position.instrument).and_then(|listing| {
            let trade = listing.last_trade();
            let mid_x2 = listing
                .book()
                .top()
                .map(|top| top.mid_x2())
                .or_else(|| trade.map(|trade| trade.price.0.saturating_mul(2)))?;
            position.unrealised(&spec, mid_x2)
        });
        let sum = position.realised + unrealised.unwrap_or_default();
        profit += sum * rate(&spec.quote).unwrap_or_default();
    }
    let accounts = machine.config().map_or(0, |config| config.accounts.len());
    let ledgers = (0..).map(AccountId).take(accounts);
    for ledger in ledgers.filter_map(|account| portfolio.ledger(account)) {
        for holding in ledger.holdings() {
            fees += holding.fees * portfolio.rate(&holding.asset).unwrap_or_default();
        }
    }
    (profit - fees, fees)
}
