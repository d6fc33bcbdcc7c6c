//! One file as a stream of rows in the order of local time, and several of them merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::catalog::Catalog;
use super::findings::{Finding, Findings};
use super::input::Broken;
use super::row::{Row, Rows};

/// What a reader learns and reports while it reads.
pub(super) struct Context<'a> {
    pub(super) catalog: &'a mut Catalog,
    pub(super) findings: &'a mut Findings,
}

/// A reader of one format: turns its file into rows.
pub(super) trait Format {
    /// Reads the next message of the file into rows (none, one, or several); `false` at its end.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the file cannot be read on.
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken>;
}

/// One file.
pub(super) struct Stream {
    format: Box<dyn Format>,
    rows: Rows,
    window: usize,
    /// Rows that wait for earlier ones, by local time and then by their order in the file.
    waiting: BTreeMap<(u64, u64), Row>,
    taken: u64,
    last_read_ns: u64,
    last_given_ns: u64,
    is_over: bool,
    /// Why it cannot be read on; told when the rows before it are given.
    broken: Option<Broken>,
}

impl Stream {
    /// Rows of `format`; those that stand up to `window` rows too late are sorted.
    pub(super) fn new(format: Box<dyn Format>, window: usize) -> Self {
        Self {
            format,
            rows: Rows::default(),
            window,
            waiting: BTreeMap::new(),
            taken: 0,
            last_read_ns: 0,
            last_given_ns: 0,
            is_over: false,
            broken: None,
        }
    }

    /// The next row as it stands in the file, in whatever order.
    ///
    /// # Errors
    ///
    /// As [`Format::read`].
    pub(super) fn unsorted(&mut self, context: &mut Context<'_>) -> Result<Option<Row>, Broken> {
        loop {
            if let Some(row) = self.rows.pop() {
                return Ok(Some(row));
            }
            if self.is_over {
                return Ok(None);
            }
            self.is_over = !self.format.read(&mut self.rows, context)?;
        }
    }

    /// The next row in the order of local time.
    ///
    /// # Errors
    ///
    /// [`Broken`]: as [`Format::read`], or the row stands too late.
    fn next(&mut self, context: &mut Context<'_>) -> Result<Option<Row>, Broken> {
        while self.broken.is_none() && self.waiting.len() <= self.window {
            match self.take(context) {
                Ok(true) => {}
                Ok(false) => break,
                Err(broken) => self.broken = Some(broken),
            }
        }
        let next = self.waiting.pop_first().map(|(_, row)| row);
        match (next, &self.broken) {
            (Some(row), _) => {
                self.last_given_ns = row.head.local_ns;
                Ok(Some(row))
            }
            (None, Some(broken)) => Err(broken.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Takes one row of the file among those that wait; `false` at the end.
    fn take(&mut self, context: &mut Context<'_>) -> Result<bool, Broken> {
        let Some(row) = self.unsorted(context)? else {
            return Ok(false);
        };
        let local_ns = row.head.local_ns;
        if local_ns < self.last_read_ns {
            let behind = self.last_read_ns - local_ns;
            self.too_late(&row, behind)?;
            let text = || format!("{behind} ns before the row above it");
            context
                .findings
                .add(Finding::LocalBackwards, &row.head, text);
        }
        self.last_read_ns = self.last_read_ns.max(local_ns);
        self.taken += 1;
        self.waiting.insert((local_ns, self.taken), row);
        Ok(true)
    }

    fn too_late(&self, row: &Row, behind: u64) -> Result<(), Broken> {
        if self.window > 0 && row.head.local_ns >= self.last_given_ns {
            return Ok(());
        }
        let what = if self.window == 0 {
            "sort the file, or give --sort-window ROWS"
        } else {
            "which is more than --sort-window can sort"
        };
        Err(Broken {
            line: row.head.line,
            reason: format!("is {behind} ns earlier than a row above it: {what}"),
        })
    }

    /// Gives a row's lists back.
    pub(super) fn recycle(&mut self, row: Row) {
        self.rows.recycle(row);
    }
}

/// Several files as one stream.
pub(super) struct Merged {
    streams: Vec<Stream>,
    heads: Vec<Option<Row>>,
    /// Local time of each head and its file; the earlier file first at equal times.
    order: BinaryHeap<Reverse<(u64, usize)>>,
    /// The file that cannot be read on, and why.
    broken: Option<(usize, Broken)>,
}

impl Merged {
    /// The rows of all `streams`, which are in the order of the files.
    pub(super) fn new(streams: Vec<Stream>, context: &mut Context<'_>) -> Self {
        let mut merged = Self {
            heads: streams.iter().map(|_| None).collect(),
            streams,
            order: BinaryHeap::new(),
            broken: None,
        };
        for file in 0..merged.streams.len() {
            merged.refill(file, context);
        }
        merged
    }

    /// The next row of all; `None` at the end of the last file.
    ///
    /// # Errors
    ///
    /// The file that cannot be read on, and why. Its rows before that were given.
    pub(super) fn next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Result<Option<Row>, (usize, Broken)> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let Some(Reverse((_, file))) = self.order.pop() else {
            return Ok(None);
        };
        let row = self.heads[file].take();
        self.refill(file, context);
        Ok(row)
    }

    /// Gives a row's lists back to its stream.
    pub(super) fn recycle(&mut self, row: Row) {
        self.streams[row.head.file].recycle(row);
    }

    fn refill(&mut self, file: usize, context: &mut Context<'_>) {
        match self.streams[file].next(context) {
            Ok(Some(row)) => {
                self.order.push(Reverse((row.head.local_ns, file)));
                self.heads[file] = Some(row);
            }
            Ok(None) => {}
            Err(broken) => self.broken = Some((file, broken)),
        }
    }
}
