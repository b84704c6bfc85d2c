//! Times: what reads is a moment that can be written, and reads as itself; everything else is refused.
//!
//! Input: now in milliseconds, eight octets; then the text of a time.

use smsc_proto::time_format::{read_receipt_date, read_time, write_absolute, write_receipt_date};
use smsc_proto::timestamp::Timestamp;

/// From 2000 to the end of 2099: what two digits of a year can say.
const CENTURY: std::ops::Range<u64> = 946_684_800_000..4_102_444_800_000;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60_000;

/// Reads the text as a time and as the date of a receipt, and writes what was read.
pub fn run(input: &[u8]) {
    let Some((now, text)) = input.split_first_chunk() else { return };
    let now = Timestamp::from_millis(u64::from_le_bytes(*now));
    match read_time(text, now) {
        Ok(None) => assert!(text.is_empty(), "only nothing means the default"),
        Ok(Some(time)) => {
            assert_eq!(text.len(), 16, "a time has sixteen characters");
            match text[15] {
                b'R' => assert!(time >= now, "a relative time lies ahead"),
                _ => assert_eq!(Some(time), read_time(text, Timestamp::default()).ok().flatten()),
            }
            check_written(time);
        }
        Err(_) => assert!(!text.is_empty()),
    }
    if let Some(date) = read_receipt_date(text) {
        assert!(matches!(text.len(), 10 | 12 | 14) && text.iter().all(u8::is_ascii_digit));
        assert_eq!(date.as_millis() % SECOND, 0);
        check_written(date);
    }
    check_written(now);
}

/// What is written has always the same length, and reads back to the second or minute.
fn check_written(time: Timestamp) {
    let (mut absolute, mut date) = (Vec::new(), Vec::new());
    write_absolute(time, &mut absolute);
    write_receipt_date(time, &mut date);
    assert_eq!((absolute.len(), date.len()), (16, 10));
    assert!(absolute.starts_with(&date), "both say the same minute");
    if CENTURY.contains(&time.as_millis()) {
        let floor = |unit| Timestamp::from_millis(time.as_millis() / unit * unit);
        assert_eq!(read_time(&absolute, Timestamp::default()), Ok(Some(floor(SECOND))));
        assert_eq!(read_receipt_date(&date), Some(floor(MINUTE)));
    }
}

/// Times of every form, good and bad.
pub fn seeds() -> Vec<Vec<u8>> {
    const TEXTS: [&[u8]; 14] = [
        b"",
        b"261126123456704+",
        b"261126123456048-",
        b"260101000000022+",
        b"991231235959900-",
        b"000100000000000R",
        b"991231235959000R",
        b"000000000000000R",
        b"261326123456000+",
        b"26112612345600+",
        b"2611241530",
        b"261124153042",
        b"202611241530",
        b"20261124153042",
    ];
    let now = [1_764_000_000_000_u64, 951_782_400_123, 0, u64::MAX];
    now.iter().flat_map(|now| TEXTS.map(|text| [&now.to_le_bytes(), text].concat())).collect()
}
