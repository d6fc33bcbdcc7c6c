//! Child processes and lines on standard output, for every chore.
//!
//! Children get no standard input: a chore that would ask a question must fail instead of hang.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest pause between two looks at a child that has a time limit.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Writes one line. A closed pipe is ignored: the exit code still says what happened.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A command in `root` without standard input.
pub(crate) fn command(root: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end.
///
/// # Errors
///
/// A line saying that it could not start, or with which status it ended.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let shown = describe(&command);
    let status = command
        .status()
        .map_err(|error| format!("`{shown}` did not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` ended with {status}"))
    }
}

/// Runs `command`, and ends it when it takes longer than `limit`.
///
/// # Errors
///
/// As [`run`], and when the limit was reached.
pub(crate) fn run_within(mut command: Command, limit: Duration) -> Result<(), String> {
    let shown = describe(&command);
    let failed = |error| format!("`{shown}` did not run: {error}");
    let mut child = command.spawn().map_err(failed)?;
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait().map_err(failed)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("`{shown}` ended with {status}")),
            None if Instant::now() < deadline => thread::sleep(POLL_EVERY),
            None => {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                return Err(format!("`{shown}` took longer than {} s", limit.as_secs()));
            }
        }
    }
}

fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Command {
        command(Path::new("."), "bash", &["-c", script])
    }

    #[test]
    fn run_failing_command_is_an_error() {
        assert!(run(bash("exit 0")).is_ok());
        assert!(run(bash("exit 3")).is_err_and(|line| line.contains("exit status: 3")));
    }

    #[test]
    fn run_within_slow_command_is_ended() {
        let started = Instant::now();
        let result = run_within(bash("exec sleep 60"), Duration::from_millis(200));
        assert!(result.is_err_and(|line| line.contains("took longer")));
        assert!(started.elapsed() < Duration::from_secs(30));
        assert!(run_within(bash("exit 0"), Duration::from_secs(30)).is_ok());
    }
}
