//! Power failures of the simulated disk: which version of every sector and name survives.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_pcg::Pcg64;

use super::{Inode, NameChange, Sim};

/// Which of the versions that a sector may have it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Only what was flushed.
    Stable,
    /// Any.
    Any,
    /// The cache's, with the chance falling from the end of the file to its start: later data
    /// without earlier data.
    LaterFirst,
}

/// How a power failure treats what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) pick: Pick,
    /// Bytes that the drive writes whole: 512, 4096, or 1 for a tear at any byte.
    pub(crate) atom: usize,
    /// Sectors that were being written are garbage: no powersafe overwrite.
    pub(crate) garbage: bool,
    /// Any subset of the directory's changes survives, and not the first ones.
    pub(crate) names_reordered: bool,
}

impl Model {
    pub(crate) const fn new(pick: Pick, atom: usize) -> Self {
        Self {
            pick,
            atom,
            garbage: false,
            names_reordered: false,
        }
    }
}

impl Sim {
    /// The power fails: what is left is on the disk, and another kernel runs.
    pub(crate) fn power_fails(&self, model: Model, random: &mut Pcg64) {
        let mut state = self.state();
        let names = surviving_names(&state.stable_names, &state.changes, model, random);
        let mut used: BTreeMap<usize, usize> = BTreeMap::new();
        let mut inodes = Vec::new();
        let mut new_names = BTreeMap::new();
        for (path, inode) in names {
            let new = *used.entry(inode).or_insert_with(|| {
                let bytes = state.inodes[inode].after(model, random);
                inodes.push(Inode::stable(bytes));
                inodes.len() - 1
            });
            new_names.insert(path, new);
        }
        state.bad.clear();
        state.inodes = inodes;
        state.stable_names = new_names.clone();
        state.names = new_names;
        state.changes.clear();
        state.locked.clear();
        state.is_dead = false;
        state.plan = None;
        state.boot = state.boot.wrapping_add(1).max(1);
    }

    /// The process was killed: the kernel and its cache live on.
    pub(crate) fn process_ends(&self) {
        let mut state = self.state();
        state.locked.clear();
        state.is_dead = false;
        state.plan = None;
    }
}

fn surviving_names(
    stable: &BTreeMap<std::path::PathBuf, usize>,
    changes: &[NameChange],
    model: Model,
    random: &mut Pcg64,
) -> BTreeMap<std::path::PathBuf, usize> {
    let mut names = stable.clone();
    let count = match model.pick {
        Pick::Stable => 0,
        Pick::Any | Pick::LaterFirst => random.random_range(0..=changes.len()),
    };
    for (index, change) in changes.iter().enumerate() {
        let survives = if model.names_reordered {
            random.random_bool(0.5)
        } else {
            index < count
        };
        if !survives {
            continue;
        }
        match change {
            NameChange::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            NameChange::Unlink(path) => {
                names.remove(path);
            }
        }
    }
    names
}

impl Inode {
    /// What a power failure leaves of it.
    fn after(&self, model: Model, random: &mut Pcg64) -> Vec<u8> {
        let cache = self.read_all();
        let keep_new_len = model.pick != Pick::Stable && random.random_bool(0.5);
        let len = if keep_new_len {
            self.len
        } else {
            self.stable.len()
        };
        let mut bytes = self.stable.clone();
        bytes.resize(len, 0);
        let sector = model.atom.max(512);
        for start in (0..len).step_by(sector) {
            let end = (start + sector).min(len);
            let versions = self.versions(&cache, start, end);
            if versions.len() < 2 || model.pick == Pick::Stable {
                continue;
            }
            let new = pick(&versions, model, start, len, random);
            let place = &mut bytes[start..end];
            if model.garbage && random.random_bool(0.2) {
                random.fill(place);
            } else if model.atom == 1 {
                let cut = random.random_range(0..=place.len());
                place[..cut].copy_from_slice(&new[..cut]);
            } else {
                place.copy_from_slice(new);
            }
        }
        bytes
    }

    /// Every version of these bytes since the last flush, oldest first; the stable one is first.
    fn versions(&self, cache: &[u8], start: usize, end: usize) -> Vec<Vec<u8>> {
        let part = |bytes: &[u8], from: usize| {
            let mut part = vec![0; end - start];
            let bytes = &bytes[from.min(bytes.len())..(from + end - start).min(bytes.len())];
            part[..bytes.len()].copy_from_slice(bytes);
            part
        };
        let mut versions = vec![part(&self.stable, start)];
        for (offset, bytes) in &self.pending {
            // Pages are handed over whole; a sector may be as large as one.
            if *offset <= start && start < *offset + bytes.len() {
                versions.push(part(bytes, start - offset));
            }
        }
        versions.push(part(cache, start));
        versions.dedup();
        versions
    }
}

fn pick<'a>(
    versions: &'a [Vec<u8>],
    model: Model,
    start: usize,
    len: usize,
    random: &mut Pcg64,
) -> &'a [u8] {
    let last = versions.len() - 1;
    let index = match model.pick {
        Pick::Stable => 0,
        Pick::Any => random.random_range(0..=last),
        Pick::LaterFirst => {
            let place = u32::try_from(start).unwrap_or(u32::MAX);
            let all = u32::try_from(len).unwrap_or(u32::MAX);
            if random.random_range(0..=all) < place {
                last
            } else {
                0
            }
        }
    };
    &versions[index]
}
