//! `[[account]]`: who trades at which venue, with what, and how it proves who it is.

use engine::machine::ACCOUNTS_MAX;
use rust_decimal::Decimal;

use super::section::{Problems, Section};
use super::venue_section::{Connect, KeyFiles, VenueConfig, VenueNames, balances, key_files};

/// An account as configured.
#[derive(Debug, Clone)]
pub(crate) struct AccountDraft {
    /// Our name for it.
    pub(crate) name: String,
    /// Index of its venue.
    pub(crate) venue: usize,
    /// What it holds at the first start of an embedded or paper venue; the embedded venue's own
    /// list where it is left out.
    pub(crate) balances: Option<Vec<(String, Decimal)>>,
    /// Its key at an external venue; the venue's own where it is left out.
    pub(crate) key: Option<KeyFiles>,
}

pub(super) fn read(
    root: &mut Section<'_>,
    venues: &[VenueNames],
    problems: &mut Problems<'_>,
) -> Option<Vec<AccountDraft>> {
    let sections = root.tables(problems, "account");
    if sections.is_empty() {
        let what = "is missing: write at least one [[account]]";
        root.problem(problems, "account", what);
    }
    if sections.len() > ACCOUNTS_MAX {
        let what = format!(
            "{} accounts: at most {ACCOUNTS_MAX} are allowed",
            sections.len()
        );
        root.problem(problems, "account", what);
    }
    let mut names = Vec::new();
    let read: Vec<Option<AccountDraft>> = sections
        .into_iter()
        .map(|section| account(section, venues, &mut names, problems))
        .collect();
    read.into_iter().collect()
}

fn account(
    mut section: Section<'_>,
    venues: &[VenueNames],
    names: &mut Vec<String>,
    problems: &mut Problems<'_>,
) -> Option<AccountDraft> {
    let name = section.text(problems, "name", None);
    if let Some(name) = &name {
        if names.contains(name) {
            let what = format!("\"{name}\" is the name of an account already");
            section.problem(problems, "name", what);
        }
        names.push(name.clone());
    }
    let choices: Vec<(&str, usize)> = venues
        .iter()
        .enumerate()
        .map(|(index, venue)| (venue.name.as_str(), index))
        .collect();
    let venue = section.choice(problems, "venue", &choices, None);
    let balances = if section.has("balances") {
        Some(balances(&mut section, problems)?)
    } else {
        None
    };
    let parts = ["signature", "api_key_file", "secret_file"];
    let key = if parts.iter().any(|part| section.has(part)) {
        Some(key_files(&mut section, problems)?)
    } else {
        None
    };
    section.finish(problems);
    Some(AccountDraft {
        name: name?,
        venue: venue?,
        balances,
        key,
    })
}

/// What an account says has to fit its venue: money and keys of one kind each, and no key twice.
pub(super) fn check(
    venues: &[VenueConfig],
    accounts: &[AccountDraft],
    problems: &mut Problems<'_>,
) {
    for (index, account) in accounts.iter().enumerate() {
        let Some(venue) = venues.get(account.venue) else {
            continue;
        };
        let mut wrong = |key: &str, what: String| {
            problems.push_at(None, &format!("account[{index}].{key}"), what);
        };
        let name = &venue.name;
        match &venue.connect {
            Connect::Practice(_) if account.key.is_some() => {
                let what = format!("venue {name} is a practice venue and makes its own keys");
                wrong("api_key_file", what);
            }
            Connect::Practice(_) => {}
            Connect::External(_) if venue.paper => {
                if account.balances.is_none() {
                    let what = format!(
                        "is missing: orders at venue {name} are paper; write what the account \
                         starts with, such as [\"USDT 10000\"]"
                    );
                    wrong("balances", what);
                }
            }
            Connect::External(external) => {
                if account.balances.is_some() {
                    let what = format!("venue {name} is external: it knows what the account has");
                    wrong("balances", what);
                }
                let others = accounts
                    .iter()
                    .take(index)
                    .filter(|one| one.venue == account.venue);
                let mine = account.key.as_ref().or(external.key.as_ref());
                let Some(mine) = mine else {
                    let what = format!("is missing: venue {name} has no key of its own");
                    wrong("api_key_file", what);
                    continue;
                };
                for other in others {
                    let theirs = other.key.as_ref().or(external.key.as_ref());
                    if theirs.is_some_and(|theirs| theirs.api_key == mine.api_key) {
                        let what = format!(
                            "account \"{}\" has the same one: each account needs a key of its own",
                            other.name
                        );
                        wrong("api_key_file", what);
                    }
                }
            }
        }
    }
}
