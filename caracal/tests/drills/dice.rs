//! Seeded dice, and how many drills of which seed to run.

/// The seed of a run that names none.
const SEED: u64 = 20_261_123;

/// A sequence of numbers that a seed decides (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Those of one drill of a run.
    pub(crate) fn of(seed: u64, drill: u64) -> Self {
        let mut dice = Self(seed);
        let first = dice.next();
        Self(first ^ drill.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From `low` to `high`, both of them too.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap() + 1;
        low + i64::try_from(self.below(span)).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let bound = u64::try_from(from.len()).unwrap();
        from[usize::try_from(self.below(bound)).unwrap()]
    }
}

/// What to run.
pub(crate) struct Runs {
    pub(crate) seed: u64,
    pub(crate) count: u64,
    pub(crate) only: Option<u64>,
}

impl Runs {
    /// As the environment says, `count` where it says nothing.
    pub(crate) fn from_environment(count: u64) -> Self {
        let number = |name: &str| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
        Self {
            seed: number("CARACAL_SEED").unwrap_or(SEED),
            count: number("CARACAL_HISTORIES").unwrap_or(count),
            only: number("CARACAL_HISTORY"),
        }
    }

    /// The line that `cargo xtask histories` reads.
    pub(crate) fn tell(&self, name: &str, events: u64, violations: u64) {
        println!(
            "history {name}: count {}, events {events}, seed {}, violations {violations}",
            self.count, self.seed
        );
    }
}
