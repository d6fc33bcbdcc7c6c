//! A record as a flat row: what the columns of an export hold.
//!
//! A field that the kind does not have is `None`. Numbers are the record's own; the decimals come
//! from the instrument's steps.

use model::body::{NewOrder, OrderReport, Refusal, ReplaceOrder, Side};
use model::command::CommandView;
use model::event::{self, Event, View};
use model::ids::ClientOrderId;
use model::num::Money;
use model::record::Record;

use super::super::instruments::Instruments;
use super::super::order::order_of;
use crate::parquet_table::{decimal, widen};

/// The fields that depend on the kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) client_order_id: Option<String>,
    pub(super) venue_order_id: Option<u64>,
    pub(super) command: Option<u64>,
    pub(super) side: Option<&'static str>,
    pub(super) price_ticks: Option<i64>,
    pub(super) qty_lots: Option<i64>,
    /// Whole units of 10^-18.
    pub(super) price: Option<i128>,
    pub(super) qty: Option<i128>,
    pub(super) trade_id: Option<u64>,
    pub(super) fee: Option<i128>,
    pub(super) fee_asset: Option<String>,
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) code: Option<i32>,
    pub(super) text: Option<String>,
    pub(super) levels: Option<String>,
}

impl Row {
    /// The row of `record`; of bytes that are no record of this version, an empty one.
    pub(super) fn new(record: &Record, instruments: &Instruments) -> Self {
        let mut row = Self::default();
        match event::view(record) {
            Ok(View::Event(event)) => {
                row.order(order_of(event).unwrap_or(0));
                row.event(record, event);
            }
            Ok(View::Command(command)) => {
                row.order(command.client_id());
                row.command(command);
            }
            Ok(View::Mark(_)) | Err(_) => {}
        }
        let number = record.instrument().map(|id| id.0);
        if let Some(spec) = number.and_then(|number| instruments.get(number)) {
            row.price = row.price_ticks.and_then(|ticks| decimal(spec.tick, ticks));
            row.qty = row.qty_lots.and_then(|lots| decimal(spec.lot, lots));
        }
        row
    }

    fn order(&mut self, raw: u64) {
        self.client_order_id = ClientOrderId::from_raw(raw).map(|id| id.to_string());
    }

    fn venue_order(&mut self, id: u64) {
        self.venue_order_id = (id != 0).then_some(id);
    }

    fn traded(&mut self, side: Side, price: i64, qty: i64) {
        self.side = Some(side_name(side));
        self.price_ticks = Some(price);
        self.qty_lots = Some(qty);
    }

