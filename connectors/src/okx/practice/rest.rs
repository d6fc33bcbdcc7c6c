//! The REST interface: paths, who may ask, envelopes.

use serde_json::{Map, Value, json};

use super::auth;
use super::core::Core;
use super::error::Error;
use super::faulty::{Outcome, told};
use super::limits::{ANY, Rule};
use super::orders::{Op, OrderCall};
use super::reading::text;
use super::venue::OkxPractice;
use crate::practice::faults::{Chance, FaultKind};
use crate::practice::server::{Answer, ClientId, Clock, Reply, Request};

/// What a path asks for.
#[derive(Debug, Clone, Copy)]
enum Path {
    Open(fn(&Core, &Value) -> Result<Vec<Value>, Error>, Rule),
    Candles,
    Signed(Signed, Rule),
    Orders(Op, bool),
}

/// Questions and settings of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    Pending,
    History,
    Order,
    Fills,
    FillsHistory,
    Balance,
    Positions,
    Config,
    Instruments,
    Bills,
    Fee,
    Currencies,
    Leverage,
    SetLeverage,
    SetMode,
    Countdown,
}

fn time(core: &Core, _: &Value) -> Result<Vec<Value>, Error> {
    Ok(vec![json!({"ts": core.now_ms.to_string()})])
}

fn path_of(method: &str, path: &str) -> Option<Path> {
    let path = path.strip_prefix("/api/v5/")?;
    Some(match (method, path) {
        ("GET", "public/time") => Path::Open(time, Rule::PublicSlow),
        ("GET", "public/instruments") => Path::Open(Core::instruments, Rule::PublicSlow),
        ("GET", "public/position-tiers") => Path::Open(Core::position_tiers, Rule::PublicSlow),
        ("GET", "public/mark-price") => Path::Open(
            |core, query| core.of_perps(query, Core::mark),
            Rule::PublicSlow,
        ),
        ("GET", "public/funding-rate") => Path::Open(
            |core, query| core.of_perps(query, Core::funding),
            Rule::PublicSlow,
        ),
        ("GET", "public/open-interest") => Path::Open(
            |core, query| core.of_perps(query, Core::open_interest),
            Rule::PublicSlow,
        ),
        ("GET", "public/price-limit") => Path::Open(Core::price_limit, Rule::PublicSlow),
        ("GET", "market/books") => Path::Open(Core::books, Rule::Public),
        ("GET", "market/ticker") => {
            Path::Open(|core, query| core.tickers(query, true), Rule::PublicSlow)
        }
        ("GET", "market/tickers") => {
            Path::Open(|core, query| core.tickers(query, false), Rule::PublicSlow)
        }
        ("GET", "market/trades") => Path::Open(Core::trades, Rule::Public),
        ("GET", "market/candles" | "market/history-candles") => Path::Candles,
        ("GET", "trade/orders-pending") => Path::Signed(Signed::Pending, Rule::Pending),
        ("GET", "trade/orders-history" | "trade/orders-history-archive") => {
            Path::Signed(Signed::History, Rule::History)
        }
        ("GET", "trade/order") => Path::Signed(Signed::Order, Rule::Order),
        ("GET", "trade/fills") => Path::Signed(Signed::Fills, Rule::Fills),
        ("GET", "trade/fills-history") => Path::Signed(Signed::FillsHistory, Rule::FillsHistory),
        ("GET", "account/balance") => Path::Signed(Signed::Balance, Rule::Money),
        ("GET", "account/positions") => Path::Signed(Signed::Positions, Rule::Money),
        ("GET", "account/config") => Path::Signed(Signed::Config, Rule::Setting),
        ("GET", "account/instruments") => Path::Signed(Signed::Instruments, Rule::Setting),
        ("GET", "account/bills") => Path::Signed(Signed::Bills, Rule::Money),
        ("GET", "account/trade-fee") => Path::Signed(Signed::Fee, Rule::Setting),
        ("GET", "asset/currencies") => Path::Signed(Signed::Currencies, Rule::Money),
        ("GET", "account/leverage-info") => Path::Signed(Signed::Leverage, Rule::Setting),
        ("POST", "account/set-leverage") => Path::Signed(Signed::SetLeverage, Rule::Setting),
        ("POST", "account/set-position-mode") => Path::Signed(Signed::SetMode, Rule::Setting),
        ("POST", "trade/cancel-all-after") => Path::Signed(Signed::Countdown, Rule::Switch),
        ("POST", "trade/order") => Path::Orders(Op::Place, false),
        ("POST", "trade/batch-orders") => Path::Orders(Op::Place, true),
        ("POST", "trade/cancel-order") => Path::Orders(Op::Cancel, false),
        ("POST", "trade/cancel-batch-orders") => Path::Orders(Op::Cancel, true),
        ("POST", "trade/amend-order") => Path::Orders(Op::Amend, false),
        ("POST", "trade/amend-batch-orders") => Path::Orders(Op::Amend, true),
        _ => return None,
    })
}

/// A query as an object of texts.
fn query_of(query: &str) -> Value {
    let mut object = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        object.insert(name.to_owned(), json!(unescaped(value)));
    }
    Value::Object(object)
}

/// A value without its percent escapes; what is no escape stays.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let escaped = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn reply(result: Result<Vec<Value>, Error>) -> Reply {
    match result {
        Ok(rows) => {
            let body = json!({"code": "0", "data": rows, "msg": ""});
            Reply::json(200, body.to_string())
        }
        Err(error) => Reply::json(error.status, error.envelope().to_string()),
    }
}

