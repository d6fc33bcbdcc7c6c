//! The strategies that a program has, by the name that a configuration calls them by.
//!
//! Hot path: no. Allocates: yes, at configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::grid::Grid;
use super::market_maker::MarketMaker;
use super::moving_average::MovingAverage;
use super::running::{AnyStrategy, Running};
use super::{CANDLE_FEEDS_MAX, Parameter, Setup, SetupError, Strategy};
use crate::machine::config::{ConfigProblem, StrategyConfig};

/// Keys of `[[strategy]]` that are not a strategy's own.
const RESERVED: [&str; 7] = [
    "name", "kind", "account", "symbol", "symbols", "exits", "sizing",
];

type Make = fn(&Setup<'_>) -> Result<Box<dyn AnyStrategy>, SetupError>;

#[derive(Debug)]
struct Entry {
    version: u32,
    parameters: Vec<Parameter>,
    make: Make,
}

/// The strategies that a program has. A clone shares them.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<BTreeMap<&'static str, Arc<Entry>>>);

/// Why a strategy cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Another one has its name.
    #[error("two strategies are called \"{0}\"")]
    Twice(&'static str),
    /// The name is not made of lower-case letters, digits and dashes.
    #[error("\"{0}\" is no name of a strategy: use lower-case letters, digits and dashes")]
    Name(&'static str),
    /// A parameter's name is one of the engine's own keys, or stands twice.
    #[error("strategy \"{kind}\": its parameter \"{name}\" has a name that is taken")]
    Parameter {
        /// The strategy.
        kind: &'static str,
        /// The parameter.
        name: &'static str,
    },
}

impl Registry {
    /// The strategies that Caracal brings.
    #[must_use]
    pub fn standard() -> Self {
        let mut entries = BTreeMap::new();
        entries.insert(Grid::KIND, Arc::new(entry::<Grid>()));
        entries.insert(MarketMaker::KIND, Arc::new(entry::<MarketMaker>()));
        entries.insert(MovingAverage::KIND, Arc::new(entry::<MovingAverage>()));
        Self(Arc::new(entries))
    }

    /// The same and one more.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn with<S: Strategy>(self) -> Result<Self, RegistryError> {
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if S::KIND.is_empty() || !S::KIND.bytes().all(fine) {
            return Err(RegistryError::Name(S::KIND));
        }
        let new = entry::<S>();
        let mut taken = RESERVED.to_vec();
        for parameter in &new.parameters {
            if taken.contains(&parameter.name) {
                return Err(RegistryError::Parameter {
                    kind: S::KIND,
                    name: parameter.name,
                });
            }
            taken.push(parameter.name);
        }
        let mut entries = BTreeMap::clone(&self.0);
        match entries.insert(S::KIND, Arc::new(new)) {
            Some(_) => Err(RegistryError::Twice(S::KIND)),
            None => Ok(Self(Arc::new(entries))),
        }
    }

    /// The names of all, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// Names the strategies with their versions, for a snapshot to say what took it: `a 1, b 3`.
    #[must_use]
    pub fn versions(&self) -> String {
        let each = self.0.iter();
        let each = each.map(|(kind, entry)| format!("{kind} {}", entry.version));
        each.collect::<Vec<_>>().join(", ")
    }

    /// What one can be configured with. `None` if the program does not have it.
    #[must_use]
    pub fn parameters(&self, kind: &str) -> Option<&[Parameter]> {
        self.0.get(kind).map(|entry| entry.parameters.as_slice())
    }

    /// What is wrong with a strategy's configuration at `path`, for example `strategies[0]`.
    #[must_use]
    pub fn check(&self, path: &str, config: &StrategyConfig) -> Option<ConfigProblem> {
        self.make(path, config).err()
    }

    /// Makes a strategy in its first state.
    pub(super) fn make(
        &self,
        path: &str,
        config: &StrategyConfig,
    ) -> Result<Box<dyn AnyStrategy>, ConfigProblem> {
        let entry = self.0.get(config.kind.as_str()).ok_or_else(|| {
            let kinds: Vec<&str> = self.kinds().collect();
            let allowed = format!("a strategy that this program has: {}", kinds.join(", "));
            problem(path, "kind", &config.kind, &allowed)
        })?;
        for (name, value) in config.params.iter() {
            if !entry.parameters.iter().any(|known| known.name == name) {
                return Err(problem(path, name, value, "left out: it is no parameter"));
            }
        }
        for parameter in &entry.parameters {
            let value = config.params.get(parameter.name);
            if !value.is_some_and(|value| parameter.range.contains(&value)) {
                let value = value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
                let (least, most) = (parameter.range.start(), parameter.range.end());
                let allowed = format!("{least} to {most}");
                return Err(problem(path, parameter.name, value, &allowed));
            }
        }
        let setup = Setup {
            params: &config.params,
            instruments: &config.instruments,
        };
        let strategy = (entry.make)(&setup).map_err(|error| {
            let value = config.params.get(error.key);
            let value = value.map_or_else(|| "as it is".to_owned(), |value| value.to_string());
            problem(path, error.key, value, error.allowed)
        })?;
        let feeds = strategy.candles();
        let known = |feed: &super::CandleFeed| config.instruments.contains(&feed.instrument);
        let sound = feeds.iter().all(|feed| feed.is_sound() && known(feed));
        if feeds.len() > CANDLE_FEEDS_MAX || !sound {
            let allowed = "at most 16 feeds of its instruments, 100 ms or longer, 1 to 4096 kept";
            return Err(problem(path, "candles", feeds.len(), allowed));
        }
        Ok(strategy)
    }
}

fn problem(path: &str, key: &str, value: impl ToString, allowed: &str) -> ConfigProblem {
    ConfigProblem {
        path: format!("{path}.{key}"),
        value: value.to_string(),
        allowed: allowed.to_owned().into(),
    }
}

fn entry<S: Strategy>() -> Entry {
    Entry {
        version: S::VERSION,
        parameters: S::parameters(),
        make: |setup| Ok(Box::new(Running::new(S::new(setup)?))),
    }
}
