//! The engine: the machine that decides, and the pipeline that runs it live.

pub mod machine;
