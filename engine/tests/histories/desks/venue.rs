//! Venues that say anything, and the world around them: markets, money, connections.

use engine::machine::OrderState;
use model::body::AssetName;
use model::body::{
    Channel, Connection, Funding, LinkState, Mark, OpenOrders, OrderStatus, Rate, RejectReason,
    Side, Text, Trade, Transfer,
};
use model::command::{CommandView, command};
use model::ids::{AccountId, InstrumentId};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

use super::books::SETTLED;
use super::desk::Desk;
use super::{Money as Moved, World};
use crate::kit;
use crate::machine::{Answer, Word};

/// Fills that the machine remembers by their trade: no more of them share a state.
const TRADES_MAX: u64 = 1_000;

/// An order of ours, as its account and venue know it.
#[derive(Debug, Clone, Copy)]
struct Known {
    id: u64,
    account: AccountId,
    instrument: InstrumentId,
    side: Side,
    price: i64,
    left: i64,
}

impl Desk {
    pub(super) fn link(
        &mut self,
        venue: u8,
        channel: Channel,
        state: LinkState,
    ) -> Result<(), String> {
        let body = Connection {
            venue,
            channel,
            state,
            reserved: 0,
            code: 0,
            text: Text::EMPTY,
        };
        self.apply(Record::new(Kind::Connection, &body))
    }

    pub(super) fn book(&mut self, instrument: u32) -> Result<(), String> {
        self.update_id += 1;
        let id = InstrumentId(instrument);
        self.apply(kit::reset(self.update_id, 1).on_instrument(id))?;
        let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
        let (bid, ask) = self.best[id.index()];
        let best = [(Side::Buy, bid, 50_000), (Side::Sell, ask, 50_000)];
        self.apply(kit::levels(self.update_id, whole, &best).on_instrument(id))
    }

    fn market(&mut self, instrument: u32, up: i64, spread: i64) -> Result<(), String> {
        let id = InstrumentId(instrument);
        let old = self.best[id.index()];
        let bid = old.0 + up;
        let new = (bid, bid + spread);
        self.best[id.index()] = new;
        self.update_id += 1;
        let changes = [
            (Side::Buy, old.0, 0),
            (Side::Sell, old.1, 0),
            (Side::Buy, new.0, 4_000),
            (Side::Sell, new.1, 4_000),
        ];
        let record = kit::levels(self.update_id, flags::LAST_OF_MESSAGE, &changes);
        self.apply(record.on_instrument(id))
    }

    fn trade(&mut self, instrument: u32, side: Side, reach: i64) -> Result<(), String> {
        self.update_id += 1;
        let id = InstrumentId(instrument);
        let (bid, ask) = self.best[id.index()];
        let price = match side {
            Side::Buy => ask + reach,
            Side::Sell => bid - reach,
        };
        let body = Trade {
            trade_id: self.update_id,
            venue_time_ns: 0,
            price: Ticks(price),
            qty: Lots(10),
            aggressor: side,
            reserved: [0; 47],
        };
        self.apply(Record::new(Kind::Trade, &body).on_instrument(id))
    }

    /// Markets and connections.
    pub(super) fn world(&mut self, step: World) -> Result<(), String> {
        match step {
            World::Market {
                instrument,
                up,
                spread,
            } => self.market(instrument, up, spread),
            World::Trade {
                instrument,
                side,
                reach,
            } => self.trade(instrument, side, reach),
            World::Gap { instrument } => {
                self.update_id += 1;
                let id = InstrumentId(instrument);
                self.apply(kit::reset(self.update_id, 1).on_instrument(id))?;
                self.book(instrument)
            }
            World::Mark { instrument, up } => self.mark(instrument, up),
            World::Link {
                venue,
                channel,
                state,
            } => {
                self.link(venue, channel, state)?;
                if channel == Channel::Market {
                    (0..4).try_for_each(|instrument| self.book(instrument))?;
                }
                Ok(())
            }
            World::Rate { asset, rate } => {
                let body = Rate {
                    rate: Money::new(Decimal::new(rate, 2)),
                    venue_time_ns: 0,
                    asset: AssetName::cut(asset),
                    reserved: [0; 42],
                };
                self.apply(Record::new(Kind::Rate, &body))
            }
        }
    }

