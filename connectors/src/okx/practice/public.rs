//! Questions that anybody may ask.

use model::instrument::InstrumentSpec;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::core::Core;
use super::error::Error;
use super::instruments::{self, BAND};
use super::market::{self, Candle, Tape};
use super::reading::text;
use super::text::{number, steps};
use crate::practice::Side;

/// Most trades and candles of one answer.
const TRADES_MAX: usize = 500;
const CANDLES_MAX: usize = 300;
const MINUTE_MS: i64 = 60_000;

fn limit(query: &Value, usual: usize, most: usize) -> Result<usize, Error> {
    let Some(limit) = text(query, "limit") else {
        return Ok(usual);
    };
    let limit: usize = limit.parse().map_err(|_| Error::parameter("limit"))?;
    Ok(limit.clamp(1, most))
}

/// Milliseconds of a candle's length.
fn bar(query: &Value) -> Result<i64, Error> {
    Ok(match text(query, "bar").as_deref() {
        None | Some("1m") => MINUTE_MS,
        Some("3m") => 3 * MINUTE_MS,
        Some("5m") => 5 * MINUTE_MS,
        Some("15m") => 15 * MINUTE_MS,
        Some("30m") => 30 * MINUTE_MS,
        Some("1H") => 60 * MINUTE_MS,
        Some("4H") => 240 * MINUTE_MS,
        Some(_) => return Err(Error::parameter("bar")),
    })
}

impl Core {
    fn is_of(&self, query: &Value) -> Result<bool, Error> {
        match (text(query, "instType").as_deref(), self.perpetuals) {
            (Some("SPOT"), false) | (Some("SWAP"), true) => Ok(true),
            (Some("SPOT" | "SWAP" | "MARGIN" | "FUTURES" | "OPTION" | "EVENTS"), _) => Ok(false),
            _ => Err(Error::parameter("instType")),
        }
    }

    /// Instruments that a query names, by `instId` or `instFamily`.
    fn named_specs(&self, query: &Value) -> Result<Vec<usize>, Error> {
        if !self.is_of(query)? {
            return Ok(Vec::new());
        }
        let (symbol, family) = (text(query, "instId"), text(query, "instFamily"));
        let wanted = |spec: &InstrumentSpec| {
            let own = format!("{}-{}", spec.base, spec.quote);
            symbol.as_ref().is_none_or(|symbol| *symbol == spec.symbol)
                && family.as_ref().is_none_or(|family| *family == own)
        };
        let all = 0..self.exchange.listings.len();
        let found: Vec<usize> = all.filter(|at| wanted(self.spec(*at))).collect();
        match symbol {
            Some(symbol) if found.is_empty() => {
                let message = format!("Instrument ID, {symbol} does not exist.");
                Err(Error::new(51_001, message))
            }
            _ => Ok(found),
        }
    }

    /// `public/instruments`.
    pub(super) fn instruments(&self, query: &Value) -> Result<Vec<Value>, Error> {
        let found = self.named_specs(query)?;
        let row = |at: usize| instruments::row(self.spec(at));
        Ok(found.into_iter().map(row).collect())
    }

    /// `public/position-tiers`.
    pub(super) fn position_tiers(&self, query: &Value) -> Result<Vec<Value>, Error> {
        let found = self.named_specs(query)?;
        let tiers = |at: usize| {
            let mark = self.exchange.mark_price(at).unwrap_or(Decimal::ONE);
            instruments::position_tiers(self.spec(at), mark)
        };
        Ok(found.into_iter().flat_map(tiers).collect())
    }

    /// `market/books`.
    pub(super) fn books(&self, query: &Value) -> Result<Vec<Value>, Error> {
        let instrument = self.need(text(query, "instId").as_deref())?;
        let count = match text(query, "sz") {
            None => 1,
            Some(size) => size.parse().map_err(|_| Error::parameter("sz"))?,
        };
        let listing = &self.exchange.listings[instrument];
        let count = usize::clamp(count, 1, market::LEVELS);
        Ok(vec![market::part_of_book(listing, count, self.now_ms)])
    }

