//! Options of the tick-to-order harness, beside those that cargo and criterion pass around.
//!
//! `cargo bench -p bench -- ...` gives the same arguments to every bench. What is criterion's is
//! known here and ignored; what nobody knows is refused, so that a typing error is not a silent
//! default.

use std::time::Duration;

/// Name of the harness: the first part of each measurement's.
pub const NAME: &str = "tick_to_order";
/// Time for the whole run, unless `--seconds` says otherwise.
const SECONDS_DEFAULT: u64 = 10;
/// Longest `--seconds`.
const SECONDS_MAX: u64 = 3_600;

/// Criterion's and libtest's options without a value.
const IGNORED: [&str; 10] = [
    "--bench",
    "--exact",
    "--ignored",
    "--include-ignored",
    "--quiet",
    "--verbose",
    "--noplot",
    "--nocapture",
    "--discard-baseline",
    "--quick",
];
/// Criterion's options with a value.
const IGNORED_WITH_VALUE: [&str; 17] = [
    "--baseline",
    "--baseline-lenient",
    "--color",
    "--colour",
    "--confidence-level",
    "--format",
    "--load-baseline",
    "--measurement-time",
    "--noise-threshold",
    "--nresamples",
    "--output-format",
    "--plotting-backend",
    "--profile-time",
    "--sample-size",
    "--save-baseline",
    "--significance-level",
    "--warm-up-time",
];

/// What the harness was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// Time for all measurements together.
    pub time: Duration,
    /// One JSON object as the last line.
    pub json: bool,
    /// A tiny run that only shows that everything works.
    pub smoke: bool,
    /// Name the harness and end, as `--list` asks.
    pub list: bool,
    /// Only measurements whose name holds one of these; all if there are none.
    pub filters: Vec<String>,
}

/// Why the options were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// Nobody knows it.
    #[error("unknown option {0}; known: --seconds N, --json, --test, --list")]
    Unknown(String),
    /// Not a number in range.
    #[error("--seconds {0}: give a whole number from 1 to 3600")]
    Seconds(String),
}

impl Args {
    /// Reads the options behind the program's name.
    ///
    /// # Errors
    ///
    /// [`ArgsError`], naming the option.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, ArgsError> {
        let mut args = Self {
            time: Duration::from_secs(SECONDS_DEFAULT),
            json: false,
            smoke: false,
            list: false,
            filters: Vec::new(),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => args.json = true,
                "--test" => args.smoke = true,
                "--list" => args.list = true,
                "--seconds" => {
                    args.time = seconds(&words.next().unwrap_or_default())?;
                }
                known if IGNORED.contains(&known) => {}
                known if IGNORED_WITH_VALUE.contains(&known) => {
                    words.next();
                }
                option if option.starts_with('-') => {
                    let name = option.split('=').next().unwrap_or(option);
                    if !IGNORED_WITH_VALUE.contains(&name) {
                        return Err(ArgsError::Unknown(word));
                    }
                }
                _ => args.filters.push(word),
            }
        }
        Ok(args)
    }

    /// Whether the measurement of this name is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.wants_of(NAME, name)
    }

    /// The same for a measurement of another harness.
    #[must_use]
    pub fn wants_of(&self, harness: &str, name: &str) -> bool {
        let name = format!("{harness}/{name}");
        self.filters.is_empty() || self.filters.iter().any(|part| name.contains(part))
    }
}

fn seconds(text: &str) -> Result<Duration, ArgsError> {
    match text.parse() {
        Ok(count @ 1..=SECONDS_MAX) => Ok(Duration::from_secs(count)),
        Ok(_) | Err(_) => Err(ArgsError::Seconds(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, ArgsError> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn args_of_cargo_and_criterion_are_passed_over() {
        let plain = parse("--bench").unwrap();
        assert!(!plain.smoke && !plain.json && plain.wants("wire/echo"));
        assert_eq!(
            parse("--bench --save-baseline main --color=never").unwrap(),
            plain
        );
        assert!(parse("--bench --test").unwrap().smoke);
    }

    #[test]
    fn args_own_options_are_read() {
        let args = parse("--seconds 3 --json").unwrap();
        assert_eq!(args.time, Duration::from_secs(3));
        assert!(args.json);
    }

    #[test]
    fn args_filter_of_another_bench_wants_nothing_here() {
        let other = parse("--bench decode").unwrap();
        assert!(!other.wants("wire/echo") && !other.wants("inside/1worker_hmac"));
        assert!(parse("--bench tick").unwrap().wants("wire/echo"));
        assert!(!parse("--bench inside").unwrap().wants("wire/echo"));
    }

    #[test]
    fn args_unknown_or_out_of_range_are_refused() {
        assert_eq!(
            parse("--sconds 3"),
            Err(ArgsError::Unknown("--sconds".to_owned()))
        );
        for text in ["0", "3601", "-1", "x", ""] {
            let refused = parse(&format!("--seconds {text}"));
            assert_eq!(refused, Err(ArgsError::Seconds(text.to_owned())));
        }
    }
}
