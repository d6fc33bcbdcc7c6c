//! Criterion benches of the parts, each group with a `base` case: the harness, or what the hardware
//! can do with the same bytes.
//!
//! Names: `<where>/<operation>/<parameters>`, and `base` for the control. Every case works on fixed
//! data, and asserts before it is measured that it does the work.

#![allow(clippy::unwrap_used, reason = "a bench may fail by a panic")]

mod book;
mod decode;
mod encode;
mod held;
mod machine;
mod ring;
mod risk;
mod sign;
mod typed;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    // Short: all groups together must end within minutes, and the ratios need no more.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000))
        .sample_size(30)
        .without_plots()
        .configure_from_args();
    ring::bench(&mut criterion);
    book::bench(&mut criterion);
    machine::bench(&mut criterion);
    risk::bench(&mut criterion);
    held::bench(&mut criterion);
    decode::bench(&mut criterion);
    encode::bench(&mut criterion);
    sign::bench(&mut criterion);
    criterion.final_summary();
}
