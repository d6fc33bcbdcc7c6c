//! The helper threads of a writer: started together, ended together.
//!
//! Thread: the opener's and the closer's. Hot path: no.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle, Thread};

use crate::options::Durability;
use crate::prepare::Preparer;
use crate::seal::sealer::{self, Sealer};
use crate::sync::{self, Syncer};
use crate::touch::Toucher;

/// What the helper threads work with.
pub(crate) struct Work {
    pub(crate) preparer: Preparer,
    pub(crate) toucher: Toucher,
    pub(crate) syncer: Arc<Mutex<Syncer>>,
    pub(crate) sealer: Option<Arc<Mutex<Sealer>>>,
}

/// The helper threads; dropping it ends them.
#[derive(Default)]
pub(crate) struct Helpers {
    all: Vec<Helper>,
    /// The sync thread, to be woken.
    pub(crate) sync: Option<Thread>,
}

impl Helpers {
    /// Starts those that `durability` needs.
    pub(crate) fn start(work: Work, durability: Durability) -> io::Result<Self> {
        let Work {
            preparer,
            toucher,
            syncer,
            sealer,
        } = work;
        let shared = Arc::clone(&preparer.shared);
        // What is started already ends with `helpers`, should a later one not start.
        let mut helpers = Self::default();
        helpers.spawn("journal-prep", move |stop| preparer.run(stop))?;
        match durability {
            Durability::Process | Durability::Interval(_) => {
                helpers.spawn("journal-touch", move |stop| toucher.run(stop))?;
                helpers.spawn("journal-sync", move |stop| {
                    sync::run(&syncer, durability, stop);
                })?;
            }
            Durability::Group => {
                let thread = helpers.spawn("journal-sync", move |stop| {
                    sync::run_group(&syncer, stop);
                })?;
                helpers.sync = Some(thread);
            }
            // Heap pages cost no fault worth a thread; the owner of a `sync` writer syncs itself.
            Durability::Volatile | Durability::Sync => {}
        }
        if let Some(sealer) = sealer {
            helpers.spawn("journal-seal", move |stop| {
                sealer::run(&sealer, &shared, stop);
            })?;
        }
        Ok(helpers)
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(&Receiver<()>) + Send + 'static,
    ) -> io::Result<Thread> {
        let (stop, stopped) = channel();
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&stopped))?;
        let handle = thread.thread().clone();
        self.all.push(Helper { stop, thread });
        Ok(handle)
    }

    /// Ends the threads and waits for them.
    pub(crate) fn stop(&mut self) {
        for helper in self.all.drain(..) {
            drop(helper.stop);
            helper.thread.thread().unpark();
            // A panic there was reported there, and cannot have touched a record.
            let _ = helper.thread.join();
        }
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A thread and what ends it.
struct Helper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}
