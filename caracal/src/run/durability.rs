//! Which durability a run gets, on which file system, and how a person is told.
//!
//! What the configuration says is done or refused, never weakened. Where it says nothing the run
//! takes the best promise that the file system can keep: `interval` on a local disk, `process`
//! elsewhere, which holds on every file system of a running kernel, containers' overlays and tmpfs
//! included, because it promises nothing beyond the death of the process.
//!
//! Thread: main, before anything starts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::storage::{Disk, FileSystem, Memory, Storage as _};
use journal::{Durability, Folder, OpenError, Options};

use crate::config::JournalConfig;
use crate::output::{Failure, remark};

/// What a run's journal is opened with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) durability: Durability,
    file_system: FileSystem,
    is_default: bool,
}

impl Chosen {
    /// Chooses for `config`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the file system cannot keep what is configured, or cannot be found out.
    pub(crate) fn of(config: &JournalConfig) -> Result<Self, Failure> {
        let file_system = Disk
            .file_system(existing(&config.dir))
            .map_err(|error| Failure::while_doing(&config.dir.display().to_string(), error))?;
        let keeps = file_system.safe || config.allow_unsafe_fs;
        let default = if keeps {
            Durability::Interval(config.sync_interval)
        } else {
            Durability::Process
        };
        let chosen = Self {
            durability: config.durability.unwrap_or(default),
            file_system,
            is_default: config.durability.is_none(),
        };
        if chosen.durability.survives_power_loss() && !keeps {
            // Before anything is made there; the journal would say the same.
            return Err(Failure::because(OpenError::UnsafeFileSystem {
                path: config.dir.clone(),
                name: file_system.name,
                mode: chosen.durability.name(),
            }));
        }
        Ok(chosen)
    }

    /// Where the journal is: on disk, or in this process's memory.
    pub(crate) fn folder(&self, dir: &Path) -> Folder {
        match self.durability {
            Durability::Volatile => Folder::new(Arc::new(Memory::new()), dir),
            Durability::Process
            | Durability::Interval(_)
            | Durability::Group
            | Durability::Sync => Folder::on_disk(dir),
        }
    }

    /// Options for the writer.
    pub(crate) fn options(&self, config: &JournalConfig) -> Options {
        let options = Options::new(self.durability)
            .segment_bytes(config.segment_bytes)
            .commit_block(config.commit_block);
        if config.allow_unsafe_fs {
            options
        } else {
            options.only_safe_file_systems()
        }
    }

    /// Tells a person the mode and its exact sentence.
    pub(crate) fn tell(&self, config: &JournalConfig) {
        let name = self.file_system.name;
        let (interval, stall) = (config.sync_interval, config.sync_stall);
        let dir = config.dir.display();
        let (place, detail) = match self.durability {
            Durability::Volatile => ("in memory".to_owned(), String::new()),
            Durability::Process => (format!("in {dir} on {name}"), String::new()),
            Durability::Interval(_) => (
                format!("in {dir} on {name}"),
                format!(", T = {interval:?}, X = {stall:?}"),
            ),
            Durability::Group | Durability::Sync => (
                format!("in {dir} on {name}"),
                format!(", commits of {} bytes, X = {stall:?}", config.commit_block),
            ),
        };
        let mode = self.durability.name();
        remark(&format!("journal {place}: durability {mode}{detail}"));
        remark(&format!("  \"{}\"", self.durability.sentence()));
        if self.is_default && self.durability == Durability::Process {
            remark(&format!(
                "  process, as no durability is configured and {name} is not known to keep what \
                 is synced; on a local disk it would be interval"
            ));
        }
        if self.durability.survives_power_loss() && !self.file_system.safe {
            remark(&format!(
                "  allow_unsafe_fs: {name} is not known to keep what is synced, so what this says \
                 about power loss may not hold"
            ));
        }
    }

    /// Longest time that an event may wait for the disk in this mode; `None` if it promises none.
    pub(crate) const fn wait_max(&self, stall: Duration) -> Option<Duration> {
        match self.durability {
            Durability::Volatile | Durability::Process => None,
            Durability::Interval(interval) => Some(interval.saturating_add(stall)),
            Durability::Group | Durability::Sync => Some(stall),
        }
    }
}

/// The directory itself, or the nearest one above it that is there.
fn existing(dir: &Path) -> &Path {
    dir.ancestors()
        .find(|path| path.is_dir())
        .unwrap_or_else(|| Path::new("."))
}
