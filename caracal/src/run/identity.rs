//! Numbers outlive names: the log and the state speak of venues, accounts, strategies and
//! instruments by number, so a configuration may add but not exchange what a number stands for.

use std::collections::BTreeSet;

use engine::machine::Machine;
use model::ids::{InstrumentId, VenueId};

use crate::config::Config;
use crate::output::Failure;

/// The instruments of each venue, in configured order, with their numbers: those that the machine
/// knows keep theirs, others get the next free ones.
///
/// # Errors
///
/// [`Failure`]: an account stands where another one stood.
pub(super) fn instrument_ids(
    config: &Config,
    machine: &Machine,
) -> Result<Vec<Vec<(InstrumentId, String)>>, Failure> {
    same_accounts(config, machine)?;
    let known: Vec<(VenueId, &str, InstrumentId)> = machine
        .instruments()
        .map(|spec| (spec.venue, spec.symbol.as_str(), spec.id))
        .collect();
    let mut used: BTreeSet<InstrumentId> = known.iter().map(|(_, _, id)| *id).collect();
    let mut next = || {
        let free = (0..).map(InstrumentId).find(|id| !used.contains(id));
        free.inspect(|id| {
            used.insert(*id);
        })
    };
    let mut venues = Vec::new();
    for (venue, config) in (0..).map(VenueId).zip(&config.venues) {
        let mut instruments = Vec::new();
        for symbol in &config.symbols {
            let mut all = known.iter();
            let found = all.find(|(of, name, _)| *of == venue && name == symbol);
            let id = found.map(|(_, _, id)| *id).or_else(&mut next);
            instruments.extend(id.map(|id| (id, symbol.clone())));
        }
        venues.push(instruments);
    }
    Ok(venues)
}

/// Each account that the machine knows stands where it stood.
fn same_accounts(config: &Config, machine: &Machine) -> Result<(), Failure> {
    let Some(before) = machine.config() else {
        return Ok(());
    };
    for (index, known) in before.accounts.iter().enumerate() {
        let now = config.machine.accounts.get(index);
        let same = |now: &&crate::config::AccountDraft| {
            now.name == known.name && now.venue == known.venue.index()
        };
        if now.filter(same).is_some() {
            continue;
        }
        let place = index + 1;
        let now = now.map_or_else(|| "missing".to_owned(), |now| format!("\"{}\"", now.name));
        return Err(Failure::Message(format!(
            "[[account]] {place} was \"{}\" in this journal's last run and is {now} now (or is at \
             another venue): its balances and orders are kept by place; keep the order, add new \
             accounts behind it, or start another journal",
            known.name
        )));
    }
    Ok(())
}
