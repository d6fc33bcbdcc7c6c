//! A backtest's result, printed.

use std::time::Duration;

use replay::backtest::Outcome;
use replay::report::{Collector, Performance};
use serde_json::json;

use super::args::BacktestArgs;
use crate::config::BacktestConfig;
use crate::output::{Failure, grouped, hex, say};
use crate::run::signed;

/// Prints it, as lines or as one JSON object.
///
/// # Errors
///
/// [`Failure`] if the output is closed.
pub(super) fn print(
    args: &BacktestArgs,
    config: &BacktestConfig,
    outcome: &Outcome,
    collector: &Collector,
    took: Duration,
) -> Result<(), Failure> {
    let performance = collector.performance();
    let unknown = collector.trading().fees_without_rate;
    let counts = outcome.counts;
    let rate = rate(outcome.market_records, took);
    let report = args.out.as_ref().map(|out| out.display().to_string());
    if args.json {
        let mut found = to_json(args, config, outcome, &performance, took);
        found["fees_without_rate"] = unknown.into();
        return say(&found.to_string());
    }
    let span_s = (outcome.span_ns.1 - outcome.span_ns.0) as f64 / 1e9;
    say(&format!(
        "market         {} records of {span_s:.1} s",
        grouped(outcome.market_records)
    ))?;
    say(&format!("events         {}", grouped(counts.events)))?;
    say(&format!("orders         {}", grouped(counts.orders)))?;
    say(&format!("fills          {}", grouped(counts.fills)))?;
    say(&format!(
        "rejects        {} by the venue",
        grouped(counts.rejects)
    ))?;
    say(&format!(
        "refusals       {} by risk",
        grouped(counts.refusals)
    ))?;
    if outcome.liquidations > 0 {
        say(&format!("liquidations   {}", grouped(outcome.liquidations)))?;
    }
    if outcome.late + outcome.malformed > 0 {
        say(&format!(
            "data           {} records later than late_max, {} that make no sense",
            grouped(outcome.late),
            grouped(outcome.malformed)
        ))?;
    }
    money(config, outcome, &performance, unknown)?;
    say(&format!(
        "speed          {} market records/s, {:.1} s in all",
        grouped(rate),
        took.as_secs_f64()
    ))?;
    say(&format!("state hash     {}", hex(&outcome.state_hash)))?;
    if let Some(journal) = &args.journal {
        say(&format!(
            "journal        {0}; prove it: caracal replay {0}",
            journal.display()
        ))?;
    }
    match report {
        Some(report) => say(&format!("report         {report}/report.html")),
        None => Ok(()),
    }
}

/// What it earned and paid, and the ratios.
fn money(
    config: &BacktestConfig,
    outcome: &Outcome,
    performance: &Performance,
    unknown: u64,
) -> Result<(), Failure> {
    let quote = &config.machine.reporting;
    let profit = outcome.profit.map_or_else(
        || "unknown: an asset has no rate".to_owned(),
        |profit| format!("{} {quote}", signed(profit)),
    );
    let fees = outcome.fees.round_dp(8).normalize();
    say(&format!("profit         {profit} after fees of {fees}"))?;
    if unknown > 0 {
        say(&format!(
            "fees           of {} fills are in assets without a rate, and not in the sum",
            grouped(unknown)
        ))?;
    }
    if let Some(sharpe) = performance.sharpe {
        let short = if performance.is_short {
            ", of a short span: it says little"
        } else {
            ""
        };
        say(&format!("sharpe         {sharpe:.2} a year{short}"))?;
    }
    say(&format!(
        "drawdown       {:.4} {quote} at most",
        performance.max_drawdown
    ))
}

fn to_json(
    args: &BacktestArgs,
    config: &BacktestConfig,
    outcome: &Outcome,
    performance: &Performance,
    took: Duration,
) -> serde_json::Value {
    let counts = outcome.counts;
    let rate = rate(outcome.market_records, took);
    let report = args.out.as_ref().map(|out| out.display().to_string());
    json!({
        "market_records": outcome.market_records,
        "events": counts.events,
        "commands": counts.commands,
        "orders": counts.orders,
        "fills": counts.fills,
        "rejects": counts.rejects,
        "refusals": counts.refusals,
        "pnl": outcome.profit.map(|profit| profit.to_string()),
        "fees": outcome.fees.to_string(),
        "sharpe": performance.sharpe,
        "max_drawdown": performance.max_drawdown,
        "quote": config.machine.reporting,
        "liquidations": outcome.liquidations,
        "late": outcome.late,
        "malformed": outcome.malformed,
        "from_ns": outcome.span_ns.0,
        "to_ns": outcome.span_ns.1,
        "state_hash": hex(&outcome.state_hash),
        "events_per_second": rate,
        "wall_s": took.as_secs_f64(),
        "report": report.map(|dir| format!("{dir}/report.html")),
    })
}

fn rate(records: u64, took: Duration) -> u64 {
    let seconds = took.as_secs_f64();
    if seconds > 0.0 {
        (records as f64 / seconds).round() as u64
    } else {
        0
    }
}
