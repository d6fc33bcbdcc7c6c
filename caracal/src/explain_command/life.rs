//! What a journal has about one order, and how it reads.

use std::collections::BTreeSet;

use engine::machine::Verdict;
use model::body::{Fill, NewOrder, Notice, NoticeCode, OrderStatus, Refusal, ReplaceOrder, Side};
use model::command::CommandView;
use model::control::Control;
use model::event::{self, Event, View};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use serde_json::{Value, json};

use super::wanted::name;

/// What risk made of the intent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decided {
    Placed {
        cause: u64,
        order: NewOrder,
    },
    Replaced {
        cause: u64,
        order: ReplaceOrder,
    },
    Refused {
        refusal: Refusal,
    },
    /// The engine holds it, or refused it when it triggered.
    Held {
        notice: Notice,
    },
}

/// Why a held order ended, as its notice says: a check refused it at its trigger.
const REFUSED_AT_ITS_TRIGGER: i64 = 6;

impl Decided {
    /// The decision about `order` that a record holds.
    pub(super) fn by(record: &Record, view: View<'_>, order: u64) -> Option<Self> {
        let cause = record.event;
        match view {
            View::Command(CommandView::NewOrder(new)) => Some(Self::Placed { cause, order: *new }),
            View::Command(CommandView::ReplaceOrder(new)) if new.client_id == order => {
                Some(Self::Replaced { cause, order: *new })
            }
            View::Event(Event::RiskRefused(refusal)) => Some(Self::Refused { refusal: *refusal }),
            View::Event(Event::RiskNotice(notice)) => {
                let refused = notice.threshold == REFUSED_AT_ITS_TRIGGER;
                let ended = notice.code == NoticeCode::HeldEnded && refused;
                let held = ended || notice.code == NoticeCode::HeldPlaced;
                held.then_some(Self::Held { notice: *notice })
            }
            View::Command(_) | View::Event(_) | View::Mark(_) => None,
        }
    }

    /// Number of the event that caused the intent.
    pub(super) const fn cause(&self) -> u64 {
        match self {
            Self::Placed { cause, .. } | Self::Replaced { cause, .. } => *cause,
            Self::Refused { refusal } => refusal.cause,
            Self::Held { notice } => notice.cause,
        }
    }

    pub(super) const fn is_command(&self) -> bool {
        matches!(self, Self::Placed { .. } | Self::Replaced { .. })
    }

    pub(super) const fn is_refusal(&self, number: u64) -> bool {
        matches!(self, Self::Refused { refusal } if refusal.number == number)
    }
}

/// One order's life.
#[derive(Debug)]
pub(super) struct Life {
    order: u64,
    /// The venue's ids for it; one, unless the venue contradicts itself.
    pub(super) venue_ids: Vec<u64>,
    /// What it trades.
    pub(super) spec: Option<InstrumentSpec>,
    /// What risk decided.
    pub(super) decided: Option<Decided>,
    /// The event that caused the intent.
    pub(super) cause: Option<Record>,
    /// What each check saw, in the order in which risk asked them.
    pub(super) checks: Vec<Verdict>,
    /// Everything about it, in the log's order.
    pub(super) records: Vec<Record>,
}

