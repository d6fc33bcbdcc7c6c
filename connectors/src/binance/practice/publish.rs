//! What goes out by itself: market streams and private events, with the faults that strike there.

use serde_json::{Value, json};

use super::market;
use super::reports;
use super::streams::StreamKind;
use super::venue::BinancePractice;
use crate::binance::usdm::practice::streams;
use crate::practice::exchange::{AccountEvent, Execution};
use crate::practice::faults::{Chance, FaultKind};
use crate::practice::liquidity::Liquidity;
use crate::practice::server::{Clock, Outbox};
use crate::protocol::Protocol;

/// Market events in one turn, so that clients are served in between.
const STEPS_PER_TURN: usize = 64;

impl BinancePractice {
    /// Lets the synthetic market of an instrument catch up with the clock.
    pub(in crate::binance) fn step(
        &mut self,
        instrument: usize,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        for _ in 0..STEPS_PER_TURN {
            if self.core.exchange.listings[instrument].liquidity.due_ns() > clock.now_ns {
                return;
            }
            self.core.exchange.step_market(instrument);
            self.publish_changes(instrument, clock, out);
        }
        let liquidity = &mut self.core.exchange.listings[instrument].liquidity;
        if let Liquidity::Synthetic(synthetic) = liquidity {
            synthetic.flow.skip_to(clock.now_ns);
        }
    }

    /// Sends trades and the top of the book, and notes what the depth streams will send.
    pub(in crate::binance) fn publish_changes(
        &mut self,
        instrument: usize,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        let now_ms = self.core.now_ms;
        let listing = &mut self.core.exchange.listings[instrument];
        let tape = &mut self.tapes[instrument];
        let Liquidity::Synthetic(synthetic) = &mut listing.liquidity else {
            return;
        };
        synthetic.engine.drain_changes(|side, price, total| {
            tape.fast.note(side, price, total);
            tape.slow.note(side, price, total);
        });
        let unpublished = std::mem::take(&mut listing.unpublished);
        let mut payloads = Vec::new();
        let usdm = self.core.protocol == Protocol::BinanceUsdm;
        let tape_of = if usdm {
            StreamKind::AggTrade
        } else {
            StreamKind::Trade
        };
        if unpublished > 0 && self.streams.wanted((instrument, tape_of)) {
            let skip = listing.trades.len() - unpublished;
            for trade in listing.trades.iter().skip(skip) {
                let payload = if usdm {
                    streams::agg_trade(listing, trade, now_ms)
                } else {
                    market::trade(listing, trade, now_ms)
                };
                payloads.push((tape_of, payload));
            }
        }
        let top = market::top(listing);
        if top != tape.top {
            tape.top = top;
            if let Some(top) = top
                && self.streams.wanted((instrument, StreamKind::BookTicker))
            {
                let payload = if usdm {
                    streams::book_ticker(listing, &top, now_ms)
                } else {
                    market::book_ticker(listing, &top)
                };
                payloads.push((StreamKind::BookTicker, payload));
            }
        }
        for (kind, payload) in payloads {
            self.publish((instrument, kind), &payload, clock, out);
        }
    }

    /// Sends one stream message, or what a fault makes of it.
    pub(in crate::binance) fn publish(
        &mut self,
        stream: (usize, StreamKind),
        payload: &str,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        if !self.streams.wanted(stream) || clock.now_ns < self.market_muted_until_ns {
            return;
        }
        let depth = matches!(stream.1, StreamKind::Depth { .. });
        if depth && self.faults.strike(Chance::Depth, clock.now_ns) == Some(FaultKind::Gap) {
            return;
        }
        match self.faults.strike(Chance::Stream, clock.now_ns) {
            Some(FaultKind::UnknownMessage) => {
                let strange = json!({"e": "somethingNew", "E": self.core.now_ms, "x": [1, {}]});
                self.streams.publish(stream, &strange.to_string(), out);
            }
            Some(FaultKind::OutOfRange) => {
                self.streams.publish(stream, &out_of_range(payload), out);
            }
            Some(kind) => self.at_once(kind, out),
            None => {}
        }
        self.streams.publish(stream, payload, out);
    }

