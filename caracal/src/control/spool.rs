//! The directory by which persons reach a running engine: `<journal>.control/`.
//!
//! A request is one file, written under a temporary name, synced and renamed to `NUMBER.json`. The
//! engine renames it to `taken/NUMBER.json`, and when it has an answer writes that to
//! `done/NUMBER.answer.json` and moves the request to `done/NUMBER.json`. What an engine had taken
//! when it died is taken again by the next; the machine lets no number take effect twice. A file
//! `KILL`, made by whatever means, pulls the kill switch of everything.
//!
//! Thread: main. Hot path: no.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longest request that is read, bytes.
const REQUEST_BYTES_MAX: u64 = 16 * 1024;
/// Most requests taken at one look.
const TAKEN_MAX: usize = 64;
/// Name of the file that kills.
const KILL_FILE: &str = "KILL";

/// A person's request, as the file holds it. All values are as people write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Never used before on this journal.
    pub(crate) number: u64,
    /// What is asked, for example `kill`.
    pub(crate) action: String,
    /// Who asks.
    pub(crate) by: String,
    /// Why.
    pub(crate) reason: String,
    /// About what.
    #[serde(default)]
    pub(crate) scope: Option<String>,
    /// Name of the control.
    #[serde(default)]
    pub(crate) control: Option<String>,
    /// The limit as the person saw it.
    #[serde(default)]
    pub(crate) old: Option<String>,
    /// The limit wanted; for a restriction, how long it lasts.
    #[serde(default)]
    pub(crate) new: Option<String>,
    /// The soft limit wanted.
    #[serde(default)]
    pub(crate) soft: Option<String>,
    /// Number of the proposal, or the order's client id.
    #[serde(default)]
    pub(crate) target: Option<String>,
    /// `absent` or `cancelled`.
    #[serde(default)]
    pub(crate) outcome: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Whether it took effect, or waits for a second person.
    pub(crate) accepted: bool,
    /// Lines for a person.
    pub(crate) text: String,
}

/// The spool of a journal's directory.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    dir: PathBuf,
}

impl Spool {
    /// The spool that belongs to the journal in `journal`.
    pub(crate) fn of(journal: &Path) -> Self {
        let mut name = journal.as_os_str().to_owned();
        name.push(".control");
        Self { dir: name.into() }
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes its directories.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(self.dir.join("taken"))?;
        fs::create_dir_all(self.dir.join("done"))
    }

    fn name(number: u64) -> String {
        format!("{number:020}.json")
    }

    fn answer_path(&self, number: u64) -> PathBuf {
        self.dir
            .join("done")
            .join(format!("{number:020}.answer.json"))
    }

