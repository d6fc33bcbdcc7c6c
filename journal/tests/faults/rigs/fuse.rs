//! Rigs B and C: a FUSE file system in memory that records what the kernel writes, and when.
//!
//! Speaks the protocol itself, with `/dev/fuse`, as root. Its files are one folder's. Whoever works
//! on it must be another process: a page fault of ours would wait for ourselves.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::mount::MountFlags;

use super::loopfs::Mount;
use super::protocol::{Answer, ROOT, Request, op};

const ENOENT: i32 = 2;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const ENOSYS: i32 = 38;

/// Something that reached the "disk".
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Write {
        node: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    Size {
        node: u64,
        len: usize,
    },
    Sync {
        node: u64,
    },
    SyncFailed,
    Create {
        node: u64,
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        name: String,
    },
}

/// What goes wrong from now on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// So many writes of records fail with EIO; with `u32::MAX` every write of anything. One that
    /// hit a segment still being made would only have it made again.
    pub(crate) writes: u32,
    /// The same for syncs of segments with records.
    pub(crate) syncs: u32,
    /// Reads of records fail with EIO.
    pub(crate) reads: bool,
    /// A sync is answered so much later.
    pub(crate) delay: Duration,
    /// No file grows any more.
    pub(crate) is_full: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) names: BTreeMap<String, u64>,
    pub(crate) files: BTreeMap<u64, Vec<u8>>,
    next: u64,
    pub(crate) events: Vec<Event>,
    pub(crate) faults: Faults,
}

/// The mounted file system.
pub(crate) struct Fuse {
    state: Arc<Mutex<State>>,
    mount: Option<Mount>,
    server: Option<JoinHandle<()>>,
    base: tempfile::TempDir,
}

impl Fuse {
    /// With these files in it.
    pub(crate) fn new(files: &[(&str, usize)]) -> Self {
        let base = tempfile::tempdir().unwrap();
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .unwrap();
        let data = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        let flags = MountFlags::empty();
        let mount = Mount::new("recorder", base.path(), "fuse", flags, &data).unwrap();
        let mut state = State {
            next: ROOT + 1,
            ..State::default()
        };
        for &(name, len) in files {
            state.create(name);
            state.files.insert(state.next - 1, vec![0; len]);
        }
        state.events.clear();
        let state = Arc::new(Mutex::new(state));
        let theirs = Arc::clone(&state);
        let server = Some(thread::spawn(move || serve(device, &theirs)));
        Self {
            state,
            mount: Some(mount),
            server,
            base,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.base.path()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.mount = None;
        if let Some(server) = self.server.take() {
            // It ends with the mount.
            let _ = server.join();
        }
    }
}

fn serve(mut device: File, state: &Mutex<State>) {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let len = match device.read(&mut buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // Unmounted.
            Err(_) => return,
        };
        let request = Request::parse(&buffer[..len]);
        if matches!(request.op, op::FORGET | op::BATCH_FORGET | op::INTERRUPT) {
            continue;
        }
        let delay = state.lock().unwrap().faults.delay;
        if request.op == op::FSYNC && !delay.is_zero() {
            thread::sleep(delay);
        }
        let answer = state.lock().unwrap().answer(&request);
        let (error, body) = match answer {
            Ok(answer) => (0, answer.0),
            Err(errno) => (-errno, Vec::new()),
        };
        let len = u32::try_from(16 + body.len()).unwrap();
        let mut bytes = len.to_le_bytes().to_vec();
        bytes.extend_from_slice(&error.to_le_bytes());
        bytes.extend_from_slice(&request.unique.to_le_bytes());
        bytes.extend_from_slice(&body);
        // Fails if the request was interrupted: nobody waits for it.
        let _ = device.write_all(&bytes);
        if request.op == op::DESTROY {
            return;
        }
    }
}

impl State {
    fn create(&mut self, name: &str) -> u64 {
        let node = self.next;
        self.next += 1;
        self.files.insert(node, Vec::new());
        self.names.insert(name.to_owned(), node);
        let name = name.to_owned();
        self.events.push(Event::Create { node, name });
        node
    }

    fn size(&self, node: u64) -> u64 {
        self.files.get(&node).map_or(0, Vec::len) as u64
    }

