//! The kernel's side of FUSE, as bytes: what a request holds and how an answer looks.
//!
//! Layouts are those of `linux/fuse.h`, protocol 7.31.

/// Kinds of request that are answered.
pub(super) mod op {
    pub(crate) const LOOKUP: u32 = 1;
    pub(crate) const FORGET: u32 = 2;
    pub(crate) const GETATTR: u32 = 3;
    pub(crate) const SETATTR: u32 = 4;
    pub(crate) const UNLINK: u32 = 10;
    pub(crate) const RENAME: u32 = 12;
    pub(crate) const OPEN: u32 = 14;
    pub(crate) const READ: u32 = 15;
    pub(crate) const WRITE: u32 = 16;
    pub(crate) const STATFS: u32 = 17;
    pub(crate) const RELEASE: u32 = 18;
    pub(crate) const FSYNC: u32 = 20;
    pub(crate) const FLUSH: u32 = 25;
    pub(crate) const INIT: u32 = 26;
    pub(crate) const OPENDIR: u32 = 27;
    pub(crate) const READDIR: u32 = 28;
    pub(crate) const RELEASEDIR: u32 = 29;
    pub(crate) const FSYNCDIR: u32 = 30;
    pub(crate) const CREATE: u32 = 35;
    pub(crate) const INTERRUPT: u32 = 36;
    pub(crate) const DESTROY: u32 = 38;
    pub(crate) const BATCH_FORGET: u32 = 42;
    pub(crate) const FALLOCATE: u32 = 43;
    pub(crate) const RENAME2: u32 = 45;
}

pub(super) const ROOT: u64 = 1;
pub(super) const HEADER: usize = 40;

/// One request.
pub(super) struct Request<'a> {
    pub(super) op: u32,
    pub(super) unique: u64,
    pub(super) node: u64,
    pub(super) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        let body = &bytes[HEADER..];
        let head = Request {
            op: 0,
            unique: 0,
            node: 0,
            body: bytes,
        };
        Request {
            op: head.u32(4),
            unique: head.u64(8),
            node: head.u64(16),
            body,
        }
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.body[at..at + 4].try_into().unwrap())
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.body[at..at + 8].try_into().unwrap())
    }

    /// Names that end in zero, from a place in the body on.
    pub(super) fn names(&self, at: usize) -> Vec<String> {
        let names = self.body[at..].split(|&byte| byte == 0);
        names
            .filter(|name| !name.is_empty())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    }
}

/// Builds an answer.
#[derive(Default)]
pub(super) struct Answer(pub(super) Vec<u8>);

impl Answer {
    pub(super) fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(super) fn zeros(mut self, count: usize) -> Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    /// `fuse_init_out`: large writes, at most 128 KiB.
    pub(super) fn init() -> Self {
        const BIG_WRITES: u32 = 1 << 5;
        const MAX_PAGES: u32 = 1 << 22;
        Self::default()
            .u32(7)
            .u32(31)
            .u32(1 << 17)
            .u32(BIG_WRITES | MAX_PAGES)
            .u16(16)
            .u16(12)
            .u32(1 << 17)
            .u32(1)
            .u16(32)
            .zeros(34)
    }

    /// `fuse_attr` of a file of `size` bytes, or of the directory.
    pub(super) fn attr(self, node: u64, size: u64) -> Self {
        let mode = if node == ROOT { 0o40755 } else { 0o100_644 };
        self.u64(node)
            .u64(size)
            .u64(size / 512)
            .zeros(24)
            .zeros(12)
            .u32(mode)
            .u32(1)
            .zeros(12)
            .u32(4096)
            .u32(0)
    }

    /// `fuse_attr_out`.
    pub(super) fn attr_out(node: u64, size: u64) -> Self {
        Self::default().u64(1000).u32(0).u32(0).attr(node, size)
    }

    /// `fuse_entry_out`.
    pub(super) fn entry(node: u64, size: u64) -> Self {
        Self::default()
            .u64(node)
            .u64(0)
            .u64(1000)
            .u64(1000)
            .u32(0)
            .u32(0)
            .attr(node, size)
    }

    /// `fuse_open_out`, after what is there already.
    pub(super) fn open(self) -> Self {
        self.u64(7).u32(0).u32(0)
    }

    /// One `fuse_dirent`.
    pub(super) fn entry_of_list(self, node: u64, index: u64, name: &str) -> Self {
        let kind = if node == ROOT { 4 } else { 8 };
        let len = u32::try_from(name.len()).unwrap();
        let mut new = self.u64(node).u64(index + 1).u32(len).u32(kind);
        new.0.extend_from_slice(name.as_bytes());
        let pad = new.0.len().next_multiple_of(8) - new.0.len();
        new.zeros(pad)
    }
}
