//! Standard output and error: the only place of the binary that writes to them.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// Why the command did not do what was asked. Its text is the one line that a person gets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What, where, and what to do.
    #[error("{0}")]
    Message(String),
    /// It was run and came to nothing, and that is its result on file: trying again is in vain.
    #[error("{0}")]
    Recorded(String),
    /// Whoever read our output went away; not an error of ours.
    #[error("standard output is closed")]
    OutputClosed,
}

impl Failure {
    /// A failure from any error's text.
    pub(crate) fn because(error: impl Display) -> Self {
        Self::Message(error.to_string())
    }

    /// A failure with what was being done in front.
    pub(crate) fn while_doing(what: &str, error: impl Display) -> Self {
        Self::Message(format!("{what}: {error}"))
    }
}

/// Writes a line to standard output.
///
/// # Errors
///
/// [`Failure`] if the output is closed or cannot be written.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    say_raw(&format!("{line}\n"))
}

/// Writes text to standard output as it is.
///
/// # Errors
///
/// As [`say`].
pub(crate) fn say_raw(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(output_failure)
}

/// What a failed write to standard output means.
pub(crate) fn output_failure(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::OutputClosed;
    }
    Failure::while_doing("cannot write to standard output", error)
}

/// Writes a line to standard error. If that is closed too there is nobody left to tell.
pub(crate) fn complain(line: &str) {
    let _nobody_left = writeln!(io::stderr().lock(), "caracal: {line}");
}

/// Writes a remark about the run to standard error.
pub(crate) fn remark(line: &str) {
    let _nobody_left = writeln!(io::stderr().lock(), "{line}");
}

/// Whether a person sits at standard output.
pub(crate) fn on_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_puts_a_comma_every_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
