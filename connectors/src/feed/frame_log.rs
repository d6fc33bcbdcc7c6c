//! Raw frames beside the journal: each as the venue sent it, with the time at which it was read.
//!
//! The file is what `caracal import binance-capture` (or `okx-capture`) reads: gzip, a frame a
//! line, the time in nanoseconds since the Unix epoch before it. A snapshot that came over REST
//! stands in an envelope whose stream is its symbol and `@snapshot`. Of redundant connections only
//! the first is recorded.
//!
//! The feed puts frames into a bounded ring of bytes and never waits; what finds no place is
//! counted and said. A helper thread compresses and writes; when it fails, all frames are dropped.
//!
//! Thread: the feed's, and a helper. Hot path: [`FrameLog::put`], when switched on. Allocates: the
//! helper only.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use rtrb::{Consumer, Producer, RingBuffer};

/// Bytes that may wait for the helper: seconds of a busy market.
const RING_BYTES: usize = 16 << 20;
const HEAD_BYTES: usize = 12;
const FLUSH_APART: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_millis(2);

/// The way of raw frames into a file.
#[derive(Debug)]
pub struct FrameLog {
    /// `None` only while it ends.
    ring: Option<Producer<u8>>,
    helper: Option<JoinHandle<()>>,
    dropped: u64,
    told: u64,
}

impl FrameLog {
    /// Makes the file, which must not be there yet, and starts the helper.
    ///
    /// # Errors
    ///
    /// The file cannot be made, or the thread cannot be started.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        let (ring, frames) = RingBuffer::new(RING_BYTES);
        let helper = std::thread::Builder::new()
            .name("frames".to_owned())
            .spawn(move || {
                // What fails leaves the ring abandoned: the feed counts what it cannot put.
                let _gone = Writer::new(file, frames).run();
            })?;
        Ok(Self {
            ring: Some(ring),
            helper: Some(helper),
            dropped: 0,
            told: 0,
        })
    }

    /// Records a frame, in parts, or counts it as dropped.
    pub(super) fn put(&mut self, stamp_ns: u64, parts: &[&[u8]]) {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(bytes).ok();
        let ring = self.ring.as_mut().filter(|ring| !ring.is_abandoned());
        let (Some(ring), Some(length)) = (ring, length) else {
            self.dropped += 1;
            return;
        };
        let Ok(mut chunk) = ring.write_chunk(HEAD_BYTES + bytes) else {
            self.dropped += 1;
            return;
        };
        let (first, second) = chunk.as_mut_slices();
        let head = [&stamp_ns.to_le_bytes()[..], &length.to_le_bytes()[..]];
        let end = first.len();
        let mut at = 0;
        for part in head.iter().chain(parts) {
            // The ring's end may lie within a part.
            let before = part.len().min(end.saturating_sub(at));
            let (here, behind) = part.split_at(before);
            first[at.min(end)..][..before].copy_from_slice(here);
            let place = (at + before).saturating_sub(end);
            second[place..][..behind.len()].copy_from_slice(behind);
            at += part.len();
        }
        chunk.commit_all();
    }

    /// Whether frames were dropped since the last [`Self::news`].
    pub(super) const fn has_news(&self) -> bool {
        self.dropped > self.told
    }

    /// How many frames were dropped so far, if that is news.
    pub(super) fn news(&mut self) -> Option<u64> {
        let is_news = self.has_news();
        self.told = self.dropped;
        is_news.then_some(self.dropped)
    }
}

impl Drop for FrameLog {
    /// Waits until everything is in the file.
    fn drop(&mut self) {
        drop(self.ring.take());
        if let Some(helper) = self.helper.take() {
            let _ended = helper.join();
        }
    }
}

/// The helper's side.
struct Writer {
    out: GzEncoder<File>,
    ring: Consumer<u8>,
    /// Bytes of a frame that is not whole yet.
    rest: Vec<u8>,
}

impl Writer {
    fn new(file: File, ring: Consumer<u8>) -> Self {
        Self {
            out: GzEncoder::new(file, Compression::fast()),
            ring,
            rest: Vec::new(),
        }
    }

