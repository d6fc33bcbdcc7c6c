//! The two rings: the only file that names the `disruptor` crate.
//!
//! It takes that crate's traps away (4.4.0, read in its source):
//! - A dropped guard marks the whole batch as consumed, even after an early end or a panic half
//!   way. [`Reader::each`] therefore keeps the guard from being dropped until it knows how much
//!   was taken, and then consumes exactly that (R1). A panicking journal stage thus never lets a
//!   gateway see what is not journaled.
//! - The producer waits for the last stage of the graph only, so the journal is joined to it.
//! - A managed handler cannot be stopped or polled with other work: pollers only.
//! - The full ring is an answer (`try_publish`), never a wait.
//!
//! Dropping a writer ends its readers, each after it has consumed everything.
//!
//! Thread: each object lives on one worker. Hot path: yes. Allocates: only when built, on the
//! thread that builds, which also touches every slot.

use std::mem::ManuallyDrop;

use disruptor::{
    BusySpin, EventGuard, EventPoller, MultiConsumerBarrier, Polling, Producer, SingleProducer,
    SingleProducerBarrier,
};

/// Reads what the producer published.
pub(crate) type First<E> = Reader<E, SingleProducerBarrier>;
/// Reads what every reader of the step before has consumed.
pub(crate) type After<E> = Reader<E, MultiConsumerBarrier>;

/// What a reader does with one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Taken; on to the next.
    Next,
    /// Taken; stop here.
    Last,
    /// Not taken: the same slot comes again at the next turn.
    Keep,
}

/// What a turn found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// This many slots were taken; 0 if the first was kept.
    Some(u64),
    /// Nothing to read now.
    Nothing,
    /// Nothing to read, ever.
    End,
}

impl Found {
    pub(crate) const fn is_some(self) -> bool {
        matches!(self, Self::Some(1..))
    }
}

/// Consumer's end of a ring.
pub(crate) struct Reader<E, B>(EventPoller<E, B>);

/// Producer's end of a ring.
pub(crate) struct Writer<E: 'static>(SingleProducer<E, MultiConsumerBarrier>);

impl<E> Writer<E> {
    /// Fills the next slot; false if the ring is full, and then nothing happened.
    #[inline]
    pub(crate) fn publish(&mut self, fill: impl FnOnce(&mut E)) -> bool {
        self.0.try_publish(fill).is_ok()
    }
}

/// Both concrete pollers have the same methods, but the trait that says so is private to the
/// crate; hence a macro instead of a bound.
macro_rules! reader {
    ($barrier:ty) => {
        impl<E> Reader<E, $barrier> {
            /// Shows up to `limit` slots to `step`, and consumes exactly those that it took (R1).
            #[inline]
            pub(crate) fn each(&mut self, limit: u64, mut step: impl FnMut(&E) -> Step) -> Found {
                self.each_then(limit, &mut (), |(), slot| step(slot), |()| {})
            }

            /// As `each`, and calls `then` when at least one was taken, before those behind this
            /// reader can see any of them.
            #[inline]
            pub(crate) fn each_then<C>(
                &mut self,
                limit: u64,
                context: &mut C,
                step: impl FnMut(&mut C, &E) -> Step,
                then: impl FnOnce(&mut C),
            ) -> Found {
                let guard = match self.0.take(limit) {
                    Ok(guard) => guard,
                    Err(Polling::NoEvents) => return Found::Nothing,
                    Err(Polling::Shutdown) => return Found::End,
                };
                let (taken, all) = show(guard, context, step, then);
                if !all && taken > 0 {
                    // Available still: nobody but this reader moves its cursor.
                    drop(self.0.take(taken));
                }
                Found::Some(taken)
            }
        }
    };
}

reader!(SingleProducerBarrier);
reader!(MultiConsumerBarrier);

/// How many slots `step` took, and whether those were all; only then is the guard dropped.
#[inline]
fn show<E, B, C>(
    guard: EventGuard<'_, E, B>,
    context: &mut C,
    mut step: impl FnMut(&mut C, &E) -> Step,
    then: impl FnOnce(&mut C),
) -> (u64, bool) {
    let mut guard = ManuallyDrop::new(guard);
    let slots = &mut *guard;
    let available = slots.len() as u64;
    let mut taken = 0;
    for slot in slots {
        match step(context, slot) {
            Step::Next => taken += 1,
            Step::Last => {
                taken += 1;
                break;
            }
            Step::Keep => break,
        }
    }
    if taken > 0 {
        then(context);
    }
    let all = taken == available;
    if all {
        drop(ManuallyDrop::into_inner(guard));
    }
    (taken, all)
}

