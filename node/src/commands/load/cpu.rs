//! CPU time of a process, from /proc.

use std::time::Duration;

/// Clock ticks a second in /proc/PID/stat: 100 on every Linux of today, whatever the kernel's own tick is.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time, user and system, of all threads of a process so far; `None` where there is no /proc or no such process.
pub(super) fn of_process(pid: &str) -> Option<Duration> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// utime and stime of a stat line. The name in brackets may hold spaces and brackets itself.
fn parse_stat(line: &str) -> Option<Duration> {
    let (_, fields) = line.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let line = "4711 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(parse_stat(line), Some(Duration::from_secs(2)));
        assert_eq!(parse_stat("nonsense"), None);
        assert_eq!(parse_stat("1 (x) S 1"), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_time() {
        assert_eq!(of_process("0"), None);
    }
}
