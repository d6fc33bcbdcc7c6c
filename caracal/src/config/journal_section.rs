//! `[journal]`: where the log lives and what survives which crash.

use std::path::PathBuf;
use std::time::Duration;

use journal::{Durability, PruneOptions};

use super::keep;
use super::section::{Problems, Section};

/// Where and how to keep the journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalConfig {
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Size of a segment, bytes; a power of two.
    pub(crate) segment_bytes: u64,
    /// What survives which crash; `None` if the file does not say.
    pub(crate) durability: Option<Durability>,
    /// T of `interval`.
    pub(crate) sync_interval: Duration,
    /// X: how long events may wait for the disk, T not counted, before the engine goes cancel-only.
    pub(crate) sync_stall: Duration,
    /// What a commit of the strict modes is filled up to, bytes.
    pub(crate) commit_block: u64,
    /// Whether a file system that cannot keep the durability's promise is taken all the same.
    pub(crate) allow_unsafe_fs: bool,
    /// Time between two snapshots.
    pub(crate) snapshot_every: Duration,
    /// What of it to keep; everything, unless it says so.
    pub(crate) keep: PruneOptions,
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
    Volatile,
    Process,
    Interval,
    Group,
    Sync,
}

const MODES: [(&str, Mode); 5] = [
    ("volatile", Mode::Volatile),
    ("process", Mode::Process),
    ("interval", Mode::Interval),
    ("group", Mode::Group),
    ("sync", Mode::Sync),
];

pub(super) fn read(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<JournalConfig> {
    let dir = section
        .text(problems, "dir", Some("data/journal"))
        .map(PathBuf::from);
    let segment_bytes = read_segment_bytes(&mut section, problems);
    let is_given = section.has("durability");
    let mode = section.choice(problems, "durability", &MODES, Some(Mode::Interval));
    let range = Duration::from_millis(1)..=Duration::from_secs(1);
    let default = Some(Duration::from_millis(10));
    let sync_interval = section.duration(problems, "sync_interval", range, default);
    let range = Duration::from_millis(10)..=Duration::from_secs(60);
    let default = Some(Duration::from_millis(250));
    let sync_stall = section.duration(problems, "sync_stall", range, default);
    let commit_block = read_commit_block(&mut section, problems);
    let allow_unsafe_fs = section.flag(problems, "allow_unsafe_fs", false);
    let snapshot_every = read_snapshot_every(&mut section, problems);
    let keep = keep::read(&mut section, problems);
    let is_sealed = section.flag(problems, "seal", true);
    let key = section.optional_text(problems, "seal_key");
    let copies = section.optional_texts(problems, "checkpoint_copies");
    section.finish(problems);
    let sync_interval = sync_interval?;
    let durability = match mode? {
        Mode::Volatile => Durability::Volatile,
        Mode::Process => Durability::Process,
        Mode::Interval => Durability::Interval(sync_interval),
        Mode::Group => Durability::Group,
        Mode::Sync => Durability::Sync,
    };
    Some(JournalConfig {
        dir: dir?,
        segment_bytes: segment_bytes?,
        durability: is_given.then_some(durability),
        sync_interval,
        sync_stall: sync_stall?,
        commit_block: commit_block?,
        allow_unsafe_fs: allow_unsafe_fs?,
        snapshot_every: snapshot_every?,
        keep,
        seal: is_sealed?.then_some(SealConfig {
            key: key.map(PathBuf::from),
            copies: copies?.into_iter().map(PathBuf::from).collect(),
        }),
    })
}

fn read_segment_bytes(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<u64> {
    let mib = section.integer(problems, "segment_size_mib", 1..=4096, Some(64));
    if let Some(mib) = mib.filter(|mib| mib.count_ones() != 1) {
        let what = format!("{mib} is not allowed: a power of two from 1 to 4096 is");
        section.problem(problems, "segment_size_mib", what);
    }
    u64::try_from(mib?).ok()?.checked_mul(1 << 20)
}

fn read_commit_block(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<u64> {
    let offset = section.offset_of("commit_block");
    let bytes = section.integer(problems, "commit_block", 512..=4096, Some(4096))?;
    if !matches!(bytes, 512 | 4096) {
        let what = format!("{bytes} is not allowed: 512 or 4096 is");
        problems.push_at(offset, &section.key_path("commit_block"), what);
    }
    u64::try_from(bytes).ok()
}

/// A restart applies what stands behind the last snapshot: this long, at most.
fn read_snapshot_every(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Duration> {
    let range = Duration::from_secs(1)..=Duration::from_hours(24);
    let default = Some(Duration::from_secs(60));
    section.duration(problems, "snapshot_every", range, default)
}
