//! `[risk]`: what risk lets through, in the units that people use.
//!
//! Only what cannot lose money has a default: the times and the rates that a venue prescribes.

use std::time::Duration;

use engine::machine::HeldRules;
use engine::machine::{FlowRules, SelfTradeRule};
use model::body::SelfTrade;
use rust_decimal::Decimal;

use super::protection_section;
use super::section::{Problems, Section};
use super::strategy_section::quantity;
use super::venue_section::VenueNames;

/// The limits as configured.
#[derive(Debug, Clone)]
pub(crate) struct RiskDraft {
    /// Open and unresolved orders over everything.
    pub(crate) open_orders_max: u32,
    /// Messages that one second brings back.
    pub(crate) messages_per_second: u32,
    /// Messages that may go at once after a pause.
    pub(crate) messages_burst: u32,
    /// Of these, the part that only cancels and queries may use.
    pub(crate) messages_reserved: u32,
    /// Oldest book that an order may be judged against.
    pub(crate) book_age_max: Duration,
    /// Longest wait for a confirmation.
    pub(crate) ack_timeout: Duration,
    /// How long after sending the venue still accepts a request.
    pub(crate) recv_window: Duration,
    /// First pause between two queries for one order.
    pub(crate) query_pause_min: Duration,
    /// Longest pause between two queries.
    pub(crate) query_pause_max: Duration,
    /// Queries for an unknown order before it needs a person.
    pub(crate) query_attempts_max: u32,
    /// Held orders.
    pub(crate) held: HeldRules,
    /// Windows of time, and trades with ourselves.
    pub(crate) flow: FlowRules,
    /// Limits of each instrument, by the venue's symbol.
    pub(crate) instruments: Vec<(String, OrderDraft)>,
}

/// Limits of an instrument's orders, quantities in the base asset.
#[derive(Debug, Clone)]
pub(crate) struct OrderDraft {
    /// Largest quantity of one order.
    pub(crate) qty_max: Decimal,
    /// Largest value of one order, quote.
    pub(crate) value_max: Decimal,
    /// Farthest from the middle of the book, in units of 0.01 %.
    pub(crate) collar_bps: u32,
    /// Largest position, counting all that could still fill.
    pub(crate) position_max: Decimal,
    /// Open and unresolved orders.
    pub(crate) open_orders_max: u32,
}

pub(super) fn read(
    mut section: Section<'_>,
    venues: &[VenueNames],
    problems: &mut Problems<'_>,
) -> Option<RiskDraft> {
    let open_orders_max = count(&mut section, problems, "open_orders_max", 1, 16_384, None);
    let rate = |section: &mut Section<'_>, problems: &mut Problems<'_>, key, default| {
        count(section, problems, key, 1, 100_000, Some(default))
    };
    let messages_per_second = rate(&mut section, problems, "messages_per_second", 10);
    let messages_burst = rate(&mut section, problems, "messages_burst", 50);
    let messages_reserved = count(
        &mut section,
        problems,
        "messages_reserved",
        0,
        99_999,
        Some(10),
    );
    if let (Some(burst), Some(reserved)) = (messages_burst, messages_reserved)
        && burst <= reserved
    {
        let what = format!("{reserved} must be below messages_burst, {burst}");
        section.problem(problems, "messages_reserved", what);
    }
    let mut time = |key, default_ms| {
        let range = Duration::from_millis(10)..=Duration::from_secs(600);
        section.duration(
            problems,
            key,
            range,
            Some(Duration::from_millis(default_ms)),
        )
    };
    let book_age_max = time("book_age_max", 5_000);
    let ack_timeout = time("ack_timeout", 2_000);
    let recv_window = time("recv_window", 1_000);
    let query_pause_min = time("query_pause_min", 1_000);
    let query_pause_max = time("query_pause_max", 30_000);
    let attempts = "query_attempts_max";
    let query_attempts_max = count(&mut section, problems, attempts, 1, 1_000, Some(8));
    if let (Some(min), Some(max)) = (query_pause_min, query_pause_max)
        && min > max
    {
        let what = format!("{max:?} must be at least query_pause_min, {min:?}");
        section.problem(problems, "query_pause_max", what);
    }
    let flow = flow(&mut section, problems);
    let instruments = instruments(&mut section, venues, problems);
    let held = protection_section::held(&mut section, problems);
    section.finish(problems);
    Some(RiskDraft {
        open_orders_max: open_orders_max?,
        messages_per_second: messages_per_second?,
        messages_burst: messages_burst?,
        messages_reserved: messages_reserved?,
        book_age_max: book_age_max?,
        ack_timeout: ack_timeout?,
        recv_window: recv_window?,
        query_pause_min: query_pause_min?,
        query_pause_max: query_pause_max?,
        held: held?,
        query_attempts_max: query_attempts_max?,
        flow: flow?,
        instruments: instruments?,
    })
}

