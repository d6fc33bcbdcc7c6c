//! Risk's orders from the events: what gateways and venues say of them, fills, lists, connections.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Connection, Fill, LinkState, NoticeCode, NoticeLevel, Sent};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, ClientOrderId, VenueId};
use model::num::Lots;
use model::record::{Kind, Record};

use super::Risk;
use super::notices::Told;
use crate::machine::config::ACCOUNTS_MAX;
use crate::machine::orders::{Fact, Order, OrderState, Seen, TradeKey, When};

impl Risk {
    /// Number and time of the present event.
    pub(super) const fn when(&self) -> When {
        When {
            event: self.last_event,
            time_ns: self.time_ns,
        }
    }

    /// A new run: what the journal never held is void, what may have been written is unknown, and
    /// nothing is confirmed.
    pub(super) fn restart_orders(&mut self, commands_journaled: u64) {
        let when = self.when();
        self.orders.update_live(|order| {
            if order.command > commands_journaled {
                order.learn(Fact::NotSent, when.time_ns);
            } else if order.state.is_unconfirmed() {
                // It may have been written at the last moment of the run before.
                order.maybe_sent(when.time_ns);
                order.learn(Fact::OutcomeUnknown, when.time_ns);
            }
            order.disconnect(when.event);
        });
    }

    /// The connection of one account, or of all of a venue where the event names none.
    pub(super) fn on_order_link(&mut self, record: &Record, link: &Connection) {
        if link.state == LinkState::Notice {
            return;
        }
        let meant = |account: AccountId, venue: VenueId| {
            venue.0 == link.venue && record.account().is_none_or(|of| of == account)
        };
        let lost = matches!(link.state, LinkState::Down | LinkState::Failed);
        let mut concerned = [false; ACCOUNTS_MAX];
        for (index, account) in (0..).map(AccountId).take(ACCOUNTS_MAX).enumerate() {
            if self
                .venue_of(account)
                .is_none_or(|venue| !meant(account, venue))
            {
                continue;
            }
            concerned[index] = true;
            self.links[index] = link.state;
            if link.state != LinkState::Up
                && let Some(asked) = self.lists_asked.get_mut(index)
            {
                *asked = None;
            }
        }
        if link.state == LinkState::Up {
            self.orders.look_again();
            return;
        }
        let (event, now) = (self.last_event, self.time_ns);
        self.orders.update_live(|order| {
            if !concerned
                .get(order.account.index())
                .is_some_and(|concerned| *concerned)
            {
                return;
            }
            order.disconnect(event);
            if lost && order.state.is_unconfirmed() {
                order.learn(Fact::OutcomeUnknown, now);
            }
        });
    }

    /// A report about one order.
    pub(super) fn on_report(&mut self, event: &Event<'_>, client_id: u64, venue_order_id: u64) {
        let (when, window) = (self.when(), self.recv_window_ns());
        self.venue_order_id_max = self.venue_order_id_max.max(venue_order_id);
        let Some(id) = ClientOrderId::from_raw(client_id) else {
            self.counts.stray_reports += 1;
            return;
        };
        let reported = self.orders.update(id, |order| {
            let before = order.state;
            order.report(event, when, window);
            (before, *order)
        });
        let Some((before, order)) = reported else {
            self.counts.stray_reports += 1;
            return;
        };
        if before != order.state {
            self.count_change(order.state);
            if order.state == OrderState::Absent {
                self.notice(proven_absent(&order, when.time_ns));
            }
        }
        if order.wants_list() {
            self.want_list(order.account);
        }
        if let (Event::OrderUnknown(_), Some(old)) = (event, order.replaces) {
            // The outcome of a replacement is unknown, so that of its cancel is, too.
            self.doubt(old);
        }
    }

    fn count_change(&mut self, state: OrderState) {
        let counts = &mut self.counts;
        match state {
            OrderState::Open => counts.acked += 1,
            OrderState::Rejected => counts.rejected += 1,
            OrderState::Cancelled | OrderState::Expired => counts.cancelled += 1,
            OrderState::Unknown => counts.unknown += 1,
            OrderState::Held
            | OrderState::Approved
            | OrderState::Sent
            | OrderState::NotSent
            | OrderState::Absent
            | OrderState::Filled => {}
        }
    }

    fn doubt(&mut self, id: ClientOrderId) {
        let event = self.last_event;
        self.orders.update(id, |order| {
            order.cancel.pending_ns = None;
            order.doubt(event);
        });
    }

