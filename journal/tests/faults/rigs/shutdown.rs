//! `EXT4_IOC_SHUTDOWN`: the one call for which there is no safe function.

use std::fs::File;
use std::io;

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

/// `_IOR('X', 125, u32)` of `fs/ext4/ext4.h`.
const SHUTDOWN: Opcode = opcode::read::<u32>(b'X', 125);
/// Nothing more is written, the file system's own journal included.
const NO_LOG_FLUSH: u32 = 2;

/// Ends all input and output of the ext4 file system that `dir` is on, as a power failure does.
pub(super) fn shut_down(dir: &File) -> io::Result<()> {
    // SAFETY: the number is the one of this call, which reads a u32 and writes nothing.
    let call = unsafe { Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH) };
    // SAFETY: `call` holds the u32 for as long as the call lasts; the kernel keeps no pointer,
    // and a file system other than ext4 refuses the number.
    unsafe { ioctl(dir, call) }?;
    Ok(())
}
