//! The command line of `caracal control`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::spool::Request;
use crate::config::parse_duration;
use crate::output::Failure;

const EXAMPLES: &str = "Examples:
  caracal control kill --by anna --reason \"runaway quotes\"
  caracal control kill --scope strategy:maker --by anna --reason drill
  caracal control flatten --scope account:main --by anna --reason \"out of the market\"
  caracal control release --scope strategy:maker --by anna --reason \"drill is over\"
  caracal control approve 1790000000000000000 --by boris --reason checked
  caracal control limit daily_loss_max --old 500 --new 400 --by anna --reason careful
  caracal control show

What makes risk smaller takes effect at once. What makes it larger (release, enable, unrestrict,
resolve, a looser limit) waits for `approve` by another person of the configuration's [[person]]
list. SIGUSR1, or a file KILL in <journal>.control, kills everything without any of this.";

/// Arguments of `control`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ControlArgs {
    /// The configuration of the running engine; says where its journal is.
    #[arg(long, default_value = "config.toml", global = true)]
    pub(super) config: PathBuf,
    /// The running engine's journal, instead of the configured one.
    #[arg(long, global = true)]
    pub(super) journal: Option<PathBuf>,
    /// How long to wait for an engine.
    #[arg(long, default_value = "5s", value_parser = duration, global = true)]
    pub(super) wait: Duration,
    /// Who asks: a name out of the configuration's list of persons.
    #[arg(long, global = true, value_name = "NAME")]
    by: Option<String>,
    /// Why, for the log.
    #[arg(long, global = true, value_name = "TEXT")]
    reason: Option<String>,
    /// What is asked.
    #[command(subcommand)]
    ask: Ask,
}

/// A scope: everything, `venue:NAME`, `account:NAME`, `strategy:NAME` or `instrument:SYMBOL`.
#[derive(Debug, Args)]
struct ScopeArg {
    /// everything, venue:NAME, account:NAME, strategy:NAME or instrument:SYMBOL.
    #[arg(long, default_value = "everything")]
    scope: String,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
enum Ask {
    /// Pull the kill switch: cancel what rests, and place nothing until two persons release it.
    Kill(ScopeArg),
    /// Kill, and close the positions once the venue says that nothing rests; `withdraw` stops it.
    Flatten(ScopeArg),
    /// Propose to release a kill.
    Release(ScopeArg),
    /// Pause: only what reduces passes until two persons enable it.
    Pause(ScopeArg),
    /// Propose to end a pause or a reduce-only.
    Enable(ScopeArg),
    /// Put an instrument on the restricted list.
    Restrict {
        /// Its symbol.
        symbol: String,
        /// For how long, for example 2h; without it: for good.
        #[arg(long = "for", value_name = "TIME")]
        lasts: Option<String>,
    },
    /// Propose to take an instrument off the restricted list.
    Unrestrict {
        /// Its symbol.
        symbol: String,
    },
    /// Change a limit: stricter at once, looser as a proposal.
    Limit {
        /// Its name, for example `daily_loss_max`.
        control: String,
        #[command(flatten)]
        scope: ScopeArg,
        /// The hard limit as it is; `none` if there is none.
        #[arg(long)]
        old: String,
        /// The hard limit wanted; `none` for none.
        #[arg(long)]
        new: String,
        /// The soft limit wanted.
        #[arg(long, default_value = "none")]
        soft: String,
    },
    /// Be the second person for a proposal.
    Approve {
        /// Its number.
        number: u64,
    },
    /// Take a proposal back, or stop a flatten.
    Withdraw {
        /// Its number.
        number: u64,
    },
    /// Propose what became of an order whose outcome nobody can say.
    Resolve {
        /// Its client order id as printed, for example 1-0-17.
        order: String,
        /// The venue never had it, or it ended with the fills that we have.
        #[arg(long, value_parser = ["absent", "cancelled"])]
        outcome: String,
    },
    /// Show switches, limits and proposals.
    Show,
}

impl ControlArgs {
    /// The request, without its number.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nobody, or no reason, is named.
    pub(super) fn request(&self) -> Result<Request, Failure> {
        let mut request = Request {
            by: self.by.clone().unwrap_or_default(),
            reason: self.reason.clone().unwrap_or_default(),
            ..self.ask.request()
        };
        if request.action == "show" {
            request.by.clear();
            return Ok(request);
        }
        for (key, text) in [
            ("--by NAME", &request.by),
            ("--reason TEXT", &request.reason),
        ] {
            if text.trim().is_empty() {
                let action = &request.action;
                return Err(Failure::Message(format!(
                    "control {action}: {key} is missing"
                )));
            }
        }
        Ok(request)
    }
}

impl Ask {
    fn request(&self) -> Request {
        let plain = |action: &str| Request {
            action: action.to_owned(),
            ..Request::default()
        };
        let scoped = |action: &str, scope: &ScopeArg| Request {
            scope: Some(scope.scope.clone()),
            ..plain(action)
        };
        let aimed = |action: &str, target: &str| Request {
            target: Some(target.to_owned()),
            ..plain(action)
        };
        match self {
            Self::Kill(scope) => scoped("kill", scope),
            Self::Flatten(scope) => scoped("flatten", scope),
            Self::Release(scope) => scoped("release", scope),
            Self::Pause(scope) => scoped("pause", scope),
            Self::Enable(scope) => scoped("enable", scope),
            Self::Restrict { symbol, lasts } => Request {
                scope: Some(format!("instrument:{symbol}")),
                new: lasts.clone(),
                ..plain("restrict")
            },
            Self::Unrestrict { symbol } => Request {
                scope: Some(format!("instrument:{symbol}")),
                ..plain("unrestrict")
            },
            Self::Limit {
                control,
                scope,
                old,
                new,
                soft,
            } => Request {
                control: Some(control.clone()),
                old: Some(old.clone()),
                new: Some(new.clone()),
                soft: Some(soft.clone()),
                ..scoped("limit", scope)
            },
            Self::Approve { number } => aimed("approve", &number.to_string()),
            Self::Withdraw { number } => aimed("withdraw", &number.to_string()),
            Self::Resolve { order, outcome } => Request {
                outcome: Some(outcome.clone()),
                ..aimed("resolve", order)
            },
            Self::Show => plain("show"),
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| format!("'{text}' is no duration: write 250ms, 60s or 5m"))
}
