//! Snapshots of a live run: taken from the shadow, written by a thread of their own.
//!
//! A snapshot waits until the journal has put its records on stable storage, so that no power loss
//! leaves one ahead of the log; in `process` mode it asks for that. One that cannot be written is a
//! remark: the log has everything.
//!
//! Thread: the supervisor's takes them, `snapshots` writes them. Not on the hot path.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use journal::snapshot::{self, Snapshot};
use journal::{Durability, Folder, PruneOptions, Pruner, UpkeepError, Watch};
use replay::Shadow;

use crate::output::{Failure, remark};

/// What the snapshots of a run need to know of its journal.
pub(crate) struct Source {
    /// Where it is.
    pub(crate) folder: Folder,
    /// Which one it is.
    pub(crate) journal_id: u64,
    /// Its present epoch.
    pub(crate) epoch: u64,
    /// What is durable when.
    pub(crate) durability: Durability,
    /// How far it is.
    pub(crate) watch: Watch,
    /// Removes what no snapshot needs.
    pub(crate) pruner: Pruner,
    /// What of the journal to keep.
    pub(crate) keep: PruneOptions,
}

/// Takes a snapshot now and then.
pub(crate) struct Snapshots {
    every: Duration,
    epoch: u64,
    durability: Durability,
    watch: Watch,
    /// When the last one was taken, and at which sequence.
    last: (Instant, u64),
    /// Taken, and not known to be durable yet.
    waiting: Option<Snapshot>,
    writing: bool,
    to_write: Sender<Snapshot>,
    written: Receiver<Result<(), String>>,
    writer: JoinHandle<()>,
}

impl Snapshots {
    /// Starts the thread. The first snapshot comes `every` from now, if there is something new
    /// behind sequence `last_seq`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the thread cannot be started.
    pub(crate) fn start(source: Source, every: Duration, last_seq: u64) -> Result<Self, Failure> {
        let (to_write, next) = channel();
        let (done, written) = channel();
        let Source {
            folder,
            journal_id,
            epoch,
            durability,
            watch,
            pruner,
            keep,
        } = source;
        let writer = Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || {
                write_all(&folder, journal_id, &next, &done, || prune(&pruner, keep));
            })
            .map_err(|error| Failure::while_doing("cannot start the snapshots' thread", error))?;
        Ok(Self {
            every,
            epoch,
            durability,
            watch,
            last: (Instant::now(), last_seq),
            waiting: None,
            writing: false,
            to_write,
            written,
            writer,
        })
    }

    /// Takes a snapshot if it is time, and has the last one written if it may be. Never waits.
    pub(crate) fn look(&mut self, shadow: &Shadow) {
        while let Ok(written) = self.written.try_recv() {
            self.writing = false;
            tell(written);
        }
        let (at, seq) = self.last;
        let due = self.every <= at.elapsed() && seq < shadow.last_seq();
        if due && self.waiting.is_none() && !self.writing {
            self.take(shadow);
        }
        self.pass_on();
    }

    /// The run has ended, and all of its journal is durable: takes the last snapshot and waits for
    /// it.
    pub(crate) fn end(mut self, shadow: &Shadow) {
        if self.last.1 < shadow.last_seq() || self.waiting.is_some() {
            self.take(shadow);
            if let Some(snapshot) = self.waiting.take().filter(|_| self.is_kept()) {
                let _thread_ended = self.to_write.send(snapshot);
            }
        }
        drop(self.to_write);
        let ended = self.writer.join();
        for written in self.written {
            tell(written);
        }
        if ended.is_err() {
            remark("no snapshot: its thread ended by itself; the journal has everything");
        }
    }

    fn take(&mut self, shadow: &Shadow) {
        self.last = (Instant::now(), shadow.last_seq());
        match shadow.freeze(self.epoch) {
            Ok(snapshot) => {
                self.watch.want_durable(snapshot.seq);
                self.waiting = Some(snapshot);
            }
            Err(error) => tell(Err(error.to_string())),
        }
    }

    fn pass_on(&mut self) {
        let Some(snapshot) = self.waiting.take() else {
            return;
        };
        if self.may_write(snapshot.seq) {
            self.writing = self.to_write.send(snapshot).is_ok();
        } else if self.is_kept() {
            self.waiting = Some(snapshot);
        }
    }

    fn may_write(&self, seq: u64) -> bool {
        self.is_kept() && seq <= self.watch.durable_seq()
    }

    /// Whether there will be anything to go on from.
    fn is_kept(&self) -> bool {
        self.durability != Durability::Volatile
    }
}

fn tell(written: Result<(), String>) {
    if let Err(error) = written {
        remark(&format!(
            "no snapshot: {error}; the run goes on, the journal has everything"
        ));
    }
}

/// Removes history that nobody wants to keep: only what the configuration says, and only behind a
/// snapshot, which was written just now.
fn prune(pruner: &Pruner, keep: PruneOptions) {
    if keep.keep_bytes.is_none() && keep.keep_age.is_none() {
        return;
    }
    match pruner.prune(keep) {
        Ok(pruned) if !pruned.segments.is_empty() => remark(&format!(
            "journal: {} segments pruned; history starts at sequence {}",
            pruned.segments.len(),
            pruned.first_seq
        )),
        // The next snapshot tries again.
        Ok(_) | Err(UpkeepError::Busy { .. }) => {}
        Err(error) => remark(&format!("journal: nothing pruned: {error}")),
    }
}

fn write_all(
    folder: &Folder,
    journal_id: u64,
    next: &Receiver<Snapshot>,
    done: &Sender<Result<(), String>>,
    prune: impl Fn(),
) {
    while let Ok(snapshot) = next.recv() {
        let written = snapshot::write(folder, journal_id, &snapshot);
        if written.is_ok() {
            prune();
        }
        let told = done.send(written.map_err(|error| error.to_string()));
        if told.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
