//! From the units that people use to the machine's: the last step, once the venue has defined its
//! instruments.

use std::time::Duration;

use engine::machine::{
    AccountConfig, ControlConfig, InstrumentLimits, LevelConfig, MachineConfig, OrderLimits,
    Protection, RiskLimits, StrategyConfig,
};
use engine::strategy::{Params, Registry, Unit};
use model::ids::{AccountId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::Lots;
use rust_decimal::Decimal;

use super::account_section::AccountDraft;
use super::control_section::{ControlDraft, LimitDraft};
use super::risk_section::{OrderDraft, RiskDraft};
use super::strategy_section::{ParamDraft, StrategyDraft, Written};
use crate::control::words::{self, Names};

/// What the machine will be made of.
#[derive(Debug, Clone)]
pub(crate) struct MachineDraft {
    /// The accounts, in the order of their ids.
    pub(crate) accounts: Vec<AccountDraft>,
    /// The strategies, in the order of their ids.
    pub(crate) strategies: Vec<StrategyDraft>,
    /// The limits.
    pub(crate) risk: RiskDraft,
    /// Width of the dense part of a book's side, ticks.
    pub(crate) book_window_ticks: u32,
    /// Persons and the levels behind the order.
    pub(crate) control: ControlDraft,
    /// Names of the venues, in the order of their ids.
    pub(crate) venue_names: Vec<String>,
    /// Asset in which equity and profit are summed.
    pub(crate) reporting: String,
    /// The program's strategies.
    pub(crate) registry: Registry,
}

/// Converts quantities and remembers each one that is not a whole number of lots.
struct Converter<'a> {
    instruments: &'a [InstrumentSpec],
    problems: Vec<String>,
}

impl MachineDraft {
    /// The machine's configuration, with quantities in lots.
    ///
    /// # Errors
    ///
    /// One line for each value that the instruments do not allow.
    pub(crate) fn build(
        &self,
        instruments: &[InstrumentSpec],
    ) -> Result<MachineConfig, Vec<String>> {
        let mut converter = Converter {
            instruments,
            problems: Vec::new(),
        };
        let config = self.convert(&mut converter);
        match config {
            Some(config) if converter.problems.is_empty() => {
                let mut problems = config.check();
                for (index, strategy) in config.strategies.iter().enumerate() {
                    let path = format!("strategies[{index}]");
                    problems.extend(self.registry.check(&path, strategy));
                }
                if problems.is_empty() {
                    return Ok(config);
                }
                Err(problems.iter().map(ToString::to_string).collect())
            }
            _ => Err(converter.problems),
        }
    }

    fn convert(&self, converter: &mut Converter<'_>) -> Option<MachineConfig> {
        let strategies: Vec<Option<StrategyConfig>> = self
            .strategies
            .iter()
            .map(|strategy| converter.strategy(strategy))
            .collect();
        let limits = converter.limits(&self.risk);
        let accounts = self.accounts.iter().map(|account| {
            let venue = VenueId(u8::try_from(account.venue).ok()?);
            Some(AccountConfig {
                venue,
                name: account.name.clone(),
            })
        });
        Some(MachineConfig {
            strategies: strategies.into_iter().collect::<Option<_>>()?,
            limits: limits?,
            accounts: accounts.collect::<Option<_>>()?,
            protection: converter.protection(self)?,
            reporting: self.reporting.clone(),
            book_window_ticks: self.book_window_ticks,
            control: converter.control(self)?,
        })
    }
}

