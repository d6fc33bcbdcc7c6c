//! A record as a person reads it: one line of text, or one JSON object.
//!
//! Prices and quantities are whole ticks and lots, as the record holds them; the instrument's
//! steps stand in its blob.

mod account;

use model::body::{NewOrder, OrderReport, ReplaceOrder};
use model::command::CommandView;
use model::event::{self, Event, View};
use model::ids::ClientOrderId;
use model::record::{Kind, Record, flags};
use serde_json::{Map, Value, json};

type Fields = Vec<(&'static str, Value)>;

/// One line: sequence, event number, time, kind, whom it concerns, and the body's fields.
#[must_use]
pub fn describe(record: &Record) -> String {
    use std::fmt::Write as _;
    let name = record.kind().map_or("?", Kind::name);
    let mut line = format!(
        "{:>10} {:>10} {} {name}",
        record.seq,
        record.event,
        time(record.time_ns)
    );
    for (name, value) in header(record).into_iter().chain(body(record)) {
        let text = match value.as_str() {
            Some(text) if text.contains(' ') => format!("{text:?}"),
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        if write!(line, " {name}={text}").is_err() {
            break;
        }
    }
    line
}

/// The same as a JSON object. Numbers above 2^53 are exact integers, as JSON allows.
#[must_use]
pub fn to_json(record: &Record) -> Value {
    let mut object = Map::new();
    let kind = record.kind().map_or("?", Kind::name);
    object.insert("seq".to_owned(), json!(record.seq));
    object.insert("event".to_owned(), json!(record.event));
    object.insert("time_ns".to_owned(), json!(record.time_ns));
    object.insert("kind".to_owned(), json!(kind));
    for (name, value) in header(record).into_iter().chain(body(record)) {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

/// A remark about a connection for a person: time of day (UTC), what, its new state, and why.
/// `None` for any other record.
#[must_use]
pub fn remark(record: &Record) -> Option<String> {
    let Ok(Event::Connection(link)) = event::event(record) else {
        return None;
    };
    let clock = time(record.time_ns);
    let clock = clock.get(11..23).unwrap_or(&clock);
    let channel = format!("{:?}", link.channel).to_lowercase();
    let state = format!("{:?}", link.state).to_lowercase();
    let whose = record
        .instrument()
        .map_or_else(String::new, |id| format!(" of instrument {id}"));
    let code = if link.code == 0 {
        String::new()
    } else {
        format!(" ({})", link.code)
    };
    let (text, colon) = (
        link.text.as_str(),
        if link.text.as_str().is_empty() {
            ""
        } else {
            ": "
        },
    );
    Some(format!(
        "{clock} {channel}{whose} {state}{code}{colon}{text}"
    ))
}

/// `2024-08-10T01:20:53.937085768Z`, without a library: days to a civil date.
fn time(time_ns: u64) -> String {
    let (seconds, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Gregorian date of a day count since 1970-01-01, counting years from March so that the leap day
/// is the last day of a year.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

fn header(record: &Record) -> Fields {
    let mut fields = Vec::new();
    if let Some(instrument) = record.instrument() {
        fields.push(("instrument", json!(instrument.0)));
    }
    if let Some(account) = record.account() {
        fields.push(("account", json!(account.0)));
    }
    if let Some(strategy) = record.strategy() {
        fields.push(("strategy", json!(strategy.0)));
    }
    if record.has(flags::SNAPSHOT) {
        fields.push(("snapshot", json!(true)));
    }
    if record.has(flags::LAST_OF_MESSAGE) {
        fields.push(("last", json!(true)));
    }
    if record.has(flags::RECONCILED) {
        fields.push(("reconciled", json!(true)));
    }
    if record.stamp_ns != 0 {
        fields.push(("stamp_ns", json!(record.stamp_ns)));
    }
    fields
}

fn body(record: &Record) -> Fields {
    match event::view(record) {
        Ok(View::Event(event)) => of_event(record, event),
        Ok(View::Command(command)) => of_command(command),
        Ok(View::Mark(mark)) => vec![("durable_seq", json!(mark.durable_seq))],
        Err(error) => vec![("unreadable", json!(error.to_string()))],
    }
}

fn order_id(raw: u64) -> Value {
    ClientOrderId::from_raw(raw).map_or(Value::Null, |id| json!(id.to_string()))
}

fn word(value: impl std::fmt::Debug) -> Value {
    json!(format!("{value:?}"))
}

fn of_event(record: &Record, event: Event<'_>) -> Fields {
    match event {
        Event::RunStarted(start) => vec![
            ("epoch", json!(start.epoch)),
            ("commands_journaled", json!(start.commands_journaled)),
        ],
        Event::RunEnded(end) => vec![("open_orders", json!(end.open_orders))],
        Event::BlobPart(part) => vec![
            ("blob", json!(part.kind)),
            ("part", json!(part.part)),
            ("parts", json!(part.parts)),
            ("bytes", json!(part.used)),
        ],
        Event::Tick(tick) => vec![("count", json!(tick.count))],
        Event::Connection(link) => vec![
            ("venue", json!(link.venue)),
            ("channel", word(link.channel)),
            ("state", word(link.state)),
            ("code", json!(link.code)),
            ("text", json!(link.text.as_str())),
        ],
        Event::Balance(balance) => vec![
            ("asset", json!(balance.asset.as_str())),
            ("free", json!(balance.free.get().to_string())),
            ("locked", json!(balance.locked.get().to_string())),
        ],
        Event::Operator(operator) => vec![
            ("action", word(operator.action)),
            ("text", json!(operator.text.as_str())),
        ],
        Event::StateHash(hash) => vec![
            ("at_event", json!(hash.at_event)),
            ("hash", json!(hex(&hash.hash))),
        ],
        Event::Recovered(cut) => vec![
            ("from_seq", json!(cut.from_seq)),
            ("cut_bytes", json!(cut.bytes)),
            ("whole_records", json!(cut.whole_records)),
            ("durable_mark", json!(cut.durable_mark)),
        ],
        Event::BookReset(_)
        | Event::BookLevels(_)
        | Event::BookOrder(_)
        | Event::Trade(_)
        | Event::Quote(_) => of_market(record, event),
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderUnknown(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::AmendRejected(report) => of_report(report),
        Event::SendFailed(report) => of_failed(record, report),
        Event::OrderFilled(_) | Event::Sent(_) | Event::OpenOrders(_) => of_order(event),
        Event::Mark(_)
        | Event::Rate(_)
        | Event::Candle(_)
        | Event::OpenInterest(_)
        | Event::Liquidation(_)
        | Event::OrderAmended(_)
        | Event::Transfer(_)
        | Event::Funding(_)
        | Event::PositionReport(_)
        | Event::Control(_)
        | Event::RiskRefused(_)
        | Event::RiskNotice(_) => account::fields(event),
    }
}

fn of_market(record: &Record, event: Event<'_>) -> Fields {
    if let Event::BookLevels(levels) = event {
        let levels: Vec<Value> = levels
            .iter(record.detail)
            .map(|(side, level)| json!([word(side), level.price.0, level.qty.0]))
            .collect();
        return vec![("levels", Value::Array(levels))];
    }
    if let Event::BookReset(reset) = event {
        return vec![
            ("update_id", json!(reset.update_id)),
            ("level_records", json!(reset.level_records)),
        ];
    }
    if let Event::BookOrder(order) = event {
        return vec![
            ("venue_order_id", json!(order.order_id)),
            ("change", word(order.change)),
            ("side", word(order.side)),
            ("price", json!(order.price.0)),
            ("qty", json!(order.qty.0)),
        ];
    }
    if let Event::Trade(trade) = event {
        return vec![
            ("trade_id", json!(trade.trade_id)),
            ("price", json!(trade.price.0)),
            ("qty", json!(trade.qty.0)),
            ("aggressor", word(trade.aggressor)),
        ];
    }
    if let Event::Quote(quote) = event {
        return vec![
            ("update_id", json!(quote.update_id)),
            ("bid", json!([quote.bid.price.0, quote.bid.qty.0])),
            ("ask", json!([quote.ask.price.0, quote.ask.qty.0])),
        ];
    }
    Vec::new()
}

fn of_report(report: &OrderReport) -> Fields {
    vec![
        ("order", order_id(report.client_id)),
        ("venue_order", json!(report.venue_order_id)),
        ("status", word(report.status)),
        ("cum_qty", json!(report.cum_qty.0)),
        ("reason", word(report.reason)),
        ("code", json!(report.code)),
        ("text", json!(report.text.as_str())),
    ]
}

/// Which command did not leave, and what is said of it.
fn of_failed(record: &Record, report: &OrderReport) -> Fields {
    let failed = Kind::from_code(record.detail).map_or("?", Kind::name);
    let mut fields = vec![("failed", json!(failed))];
    fields.extend(of_report(report));
    fields
}

fn of_order(event: Event<'_>) -> Fields {
    if let Event::OrderFilled(fill) = event {
        return vec![
            ("order", order_id(fill.client_id)),
            ("venue_order", json!(fill.venue_order_id)),
            ("trade_id", json!(fill.trade_id)),
            ("side", word(fill.side)),
            ("price", json!(fill.price.0)),
            ("qty", json!(fill.qty.0)),
            ("liquidity", word(fill.liquidity)),
            ("fee", json!(fill.fee.get().to_string())),
            ("fee_asset", json!(fill.fee_asset.as_str())),
        ];
    }
    if let Event::Sent(sent) = event {
        return vec![
            ("command", json!(sent.command)),
            ("order", order_id(sent.client_id)),
            ("received_ns", json!(sent.received_ns)),
            ("sequenced_ns", json!(sent.sequenced_ns)),
            ("intended_ns", json!(sent.intended_ns)),
            ("approved_ns", json!(sent.approved_ns)),
            ("taken_ns", json!(sent.taken_ns)),
            ("written_ns", json!(sent.written_ns)),
        ];
    }
    if let Event::OpenOrders(open) = event {
        return vec![("ours", json!(open.ours)), ("foreign", json!(open.foreign))];
    }
    Vec::new()
}

fn of_command(command: CommandView<'_>) -> Fields {
    let mut fields = vec![("command", json!(command.number()))];
    match command {
        CommandView::NewOrder(order) => fields.extend(new_order(order)),
        CommandView::ReplaceOrder(order) => fields.extend(replace_order(order)),
        CommandView::CancelOrder(cancel) => fields.extend([
            ("order", order_id(cancel.client_id)),
            ("venue_order", json!(cancel.venue_order_id)),
        ]),
        CommandView::QueryOrder(query) => fields.extend([
            ("order", order_id(query.client_id)),
            ("venue_order", json!(query.venue_order_id)),
        ]),
        CommandView::AmendOrder(amend) => fields.extend([
            ("order", order_id(amend.client_id)),
            ("venue_order", json!(amend.venue_order_id)),
            ("qty", json!(amend.qty.0)),
        ]),
        CommandView::Latch(latch) => fields.extend([
            ("scope", word(latch.scope)),
            ("scope_id", json!(latch.scope_id)),
            ("on", json!(latch.on.is_yes())),
        ]),
        CommandView::QueryOpenOrders(_) | CommandView::CancelAll(_) => {}
    }
    fields
}

fn new_order(order: &NewOrder) -> Fields {
    vec![
        ("order", order_id(order.client_id)),
        ("side", word(order.side)),
        ("type", word(order.order_type)),
        ("time_in_force", word(order.time_in_force)),
        ("price", json!(order.price.0)),
        ("qty", json!(order.qty.0)),
        ("tag", json!(order.tag)),
        ("reduce_only", json!(order.reduce_only.is_yes())),
        ("self_trade", word(order.self_trade)),
    ]
}

fn replace_order(order: &ReplaceOrder) -> Fields {
    vec![
        ("cancels", order_id(order.cancel_client_id)),
        ("order", order_id(order.client_id)),
        ("side", word(order.side)),
        ("type", word(order.order_type)),
        ("time_in_force", word(order.time_in_force)),
        ("price", json!(order.price.0)),
        ("qty", json!(order.qty.0)),
        ("tag", json!(order.tag)),
        ("reduce_only", json!(order.reduce_only.is_yes())),
        ("self_trade", word(order.self_trade)),
    ]
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use model::body::{
        Flag, NoticeLevel, OrderStatus, OrderType, Refusal, RefusalReason, RejectReason, SelfTrade,
        Side, Text, TimeInForce,
    };
    use model::control::{Control, ScopeKind};
    use model::num::{Lots, Ticks};

    use super::*;

    /// Each field that a refusal, an order and a failed command have is shown.
    #[test]
    fn refusals_orders_and_failures_show_who_decided_and_how() {
        let refusal = Refusal {
            number: 3,
            cause: 17,
            tag: 5,
            value: 200,
            threshold: 100,
            price: Ticks(7),
            qty: Lots(9),
            client_id: 0,
            reason: RefusalReason::MaxQuantity,
            side: Side::Sell,
            control: Control::MaxQuantity.code(),
            scope_id: 2,
            version: 4,
            scope: ScopeKind::Strategy,
            level: NoticeLevel::Soft,
            reserved: [0; 2],
        };
        let shown = to_json(&Record::new(Kind::RiskRefused, &refusal));
        assert_eq!(shown["control"], "qty_max");
        assert_eq!(
            (&shown["scope"], &shown["scope_id"]),
            (&json!("Strategy"), &json!(2))
        );
        assert_eq!(
            (&shown["level"], &shown["version"]),
            (&json!("Soft"), &json!(4))
        );
        assert_eq!(shown["tag"], 5);
        let order = NewOrder {
            command: 1,
            client_id: 0,
            price: Ticks(7),
            qty: Lots(9),
            tag: 0,
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            reduce_only: Flag::Yes,
            self_trade: SelfTrade::ExpireBoth,
            reserved: [0; 35],
        };
        let line = describe(&Record::new(Kind::NewOrder, &order));
        assert!(
            line.contains(" reduce_only=true self_trade=ExpireBoth"),
            "{line}"
        );
        let report = OrderReport {
            client_id: 0,
            venue_order_id: 0,
            venue_time_ns: 0,
            cum_qty: Lots(0),
            code: 0,
            status: OrderStatus::NotStated,
            reason: RejectReason::NotSent,
            text: Text::EMPTY,
        };
        let mut failed = Record::new(Kind::SendFailed, &report);
        failed.detail = Kind::CancelOrder.code();
        assert_eq!(to_json(&failed)["failed"], "CancelOrder");
    }

    #[test]
    fn time_shows_known_instants() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            time(951_782_400_000_000_001),
            "2000-02-29T00:00:00.000000001Z"
        );
        assert_eq!(
            time(1_723_161_253_937_085_768),
            "2024-08-08T23:54:13.937085768Z"
        );
    }
}