    fn run(mut self) -> io::Result<()> {
        let mut flushed = Instant::now();
        loop {
            // Looked at first: what was put before the end is read below.
            let is_over = self.ring.is_abandoned();
            let available = self.ring.slots();
            if let Ok(chunk) = self.ring.read_chunk(available) {
                let (first, second) = chunk.as_slices();
                self.rest.extend_from_slice(first);
                self.rest.extend_from_slice(second);
                chunk.commit_all();
            }
            self.write()?;
            if is_over {
                return self.out.finish()?.sync_all();
            }
            if flushed.elapsed() >= FLUSH_APART {
                self.out.flush()?;
                flushed = Instant::now();
            }
            if available == 0 {
                std::thread::sleep(IDLE);
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Some(head) = self.rest[at..].first_chunk::<HEAD_BYTES>() {
            let [t0, t1, t2, t3, t4, t5, t6, t7, l0, l1, l2, l3] = *head;
            let stamp_ns = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let start = at + HEAD_BYTES;
            let Some(frame) = self.rest.get_mut(start..start + length) else {
                break;
            };
            // A line break between members would end the line.
            for byte in frame.iter_mut().filter(|byte| **byte == b'\n') {
                *byte = b' ';
            }
            write!(self.out, "{stamp_ns} ")?;
            self.out.write_all(frame)?;
            self.out.write_all(b"\n")?;
            at = start + length;
        }
        self.rest.drain(..at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        let mut text = String::new();
        let file = File::open(path).unwrap();
        let mut unpacked = flate2::read::GzDecoder::new(file);
        unpacked.read_to_string(&mut text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn frames_are_lines_with_their_times() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("frames.gz");
        let mut log = FrameLog::create(&path).unwrap();
        for number in 0..10_000_u64 {
            log.put(number, &[b"{\"a\":\n", number.to_string().as_bytes(), b"}"]);
        }
        assert_eq!(log.news(), None);
        drop(log);
        let lines = lines(&path);
        assert_eq!(lines.len(), 10_000);
        assert_eq!(lines[9_876], "9876 {\"a\": 9876}");
        assert!(FrameLog::create(&path).is_err(), "never overwritten");
    }

    #[test]
    fn what_finds_no_place_is_counted_and_the_rest_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("frames.gz");
        let mut log = FrameLog::create(&path).unwrap();
        let large = vec![b'7'; RING_BYTES];
        log.put(1, &[b"before"]);
        log.put(2, &[&large]);
        log.put(3, &[b"behind"]);
        assert_eq!(log.news(), Some(1));
        assert_eq!(log.news(), None, "said once");
        drop(log);
        assert_eq!(lines(&path), ["1 before", "3 behind"]);
    }

    #[test]
    fn ring_that_begins_anew_keeps_every_byte() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("frames.gz");
        let mut log = FrameLog::create(&path).unwrap();
        let text = "0123456789".repeat(997);
        // Three times around; the helper is waited for.
        for number in 0..3 * RING_BYTES / text.len() {
            while log.ring.as_ref().unwrap().slots() < 2 * text.len() {
                std::thread::sleep(IDLE);
            }
            log.put(number as u64, &[text.as_bytes(), b"!"]);
        }
        assert_eq!(log.news(), None);
        drop(log);
        for (number, line) in lines(&path).iter().enumerate() {
            assert_eq!(*line, format!("{number} {text}!"));
        }
    }

    #[test]
    fn full_disk_drops_frames_and_nothing_else() {
        let full = File::options().write(true).open("/dev/full");
        let Ok(file) = full else { return };
        let (ring, frames) = RingBuffer::new(1 << 20);
        let helper = std::thread::spawn(move || {
            let _gone = Writer::new(file, frames).run();
        });
        let mut log = FrameLog {
            ring: Some(ring),
            helper: Some(helper),
            dropped: 0,
            told: 0,
        };
        let start = Instant::now();
        while log.news().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10));
            log.put(1, &[&[b'x'; 1_000]]);
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}
