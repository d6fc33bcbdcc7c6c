//! Tick to order: the harness's options and facts; its measurements follow.

use std::io::{self, Write};

use bench::args::{Args, NAME};
use bench::facts::Facts;
use bench::hiccup;

fn main() -> io::Result<()> {
    let args = Args::parse(std::env::args().skip(1)).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    if args.list {
        return writeln!(out, "{NAME}: benchmark");
    }
    if args.skipped {
        return Ok(());
    }
    writeln!(out, "{}", Facts::read())?;
    let hiccups = hiccup::watch(None, args.time / 10);
    writeln!(out, "hiccup control: {hiccups:?}")
}
