//! Paper venues: orders meet the simulated venue of `[backtest]` over the venue's own market.

use engine::machine::{Machine, OrderState};
use model::body::AssetName;
use model::ids::{AccountId, VenueId};
use model::instrument::InstrumentSpec;
use replay::backtest::{PaperPlan, Rested, paper};
use rust_decimal::Decimal;

use super::restore;
use super::venue::{AnyFeed, Ports};
use crate::backtest_command::{closed, latencies};
use crate::config::{AccountDraft, BacktestSection, Config, Connect, VenueConfig};
use crate::output::{Failure, remark};

/// What the paper venue of each account is made of, but for the instruments. An account goes on
/// with what the journal says that it has.
///
/// # Errors
///
/// [`Failure`]: delays that cannot be read, a name of an asset that is too long.
pub(super) fn plans(
    config: &Config,
    section: &BacktestSection,
    venue: &VenueConfig,
    accounts: &[(AccountId, &AccountDraft)],
    machine: &Machine,
    id: VenueId,
) -> Result<Vec<PaperPlan>, Failure> {
    remark(&format!(
        "venue {}: orders are paper: they are filled by [backtest], queue \"{}\", and go no \
         further",
        venue.name, section.queue
    ));
    let latencies = closed(latencies(section)?)?;
    let of_venue = match &venue.connect {
        Connect::Practice(settings) => settings.balances.as_slice(),
        Connect::External(_) => &[],
    };
    let plan = |&(account, draft): &(AccountId, &AccountDraft)| {
        let configured = draft.balances.as_deref().unwrap_or(of_venue);
        let balances = restore::balances(machine, account, configured);
        Ok(PaperPlan {
            venue: section.venue.clone(),
            latencies: latencies.clone(),
            instruments: Vec::new(),
            id,
            account,
            balances: balances.iter().map(named).collect::<Result<_, _>>()?,
            rested: rested(machine, account),
            window_ticks: config.machine.book_window_ticks,
        })
    };
    accounts.iter().map(plan).collect()
}

/// Orders of the account that an earlier run's paper venue may have had.
fn rested(machine: &Machine, account: AccountId) -> Vec<Rested> {
    let live = machine.orders().live();
    let own = live.filter(|order| order.account == account && order.state != OrderState::Held);
    own.map(|order| Rested {
        client_id: order.client_id.raw(),
        instrument: order.instrument,
        filled: order.filled,
    })
    .collect()
}

fn named((asset, amount): &(String, Decimal)) -> Result<(AssetName, Decimal), Failure> {
    let name = AssetName::whole(asset);
    let name = name.ok_or_else(|| Failure::Message(format!("asset {asset}: the name is too long")));
    Ok((name?, *amount))
}

/// The venue's feed, with its paper venues behind it.
pub(super) fn ports(feed: AnyFeed, plans: Vec<PaperPlan>, instruments: &[InstrumentSpec]) -> Ports {
    let accounts: Vec<AccountId> = plans.iter().map(|plan| plan.account).collect();
    let whole = plans.into_iter().map(|plan| PaperPlan {
        instruments: instruments.to_vec(),
        ..plan
    });
    let (feed, gateways) = paper(feed, whole.collect());
    Ports::Paper(feed, accounts.into_iter().zip(gateways).collect())
}
