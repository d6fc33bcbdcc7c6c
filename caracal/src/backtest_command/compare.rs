//! `caracal backtest --from-journal J --compare`: a live run's orders beside what the simulated
//! venue makes of them, printed and written.

use std::path::Path;

use engine::strategy::Registry;
use model::ids::ClientOrderId;
use replay::backtest::{Fate, QueueChoice, Rules, VenuePlan};
use replay::compare::{Comparison, Errors, Pair, QueueFit, Spans, Spread, Wanted, compare};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::args::BacktestArgs;
use super::{out, prepare};
use crate::config::{BacktestConfig, QUEUE, queue_of};
use crate::output::{Failure, grouped, say};
use crate::replay_command::progress_bar;

/// How late a market record may be where no configuration says it, nanoseconds.
const LATE_MAX_NS: u64 = 2_000_000_000;

const TEMPLATE: &str = include_str!("compare.html");
const PLACE: &str = "/*COMPARISON*/null";

/// Queue models that are tried, by their names in a configuration: from the one that waits longest
/// to those that wait least.
const QUEUES: [&str; 20] = [
    "risk-averse",
    "power 0.5",
    "power 1",
    "power 2",
    "power 3",
    "power 5",
    "power 8",
    "power2 1",
    "power2 2",
    "power2 3",
    "power2 5",
    "power3 0.5",
    "power3 1",
    "power3 2",
    "power3 3",
    "power3 5",
    "power3 8",
    "log",
    "log2",
    "pro-rata",
];

/// Those of them that are not the one asked for.
fn others(asked: &str) -> Vec<(String, QueueChoice)> {
    let others = QUEUES.iter().filter(|name| **name != asked);
    others
        .filter_map(|name| Some(((*name).to_owned(), queue_of(name)?)))
        .collect()
}

/// Runs the comparison.
///
/// # Errors
///
/// [`Failure`]: what, where, and what to do.
pub(super) fn run(args: &BacktestArgs, journal: &Path, registry: &Registry) -> Result<(), Failure> {
    let wanted = wanted(args, registry)?;
    if let Some(dir) = &args.out {
        out::prepare(dir)?;
    }
    let records = journal::Reader::open(journal).ok();
    let records = records.and_then(|reader| reader.last_seq().ok());
    let bar = progress_bar("compare", records.unwrap_or(0).saturating_mul(2));
    let found = compare(journal, &wanted, |read| bar.set_position(read));
    bar.finish_and_clear();
    let found = found.map_err(Failure::because)?;
    let whole = to_json(journal, &found, &wanted.queue);
    if let Some(dir) = &args.out {
        let mut written = whole.clone();
        written["orders"] = rows(&found);
        let text = serde_json::to_string_pretty(&written).map_err(Failure::because)?;
        out::whole(dir, out::COMPARISON, &text)?;
        out::whole(dir, out::COMPARISON_PAGE, &page(&written)?)?;
    }
    if args.json {
        return say(&whole.to_string());
    }
    print(args, &found)
}

/// The comparison as one page, which loads nothing from anywhere.
fn page(written: &Value) -> Result<String, Failure> {
    // `<` could end the script that holds it.
    let text = serde_json::to_string(written).map_err(Failure::because)?;
    Ok(TEMPLATE.replacen(PLACE, &text.replace('<', "\\u003c"), 1))
}

/// What the configuration says of the model; without one, the usual rules and delays as they were.
fn wanted(args: &BacktestArgs, registry: &Registry) -> Result<Wanted, Failure> {
    let Some(path) = &args.config else {
        return Ok(Wanted {
            venue: VenuePlan {
                rules: Rules::FAITHFUL,
                queues: queue_of(QUEUE).unwrap_or(QueueChoice::RiskAverse),
                tiers: Vec::new(),
                leverage: Decimal::TEN,
                orders_per_10s: 0,
                ban_ns: 0,
                outages: Vec::new(),
            },
            latencies: None,
            queue: QUEUE.to_owned(),
            others: others(QUEUE),
            shows_us: !args.simulated,
            late_max_ns: LATE_MAX_NS,
        });
    };
    let config = BacktestConfig::load(path, registry).map_err(Failure::because)?;
    if config.backtest.venue.queues.needs_orders() {
        return Err(Failure::Message(format!(
            "{}: queue = \"fifo\" needs each order of the venue's, and the journal of a live run \
             has levels: choose another queue to compare with",
            path.display()
        )));
    }
    Ok(Wanted {
        venue: config.backtest.venue.clone(),
        latencies: Some(prepare::latencies(&config.backtest)?),
        others: others(&config.backtest.queue),
        queue: config.backtest.queue,
        shows_us: !args.simulated,
        late_max_ns: u64::try_from(config.backtest.late_max.as_nanos()).unwrap_or(LATE_MAX_NS),
    })
}

