//! Numbers as routes know them: normalised to international digits where that is possible.

use smallvec::SmallVec;
use smsc_proto::address::Address;

/// Digits without `+` or `00`.
pub type Number = SmallVec<[u8; 24]>;

/// Normalises a destination (leading `+`, `00`, TON/NPI; a national number gets `national_prefix` when there is one);
/// `None` when it is empty or holds anything but digits (ESME_RINVDSTADR, S40).
pub fn normalise(_address: &Address<'_>, _national_prefix: Option<&str>) -> Option<Number> {
    todo!()
}
