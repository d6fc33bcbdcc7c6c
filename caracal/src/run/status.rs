//! What a person sees while the engine runs: one screen updated in place on a terminal, a line
//! every few seconds on a pipe.

use std::time::{Duration, Instant};

use engine::pipeline::{LatencyRecorder, Running};

use super::follower::Follower;
use super::report::{nanos, signed};
use super::tally::Tally;
use super::view::View;
use crate::output::{grouped, on_terminal, say, say_raw};

const SCREEN_INTERVAL: Duration = Duration::from_millis(500);
const LINE_INTERVAL: Duration = Duration::from_secs(2);
/// Remarks about connections on one screen, and at most in one line interval.
const NOTES_MAX: usize = 4;

/// The display.
pub(crate) struct Status {
    screen: bool,
    began: Instant,
    shown: Instant,
    before: Tally,
    lines_on_screen: usize,
    notes: Vec<String>,
    journal: String,
}

impl Status {
    /// A display for the journal at this place. With JSON output there is no screen.
    pub(crate) fn new(journal: String, json: bool) -> Self {
        let now = Instant::now();
        Self {
            screen: on_terminal() && !json,
            began: now,
            shown: now,
            before: Tally::default(),
            lines_on_screen: 0,
            notes: Vec::new(),
            journal,
        }
    }

    /// Shows the state if it is time to. A closed output ends the display, not the run.
    pub(crate) fn show(
        &mut self,
        follower: &mut Follower,
        running: &Running,
        latency: &LatencyRecorder,
    ) {
        let notes = follower.take_notes();
        self.note(&notes);
        let interval = if self.screen {
            SCREEN_INTERVAL
        } else {
            LINE_INTERVAL
        };
        let since = self.shown.elapsed();
        if since < interval {
            return;
        }
        self.shown = Instant::now();
        let view = View::of(follower.machine());
        let rates = Rates::between(&self.before, &follower.tally, since);
        self.before = follower.tally;
        let _output_closed = if self.screen {
            let lines = self.screen_lines(&view, &rates, follower, running, latency);
            self.draw(&lines)
        } else {
            say(&self.line(&view, &rates, follower, latency))
        };
    }

    /// Connection changes: on a pipe each is a line of its own, bounded.
    fn note(&mut self, notes: &[String]) {
        if !self.screen {
            for note in notes.iter().take(NOTES_MAX) {
                let _output_closed = say(note);
            }
            if notes.len() > NOTES_MAX {
                let _output_closed = say(&format!(
                    "... and {} more, in the journal",
                    notes.len() - NOTES_MAX
                ));
            }
            return;
        }
        self.notes.extend_from_slice(notes);
        let surplus = self.notes.len().saturating_sub(NOTES_MAX);
        self.notes.drain(..surplus);
    }

    /// Leaves the cursor below the screen.
    pub(crate) fn clear(&mut self) {
        self.lines_on_screen = 0;
    }

    fn draw(&mut self, lines: &[String]) -> Result<(), crate::output::Failure> {
        let mut text = String::new();
        if self.lines_on_screen > 0 {
            text.push_str(&format!("\x1b[{}A", self.lines_on_screen));
        }
        for line in lines {
            text.push_str("\x1b[2K");
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("\x1b[J");
        self.lines_on_screen = lines.len();
        say_raw(&text)
    }

    fn line(
        &self,
        view: &View,
        rates: &Rates,
        follower: &Follower,
        latency: &LatencyRecorder,
    ) -> String {
        let latency = latency.report();
        let total = latency.total();
        format!(
            "{:>6.1}s {} {} position {} profit {} open {} unknown {} | {:.0} events/s {:.1} \
             orders/s {:.1} fills/s | tick-to-order p50 {} p99 {} | seq {}",
            self.began.elapsed().as_secs_f64(),
            view.links_text(),
            view.top_text(),
            view.position,
            signed(view.profit),
            view.live_orders,
            view.unknown_orders,
            rates.events,
            rates.orders,
            rates.fills,
            nanos(total.p50_ns),
            nanos(total.p99_ns),
            follower.last_seq(),
        )
    }

    fn screen_lines(
        &self,
        view: &View,
        rates: &Rates,
        follower: &Follower,
        running: &Running,
        latency: &LatencyRecorder,
    ) -> Vec<String> {
        let report = latency.report();
        let total = report.total();
        let gauges = running.gauges();
        let tally = &follower.tally;
        let uptime = self.began.elapsed().as_secs();
        let mut lines = vec![
            format!(
                "caracal   up {uptime} s   {}   Ctrl-C ends in order",
                view.links_text()
            ),
            format!("book      {}", view.top_text()),
            format!(
                "position  {}   profit {} {}   fees {}",
                view.position,
                signed(view.profit),
                view.quote,
                view.fees
            ),
            format!(
                "orders    {} open, {} unknown   {} sent ({:.1}/s)   {} fills ({:.1}/s)   {} \
                 rejects   {} refusals",
                view.live_orders,
                view.unknown_orders,
                grouped(tally.orders),
                rates.orders,
                grouped(tally.fills),
                rates.fills,
                tally.rejects,
                grouped(tally.refusals)
            ),
            format!(
                "latency   tick to order  p50 {}  p90 {}  p99 {}  p99.9 {}  max {}",
                nanos(total.p50_ns),
                nanos(total.p90_ns),
                nanos(total.p99_ns),
                nanos(total.p999_ns),
                nanos(total.max_ns)
            ),
            format!(
                "journal   {}   seq {}   durable {}   {:.0} events/s",
                self.journal,
                grouped(gauges.journal_seq.get()),
                grouped(gauges.durable_seq.get()),
                rates.events
            ),
        ];
        if let Some(halt) = view.halt_text() {
            lines.push(format!("HALTED    {halt}"));
        }
        lines.extend(
            self.notes
                .iter()
                .map(|note| note.chars().take(110).collect()),
        );
        lines
    }
}

struct Rates {
    events: f64,
    orders: f64,
    fills: f64,
}

impl Rates {
    fn between(before: &Tally, now: &Tally, took: Duration) -> Self {
        let seconds = took.as_secs_f64().max(0.001);
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        Self {
            events: rate(before.events, now.events),
            orders: rate(before.orders, now.orders),
            fills: rate(before.fills, now.fills),
        }
    }
}
