//! What varies in a sweep: settings from the command line, their combinations, and each one written
//! into the configuration's own TOML, so that it is checked like any other.

use std::collections::BTreeSet;
use std::str::FromStr;

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::ranges::{Range, Written, range};
use crate::output::Failure;

/// Most variants of one sweep.
const VARIANTS_MAX: usize = 100_000;

/// A key of the configuration and the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// Where: table keys, and names where tables stand several times, with dots between.
    pub(crate) path: String,
    /// What is written there; empty if it is drawn.
    pub(crate) values: Vec<String>,
    /// What it is drawn from.
    pub(super) range: Option<Range>,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}': write PATH=A,B,C, PATH=FROM..TO/STEP or, for --random, PATH=FROM..TO, \
                 such as strategy.maker.qty=1,2"
            )
        };
        let (path, values) = text.split_once('=').ok_or_else(wrong)?;
        let fine = path.split('.').all(|part| !part.is_empty());
        if !fine || values.is_empty() {
            return Err(wrong());
        }
        let (values, range) = match range(values, VARIANTS_MAX) {
            Some(Ok(Written::Drawn(range))) => (Vec::new(), Some(range)),
            Some(Ok(Written::Stepped(values))) => (values, None),
            Some(Err(why)) => return Err(format!("'{text}': {why}")),
            None => (values.split(',').map(str::to_owned).collect(), None),
        };
        if values.iter().any(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self {
            path: path.to_owned(),
            values,
            range,
        })
    }
}

/// One variant: a value for each path.
pub(crate) type Variant = Vec<(String, String)>;

/// All combinations, the last setting fastest; or `random` of them, in their own order. Where a
/// setting is a range without steps, `random` draws, each value by itself.
///
/// # Errors
///
/// [`Failure`]: there are too many, or too few, or it is not said how many to draw.
pub(crate) fn combinations(
    settings: &[Setting],
    random: Option<usize>,
    seed: u64,
) -> Result<Vec<Variant>, Failure> {
    if random.is_some_and(|wanted| !(1..=VARIANTS_MAX).contains(&wanted)) {
        return Err(Failure::Message(format!(
            "--random: write 1 to {VARIANTS_MAX}"
        )));
    }
    if let Some(drawn) = settings.iter().find(|setting| setting.range.is_some()) {
        let Some(wanted) = random else {
            return Err(Failure::Message(format!(
                "--set {}: a range without steps is drawn from: say how often with --random N, or \
                 write FROM..TO/STEP",
                drawn.path
            )));
        };
        return draws(settings, wanted, seed);
    }
    let counts = settings.iter().map(|setting| setting.values.len());
    let count = counts.fold(1_usize, usize::saturating_mul);
    if count > VARIANTS_MAX {
        return Err(Failure::Message(format!(
            "{count} combinations: at most {VARIANTS_MAX} are allowed; leave some values out"
        )));
    }
    let mut numbers: Vec<usize> = (0..count).collect();
    if let Some(wanted) = random.filter(|wanted| *wanted < count) {
        numbers.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
        numbers.truncate(wanted);
        numbers.sort_unstable();
    }
    Ok(numbers
        .into_iter()
        .map(|number| variant(settings, number))
        .collect())
}

/// Draws in a row that bring nothing new, before it is said that there is no more.
const IN_VAIN_MAX: usize = 10_000;

/// So many different variants, in the order in which they were drawn.
fn draws(settings: &[Setting], wanted: usize, seed: u64) -> Result<Vec<Variant>, Failure> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut seen = BTreeSet::new();
    let mut variants = Vec::new();
    let mut in_vain = 0;
    while variants.len() < wanted {
        let mut one = |setting: &Setting| {
            let value = match &setting.range {
                Some(range) => range.draw(&mut random),
                None => setting.values[random.random_range(0..setting.values.len())].clone(),
            };
            (setting.path.clone(), value)
        };
        let variant: Variant = settings.iter().map(&mut one).collect();
        if seen.insert(variant.clone()) {
            variants.push(variant);
            in_vain = 0;
            continue;
        }
        in_vain += 1;
        if in_vain == IN_VAIN_MAX {
            return Err(Failure::Message(format!(
                "--random {wanted}: there are about {} different variants; ask for fewer, or write \
                 the ranges' ends with more decimals, such as 0.00..1.00",
                variants.len()
            )));
        }
    }
    Ok(variants)
}

fn variant(settings: &[Setting], number: usize) -> Variant {
    let mut left = number;
    let mut values: Variant = Vec::new();
    for setting in settings.iter().rev() {
        let value = &setting.values[left % setting.values.len()];
        left /= setting.values.len();
        values.push((setting.path.clone(), value.clone()));
    }
    values.reverse();
    values
}

/// The configuration's text with the variant's values in it.
///
/// # Errors
///
/// [`Failure`]: the text is no TOML, or a path leads nowhere.
pub(crate) fn applied(text: &str, variant: &Variant) -> Result<String, Failure> {
    let mut root: Table = text.parse().map_err(Failure::because)?;
    for (path, value) in variant {
        set(&mut root, path, value)?;
    }
    toml::to_string(&root).map_err(Failure::because)
}

