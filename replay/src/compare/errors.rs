//! How far a prediction is from what happened, over many orders.

use serde::Serialize;

use super::Pair;

/// Errors of one quantity: predicted less actual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Orders that it is about.
    pub count: u64,
    /// Mean, with its sign.
    pub mean: f64,
    /// Median of its size.
    pub p50: f64,
    /// Nine of ten are at most of this size.
    pub p90: f64,
}

/// How well fates were predicted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Errors {
    /// Orders compared.
    pub orders: u64,
    /// Predicted to trade, and did.
    pub both: u64,
    /// Predicted to trade, and did not.
    pub only_predicted: u64,
    /// Not predicted to trade, and did.
    pub only_actual: u64,
    /// Neither.
    pub neither: u64,
    /// Orders that ended as predicted.
    pub same_end: u64,
    /// Lots that traded, and that were predicted to.
    pub lots: (i64, i64),
    /// Of the first fill's time at the venue, nanoseconds, where both are.
    pub time_ns: Spread,
    /// Of the time at which we learned of it, nanoseconds.
    pub heard_ns: Spread,
    /// Of the filled quantity, lots, over all orders.
    pub qty: Spread,
    /// Of the mean price, ticks, where both are; above 0: worse for us than it was.
    pub price: Spread,
    /// Mean over all orders of the share of the order's quantity that was predicted wrongly: 0 is
    /// perfect, 1 is always wrong. What a queue model is chosen by.
    pub score: f64,
}

impl Errors {
    /// Over these orders.
    #[must_use]
    pub fn of<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Self {
        let mut errors = Self::default();
        let (mut time, mut heard, mut qty, mut price) = (vec![], vec![], vec![], vec![]);
        let mut wrong = 0.0;
        for pair in pairs {
            let (actual, predicted) = (&pair.actual, &pair.predicted);
            errors.orders += 1;
            let cell = match (predicted.filled > 0, actual.filled > 0) {
                (true, true) => &mut errors.both,
                (true, false) => &mut errors.only_predicted,
                (false, true) => &mut errors.only_actual,
                (false, false) => &mut errors.neither,
            };
            *cell += 1;
            errors.same_end += u64::from(predicted.end == actual.end);
            errors.lots.0 = errors.lots.0.saturating_add(actual.filled);
            errors.lots.1 = errors.lots.1.saturating_add(predicted.filled);
            let lots = predicted.filled as f64 - actual.filled as f64;
            qty.push(lots);
            wrong += (lots.abs() / (pair.order.qty.0 as f64).max(1.0)).min(1.0);
            if let (Some(own), Some(its)) = (predicted.price(), actual.price()) {
                price.push((own - its) * pair.order.side.sign() as f64);
                time.push(apart(predicted.first_fill_ns, actual.first_fill_ns));
                heard.push(apart(predicted.first_heard_ns, actual.first_heard_ns));
            }
        }
        errors.time_ns = Spread::of(time);
        errors.heard_ns = Spread::of(heard);
        errors.qty = Spread::of(qty);
        errors.price = Spread::of(price);
        errors.score = if errors.orders > 0 {
            wrong / errors.orders as f64
        } else {
            0.0
        };
        errors
    }

    /// Of the orders that were predicted to trade, the share that did; `None` without one.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.both, self.both + self.only_predicted)
    }

    /// Of the orders that traded, the share that was predicted to; `None` without one.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.both, self.both + self.only_actual)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

const fn apart(one_ns: u64, other_ns: u64) -> f64 {
    one_ns.wrapping_sub(other_ns).cast_signed() as f64
}

impl Spread {
    pub(super) fn of(mut errors: Vec<f64>) -> Self {
        let count = errors.len() as u64;
        if count == 0 {
            return Self::default();
        }
        let mean = errors.iter().sum::<f64>() / count as f64;
        for error in &mut errors {
            *error = error.abs();
        }
        errors.sort_unstable_by(f64::total_cmp);
        Self {
            count,
            mean,
            p50: rank(&errors, 50),
            p90: rank(&errors, 90),
        }
    }
}

/// The smallest of the sorted values that at least `percent` of them do not exceed; 0 for none.
pub(super) fn rank<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
