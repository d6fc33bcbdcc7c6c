//! Ranges that values are drawn from, or stepped through.

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive as _, ToPrimitive as _};
use serde::{Deserialize, Serialize};

/// A range without steps. What is drawn has as many decimals as its ends are written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    from: Decimal,
    to: Decimal,
    /// Even in the logarithm: as many below the geometric middle as above it.
    log: bool,
}

/// What stands behind a path's `=`, if it is a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// `FROM..TO` or `log:FROM..TO`.
    Drawn(Range),
    /// `FROM..TO/STEP`, both ends in.
    Stepped(Vec<String>),
}

/// `None` if it is no range; an error says what is wrong with it.
pub(super) fn range(text: &str, most: usize) -> Option<Result<Written, String>> {
    let (log, rest) = match text.strip_prefix("log:") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let Some((from, rest)) = rest.split_once("..") else {
        return log.then(|| Err("write log:FROM..TO".to_owned()));
    };
    let (to, step) = match rest.split_once('/') {
        Some((to, step)) => (to, Some(step)),
        None => (rest, None),
    };
    Some(parse((from, to), step, log, most))
}

fn parse(
    ends: (&str, &str),
    step: Option<&str>,
    log: bool,
    most: usize,
) -> Result<Written, String> {
    let number = |text: &str| {
        text.parse::<Decimal>()
            .map_err(|_| format!("'{text}' is no number"))
    };
    let (mut from, mut to) = (number(ends.0)?, number(ends.1)?);
    if let Some(step) = step {
        if log {
            return Err("log: takes no step".to_owned());
        }
        return stepped(from, to, number(step)?, most).map(Written::Stepped);
    }
    if from >= to {
        return Err("FROM must be below TO".to_owned());
    }
    if log && from <= Decimal::ZERO {
        return Err("log: needs FROM above 0".to_owned());
    }
    let decimals = from.scale().max(to.scale());
    from.rescale(decimals);
    to.rescale(decimals);
    if from.scale() != to.scale() {
        return Err("FROM and TO have too many digits".to_owned());
    }
    Ok(Written::Drawn(Range { from, to, log }))
}

fn stepped(from: Decimal, to: Decimal, step: Decimal, most: usize) -> Result<Vec<String>, String> {
    if step <= Decimal::ZERO || from > to {
        return Err("the step must be above 0, and FROM at most TO".to_owned());
    }
    let mut at = Some(from);
    let mut values = Vec::new();
    while let Some(value) = at.filter(|at| *at <= to) {
        if values.len() == most {
            return Err(format!("more than {most} values"));
        }
        values.push(value.normalize().to_string());
        at = value.checked_add(step);
    }
    Ok(values)
}

impl Range {
    /// A value of it, either end in.
    pub(super) fn draw(&self, random: &mut Pcg64Mcg) -> String {
        let (from, to) = (self.from.mantissa(), self.to.mantissa());
        let evenly = |random: &mut Pcg64Mcg| {
            let mantissa = random.random_range(from..=to);
            Decimal::from_i128_with_scale(mantissa, self.from.scale())
        };
        let value = match (self.log, self.from.to_f64(), self.to.to_f64()) {
            (true, Some(low), Some(high)) => {
                let power = random.random_range(low.ln()..=high.ln());
                let drawn = Decimal::from_f64(power.exp()).unwrap_or(self.from);
                let rounded = drawn.round_dp(self.from.scale());
                rounded.clamp(self.from, self.to)
            }
            _ => evenly(random),
        };
        value.normalize().to_string()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn drawn(text: &str) -> Range {
        match range(text, 10).unwrap().unwrap() {
            Written::Drawn(range) => range,
            Written::Stepped(values) => panic!("{values:?}"),
        }
    }

    fn all(text: &str, seed: u64) -> Vec<f64> {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let range = drawn(text);
        let draws = (0..4_000).map(|_| range.draw(&mut random));
        draws.map(|value| value.parse().unwrap()).collect()
    }

    #[test]
    fn even_draws_fill_their_range_with_the_decimals_of_its_ends() {
        // Seed 1.
        let whole = all("1..4", 1);
        for value in [1.0, 2.0, 3.0, 4.0] {
            let count = whole.iter().filter(|one| **one == value).count();
            assert!((850..1_150).contains(&count), "{value}: {count}");
        }
        let parts = all("-0.50..0.5", 1);
        assert!(parts.iter().all(|one| (-0.5..=0.5).contains(one)));
        assert!(
            parts.iter().all(|one| (one * 100.0).fract().abs() < 1e-6
                || (one * 100.0).fract().abs() > 1.0 - 1e-6)
        );
        let below = parts.iter().filter(|one| **one < 0.0).count();
        assert!((1_850..2_150).contains(&below), "{below}");
        assert_eq!(all("0.001..9", 5), all("0.001..9", 5));
        assert_ne!(all("0.001..9", 5), all("0.001..9", 6));
    }

    #[test]
    fn log_draws_have_as_many_in_each_decade() {
        // Seed 2.
        let values = all("log:0.00100..1", 2);
        for decade in [0.001, 0.01, 0.1] {
            let in_it = |one: &&f64| (decade..decade * 10.0).contains(*one);
            let count = values.iter().filter(in_it).count();
            assert!((1_200..1_470).contains(&count), "{decade}: {count}");
        }
        assert!(values.iter().all(|one| (0.001..=1.0).contains(one)));
    }

    #[test]
    fn ranges_that_cannot_be_say_why() {
        for (text, why) in [
            ("5..1", "FROM must be below TO"),
            ("1..1", "FROM must be below TO"),
            ("x..1", "'x' is no number"),
            ("1..", "'' is no number"),
            ("log:0..1", "log: needs FROM above 0"),
            ("log:1..9/2", "log: takes no step"),
            ("log:5", "write log:FROM..TO"),
            ("1..9/0", "the step must be above 0, and FROM at most TO"),
            ("1..90/1", "more than 10 values"),
            (
                "0.0000000000000000000000000001..79228162514264337593543950335",
                "FROM and TO have too many digits",
            ),
        ] {
            assert_eq!(range(text, 10).unwrap().unwrap_err(), why, "{text}");
        }
        assert_eq!(range("1,2,3", 10), None);
        assert_eq!(range("lognormal 2ms 0.5", 10), None);
    }
}
