//! `caracal control`: a person's request to a running engine, and its answer.
//!
//! The request is a file in the journal's spool ([`spool`]); the engine turns it into one event,
//! and what risk answers comes back as a file. Nothing here opens the journal.

pub(crate) mod args;
pub(crate) mod obey;
pub(crate) mod show;
pub(crate) mod spool;
pub(crate) mod words;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use args::ControlArgs;
use spool::{Answer, Request, Spool};

use engine::strategy::Registry;

use crate::config::Config;
use crate::output::{Failure, say};

/// How often the answer is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long an engine that has taken a request may take for the answer.
const TAKEN_GRACE: Duration = Duration::from_secs(10);

/// Hands a request over and prints the answer.
///
/// # Errors
///
/// [`Failure`]: the request was refused, or no engine answered.
pub(crate) fn control(args: &ControlArgs, registry: &Registry) -> Result<(), Failure> {
    let dir = match &args.journal {
        Some(dir) => dir.clone(),
        None => {
            Config::load(&args.config, registry)
                .map_err(Failure::because)?
                .journal
                .dir
        }
    };
    let spool = Spool::of(&dir);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ns = since_epoch.map_or(1, |time| time.as_nanos());
    let request = Request {
        number: u64::try_from(now_ns).unwrap_or(u64::MAX),
        ..args.request()?
    };
    let place = spool.dir().display().to_string();
    spool
        .put(&request)
        .map_err(|error| Failure::while_doing(&place, error))?;
    let answer = wait(&spool, request.number, args.wait)?;
    if answer.accepted {
        say(&answer.text)
    } else {
        Err(Failure::Message(answer.text))
    }
}

fn wait(spool: &Spool, number: u64, patience: Duration) -> Result<Answer, Failure> {
    let began = Instant::now();
    let mut patience = patience;
    let mut taken = false;
    loop {
        if let Some(answer) = spool.answer(number) {
            return Ok(answer);
        }
        if patience < began.elapsed() {
            let dir = spool.dir().display();
            if taken {
                return Err(Failure::Message(format!(
                    "{dir}: the engine took the request {number} and has not answered; look for it \
                     with `caracal control show`"
                )));
            }
            if spool.take_back(number) {
                return Err(Failure::Message(format!(
                    "{dir}: no engine answered within {patience:?}, so nothing was changed; is one \
                     running on this journal?"
                )));
            }
            (taken, patience) = (true, patience + TAKEN_GRACE);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
