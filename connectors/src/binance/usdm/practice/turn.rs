//! What a practice USD-M does by itself: countdowns, listen keys, mark prices, liquidations, and
//! private events on their own connections.

use serde_json::json;

use super::{reports, streams};
use crate::binance::practice::streams::StreamKind;
use crate::binance::practice::venue::BinancePractice;
use crate::practice::exchange::{AccountEvent, Execution};
use crate::practice::server::{Clock, Outbox};
use crate::protocol::Protocol;

impl BinancePractice {
    /// One turn of all that; nothing for spot.
    pub(in crate::binance) fn turn_usdm(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        if self.core.protocol != Protocol::BinanceUsdm {
            return;
        }
        let now_ms = self.core.now_ms;
        for (account, instrument) in self.core.usdm.take_due_countdowns(now_ms) {
            self.core.cancel_everything(account, instrument);
        }
        self.expire_keys(false, out);
        if clock.now_ns >= self.core.usdm.marks_due_ns {
            let every = streams::MARK_EVERY_NS;
            self.core.usdm.marks_due_ns = (clock.now_ns / every + 1) * every;
            for instrument in 0..self.tapes.len() {
                let stream = (instrument, StreamKind::MarkPrice);
                if self.streams.wanted(stream) {
                    let payload = streams::mark_price(&self.core, instrument);
                    self.publish(stream, &payload, clock, out);
                }
            }
        }
    }

    /// Ends listen keys that are over, or all: their connections are told, and hear no more.
    pub(in crate::binance) fn expire_keys(&mut self, all: bool, out: &mut Outbox<'_>) {
        let now_ms = self.core.now_ms;
        for (clients, key) in self.core.usdm.expire_keys(now_ms, all) {
            let text = json!({"e": "listenKeyExpired", "E": now_ms, "listenKey": key}).to_string();
            for client in clients {
                out.send(client, text.clone());
            }
        }
    }

    /// Sends an account's event to its private streams, and a liquidation to everybody.
    pub(in crate::binance) fn send_to_listeners(
        &mut self,
        clock: Clock,
        account: usize,
        event: &AccountEvent,
        out: &mut Outbox<'_>,
    ) {
        if let AccountEvent::Report {
            execution: Execution::Liquidated,
            order,
            ..
        } = event
        {
            let payload = streams::force_order(&self.core, order);
            let stream = (order.instrument, StreamKind::ForceOrder);
            self.publish(stream, &payload, clock, out);
        }
        let listeners = self.core.usdm.listeners(account);
        let Some(mut body) = reports::private_event(&self.core, event) else {
            return;
        };
        if listeners.is_empty() {
            return;
        }
        self.distort(clock, event, &mut body);
        let text = body.to_string();
        for client in listeners {
            out.send(client, text.clone());
        }
    }
}
