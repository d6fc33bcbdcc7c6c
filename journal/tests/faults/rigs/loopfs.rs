//! Rig A: an ext4 file system of our own on a loop device, whose power can be cut.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use super::shutdown::shut_down;

/// Runs a program; its standard output.
pub(crate) fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A loop device on a file; detached when dropped.
pub(crate) struct Loop {
    pub(crate) device: String,
}

impl Loop {
    pub(crate) fn on(file: &Path) -> Self {
        let device = run("losetup", &["--find", "--show", file.to_str().unwrap()]);
        Self { device }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // It may still be busy for a moment behind an unmount.
        for _ in 0..50 {
            let status = Command::new("losetup").args(["-d", &self.device]).status();
            if status.is_ok_and(|status| status.success()) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// A mounted file system; unmounted when dropped.
pub(crate) struct Mount {
    pub(crate) dir: PathBuf,
}

impl Mount {
    /// Mounts `source` on `dir`; what the system says if it cannot.
    pub(crate) fn new(
        source: &str,
        dir: &Path,
        kind: &str,
        flags: MountFlags,
        data: &str,
    ) -> std::io::Result<Self> {
        let data = std::ffi::CString::new(data).unwrap();
        mount(source, dir, kind, flags, data.as_c_str())?;
        let dir = dir.to_path_buf();
        Ok(Self { dir })
    }

    pub(crate) fn remount(&self, data: &str) -> std::io::Result<()> {
        Ok(mount_remount(&self.dir, MountFlags::empty(), data)?)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        for _ in 0..50 {
            if unmount(&self.dir, UnmountFlags::empty()).is_ok() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        // Somebody holds a file: it goes when that is closed.
        let _ = unmount(&self.dir, UnmountFlags::DETACH);
    }
}

/// ext4 on a loop device on a file.
pub(crate) struct LoopFs {
    // In the order in which they must go.
    mount: Option<Mount>,
    device: Option<Loop>,
    base: tempfile::TempDir,
}

impl LoopFs {
    pub(crate) fn new(mebibytes: u64) -> Self {
        let base = tempfile::tempdir().unwrap();
        let image = base.path().join("image");
        File::create(&image)
            .unwrap()
            .set_len(mebibytes << 20)
            .unwrap();
        run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        fs::create_dir(base.path().join("mount")).unwrap();
        let mut new = Self {
            mount: None,
            device: None,
            base,
        };
        new.attach(MountFlags::empty());
        new
    }

    fn attach(&mut self, flags: MountFlags) {
        let device = Loop::on(&self.base.path().join("image"));
        let dir = self.base.path().join("mount");
        self.mount = Some(Mount::new(&device.device, &dir, "ext4", flags, "").unwrap());
        self.device = Some(device);
    }

    fn detach(&mut self) {
        self.mount = None;
        self.device = None;
    }

    pub(crate) fn mount(&self) -> &Mount {
        self.mount.as_ref().unwrap()
    }

    /// A folder on it.
    pub(crate) fn dir(&self) -> PathBuf {
        self.mount().dir.join("journal")
    }

    /// The power is cut: what the device does not have is gone, in the middle of anything.
    pub(crate) fn cut_power(&self) {
        let top = File::open(&self.mount().dir).unwrap();
        shut_down(&top).unwrap();
    }

    /// The machine starts again. Nobody may hold a file of it.
    pub(crate) fn start_again(&mut self) {
        self.detach();
        self.attach(MountFlags::empty());
    }

    pub(crate) fn mount_read_only(&mut self) {
        self.detach();
        self.attach(MountFlags::RDONLY);
    }
}

/// Makes the journal in `dir` look as if another kernel had run since: the boot id in the
/// superblock is another one, as after a real power failure.
pub(crate) fn as_another_boot(dir: &Path) {
    let path = dir.join("superblock");
    let Ok(mut bytes) = fs::read(&path) else {
        return;
    };
    for start in [0, 4096] {
        let Some(slot) = bytes.get_mut(start..start + 512) else {
            continue;
        };
        let stored = u32::from_le_bytes(slot[508..].try_into().unwrap());
        // A torn slot stays one.
        if crc32c::crc32c(&slot[..508]) == stored {
            slot[72] ^= 1;
            let checksum = crc32c::crc32c(&slot[..508]);
            slot[508..].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    fs::write(&path, bytes).unwrap();
}
