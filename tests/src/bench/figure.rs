//! One figure of a row: what to reach, the aim, what was measured, and what that comes to.

use std::time::Duration;

/// In what a figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Messages a second.
    PerSecond,
    /// CPU time of one message, in microseconds.
    Microseconds,
    /// Latency, in milliseconds.
    Milliseconds,
    /// A time, in seconds.
    Seconds,
    /// A ratio, in per cent.
    Percent,
    /// Resident memory, in millions of octets.
    Megabytes,
    /// CPU time over time.
    Cores,
    /// A number of things.
    Count,
}

impl Unit {
    /// The value with three digits that matter, and the unit.
    pub(crate) fn show(self, value: f64) -> String {
        let unit = match self {
            Self::PerSecond => "/s",
            Self::Microseconds => " µs",
            Self::Milliseconds => " ms",
            Self::Seconds => " s",
            Self::Percent => " %",
            Self::Megabytes => " MB",
            Self::Cores => " cores",
            Self::Count => return with_commas(value),
        };
        three_digits(value) + unit
    }

    /// Its name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "per_second",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Percent => "percent",
            Self::Megabytes => "megabytes",
            Self::Cores => "cores",
            Self::Count => "count",
        }
    }
}

/// On which side of its bound a figure is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The more the better.
    AtLeast,
    /// The less the better.
    AtMost,
}

impl Side {
    /// Its name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measured {
    /// That.
    Value(f64),
    /// Nothing here: it is measured so.
    Elsewhere(String),
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// What is measured.
    pub(crate) name: &'static str,
    /// In what.
    pub(crate) unit: Unit,
    /// Which side is good.
    pub(crate) side: Side,
    /// What is to be reached; `None`: it is told, and not judged.
    pub(crate) reach: Option<f64>,
    /// What is aimed at, where that is more.
    pub(crate) aim: Option<f64>,
    /// What was found.
    pub(crate) measured: Measured,
}

/// What a figure comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Even the aim is reached.
    Aim,
    /// It is reached.
    Reached,
    /// It is not, by that share of the bound.
    Short(f64),
    /// It is measured elsewhere, or only told.
    Open,
}

impl Figure {
    /// One that is to be at least so large; `aim` as well where it is given.
    pub(crate) fn at_least(name: &'static str, unit: Unit, reach: f64, aim: Option<f64>, value: f64) -> Self {
        Self { name, unit, side: Side::AtLeast, reach: Some(reach), aim, measured: Measured::Value(value) }
    }

    /// One that is to be at most so large.
    pub(crate) fn at_most(name: &'static str, unit: Unit, reach: f64, aim: Option<f64>, value: f64) -> Self {
        Self { name, unit, side: Side::AtMost, reach: Some(reach), aim, measured: Measured::Value(value) }
    }

    /// One that others are to be compared with.
    pub(crate) fn told(name: &'static str, unit: Unit, value: f64) -> Self {
        Self { name, unit, side: Side::AtMost, reach: None, aim: None, measured: Measured::Value(value) }
    }

    /// Whether there is something to show.
    pub(crate) fn is_whole(&self) -> bool {
        match self.measured {
            Measured::Value(value) => value.is_finite(),
            Measured::Elsewhere(_) => true,
        }
    }

    /// What it comes to.
    pub(crate) fn verdict(&self) -> Verdict {
        let (Measured::Value(value), Some(reach)) = (&self.measured, self.reach) else { return Verdict::Open };
        let value = *value;
        let holds = |bound: f64| match self.side {
            Side::AtLeast => value >= bound,
            Side::AtMost => value <= bound,
        };
        match self.aim {
            Some(aim) if holds(aim) => Verdict::Aim,
            _ if holds(reach) => Verdict::Reached,
            _ => Verdict::Short((value - reach).abs() / reach),
        }
    }

    /// A bound as it stands in the table.
    pub(crate) fn bound(&self, bound: f64) -> String {
        let sign = match self.side {
            Side::AtLeast => '≥',
            Side::AtMost => '≤',
        };
        format!("{sign} {}", self.unit.show(bound))
    }

    /// What was found, as it stands in the table.
    pub(crate) fn shown(&self) -> String {
        match &self.measured {
            Measured::Value(value) => self.unit.show(*value),
            Measured::Elsewhere(how) => how.clone(),
        }
    }
}

impl Verdict {
    /// As it stands in the table.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Aim => "PASS, aim".to_owned(),
            Self::Reached => "PASS".to_owned(),
            Self::Short(share) if share < 0.1 => format!("short by {:.1} %", share * 100.0),
            Self::Short(share) => format!("short by {:.0} %", share * 100.0),
            Self::Open => "-".to_owned(),
        }
    }
}

/// What a median latency is held to on this disk: a slow one is charged for its two turns, not we (DESIGN §8).
pub(crate) fn median_on(fdatasync: Duration, bound_ms: f64) -> f64 {
    let sync_ms = fdatasync.as_secs_f64() * 1e3;
    if sync_ms > 0.3 { bound_ms.max(2.0 * sync_ms + 0.6) } else { bound_ms }
}

fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size >= 999.5 => {
            let step = 10_f64.powi(size.log10().floor() as i32 - 2);
            with_commas((value / step).round() * step)
        }
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => trimmed(format!("{value:.1}")),
        _ => trimmed(format!("{value:.2}")),
    }
}

fn trimmed(number: String) -> String {
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn with_commas(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
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
    fn a_figure_is_short_by_its_distance_from_the_bound() {
        let rate = |value| Figure::at_least("rate", Unit::PerSecond, 200.0, Some(400.0), value).verdict();
        assert_eq!([rate(400.0), rate(399.0), rate(150.0)], [Verdict::Aim, Verdict::Reached, Verdict::Short(0.25)]);
        let time = |value| Figure::at_most("time", Unit::Seconds, 10.0, None, value).verdict();
        assert_eq!([time(10.0), time(15.0)], [Verdict::Reached, Verdict::Short(0.5)]);
        assert_eq!(time(15.0).text(), "short by 50 %");
    }

    #[test]
    fn what_is_only_told_is_not_judged() {
        let figure = Figure::told("time", Unit::Milliseconds, 1.0);
        assert_eq!((figure.verdict().text().as_str(), figure.shown().as_str()), ("-", "1 ms"));
    }

    #[test]
    fn what_is_no_number_is_a_hole() {
        let figure = |value| Figure::at_least("rate", Unit::PerSecond, 1.0, None, value);
        assert!(figure(0.0).is_whole() && !figure(f64::NAN).is_whole() && !figure(f64::INFINITY).is_whole());
    }

    #[test]
    fn figures_have_three_digits_that_matter() {
        let cases =
            [(654_441.0, "654,000/s"), (1_834.2, "1,830/s"), (999.6, "1,000/s"), (12.34, "12.3/s"), (0.5, "0.5/s")];
        for (value, text) in cases {
            assert_eq!(Unit::PerSecond.show(value), text);
        }
        assert_eq!(Unit::Count.show(10_001.0), "10,001");
        assert_eq!(Figure::at_most("time", Unit::Seconds, 12.0, None, 1.0).bound(12.0), "≤ 12 s");
    }

    #[test]
    fn a_slow_disk_is_charged_for_its_syncs() {
        assert_eq!(median_on(Duration::from_micros(150), 0.5), 0.5);
        assert_eq!(median_on(Duration::from_millis(2), 0.5), 4.6);
    }
}
