//! Tests of the journal through its public interface; one module a topic.

mod append;
mod common;
mod promise;
