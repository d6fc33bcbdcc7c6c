//! Integration tests of the record: golden bytes, checked decoding, and the client order id.

mod golden;
mod view;
