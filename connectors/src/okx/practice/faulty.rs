//! Requests about orders, with the faults that strike there: what is done, and what its client
//! hears.

use std::time::Duration;

use serde_json::{Value, json};

use super::error::Error;
use super::orders::{Op, OrderCall, Rows};
use super::venue::OkxPractice;
use crate::practice::faults::{Chance, FaultKind};
use crate::practice::server::Clock;

/// What becomes of a request's answer.
pub(super) enum Outcome {
    Now(Result<Rows, Error>),
    Later(Duration, Result<Rows, Error>),
    Never,
}

/// Parts of an answer about orders: code, words, rows.
pub(super) struct Told {
    pub(super) code: i32,
    pub(super) words: String,
    pub(super) rows: Vec<Value>,
    pub(super) status: u16,
}

/// The op of a name, and whether it is of several.
pub(super) fn op_of(name: &str) -> Option<(Op, bool)> {
    [Op::Place, Op::Cancel, Op::Amend]
        .into_iter()
        .find_map(|op| {
            let place = op.names().iter().position(|known| *known == name);
            place.map(|place| (op, place == 1))
        })
}

/// What is said: 0 for all done, 1 for nothing, 2 for a part.
pub(super) fn told(result: Result<Rows, Error>) -> Told {
    let rows = match result {
        Ok(rows) => rows,
        Err(error) => {
            return Told {
                code: error.code,
                words: error.message,
                rows: Vec::new(),
                status: error.status,
            };
        }
    };
    let failed = rows.iter().filter(|row| row.is_err()).count();
    let (code, words) = match failed {
        0 => (0, ""),
        all if all == rows.len() => (1, "All operations failed"),
        _ => (2, "Bulk operation partially succeeded."),
    };
    let limited = rows
        .iter()
        .any(|row| matches!(row, Err((error, _)) if error.status == 429));
    Told {
        code,
        words: words.to_owned(),
        rows: rows
            .into_iter()
            .map(|row| row.unwrap_or_else(|(_, row)| row))
            .collect(),
        status: if limited && failed == 1 { 429 } else { 200 },
    }
}

impl OkxPractice {
    /// Does what a request about orders wants, or lets the fault that is due strike.
    pub(super) fn perform(&mut self, clock: Clock, account: usize, call: &OrderCall) -> Outcome {
        let strike = self.faults.strike(Chance::Order, clock.now_ns);
        match strike {
            Some(FaultKind::Busy) => return self.refuse(call, Error::busy()),
            Some(FaultKind::TimeoutLost) => return self.refuse(call, Error::timeout()),
            Some(FaultKind::UnknownCode) => {
                let error = Error::new(59_876, "This code is on no page.");
                return self.refuse(call, error);
            }
            _ => {}
        }
        let result = self.core.order_call(account, call);
        match strike {
            Some(FaultKind::TimeoutDone) => Outcome::Now(Err(Error::timeout())),
            Some(FaultKind::DelayAck(wait)) => Outcome::Later(wait, result),
            Some(FaultKind::SilentAccept(silence)) => {
                self.delivery.hold(silence, clock.now_ns);
                Outcome::Never
            }
            _ => Outcome::Now(result),
        }
    }

    /// Nothing is done.
    fn refuse(&mut self, call: &OrderCall, error: Error) -> Outcome {
        for arg in &call.args {
            let instrument = self.core.instrument(arg, call.by_code).ok();
            let name = super::reading::text(arg, "clOrdId").unwrap_or_default();
            let several = usize::from(call.args.len() > 1);
            self.core.note(call.op.names()[several], instrument, &name);
            self.core.log.answered(-1);
        }
        Outcome::Now(Err(error))
    }

    /// The answer over WebSocket.
    pub(super) fn frame_of(&self, id: &Value, op: &str, result: Result<Rows, Error>) -> String {
        let told = told(result);
        let micros = (self.core.now_ms * 1_000).to_string();
        json!({
            "id": id, "op": op, "data": told.rows, "code": told.code.to_string(),
            "msg": told.words, "inTime": micros, "outTime": micros,
        })
        .to_string()
    }
}
