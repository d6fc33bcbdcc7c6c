//! hftbacktest beside our backtest: order by order (`compare`), and by the clock (`speed`).
//!
//! `compare DATA...` plays what our backtest decided into hftbacktest and compares every fill;
//! `speed DATA TIMES` measures both on the data repeated, and prints one JSON object; `ours DATA
//! COUNT` is ours alone with so many variants, for a profiler. `synthetic` is a data set too: a
//! market that walks at random, always the same.

mod compare;
mod data;
mod ours;
mod speed;
mod synthetic;
mod theirs;

use std::path::Path;
use std::process::ExitCode;

use data::Failure;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["compare", dirs @ ..] if !dirs.is_empty() => {
            let mut same = true;
            for dir in dirs {
                same &= compare::compare(Path::new(dir))?;
            }
            Ok(ExitCode::from(u8::from(!same)))
        }
        ["speed", dir, times] => {
            speed::speed(Path::new(dir), times.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        ["ours", dir, count] => {
            speed::alone(Path::new(dir), count.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err("expects compare DATA..., speed DATA TIMES, or ours DATA COUNT".into()),
    }
}
