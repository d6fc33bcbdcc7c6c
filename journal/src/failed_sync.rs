//! What a failed sync leaves for the next open of the same kernel: a file that says so.
//!
//! After a failed sync the kernel marks the pages clean and keeps them: whoever opens the journal
//! next, in the same boot, would read them as if they were on the disk, sync them with success, and
//! promise them. Only another boot, or a file system that was mounted again, shows what the disk
//! has. So the first one who meets the failure makes the file `sync-failed-BOOT`, which needs
//! no sync (the page cache is all that it is about), and the next open refuses.
//!
//! Thread: any, cold. Hot path: no.

use std::io;

use crate::directory::Folder;
use crate::error::OpenError;
use crate::storage::Access;

/// How the file's name starts; the boot id in hex follows. In the name, because a name may become
/// durable with the next sync of the directory, and content that was written may not.
pub(crate) const START: &str = "sync-failed-";

fn name(boot_id: [u8; 16]) -> String {
    format!("{START}{:032x}", u128::from_be_bytes(boot_id))
}

/// Passes a sync's result on, and notes a failure.
pub(crate) fn noted(folder: &Folder, result: io::Result<()>) -> io::Result<()> {
    result.inspect_err(|_| note(folder))
}

/// Best effort: a disk that does not even take this refuses the next writer's lock too.
fn note(folder: &Folder) {
    let path = folder.dir().join(name(folder.storage().boot_id()));
    // There is nobody left to tell: the failure itself is already on its way.
    let _ = folder.storage().open(&path, Access::Create);
}

/// Refuses what an earlier writer noted in this boot; removes what one noted in another.
///
/// # Errors
///
/// [`OpenError::SyncFailed`]; [`OpenError::Io`].
pub(crate) fn check(folder: &Folder, boot_id: [u8; 16]) -> Result<(), OpenError> {
    let names = folder.storage().list(folder.dir());
    for noted in names.map_err(OpenError::io("read directory", folder.dir()))? {
        if !noted.starts_with(START) {
            continue;
        }
        let path = folder.dir().join(&noted);
        // Where there are no boot ids, it may be this boot.
        if noted == name(boot_id) || noted == name([0; 16]) || boot_id == [0; 16] {
            return Err(OpenError::SyncFailed { path });
        }
        folder.remove(&path)?;
    }
    Ok(())
}