/// What stands before the venue when it is down.
fn html() -> Reply {
    Reply {
        status: 502,
        content_type: "text/html",
        headers: Vec::new(),
        body: "<html><head><title>502 Bad Gateway</title></head><body>502</body></html>".to_owned(),
    }
}

impl OkxPractice {
    /// Answers a REST request.
    pub(super) fn rest(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer {
        if self.faults.strike(Chance::Rest, clock.now_ns) == Some(FaultKind::Html) {
            return Answer::Now(html());
        }
        let Some(path) = path_of(&request.method, &request.path) else {
            let error = Error::with_status(404, 50_000, "Body or path is not known.");
            return Answer::Now(reply(Err(error)));
        };
        if self.faults.strike(Chance::Request, clock.now_ns) == Some(FaultKind::RateLimit) {
            return Answer::Now(reply(Err(Error::limited())));
        }
        let query = query_of(&request.query);
        match path {
            Path::Open(ask, rule) => {
                let counted = self
                    .core
                    .limits
                    .charge(self.core.now_ms, rule, (ANY, ANY), 1);
                let rows = counted.and_then(|()| ask(&self.core, &query));
                Answer::Now(reply(rows))
            }
            Path::Candles => Answer::Now(reply(self.core.candles(&query, &self.tapes))),
            Path::Signed(what, rule) => {
                self.order_clients.insert(client);
                let rows = self.signed(what, rule, request, &query);
                Answer::Now(reply(rows))
            }
            Path::Orders(op, several) => {
                self.order_clients.insert(client);
                self.orders(clock, request, (op, several))
            }
        }
    }

    fn signed(
        &mut self,
        what: Signed,
        rule: Rule,
        request: &Request,
        query: &Value,
    ) -> Result<Vec<Value>, Error> {
        let core = &mut self.core;
        let account = auth::account_of(&core.keys, request, core.now_ms)?;
        // Each question counts by itself, whatever its limit is.
        let which = what as usize;
        core.limits.charge(core.now_ms, rule, (account, which), 1)?;
        core.settle();
        let body = || {
            let parsed = serde_json::from_str::<Value>(&request.body);
            parsed.map_err(|_| Error::with_status(400, 50_002, "JSON syntax error"))
        };
        match what {
            Signed::Pending => core.list_orders(account, query, true),
            Signed::History => core.list_orders(account, query, false),
            Signed::Order => core.one_order(account, query),
            Signed::Fills => core.list_fills(account, query, true),
            Signed::FillsHistory => core.list_fills(account, query, false),
            Signed::Balance => Ok(core.balance(account, query)),
            Signed::Positions => core.positions(account, query),
            Signed::Config => Ok(core.config(account)),
            Signed::Instruments => core.instruments(query),
            Signed::Bills => core.list_bills(account, query),
            Signed::Fee => Ok(core.trade_fee()),
            Signed::Currencies => Ok(core.currencies()),
            Signed::Leverage => {
                let instrument = core.need(text(query, "instId").as_deref())?;
                Ok(vec![core.leverage(account, instrument)])
            }
            Signed::SetLeverage => core.set_leverage(account, &body()?),
            Signed::SetMode => match text(&body()?, "posMode").as_deref() {
                Some("net_mode") => Ok(vec![json!({"posMode": "net_mode"})]),
                // We hold one position an instrument.
                _ => Err(Error::new(59_000, "Setting failed: net mode only.")),
            },
            Signed::Countdown => core.countdown(account, &body()?),
        }
    }

    fn orders(&mut self, clock: Clock, request: &Request, (op, several): (Op, bool)) -> Answer {
        let read = self.order_request(request, op, several);
        let (account, call) = match read {
            Ok(read) => read,
            Err(error) => return Answer::Now(reply(Err(error))),
        };
        let done = self.perform(clock, account, &call);
        let said = |result| {
            let told = told(result);
            let body = json!({
                "code": told.code.to_string(), "data": told.rows, "msg": told.words,
                "inTime": (self.core.now_ms * 1_000).to_string(),
                "outTime": (self.core.now_ms * 1_000).to_string(),
            });
            Reply::json(told.status, body.to_string())
        };
        match done {
            Outcome::Now(result) => Answer::Now(said(result)),
            Outcome::Later(wait, result) => Answer::Later(wait, said(result)),
            Outcome::Never => Answer::Never,
        }
    }

    fn order_request(
        &self,
        request: &Request,
        op: Op,
        several: bool,
    ) -> Result<(usize, OrderCall), Error> {
        let account = auth::account_of(&self.core.keys, request, self.core.now_ms)?;
        let body: Value = serde_json::from_str(&request.body)
            .map_err(|_| Error::with_status(400, 50_002, "JSON syntax error"))?;
        let args = match (body, several) {
            (Value::Array(args), true) => args,
            (body @ Value::Object(_), false) => vec![body],
            _ => return Err(Error::with_status(400, 50_002, "JSON syntax error")),
        };
        let expires_ms = request.header("exptime").map(str::parse);
        let expires_ms = expires_ms
            .transpose()
            .map_err(|_| Error::parameter("expTime"))?;
        let call = OrderCall {
            op,
            args,
            by_code: false,
            expires_ms,
        };
        Ok((account, call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_is_an_object_without_escapes() {
        let query = query_of("instId=BTC-USDT&ccy=BTC%2CETH&empty=&odd=%zz");
        assert_eq!(text(&query, "instId").as_deref(), Some("BTC-USDT"));
        assert_eq!(text(&query, "ccy").as_deref(), Some("BTC,ETH"));
        assert_eq!(text(&query, "empty"), None);
        assert_eq!(text(&query, "odd").as_deref(), Some("%zz"));
    }
}
