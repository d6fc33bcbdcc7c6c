//! `caracal journal cat`: the records of a journal, as text or JSON lines.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::args::CatArgs;
use super::filter;
use crate::output::{Failure, output_failure};

/// How often `--follow` looks for something new.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Prints the records that the filters let through.
///
/// # Errors
///
/// [`Failure`]: an unreadable journal, or a filter that cannot be.
pub(super) fn cat(args: &CatArgs) -> Result<(), Failure> {
    let (mut reader, mut filter) = filter::open(&args.journal, &args.filter)?;
    let mut out = Lines::new();
    loop {
        let seq = reader.next_seq();
        let record = match reader.next() {
            Ok(Some(record)) => record,
            Ok(None) if args.follow && !filter.is_over_at(seq) => {
                out.flush()?;
                wait_unless_closed()?;
                continue;
            }
            Ok(None) => break,
            Err(error) => {
                // What was read before the damage is good.
                out.flush()?;
                return Err(Failure::because(error));
            }
        };
        if filter.is_over(record) {
            break;
        }
        if filter.passes(record) {
            let line = if args.json {
                replay::to_json(record).to_string()
            } else {
                replay::describe(record)
            };
            out.line(&line)?;
        }
    }
    out.flush()
}

/// Waits a little for something new; ends at once if whoever read our output went away, which no
/// write would tell as long as there is nothing to write.
fn wait_unless_closed() -> Result<(), Failure> {
    let out = io::stdout();
    // No event asked for: an error and a hang-up are told all the same.
    let mut looked_at = [PollFd::new(&out, PollFlags::empty())];
    match poll(&mut looked_at, Some(&LOOK)) {
        Ok(1..) => Err(Failure::OutputClosed),
        // Nothing, or a signal in between.
        Ok(0) | Err(_) => Ok(()),
    }
}

/// Standard output, many lines to a write.
struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    fn new() -> Self {
        Self(BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.0, "{line}").map_err(output_failure)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(output_failure)
    }
}
