//! Absolute and relative SMPP times (3.4 §7.1.1, S30 to S34).

use crate::timestamp::Timestamp;

/// A time text that is neither empty nor of the sixteen characters that §7.1.1 demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is YYMMDDhhmmsstnnp: sixteen characters, p one of + - R")]
pub struct NotATime;

/// Reads schedule_delivery_time or validity_period: `None` for the empty text, otherwise the absolute moment
/// (a relative one counts from `now`, months and years by the calendar).
pub fn read_time(_text: &[u8], _now: Timestamp) -> Result<Option<Timestamp>, NotATime> {
    todo!()
}

/// Appends the absolute form in UTC, `YYMMDDhhmmss000+`.
pub fn write_absolute(_time: Timestamp, _out: &mut Vec<u8>) {
    todo!()
}

/// Appends `YYMMDDhhmm` in UTC, the form of receipts.
pub fn write_receipt_date(_time: Timestamp, _out: &mut Vec<u8>) {
    todo!()
}
