//! A simulated disk: files on the heap with a page cache above them and the disk apart.
//!
//! Stores through mappings and writes change the cache. A sync makes it stable; between syncs,
//! [`Sim::write_back`] hands dirty pages to the drive, as a kernel does when it likes. A power
//! failure ([`crash`]) keeps for every sector one of the versions that it may have: the stable one,
//! one that was handed over, or the cache's. Names are stable only after a sync of the directory.
//!
//! Every call is counted, and one can be made to fail, once or for good, or to be the last one of
//! the process. Nothing depends on time or on the address of anything: a seed makes all of it.

pub(crate) mod crash;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use journal::Folder;
use journal::storage::{Access, FileSystem, Held, Pages, Storage, StoredFile};
use rand::RngExt;
use rand_pcg::Pcg64;

/// What a kernel writes back at once, if not told otherwise.
const PAGE: usize = 4096;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The system's number.
    Errno(i32),
    /// Reads and writes do half of it; other calls are done.
    Short,
    /// The process ends before the call is made.
    Kill,
}

/// Which call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Number of the call, counted from 1 since the plan was made.
    pub(crate) at: u64,
    /// All later ones fail as well.
    pub(crate) for_good: bool,
    pub(crate) fault: Fault,
}

/// One file.
#[derive(Debug, Clone)]
struct Inode {
    /// The page cache: what every process sees.
    cache: Arc<PagesOf>,
    len: usize,
    /// What the kernel believes to be on the disk or on the way to it.
    clean: Vec<u8>,
    /// What is on the disk.
    stable: Vec<u8>,
    /// What was handed to the drive since the last flush, oldest first.
    pending: Vec<(usize, Vec<u8>)>,
}

/// `Pages` that can be shown.
struct PagesOf(Arc<Pages>);

impl std::fmt::Debug for PagesOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.size())
    }
}

/// A change of the directory that is not stable yet.
#[derive(Debug, Clone)]
enum NameChange {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
}

#[derive(Debug)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    stable_names: BTreeMap<PathBuf, usize>,
    changes: Vec<NameChange>,
    locked: BTreeSet<PathBuf>,
    boot: u8,
    /// Nanoseconds; each look at it adds `clock_step`, which may be negative.
    clock: i64,
    clock_step: i64,
    calls: u64,
    plan: Option<Plan>,
    is_dead: bool,
    /// The drive says that it flushed, and did not.
    lies: bool,
    /// What the kernel writes back at once, bytes.
    page: usize,
    /// Bytes that cannot be read, by file.
    bad: Vec<(usize, std::ops::Range<u64>)>,
}

/// The disk. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Sim {
    state: Arc<Mutex<State>>,
}

