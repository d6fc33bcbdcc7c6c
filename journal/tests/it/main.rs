//! Tests of the journal through its public interface; one module a topic.

mod append;
mod common;
mod crash;
mod damage;
mod golden;
mod kill;
mod promise;
mod refuse;
mod tail;
