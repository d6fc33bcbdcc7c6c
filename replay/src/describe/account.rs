//! Fields of the events about accounts, control and notices.

use model::body::{ControlRequest, Notice, Refusal};
use model::control::Control;
use model::event::Event;
use serde_json::json;

use super::{Fields, order_id, word};

/// The fields of an event about accounts or control; none for any other.
pub(super) fn fields(event: Event<'_>) -> Fields {
    if let Event::Control(request) = event {
        return request_fields(request);
    }
    if let Event::RiskRefused(refusal) = event {
        return refusal_fields(refusal);
    }
    if let Event::RiskNotice(notice) = event {
        return notice_fields(notice);
    }
    money_fields(event)
}

fn money_fields(event: Event<'_>) -> Fields {
    if let Event::Mark(mark) = event {
        return vec![
            ("mark", json!(mark.mark.0)),
            ("index", json!(mark.index.0)),
            ("funding_rate_e9", json!(mark.funding_rate_e9)),
            ("next_funding_ns", json!(mark.next_funding_ns)),
        ];
    }
    if let Event::Rate(rate) = event {
        return vec![
            ("asset", json!(rate.asset.as_str())),
            ("rate", json!(rate.rate.get().to_string())),
        ];
    }
    if let Event::OrderAmended(amended) = event {
        return vec![
            ("order", order_id(amended.client_id)),
            ("venue_order", json!(amended.venue_order_id)),
            ("qty", json!(amended.qty.0)),
            ("cum_qty", json!(amended.cum_qty.0)),
        ];
    }
    if let Event::Transfer(transfer) = event {
        return vec![
            ("transfer", word(transfer.kind)),
            ("asset", json!(transfer.asset.as_str())),
            ("amount", json!(transfer.amount.get().to_string())),
            ("id", json!(transfer.id)),
        ];
    }
    if let Event::Funding(funding) = event {
        return vec![
            ("asset", json!(funding.asset.as_str())),
            ("amount", json!(funding.amount.get().to_string())),
            ("rate_e9", json!(funding.rate_e9)),
            ("qty", json!(funding.qty.0)),
            ("id", json!(funding.id)),
        ];
    }
    if let Event::PositionReport(report) = event {
        return vec![
            ("qty", json!(report.qty.0)),
            ("entry", json!(report.entry.get().to_string())),
            ("liquidation", json!(report.liquidation.0)),
            ("margin", json!(report.margin.get().to_string())),
            ("leverage_bps", json!(report.leverage_bps)),
            ("mode", word(report.mode)),
        ];
    }
    market_fields(event)
}

/// What a market says beside its books, trades and marks.
fn market_fields(event: Event<'_>) -> Fields {
    if let Event::Candle(candle) = event {
        return vec![
            ("open_time_ns", json!(candle.open_time_ns)),
            ("interval_s", json!(candle.interval_s)),
            ("open", json!(candle.open.0)),
            ("high", json!(candle.high.0)),
            ("low", json!(candle.low.0)),
            ("close", json!(candle.close.0)),
            ("volume", json!(candle.volume.0)),
            ("trades", json!(candle.trades)),
            ("closed", word(candle.closed)),
        ];
    }
    if let Event::OpenInterest(interest) = event {
        return vec![("qty", json!(interest.qty.0))];
    }
    if let Event::Liquidation(order) = event {
        return vec![
            ("side", word(order.side)),
            ("price", json!(order.price.0)),
            ("average", json!(order.average.0)),
            ("qty", json!(order.qty.0)),
            ("filled", json!(order.filled.0)),
        ];
    }
    Vec::new()
}

fn control(code: u16) -> serde_json::Value {
    Control::from_code(code).map_or_else(|| json!(code), |control| json!(control.name()))
}

fn request_fields(request: &ControlRequest) -> Fields {
    vec![
        ("number", json!(request.number)),
        ("action", word(request.action)),
        ("scope", word(request.scope)),
        ("scope_id", json!(request.scope_id)),
        ("control", control(request.control)),
        ("old", json!(request.old)),
        ("new", json!(request.new)),
        ("soft", json!(request.soft)),
        ("target", json!(request.target)),
        ("outcome", word(request.outcome)),
        ("person", json!(request.person)),
        ("reason", json!(request.reason.as_str())),
    ]
}

fn refusal_fields(refusal: &Refusal) -> Fields {
    vec![
        ("number", json!(refusal.number)),
        ("cause", json!(refusal.cause)),
        ("order", order_id(refusal.client_id)),
        ("reason", word(refusal.reason)),
        ("level", word(refusal.level)),
        ("scope", word(refusal.scope)),
        ("scope_id", json!(refusal.scope_id)),
        ("control", control(refusal.control)),
        ("value", json!(refusal.value)),
        ("threshold", json!(refusal.threshold)),
        ("side", word(refusal.side)),
        ("price", json!(refusal.price.0)),
        ("qty", json!(refusal.qty.0)),
        ("tag", json!(refusal.tag)),
        ("version", json!(refusal.version)),
    ]
}

fn notice_fields(notice: &Notice) -> Fields {
    vec![
        ("number", json!(notice.number)),
        ("cause", json!(notice.cause)),
        ("code", word(notice.code)),
        ("level", word(notice.level)),
        ("scope", word(notice.scope)),
        ("scope_id", json!(notice.scope_id)),
        ("control", control(notice.control)),
        ("value", json!(notice.value)),
        ("threshold", json!(notice.threshold)),
        ("other", json!(notice.other)),
        ("price", json!(notice.price.0)),
        ("qty", json!(notice.qty.0)),
        ("version", json!(notice.version)),
    ]
}
