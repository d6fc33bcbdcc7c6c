//! What the seal costs: an append while the sealer follows, beside the same without one, and a
//! whole verification of what was sealed: every byte, hash and signature.

use std::time::{Duration, Instant};

use journal::Writer;
use journal::seal::{Key, SealOptions, VerifyOptions, verify};

use crate::Plan;
use crate::append::{Steady, TURN};
use crate::common::{Progress, append_waiting, median, on_last_core, place, record};
use crate::table::{Better, Row, Unit};

/// Name of this part.
pub(crate) const NAME: &str = "seal";

/// What was found, of all rounds.
#[derive(Default)]
pub(crate) struct Found {
    sealed: Steady,
    plain: Steady,
    verified: Vec<f64>,
}

impl Found {
    pub(crate) fn round(&mut self, plan: Plan, progress: &Progress) {
        progress.say("appends with a seal and without");
        let (sealed, plain) = (place(), place());
        let key = Key::generate().unwrap();
        let seal = SealOptions {
            key,
            also: Vec::new(),
        };
        let (mut with, _) = Writer::open(sealed.path(), plan.options().seal(seal)).unwrap();
        let (mut without, _) = Writer::open(plain.path(), plan.options()).unwrap();
        let record = record();
        let clock = quanta::Clock::new();
        on_last_core(|| {
            let turn: Duration = TURN.min(plan.paced / 2);
            let end = Instant::now() + plan.paced;
            while Instant::now() < end {
                let append = |record: &_| {
                    append_waiting(&mut with, record);
                };
                self.sealed.turn(turn, &clock, &record, append);
                let append = |record: &_| {
                    append_waiting(&mut without, record);
                };
                self.plain.turn(turn, &clock, &record, append);
            }
        });
        let records = with.close().unwrap().last_seq;
        drop(without);
        progress.say("verify");
        let options = VerifyOptions {
            key: None,
            held: Vec::new(),
        };
        let begin = Instant::now();
        let found = verify(sealed.path(), &options, |_| {}).unwrap();
        let seconds = begin.elapsed().as_secs_f64();
        assert!(found.ok() && found.covered_seq == records, "{found:?}");
        self.verified.push(records as f64 / seconds);
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let append = Row::new(
            "append, steady, sealed meanwhile, mean",
            Unit::Ns,
            Better::Lower,
        )
        .ours(self.sealed.mean())
        .floor("not sealed", self.plain.mean());
        let verify = Row::new(
            "verify: bytes, hashes, signatures",
            Unit::PerSecond,
            Better::Higher,
        )
        .ours(median(&self.verified));
        vec![append, verify]
    }
}
