//! The mark on a request that carries a delivery.

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