impl<'a> Converter<'a> {
    /// The instrument of a name, or of a symbol that only one venue has.
    fn instrument(&mut self, symbol: &str) -> Option<&'a InstrumentSpec> {
        let aliases = words::instrument_aliases(self.instruments.iter());
        let id = aliases.iter().find(|(_, name)| name == symbol);
        let named = |one: &&InstrumentSpec| id.is_some_and(|(id, _)| one.id == *id);
        let found = self.instruments.iter().find(named);
        let found = found.or_else(|| self.instruments.iter().find(|one| one.symbol == symbol));
        if found.is_none() {
            self.problems
                .push(format!("symbol \"{symbol}\": the venue does not list it"));
        }
        found
    }

    fn lots(&mut self, path: &str, value: Decimal, instrument: &InstrumentSpec) -> Option<Lots> {
        match instrument.lot.steps(value) {
            Ok(steps) => Some(Lots(steps)),
            Err(_) => {
                let (symbol, lot) = (&instrument.symbol, instrument.lot);
                self.problems.push(format!(
                    "{path}: {value} is no whole number of {symbol}'s lots of {lot}"
                ));
                None
            }
        }
    }

    fn strategy(&mut self, draft: &StrategyDraft) -> Option<StrategyConfig> {
        let instruments: Vec<Option<&InstrumentSpec>> = draft
            .symbols
            .iter()
            .map(|symbol| self.instrument(symbol))
            .collect();
        let instruments: Vec<&InstrumentSpec> = instruments.into_iter().collect::<Option<_>>()?;
        let values: Vec<Option<i64>> = draft
            .params
            .iter()
            .map(|param| {
                let path = format!("strategy \"{}\".{}", draft.name, param.parameter.name);
                self.param(&path, param, &instruments)
            })
            .collect();
        let values: Vec<i64> = values.into_iter().collect::<Option<_>>()?;
        let named = draft.params.iter().zip(values);
        let params = named.fold(Params::new(), |params, (param, value)| {
            params.with(param.parameter.name, value)
        });
        Some(StrategyConfig {
            name: draft.name.clone(),
            account: AccountId(u16::try_from(draft.account).ok()?),
            instruments: instruments.iter().map(|one| one.id).collect(),
            kind: draft.kind.clone(),
            params,
        })
    }

    /// A parameter in its own integers.
    fn param(
        &mut self,
        path: &str,
        draft: &ParamDraft,
        instruments: &[&InstrumentSpec],
    ) -> Option<i64> {
        let value = match draft.written {
            Written::Integer(value) => return Some(value),
            Written::Decimal(value) => value,
        };
        let (Unit::Lots { of } | Unit::Price { of }) = draft.parameter.unit else {
            return None;
        };
        let Some(instrument) = instruments.get(of) else {
            let what = format!("{path}: needs a symbol number {} in `symbols`", of + 1);
            self.problems.push(what);
            return None;
        };
        if matches!(draft.parameter.unit, Unit::Lots { .. }) {
            return self.lots(path, value, instrument).map(|lots| lots.0);
        }
        let steps = instrument.tick.steps(value).ok();
        if steps.is_none() {
            let (symbol, tick) = (&instrument.symbol, instrument.tick);
            let what = format!("{path}: {value} is no whole number of {symbol}'s ticks of {tick}");
            self.problems.push(what);
        }
        steps
    }

    fn protection(&mut self, draft: &MachineDraft) -> Option<Protection> {
        let mut strategies = Vec::new();
        for strategy in &draft.strategies {
            let instrument = self.instrument(strategy.symbols.first()?)?;
            let mut rules = strategy.protection.rules;
            if let Some(exits) = &mut rules.exits {
                let path = format!("strategy \"{}\".exits.clip", strategy.name);
                exits.clip = self.lots(&path, strategy.protection.clip, instrument)?;
            }
            strategies.push(rules);
        }
        Some(Protection {
            held: draft.risk.held,
            strategies,
        })
    }

    fn control(&mut self, draft: &MachineDraft) -> Option<ControlConfig> {
        let names = Names {
            venues: draft.venue_names.clone(),
            accounts: draft.accounts.iter().map(|one| one.name.clone()).collect(),
            strategies: draft
                .strategies
                .iter()
                .map(|one| one.name.clone())
                .collect(),
            instruments: words::instrument_names(self.instruments.iter()),
            aliases: words::instrument_aliases(self.instruments.iter()),
        };
        let mut config = draft.control.config.clone();
        for limit in &draft.control.limits {
            match level(&names, limit) {
                Ok(level) => config.levels.push(level),
                Err(problem) => self.problems.push(format!("limit: {problem}")),
            }
        }
        Some(config)
    }

    fn limits(&mut self, draft: &RiskDraft) -> Option<RiskLimits> {
        let mut instruments = Vec::new();
        for (symbol, orders) in &draft.instruments {
            let instrument = self.instrument(symbol)?;
            let orders = self.orders(symbol, orders, instrument)?;
            instruments.push(InstrumentLimits {
                instrument: instrument.id,
                orders,
            });
        }
        Some(RiskLimits {
            orders: nothing_trades(),
            instruments,
            open_orders_max: draft.open_orders_max,
            messages_per_second: draft.messages_per_second,
            messages_burst: draft.messages_burst,
            messages_reserved: draft.messages_reserved,
            book_age_max_ns: nanos(draft.book_age_max),
            ack_timeout_ns: nanos(draft.ack_timeout),
            recv_window_ns: nanos(draft.recv_window),
            query_pause_min_ns: nanos(draft.query_pause_min),
            query_pause_max_ns: nanos(draft.query_pause_max),
            query_attempts_max: draft.query_attempts_max,
            flow: draft.flow,
        })
    }

    fn orders(
        &mut self,
        symbol: &str,
        draft: &OrderDraft,
        instrument: &InstrumentSpec,
    ) -> Option<OrderLimits> {
        let path = |key: &str| format!("risk.instrument \"{symbol}\".{key}");
        let qty_max = self.lots(&path("qty_max"), draft.qty_max, instrument);
        let position_max = self.lots(&path("position_max"), draft.position_max, instrument);
        Some(OrderLimits {
            qty_max: qty_max?,
            value_max: draft.value_max,
            collar_bps: draft.collar_bps,
            position_max: position_max?,
            open_orders_max: draft.open_orders_max,
        })
    }
}

fn level(names: &Names, limit: &LimitDraft) -> Result<LevelConfig, String> {
    let control = words::control(&limit.control)?;
    let soft = limit.soft.as_ref().map(|text| words::value(control, text));
    Ok(LevelConfig {
        control,
        scope: names.scope(&limit.scope)?,
        soft: soft.transpose()?,
        hard: words::value(control, &limit.hard)?,
    })
}

/// Limits of an instrument that the configuration does not name: one lot, a position of none.
const fn nothing_trades() -> OrderLimits {
    OrderLimits {
        qty_max: Lots(1),
        value_max: Decimal::ONE,
        collar_bps: 1,
        position_max: Lots::ZERO,
        open_orders_max: 1,
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
