//! Rigs: what the rows with real kernels need. Where one cannot be had, its rows say so.

pub(crate) mod cgroup;
pub(crate) mod fuse;
pub(crate) mod loopfs;
mod protocol;
mod shutdown;

use std::path::Path;

/// What keeps the rigs from working here; `None` if nothing does.
pub(crate) fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root and loop devices");
    }
    let devices = ["/dev/loop-control", "/dev/fuse"];
    let is_missing = devices.iter().any(|path| !Path::new(path).exists());
    is_missing.then_some("needs loop devices and FUSE")
}
