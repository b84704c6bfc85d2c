//! Numbers and times as people read them.

use std::time::Duration;

use serde_json::Value;

/// `1234567` as `1 234 567`, with thin spaces.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A rate: two digits or more, no more than one behind the point.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        small if small < 10.0 && small.fract().abs() > 0.04 => format!("{small:.1}"),
        other => grouped(other.round() as u64),
    }
}

/// A share in percent; a little is never shown as nothing, and nearly all never as all.
pub(super) fn percent(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value > 0.0 && value < 0.1 => "< 0.1 %".to_owned(),
        Some(value) if value < 100.0 && value > 99.9 => "> 99.9 %".to_owned(),
        Some(value) if value.fract().abs() < 0.05 => format!("{value:.0} %"),
        Some(value) => format!("{value:.1} %"),
    }
}

/// Octets.
pub(super) fn octets(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// How long, in one or two units.
pub(super) fn long(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        600..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// How long ago a moment of the API was; `None`: it is no moment.
pub(super) fn age(moment: &Value, now: jiff::Timestamp) -> Option<Duration> {
    let then: jiff::Timestamp = moment.as_str()?.parse().ok()?;
    Some(Duration::try_from(now.duration_since(then)).unwrap_or_default())
}

/// The time of a moment of the API: without its date if it is today's.
pub(super) fn clock(moment: &str, now: jiff::Timestamp) -> String {
    let today = now.to_string();
    match (moment.get(..10), moment.get(11..19)) {
        (Some(day), Some(time)) if today.starts_with(day) => time.to_owned(),
        (Some(day), Some(time)) => format!("{day} {time}"),
        _ => moment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let plain = |number| grouped(number).replace('\u{202f}', " ");
        assert_eq!([plain(0), plain(999), plain(1_000), plain(1_234_567)], ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn a_little_is_not_nothing_and_nearly_all_is_not_all() {
        let told = [None, Some(0.0), Some(0.01), Some(2.5), Some(99.99), Some(100.0)].map(percent);
        assert_eq!(told, ["–", "0 %", "< 0.1 %", "2.5 %", "> 99.9 %", "100 %"]);
    }

    #[test]
    fn times_are_told_in_two_units_at_most() {
        let told = [5, 75, 700, 3_700, 100_000].map(|seconds| long(Duration::from_secs(seconds)));
        assert_eq!(told, ["5 s", "1 min 15 s", "11 min", "1 h 01 min", "1 d 3 h"]);
    }

    #[test]
    fn octets_have_units_and_rates_have_a_digit_behind_the_point_only_when_they_are_small() {
        assert_eq!([octets(512), octets(1_536), octets(20 << 30)], ["512 B", "1.5 KiB", "20 GiB"]);
        assert_eq!([rate(0.0), rate(0.4), rate(12.4)], ["0", "0.4", "12"]);
    }

    #[test]
    fn a_moment_of_today_has_no_date() {
        let now: jiff::Timestamp = "2026-11-27T12:00:00Z".parse().expect("a time");
        assert_eq!(clock("2026-11-27T11:59:30.123Z", now), "11:59:30");
        assert_eq!(clock("2026-11-26T11:59:30.123Z", now), "2026-11-26 11:59:30");
        assert_eq!(age(&"2026-11-27T11:59:30.000Z".into(), now), Some(Duration::from_secs(30)));
        assert_eq!(age(&"2026-11-27T12:00:30.000Z".into(), now), Some(Duration::ZERO));
        assert_eq!(age(&Value::Null, now), None);
    }
}
