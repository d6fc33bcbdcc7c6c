//! Facts of the machine and the build, without which a figure means nothing.
//!
//! What cannot be read is "unknown": a harness must not fail because a machine hides its governor.

use std::fmt;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// The machine and the build of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as the system names it")]
pub struct Facts {
    pub cpu: String,
    pub cores: usize,
    pub isolated_cores: String,
    pub governor: String,
    pub clock_source: String,
    pub kernel: String,
    pub load: String,
    pub rustc: String,
    pub profile: &'static str,
    pub commit: String,
}

impl Facts {
    /// Reads them.
    #[must_use]
    pub fn read() -> Self {
        let cpu = "/sys/devices/system/cpu";
        let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        let isolated = fs::read_to_string(format!("{cpu}/isolated")).unwrap_or_default();
        Self {
            cpu: cpu_model(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            isolated_cores: match isolated.trim() {
                "" => "none".to_owned(),
                list => list.to_owned(),
            },
            governor: line_of(&format!("{cpu}/cpu0/cpufreq/scaling_governor")),
            clock_source: line_of(clock),
            kernel: line_of("/proc/sys/kernel/osrelease"),
            load: line_of("/proc/loadavg"),
            rustc: answer_of("rustc", &["--version"]),
            profile: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
            commit: answer_of("git", &["describe", "--always", "--dirty"]),
        }
    }

    /// As the `machine` object of the `--json` line.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "isolated_cores": self.isolated_cores,
            "governor": self.governor,
            "clock_source": self.clock_source,
            "kernel": self.kernel,
            "load": self.load,
            "rustc": self.rustc,
            "profile": self.profile,
            "commit": self.commit,
        })
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "machine: {}, {} cores, isolated {}, governor {}, clock {}, kernel {}, load {}, {}, \
             profile {}, commit {}",
            self.cpu,
            self.cores,
            self.isolated_cores,
            self.governor,
            self.clock_source,
            self.kernel,
            self.load,
            self.rustc,
            self.profile,
            self.commit,
        )
    }
}

fn cpu_model() -> String {
    let all = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = all.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split(':').nth(1));
    known(model.unwrap_or_default())
}

fn line_of(path: &str) -> String {
    known(&fs::read_to_string(path).unwrap_or_default())
}

fn answer_of(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    known(&text.unwrap_or_default())
}

fn known(text: &str) -> String {
    match text.trim() {
        "" => "unknown".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_all_there_or_unknown() {
        let facts = Facts::read();
        assert!(facts.cores > 0);
        let json = facts.json();
        let values = json.as_object().unwrap().values();
        assert!(values.into_iter().all(|value| value != ""), "{json}");
        assert_eq!(answer_of("/no/such/program", &[]), "unknown");
    }
}
