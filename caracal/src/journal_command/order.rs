//! Which order an event is about.

use model::event::Event;

/// Raw client order id of the order that an event is about.
pub(super) fn order_of(event: Event<'_>) -> Option<u64> {
    match event {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderUnknown(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::AmendRejected(report)
        | Event::SendFailed(report) => Some(report.client_id),
        Event::OrderFilled(fill) => Some(fill.client_id),
        Event::Sent(sent) => Some(sent.client_id),
        Event::RiskRefused(refusal) => Some(refusal.client_id),
        Event::OrderAmended(amended) => Some(amended.client_id),
        Event::RunStarted(_)
        | Event::RunEnded(_)
        | Event::BlobPart(_)
        | Event::Tick(_)
        | Event::Connection(_)
        | Event::BookReset(_)
        | Event::BookLevels(_)
        | Event::BookOrder(_)
        | Event::Trade(_)
        | Event::Quote(_)
        | Event::OpenOrders(_)
        | Event::Balance(_)
        | Event::Operator(_)
        | Event::StateHash(_)
        | Event::Mark(_)
        | Event::Rate(_)
        | Event::Candle(_)
        | Event::OpenInterest(_)
        | Event::Liquidation(_)
        | Event::Transfer(_)
        | Event::Funding(_)
        | Event::PositionReport(_)
        | Event::Control(_)
        | Event::RiskNotice(_)
        | Event::Recovered(_) => None,
    }
}