    fn resize(&mut self, node: u64, len: usize) -> Result<(), i32> {
        let is_full = self.faults.is_full;
        let file = self.files.get_mut(&node).ok_or(ENOENT)?;
        if is_full && file.len() < len {
            return Err(ENOSPC);
        }
        if file.len() != len {
            file.resize(len, 0);
            self.events.push(Event::Size { node, len });
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request<'_>) -> Result<Answer, i32> {
        let node = request.node;
        match request.op {
            op::INIT => Ok(Answer::init()),
            op::LOOKUP => {
                let name = request.names(0).pop().unwrap_or_default();
                let node = *self.names.get(&name).ok_or(ENOENT)?;
                Ok(Answer::entry(node, self.size(node)))
            }
            op::GETATTR => Ok(Answer::attr_out(node, self.size(node))),
            op::SETATTR => {
                const SIZE: u32 = 1 << 3;
                if request.u32(0) & SIZE != 0 {
                    self.resize(node, index(request.u64(16)))?;
                }
                Ok(Answer::attr_out(node, self.size(node)))
            }
            op::OPEN | op::OPENDIR => Ok(Answer::default().open()),
            op::CREATE => {
                let name = request.names(16).pop().unwrap_or_default();
                let node = self.create(&name);
                Ok(Answer::entry(node, 0).open())
            }
            op::READ => self.read(request),
            op::WRITE => self.write(request),
            op::FSYNC => self.sync(node),
            op::FALLOCATE => {
                let end = index(request.u64(8) + request.u64(16));
                let len = end.max(index(self.size(node)));
                self.resize(node, len).map(|()| Answer::default())
            }
            op::READDIR => Ok(self.list(request)),
            op::RENAME => self.rename(&request.names(8)),
            op::RENAME2 => self.rename(&request.names(16)),
            op::UNLINK => {
                let name = request.names(0).pop().unwrap_or_default();
                self.names.remove(&name).ok_or(ENOENT)?;
                self.events.push(Event::Unlink { name });
                Ok(Answer::default())
            }
            op::STATFS => Ok(Answer::default().zeros(40).u32(4096).u32(255).zeros(32)),
            op::RELEASE | op::RELEASEDIR | op::FLUSH | op::FSYNCDIR | op::DESTROY => {
                Ok(Answer::default())
            }
            _ => Err(ENOSYS),
        }
    }

    fn read(&self, request: &Request<'_>) -> Result<Answer, i32> {
        let (from, len) = (index(request.u64(8)), request.u32(16) as usize);
        let file = self.files.get(&request.node).ok_or(ENOENT)?;
        if self.faults.reads && from + len > 4096 && file.len() > 8192 {
            return Err(EIO);
        }
        let from = from.min(file.len());
        let end = (from + len).min(file.len());
        Ok(Answer(file[from..end].to_vec()))
    }

    fn write(&mut self, request: &Request<'_>) -> Result<Answer, i32> {
        let (offset, len) = (index(request.u64(8)), request.u32(16));
        let bytes = request.body[40..40 + len as usize].to_vec();
        let node = request.node;
        match self.faults.writes {
            u32::MAX => return Err(EIO),
            left @ 1.. if self.has_records(node, offset, &bytes) => {
                self.faults.writes = left - 1;
                return Err(EIO);
            }
            _ => {}
        }
        let end = offset + bytes.len();
        if index(self.size(node)) < end {
            self.resize(node, end)?;
        }
        let file = self.files.get_mut(&node).ok_or(ENOENT)?;
        file[offset..end].copy_from_slice(&bytes);
        self.events.push(Event::Write {
            node,
            offset,
            bytes,
        });
        Ok(Answer::default().u32(len).u32(0))
    }

    /// Whether these bytes are records for a segment, and not the zeros of one that is being made.
    fn has_records(&self, node: u64, offset: usize, bytes: &[u8]) -> bool {
        let behind_header = bytes.iter().skip(4096_usize.saturating_sub(offset));
        let is_segment = |(name, of): (&String, &u64)| *of == node && name.starts_with("segment-");
        self.names.iter().any(is_segment) && behind_header.copied().any(|byte| byte != 0)
    }

    fn sync(&mut self, node: u64) -> Result<Answer, i32> {
        let has_records = |file: &Vec<u8>| self.has_records(node, 0, file);
        match self.faults.syncs {
            0 => {}
            u32::MAX => {
                self.events.push(Event::SyncFailed);
                return Err(EIO);
            }
            left if self.files.get(&node).is_some_and(has_records) => {
                self.faults.syncs = left - 1;
                self.events.push(Event::SyncFailed);
                return Err(EIO);
            }
            _ => {}
        }
        self.events.push(Event::Sync { node });
        Ok(Answer::default())
    }

    fn rename(&mut self, names: &[String]) -> Result<Answer, i32> {
        let [from, to] = names else {
            return Err(EIO);
        };
        let node = self.names.remove(from).ok_or(ENOENT)?;
        self.names.insert(to.clone(), node);
        let (from, to) = (from.clone(), to.clone());
        self.events.push(Event::Rename { from, to });
        Ok(Answer::default())
    }

    fn list(&self, request: &Request<'_>) -> Answer {
        let (from, room) = (request.u64(8), request.u32(16) as usize);
        let mut answer = Answer::default();
        for (index, (name, &node)) in (0..).zip(&self.names) {
            if index < from {
                continue;
            }
            if answer.0.len() + name.len() + 32 > room {
                break;
            }
            answer = answer.entry_of_list(node, index, name);
        }
        answer
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