fn print(args: &BacktestArgs, found: &Comparison) -> Result<(), Failure> {
    let errors = &found.errors;
    let skipped = found.skipped;
    let all = errors.orders + skipped.not_sent + skipped.refused + skipped.no_market;
    say(&format!(
        "orders         {} of {} compared; {} never left us, {} refused for what is no fill, {} \
         without a market",
        grouped(errors.orders),
        grouped(all),
        grouped(skipped.not_sent),
        grouped(skipped.refused),
        grouped(skipped.no_market),
    ))?;
    let clock = &found.clock;
    let torn = if clock.is_torn() {
        "; no offset fits all messages: its times are not exact, or a clock was set"
    } else {
        ""
    };
    say(&format!(
        "clock          the venue's is {} ms from ours, in steps of {} ms{torn}",
        clock.offset_ns as f64 / 1e6,
        clock.resolution_ns as f64 / 1e6,
    ))?;
    say("")?;
    say("                      traded   did not")?;
    let row = |name: &str, one: u64, other: u64| {
        say(&format!(
            "{name}  {:>9} {:>9}",
            grouped(one),
            grouped(other)
        ))
    };
    row("predicted to trade", errors.both, errors.only_predicted)?;
    row("predicted not to  ", errors.only_actual, errors.neither)?;
    say("")?;
    let part = |share: Option<f64>| {
        share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
    };
    say(&format!(
        "of the orders predicted to trade {} did; of those that traded {} were predicted to",
        part(errors.precision()),
        part(errors.recall())
    ))?;
    say(&format!(
        "ended as predicted: {} of {}; lots traded {}, predicted {}",
        grouped(errors.same_end),
        grouped(errors.orders),
        errors.lots.0,
        errors.lots.1
    ))?;
    say("")?;
    say("predicted less actual      orders        mean    p50 size    p90 size")?;
    spread("first fill, ms", &errors.time_ns, 1e6)?;
    spread("heard of it, ms", &errors.heard_ns, 1e6)?;
    spread("filled, lots", &errors.qty, 1.0)?;
    spread("price, ticks worse", &errors.price, 1.0)?;
    say(&format!(
        "score          {:.4}: share of the quantity that was predicted wrongly, 0 is perfect",
        errors.score
    ))?;
    print_delays(found)?;
    print_queues(found)?;
    match &args.out {
        Some(dir) => say(&format!(
            "orders         {}, one by one",
            dir.join(out::COMPARISON_PAGE).display()
        )),
        None => Ok(()),
    }
}

fn print_delays(found: &Comparison) -> Result<(), Failure> {
    say("")?;
    let head = |part: &str| format!("{part:>10} {:>8} {:>8} {:>8}", "p50", "p90", "p99");
    say(&format!(
        "{:<14} {}  {}",
        "delays, ms",
        head("first 70 %"),
        head("the rest")
    ))?;
    for row in &found.delays {
        let ms = |ns: u64| ns as f64 / 1e6;
        let part = |spans: &Spans| {
            format!(
                "{:>10} {:>8.3} {:>8.3} {:>8.3}",
                grouped(spans.count),
                ms(spans.p50_ns),
                ms(spans.p90_ns),
                ms(spans.p99_ns)
            )
        };
        say(&format!(
            "{:<14} {}  {}",
            row.name,
            part(&row.first),
            part(&row.rest)
        ))?;
    }
    Ok(())
}

fn print_queues(found: &Comparison) -> Result<(), Failure> {
    say("")?;
    let Some(fit) = &found.queues else {
        return say("queue          too few orders to choose a model by");
    };
    say("queue          fitted to the first 70 % of the orders    score there   on the rest")?;
    let row = |what: &str, place: usize| {
        let row = &fit.rows[place];
        say(&format!(
            "{what:<14} {:<40} {:>12.4} {:>13.4}",
            row.name, row.first.score, row.rest.score
        ))
    };
    row("as asked for", 0)?;
    row("best fit", fit.chosen)?;
    row("in hindsight", fit.hindsight)?;
    let name = &fit.rows[fit.chosen].name;
    if fit.alike() > 0 {
        say(&format!(
            "{} other models err exactly as the best one does on the first 70 %: these fills do \
             not tell them apart",
            fit.alike()
        ))?;
    }
    match fit.gain() {
        _ if fit.chosen == 0 => say("no model fits better than the one that was asked for"),
        Some(gain) if gain > 0.0 => say(&format!(
            "queue = \"{name}\" would have taken away {:.0} % of the error on the rest",
            gain * 100.0
        )),
        Some(gain) if gain < 0.0 => say(&format!(
            "queue = \"{name}\" would have added {:.0} % to the error on the rest: keep what there \
             is",
            -gain * 100.0
        )),
        Some(_) => say("on the rest both err alike: keep what there is"),
        None => say("on the rest the model that was asked for made no error: keep it"),
    }
}

