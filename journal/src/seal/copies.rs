//! Checkpoints in files elsewhere, on a thread of their own (`journal-copy`): a mount that hangs
//! holds up neither the seal nor the writer.
//!
//! Thread: the sealer's gives; its own writes. Hot path: no.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use super::files::{self, Notes};
use super::key::PublicKey;
use crate::directory::Folder;
use crate::shared::Shared;

/// Notes that wait for a slow mount; further ones count as failed.
const WAITING_MAX: usize = 256;
/// How long a close waits for the last ones.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// The files.
pub(crate) struct Elsewhere {
    folder: Folder,
    key: PublicKey,
    /// `None` while one cannot be opened.
    files: Vec<(PathBuf, Option<Notes>)>,
}

impl Elsewhere {
    pub(crate) fn new(folder: &Folder, key: PublicKey, paths: &[PathBuf]) -> Self {
        Self {
            folder: folder.clone(),
            key,
            files: paths.iter().map(|path| (path.clone(), None)).collect(),
        }
    }

    /// Gives the note to every file; says how many did not take it.
    fn append(&mut self, note: &str) -> u64 {
        let storage = self.folder.storage();
        let mut failed = 0;
        for (path, open) in &mut self.files {
            if open.is_none() {
                // A file with something else in it is never cut or written to.
                let tail = files::tail(storage, path, &self.key);
                let usable = tail
                    .ok()
                    .filter(|tail| tail.last.is_some() || tail.len == 0);
                *open = usable.and_then(|tail| Notes::open(storage, path, tail.whole).ok());
            }
            if !matches!(open.as_mut().map(|notes| notes.append(note)), Some(Ok(()))) {
                *open = None;
                failed += 1;
            }
        }
        failed
    }
}

/// Where notes are handed to.
pub(crate) enum Copies {
    /// Written at once: for models, which must be repeatable.
    Here(Elsewhere),
    /// Given to the thread.
    Away {
        send: SyncSender<String>,
        /// Ends with the thread.
        ended: Receiver<()>,
        count: u64,
    },
    /// Closed; or there is no thread, and so many files get nothing.
    Gone(u64),
}

impl Copies {
    /// Hands out a note; says how many files did not take it, as far as that is known now.
    pub(crate) fn append(&mut self, note: &str) -> u64 {
        match self {
            Self::Here(elsewhere) => elsewhere.append(note),
            Self::Away { send, count, .. } => match send.try_send(note.to_owned()) {
                Ok(()) => 0,
                Err(_) => *count,
            },
            Self::Gone(count) => *count,
        }
    }

    /// Writes on a thread from now on, if there is something to write to.
    pub(crate) fn start(&mut self, shared: &Arc<Shared>) {
        let count = match self {
            Self::Here(elsewhere) => elsewhere.files.len() as u64,
            Self::Away { .. } | Self::Gone(_) => 0,
        };
        if count == 0 {
            return;
        }
        let Self::Here(mut elsewhere) = std::mem::replace(self, Self::Gone(count)) else {
            return;
        };
        let (send, notes) = sync_channel::<String>(WAITING_MAX);
        let (end, ended) = channel();
        let shared = Arc::clone(shared);
        let work = move || {
            for note in notes {
                shared.seal.copies_failed(elsewhere.append(&note));
            }
            drop::<Sender<()>>(end);
        };
        if Builder::new()
            .name("journal-copy".to_owned())
            .spawn(work)
            .is_ok()
        {
            *self = Self::Away { send, ended, count };
        }
    }

    /// Waits a while for what is still on the way.
    pub(crate) fn finish(&mut self) {
        if let Self::Away { send, ended, .. } = std::mem::replace(self, Self::Gone(0)) {
            drop(send);
            // The thread never sends: this ends when it does, or with the time.
            let _ = ended.recv_timeout(CLOSE_WAIT);
        }
    }
}