fn set(root: &mut Table, path: &str, value: &str) -> Result<(), Failure> {
    let nowhere = |part: &str, known: Vec<&str>| {
        Failure::Message(format!(
            "--set {path}: there is no \"{part}\"; there is: {}",
            known.join(", ")
        ))
    };
    let mut parts: Vec<&str> = path.split('.').collect();
    let Some(last) = parts.pop() else {
        return Ok(());
    };
    let mut table = root;
    let mut parts = parts.into_iter();
    while let Some(part) = parts.next() {
        let known: Vec<String> = table.keys().cloned().collect();
        let Some(next) = table.get_mut(part) else {
            return Err(nowhere(part, known.iter().map(String::as_str).collect()));
        };
        table = match next {
            Value::Table(next) => next,
            Value::Array(several) => {
                let name = parts.next().unwrap_or("");
                let names: Vec<String> = several.iter().map(name_of).collect();
                let place = names.iter().position(|known| known == name);
                let found = place.and_then(|place| several[place].as_table_mut());
                found.ok_or_else(|| nowhere(name, names.iter().map(String::as_str).collect()))?
            }
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => return Err(nowhere(part, Vec::new())),
        };
    }
    table.insert(last.to_owned(), written(value));
    Ok(())
}

/// What a table that stands several times is called: its name, or its symbol.
fn name_of(value: &Value) -> String {
    let key = |key: &str| value.get(key).and_then(Value::as_str);
    key("name").or(key("symbol")).unwrap_or("").to_owned()
}

/// A whole number or a truth as such; all else as a text, which the configuration takes for exact
/// decimals, too.
fn written(value: &str) -> Value {
    if let Ok(number) = value.parse::<i64>() {
        return Value::Integer(number);
    }
    match value {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        text => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> Setting {
        text.parse().unwrap()
    }

    #[test]
    fn settings_are_lists_or_ranges() {
        assert_eq!(setting("a.b=2,4,8").values, ["2", "4", "8"]);
        assert_eq!(setting("a=0.1..0.3/0.1").values, ["0.1", "0.2", "0.3"]);
        assert_eq!(setting("a.new=1ms,lognormal 2ms 0.5").values.len(), 2);
        for wrong in ["a", "a=", "=1", "a..b=1", "a=1,,2", "a=3..1/1", "a=1..3/0"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn combinations_are_all_of_them_or_a_draw_that_its_seed_repeats() {
        let settings = [setting("a=1,2"), setting("b=x,y,z")];
        let all = combinations(&settings, None, 1).unwrap();
        assert_eq!(all.len(), 6);
        assert_eq!(all[1], [("a".into(), "1".into()), ("b".into(), "y".into())]);
        let some = combinations(&settings, Some(3), 7).unwrap();
        assert_eq!(some, combinations(&settings, Some(3), 7).unwrap());
        assert_eq!(some.len(), 3);
        assert!(some.iter().all(|one| all.contains(one)));
        assert!(combinations(&settings, Some(0), 7).is_err());
        let many: Vec<Setting> = (0..6).map(|_| setting("a=1..10/1")).collect();
        assert!(combinations(&many, None, 1).is_err());
    }

    #[test]
    fn draws_are_different_and_those_of_their_seed() {
        let settings = [
            setting("a=0.000..1.0"),
            setting("b=x,y"),
            setting("c=log:1..900"),
        ];
        let error = combinations(&settings, None, 1).unwrap_err().to_string();
        assert!(
            error.contains("--set a: ") && error.contains("--random N"),
            "{error}"
        );
        let some = combinations(&settings, Some(200), 7).unwrap();
        assert_eq!(some, combinations(&settings, Some(200), 7).unwrap());
        assert_ne!(some, combinations(&settings, Some(200), 8).unwrap());
        // More draws begin with the same ones.
        assert_eq!(some[..50], combinations(&settings, Some(50), 7).unwrap());
        let different: BTreeSet<_> = some.iter().collect();
        assert_eq!(different.len(), 200);
        for value in ["x", "y"] {
            assert!(some.iter().any(|one| one[1].1 == value));
        }
        let few = [setting("a=1..4"), setting("b=x,y")];
        assert_eq!(combinations(&few, Some(8), 1).unwrap().len(), 8);
        let error = combinations(&few, Some(9), 1).unwrap_err().to_string();
        assert!(error.contains("about 8 different variants"), "{error}");
    }

    #[test]
    fn values_are_written_where_their_path_leads() {
        let text = "[backtest]\nqueue = \"log\"\n[[strategy]]\nname = \"maker\"\nspread = 1\n";
        let variant = vec![
            ("strategy.maker.spread".to_owned(), "4".to_owned()),
            ("strategy.maker.qty".to_owned(), "0.5".to_owned()),
            ("backtest.queue".to_owned(), "power 2".to_owned()),
        ];
        let table: Table = applied(text, &variant).unwrap().parse().unwrap();
        let maker = &table["strategy"][0];
        assert_eq!(maker["spread"].as_integer(), Some(4));
        assert_eq!(maker["qty"].as_str(), Some("0.5"));
        assert_eq!(table["backtest"]["queue"].as_str(), Some("power 2"));
        let lost = vec![("strategy.taker.spread".to_owned(), "4".to_owned())];
        let error = applied(text, &lost).unwrap_err().to_string();
        assert!(error.contains("no \"taker\"; there is: maker"), "{error}");
    }
}