fn spread(name: &str, spread: &Spread, unit: f64) -> Result<(), Failure> {
    say(&format!(
        "{name:<24} {:>8} {:>11.3} {:>11.3} {:>11.3}",
        grouped(spread.count),
        spread.mean / unit,
        spread.p50 / unit,
        spread.p90 / unit
    ))
}

fn to_json(journal: &Path, found: &Comparison, queue: &str) -> Value {
    json!({
        "journal": journal.display().to_string(),
        "records": found.records,
        "compared": found.errors.orders,
        "not_sent": found.skipped.not_sent,
        "refused": found.skipped.refused,
        "no_market": found.skipped.no_market,
        "clock_offset_ns": found.clock.offset_ns,
        "clock_bounds_ns": found.clock.bounds_ns,
        "clock_resolution_ns": found.clock.resolution_ns,
        "queue_model": queue,
        "errors": judged(&found.errors),
        "delays": found.delays,
        "queue": found.queues.as_ref().map(fitted),
    })
}

fn fitted(fit: &QueueFit) -> Value {
    let models = fit.rows.iter();
    let models = models.map(|row| json!({"name": row.name, "first": row.first, "rest": row.rest}));
    json!({
        "asked": fit.rows[0].name,
        "chosen": fit.rows[fit.chosen].name,
        "hindsight": fit.rows[fit.hindsight].name,
        "gain_on_the_rest": fit.gain(),
        "alike": fit.alike(),
        "models": models.collect::<Value>(),
    })
}

fn judged(errors: &Errors) -> Value {
    let mut value = json!(errors);
    value["precision"] = json!(errors.precision());
    value["recall"] = json!(errors.recall());
    value
}

/// One object an order: what was asked, what became of it, what was predicted.
fn rows(found: &Comparison) -> Value {
    found.pairs.iter().map(|pair| row_of(found, pair)).collect()
}

fn row_of(found: &Comparison, pair: &Pair) -> Value {
    let order = &pair.order;
    let name = found
        .instruments
        .iter()
        .find(|spec| spec.id == order.instrument)
        .map(|spec| spec.name.as_str());
    let strategies = found.machine.as_ref().map(|machine| &machine.strategies);
    let strategy = order.strategy.and_then(|id| strategies?.get(id.index()));
    json!({
        "order": ClientOrderId::from_raw(order.client_id).map(|id| id.to_string()),
        "strategy": strategy.map(|strategy| strategy.name.as_str()),
        "instrument": name,
        "side": format!("{:?}", order.side),
        "type": format!("{:?}", order.order_type),
        "time_in_force": format!("{:?}", order.time_in_force),
        "price_ticks": order.price.0,
        "qty_lots": order.qty.0,
        "decided_ns": order.decided_ns,
        "sent_ns": order.sent_ns,
        "actual": fate(&pair.actual),
        "predicted": fate(&pair.predicted),
    })
}

fn fate(fate: &Fate) -> Value {
    let some = |ns: u64| (ns > 0).then_some(ns);
    json!({
        "arrived_ns": some(fate.arrived_ns),
        "first_fill_ns": some(fate.first_fill_ns),
        "first_heard_ns": some(fate.first_heard_ns),
        "filled_lots": fate.filled,
        "price_ticks": fate.price(),
        "end": fate.end.name(),
        "ended_ns": some(fate.ended_ns),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_has_one_place_and_loads_nothing() {
        assert_eq!(TEMPLATE.matches(PLACE).count(), 1);
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!TEMPLATE.contains(outside), "{outside}");
        }
        let page = page(&json!({"journal": "</script>"})).ok();
        assert!(page.is_some_and(|page| page.contains("\\u003c/script>")));
    }

    #[test]
    fn queue_models_that_are_tried_are_all_models() {
        for asked in ["power 3", "power 0.7"] {
            let others = others(asked);
            let known = usize::from(QUEUES.contains(&asked));
            assert_eq!(others.len(), QUEUES.len() - known, "{asked}");
        }
    }
}
