//! Binance USD-M futures: every sample, requests, instruments.

mod answers;
mod instruments;
mod requests;
mod samples;
