//! Where it is measured: processor, kernel, disk, time and commit.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::bench::Durable;

/// How often the disk is asked.
const SYNCS: usize = 200;

/// One machine at one time.
#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory: String,
    kernel: String,
    /// How long half of all `fdatasync` take where the nodes keep their data, after 4 KiB were appended.
    pub(crate) fdatasync: Duration,
    fdatasync_p99: Duration,
    date: String,
    commit: String,
}

impl Machine {
    /// Looks at this one.
    pub(crate) fn look() -> Self {
        let (fdatasync, fdatasync_p99) = fdatasync();
        let first = |file: &str, key: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.map(|line| line.trim_matches([' ', '\t', ':']).to_owned()).unwrap_or_else(|| "unknown".to_owned())
        };
        Self {
            processor: first("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: first("/proc/meminfo", "MemTotal"),
            kernel: first("/proc/sys/kernel/osrelease", ""),
            fdatasync,
            fdatasync_p99,
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            commit: commit(),
        }
    }

    /// What stands above the table, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        vec![
            format!("machine  {}, {} cores, {}, Linux {}", self.processor, self.cores, self.memory, self.kernel),
            format!("disk     fdatasync p50 {}, p99 {}{}", ms(self.fdatasync), ms(self.fdatasync_p99), journal()),
            format!("commit   {}, {}", self.commit, self.date),
        ]
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "memory": self.memory,
            "kernel": self.kernel,
            "fdatasync_us": { "p50": self.fdatasync.as_micros() as u64, "p99": self.fdatasync_p99.as_micros() as u64 },
            "date": self.date,
            "commit": self.commit,
        })
    }
}

/// p50 and p99.
fn fdatasync() -> (Duration, Duration) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let mut file = File::create(folder.path().join("syncs")).expect("the temporary folder can be written");
    let mut times: Vec<Duration> = (0..SYNCS)
        .map(|_| {
            file.write_all(&[0x5A; 4_096]).expect("the disk takes 4 KiB");
            let begin = Instant::now();
            file.sync_data().expect("the disk syncs");
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[SYNCS / 2], times[SYNCS * 99 / 100])
}

/// The commit of the source; with a `+` when it was changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let folder = env!("CARGO_MANIFEST_DIR");
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty());
    if changed { commit + "+" } else { commit }
}

/// Where the journal is, if it is not on that disk alone.
fn journal() -> &'static str {
    match Durable::of_environment() {
        Durable::Sled => "",
        Durable::Postgres => "; journal in PostgreSQL with a synchronous standby",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_described_in_three_lines() {
        let machine = Machine::look();
        assert!(machine.fdatasync > Duration::ZERO && machine.fdatasync <= machine.fdatasync_p99);
        let lines = machine.lines();
        assert_eq!(lines.len(), 3);
        assert!(!lines[0].contains("unknown"), "{lines:?}");
    }
}
