//! What all variants of a pass have in common: the market at the venues, and the books' depth as
//! the engine knows it. Each is kept once, moves once with each record, and is lent.

use engine::machine::{ApplyError, Depths, Following, Machine, Moved, Outputs};
use model::blob::{self, Assembler, BlobKind};
use model::event::{self, Event, View};
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};

use super::shown::{Seen, Shown};

/// See the module's header.
#[derive(Debug)]
pub(super) struct Common {
    /// By instrument.
    #[expect(clippy::vec_box, reason = "each is lent by its pointer")]
    pub(super) shown: Vec<Box<Shown>>,
    /// What happened last at the venues.
    pub(super) seen: Seen,
    depths: Depths,
    assembler: Assembler,
}

impl Common {
    pub(super) fn new(specs: &[InstrumentSpec], window_ticks: u32) -> Self {
        let shown = |spec: &InstrumentSpec| Box::new(Shown::new(spec.clone(), window_ticks));
        Self {
            shown: specs.iter().map(shown).collect(),
            seen: Seen::default(),
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
