//! What goes out by itself: market channels and private pushes, with the faults that strike there.

use serde_json::{Value, json};

use super::frames::Subscription;
use super::market;
use super::text;
use super::venue::OkxPractice;
use crate::practice::exchange::{AccountEvent, Execution};
use crate::practice::faults::{Chance, FaultKind};
use crate::practice::liquidity::Liquidity;
use crate::practice::server::{ClientId, Clock, Outbox};
use crate::practice::{OrderStatus, VenueOrder};

/// Market events in one turn, so that clients are served in between.
const STEPS_PER_TURN: usize = 64;
/// A book without changes is confirmed after this.
const QUIET_NS: u64 = 60_000_000_000;

impl OkxPractice {
    /// Lets the synthetic market of an instrument catch up with the clock.
    pub(super) fn step(&mut self, instrument: usize, clock: Clock, out: &mut Outbox<'_>) {
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

    /// Sends trades and the top of the book.
    pub(super) fn publish_changes(
        &mut self,
        instrument: usize,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        self.core.forget_changes(instrument);
        let now_ms = self.core.now_ms;
        let listing = &mut self.core.exchange.listings[instrument];
        let tape = &mut self.tapes[instrument];
        let unpublished = std::mem::take(&mut listing.unpublished);
        let skip = listing.trades.len() - unpublished;
        let mut rows = Vec::new();
        for trade in listing.trades.iter().skip(skip) {
            tape.count(trade);
            rows.push(("trades", market::trade(listing, trade)));
        }
        let top = market::top(listing);
        if top != tape.top {
            tape.top = top;
            rows.extend(top.map(|top| ("bbo-tbt", market::best(listing, &top, now_ms))));
        }
        for (channel, row) in rows {
            self.publish(channel, Some(instrument), &row, clock, out);
            if channel == "trades" {
                self.publish("trades-all", Some(instrument), &row, clock, out);
            }
        }
    }

    /// Sends a row of a market channel, or what a fault makes of it.
    pub(super) fn publish(
        &mut self,
        channel: &str,
        instrument: Option<usize>,
        row: &str,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        if clock.now_ns < self.market_muted_until_ns || !self.frames.wanted(channel, instrument) {
            return;
        }
        let strange = self.strike_stream(row, clock, out);
        for (client, of) in self.frames.listeners(channel, instrument) {
            if let Some(strange) = &strange {
                out.send_market(client, push(of, strange));
            }
            out.send_market(client, push(of, row));
        }
    }

    /// The fault of a stream message: something to send beside the true one.
    fn strike_stream(&mut self, row: &str, clock: Clock, out: &mut Outbox<'_>) -> Option<String> {
        match self.faults.strike(Chance::Stream, clock.now_ns) {
            Some(FaultKind::UnknownMessage) => Some("{\"something\":[1,{}]}".to_owned()),
            Some(FaultKind::OutOfRange) => Some(out_of_range(row)),
            Some(kind) => {
                self.at_once(kind, clock, out);
                None
            }
            None => None,
        }
    }

    /// Sends the changes of a book to everybody, each by its own place in the chain.
    pub(super) fn publish_book(&mut self, instrument: usize, clock: Clock, out: &mut Outbox<'_>) {
        let now_ms = self.core.now_ms;
        let listing = &self.core.exchange.listings[instrument];
        let change = self.tapes[instrument].change(listing, now_ms);
        let sequence = self.tapes[instrument].sequence;
        let quiet = match (change, clock.now_ns >= self.quiet_due_ns[instrument]) {
            (Some(change), _) => change,
            // Nothing changed for a minute: the book is confirmed.
            (None, true) => {
                format!("\"asks\":[],\"bids\":[],\"ts\":\"{now_ms}\",\"checksum\":0")
            }
            (None, false) => return,
        };
        self.quiet_due_ns[instrument] = clock.now_ns.saturating_add(QUIET_NS);
        if !self.frames.wanted("books", Some(instrument)) {
            return;
        }
        // What is not sent is a hole in each listener's chain, whatever the reason.
        let muted = clock.now_ns < self.market_muted_until_ns;
        let (lost, strange) = if muted {
            (true, None)
        } else {
            let struck = self.faults.strike(Chance::Depth, clock.now_ns);
            let strange = self.strike_stream("{\"seqId\":1}", clock, out);
            (struck == Some(FaultKind::Gap), strange)
        };
        for (client, of) in self.frames.listeners("books", Some(instrument)) {
            let before = of.sequence;
            of.sequence = sequence;
            if lost {
                continue;
            }
            if let Some(strange) = &strange {
                out.send_market(client, push(of, strange));
            }
            let text = format!(
                "{{\"arg\":{},\"action\":\"update\",\"data\":[{{{quiet},\"prevSeqId\":{before},\
                 \"seqId\":{sequence}}}]}}",
                of.arg
            );
            out.send_market(client, text);
        }
    }

    /// What a new subscription begins with.
    pub(super) fn greet(
        &mut self,
        client: ClientId,
        new: Vec<Subscription>,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        for of in new {
            let account = self.frames.account(client);
            if let Some(text) = self.greeting(&of, account, clock) {
                out.send(client, text);
            }
        }
    }

    fn greeting(
        &mut self,
        of: &Subscription,
        account: Option<usize>,
        clock: Clock,
    ) -> Option<String> {
        let now_ms = self.core.now_ms;
        match (of.channel.as_str(), of.instrument, account) {
            ("books", Some(instrument), _) => {
                let listing = &self.core.exchange.listings[instrument];
                let book = market::whole_book(listing, now_ms);
                let sequence = listing.liquidity.update_id();
                for (_, known) in self.frames.listeners("books", Some(instrument)) {
                    if known.arg == of.arg && known.sequence == 0 {
                        known.sequence = sequence;
                    }
                }
                self.quiet_due_ns[instrument] = clock.now_ns.saturating_add(QUIET_NS);
                Some(format!(
                    "{{\"arg\":{},\"action\":\"snapshot\",\"data\":[{{{book},\"prevSeqId\":-1,\
                     \"seqId\":{sequence}}}]}}",
                    of.arg
                ))
            }
            ("mark-price", Some(at), _) => Some(push(of, &self.core.mark(at).to_string())),
            ("index-tickers", Some(at), _) => Some(push(of, &self.core.index(at).to_string())),
            ("funding-rate", Some(at), _) => Some(push(of, &self.core.funding(at).to_string())),
            ("open-interest", Some(at), _) => {
                Some(push(of, &self.core.open_interest(at).to_string()))
            }
            ("tickers", Some(at), _) => Some(push(of, &self.core.ticker(at).to_string())),
            ("account", _, Some(account)) => {
                let assets = self.core.assets(account);
                let rows = assets
                    .iter()
                    .map(|asset| self.core.balance_row(account, asset));
                let row = self.core.account_row(rows.collect());
                Some(first_page(of, account, &json!([row])))
            }
            ("positions", _, Some(account)) => {
                let held = self.core.held(account);
                let rows = held.iter().map(|at| self.core.position_row(account, *at));
                Some(first_page(of, account, &rows.collect()))
            }
            ("balance_and_position", _, Some(account)) => {
                let assets = self.core.assets(account);
                let row = self.quick_row(account, "snapshot", &assets, &self.core.held(account));
                let uid = (account + 1).to_string();
                let mut frame = json!({"arg": of.arg, "data": [row]});
                frame["arg"]["uid"] = json!(uid);
                Some(frame.to_string())
            }
            _ => None,
        }
    }

    /// Mark prices, indices, candles, tickers: once a second.
    pub(super) fn publish_slow(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        for at in 0..self.tapes.len() {
            let candle = std::mem::take(&mut self.tapes[at].candle_is_new);
            let spec = self.core.spec(at);
            let steps = (spec.tick, spec.lot);
            let latest = self.tapes[at].candles.back().filter(|_| candle);
            let row = latest.map(|candle| candle.row(steps, false).to_string());
            if let Some(row) = row {
                self.publish("candle1m", Some(at), &row, clock, out);
            }
            let row = self.core.ticker(at).to_string();
            self.publish("tickers", Some(at), &row, clock, out);
            let listing = &self.core.exchange.listings[at];
            let mut row = market::part_of_book(listing, 5, self.core.now_ms);
            row["instId"] = json!(self.core.spec(at).symbol);
            let row = row.to_string();
            self.publish("books5", Some(at), &row, clock, out);
            if self.core.perpetuals {
                let row = self.core.mark(at).to_string();
                self.publish("mark-price", Some(at), &row, clock, out);
                let row = self.core.index(at).to_string();
                self.publish("index-tickers", Some(at), &row, clock, out);
                let row = self.core.open_interest(at).to_string();
                self.publish("open-interest", Some(at), &row, clock, out);
                let row = self.core.funding(at).to_string();
                self.publish("funding-rate", Some(at), &row, clock, out);
            }
        }
    }

    /// Sends private events, unless a fault holds them back.
    pub(super) fn publish_private(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        self.core.settle();
        let events = std::mem::take(&mut self.core.events);
        for event in &events {
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
        match event {
            AccountEvent::Report {
                execution,
                order,
                trade,
                ..
            } => {
                let amended = matches!(execution, Execution::Replaced | Execution::Modified);
                let request = amended.then(|| self.core.amended.get(&order.id).cloned());
                let request = request.map(Option::unwrap_or_default);
                let trade = trade.as_deref();
                let mut row = self.core.order_push(order, trade, request.as_deref());
                if trade.is_some() {
                    self.distort(Chance::Fill, &mut row, clock);
                }
                self.tell(order.account, "orders", &json!([row]), out);
                if *execution == Execution::Liquidated {
                    self.publish_liquidation(order, clock, out);
                }
            }
            AccountEvent::Balances { account, assets } => {
                self.tell_balances(*account, assets, clock, out);
            }
            AccountEvent::Holding {
                account,
                asset,
                instrument,
                ..
            }
            | AccountEvent::Funding {
                account,
                asset,
                instrument,
                ..
            } => {
                self.tell_balances(*account, std::slice::from_ref(asset), clock, out);
                let row = self.core.position_row(*account, *instrument);
                self.tell(*account, "positions", &json!([row]), out);
                self.tell_quickly(event, out);
            }
            AccountEvent::Transfer { account, asset, .. } => {
                self.tell_balances(*account, std::slice::from_ref(asset), clock, out);
                self.tell_quickly(event, out);
            }
        }
    }

    fn tell_balances(
        &mut self,
        account: usize,
        assets: &[String],
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        let rows = assets
            .iter()
            .map(|asset| self.core.balance_row(account, asset));
        let mut row = self.core.account_row(rows.collect());
        self.distort(Chance::Balances, &mut row["details"][0], clock);
        self.tell(account, "account", &json!([row]), out);
    }

    /// `balance_and_position`: why, and what is there now.
    fn tell_quickly(&self, event: &AccountEvent, out: &mut Outbox<'_>) {
        let (why, asset, held) = match event {
            AccountEvent::Funding {
                asset, instrument, ..
            } => ("funding_fee", asset, vec![*instrument]),
            AccountEvent::Transfer { asset, .. } => ("transferred", asset, Vec::new()),
            AccountEvent::Holding {
                asset, instrument, ..
            } => ("filled", asset, vec![*instrument]),
            AccountEvent::Report { .. } | AccountEvent::Balances { .. } => return,
        };
        let account = event.account();
        let row = self.quick_row(account, why, std::slice::from_ref(asset), &held);
        self.tell(account, "balance_and_position", &json!([row]), out);
    }

    /// The row of `balance_and_position` with these assets and positions.
    fn quick_row(&self, account: usize, why: &str, assets: &[String], held: &[usize]) -> Value {
        const KEYS: [&str; 12] = [
            "posId",
            "tradeId",
            "instId",
            "instType",
            "mgnMode",
            "posSide",
            "pos",
            "ccy",
            "posCcy",
            "avgPx",
            "nonSettleAvgPx",
            "settledPnl",
        ];
        let now = self.core.now_ms.to_string();
        let balance = |asset: &String| {
            let cash = &self.core.balance_row(account, asset)["cashBal"];
            json!({"ccy": asset, "cashBal": cash, "uTime": now})
        };
        let whole: Vec<Value> = held
            .iter()
            .map(|at| self.core.position_row(account, *at))
            .collect();
        let position = |whole: &Value| {
            let mut row = json!({"uTime": whole["uTime"]});
            for key in KEYS {
                row[key] = whole[key].clone();
            }
            row
        };
        let trade = |whole: &Value| json!({"instId": whole["instId"], "tradeId": whole["tradeId"]});
        json!({
            "pTime": now, "eventType": why,
            "balData": assets.iter().map(balance).collect::<Vec<_>>(),
            "posData": whole.iter().map(position).collect::<Vec<_>>(),
            "trades": if why == "filled" { whole.iter().map(trade).collect() } else { Vec::new() },
        })
    }

    /// Sends rows of a private channel to an account's connections.
    fn tell(&self, account: usize, channel: &str, rows: &Value, out: &mut Outbox<'_>) {
        for (client, arg) in self.frames.of_account(account, channel) {
            let event = match channel {
                "account" | "positions" => json!({"eventType": "event_update"}),
                _ => json!({}),
            };
            let mut frame = json!({"arg": arg, "data": rows});
            if let (Value::Object(frame), Value::Object(event)) = (&mut frame, event) {
                frame.extend(event);
            }
            frame["arg"]["uid"] = json!((account + 1).to_string());
            out.send(client, frame.to_string());
        }
    }

    fn publish_liquidation(&mut self, order: &VenueOrder, clock: Clock, out: &mut Outbox<'_>) {
        if order.status != OrderStatus::Filled {
            return;
        }
        let spec = self.core.spec(order.instrument);
        let price = order
            .price
            .map_or(String::new(), |price| text::steps(spec.tick, price.0));
        let row = json!({
            "details": [{
                "bkLoss": "0", "bkPx": price, "ccy": "", "posSide": "net",
                "side": text::side(order.side), "sz": text::steps(spec.lot, order.qty.0),
                "ts": order.updated_ms.to_string(),
            }],
            "instFamily": format!("{}-{}", spec.base, spec.quote), "instId": spec.symbol,
            "instType": "SWAP", "uly": format!("{}-{}", spec.base, spec.quote),
        });
        self.publish("liquidation-orders", None, &row.to_string(), clock, out);
    }

    /// Puts a number into the row that no account or instrument can have, if it is time.
    fn distort(&mut self, chance: Chance, row: &mut Value, clock: Clock) {
        let strange = |value: &Value| {
            let text = value.as_str().unwrap_or("0");
            let point = if text.contains('.') { "" } else { "." };
            json!(format!("{text}{point}00000000001"))
        };
        match self.faults.strike(chance, clock.now_ns) {
            Some(FaultKind::OffTick) => row["fillPx"] = strange(&row["fillPx"]),
            Some(FaultKind::OffLot) => row["fillSz"] = strange(&row["fillSz"]),
            Some(FaultKind::NegativeBalance) => row["cashBal"] = json!("-0.00000001"),
            _ => {}
        }
    }
}

/// A message of a channel with one row.
fn push(of: &Subscription, row: &str) -> String {
    format!("{{\"arg\":{},\"data\":[{row}]}}", of.arg)
}

/// The first message of a private channel: everything that is there.
fn first_page(of: &Subscription, account: usize, rows: &Value) -> String {
    let mut frame = json!({
        "arg": of.arg, "eventType": "snapshot", "curPage": 1, "lastPage": true, "data": rows,
    });
    frame["arg"]["uid"] = json!((account + 1).to_string());
    frame.to_string()
}

/// The row with its sequence or trade id beyond 64 bits.
fn out_of_range(row: &str) -> String {
    for key in ["\"seqId\":", "\"tradeId\":\""] {
        if let Some(start) = row.find(key) {
            let number = start + key.len();
            let rest = row[number..].trim_start_matches(|digit: char| digit.is_ascii_digit());
            return format!("{}99999999999999999999999{rest}", &row[..number]);
        }
    }
    row.to_owned()
}