impl Life {
    pub(super) const fn of(order: u64) -> Self {
        Self {
            order,
            venue_ids: Vec::new(),
            spec: None,
            decided: None,
            cause: None,
            checks: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Raw client order id.
    pub(super) const fn order(&self) -> u64 {
        self.order
    }

    /// The client order id.
    pub(super) fn name(&self) -> String {
        name(self.order)
    }

    pub(super) fn instrument_name(&self) -> Option<&str> {
        self.spec.as_ref().map(|spec| spec.name.as_str())
    }

    /// What was asked for, in a line.
    pub(super) fn intent(&self) -> Option<String> {
        let what = self.instrument_name().unwrap_or("instrument not named");
        Some(match self.decided.as_ref()? {
            Decided::Placed { order, .. } => {
                let terms = format!("{:?} {:?}", order.order_type, order.time_in_force);
                let amounts = self.amounts(order.side, order.qty, order.price);
                format!("{amounts} {what} {}", terms.to_lowercase())
            }
            Decided::Replaced { order, .. } => {
                let terms = format!("{:?} {:?}", order.order_type, order.time_in_force);
                let amounts = self.amounts(order.side, order.qty, order.price);
                let old = name(order.cancel_client_id);
                format!(
                    "{amounts} {what} {} in place of {old}",
                    terms.to_lowercase()
                )
            }
            Decided::Refused { refusal } if refusal.qty == Lots(0) => {
                format!("a change of the order, {what}")
            }
            Decided::Refused { refusal } => {
                let amounts = self.amounts(refusal.side, refusal.qty, refusal.price);
                format!("{amounts} {what}")
            }
            Decided::Held { notice } => {
                format!("{} lots {what}, held until it triggers", notice.qty.0)
            }
        })
    }

    fn amounts(&self, side: Side, qty: Lots, price: Ticks) -> String {
        let side = match side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        };
        let exact = self.spec.as_ref().and_then(|spec| {
            let (qty, price) = (spec.lot.decimal(qty.0)?, spec.tick.decimal(price.0)?);
            Some(format!(" ({} at {})", qty.normalize(), price.normalize()))
        });
        let exact = exact.unwrap_or_default();
        format!("{side} {} lots at {} ticks{exact}", qty.0, price.0)
    }

    pub(super) fn intent_json(&self) -> Option<Value> {
        Some(match self.decided.as_ref()? {
            Decided::Placed { order, .. } => terms_json(order.side, order.qty, order.price),
            Decided::Replaced { order, .. } => terms_json(order.side, order.qty, order.price),
            Decided::Refused { refusal } => terms_json(refusal.side, refusal.qty, refusal.price),
            Decided::Held { notice } => {
                json!({"qty_lots": notice.qty.0, "price_ticks": notice.price.0, "held": true})
            }
        })
    }

    /// What risk decided, in a line.
    pub(super) fn verdict(&self) -> String {
        match self.decided.as_ref() {
            None => "none here: the order is not one that this journal decided".to_owned(),
            Some(Decided::Placed { order, .. }) => format!("approved as command {}", order.command),
            Some(Decided::Replaced { order, .. }) => {
                format!("approved as command {}", order.command)
            }
            Some(Decided::Held { notice }) if notice.code == NoticeCode::HeldPlaced => {
                "held by the engine".to_owned()
            }
            Some(Decided::Held { .. }) => "refused when it triggered".to_owned(),
            Some(Decided::Refused { refusal }) => {
                let control = Control::from_code(refusal.control);
                let control = control.map_or_else(String::new, |known| {
                    format!(" by {} ({:?})", known.name(), known.unit())
                });
                format!(
                    "refused (refusal {}): {:?}{control}, value {}, limit {}, {:?} {}, limits of \
                     version {}",
                    refusal.number,
                    refusal.reason,
                    refusal.value,
                    refusal.threshold,
                    refusal.scope,
                    refusal.scope_id,
                    refusal.version
                )
            }
        }
    }

    pub(super) fn verdict_json(&self) -> Value {
        match self.decided.as_ref() {
            None => Value::Null,
            Some(Decided::Placed { order, .. }) => {
                json!({"approved": true, "command": order.command})
            }
            Some(Decided::Replaced { order, .. }) => {
                json!({"approved": true, "command": order.command})
            }
            Some(Decided::Held { notice }) => {
                let approved = notice.code == NoticeCode::HeldPlaced;
                json!({"approved": approved, "held": true, "notice": notice.number})
            }
            Some(Decided::Refused { refusal }) => json!({
                "approved": false,
                "refusal": refusal.number,
                "reason": format!("{:?}", refusal.reason),
                "control": Control::from_code(refusal.control).map(Control::name),
                "value": refusal.value,
                "limit": refusal.threshold,
                "scope": format!("{:?}", refusal.scope),
                "scope_id": refusal.scope_id,
                "limits_version": refusal.version,
            }),
        }
    }

    fn fills(&self) -> impl Iterator<Item = Fill> {
        let mut seen = BTreeSet::new();
        self.records
            .iter()
            .filter_map(move |record| match event::event(record) {
                Ok(Event::OrderFilled(fill)) if seen.insert(fill.trade_id) => Some(*fill),
                _ => None,
            })
    }

    /// Lots filled, each trade once.
    pub(super) fn filled(&self) -> i64 {
        self.fills()
            .fold(0, |sum, fill| i64::saturating_add(sum, fill.qty.0))
    }

    /// Where the facts of the journal leave it, in a line. The machine's own state is in `replay`.
    pub(super) fn state(&self) -> String {
        let filled = self.filled();
        let ended = self.records.iter().rev().find_map(end_of);
        let whole = match self.decided.as_ref() {
            Some(Decided::Placed { order, .. }) => Some(order.qty.0),
            Some(Decided::Replaced { order, .. }) => Some(order.qty.0),
            Some(Decided::Refused { .. }) => return "refused by risk, never sent".to_owned(),
            Some(Decided::Held { notice }) if notice.code == NoticeCode::HeldEnded => {
                return "refused by risk when it triggered, never sent".to_owned();
            }
            Some(Decided::Held { .. }) | None => None,
        };
        let of = whole.map_or_else(String::new, |qty| format!(" of {qty}"));
        match ended {
            _ if whole.is_some_and(|qty| filled >= qty) => format!("filled, {filled}{of} lots"),
            Some(word) => format!("{word}, {filled}{of} lots filled"),
            None => format!("no end of it is in the log, {filled}{of} lots filled"),
        }
    }
}

/// How the order ended, if this record says so.
fn end_of(record: &Record) -> Option<&'static str> {
    let kind = record.kind()?;
    if kind == Kind::OrderCancelled {
        return Some("cancelled");
    }
    if kind == Kind::OrderExpired {
        return Some("expired");
    }
    if kind == Kind::OrderRejected {
        return Some("rejected by the venue");
    }
    if kind == Kind::SendFailed && record.detail == Kind::NewOrder.code() {
        return Some("never sent");
    }
    let Ok(Event::OrderStatus(report)) = event::event(record) else {
        return None;
    };
    match report.status {
        OrderStatus::Cancelled => Some("cancelled"),
        OrderStatus::Expired => Some("expired"),
        OrderStatus::Rejected => Some("rejected by the venue"),
        OrderStatus::Filled => Some("filled"),
        OrderStatus::NotStated | OrderStatus::Open | OrderStatus::PartiallyFilled => None,
    }
}

fn terms_json(side: Side, qty: Lots, price: Ticks) -> Value {
    let side = format!("{side:?}");
    json!({"side": side, "qty_lots": qty.0, "price_ticks": price.0})
}
