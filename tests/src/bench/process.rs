//! What the operating system knows of a process, from /proc.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in /proc/PID/stat, on every Linux of today.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time, user and system, of all its threads so far.
pub(crate) fn cpu(pid: u32) -> Result<Duration, String> {
    let stat = read(pid, "stat")?;
    // The name in brackets may hold blanks itself.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND)),
        _ => Err(format!("/proc/{pid}/stat is not what it should be")),
    }
}

/// Resident octets now.
pub(crate) fn resident(pid: u32) -> Result<f64, String> {
    status(pid, "VmRSS:")
}

/// The most resident octets that it ever had.
pub(crate) fn resident_max(pid: u32) -> Result<f64, String> {
    status(pid, "VmHWM:")
}

fn status(pid: u32, key: &str) -> Result<f64, String> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.map(|kib| kib * 1_024.0).ok_or_else(|| format!("/proc/{pid}/status has no {key}"))
}

fn read(pid: u32, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).map_err(|error| format!("/proc/{pid}/{file}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_own_size_and_time() {
        let me = std::process::id();
        assert!(resident(me).expect("it is good") > 100_000.0);
        assert!(resident_max(me).expect("it is good") >= resident(me).expect("it is good") / 2.0);
        assert!(cpu(me).is_ok());
        assert!(cpu(0).is_err() && resident(0).is_err());
    }
}
