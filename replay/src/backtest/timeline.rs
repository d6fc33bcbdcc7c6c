//! Both clocks of the market: each record happens at the venue and is heard by us, and the two
//! orders are not the same. One pass over the data gives every such moment in time's order.
//!
//! A record may reach us before one that left the venue earlier. So records are read ahead of
//! time, as far as one may be late; one that is later than that happens at the venue when it was
//! read, and is counted.

use std::collections::VecDeque;

use model::blob::{self, BlobKind};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record, flags};

use super::data::{DataError, DataSet, Head};
use super::latency::{FeedClock, Latencies};

/// How the recorder's clock is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// Our times are as recorded.
    None,
    /// Our times are moved by so many nanoseconds.
    By(i64),
}

/// Where the next moment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Here,
    There,
}

/// A moment of the market.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) at_ns: u64,
    /// Its event number, time and stamp are whatever the last one who used it made of them.
    pub(super) record: &'a mut Record,
    /// When it happened at the venue, for what is heard by us.
    pub(super) there_ns: u64,
}

#[derive(Debug)]
struct Slot {
    record: Record,
    there_ns: u64,
    left: u8,
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Timeline {
    sets: Vec<DataSet>,
    /// The next record of each data set.
    heads: Vec<Option<Head>>,
    shift: Shift,
    feed: FeedClock,
    window_ns: u64,
    to_ns: u64,
    slots: VecDeque<Slot>,
    /// Number of the first slot.
    base: u64,
    here: VecDeque<(u64, u64)>,
    there: VecDeque<(u64, u64)>,
    /// Slots of snapshots whose next change has not been read yet, by instrument.
    loose: Vec<(InstrumentId, u64)>,
    horizon_ns: u64,
    at_there_ns: u64,
    at_here_ns: u64,
    /// Where the present moment is, and its slot's place.
    side: Side,
    place: usize,
    done: bool,
    late: u64,
    taken: u64,
}

impl Timeline {
    /// The moments of `sets` from `from_ns`'s day to before `to_ns`.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub(super) fn new(
        mut sets: Vec<DataSet>,
        latencies: &Latencies,
        shift: Shift,
        window_ns: u64,
        range: (u64, u64),
    ) -> Result<Self, DataError> {
        let mut heads = Vec::new();
        for set in &mut sets {
            if range.0 > 0 {
                set.seek_day(range.0)?;
            }
            heads.push(set.next()?);
        }
        Ok(Self {
            sets,
            heads,
            shift,
            feed: FeedClock::new(latencies),
            window_ns,
            to_ns: range.1,
            slots: VecDeque::new(),
            base: 0,
            here: VecDeque::new(),
            there: VecDeque::new(),
            loose: Vec::new(),
            horizon_ns: 0,
            at_there_ns: 0,
            at_here_ns: 0,
            side: Side::Here,
            place: usize::MAX,
            done: false,
            late: 0,
            taken: 0,
        })
    }

    /// Records that came so late that the venue's clock had passed them.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }

    /// Market records given so far.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Market records that made no sense and were left out.
    pub(super) fn malformed(&self) -> u64 {
        self.sets.iter().map(DataSet::malformed).sum()
    }

    /// Digest of what was read of each data set.
    pub(super) fn digests(&self) -> Vec<u64> {
        self.sets.iter().map(DataSet::digest).collect()
    }

    /// Goes to the next moment; false at the end.
    ///
    /// # Errors
    ///
    /// [`DataError`].
    pub(super) fn next(&mut self) -> Result<bool, DataError> {
        self.free();
        loop {
            let first = self.first_ns();
            let enough =
                first.is_some_and(|at| at.saturating_add(self.window_ns) <= self.horizon_ns);
            if self.done || enough {
                break;
            }
            self.read()?;
        }
        let here = self.here.front().copied();
        let there = self.there.front().copied();
        // At one instant we hear first what happened before.
        let side = match (here, there) {
            (None, None) => return Ok(false),
            (Some((here, _)), Some((there, _))) if here <= there => Side::Here,
            (Some(_), None) => Side::Here,
            (Some(_) | None, Some(_)) => Side::There,
        };
        let queue = match side {
            Side::Here => &mut self.here,
            Side::There => &mut self.there,
        };
        let Some((at_ns, number)) = queue.pop_front() else {
            return Ok(false);
        };
        match side {
            Side::Here => self.at_here_ns = at_ns,
            Side::There => self.at_there_ns = at_ns,
        }
        self.side = side;
        self.place = usize::try_from(number - self.base).unwrap_or(usize::MAX);
        let Some(slot) = self.slots.get_mut(self.place) else {
            return Ok(false);
        };
        slot.left -= 1;
        Ok(true)
    }

    /// When the present moment is.
    #[inline]
    pub(super) const fn at_ns(&self) -> u64 {
        match self.side {
            Side::Here => self.at_here_ns,
            Side::There => self.at_there_ns,
        }
    }

    /// Where the present moment is.
    #[inline]
    pub(super) const fn side(&self) -> Side {
        self.side
    }