/// One producer and one reader.
pub(crate) fn hop<E>(slots: usize, empty: impl FnMut() -> E) -> (Writer<E>, First<E>)
where
    E: Send + Sync + 'static,
{
    let builder = disruptor::build_single_producer(slots, empty, BusySpin).with_multi_consumer();
    let (reader, builder) = builder.new_event_poller();
    (Writer(builder.build()), Reader(reader))
}

/// Reads either what the producer published, or what the step before has consumed.
pub(crate) enum Tap<E> {
    First(First<E>),
    After(After<E>),
}

impl<E> Tap<E> {
    /// As [`Reader::each`].
    #[inline]
    pub(crate) fn each(&mut self, limit: u64, step: impl FnMut(&E) -> Step) -> Found {
        match self {
            Self::First(reader) => reader.each(limit, step),
            Self::After(reader) => reader.each(limit, step),
        }
    }
}

/// Where the journal stands on the inbound ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JournalPlace {
    /// Beside the strategies: nobody waits for it but the producer.
    Beside,
    /// Before the strategies: they see what it has consumed.
    Before,
}

/// Ends of the inbound ring.
pub(crate) struct Inbound<E: 'static> {
    pub(crate) sequencer: Writer<E>,
    pub(crate) journal: First<E>,
    pub(crate) strategies: Vec<Tap<E>>,
    pub(crate) risk: After<E>,
}

/// Producer -> {journal, strategies -> risk}; the producer waits for journal and risk. Or, with the
/// journal before: producer -> journal -> strategies -> risk; the producer waits for risk.
pub(crate) fn inbound<E>(
    slots: usize,
    strategy_stages: usize,
    journal_place: JournalPlace,
    empty: impl FnMut() -> E,
) -> Inbound<E>
where
    E: Send + Sync + 'static,
{
    assert!(
        strategy_stages > 0,
        "Invariant R2: risk stands behind a stage"
    );
    let mut builder =
        disruptor::build_single_producer(slots, empty, BusySpin).with_multi_consumer();
    let mut strategies = Vec::with_capacity(strategy_stages);
    if journal_place == JournalPlace::Before {
        let (journal, builder) = builder.new_event_poller();
        let mut builder = builder.and_then().with_multi_consumer();
        for _ in 0..strategy_stages {
            let (poller, next) = builder.new_event_poller();
            builder = next;
            strategies.push(Tap::After(Reader(poller)));
        }
        let (risk, builder) = builder.and_then().with_multi_consumer().new_event_poller();
        return Inbound {
            sequencer: Writer(builder.build()),
            journal: Reader(journal),
            strategies,
            risk: Reader(risk),
        };
    }
    let journal = builder.new_branch();
    for _ in 0..strategy_stages {
        let (poller, next) = builder.new_event_poller();
        builder = next;
        strategies.push(Tap::First(Reader(poller)));
    }
    let (risk, builder) = builder.and_then().with_multi_consumer().new_event_poller();
    let (journal, builder) = builder.join(journal);
    Inbound {
        sequencer: Writer(builder.build()),
        journal: Reader(journal),
        strategies,
        risk: Reader(risk),
    }
}

/// Ends of the command ring.
pub(crate) struct Commands<E: 'static> {
    pub(crate) risk: Writer<E>,
    pub(crate) journal: First<E>,
    pub(crate) gateways: Vec<After<E>>,
}

