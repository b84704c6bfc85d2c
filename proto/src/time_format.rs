//! Absolute and relative SMPP times (3.4 §7.1.1, S30 to S34), and the dates of receipts.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Span};

use crate::timestamp::Timestamp;

/// A time text that is neither empty nor of the sixteen characters that §7.1.1 demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is YYMMDDhhmmsstnnp: sixteen characters, p one of + - R")]
pub struct NotATime;

/// Reads schedule_delivery_time or validity_period: `None` for the empty text, otherwise the absolute moment
/// (a relative one counts from `now`, months and years by the calendar).
///
/// `000000000000000R` is `now` itself: a single attempt (S32). Two-digit years are of this century.
pub fn read_time(text: &[u8], now: Timestamp) -> Result<Option<Timestamp>, NotATime> {
    if text.is_empty() {
        return Ok(None);
    }
    let text: &[u8; 16] = text.try_into().map_err(|_| NotATime)?;
    let pairs = digit_pairs::<6>(&text[..12]).ok_or(NotATime)?;
    let ahead = match text[15] {
        // Tenths and quarter hours mean nothing in a relative time (S30): whatever stands there is passed over.
        b'R' => return Ok(Some(later_by(pairs, now))),
        b'+' => 1,
        b'-' => -1,
        _ => return Err(NotATime),
    };
    let [quarters] = digit_pairs::<1>(&text[13..15]).ok_or(NotATime)?;
    if !text[12].is_ascii_digit() || quarters > 48 {
        return Err(NotATime);
    }
    let [year, month, day, hour, minute, second] = pairs;
    let local = civil(2000 + i16::from(year), month, day, hour, minute, second).ok_or(NotATime)?;
    let tenths = u64::from(text[12] - b'0');
    // `+`: the local time is ahead of UTC, so UTC is earlier (S30).
    let offset = SignedDuration::from_mins(i64::from(quarters) * 15 * ahead);
    let utc = local.checked_sub(offset).map_err(|_| NotATime)?;
    Ok(Some(Timestamp::from_millis(from_civil(utc).as_millis().saturating_add(tenths * 100))))
}

/// Appends the absolute form in UTC, `YYMMDDhhmmss000+`.
pub fn write_absolute(time: Timestamp, out: &mut Vec<u8>) {
    let civil = to_civil(time);
    write_minutes(civil, out);
    write_pair(civil.second(), out);
    out.extend_from_slice(b"000+");
}

/// Appends `YYMMDDhhmm` in UTC, the form of receipts.
pub fn write_receipt_date(time: Timestamp, out: &mut Vec<u8>) {
    write_minutes(to_civil(time), out);
}

/// Reads the date of a receipt, whose time zone nobody knows, as UTC: ten, twelve or fourteen digits (Q16).
/// `None` when it is no date, `0000000000` for one.
pub fn read_receipt_date(text: &[u8]) -> Option<Timestamp> {
    let century_first = |text: &[u8]| {
        let [century, rest @ ..] = digit_pairs::<6>(&text[..12])?;
        let second = if text.len() == 14 { digit_pairs::<1>(&text[12..])?[0] } else { 0 };
        civil(i16::from(century) * 100 + i16::from(rest[0]), rest[1], rest[2], rest[3], rest[4], second)
    };
    let date = match text.len() {
        10 => {
            let [year, month, day, hour, minute] = digit_pairs::<5>(text)?;
            civil(2000 + i16::from(year), month, day, hour, minute, 0)
        }
        // Seconds as a rule; some operators write four digits of year, which as a short date has no such month.
        12 => {
            let [year, month, day, hour, minute, second] = digit_pairs::<6>(text)?;
            civil(2000 + i16::from(year), month, day, hour, minute, second).or_else(|| century_first(text))
        }
        14 => century_first(text),
        _ => None,
    }?;
    Some(from_civil(date))
}

/// The moment these years, months, days, hours, minutes and seconds after `now`. Months end no later than the
/// calendar's: a month after 31 January is the last of February.
fn later_by(pairs: [u8; 6], now: Timestamp) -> Timestamp {
    let [years, months, days, hours, minutes, seconds] = pairs.map(i64::from);
    let calendar = Span::new().years(years).months(months);
    let start = to_civil(now);
    let moved = start.checked_add(calendar).unwrap_or(DateTime::MAX);
    let by_calendar = moved.duration_since(start).unsigned_abs();
    let rest = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    now.plus(by_calendar).plus(std::time::Duration::from_secs(rest.unsigned_abs()))
}

