//! OKX, spot and USDT perpetuals: one venue, one wire; only instruments and topics differ.
//! [`capture`] reads recorded frames.

pub mod capture;
pub mod feed;
pub mod gateway;
pub mod instruments;
pub mod practice;
pub mod start;
pub mod wire;
