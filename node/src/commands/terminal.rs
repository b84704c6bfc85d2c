//! What the commands show to people: colours only where a terminal reads them, durations and counts in readable form,
//! one line that is written over. Text from the network is made harmless before it is shown.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Colours, or none: not on pipes and files, and not where `NO_COLOR` is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For what goes to standard output.
    pub(crate) fn for_stdout() -> Self {
        Self { on: io::stdout().is_terminal() && colours_wanted() }
    }

    /// For what goes to standard error.
    pub(crate) fn for_stderr() -> Self {
        Self { on: io::stderr().is_terminal() && colours_wanted() }
    }

    /// None, whoever reads.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { on: false }
    }

    /// Something went well.
    pub(crate) fn good(self, text: impl fmt::Display) -> String {
        self.wrap("32", text)
    }

    /// Something went wrong.
    pub(crate) fn bad(self, text: impl fmt::Display) -> String {
        self.wrap("31", text)
    }

    /// What the eye should find first.
    pub(crate) fn strong(self, text: impl fmt::Display) -> String {
        self.wrap("1", text)
    }

    /// What is said for completeness.
    pub(crate) fn dim(self, text: impl fmt::Display) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: impl fmt::Display) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes the one sentence that says what went wrong, and what to do, to standard error.
pub(crate) fn complain(problem: impl fmt::Display) {
    eprintln!("{} {problem}", Paint::for_stderr().bad("error:"));
}

/// A line on standard error that is written over again and again; nothing at all where no terminal reads it.
#[derive(Debug)]
pub(crate) struct LiveLine {
    on: bool,
    shown: bool,
}

impl LiveLine {
    /// Shows nothing yet.
    pub(crate) fn new() -> Self {
        Self { on: io::stderr().is_terminal(), shown: false }
    }

    /// Whether anybody would see it.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Replaces the line.
    pub(crate) fn show(&mut self, line: &str) {
        if self.on {
            self.shown = true;
            // A terminal that went away is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
            let _ = io::stderr().flush();
        }
    }

    /// Takes the line away, so that other output starts at the left.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _ = write!(io::stderr(), "\r\x1b[2K");
            let _ = io::stderr().flush();
        }
    }
}

/// A duration as people read it: three digits that matter, in the unit that fits.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 60.0 {
        let whole = duration.as_secs();
        return format!("{} min {} s", whole / 60, whole % 60);
    }
    if seconds >= 0.9995 {
        return format!("{} s", three_digits(seconds));
    }
    if seconds >= 0.000_999_5 {
        return format!("{} ms", three_digits(seconds * 1e3));
    }
    format!("{} µs", three_digits(seconds * 1e6))
}

fn three_digits(value: f64) -> String {
    if value >= 99.95 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A count with commas between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `2 messages`.
pub(crate) fn counted(number: u64, word: &str) -> String {
    format!("{} {word}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Text from a peer, fit for a terminal: control characters, which could move its cursor or worse, are shown as `·`.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '·' } else { character }).collect()
}

/// The time of day in UTC, `20:22:34`.
pub(crate) fn time_of_day() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() % 86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_fitting_unit() {
        let cases = [
            (850, "850 ns as µs", "0.85 µs"),
            (840_000, "below a millisecond", "840 µs"),
            (1_234_000, "milliseconds", "1.23 ms"),
            (12_340_000, "tens of them", "12.3 ms"),
            (999_900_000, "nearly a second", "1.00 s"),
            (45_600_000_000, "seconds", "45.6 s"),
            (65_000_000_000, "minutes", "1 min 5 s"),
        ];
        for (nanos, what, expected) in cases {
            assert_eq!(duration(Duration::from_nanos(nanos)), expected, "{what}");
        }
    }

    #[test]
    fn counts_have_commas() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "part"), "1 part");
        assert_eq!(counted(2_000, "part"), "2,000 parts");
    }

    #[test]
    fn a_message_cannot_take_over_the_terminal() {
        assert_eq!(harmless("hello \x1b[2Jworld\r\n"), "hello ·[2Jworld··");
        assert_eq!(harmless("åäö €"), "åäö €");
    }

    #[test]
    fn nothing_is_painted_where_no_terminal_reads() {
        assert_eq!(Paint { on: false }.good("DELIVRD"), "DELIVRD");
        assert_eq!(Paint { on: true }.good("DELIVRD"), "\x1b[32mDELIVRD\x1b[0m");
    }
}
