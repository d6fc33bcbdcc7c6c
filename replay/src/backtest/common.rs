//! What all variants of a pass have in common: the market at the venues, and the books' depth as
//! the engine knows it. Each is kept once, moves once with each record, and is lent.

use engine::machine::{ApplyError, Depths, Following, Machine, Moved, Outputs};
use model::blob::{self, Assembler, BlobKind};
use model::event::{self, Event, View};
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};

use super::shown::{Seen, Shown};
use super::timeline::Moment;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Common {
    /// By instrument.
    #[expect(clippy::vec_box, reason = "each is lent by its pointer")]
    pub(super) shown: Vec<Box<Shown>>,
    /// What happened last at the venues.
    pub(super) seen: Seen,
    /// What we heard of the market, for worlds that take it in later.
    pub(super) waiting: Vec<Heard>,
    depths: Depths,
    assembler: Assembler,
}

/// How much may wait: what a core has near.
const WAITING_MAX: usize = 128;

/// A market event that we heard; its time is ours.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) record: Record,
    /// When it happened at the venue.
    pub(super) there_ns: u64,
    moved: Option<Moved>,
}

impl Common {
    pub(super) fn new(specs: &[InstrumentSpec], window_ticks: u32) -> Self {
        let shown = |spec: &InstrumentSpec| Box::new(Shown::new(spec.clone(), window_ticks));
        Self {
            shown: specs.iter().map(shown).collect(),
            seen: Seen::default(),
            waiting: Vec::with_capacity(WAITING_MAX),
            depths: Depths::default(),
            assembler: Assembler::default(),
        }
    }

    /// The market's next record at the venues; false if it moves no market.
    #[inline]
    pub(super) fn happens(&mut self, record: &Record) -> bool {
        if record.kind == Kind::BlobPart.code() {
            self.redefine(record);
            return false;
        }
        self.seen.see(&mut self.shown, record)
    }

    /// An instrument's definition changes. What rests keeps its ticks and lots.
    fn redefine(&mut self, record: &Record) {
        let Ok(View::Event(Event::BlobPart(part))) = event::view(record) else {
            return;
        };
        let Ok(Some((BlobKind::Instrument, bytes))) = self.assembler.push(part) else {
            return;
        };
        if let Ok(spec) = blob::value::<InstrumentSpec>(&bytes)
            && let Some(shown) = self.shown.get_mut(spec.id.index())
        {
            shown.spec = spec;
        }
    }

    /// Lets what was heard wait for those who did not take it in.
    #[inline]
    pub(super) fn wait(&mut self, moment: &Moment<'_>, moved: Option<Moved>) {
        let mut record = *moment.record;
        record.time_ns = moment.at_ns;
        self.waiting.push(Heard {
            record,
            there_ns: moment.there_ns,
            moved,
        });
    }

    /// Whether no more may wait.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Nobody follows its depth any more.
    pub(super) fn forget(&mut self) {
        self.depths = Depths::default();
    }

    /// The market's next record as the engine hears of it: what it does to the depth.
    #[inline]
    pub(super) fn heard(&mut self, record: &Record) -> Option<Moved> {
        self.depths.apply(record)
    }
}

/// A variant's machine: by itself, or with the depth that all have in common.
#[derive(Debug)]
pub(super) enum Mind {
    Alone(Box<Machine>),
    Follows(Box<Following>),
}

impl Mind {
    pub(super) fn machine(&self) -> &Machine {
        match self {
            Self::Alone(machine) => machine,
            Self::Follows(following) => following.machine(),
        }
    }

    /// From here on its books follow, if they can.
    pub(super) fn follow(&mut self, common: &mut Common) {
        if let Self::Alone(machine) = self {
            let machine = std::mem::take(&mut **machine);
            *self = match Following::new(machine, &mut common.depths) {
                Ok(following) => Self::Follows(Box::new(following)),
                Err(machine) => Self::Alone(machine),
            };
        }
    }

    /// From here on its books are its own.
    pub(super) fn leave(&mut self, common: &Common) {
        if let Self::Follows(following) = self {
            let following = std::mem::take(&mut **following);
            *self = Self::Alone(Box::new(following.end(&common.depths)));
        }
    }

    /// See [`Following::quiet_until_ns`].
    #[inline]
    pub(super) fn quiet_until_ns(&self) -> u64 {
        match self {
            Self::Alone(_) => 0,
            Self::Follows(following) => following.quiet_until_ns(),
        }
    }

    /// Applies what waited, numbered from `first` on.
    #[inline]
    pub(super) fn pass(&mut self, first: u64, waited: &[Heard]) -> Result<(), ApplyError> {
        let each = waited.iter().map(|heard| (&heard.record, heard.moved));
        match self {
            // It is never quiet, so nothing waits for it.
            Self::Alone(_) => Ok(()),
            Self::Follows(following) => following.pass(first, each),
        }
    }

    #[inline]
    pub(super) fn apply(
        &mut self,
        record: &Record,
        moved: Option<Moved>,
        common: &mut Common,
        out: &mut Outputs,
    ) -> Result<(), ApplyError> {
        match self {
            Self::Alone(machine) => machine.apply(record, out),
            Self::Follows(following) => following.apply(record, moved, &mut common.depths, out),
        }
    }
}
