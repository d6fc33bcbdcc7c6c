//! A memory cgroup that is too small, for processes that the kernel is to kill.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A cgroup, removed when it is dropped.
pub(crate) struct MemoryGroup {
    path: PathBuf,
    is_v2: bool,
}

impl MemoryGroup {
    /// One with this much memory; `None` where there are none, or not for us.
    pub(crate) fn new(bytes: u64) -> Option<Self> {
        let name = format!("caracal-faults-{}", std::process::id());
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let is_v2 = !v1.join("memory.limit_in_bytes").exists();
        let root = if is_v2 {
            Path::new("/sys/fs/cgroup")
        } else {
            v1
        };
        let group = Self {
            path: root.join(name),
            is_v2,
        };
        fs::create_dir(&group.path).ok()?;
        let limit = if is_v2 {
            "memory.max"
        } else {
            "memory.limit_in_bytes"
        };
        fs::write(group.path.join(limit), bytes.to_string()).ok()?;
        Some(group)
    }

    /// The command's process will be in it, and have no other.
    pub(crate) fn admit(&self, command: &mut Command) {
        let procs = self.path.join("cgroup.procs");
        let program = command.get_program().to_owned();
        let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg("echo $$ > \"$0\" && exec \"$@\"")
            .arg(procs)
            .arg(program)
            .args(words)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        *command = shell;
    }

    /// How many processes the kernel has killed in it.
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = if self.is_v2 {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        let text = fs::read_to_string(self.path.join(file)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.trim().parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Fails while a process is in it; then it stays, empty and harmless, until reboot.
        let _ = fs::remove_dir(&self.path);
    }
}
