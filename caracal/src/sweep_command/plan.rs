//! A sweep's plan: everything that its variants are made of, kept in its directory, so that each
//! can be run by itself and a sweep that was interrupted goes on.

use std::fs;
use std::path::{Path, PathBuf};

use replay::backtest::Shift;
use serde::{Deserialize, Serialize};

use super::item::Item;
use super::variants::{Setting, Variant};
use super::walk::{Lengths, Walk, span};
use crate::backtest_command::{found_shift, whole};
use crate::output::{Failure, hex};
use crate::run::program_digest;

/// The plan's file.
const FILE: &str = "sweep.json";
/// The folder of results.
const ITEMS: &str = "items";

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Form of this file.
    pub(super) form: u32,
    /// BLAKE3 of the program's file, hexadecimal.
    pub(super) program: String,
    /// The configuration's file, for messages.
    pub(super) config: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// The data sets, as absolute paths.
    pub(super) data: Vec<PathBuf>,
    /// Records of each data set.
    pub(super) records: Vec<u64>,
    /// How the recorder's clock is moved, nanoseconds, where a variant says "auto".
    pub(super) shift_ns: i64,
    /// First time for orders.
    pub(super) from: Option<u64>,
    /// End of the data.
    pub(super) to: Option<u64>,
    /// What varies.
    pub(super) settings: Vec<Setting>,
    /// The variants.
    pub(super) variants: Vec<Variant>,
    /// Windows, if it walks forward.
    pub(super) walk: Option<Walk>,
}

/// One backtest of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Task {
    /// Its number: of a plain sweep the variant's; walking forward, first the trainings, window by
    /// window, then the tests.
    pub(super) index: usize,
    /// The variant; `None` for a test for which nothing could be chosen.
    pub(super) variant: Option<usize>,
    /// First time for orders.
    pub(super) from: Option<u64>,
    /// End of the data.
    pub(super) to: Option<u64>,
}

/// Most backtests of one plan.
const ITEMS_MAX: usize = 1_000_000;

/// Form of `sweep.json`.
const FORM: u32 = 2;

impl Plan {
    /// The plan of these variants.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the configuration or a data set cannot be read.
    pub(super) fn new(
        config: &Path,
        data: &[PathBuf],
        range: (Option<u64>, Option<u64>),
        settings: Vec<Setting>,
        variants: Vec<Variant>,
    ) -> Result<Self, Failure> {
        let text = fs::read_to_string(config)
            .map_err(|error| Failure::while_doing(&config.display().to_string(), error))?;
        let mut paths = Vec::new();
        let mut records = Vec::new();
        for path in data {
            let set = replay::backtest::DataSet::open(path).map_err(Failure::because)?;
            records.push(set.records().map_err(Failure::because)?);
            paths.push(fs::canonicalize(path).map_err(Failure::because)?);
        }
        let shift_ns = match found_shift(data)? {
            Shift::None => 0,
            Shift::By(ns) => ns,
        };
        Ok(Self {
            form: FORM,
            program: hex(&program_digest()),
            config: config.to_owned(),
            text,
            data: paths,
            records,
            shift_ns,
            from: range.0,
            to: range.1,
            settings,
            variants,
            walk: None,
        })
    }

    /// From when to when it has data of all its sets and may trade, by our clock moved by
    /// `shift_ns`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: data that cannot be read.
    pub(super) fn span(&self, shift_ns: i64) -> Result<(u64, u64), Failure> {
        let (first, end) = span(&self.data, shift_ns)?;
        let from = self.from.map_or(first, |from| from.max(first));
        let to = self.to.map_or(end, |to| to.min(end));
        Ok((from, to))
    }

    /// The same plan, in windows over its data; its clock is moved by `shift_ns`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: no window fits, or the data cannot be read.
    pub(super) fn walking(
        mut self,
        lengths: Lengths,
        anchored: bool,
        metric: &str,
        shift_ns: i64,
    ) -> Result<Self, Failure> {
        let span = self.span(shift_ns)?;
        self.walk = Some(Walk::over(span, lengths, anchored, metric)?);
        if self.count() > ITEMS_MAX {
            return Err(Failure::Message(format!(
                "--walk-forward: {} backtests: at most {ITEMS_MAX} are allowed; take fewer values \
                 or longer tests",
                self.count()
            )));
        }
        Ok(self)
    }

    /// Backtests in all.
    pub(super) fn count(&self) -> usize {
        self.trainings() + self.walk.as_ref().map_or(0, |walk| walk.windows.len())
    }

    /// Backtests that need no other's result.
    pub(super) fn trainings(&self) -> usize {
        let windows = self.walk.as_ref().map_or(1, |walk| walk.windows.len());
        self.variants.len().saturating_mul(windows)
    }

    /// Of which window item `index` is, and whether it is the test; 0 and no test of a plain sweep.
    pub(super) fn place(&self, index: usize) -> (usize, bool) {
        match index.checked_sub(self.trainings()) {
            Some(window) => (window, true),
            None => (index / self.variants.len().max(1), false),
        }
    }