    /// The present moment, if there is one.
    #[inline]
    pub(super) fn moment(&mut self) -> Option<Moment<'_>> {
        let at_ns = self.at_ns();
        let slot = self.slots.get_mut(self.place)?;
        Some(Moment {
            at_ns,
            record: &mut slot.record,
            there_ns: slot.there_ns,
        })
    }

    /// Frees what was given on both sides.
    fn free(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.left == 0) {
            self.slots.pop_front();
            self.base += 1;
        }
    }

    fn first_ns(&self) -> Option<u64> {
        let here = self.here.front().map(|(at, _)| *at);
        let there = self.there.front().map(|(at, _)| *at);
        match (here, there) {
            (Some(here), Some(there)) => Some(here.min(there)),
            (one, other) => one.or(other),
        }
    }

    /// The data set whose next record is the earliest.
    #[inline]
    fn earliest(&self) -> Option<(u64, usize)> {
        if let [only] = self.heads.as_slice() {
            return only.as_ref().map(|head| (head.here_ns, 0));
        }
        let heads = self.heads.iter().enumerate();
        heads
            .filter_map(|(index, head)| Some((head.as_ref()?.here_ns, index)))
            .min()
    }

    /// Reads one more record: the earliest of all data sets.
    fn read(&mut self) -> Result<(), DataError> {
        let Some((at_ns, index)) = self.earliest() else {
            self.done = true;
            return Ok(());
        };
        if self.shifted(at_ns) >= self.to_ns {
            self.done = true;
            return Ok(());
        }
        match self.heads[index].take() {
            Some(Head {
                changed: Some(spec),
                here_ns,
                ..
            }) => self.change(&spec, here_ns),
            Some(head) => self.add(index, &head),
            None => {}
        }
        self.heads[index] = self.sets[index].next()?;
        Ok(())
    }

    const fn shifted(&self, here_ns: u64) -> u64 {
        match self.shift {
            Shift::None => here_ns,
            Shift::By(ns) => here_ns.saturating_add_signed(ns),
        }
    }

    #[inline]
    fn add(&mut self, index: usize, head: &Head) {
        let recorded_ns = self.shifted(head.here_ns);
        self.horizon_ns = self.horizon_ns.max(recorded_ns);
        let there_ns = if head.there_ns > 0 {
            head.there_ns
        } else {
            recorded_ns
        };
        let here_ns = self.feed.here(there_ns, recorded_ns);
        self.taken += 1;
        let record = *self.sets[index].record();
        self.keep_books_in_order(&record, there_ns);
        let happens_ns = self.place(there_ns, here_ns);
        self.slots.push_back(Slot {
            record,
            there_ns: happens_ns,
            left: 2,
        });
    }

    /// A snapshot is older than the changes that follow it, whatever its times say: an answer to a
    /// request, it has none or a late one, and changes that it lacks were sent before it came.
    #[inline]
    fn keep_books_in_order(&mut self, record: &Record, there_ns: u64) {
        let snapshot = record.kind == Kind::BookReset.code() || record.has(flags::SNAPSHOT);
        let levels =
            record.kind == Kind::BookLevels.code() || record.kind == Kind::BookOrder.code();
        let Some(instrument) = record.instrument().filter(|_| snapshot || levels) else {
            return;
        };
        if snapshot {
            let number = self.base + self.slots.len() as u64;
            self.loose.push((instrument, number));
        } else if !self.loose.is_empty() {
            self.settle_snapshot(instrument, there_ns);
        }
    }

    /// Lets a snapshot happen at `there_ns` at the latest.
    fn settle_snapshot(&mut self, instrument: InstrumentId, there_ns: u64) {
        let at_ns = there_ns.max(self.at_there_ns);
        let mut first = None;
        self.loose.retain(|&(its, number)| {
            if its == instrument {
                first.get_or_insert(number);
            }
            its != instrument
        });
        let Some(first) = first else {
            return;
        };
        let late = |at: u64, slot: &Slot| {
            let snapshot = slot.record.has(flags::SNAPSHOT);
            let reset = slot.record.kind == Kind::BookReset.code();
            at > at_ns && slot.record.instrument() == Some(instrument) && (snapshot || reset)
        };
        let (base, slots) = (self.base, &mut self.slots);
        let mut moved: Vec<u64> = Vec::new();
        self.there.retain(|&(at, number)| {
            let place = number
                .checked_sub(base)
                .map_or(usize::MAX, |at| at as usize);
            let Some(slot) = slots.get_mut(place).filter(|_| number >= first) else {
                return true;
            };
            let moves = late(at, slot);
            if moves {
                slot.there_ns = at_ns;
                moved.push(number);
            }
            !moves
        });
        moved.sort_unstable();
        for number in moved {
            insert(&mut self.there, (at_ns, number));
        }
    }

    /// Puts the next slot's two moments in their order; returns when it happens at the venue.
    #[inline]
    fn place(&mut self, there_ns: u64, here_ns: u64) -> u64 {
        let number = self.base + self.slots.len() as u64;
        let mut happens_ns = there_ns;
        if happens_ns < self.at_there_ns {
            self.late += 1;
            happens_ns = self.at_there_ns;
        }
        insert(&mut self.there, (happens_ns, number));
        // The feed is one connection: what was said later is not heard earlier.
        let last = self.here.back().map_or(self.at_here_ns, |(at, _)| *at);
        self.here.push_back((here_ns.max(last), number));
        happens_ns
    }

    /// An instrument changes: told at both places when we learned of it.
    fn change(&mut self, spec: &InstrumentSpec, here_ns: u64) {
        let at_ns = self.shifted(here_ns);
        self.horizon_ns = self.horizon_ns.max(at_ns);
        // A definition that does not fit into records cannot have been read from some.
        for part in blob::records(BlobKind::Instrument, spec).unwrap_or_default() {
            let there_ns = self.place(at_ns, at_ns);
            self.slots.push_back(Slot {
                record: part,
                there_ns,
                left: 2,
            });
        }
    }
}

/// Inserts into a queue that is nearly sorted by time, behind what has the same time.
fn insert(queue: &mut VecDeque<(u64, u64)>, entry: (u64, u64)) {
    let mut place = queue.len();
    while place > 0 && queue[place - 1].0 > entry.0 {
        place -= 1;
    }
    if place == queue.len() {
        queue.push_back(entry);
    } else {
        queue.insert(place, entry);
    }
}