    /// A row of `market/ticker` and of the channel `tickers`.
    pub(super) fn ticker(&self, instrument: usize) -> Value {
        let listing = &self.exchange.listings[instrument];
        let spec = &listing.spec;
        let trades = listing.trades.iter();
        let prices = || listing.trades.iter().map(|trade| trade.price.0);
        let volume: i64 = trades.map(|trade| trade.qty.0).fold(0, i64::saturating_add);
        let price = |ticks: Option<i64>| ticks.map_or(String::new(), |one| steps(spec.tick, one));
        let best = |side| self.best(instrument, side);
        let size =
            |side| best(side).map_or(String::new(), |(_, qty)| steps(listing.shown_step(), qty));
        let last = listing.trades.back();
        json!({
            "instType": instruments::kind(spec), "instId": spec.symbol,
            "last": number(self.last_price(instrument)),
            "lastSz": last.map_or(String::new(), |one| steps(spec.lot, one.qty.0)),
            "askPx": price(best(Side::Sell).map(|(price, _)| price)), "askSz": size(Side::Sell),
            "bidPx": price(best(Side::Buy).map(|(price, _)| price)), "bidSz": size(Side::Buy),
            "open24h": price(prices().next()), "high24h": price(prices().max()),
            "low24h": price(prices().min()), "volCcy24h": steps(spec.lot, volume),
            "vol24h": steps(spec.lot, volume), "sodUtc0": price(prices().next()),
            "sodUtc8": price(prices().next()), "ts": self.now_ms.to_string(),
        })
    }

    /// `market/ticker` and `market/tickers`.
    pub(super) fn tickers(&self, query: &Value, one: bool) -> Result<Vec<Value>, Error> {
        if one {
            let instrument = self.need(text(query, "instId").as_deref())?;
            return Ok(vec![self.ticker(instrument)]);
        }
        let found = self.named_specs(query)?;
        Ok(found.into_iter().map(|at| self.ticker(at)).collect())
    }

    /// `market/trades`, the latest first.
    pub(super) fn trades(&self, query: &Value) -> Result<Vec<Value>, Error> {
        let instrument = self.need(text(query, "instId").as_deref())?;
        let listing = &self.exchange.listings[instrument];
        let latest = listing.trades.iter().rev();
        let rows = latest.take(limit(query, 100, TRADES_MAX)?);
        let row = |one| serde_json::from_str(&market::trade(listing, one)).unwrap_or_default();
        Ok(rows.map(row).collect())
    }

    /// `market/candles`, the latest first.
    pub(super) fn candles(&self, query: &Value, tapes: &[Tape]) -> Result<Vec<Value>, Error> {
        let instrument = self.need(text(query, "instId").as_deref())?;
        let span = bar(query)?;
        let mut joined: Vec<Candle> = Vec::new();
        for candle in &tapes[instrument].candles {
            let open_ms = candle.open_ms.div_euclid(span) * span;
            match joined.last_mut() {
                Some(last) if last.open_ms == open_ms => last.join(candle),
                Some(_) | None => joined.push(candle.from(open_ms)),
            }
        }
        let spec = self.spec(instrument);
        let latest = joined.iter().rev().take(limit(query, 100, CANDLES_MAX)?);
        let row = |one: &Candle| {
            let complete = one.open_ms + span <= self.now_ms;
            one.row((spec.tick, spec.lot), complete)
        };
        Ok(latest.map(row).collect())
    }

    /// A row of `public/mark-price` and of the channel `mark-price`.
    pub(super) fn mark(&self, instrument: usize) -> Value {
        let spec = self.spec(instrument);
        let mark = self.exchange.mark_price(instrument).unwrap_or_default();
        json!({
            "instId": spec.symbol, "instType": instruments::kind(spec),
            "markPx": number(self.to_tick(instrument, mark)), "ts": self.now_ms.to_string(),
        })
    }

