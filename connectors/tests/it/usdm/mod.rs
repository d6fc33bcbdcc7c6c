//! Binance USD-M futures: every sample, requests, instruments.

mod answers;
mod gateway;
mod instruments;
mod market;
mod outages;
mod requests;
pub(crate) mod rig;
mod samples;
