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

/// What sessions before 3.4 know a message by instead of its id: eight hexadecimal digits (S23).
///
/// Made from the id, so that it needs no place of its own. Two ids may share one: whoever gives ids to such sessions
/// passes over those whose alias is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageAlias(u32);

impl MessageAlias {
    const LENGTH_MAX: usize = 8;

    /// The alias of that id: the same in every release, because customers keep it.
    pub const fn of(id: MessageId) -> Self {
        // Without a leading zero, which some clients drop, and within what a signed number of 32 bits holds.
        const FIRST: u64 = 0x1000_0000;
        const COUNT: u64 = 0x7000_0000;
        let mut hash = id.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        hash ^= hash >> 33;
        Self((FIRST + (hash >> 32) % COUNT) as u32)
    }

    /// Reads up to eight hexadecimal digits, in capitals or not.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        if octets.is_empty() || octets.len() > Self::LENGTH_MAX || !octets.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u32::from_str_radix(std::str::from_utf8(octets).ok()?, 16).ok().map(Self)
    }

    /// The alias with this value.
    pub const fn from_u32(value: u32) -> Self {
        Self(value)
    }

    /// Its value.
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Display for MessageAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// How a peer names a message: by its id, or by the alias that a session before 3.4 was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageRef {
    /// By its id.
    Id(MessageId),
    /// By its alias.
    Alias(MessageAlias),
}

impl MessageRef {
    /// Reads a message_id of the wire. Ids of ours are far longer than an alias can be.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        if octets.len() <= MessageAlias::LENGTH_MAX {
            return MessageAlias::from_octets(octets).map(Self::Alias);
        }
        if !octets.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(octets).ok()?.parse().ok().map(Self::Id)
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
    fn an_alias_never_changes() {
        // Customers hold these numbers.
        let id = MessageId::from_u64(253_612_345_678_901_234).expect("below 2^63");
        assert_eq!(MessageAlias::of(id).to_string(), "19a7497a");
    }

    #[test]
    fn an_alias_has_eight_digits_and_neither_leading_zero_nor_sign() {
        for value in (0..100_000).map(|step| step * 77_777_777_777) {
            let alias = MessageAlias::of(MessageId::from_u64(value).expect("below 2^63"));
            assert!((0x1000_0000..=0x7FFF_FFFF).contains(&alias.as_u32()));
            assert_eq!(MessageAlias::from_octets(alias.to_string().to_uppercase().as_bytes()), Some(alias));
        }
    }

    #[test]
    fn a_message_is_named_by_its_id_or_its_alias() {
        let id = MessageId::from_u64(253_612_345_678_901_234).expect("below 2^63");
        assert_eq!(MessageRef::from_octets(b"253612345678901234"), Some(MessageRef::Id(id)));
        let alias = MessageAlias::from_octets(b"1a2B3c4d").expect("eight digits");
        assert_eq!(MessageRef::from_octets(b"1A2B3C4D"), Some(MessageRef::Alias(alias)));
        for other in [&b""[..], b"+1234567", b"xyz", b"25361234567890123x", b"99999999999999999999"] {
            assert_eq!(MessageRef::from_octets(other), None, "{other:?}");
        }
    }

    #[test]
    fn an_operators_id_keeps_its_leading_zeros() {
        assert_eq!(OperatorMessageId::from_octets(b"12"), Some(OperatorMessageId::Decimal(12)));
        assert_eq!(OperatorMessageId::from_octets(b"012"), Some(OperatorMessageId::Text(b"012"[..].into())));
        assert_eq!(OperatorMessageId::from_octets(b""), None);
    }
}
