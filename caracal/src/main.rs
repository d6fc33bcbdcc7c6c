//! caracal.
fn main() {}
