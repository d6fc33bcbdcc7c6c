//! Who has a journal: the process that holds the lock, for a person who wants to know.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use journal::{OpenError, UpkeepError};

use crate::output::Failure;

/// The failure with the lock's holder, if it is about the lock.
pub(super) fn upkeep_failure(journal: &Path, error: &UpkeepError) -> Failure {
    match error {
        UpkeepError::Open(error) => open_failure(journal, error),
        UpkeepError::Busy { .. }
        | UpkeepError::Damaged(_)
        | UpkeepError::Level { .. }
        | UpkeepError::NotTheSame { .. }
        | UpkeepError::Snapshot(_) => Failure::because(error),
    }
}

/// As [`upkeep_failure`].
pub(super) fn open_failure(journal: &Path, error: &OpenError) -> Failure {
    let is_locked = matches!(error, OpenError::Locked { .. });
    match is_locked.then(|| holder(&journal.join("lock"))).flatten() {
        Some(holder) => Failure::Message(format!("{error} (process {holder} has it)")),
        None => Failure::because(error),
    }
}

/// `1234, caracal`: number and name of the process that holds a lock on `path`, if the system says.
fn holder(path: &Path) -> Option<String> {
    let inode = fs::metadata(path).ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = pid_in(&locks, inode)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{pid}, {}", name.trim_end()))
}

/// The process in a line such as `1: FLOCK  ADVISORY  WRITE 1234 08:02:131128 0 EOF`.
fn pid_in(locks: &str, inode: u64) -> Option<u32> {
    let is_it = |place: &str| place.rsplit(':').next() == Some(&inode.to_string());
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, _, _, pid, place) = (
            words.next()?,
            words.next()?,
            words.next()?,
            words.next()?,
            words.next()?,
        );
        (kind == "FLOCK" && is_it(place)).then(|| pid.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_in_finds_the_holder_and_not_who_waits() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:02:42 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 1234 08:02:42 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 99 08:02:42 0 EOF\n";
        assert_eq!(pid_in(locks, 42), Some(1234));
        assert_eq!(pid_in(locks, 2), None);
        assert_eq!(pid_in("", 42), None);
    }
}
