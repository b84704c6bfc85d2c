//! The mark on a request that carries a delivery.

use std::fmt;
use std::time::Instant;

use smsc_proto::ids::MessageId;
use smsc_proto::session::{SendError, Session};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_router::outcome::Meaning;
use smsc_store::{Content, Lease, LeasedDelivery, Name, Outcome};

/// One attempt to deliver: which lease its outcome names, and what it carries.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The lease.
    pub lease: Lease,
    /// Our id of the message.
    pub message_id: MessageId,
    /// 1 for the first: retries follow their schedule by it.
    pub number: u32,
    /// A message, or a receipt about one.
    pub content: Content,
    /// Whether the operator was asked for a receipt.
    pub receipt_asked: bool,
    /// When it was written.
    pub sent: Instant,
    /// The operator that is to have it if this one says "next".
    pub next: Option<Name>,
}

impl Attempt {
    /// The attempt that is made of this lease now.
    pub fn new(delivery: &LeasedDelivery, now: Instant) -> Self {
        Self {
            lease: delivery.lease,
            message_id: delivery.message_id,
            number: delivery.attempt,
            content: delivery.content,
            receipt_asked: false,
            sent: now,
            next: None,
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This status; by its name, and its code where it has none.
    Status(&'static str, u32),
    /// There was no answer in time.
    None,
    /// The connection was lost first.
    LinkLost,
}

impl Answer {
    /// The peer has taken it.
    pub const OK: Self = Self::Status("ESME_ROK", 0);

    /// That status.
    pub fn of(status: CommandStatus) -> Self {
        Self::Status(status.name(), status.0)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status("other", code) => write!(f, "status 0x{code:08X}"),
            Self::Status(name, _) => f.write_str(name),
            Self::None => f.write_str("no answer in time"),
            Self::LinkLost => f.write_str("the link was lost"),
        }
    }
}

/// What becomes of a delivery that the session did not take: nothing was written.
///
/// A bound peer that can never be sent it (a text over 254 octets to one without TLVs, S22) ends it; otherwise it would
/// be leased and returned for ever.
pub fn unsent<T: Clone>(session: &Session<T>, error: SendError) -> Outcome {
    const TOO_LONG: CommandStatus = CommandStatus::ESME_RINVMSGLEN;
    match (error, Meaning::refused(TOO_LONG)) {
        (SendError::WrongState, Meaning::Refused { state, error }) if session.state().is_bound() => {
            Outcome::Refused { status: TOO_LONG, state, error }
        }
        (SendError::WrongState | SendError::WindowFull, _) => Outcome::NotSent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_without_a_name_is_told_by_its_code() {
        assert_eq!(Answer::Status("other", 0x401).to_string(), "status 0x00000401");
        assert_eq!(Answer::Status("ESME_RSYSERR", 8).to_string(), "ESME_RSYSERR");
    }
}
