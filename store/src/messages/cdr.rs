//! Call detail records: what is known of a message when it is final, for whoever writes it down.

use std::sync::Arc;

use actix::prelude::*;
use smsc_proto::ids::{MessageId, OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use super::{Origin, Outbox, Peer};

/// Tells which call detail records are durable in their file, and asks for those that are owed. Never waits.
///
/// What is told as written is not offered again. All else is: after a restart, and after the partition has moved, also
/// what was taken before. So a record may be written twice, and is never left out.
#[derive(Debug)]
pub struct TakeCdrs {
    /// Records of that partition that are durable where they belong.
    pub written: Vec<CdrKey>,
    /// Take at most so many.
    pub max: usize,
    /// Who is answered, with one [`CdrsTaken`] when what it says is durable here.
    pub reply: Recipient<CdrsTaken>,
}

/// Call detail records to write, in the order in which they came to be owed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CdrsTaken {
    /// From where.
    pub partition: PartitionId,
    /// The records; fewer than asked for: there are no more just now.
    pub items: Vec<Cdr>,
    /// How many more are owed that nobody has taken.
    pub left: u64,
}

/// Names one call detail record of a partition, for ever: the same when it is offered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CdrKey {
    /// The delivery's slot, which is given once.
    pub slot: u64,
    /// Which of its records.
    pub kind: CdrKind,
}

/// What a call detail record reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CdrKind {
    /// A message is final.
    Final = 1,
    /// The receipt about it was given up: no receiver took it within `account.receipt_lifetime`.
    Receipt = 2,
}

impl CdrKind {
    /// The kind that the journal keeps under this number.
    pub(crate) const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Final),
            2 => Some(Self::Receipt),
            _ => None,
        }
    }
}

/// One call detail record.
#[derive(Clone, Debug)]
pub struct Cdr {
    /// Which.
    pub key: CdrKey,
    /// Of the message; its deliveries share it.
    pub message_id: MessageId,
    /// Whether its sender knows it by its alias.
    pub aliased: bool,
    /// Who brought it.
    pub origin: Origin,
    /// Where it went, or was to go.
    pub outbox: Outbox,
    /// The wire body.
    pub body: Arc<[u8]>,
    /// 0..=3.
    pub priority: u8,
    /// The final state.
    pub state: MessageState,
    /// After `err:`.
    pub error: ReceiptError,
    /// When the message was accepted.
    pub accepted: Timestamp,
    /// When the state was reached, by the operator's word if it had one.
    pub done: Timestamp,
    /// When what is reported happened here.
    pub at: Timestamp,
    /// How often it was sent.
    pub attempts: u32,
    /// What the operator calls it.
    pub operator_message_id: Option<OperatorMessageId>,
    /// Over which connection it came.
    pub peer: Option<Peer>,
}