/// Producer -> journal -> gateways; the producer waits for the gateways.
pub(crate) fn commands<E>(slots: usize, gateways: usize, empty: impl FnMut() -> E) -> Commands<E>
where
    E: Send + Sync + 'static,
{
    assert!(gateways > 0, "Invariant R2: a ring has readers at its end");
    let builder = disruptor::build_single_producer(slots, empty, BusySpin).with_multi_consumer();
    let (journal, builder) = builder.new_event_poller();
    let mut builder = builder.and_then().with_multi_consumer();
    let mut readers = Vec::with_capacity(gateways);
    for _ in 0..gateways {
        let (poller, next) = builder.new_event_poller();
        builder = next;
        readers.push(Reader(poller));
    }
    Commands {
        risk: Writer(builder.build()),
        journal: Reader(journal),
        gateways: readers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: u64) -> Commands<u64> {
        let mut ring = commands(64, 1, || 0);
        for value in 1..=count {
            assert!(ring.risk.publish(|slot| *slot = value));
        }
        ring
    }

    #[test]
    fn reader_that_keeps_a_slot_sees_it_again_and_the_next_step_does_not() {
        let mut ring = filled(10);
        let mut seen = Vec::new();
        let found = ring.journal.each(64, |&value| {
            seen.push(value);
            if value == 4 { Step::Keep } else { Step::Next }
        });
        assert_eq!(found, Found::Some(3));
        let mut behind = Vec::new();
        ring.gateways[0].each(64, |&value| {
            behind.push(value);
            Step::Next
        });
        assert_eq!(behind, [1, 2, 3]);
        ring.journal.each(64, |&value| {
            seen.push(value);
            Step::Next
        });
        assert_eq!(seen, [1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn reader_that_panics_half_way_consumes_nothing() {
        let mut ring = filled(5);
        let journal = &mut ring.journal;
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            journal.each(64, |&value| {
                assert!(value < 3, "stop here");
                Step::Next
            })
        }));
        assert!(caught.is_err());
        assert_eq!(ring.gateways[0].each(64, |_| Step::Next), Found::Nothing);
        let found = ring.journal.each(1, |&value| {
            assert_eq!(value, 1);
            Step::Last
        });
        assert_eq!(found, Found::Some(1));
    }

    #[test]
    fn ring_full_refuses_until_the_last_step_has_read() {
        let mut ring = filled(64);
        assert!(!ring.risk.publish(|slot| *slot = 65));
        assert_eq!(ring.journal.each(64, |_| Step::Next), Found::Some(64));
        assert!(!ring.risk.publish(|slot| *slot = 65));
        assert_eq!(ring.gateways[0].each(1, |_| Step::Next), Found::Some(1));
        assert!(ring.risk.publish(|slot| *slot = 65));
    }

    #[test]
    fn inbound_producer_waits_for_the_journal_and_risk_for_the_strategies() {
        let mut ring = inbound(64, 2, JournalPlace::Beside, || 0_u64);
        for value in 1..=64 {
            assert!(ring.sequencer.publish(|slot| *slot = value));
        }
        assert_eq!(ring.strategies[0].each(64, |_| Step::Next), Found::Some(64));
        assert_eq!(ring.risk.each(64, |_| Step::Next), Found::Nothing);
        assert_eq!(ring.strategies[1].each(2, |_| Step::Next), Found::Some(2));
        assert_eq!(ring.risk.each(64, |_| Step::Next), Found::Some(2));
        assert!(!ring.sequencer.publish(|slot| *slot = 65), "journal behind");
        assert_eq!(ring.journal.each(2, |_| Step::Next), Found::Some(2));
        assert!(ring.sequencer.publish(|slot| *slot = 65));
    }

    #[test]
    fn inbound_with_the_journal_before_shows_strategies_what_it_consumed_and_not_before() {
        let mut ring = inbound(64, 2, JournalPlace::Before, || 0_u64);
        for value in 1..=10 {
            assert!(ring.sequencer.publish(|slot| *slot = value));
        }
        assert_eq!(ring.strategies[0].each(64, |_| Step::Next), Found::Nothing);
        let strategy = &mut ring.strategies[0];
        let mut synced = Vec::new();
        let found = ring.journal.each_then(
            4,
            &mut synced,
            |seen, &value| {
                seen.push(value);
                Step::Next
            },
            |seen| {
                assert_eq!(seen.len(), 4);
                assert_eq!(strategy.each(64, |_| Step::Next), Found::Nothing);
                seen.clear();
            },
        );
        assert_eq!((found, synced.len()), (Found::Some(4), 0));
        assert_eq!(ring.strategies[0].each(64, |_| Step::Next), Found::Some(4));
        assert_eq!(ring.risk.each(64, |_| Step::Next), Found::Nothing);
        assert_eq!(ring.strategies[1].each(64, |_| Step::Next), Found::Some(4));
        assert_eq!(ring.risk.each(64, |_| Step::Next), Found::Some(4));
    }

    #[test]
    fn readers_end_after_the_writer_and_all_its_slots() {
        let mut ring = filled(1);
        drop(ring.risk);
        assert_eq!(ring.gateways[0].each(9, |_| Step::Next), Found::Nothing);
        assert_eq!(ring.journal.each(9, |_| Step::Next), Found::Some(1));
        assert_eq!(ring.journal.each(9, |_| Step::Next), Found::End);
        assert_eq!(ring.gateways[0].each(9, |_| Step::Next), Found::Some(1));
        assert_eq!(ring.gateways[0].each(9, |_| Step::Next), Found::End);
    }
}
