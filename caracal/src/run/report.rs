//! The run, printed: what happened, what it earned, how fast it was, and where it is written.

use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use engine::pipeline::LatencyReport;
use journal::Durability;
use rust_decimal::Decimal;
use serde_json::json;

use super::tally::Tally;
use crate::output::{Failure, grouped, hex, say};

/// Everything that is printed.
pub(crate) struct Outcome<'a> {
    /// The journal's directory.
    pub(crate) journal: &'a Path,
    /// What its records survive.
    pub(crate) durability: Durability,
    /// Bytes of the journal's records.
    pub(crate) journal_bytes: u64,
    /// Counts of this run.
    pub(crate) tally: Tally,
    /// Log sequence of the last record.
    pub(crate) last_seq: u64,
    /// State hash after the last event.
    pub(crate) state_hash: [u8; 32],
    /// Profit and loss of this run, fees included.
    pub(crate) profit: Decimal,
    /// Fees of this run.
    pub(crate) fees: Decimal,
    /// Asset of both.
    pub(crate) quote: String,
    /// Position at the end, for a person.
    pub(crate) position: String,
    /// Latencies.
    pub(crate) latency: LatencyReport,
    /// Wall time.
    pub(crate) took: Duration,
}

/// Prints the run, as tables or as one JSON object.
///
/// # Errors
///
/// [`Failure`] if the output is closed.
pub(crate) fn print(outcome: &Outcome<'_>, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return say(&to_json(outcome).to_string());
    }
    let tally = &outcome.tally;
    let (profit, fees) = (signed(outcome.profit), outcome.fees.round_dp(8).normalize());
    let hash = hex(&outcome.state_hash);
    say("")?;
    say(&format!("events         {}", grouped(tally.events)))?;
    say(&format!("commands       {}", grouped(tally.commands)))?;
    say(&format!("orders         {}", grouped(tally.orders)))?;
    say(&format!("fills          {}", grouped(tally.fills)))?;
    say(&format!(
        "rejects        {} by the venue",
        grouped(tally.rejects)
    ))?;
    say(&format!(
        "refusals       {} by risk",
        grouped(tally.refusals)
    ))?;
    say(&format!(
        "unknown        {} for a time",
        grouped(tally.unknown)
    ))?;
    say(&format!("position       {}", outcome.position))?;
    say(&format!(
        "profit         {profit} {} after fees of {fees}",
        outcome.quote
    ))?;
    say(&format!(
        "took           {:.1} s",
        outcome.took.as_secs_f64()
    ))?;
    say("")?;
    say(&latency_table(&outcome.latency))?;
    say("")?;
    let (journal, bytes) = (outcome.journal.display(), grouped(outcome.journal_bytes));
    say(&format!(
        "journal        {journal} ({bytes} bytes of records)"
    ))?;
    say(&format!("last sequence  {}", outcome.last_seq))?;
    say(&format!("state hash     {hash}"))?;
    if outcome.durability == Durability::Volatile {
        return say("               in memory only: it ends with this process");
    }
    say(&format!("prove it       caracal replay {journal}"))
}

fn to_json(outcome: &Outcome<'_>) -> serde_json::Value {
    let tally = &outcome.tally;
    let total = outcome.latency.total();
    json!({
        "journal": outcome.journal.display().to_string(),
        "durability": outcome.durability.name(),
        "journal_bytes": outcome.journal_bytes,
        "events": tally.events,
        "commands": tally.commands,
        "orders": tally.orders,
        "fills": tally.fills,
        "rejects": tally.rejects,
        "refusals": tally.refusals,
        "unknown": tally.unknown,
        "last_sequence": outcome.last_seq,
        "state_hash": hex(&outcome.state_hash),
        "pnl": outcome.profit.to_string(),
        "fees": outcome.fees.to_string(),
        "quote": outcome.quote,
        "position": outcome.position,
        "tick_to_order_ns": {
            "count": total.count,
            "p50": total.p50_ns,
            "p90": total.p90_ns,
            "p99": total.p99_ns,
            "p999": total.p999_ns,
            "max": total.max_ns,
        },
        "wall_s": outcome.took.as_secs_f64(),
    })
}

/// One row a hop, the total last.
fn latency_table(report: &LatencyReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "tick to order",
        "orders",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
    ]);
    for hop in &report.hops {
        table.add_row([
            hop.hop.name().to_owned(),
            grouped(hop.count),
            nanos(hop.p50_ns),
            nanos(hop.p90_ns),
            nanos(hop.p99_ns),
            nanos(hop.p999_ns),
            nanos(hop.max_ns),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A duration with its unit: `850 ns`, `12.4 us`, `3.1 ms`.
pub(crate) fn nanos(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} us", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

/// Money with its sign, to eight decimals.
pub(crate) fn signed(value: Decimal) -> String {
    let value = value.round_dp(8).normalize();
    if value.is_sign_negative() {
        value.to_string()
    } else {
        format!("+{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanos_shows_the_unit_that_fits() {
        let examples = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.0 us"),
            (12_340_000, "12.3 ms"),
        ];
        for (nanoseconds, text) in examples {
            assert_eq!(nanos(nanoseconds), text);
        }
    }

    #[test]
    fn signed_shows_both_signs() {
        assert_eq!(signed(Decimal::new(150, 2)), "+1.5");
        assert_eq!(signed(Decimal::new(-150, 2)), "-1.5");
    }
}
