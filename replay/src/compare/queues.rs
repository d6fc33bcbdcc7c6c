//! Which queue model our own fills speak for: chosen over the first part of the orders, judged by
//! the rest, which had no part in the choice.

use std::cmp::Ordering;

use super::{Errors, Pair};

/// Part of the orders, in the order of their leaving, that a model is chosen by; of a hundred.
pub(super) const FIRST_PERCENT: usize = 70;

/// Fewer orders than this say nothing of a model.
pub(super) const ORDERS_MIN: usize = 30;

/// A queue model with its errors before and behind the cut.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueRow {
    /// Its name.
    pub name: String,
    /// Over the orders that a model is chosen by.
    pub first: Errors,
    /// Over the rest.
    pub rest: Errors,
}

/// The models that were tried; the first is the one that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueFit {
    /// Every model.
    pub rows: Vec<QueueRow>,
    /// The one with the least error over the first part.
    pub chosen: usize,
    /// The one with the least error over the rest: what nobody could know.
    pub hindsight: usize,
}

impl QueueFit {
    /// Of the models' names and pairs, each in the order of leaving; `None` of too few orders.
    pub(super) fn of(models: &[(String, Vec<Pair>)]) -> Option<Self> {
        let mut rows = Vec::new();
        for (name, pairs) in models {
            if pairs.len() < ORDERS_MIN {
                return None;
            }
            let (first, rest) = pairs.split_at(pairs.len() * FIRST_PERCENT / 100);
            rows.push(QueueRow {
                name: name.clone(),
                first: Errors::of(first.iter()),
                rest: Errors::of(rest.iter()),
            });
        }
        let least = |of: fn(&QueueRow) -> &Errors| {
            // Of equals the first: the model that was asked for is not left without a reason.
            (0..rows.len()).reduce(|best, next| {
                if worse(of(&rows[best]), of(&rows[next])) == Ordering::Greater {
                    next
                } else {
                    best
                }
            })
        };
        let (chosen, hindsight) = (least(|row| &row.first)?, least(|row| &row.rest)?);
        Some(Self {
            rows,
            chosen,
            hindsight,
        })
    }

    /// How many other models err exactly as the chosen one does over the first part: where there
    /// are some, the fills do not tell them apart.
    #[must_use]
    pub fn alike(&self) -> usize {
        let Some(chosen) = self.rows.get(self.chosen) else {
            return 0;
        };
        let same = |row: &&QueueRow| worse(&row.first, &chosen.first) == Ordering::Equal;
        self.rows.iter().filter(same).count().saturating_sub(1)
    }

    /// By how much of the asked-for model's error over the rest the chosen one errs less: 1 is all
    /// of it, below 0 is worse. `None` if the one that was asked for made no error there.
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        let asked = self.rows.first()?.rest.score;
        let chosen = self.rows.get(self.chosen)?.rest.score;
        (asked > 0.0).then(|| 1.0 - chosen / asked)
    }
}

/// By the quantity that was predicted wrongly; of equals by the first fill's time.
fn worse(one: &Errors, other: &Errors) -> Ordering {
    let by_score = one.score.total_cmp(&other.score);
    by_score
        .then(one.time_ns.p50.total_cmp(&other.time_ns.p50))
        .then(one.time_ns.p90.total_cmp(&other.time_ns.p90))
}
