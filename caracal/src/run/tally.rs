//! What a run did, counted from its journal as the shadow follows it.

use engine::machine::ACCOUNTS_MAX;
use model::event::{self, Event, View};
use model::ids::AccountId;
use model::record::{Kind, Record};

/// Counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Events.
    pub(crate) events: u64,
    /// Commands.
    pub(crate) commands: u64,
    /// Orders that were sent to be placed.
    pub(crate) orders: u64,
    /// Fills.
    pub(crate) fills: u64,
    /// Orders that the venue refused.
    pub(crate) rejects: u64,
    /// Intents that risk refused.
    pub(crate) refusals: u64,
    /// Orders whose outcome was unknown for a time.
    pub(crate) unknown: u64,
    /// The venue's last count of our open orders by account: log sequence and count.
    lists: [Option<(u64, u64)>; ACCOUNTS_MAX],
}

impl Tally {
    /// Counts one record in.
    pub(crate) fn count(&mut self, record: &Record) {
        let Some(kind) = record.kind() else { return };
        if kind == Kind::DurableMark {
            return;
        }
        if kind.is_command() {
            self.commands += 1;
        } else {
            self.events += 1;
        }
        let counter = match kind {
            Kind::NewOrder | Kind::ReplaceOrder => &mut self.orders,
            Kind::OrderFilled => &mut self.fills,
            Kind::OrderRejected => &mut self.rejects,
            Kind::RiskRefused => &mut self.refusals,
            Kind::OrderUnknown => &mut self.unknown,
            Kind::OpenOrders => return self.note_open_orders(record),
            Kind::RunStarted
            | Kind::RunEnded
            | Kind::BlobPart
            | Kind::Tick
            | Kind::Connection
            | Kind::BookReset
            | Kind::BookLevels
            | Kind::BookOrder
            | Kind::Trade
            | Kind::Quote
            | Kind::Mark
            | Kind::Rate
            | Kind::Candle
            | Kind::OpenInterest
            | Kind::Liquidation
            | Kind::OrderAcked
            | Kind::OrderAmended
            | Kind::AmendRejected
            | Kind::OrderCancelled
            | Kind::OrderExpired
            | Kind::OrderStatus
            | Kind::OrderAbsent
            | Kind::CancelRejected
            | Kind::Sent
            | Kind::SendFailed
            | Kind::Balance
            | Kind::Transfer
            | Kind::Funding
            | Kind::PositionReport
            | Kind::Control
            | Kind::RiskNotice
            | Kind::Operator
            | Kind::DurableMark
            | Kind::StateHash
            | Kind::Recovered
            | Kind::CancelOrder
            | Kind::QueryOrder
            | Kind::QueryOpenOrders
            | Kind::AmendOrder
            | Kind::CancelAll
            | Kind::Latch => return,
        };
        *counter += 1;
    }

    /// How many of our orders the venue lists as open, over the first `accounts` accounts; `None`
    /// until each was listed behind sequence `behind_seq`.
    pub(crate) fn open_at_venue(&self, accounts: usize, behind_seq: u64) -> Option<u64> {
        let mut open = 0_u64;
        for list in self.lists.iter().take(accounts) {
            let (_, ours) = list.filter(|(seq, _)| behind_seq < *seq)?;
            open = open.saturating_add(ours);
        }
        Some(open)
    }

    fn note_open_orders(&mut self, record: &Record) {
        if let Ok(View::Event(Event::OpenOrders(open))) = event::view(record) {
            let account = record.account().map(AccountId::index);
            let list = account.and_then(|account| self.lists.get_mut(account));
            if let Some(list) = list {
                *list = Some((record.seq, open.ours));
            }
        }
    }
}
