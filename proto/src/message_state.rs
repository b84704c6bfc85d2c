//! The states of a message (SMPP 5.0 §4.7.15), and which of them are final.

/// Where a message is in its life. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageState {
    /// Waits for its schedule_delivery_time. 5.0 only: a 3.4 session is told ENROUTE (S46).
    Scheduled = 0,
    /// On its way.
    Enroute = 1,
    /// Reached the handset.
    Delivered = 2,
    /// Its validity period ended first.
    Expired = 3,
    /// Cancelled.
    Deleted = 4,
    /// Can never be delivered.
    Undeliverable = 5,
    /// Accepted on the subscriber's behalf; from an operator that sends no receipts, the end.
    Accepted = 6,
    /// Nobody knows.
    Unknown = 7,
    /// Refused.
    Rejected = 8,
    /// 5.0: passed over on purpose.
    Skipped = 9,
}

impl MessageState {
    /// All states, in the order of their numbers.
    pub const ALL: [MessageState; 10] = [
        Self::Scheduled,
        Self::Enroute,
        Self::Delivered,
        Self::Expired,
        Self::Deleted,
        Self::Undeliverable,
        Self::Accepted,
        Self::Unknown,
        Self::Rejected,
        Self::Skipped,
    ];

    /// The state with that number on the wire.
    pub fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.get(usize::from(octet)).copied()
    }

    /// Whether the state never changes again.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Scheduled | Self::Enroute => false,
            Self::Delivered
            | Self::Expired
            | Self::Deleted
            | Self::Undeliverable
            | Self::Accepted
            | Self::Unknown
            | Self::Rejected
            | Self::Skipped => true,
        }
    }

    /// The word of seven letters after `stat:` in a receipt (3.4 Appendix B, S49).
    pub const fn receipt_word(self) -> &'static str {
        match self {
            Self::Scheduled | Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Unknown => "UNKNOWN",
            Self::Rejected | Self::Skipped => "REJECTD",
        }
    }
}