fn civil(year: i16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<DateTime> {
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn from_civil(utc: DateTime) -> Timestamp {
    let millis = Offset::UTC.to_timestamp(utc).map_or(0, |time| time.as_millisecond());
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Moments after the year 9999, which no calendar here knows, are its end.
fn to_civil(time: Timestamp) -> DateTime {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
}

fn write_minutes(civil: DateTime, out: &mut Vec<u8>) {
    // The remainder of a division by 100 fits, and years after 1970 are positive.
    write_pair((civil.year() % 100) as i8, out);
    for pair in [civil.month(), civil.day(), civil.hour(), civil.minute()] {
        write_pair(pair, out);
    }
}

fn write_pair(value: i8, out: &mut Vec<u8>) {
    let value = value.unsigned_abs();
    out.extend_from_slice(&[b'0' + value / 10, b'0' + value % 10]);
}

/// `N` numbers of two digits each; `None` unless the text is exactly those.
fn digit_pairs<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut pairs = [0; N];
    for (pair, digits) in pairs.iter_mut().zip(text.chunks_exact(2)) {
        *pair = (digits[0] - b'0') * 10 + (digits[1] - b'0');
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().expect("a test writes RFC 3339");
        Timestamp::from_millis(u64::try_from(time.as_millisecond()).expect("after 1970"))
    }

    #[test]
    fn an_empty_time_means_the_default() {
        assert_eq!(read_time(b"", at("2026-11-26T00:00:00Z")), Ok(None));
    }

    // S30, Q33
    #[test]
    fn an_absolute_time_counts_its_quarter_hours_from_utc() {
        let now = at("2026-11-26T00:00:00Z");
        for (text, utc) in [
            ("261126123456000+", "2026-11-26T12:34:56Z"),
            ("261126123456704+", "2026-11-26T11:34:56.7Z"),
            ("261126123456004-", "2026-11-26T13:34:56Z"),
            ("260101000000022+", "2025-12-31T18:30:00Z"),
            ("280229235959948-", "2028-03-01T11:59:59.9Z"),
        ] {
            assert_eq!(read_time(text.as_bytes(), now), Ok(Some(at(utc))), "{text}");
        }
    }

    // S32, Q33
    #[test]
    fn a_relative_time_goes_by_the_calendar() {
        for (now, text, then) in [
            ("2026-01-31T10:00:00Z", "000100000000000R", "2026-02-28T10:00:00Z"),
            ("2028-01-31T10:00:00Z", "000100000000000R", "2028-02-29T10:00:00Z"),
            ("2028-02-29T10:00:00Z", "010000000000000R", "2029-02-28T10:00:00Z"),
            ("2026-12-31T23:59:59.250Z", "000000000001000R", "2027-01-01T00:00:00.250Z"),
            ("2026-11-26T00:00:00Z", "000002000000000R", "2026-11-28T00:00:00Z"),
            ("2026-11-26T00:00:00Z", "000000999999000R", "2026-11-30T04:40:39Z"),
        ] {
            assert_eq!(read_time(text.as_bytes(), at(now)), Ok(Some(at(then))), "{text} after {now}");
        }
    }

    #[test]
    fn a_relative_time_of_nothing_is_now() {
        let now = at("2026-11-26T12:00:00.123Z");
        assert_eq!(read_time(b"000000000000000R", now), Ok(Some(now)));
    }

    // S30, Q33
    #[test]
    fn a_time_of_another_form_is_refused() {
        let now = at("2026-11-26T00:00:00Z");
        for text in [
            "26112612345600+",   // fifteen characters
            "2611261234560000+", // seventeen
            "261126123456000Z",
            "261326123456000+", // month 13
            "260230123456000+", // 30 February
            "261126243456000+", // hour 24
            "261126123456049+", // more than twelve hours of quarters
            "26112612345 000+",
            "00000000000x000R",
            "000000000000000+",
        ] {
            assert_eq!(read_time(text.as_bytes(), now), Err(NotATime), "{text}");
        }
    }

    // S34
    #[test]
    fn times_are_written_in_utc() {
        let mut out = Vec::new();
        write_absolute(at("2026-03-04T05:06:07.890Z"), &mut out);
        assert_eq!(out, b"260304050607000+");
        out.clear();
        write_receipt_date(at("2026-03-04T05:06:07.890Z"), &mut out);
        assert_eq!(out, b"2603040506");
    }

    #[test]
    fn receipt_dates_come_in_three_lengths() {
        let minute = Some(at("2026-11-24T15:30:00Z"));
        let second = Some(at("2026-11-24T15:30:42Z"));
        assert_eq!(read_receipt_date(b"2611241530"), minute);
        assert_eq!(read_receipt_date(b"261124153042"), second);
        assert_eq!(read_receipt_date(b"202611241530"), minute);
        assert_eq!(read_receipt_date(b"20261124153042"), second);
        for nothing in [&b"0000000000"[..], b"", b"26112415", b"261124153x", b"999999999999"] {
            assert_eq!(read_receipt_date(nothing), None);
        }
    }

    #[test]
    fn the_end_of_time_is_written_and_not_wrapped() {
        let mut out = Vec::new();
        write_absolute(Timestamp::from_millis(u64::MAX), &mut out);
        assert_eq!(out.len(), 16);
        assert!(read_time(b"990000000000000R", Timestamp::from_millis(u64::MAX)).is_ok());
    }

    proptest! {
        #[test]
        fn a_written_time_reads_back_to_the_second(millis in 946_684_800_000_u64..4_102_444_800_000) {
            let time = Timestamp::from_millis(millis / 1000 * 1000);
            let mut out = Vec::new();
            write_absolute(time, &mut out);
            prop_assert_eq!(read_time(&out, Timestamp::default()), Ok(Some(time)));
        }

        #[test]
        fn hostile_times_never_panic(
            text in proptest::collection::vec(any::<u8>(), 0..20),
            digits in "[0-9]{12,15}[-+R0-9]{1,2}",
            now: u64,
        ) {
            let now = Timestamp::from_millis(now);
            let _ = read_time(&text, now);
            let _ = read_time(digits.as_bytes(), now);
            let _ = read_receipt_date(&text);
            let _ = read_receipt_date(digits.as_bytes());
        }
    }
}
