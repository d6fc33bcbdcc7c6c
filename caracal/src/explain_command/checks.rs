//! The checks of risk on the order's intent, by applying the journal again up to the event that
//! caused it.

use std::path::Path;

use engine::machine::Verdict;
use engine::strategy::Registry;
use model::ids::ClientOrderId;
use serde_json::{Value, json};

use super::life::Life;
use crate::output::{Failure, remark};
use crate::replay_command::progress_bar;

/// Fills in what each check saw. An order that this journal did not decide has none.
///
/// # Errors
///
/// [`Failure`]: the journal cannot be applied up to there.
pub(super) fn weigh(journal: &Path, registry: &Registry, life: &mut Life) -> Result<(), Failure> {
    let Some(cause) = life.cause.as_ref() else {
        return Ok(());
    };
    let bar = progress_bar("apply", cause.seq);
    let explained = replay::explain(journal, registry, cause.event, |seq| bar.set_position(seq))
        .map_err(|error| Failure::while_doing("cannot replay up to the cause", error))?;
    bar.finish_and_clear();
    let Some(explained) = explained else {
        remark("the checks cannot be shown: what came before the order was pruned");
        return Ok(());
    };
    if let Some(difference) = explained.difference {
        remark(&format!(
            "this build does not decide as the one that wrote the journal, so the checks may \
             differ: {difference}"
        ));
    }
    let order = ClientOrderId::from_raw(life.order());
    let its = explained.intents.into_iter();
    life.checks = its
        .filter(|intent| intent.client_id.is_some() && intent.client_id == order)
        .flat_map(|intent| intent.verdicts)
        .collect();
    Ok(())
}

/// A check with whole numbers in its control's unit; no limit is `null`.
pub(super) fn as_json(check: &Verdict) -> Value {
    let limit = |value: i64| (value != i64::MAX).then_some(value);
    json!({
        "check": check.name(),
        "reason": format!("{:?}", check.reason),
        "control": check.control.name(),
        "number": check.control.code(),
        "scope": format!("{:?}", check.scope.kind()),
        "scope_id": check.scope.id(),
        "unit": format!("{:?}", check.control.unit()),
        "value": check.value,
        "soft": limit(check.soft),
        "hard": limit(check.hard),
        "passed": check.passed,
    })
}