    /// A price on the instrument's steps, rounded down.
    fn to_tick(&self, instrument: usize, price: Decimal) -> Decimal {
        let tick = self.spec(instrument).tick.decimal(1).unwrap_or_default();
        let ticks = price.checked_div(tick).unwrap_or_default().floor();
        ticks.checked_mul(tick).unwrap_or_default()
    }

    /// A row of the channel `index-tickers`: the index is the mark here.
    pub(super) fn index(&self, instrument: usize) -> Value {
        let spec = self.spec(instrument);
        let mark = self.exchange.mark_price(instrument).unwrap_or_default();
        let price = number(self.to_tick(instrument, mark));
        json!({
            "instId": format!("{}-{}", spec.base, spec.quote), "idxPx": price, "high24h": price,
            "low24h": price, "open24h": price, "sodUtc0": price, "sodUtc8": price,
            "ts": self.now_ms.to_string(),
        })
    }

    /// A row of `public/funding-rate` and of the channel `funding-rate`.
    pub(super) fn funding(&self, instrument: usize) -> Value {
        let perps = &self.exchange.perps;
        let every = perps.funding_every_ms();
        let next = (self.now_ms.div_euclid(every) + 1).saturating_mul(every);
        json!({
            "formulaType": "noRate", "fundingRate": number(perps.config.funding_rate),
            "fundingTime": next.to_string(), "impactValue": "20000",
            "instId": self.spec(instrument).symbol, "instType": "SWAP", "interestRate": "0",
            "maxFundingRate": "0.00375", "method": "current_period",
            "minFundingRate": "-0.00375", "nextFundingRate": "",
            "nextFundingTime": next.saturating_add(every).to_string(), "premium": "0",
            "settFundingRate": number(perps.config.funding_rate), "settState": "settled",
            "ts": self.now_ms.to_string(),
        })
    }

    /// A row of `public/open-interest` and of the channel `open-interest`: what the accounts hold.
    pub(super) fn open_interest(&self, instrument: usize) -> Value {
        let spec = self.spec(instrument);
        let held = self.exchange.perps.positions();
        let held = held.filter(|(_, at, _)| *at == instrument);
        let lots = held
            .map(|(.., one)| one.lots.abs())
            .fold(0, i64::saturating_add);
        json!({
            "instId": spec.symbol, "instType": "SWAP", "oi": steps(spec.lot, lots),
            "oiCcy": steps(spec.lot, lots), "oiUsd": "0", "ts": self.now_ms.to_string(),
        })
    }

    /// A list of one row for each wanted perpetual.
    pub(super) fn of_perps(
        &self,
        query: &Value,
        row: impl Fn(&Self, usize) -> Value,
    ) -> Result<Vec<Value>, Error> {
        let named = text(query, "instId");
        let wanted = match &named {
            Some(symbol) => vec![self.need(Some(symbol))?],
            None => self.named_specs(query)?,
        };
        let perps = wanted.into_iter().filter(|at| self.exchange.is_perp(*at));
        Ok(perps.map(|at| row(self, at)).collect())
    }

    /// `public/price-limit`.
    pub(super) fn price_limit(&self, query: &Value) -> Result<Vec<Value>, Error> {
        let instrument = self.need(text(query, "instId").as_deref())?;
        let reference = self.reference(instrument);
        let spec = self.spec(instrument);
        let at = |factor: Decimal| number(self.to_tick(instrument, reference * factor));
        Ok(vec![json!({
            "buyLmt": at(Decimal::ONE + BAND), "enabled": true, "instId": spec.symbol,
            "instType": instruments::kind(spec), "sellLmt": at(Decimal::ONE - BAND),
            "ts": self.now_ms.to_string(),
        })])
    }
}