    pub(in crate::binance) fn publish_depth(
        &mut self,
        instrument: usize,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        for fast in [true, false] {
            let tape = &mut self.tapes[instrument];
            let window = if fast { &mut tape.fast } else { &mut tape.slow };
            if window.due_ns() > clock.now_ns {
                continue;
            }
            let listing = &self.core.exchange.listings[instrument];
            let payload = window.close(listing, clock.now_ns, self.core.now_ms);
            let stream = (instrument, StreamKind::Depth { fast });
            if let Some(payload) = payload
                && !self.is_recorded(stream)
            {
                self.publish(stream, &payload, clock, out);
            }
            for levels in [5, 10, 20] {
                let stream = (instrument, StreamKind::Partial { levels, fast });
                if self.streams.wanted(stream) {
                    let listing = &self.core.exchange.listings[instrument];
                    let payload = market::partial_depth(listing, levels);
                    self.publish(stream, &payload, clock, out);
                }
            }
        }
    }

    /// Sends private events, unless a fault holds them back.
    pub(in crate::binance) fn publish_private(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        let events = self.core.exchange.take_events();
        for event in &events {
            self.count_first_fill(event);
            if let (Some(changes), AccountEvent::Report { order, .. }) = (&mut self.changes, event)
            {
                changes.push(order.as_ref().clone());
            }
        }
        for event in self.delivery.due(events, &mut self.faults, clock.now_ns) {
            self.send_private(clock, &event, out);
        }
    }

    fn send_private(&mut self, clock: Clock, event: &AccountEvent, out: &mut Outbox<'_>) {
        let account = event.account();
        if self.core.protocol == Protocol::BinanceUsdm {
            self.send_to_listeners(clock, account, event, out);
            return;
        }
        let subscribers = self.sessions.subscribers(account);
        if subscribers.is_empty() {
            return;
        }
        let mut body = reports::private_event(&self.core.exchange, event, self.core.now_ms);
        self.distort(clock, event, &mut body);
        for (client, subscription) in subscribers {
            let text = json!({"subscriptionId": subscription, "event": body}).to_string();
            out.send(client, text);
        }
    }

    /// Puts a number into the event that no account or instrument can have, if it is time.
    pub(in crate::binance) fn distort(
        &mut self,
        clock: Clock,
        event: &AccountEvent,
        body: &mut Value,
    ) {
        let chance = match event {
            AccountEvent::Report { trade: Some(_), .. } => Chance::Fill,
            AccountEvent::Balances { .. } | AccountEvent::Holding { .. } => Chance::Balances,
            AccountEvent::Report { trade: None, .. }
            | AccountEvent::Funding { .. }
            | AccountEvent::Transfer { .. } => return,
        };
        let strange = |value: &Value| {
            let text = value.as_str().unwrap_or("0");
            json!(format!("{}1", text.strip_suffix('0').unwrap_or(text)))
        };
        let struck = self.faults.strike(chance, clock.now_ns);
        if self.core.protocol == Protocol::BinanceUsdm {
            match struck {
                Some(FaultKind::OffTick) => body["o"]["L"] = strange(&body["o"]["L"]),
                Some(FaultKind::OffLot) => body["o"]["l"] = strange(&body["o"]["l"]),
                Some(FaultKind::NegativeBalance) => body["a"]["B"][0]["wb"] = json!("-0.00000001"),
                _ => {}
            }
            return;
        }
        match struck {
            Some(FaultKind::OffTick) => body["L"] = strange(&body["L"]),
            Some(FaultKind::OffLot) => body["l"] = strange(&body["l"]),
            Some(FaultKind::NegativeBalance) => body["B"][0]["f"] = json!("-0.00000001"),
            _ => {}
        }
    }

    /// An order that fills for the first time no longer counts as unfilled.
    fn count_first_fill(&mut self, event: &AccountEvent) {
        if let AccountEvent::Report {
            execution: Execution::Trade,
            order,
            trade,
            ..
        } = event
            && trade
                .as_ref()
                .is_some_and(|trade| trade.qty == order.executed)
        {
            self.core
                .meter
                .order_filled(order.account, self.core.now_ms);
        }
    }
}

/// The payload with its update or trade id beyond 64 bits.
fn out_of_range(payload: &str) -> String {
    for key in ["\"u\":", "\"t\":", "\"lastUpdateId\":"] {
        if let Some(start) = payload.find(key) {
            let number = start + key.len();
            let rest = payload[number..].trim_start_matches(|digit: char| digit.is_ascii_digit());
            return format!("{}99999999999999999999999{rest}", &payload[..number]);
        }
    }
    payload.to_owned()
}