    #[expect(
        clippy::too_many_lines,
        reason = "every field is named once, so that a new one does not compile unsaved"
    )]
    fn event(&mut self, record: &Record, event: Event<'_>) {
        match event {
            Event::BookLevels(levels) => {
                let levels = levels.iter(record.detail);
                self.levels = Some(level_list(
                    levels.map(|(side, level)| (side, level.price.0, level.qty.0)),
                ));
            }
            Event::Quote(quote) => {
                let (bid, ask) = (quote.bid, quote.ask);
                self.levels = Some(level_list([
                    (Side::Buy, bid.price.0, bid.qty.0),
                    (Side::Sell, ask.price.0, ask.qty.0),
                ]));
            }
            Event::Trade(trade) => {
                self.traded(trade.aggressor, trade.price.0, trade.qty.0);
                self.trade_id = Some(trade.trade_id);
            }
            Event::BookOrder(order) => {
                self.venue_order(order.order_id);
                self.traded(order.side, order.price.0, order.qty.0);
                self.status = Some(format!("{:?}", order.change));
            }
            Event::OrderFilled(fill) => {
                self.venue_order(fill.venue_order_id);
                self.traded(fill.side, fill.price.0, fill.qty.0);
                self.trade_id = Some(fill.trade_id);
                self.fee = money(fill.fee);
                self.fee_asset = text(fill.fee_asset.as_str());
                self.status = Some(format!("{:?}", fill.liquidity));
            }
            Event::OrderAcked(report)
            | Event::OrderRejected(report)
            | Event::OrderCancelled(report)
            | Event::OrderExpired(report)
            | Event::OrderUnknown(report)
            | Event::OrderStatus(report)
            | Event::OrderAbsent(report)
            | Event::CancelRejected(report)
            | Event::AmendRejected(report)
            | Event::SendFailed(report) => self.report(report),
            Event::Sent(sent) => self.command = Some(sent.command),
            Event::RiskRefused(refusal) => self.refusal(refusal),
            Event::Connection(link) => {
                self.status = Some(format!("{:?}", link.state));
                self.reason = Some(format!("{:?}", link.channel));
                self.code = (link.code != 0).then_some(link.code);
                self.text = text(link.text.as_str());
            }
            Event::Operator(operator) => {
                self.status = Some(format!("{:?}", operator.action));
                self.text = text(operator.text.as_str());
            }
            Event::OrderAmended(amended) => {
                self.venue_order(amended.venue_order_id);
                self.qty_lots = Some(amended.qty.0);
            }
            Event::Mark(mark) => self.price_ticks = Some(mark.mark.0),
            Event::Candle(candle) => {
                self.price_ticks = Some(candle.close.0);
                self.qty_lots = Some(candle.volume.0);
            }
            Event::OpenInterest(interest) => self.qty_lots = Some(interest.qty.0),
            Event::Liquidation(order) => self.traded(order.side, order.price.0, order.qty.0),
            Event::Transfer(transfer) => {
                self.reason = Some(format!("{:?}", transfer.kind));
                self.text = Some(amount(transfer.amount, transfer.asset.as_str()));
            }
            Event::Funding(funding) => {
                self.qty_lots = Some(funding.qty.0);
                self.text = Some(amount(funding.amount, funding.asset.as_str()));
            }
            Event::PositionReport(position) => {
                self.qty_lots = Some(position.qty.0);
                self.status = Some(format!("{:?}", position.mode));
            }
            Event::Control(request) => {
                self.status = Some(format!("{:?}", request.action));
                self.text = text(request.reason.as_str());
            }
            Event::RiskNotice(notice) => {
                self.reason = Some(format!("{:?}", notice.code));
                self.status = Some(format!("{:?}", notice.level));
                self.price_ticks = (notice.price.0 != 0).then_some(notice.price.0);
                self.qty_lots = (notice.qty.0 != 0).then_some(notice.qty.0);
            }
            Event::RunStarted(_)
            | Event::RunEnded(_)
            | Event::BlobPart(_)
            | Event::Tick(_)
            | Event::BookReset(_)
            | Event::OpenOrders(_)
            | Event::Balance(_)
            | Event::StateHash(_)
            | Event::Rate(_)
            | Event::Recovered(_) => {}
        }
    }

    fn report(&mut self, report: &OrderReport) {
        self.venue_order(report.venue_order_id);
        self.status = Some(format!("{:?}", report.status));
        self.reason = Some(format!("{:?}", report.reason));
        self.code = (report.code != 0).then_some(report.code);
        self.text = text(report.text.as_str());
    }

    fn refusal(&mut self, refusal: &Refusal) {
        self.traded(refusal.side, refusal.price.0, refusal.qty.0);
        self.reason = Some(format!("{:?}", refusal.reason));
    }

    fn command(&mut self, command: CommandView<'_>) {
        self.command = Some(command.number());
        match command {
            CommandView::NewOrder(NewOrder {
                side, price, qty, ..
            }) => self.traded(*side, price.0, qty.0),
            CommandView::ReplaceOrder(ReplaceOrder {
                side,
                price,
                qty,
                cancel_venue_order_id,
                ..
            }) => {
                self.traded(*side, price.0, qty.0);
                self.venue_order(*cancel_venue_order_id);
            }
            CommandView::CancelOrder(cancel) => self.venue_order(cancel.venue_order_id),
            CommandView::QueryOrder(query) => self.venue_order(query.venue_order_id),
            CommandView::AmendOrder(amend) => {
                self.venue_order(amend.venue_order_id);
                self.qty_lots = Some(amend.qty.0);
            }
            CommandView::QueryOpenOrders(_) | CommandView::CancelAll(_) | CommandView::Latch(_) => {
            }
        }
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// An amount with its asset, exact, as `cat` shows it.
fn amount(amount: Money, asset: &str) -> String {
    format!("{} {asset}", amount.get())
}

/// `[["Buy",6183763,120],...]`, as `cat --json` has it.
fn level_list(levels: impl IntoIterator<Item = (Side, i64, i64)>) -> String {
    use std::fmt::Write as _;
    let mut list = String::from("[");
    for (index, (side, price, qty)) in levels.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let side = side_name(side);
        let _infallible = write!(list, "{comma}[\"{side}\",{price},{qty}]");
    }
    list.push(']');
    list
}

fn money(money: Money) -> Option<i128> {
    let value = money.get();
    widen(value.mantissa(), value.scale())
}
