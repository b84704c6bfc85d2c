//! Message ids: ours, and the operators'.

use std::fmt;
use std::str::FromStr;

/// 2025-01-01T00:00:00Z, where the time part of a [`MessageId`] begins.
const EPOCH_MILLIS: u64 = 1_735_689_600_000;
const PARTITION_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;

/// A partition of the cluster's messages: 0..=959 belong to nodes (`node.number * 16 + k`), 960..=1023 to PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(u16);

impl PartitionId {
    /// The partition of that number; `None` above 1023.
    pub const fn new(number: u16) -> Option<Self> {
        if number < 1 << PARTITION_BITS { Some(Self(number)) } else { None }
    }

    /// Its number, 0..=1023.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// The `message_id` that we give: a decimal number below 2^63, never reused.
///
/// 41 bits of milliseconds since 2025, 10 bits of partition, 12 bits of sequence. Digits only, because customers
/// match `id:(\d+)` in the receipt against the response as strings (S42).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

impl MessageId {
    /// How many ids one partition can give in one millisecond.
    pub const SEQUENCES: u64 = 1 << SEQUENCE_BITS;

    /// The id of these parts. `tick` counts `milliseconds since 2025 * SEQUENCES + sequence`: ids of one partition
    /// rise with it.
    pub const fn from_tick(tick: u64, partition: PartitionId) -> Self {
        let millis = tick >> SEQUENCE_BITS;
        let sequence = tick & (Self::SEQUENCES - 1);
        let millis = millis & ((1 << 41) - 1);
        Self((millis << (PARTITION_BITS + SEQUENCE_BITS)) | ((partition.0 as u64) << SEQUENCE_BITS) | sequence)
    }

    /// The tick that [`from_tick`](Self::from_tick) was given.
    pub const fn tick(self) -> u64 {
        ((self.0 >> (PARTITION_BITS + SEQUENCE_BITS)) << SEQUENCE_BITS) | (self.0 & (Self::SEQUENCES - 1))
    }

    /// The first tick of the millisecond `unix_millis`; zero before 2025.
    pub const fn tick_at(unix_millis: u64) -> u64 {
        unix_millis.saturating_sub(EPOCH_MILLIS) << SEQUENCE_BITS
    }

    /// The id with this value; `None` from 2^63 on.
    pub const fn from_u64(value: u64) -> Option<Self> {
        if value < 1 << 63 { Some(Self(value)) } else { None }
    }

    /// Its value, below 2^63.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The partition that gave it.
    pub const fn partition(self) -> PartitionId {
        PartitionId(((self.0 >> SEQUENCE_BITS) & ((1 << PARTITION_BITS) - 1)) as u16)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A text that is no `message_id` of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message_id is a decimal number below 2^63")]
pub struct NotAMessageId;

impl FromStr for MessageId {
    type Err = NotAMessageId;

    fn from_str(text: &str) -> Result<Self, NotAMessageId> {
        text.parse().ok().and_then(Self::from_u64).ok_or(NotAMessageId)
    }
}

/// The id that an operator gave a message: opaque, at most 64 octets (Q15).
///
/// Plain decimal ids, by far the commonest, take no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OperatorMessageId {
    /// A decimal number without leading zeros.
    Decimal(u64),
    /// Anything else, as it came.
    Text(Box<[u8]>),
}

impl OperatorMessageId {
    /// Reads the octets before the NUL; `None` if there are none or more than 64.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        if octets.is_empty() || octets.len() > 64 {
            return None;
        }
        let canonical =
            octets.len() <= 19 && octets.iter().all(u8::is_ascii_digit) && (octets[0] != b'0' || octets.len() == 1);
        Some(if canonical {
            Self::Decimal(octets.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
        } else {
            Self::Text(octets.into())
        })
    }
}

impl fmt::Display for OperatorMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(value) => fmt::Display::fmt(value, f),
            Self::Text(octets) => f.write_str(&String::from_utf8_lossy(octets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_gives_back_its_parts() {
        let partition = PartitionId::new(17).expect("below 1024");
        let tick = MessageId::tick_at(1_764_000_000_000) + 4_095;
        let id = MessageId::from_tick(tick, partition);
        assert_eq!((id.tick(), id.partition()), (tick, partition));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn ids_of_one_partition_rise_with_the_tick() {
        let partition = PartitionId::new(1_023).expect("below 1024");
        let tick = MessageId::tick_at(1_764_000_000_000) + 4_095;
        assert!(MessageId::from_tick(tick, partition) < MessageId::from_tick(tick + 1, partition));
    }

    #[test]
    fn an_operators_id_keeps_its_leading_zeros() {
        assert_eq!(OperatorMessageId::from_octets(b"12"), Some(OperatorMessageId::Decimal(12)));
        assert_eq!(OperatorMessageId::from_octets(b"012"), Some(OperatorMessageId::Text(b"012"[..].into())));
        assert_eq!(OperatorMessageId::from_octets(b""), None);
    }
}