    fn mark(&mut self, instrument: u32, up: i64) -> Result<(), String> {
        let id = InstrumentId(instrument);
        let body = Mark {
            mark: Ticks(self.best[id.index()].0 + up),
            index: Ticks::ZERO,
            funding_rate_e9: 0,
            next_funding_ns: 0,
            venue_time_ns: 0,
            reserved: [0; 40],
        };
        self.apply(Record::new(Kind::Mark, &body).on_instrument(id))
    }

    pub(super) fn money(&mut self, step: Moved) -> Result<(), String> {
        self.update_id += 1;
        let record = match step {
            Moved::Balance {
                account,
                asset,
                amount,
            } => {
                let record = kit::balance(asset, amount);
                return self.apply(record.on_account(AccountId(account)));
            }
            Moved::Transfer {
                account,
                kind,
                asset,
                amount,
            } => {
                let body = Transfer {
                    amount: Money::new(Decimal::new(amount, 3)),
                    id: self.update_id,
                    venue_time_ns: 0,
                    asset: AssetName::cut(asset),
                    kind,
                    reserved: [0; 33],
                };
                Record::new(Kind::Transfer, &body).on_account(AccountId(account))
            }
            Moved::Funding { account, amount } => {
                let body = Funding {
                    amount: Money::new(Decimal::new(amount, 5)),
                    id: self.update_id,
                    rate_e9: 0,
                    qty: Lots::ZERO,
                    venue_time_ns: 0,
                    asset: AssetName::cut(SETTLED),
                    reserved: [0; 18],
                };
                Record::new(Kind::Funding, &body)
                    .on_instrument(InstrumentId(2))
                    .on_account(AccountId(account))
            }
        };
        self.last = Some(record);
        self.apply(record)
    }

    pub(super) fn answer(&mut self, pick: u64, answer: Answer) -> Result<(), String> {
        if self.outstanding.is_empty() {
            return Ok(());
        }
        // A gateway takes commands in their order and reports each once.
        let asked = self.outstanding.remove(0);
        let account = asked.account().unwrap_or(kit::ACCOUNT);
        if answer == Answer::NotSent {
            return self.apply(kit::send_failed(&asked).on_account(account));
        }
        self.left = self.left.max(command(&asked).unwrap().number());
        self.apply(kit::sent(&asked).on_account(account))?;
        if answer == Answer::Silent {
            return Ok(());
        }
        self.reply(&asked, pick, answer)
    }

    /// What the venue says to a command that reached it.
    fn reply(&mut self, asked: &Record, pick: u64, answer: Answer) -> Result<(), String> {
        let view = command(asked).unwrap();
        let account = asked.account().unwrap_or(kit::ACCOUNT);
        let instrument = asked.instrument().unwrap_or(kit::INSTRUMENT);
        let about = |kind, id, status, reason| {
            kit::report(kind, id, status, 0, reason)
                .on_account(account)
                .on_instrument(instrument)
        };
        let (none, unstated) = (RejectReason::None, OrderStatus::NotStated);
        let id = view.client_id();
        if answer == Answer::Unknown && id != 0 {
            let lost = RejectReason::NoAnswer;
            return self.apply(about(Kind::OrderUnknown, id, unstated, lost));
        }
        let refused = match view {
            CommandView::NewOrder(_) | CommandView::ReplaceOrder(_) => Kind::OrderRejected,
            CommandView::CancelOrder(_) => Kind::CancelRejected,
            CommandView::AmendOrder(_) => Kind::AmendRejected,
            CommandView::QueryOrder(_) => Kind::OrderAbsent,
            CommandView::QueryOpenOrders(_) => return self.list(account, pick),
            CommandView::CancelAll(_) | CommandView::Latch(_) => return Ok(()),
        };
        if answer == Answer::Refused {
            let reason = if refused == Kind::OrderRejected {
                RejectReason::Filter
            } else {
                RejectReason::UnknownOrder
            };
            return self.apply(about(refused, id, unstated, reason));
        }
        let cancelled = OrderStatus::Cancelled;
        match view {
            CommandView::CancelOrder(_) => {
                self.apply(about(Kind::OrderCancelled, id, cancelled, none))
            }
            CommandView::QueryOrder(_) => {
                let all = [OrderStatus::Open, cancelled, OrderStatus::Filled];
                let status = all[usize::try_from(pick % 3).unwrap()];
                self.apply(about(Kind::OrderStatus, id, status, none))
            }
            CommandView::ReplaceOrder(new) => {
                let old = new.cancel_client_id;
                self.apply(about(Kind::OrderCancelled, old, cancelled, none))?;
                self.apply(about(Kind::OrderAcked, id, OrderStatus::Open, none))
            }
            CommandView::NewOrder(_) => {
                self.apply(about(Kind::OrderAcked, id, OrderStatus::Open, none))
            }
            CommandView::AmendOrder(order) => {
                let body = model::body::Amended {
                    client_id: id,
                    venue_order_id: 0,
                    venue_time_ns: 0,
                    qty: order.qty,
                    cum_qty: Lots::ZERO,
                    reserved: [0; 40],
                };
                let record = Record::new(Kind::OrderAmended, &body);
                self.apply(record.on_instrument(instrument).on_account(account))
            }
            CommandView::QueryOpenOrders(_) | CommandView::CancelAll(_) | CommandView::Latch(_) => {
                Ok(())
            }
        }
    }

