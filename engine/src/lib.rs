//! The engine: the machine that decides, and the pipeline that runs it live.

#![forbid(unsafe_code)]

pub mod clock;
pub mod machine;
pub mod pipeline;