    /// What item `index` is. A test's variant is chosen from the results of its window.
    ///
    /// # Errors
    ///
    /// [`Failure`]: it is a test, and a result of its training is missing or cannot be read.
    pub(super) fn task(&self, dir: &Path, index: usize) -> Result<Task, Failure> {
        let Some(walk) = &self.walk else {
            return Ok(Task {
                index,
                variant: Some(index),
                from: self.from,
                to: self.to,
            });
        };
        let count = self.variants.len();
        if index < self.trainings() {
            let window = walk.windows[index / count];
            return Ok(Task {
                index,
                variant: Some(index % count),
                from: Some(window.train_from),
                to: Some(window.test_from),
            });
        }
        let number = index - self.trainings();
        let window = walk.windows[number];
        let variant = walk.choose(&self.trained(dir, number)?);
        Ok(Task {
            index,
            variant,
            from: Some(window.test_from),
            to: Some(window.test_to),
        })
    }

    /// The results of a window's training, by variant.
    ///
    /// # Errors
    ///
    /// [`Failure`]: one is missing or cannot be read.
    pub(super) fn trained(&self, dir: &Path, window: usize) -> Result<Vec<Item>, Failure> {
        let first = window * self.variants.len();
        let all = first..first + self.variants.len();
        all.map(|index| {
            Item::load(dir, index)?.ok_or_else(|| {
                Failure::Message(format!(
                    "item {index} is missing, and window {window} chooses among items {first} to \
                     {}; run it first",
                    first + self.variants.len() - 1
                ))
            })
        })
        .collect()
    }

    /// Puts the plan into `dir`, or finds that it is there already.
    ///
    /// # Errors
    ///
    /// [`Failure`]: another sweep's results are there, or something else.
    pub(super) fn settle(&self, dir: &Path) -> Result<(), Failure> {
        let place = dir.display();
        let failed = |error| Failure::while_doing(&place.to_string(), error);
        if dir.join(FILE).exists() {
            let known = Self::load(dir)?;
            if known != *self {
                return Err(Failure::Message(format!(
                    "--out {place}: holds another sweep ({}); name another directory",
                    self.differs_from(&known)
                )));
            }
        } else {
            fs::create_dir_all(dir).map_err(failed)?;
            // A plan that was cut short by a kill is written anew.
            let draft = format!(".{FILE}");
            let mut entries = fs::read_dir(dir).map_err(failed)?;
            let other = |entry: std::io::Result<fs::DirEntry>| {
                entry.map_or(true, |entry| entry.file_name() != *draft)
            };
            if entries.any(other) {
                return Err(Failure::Message(format!(
                    "--out {place}: holds something else than a sweep; name an empty or a new \
                     directory"
                )));
            }
            let text = serde_json::to_string_pretty(self).map_err(Failure::because)?;
            whole(dir, FILE, &text)?;
        }
        fs::create_dir_all(Self::items(dir)).map_err(failed)
    }

    /// Whether this program and the data are those that the plan was made with.
    ///
    /// # Errors
    ///
    /// [`Failure`]: they are not, or the data cannot be read.
    pub(super) fn fits(&self) -> Result<(), Failure> {
        let program = hex(&program_digest());
        if program != self.program {
            return Err(Failure::Message(format!(
                "the plan is of the program {}, this is {program}: results would not belong \
                 together; run the same one, or make the plan anew",
                self.program
            )));
        }
        for (path, records) in self.data.iter().zip(&self.records) {
            let set = replay::backtest::DataSet::open(path).map_err(Failure::because)?;
            let now = set.records().map_err(Failure::because)?;
            if now != *records {
                return Err(Failure::Message(format!(
                    "{}: holds {now} records, and {records} when the plan was made; make it anew",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    fn differs_from(&self, known: &Self) -> &'static str {
        if self.program != known.program {
            "of another program"
        } else if self.text != known.text || self.config != known.config {
            "of another configuration"
        } else if self.data != known.data || self.records != known.records {
            "of other data"
        } else {
            "of other settings, times or windows"
        }
    }

    /// The plan in `dir`.
    ///
    /// # Errors
    ///
    /// [`Failure`]: there is none, or it cannot be read.
    pub(super) fn load(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(FILE);
        let place = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| {
            let what = format!("{place}: {error}; make a plan there first, with --plan");
            Failure::Message(what)
        })?;
        serde_json::from_str(&text).map_err(|error| Failure::while_doing(&place, error))
    }

    /// File name of a variant's result, in the folder that [`Self::items`] names.
    pub(super) fn item(index: usize) -> String {
        format!("item-{index:06}.json")
    }

    /// The folder of results in `dir`.
    pub(super) fn items(dir: &Path) -> PathBuf {
        dir.join(ITEMS)
    }
}