fn flow(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<FlowRules> {
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    let mut window = |key| {
        let minute = Some(Duration::from_secs(60));
        section.duration(problems, key, range.clone(), minute)
    };
    let collar_window = window("collar_window");
    let order_to_trade_window = window("order_to_trade_window");
    let rules = [
        ("keep", SelfTradeRule::Keep),
        ("cancel-older", SelfTradeRule::CancelOlder),
    ];
    let self_trade = section.choice(problems, "self_trade", &rules, Some(SelfTradeRule::Keep));
    let venue_rules = [
        ("not-stated", SelfTrade::NotStated),
        ("expire-taker", SelfTrade::ExpireTaker),
        ("expire-maker", SelfTrade::ExpireMaker),
        ("expire-both", SelfTrade::ExpireBoth),
    ];
    let default = Some(SelfTrade::NotStated);
    let venue_self_trade = section.choice(problems, "venue_self_trade", &venue_rules, default);
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Some(FlowRules {
        collar_window_ns: nanos(collar_window?),
        order_to_trade_window_ns: nanos(order_to_trade_window?),
        self_trade: self_trade?,
        venue_self_trade: venue_self_trade?,
    })
}

fn instruments(
    section: &mut Section<'_>,
    venues: &[VenueNames],
    problems: &mut Problems<'_>,
) -> Option<Vec<(String, OrderDraft)>> {
    let names = VenueNames::instruments(venues);
    let symbols: Vec<(&str, &str)> = names
        .iter()
        .map(|(text, name)| (text.as_str(), name.as_str()))
        .collect();
    let mut limits: Vec<(String, OrderDraft)> = Vec::new();
    let mut complete = true;
    for mut entry in section.tables(problems, "instrument") {
        let symbol = entry
            .choice(problems, "symbol", &symbols, None)
            .map(ToOwned::to_owned);
        let orders = orders(&mut entry, problems);
        if let Some(symbol) = symbol
            .as_ref()
            .filter(|s| limits.iter().any(|(have, _)| have == *s))
        {
            entry.problem(
                problems,
                "symbol",
                format!("\"{symbol}\" has its limits already"),
            );
        }
        entry.finish(problems);
        match (symbol, orders) {
            (Some(symbol), Some(orders)) => limits.push((symbol, orders)),
            _ => complete = false,
        }
    }
    for (symbol, name) in &names {
        let is_whole = symbol == name;
        if complete && is_whole && !limits.iter().any(|(have, _)| have == name) {
            let what = format!("is missing for \"{symbol}\": nothing trades without limits");
            section.problem(problems, "instrument", what);
        }
    }
    complete.then_some(limits)
}

fn orders(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<OrderDraft> {
    let qty_max = quantity(section, problems, "qty_max");
    let value_max = quantity(section, problems, "value_max");
    let collar_bps = count(section, problems, "collar_bps", 1, 10_000, None);
    let position_max = quantity(section, problems, "position_max");
    if let (Some(qty), Some(position)) = (qty_max, position_max)
        && qty > position
    {
        let what = format!("{qty} of one order is above position_max, {position}: none could pass");
        section.problem(problems, "qty_max", what);
    }
    let open_orders_max = count(section, problems, "open_orders_max", 1, 1024, None);
    Some(OrderDraft {
        qty_max: qty_max?,
        value_max: value_max?,
        collar_bps: collar_bps?,
        position_max: position_max?,
        open_orders_max: open_orders_max?,
    })
}

fn count(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    key: &str,
    least: i64,
    most: i64,
    default: Option<i64>,
) -> Option<u32> {
    let number = section.integer(problems, key, least..=most, default)?;
    u32::try_from(number).ok()
}