impl Sim {
    pub(crate) fn new() -> Self {
        let state = State {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            stable_names: BTreeMap::new(),
            changes: Vec::new(),
            locked: BTreeSet::new(),
            boot: 1,
            clock: 1_700_000_000_000_000_000,
            clock_step: 1_000,
            calls: 0,
            plan: None,
            is_dead: false,
            lies: false,
            page: PAGE,
            bad: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The journal's directory on it.
    pub(crate) fn folder(&self) -> Folder {
        Folder::new(Arc::new(self.clone()), Path::new("/sim"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A disk of its own with the same content.
    pub(crate) fn copy(&self) -> Self {
        let state = self.state();
        let inodes = state.inodes.iter().map(Inode::copy).collect();
        let new = Self::new();
        *new.state() = State {
            inodes,
            names: state.names.clone(),
            stable_names: state.stable_names.clone(),
            changes: state.changes.clone(),
            locked: BTreeSet::new(),
            plan: None,
            is_dead: false,
            bad: state.bad.clone(),
            ..*state
        };
        new
    }

    /// From the next call on.
    pub(crate) fn plan(&self, plan: Option<Plan>) {
        let mut state = self.state();
        state.plan = plan;
        state.calls = 0;
        state.is_dead = false;
    }

    /// Calls since the plan was made.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The process has ended: only [`Self::plan`] and a crash bring another one.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    pub(crate) fn set_lies(&self, lies: bool) {
        self.state().lies = lies;
    }

    /// The kernel's pages have this many bytes.
    pub(crate) fn set_page(&self, bytes: usize) {
        self.state().page = bytes;
    }

    /// The wall clock goes on in steps of `step` nanoseconds.
    pub(crate) fn set_clock(&self, now: i64, step: i64) {
        let mut state = self.state();
        state.clock = now;
        state.clock_step = step;
    }

    /// The kernel writes back each dirty page with this chance; no flush.
    pub(crate) fn write_back(&self, random: &mut Pcg64, chance: f64) {
        let mut state = self.state();
        let page = state.page;
        for inode in &mut state.inodes {
            for (offset, bytes) in inode.dirty(page) {
                if random.random_bool(chance) {
                    inode.clean[offset..offset + bytes.len()].copy_from_slice(&bytes);
                    inode.pending.push((offset, bytes));
                }
            }
        }
    }

    /// Changes a file's bytes behind everybody's back, in the cache and on the disk.
    pub(crate) fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let inode = state.names[path];
        let inode = &mut state.inodes[inode];
        let mut bytes = inode.read_all();
        change(&mut bytes);
        *inode = Inode::stable(bytes);
    }

    /// Changes bytes as a store through a mapping does.
    pub(crate) fn change_cache(
        &self,
        path: &Path,
        offset: usize,
        len: usize,
        change: impl FnOnce(&mut [u8]),
    ) {
        let state = self.state();
        let pages = &state.inodes[state.names[path]].cache.0;
        let mut bytes = vec![0; len];
        pages.read(&mut bytes, offset);
        change(&mut bytes);
        pages.write(&bytes, offset);
    }

    /// A range of a file cannot be read from now on.
    pub(crate) fn make_bad(&self, path: &Path, range: std::ops::Range<u64>) {
        let mut state = self.state();
        let inode = state.names[path];
        state.bad.push((inode, range));
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.inodes[state.names[path]].read_all()
    }

    /// Names of all files, sorted.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// Moves, copies or removes files as a person would, durably.
    pub(crate) fn rearrange(&self, change: impl FnOnce(&mut BTreeMap<PathBuf, Vec<u8>>)) {
        let mut state = self.state();
        let mut files = BTreeMap::new();
        for (path, &inode) in &state.names {
            files.insert(path.clone(), state.inodes[inode].read_all());
        }
        change(&mut files);
        state.inodes.clear();
        state.names.clear();
        state.changes.clear();
        for (path, bytes) in files {
            let inode = state.inodes.len();
            state.inodes.push(Inode::stable(bytes));
            state.names.insert(path, inode);
        }
        state.stable_names = state.names.clone();
    }

    /// Counts a call, and lets it fail if that is planned. `Ok(true)`: do half of it.
    fn call(&self) -> io::Result<bool> {
        let mut state = self.state();
        if state.is_dead {
            return Err(io::Error::from_raw_os_error(rustix_errno::SHUTDOWN));
        }
        state.calls += 1;
        let calls = state.calls;
        let due = |plan: &Plan| calls == plan.at || plan.for_good && calls > plan.at;
        match state.plan.filter(due).map(|plan| plan.fault) {
            None => Ok(false),
            Some(Fault::Short) => Ok(true),
            Some(Fault::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
            Some(Fault::Kill) => {
                state.is_dead = true;
                Err(io::Error::from_raw_os_error(rustix_errno::SHUTDOWN))
            }
        }
    }
}

/// Numbers of the system's errors.
pub(crate) mod rustix_errno {
    pub(crate) const INTR: i32 = 4;
    pub(crate) const IO: i32 = 5;
    pub(crate) const NOSPC: i32 = 28;
    pub(crate) const SHUTDOWN: i32 = 108;
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Storage for Sim {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.call().map(|_| ())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.call()?;
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.call()?;
        Ok(self.state().names.contains_key(path))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        self.call()?;
        let mut state = self.state();
        let inode = match (state.names.get(path).copied(), access) {
            (Some(inode), Access::Read | Access::Write) => inode,
            (None, Access::Read | Access::Write) => return Err(missing()),
            (Some(inode), Access::Create) => {
                state.inodes[inode].resize(0);
                inode
            }
            (None, Access::Create) => state.link(path),
        };
        drop(state);
        Ok(Arc::new(file::SimFile {
            sim: self.clone(),
            inode,
            writable: access != Access::Read,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        let mut state = self.state();
        let inode = state.names.remove(from).ok_or_else(missing)?;
        state.names.insert(to.to_path_buf(), inode);
        let change = NameChange::Rename(from.to_path_buf(), to.to_path_buf(), inode);
        state.changes.push(change);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        let mut state = self.state();
        state.names.remove(path).ok_or_else(missing)?;
        state.changes.push(NameChange::Unlink(path.to_path_buf()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        self.call()?;
        let mut state = self.state();
        if !state.lies {
            state.stable_names = state.names.clone();
            state.changes.clear();
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        self.call()?;
        let mut state = self.state();
        if !state.locked.insert(path.to_path_buf()) {
            return Ok(None);
        }
        if !state.names.contains_key(path) {
            state.link(path);
        }
        Ok(Some(Box::new(Locked(self.clone(), path.to_path_buf()))))
    }

    fn file_system(&self, _dir: &Path) -> io::Result<FileSystem> {
        self.call()?;
        Ok(FileSystem {
            name: "ext4",
            safe: true,
        })
    }

    fn boot_id(&self) -> [u8; 16] {
        [self.state().boot; 16]
    }

    fn now_ns(&self) -> u64 {
        let mut state = self.state();
        state.clock = state.clock.saturating_add(state.clock_step);
        u64::try_from(state.clock).unwrap_or(0)
    }
}

struct Locked(Sim, PathBuf);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.state().locked.remove(&self.1);
    }
}

impl State {
    fn link(&mut self, path: &Path) -> usize {
        let inode = self.inodes.len();
        self.inodes.push(Inode::stable(Vec::new()));
        self.names.insert(path.to_path_buf(), inode);
        let change = NameChange::Link(path.to_path_buf(), inode);
        self.changes.push(change);
        inode
    }
}