    fn list(&mut self, account: AccountId, ours: u64) -> Result<(), String> {
        let body = OpenOrders {
            ours: ours % 5,
            foreign: 0,
            reserved: [0; 64],
        };
        self.apply(Record::new(Kind::OpenOrders, &body).on_account(account))
    }

    /// A live order of ours that the venue may know.
    fn live(&self, pick: u64) -> Option<Known> {
        let known = |order: &&engine::machine::Order| order.state != OrderState::Approved;
        let orders: Vec<_> = self.machine.orders().live().filter(known).collect();
        let at = usize::try_from(pick % orders.len().max(1) as u64).unwrap();
        let order = orders.get(at)?;
        Some(Known {
            id: order.client_id.raw(),
            account: order.account,
            instrument: order.instrument,
            side: order.side,
            price: order.price.0,
            left: (order.qty.0 - order.filled.0).max(0),
        })
    }

    pub(super) fn fill(&mut self, pick: u64, part: u64, stranger: bool) -> Result<(), String> {
        if self.trade_id >= TRADES_MAX {
            return Ok(());
        }
        self.trade_id += 1;
        let trade = self.trade_id;
        let record = if stranger {
            // Another program on the same account, say.
            let account = AccountId(u16::try_from(pick % 3).unwrap());
            let listed = [pick / 3 % 3, pick / 3 % 3, 3][account.index()];
            let instrument = InstrumentId(u32::try_from(listed).unwrap());
            let bid = self.best[instrument.index()].0;
            kit::fill(0xff_0000_0000 + pick % 7, trade, Side::Buy, bid, 5)
                .on_account(account)
                .on_instrument(instrument)
        } else {
            let Some(order) = self.live(pick) else {
                return Ok(());
            };
            let qty = match part % 3 {
                0 => order.left.max(1),
                _ => (order.left / 2).max(1),
            };
            kit::fill(order.id, trade, order.side, order.price, qty)
                .on_account(order.account)
                .on_instrument(order.instrument)
        };
        self.last = Some(record);
        self.apply(record)
    }

    pub(super) fn word(&mut self, pick: u64, word: Word, cum: i64) -> Result<(), String> {
        let Some(order) = self.live(pick) else {
            return Ok(());
        };
        let (kind, status) = match word {
            Word::Open => (Kind::OrderStatus, OrderStatus::Open),
            Word::Filled => (Kind::OrderStatus, OrderStatus::Filled),
            Word::Cancelled => (Kind::OrderCancelled, OrderStatus::Cancelled),
            Word::Expired => (Kind::OrderExpired, OrderStatus::Expired),
            Word::Absent => (Kind::OrderAbsent, OrderStatus::NotStated),
            Word::NoCancel => (Kind::CancelRejected, OrderStatus::NotStated),
        };
        let record = kit::report(kind, order.id, status, cum, RejectReason::None);
        let record = record.on_account(order.account);
        self.apply(record.on_instrument(order.instrument))
    }
}