    /// Puts a request there, whole or not at all.
    pub(crate) fn put(&self, request: &Request) -> io::Result<()> {
        self.prepare()?;
        let text = serde_json::to_vec(request)?;
        let name = Self::name(request.number);
        let hidden = self.dir.join(format!(".{name}"));
        write_synced(&hidden, &text)?;
        fs::rename(&hidden, self.dir.join(name))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Takes a request back; false if an engine has taken it.
    pub(crate) fn take_back(&self, number: u64) -> bool {
        fs::remove_file(self.dir.join(Self::name(number))).is_ok()
    }

    /// The answer to a request, once it is there.
    pub(crate) fn answer(&self, number: u64) -> Option<Answer> {
        let text = fs::read(self.answer_path(number)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether somebody wants everything killed; with the first line of the reason.
    pub(crate) fn kill_wanted(&self) -> Option<String> {
        let path = self.dir.join(KILL_FILE);
        // Whatever it is, it kills; only its text may be unreadable.
        fs::symlink_metadata(&path).ok()?;
        let text = read_bounded(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        Some(text.lines().next().unwrap_or("").trim().to_owned())
    }

    /// The kill is on its way: its file goes away.
    pub(crate) fn kill_taken(&self, now_ns: u64) -> io::Result<()> {
        let to = self.dir.join("done").join(format!("{now_ns:020}.KILL"));
        fs::rename(self.dir.join(KILL_FILE), to)
    }

    /// Takes the requests that wait, oldest number first, or those that a dead engine had taken.
    /// One that cannot be read is answered at once.
    pub(crate) fn take(&self, left_over: bool) -> io::Result<Vec<Request>> {
        let taken = self.dir.join("taken");
        let from = if left_over { &taken } else { &self.dir };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".json"));
            if let Some(number) = stem.and_then(|stem| stem.parse::<u64>().ok()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        let mut requests = Vec::new();
        for number in numbers.into_iter().take(TAKEN_MAX) {
            let path = taken.join(Self::name(number));
            if !left_over && fs::rename(self.dir.join(Self::name(number)), &path).is_err() {
                // Its person took it back.
                continue;
            }
            match read_request(&path, number) {
                Ok(request) => requests.push(request),
                Err(text) => self.finish(
                    number,
                    &Answer {
                        accepted: false,
                        text,
                    },
                )?,
            }
        }
        Ok(requests)
    }

    /// Puts the answer there, and the request to those that are done.
    pub(crate) fn finish(&self, number: u64, answer: &Answer) -> io::Result<()> {
        let name = Self::name(number);
        let path = self.answer_path(number);
        let hidden = self.dir.join("done").join(format!(".{name}"));
        write_synced(&hidden, &serde_json::to_vec(answer)?)?;
        fs::rename(&hidden, path)?;
        let _gone_already = fs::rename(
            self.dir.join("taken").join(&name),
            self.dir.join("done").join(&name),
        );
        Ok(())
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    File::open(path)?
        .take(REQUEST_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_request(path: &Path, number: u64) -> Result<Request, String> {
    let bytes = read_bounded(path).map_err(|error| format!("cannot read the request: {error}"))?;
    if bytes.len() as u64 > REQUEST_BYTES_MAX {
        return Err(format!(
            "the request is longer than {REQUEST_BYTES_MAX} bytes"
        ));
    }
    let request: Request = serde_json::from_slice(&bytes)
        .map_err(|error| format!("the request is not understood: {error}"))?;
    if request.number != number {
        return Err(format!(
            "the request's number is {}, its file's {number}",
            request.number
        ));
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u64) -> Request {
        Request {
            number,
            action: "kill".to_owned(),
            by: "anna".to_owned(),
            reason: "drill".to_owned(),
            ..Request::default()
        }
    }

    #[test]
    fn spool_hands_over_each_request_once_and_brings_the_answer_back() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::of(&dir.path().join("journal"));
        spool.prepare().unwrap();
        for number in [7, 5] {
            spool.put(&request(number)).unwrap();
        }
        assert_eq!(spool.take(false).unwrap(), [request(5), request(7)]);
        assert_eq!(spool.take(false).unwrap(), []);
        // The engine died: the next one finds them.
        assert_eq!(spool.take(true).unwrap(), [request(5), request(7)]);
        let answer = Answer {
            accepted: true,
            text: "done".to_owned(),
        };
        spool.finish(5, &answer).unwrap();
        assert_eq!(spool.answer(5), Some(answer));
        assert_eq!(spool.answer(7), None);
        assert_eq!(spool.take(true).unwrap(), [request(7)]);
    }

    #[test]
    fn spool_answers_what_it_cannot_read_and_a_request_can_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::of(&dir.path().join("journal"));
        spool.prepare().unwrap();
        let file = |number: u64| spool.dir().join(Spool::name(number));
        fs::write(file(1), b"{").unwrap();
        fs::write(file(2), serde_json::to_vec(&request(3)).unwrap()).unwrap();
        fs::write(file(4), vec![b' '; 20_000]).unwrap();
        fs::create_dir(file(6)).unwrap();
        fs::write(spool.dir().join("notes.json"), b"no number").unwrap();
        assert_eq!(spool.take(false).unwrap(), []);
        for number in [1, 2, 4, 6] {
            assert!(!spool.answer(number).unwrap().accepted, "{number}");
        }
        spool.put(&request(9)).unwrap();
        assert!(spool.take_back(9) && !spool.take_back(9));
        assert_eq!(spool.take(false).unwrap(), []);
    }

    #[test]
    fn kill_file_is_seen_whatever_it_is_and_goes_away_when_it_was_obeyed() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::of(&dir.path().join("journal"));
        spool.prepare().unwrap();
        assert_eq!(spool.kill_wanted(), None);
        fs::write(spool.dir().join("KILL"), "runaway\nmore").unwrap();
        assert_eq!(spool.kill_wanted().as_deref(), Some("runaway"));
        spool.kill_taken(1).unwrap();
        assert_eq!(spool.kill_wanted(), None);
        fs::create_dir(spool.dir().join("KILL")).unwrap();
        assert_eq!(spool.kill_wanted().as_deref(), Some(""));
        spool.kill_taken(2).unwrap();
        assert_eq!(spool.kill_wanted(), None);
    }
}