    pub(super) fn on_fill(&mut self, record: &Record, fill: &Fill) {
        self.venue_order_id_max = self.venue_order_id_max.max(fill.venue_order_id);
        let entry = record
            .instrument()
            .and_then(|instrument| self.entries.get_mut(instrument.index()));
        let sane = fill.qty > Lots::ZERO;
        let (Some(Some(entry)), Some(account), true) = (entry, record.account(), sane) else {
            self.counts.unplaced_fills += 1;
            self.tell_of_fill(NoticeCode::UnplacedFill, Scope::Overall, fill);
            return;
        };
        let id = ClientOrderId::from_raw(fill.client_id);
        // One that names an order which it does not fit is none of that order's.
        let fits = |order: &&Order| {
            let place = (Some(order.instrument), order.account, order.side);
            place == (record.instrument(), account, fill.side)
        };
        let order = id.and_then(|id| self.orders.get(id)).filter(fits);
        let id = order.map(|order| order.client_id);
        let key = TradeKey::of(fill, account);
        let applies = match entry.trades.seen(key) {
            Seen::New => true,
            Seen::Before => false,
            // Older than memory: only if the venue counts more than we do.
            Seen::Forgotten => order
                .is_some_and(|order| order.filled.0.saturating_add(fill.qty.0) <= order.reported.0),
        };
        if !applies {
            self.counts.repeated_fills += 1;
            return;
        }
        let unknown = order.is_none();
        // A fill of an order that we do not know is nobody's.
        let strategy = id.and_then(ClientOrderId::strategy);
        entry.trades.remember(key);
        self.counts.fills += 1;
        let instrument = entry.listing.spec().id;
        let position = self.portfolio.position(account, instrument).copied();
        let spec = entry.listing.spec();
        let booked = self.portfolio.fill(spec, account, strategy, fill);
        if let Some(instrument) = record.instrument() {
            self.count_for_exits(instrument, account, fill);
        }
        self.tell_of_unbooked(booked, record);
        if unknown {
            self.counts.orphan_fills += 1;
            self.tell_of_fill(NoticeCode::UnknownFill, Scope::Account(account), fill);
        }
        if let Some(strategy) = id.and_then(ClientOrderId::strategy)
            && let Some(instrument) = record.instrument()
        {
            self.activity
                .fill(strategy, instrument, fill.side, fill.qty);
            self.count_fill(strategy, instrument, account);
        }
        if let Some(id) = id {
            let when = self.when();
            let over = self.orders.update(id, |order| {
                order.venue_order_id = order.venue_order_id.max(fill.venue_order_id);
                let within = order.filled <= order.qty;
                order.fill(fill.qty, when);
                within && order.filled > order.qty
            });
            if over == Some(true) {
                self.tell_of_fill(NoticeCode::Overfilled, Scope::Account(account), fill);
            }
        }
        let strategy = id.and_then(ClientOrderId::strategy);
        self.count_pair(account, strategy, instrument);
        self.watch_fill(record, fill, position.as_ref());
    }

    fn want_list(&mut self, account: AccountId) {
        if let Some(wanted) = self.lists_wanted.get_mut(account.index()) {
            *wanted = true;
        }
    }

    /// The venue listed an account's open orders, each with its state before this. What it does not
    /// name was not open when the list was asked for.
    pub(super) fn on_list(&mut self, record: &Record) {
        let Some(account) = record.account() else {
            return;
        };
        let asked = self.lists_asked.get_mut(account.index());
        let Some(asked_ns) = asked.and_then(Option::take) else {
            return;
        };
        let (notices, event, now) = (&mut self.notices, self.last_event, self.time_ns);
        self.orders.update_live(|order| {
            if order.account != account {
                return;
            }
            let before = order.state;
            order.not_listed(asked_ns);
            if before != order.state && order.state == OrderState::Absent {
                notices.tell(event, 0, proven_absent(order, now));
            }
        });
    }

    pub(super) fn on_sent(&mut self, sent: &Sent) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let now = self.time_ns;
        if let Some(id) = ClientOrderId::from_raw(sent.client_id) {
            self.orders.update(id, |order| {
                if order.command == sent.command {
                    order.maybe_sent(now);
                    order.learn(Fact::Sent, now);
                }
            });
        }
    }

    pub(super) fn on_send_failed(&mut self, record: &Record, client_id: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.counts.send_failed += 1;
        let now = self.time_ns;
        let Some(id) = ClientOrderId::from_raw(client_id) else {
            match (Kind::from_code(record.detail), record.account()) {
                (Some(Kind::CancelAll), _) => self.on_cancel_all_failed(record),
                (Some(Kind::Latch), _) | (_, None) => {}
                (_, Some(account)) => self.want_list(account),
            }
            return;
        };
        let replaced = self.orders.update(id, |order| {
            if placed_by(record, order.state) {
                order.learn(Fact::NotSent, now);
                return order.replaces;
            }
            let failed = Kind::from_code(record.detail);
            let concerns = |kind| failed.is_none_or(|failed| failed == kind);
            if concerns(Kind::CancelOrder) {
                order.cancel.pending_ns = None;
            }
            if concerns(Kind::AmendOrder) {
                order.amend.pending_ns = None;
            }
            if concerns(Kind::QueryOrder) {
                order.query.pending_ns = None;
            }
            None
        });
        if let Some(Some(old)) = replaced {
            self.orders
                .update(old, |order| order.cancel.pending_ns = None);
        }
    }
}

/// What a notice says of an order: its client id, its price, and what may still fill.
pub(super) fn told(
    code: NoticeCode,
    level: NoticeLevel,
    order: &Order,
    (value, threshold): (i64, i64),
) -> Told {
    let scope = Scope::Account(order.account);
    Told::new(code, level, scope)
        .by(Control::UnknownOrders, value, threshold)
        .about(order.client_id.raw())
        .at(order.price, order.exposure())
}

/// Value: queries since it was unknown; threshold: machine time of the proof.
fn proven_absent(order: &Order, now_ns: u64) -> Told {
    let numbers = (i64::from(order.asked), clamp(now_ns));
    told(NoticeCode::AbsenceProven, NoticeLevel::Info, order, numbers)
}

fn clamp(time_ns: u64) -> i64 {
    i64::try_from(time_ns).unwrap_or(i64::MAX)
}

/// Whether a failed command was the one that places the order. Its kind says so; without that, the
/// gateway's order of commands does: the placement's report comes before any later command's.
pub(crate) fn placed_by(record: &Record, state: OrderState) -> bool {
    match Kind::from_code(record.detail) {
        Some(kind) => matches!(kind, Kind::NewOrder | Kind::ReplaceOrder),
        None => state == OrderState::Approved,
    }
}
