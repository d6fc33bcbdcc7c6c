//! `[journal]`: where the log lives and what survives which crash.

use std::path::PathBuf;
use std::time::Duration;

use journal::Durability;

use super::section::{Problems, Section};

/// Where and how to keep the journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalConfig {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Size of a segment, bytes; a power of two.
    pub(crate) segment_bytes: u64,
    /// What survives which crash.
    pub(crate) durability: Durability,
    /// Time between two snapshots.
    pub(crate) snapshot_every: Duration,
    /// How it is sealed; `None`: not at all.
    pub(crate) seal: Option<SealConfig>,
}

/// `seal`, `seal_key` and `checkpoint_copies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealConfig {
    /// File of the private key; `None`: beside the journal's directory.
    pub(crate) key: Option<PathBuf>,
    /// Files elsewhere that get each checkpoint too.
    pub(crate) copies: Vec<PathBuf>,
}

#[derive(Clone, Copy)]
enum Mode {
    Process,
    Interval,
}

pub(super) fn read(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<JournalConfig> {
    let dir = section
        .text(problems, "dir", Some("data/journal"))
        .map(PathBuf::from);
    let mib = section.integer(problems, "segment_size_mib", 1..=4096, Some(64));
    if let Some(mib) = mib.filter(|mib| mib.count_ones() != 1) {
        let what = format!("{mib} is not allowed: a power of two from 1 to 4096 is");
        section.problem(problems, "segment_size_mib", what);
    }
    let modes = [("process", Mode::Process), ("interval", Mode::Interval)];
    let mode = section.choice(problems, "durability", &modes, Some(Mode::Interval));
    let range = Duration::from_millis(1)..=Duration::from_secs(1);
    let default = Some(Duration::from_millis(10));
    let interval = section.duration(problems, "sync_interval", range, default);
    let snapshot_every = read_snapshot_every(&mut section, problems);
    let is_sealed = section.flag(problems, "seal", true);
    let key = section.optional_text(problems, "seal_key");
    let copies = section.optional_texts(problems, "checkpoint_copies");
    section.finish(problems);
    let durability = match mode? {
        Mode::Process => Durability::Process,
        Mode::Interval => Durability::Interval(interval?),
    };
    let segment_bytes = u64::try_from(mib?).ok()?.checked_mul(1 << 20)?;
    Some(JournalConfig {
        dir: dir?,
        segment_bytes,
        durability,
        snapshot_every: snapshot_every?,
        seal: is_sealed?.then_some(SealConfig {
            key: key.map(PathBuf::from),
            copies: copies?.into_iter().map(PathBuf::from).collect(),
        }),
    })
}

/// A restart applies what stands behind the last snapshot: this long, at most.
fn read_snapshot_every(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Duration> {
    let range = Duration::from_secs(1)..=Duration::from_hours(24);
    let default = Some(Duration::from_secs(60));
    section.duration(problems, "snapshot_every", range, default)
}
