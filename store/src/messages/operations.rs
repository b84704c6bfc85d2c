//! What is asked about a message after it was taken: its state, its end, another text.

use actix::prelude::*;
use bytes::Bytes;
use smsc_proto::ids::{MessageId, MessageRef, OperatorMessageId};
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use super::{Origin, ReceiptRequest};
use crate::fingerprint::Fingerprint;
use crate::name::Name;

/// Asks for the state of a message; answered with [`Found`].
#[derive(Debug)]
pub struct Find {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// Which.
    pub message: MessageRef,
    /// Who is answered.
    pub reply: Recipient<Found>,
}

/// What a partition knows of a message.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Found {
    /// The asker's mark.
    pub tag: u32,
    /// Its deliveries; empty: nothing is known of it (any more).
    pub deliveries: Vec<DeliveryStatus>,
    /// False: the partition belongs to a node that did not answer, and may know it.
    pub reached: bool,
}

impl Found {
    /// The answer for a partition that is out of reach.
    pub const fn out_of_reach(tag: u32) -> Self {
        Self { tag, deliveries: Vec::new(), reached: false }
    }
}

/// One delivery's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// Of the message.
    pub message_id: MessageId,
    /// Who brought it.
    pub origin: Origin,
    /// What a question must repeat.
    pub fingerprint: Fingerprint,
    /// Hash of the destination's digits.
    pub destination: u64,
    /// Its state.
    pub state: MessageState,
    /// Why, if it failed.
    pub error: ReceiptError,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When it became final.
    pub done: Option<Timestamp>,
    /// Under which id the operator knows it.
    pub operator_message_id: Option<OperatorMessageId>,
}

/// Ends what is still pending of an account's messages: DELETED, with a receipt if a failure is to be reported. Answered
/// with [`Cancelled`] when durable.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// Whose messages.
    pub account: Name,
    /// Source and, for [`Cancelling::Between`], service_type that they must have.
    pub like: Fingerprint,
    /// Which.
    pub what: Cancelling,
    /// Who is answered.
    pub reply: Recipient<Cancelled>,
}

/// Which messages are cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// All deliveries of this one.
    Message(MessageRef),
    /// All from that source to this destination (a hash of its digits).
    Between {
        /// [`crate::handle::address_hash`] of the destination.
        destination: u64,
    },
}

/// A step of a cancellation is durable.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Cancelled {
    /// The asker's mark.
    pub tag: u32,
    /// Deliveries that were ended.
    pub count: u32,
    /// Whether there are more than one step ends: ask again.
    pub more: bool,
    /// False: the partition belongs to a node that did not answer; what it did is not known.
    pub reached: bool,
}

impl Cancelled {
    /// The answer for a partition that is out of reach.
    pub const fn out_of_reach(tag: u32) -> Self {
        Self { tag, count: 0, more: false, reached: false }
    }
}

/// Changes what is still pending of an account's message. Answered with [`Replaced`] when durable.
#[derive(Clone, Debug)]
pub struct Replace {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// Whose message.
    pub account: Name,
    /// The source that it must have.
    pub like: Fingerprint,
    /// Which.
    pub message: MessageRef,
    /// Not before this; `None`: as before.
    pub due: Option<Timestamp>,
    /// Not after this; `None`: as before.
    pub expires: Option<Timestamp>,
    /// Which receipts are asked for.
    pub receipts: ReceiptRequest,
    /// What it says now.
    pub text: NewText,
    /// Who is answered.
    pub reply: Recipient<Replaced>,
}

/// The text that takes the place of a message's. Its coding, header and other TLVs stay (S48).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewText {
    /// Its octets, at most [`NewText::LENGTH_MAX`].
    pub octets: Bytes,
    /// Whether they are a message_payload, not a short_message.
    pub payload: bool,
}

impl NewText {
    /// What one record of the journal has room for, and far more than a handset shows.
    pub const LENGTH_MAX: usize = 32 * 1024;
}

/// What became of a [`Replace`] is durable.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Replaced {
    /// The asker's mark.
    pub tag: u32,
    /// Whether any delivery was changed, or why none was.
    pub result: Result<(), NotReplaced>,
}

impl Replaced {
    /// The answer for a partition that is out of reach.
    pub const fn out_of_reach(tag: u32) -> Self {
        Self { tag, result: Err(NotReplaced::OutOfReach) }
    }
}

/// Why nothing was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReplaced {
    /// There is no such message of the account, or it is not pending any more.
    #[error("no such message is pending")]
    NotPending,
    /// It would have to leave after the end of its validity.
    #[error("its validity would end before it may leave")]
    TimesCross,
    /// The message belongs to a node that did not answer; what it did is not known.
    #[error("the node that has the message did not answer")]
    OutOfReach,
    /// So many texts were replaced and have not left that there is no room for another.
    #[error("too many replaced texts are waiting")]
    NoRoom,
}
