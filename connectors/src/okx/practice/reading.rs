//! Parameters of a request about orders, checked against the venue's rules.

use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use serde_json::Value;

use super::core::Core;
use super::error::Error;
use super::instruments::BAND;
use crate::practice::exchange::Request;
use crate::practice::{MarginMode, OrderKind, SelfTrade, Side, TimeInForce};

/// Longest client id.
const CLIENT_ID_MAX: usize = 32;

/// A text of an argument; empty ones are none. Numbers and booleans are taken as their text.
pub(super) fn text(arg: &Value, name: &str) -> Option<String> {
    match arg.get(name)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number above zero.
pub(super) fn amount(arg: &Value, name: &str) -> Result<Option<Decimal>, Error> {
    let Some(text) = text(arg, name) else {
        return Ok(None);
    };
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value = Decimal::from_str_exact(&text).ok();
    let value = value.filter(|value| plain && *value > Decimal::ZERO);
    value.map(Some).ok_or_else(|| Error::parameter(name))
}

/// A client id: letters and digits.
pub(super) fn client_id(arg: &Value, name: &str) -> Result<Option<String>, Error> {
    let Some(id) = text(arg, name) else {
        return Ok(None);
    };
    let legal = id.bytes().all(|byte| byte.is_ascii_alphanumeric()) && id.len() <= CLIENT_ID_MAX;
    if legal {
        Ok(Some(id))
    } else {
        Err(Error::parameter(name))
    }
}

/// Type and time in force, which are one word here.
fn kind(arg: &Value) -> Result<(OrderKind, TimeInForce), Error> {
    match text(arg, "ordType").as_deref() {
        Some("limit") => Ok((OrderKind::Limit, TimeInForce::Gtc)),
        Some("post_only") => Ok((OrderKind::PostOnly, TimeInForce::Gtc)),
        Some("ioc") => Ok((OrderKind::Limit, TimeInForce::Ioc)),
        Some("fok") => Ok((OrderKind::Limit, TimeInForce::Fok)),
        Some("market" | "optimal_limit_ioc") => Ok((OrderKind::Market, TimeInForce::Ioc)),
        _ => Err(Error::parameter("ordType")),
    }
}

fn side(arg: &Value) -> Result<Side, Error> {
    match text(arg, "side").as_deref() {
        Some("buy") => Ok(Side::Buy),
        Some("sell") => Ok(Side::Sell),
        _ => Err(Error::parameter("side")),
    }
}

fn self_trade(arg: &Value) -> Result<SelfTrade, Error> {
    match text(arg, "stpMode").as_deref() {
        None | Some("cancel_maker") => Ok(SelfTrade::ExpireMaker),
        Some("cancel_taker") => Ok(SelfTrade::ExpireTaker),
        Some("cancel_both") => Ok(SelfTrade::ExpireBoth),
        Some(_) => Err(Error::parameter("stpMode")),
    }
}

impl Core {
    /// The instrument that an argument names: by its number over WebSocket, by its name over REST.
    pub(super) fn instrument(&self, arg: &Value, by_code: bool) -> Result<usize, Error> {
        if by_code {
            let code = text(arg, "instIdCode").and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| Error::parameter("instIdCode"))?;
            let message = "Instrument ID does not exist.";
            return self
                .find_code(code)
                .ok_or_else(|| Error::new(51_001, message));
        }
        self.need(text(arg, "instId").as_deref())
    }

    /// Reads an order and checks every rule that needs no money. What stands behind it is set.
    pub(super) fn read_order(
        &mut self,
        account: usize,
        arg: &Value,
        by_code: bool,
    ) -> Result<Request, Error> {
        let instrument = self.instrument(arg, by_code)?;
        let (kind, time_in_force) = kind(arg)?;
        let side = side(arg)?;
        let self_trade = self_trade(arg)?;
        if time_in_force == TimeInForce::Fok && self_trade == SelfTrade::ExpireBoth {
            return Err(Error::parameter("stpMode"));
        }
        let name = client_id(arg, "clOrdId")?;
        self.margin_mode(account, instrument, arg)?;
        if !matches!(text(arg, "posSide").as_deref(), None | Some("net")) {
            return Err(Error::parameter("posSide"));
        }
        if !self.spec(instrument).trading {
            let message = "This instrument is suspended or not open for trading.";
            return Err(Error::new(51_028, message));
        }
        let price = match kind {
            OrderKind::Market => None,
            OrderKind::Limit | OrderKind::PostOnly => Some(self.price(arg, "px", instrument)?),
        };
        let reduce_only = self.perpetuals && text(arg, "reduceOnly").as_deref() == Some("true");
        let mut request = Request {
            account,
            instrument,
            client_id: name.unwrap_or_default(),
            side,
            kind,
            time_in_force,
            self_trade,
            price,
            qty: Lots::ZERO,
            quote_qty: None,
            reduce_only,
        };
        self.size(arg, &mut request)?;
        if let Some(price) = price {
            self.check_band(instrument, side, price)?;
        }
        self.check_open(account, instrument)?;
        Ok(request)
    }

    /// `tdMode`: cash for spot; of a perpetual the margin mode, which cannot change beside open
    /// orders or a position.
    fn margin_mode(&mut self, account: usize, instrument: usize, arg: &Value) -> Result<(), Error> {
        let mode = match (text(arg, "tdMode").as_deref(), self.perpetuals) {
            (Some("cash"), false) => return Ok(()),
            (Some("cross"), true) => MarginMode::Cross,
            (Some("isolated"), true) => MarginMode::Isolated,
            _ => return Err(Error::parameter("tdMode")),
        };
        let (_, before) = self.exchange.perps.setting(account, instrument);
        if before != mode && !self.exchange.set_margin_mode(account, instrument, mode) {
            let message = "Setting failed. Cancel any open orders, close positions, and stop \
                trading bots first.";
            return Err(Error::new(59_000, message));
        }
        Ok(())
    }

    /// A price on the instrument's steps.
    pub(super) fn price(&self, arg: &Value, name: &str, instrument: usize) -> Result<Ticks, Error> {
        let price = amount(arg, name)?.ok_or_else(|| Error::parameter(name))?;
        let ticks = self.spec(instrument).tick.steps(price);
        ticks.map(Ticks).map_err(|_| Error::parameter(name))
    }

    /// A quantity on the instrument's steps and within its bounds.
    pub(super) fn lots(&self, value: Decimal, instrument: usize) -> Result<Lots, Error> {
        let spec = self.spec(instrument);
        let lots = spec.lot.steps(value).map(Lots).map_err(|_| {
            let message = "Order quantity must be a multiple of the lot size.";
            Error::new(51_121, message)
        })?;
        if lots < spec.qty_min {
            let message = "Your order should meet or exceed the minimum order amount.";
            return Err(Error::new(51_020, message));
        }
        if lots > spec.qty_max {
            let message = "The order quantity exceeds the maximum.";
            return Err(Error::new(51_203, message));
        }
        Ok(lots)
    }

    /// `sz`: in the base asset, in contracts, or of a market order of spot in money.
    fn size(&self, arg: &Value, request: &mut Request) -> Result<(), Error> {
        let value = amount(arg, "sz")?.ok_or_else(|| Error::parameter("sz"))?;
        let of_spot_market = !self.perpetuals && request.kind == OrderKind::Market;
        let in_quote = of_spot_market
            && match text(arg, "tgtCcy").as_deref() {
                None => request.side == Side::Buy,
                Some("quote_ccy") => true,
                Some("base_ccy") => false,
                Some(_) => return Err(Error::parameter("tgtCcy")),
            };
        if in_quote {
            request.qty = self.exchange.lots_for_value(request, value);
            request.quote_qty = Some(value);
            if request.qty < self.spec(request.instrument).qty_min {
                let message = "Your order should meet or exceed the minimum order amount.";
                return Err(Error::new(51_020, message));
            }
            return Ok(());
        }
        request.qty = self.lots(value, request.instrument)?;
        Ok(())
    }

    /// A buy not far above the reference, a sell not far below.
    pub(super) fn check_band(
        &self,
        instrument: usize,
        side: Side,
        price: Ticks,
    ) -> Result<(), Error> {
        let price = self.spec(instrument).price(price).unwrap_or_default();
        let reference = self.reference(instrument);
        if reference.is_zero() {
            return Ok(());
        }
        match side {
            Side::Buy if price > reference * (Decimal::ONE + BAND) => {
                let message = "The highest price limit for buy orders is exceeded.";
                Err(Error::new(51_137, message))
            }
            Side::Sell if price < reference * (Decimal::ONE - BAND) => {
                let message = "The lowest price limit for sell orders is exceeded.";
                Err(Error::new(51_138, message))
            }
            Side::Buy | Side::Sell => Ok(()),
        }
    }

    fn check_open(&self, account: usize, instrument: usize) -> Result<(), Error> {
        let mine = |order: &&crate::practice::VenueOrder| {
            order.account == account && order.instrument == instrument
        };
        if self.exchange.ledger.open().filter(mine).count() >= self.orders_max {
            let message = "The number of your open orders in this instrument is at its limit.";
            return Err(Error::new(51_025, message));
        }
        Ok(())
    }
}
