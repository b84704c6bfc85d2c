//! What the two sides of a relay say to each other, in the terms of the store.

use smsc_proto::ids::{MessageId, MessageRef, PartitionId};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{
    AcceptRefusal, Cancel, Cancelled, Cancelling, DeliveryStatus, Find, Fingerprint, Lease, LeasedDelivery, Matching,
    Name, NewText, NotReplaced, OperatorReceipt, Outbox, Owned, ReceiptRequest, Replace, Settlement,
};

/// Number of a link or bind, given by the node that has it.
pub type HolderNumber = u64;

/// What became of new messages, by their tags.
pub type Kept = Vec<(u32, Result<MessageId, AcceptRefusal>)>;

/// From the node that has links and binds, to the owner of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ToOwner {
    /// It wants to be rung.
    Register { holder: HolderNumber, outbox: Outbox },
    /// It has gone; its outcomes were sent before.
    Release { holder: HolderNumber },
    /// Leases that are open after a break.
    Holding { leases: Vec<Lease> },
    /// All that was open before the break has been said.
    Resumed,
    /// Answered with what is due, at once.
    Pull { partition: PartitionId, holder: HolderNumber, room: u32 },
    /// Answered with [`ToHolder::Confirmed`].
    Outcomes { batch: u64, partition: PartitionId, holder: HolderNumber, items: Vec<Settlement> },
    /// Their tags are the asker's, answered with [`ToHolder::Receipts`].
    Receipts { partition: PartitionId, matching: Matching, park: bool, items: Vec<OperatorReceipt> },
    /// Answers [`ToHolder::Owned`].
    Heard { number: u64 },
    /// Answered with [`ToHolder::Answer`].
    Question { number: u32, partition: PartitionId, question: Question },
}

/// From the owner of messages.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ToHolder {
    /// Something is due.
    Ring { holder: HolderNumber, partition: PartitionId },
    /// What a pull has brought; `more`: its answer goes on.
    Leased { partition: PartitionId, holder: HolderNumber, items: Vec<LeasedDelivery>, more: bool },
    /// That batch of outcomes is durable.
    Confirmed { batch: u64 },
    /// Receipts that are durable, and such as that partition has no message for.
    Receipts { recorded: Vec<u32>, unmatched: Vec<u32> },
    /// What it owns now.
    Owned { number: u64, owned: Vec<Owned> },
    /// Which new messages are durable.
    Kept { items: Kept },
    /// To a question.
    Answer { number: u32, answer: Answer },
}

/// What a session asks about a message that another node owns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Question {
    Find(MessageRef),
    Cancel { account: Name, like: Fingerprint, what: Cancelling },
    Replace(Box<Replacing>),
}

/// A replacement without who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Replacing {
    pub account: Name,
    pub like: Fingerprint,
    pub message: MessageRef,
    pub due: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub receipts: ReceiptRequest,
    pub text: NewText,
}

/// What the owner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Found(Vec<DeliveryStatus>),
    Cancelled { count: u32, more: bool },
    Replaced(Result<(), NotReplaced>),
}

impl Question {
    /// What a session's question is about.
    pub fn of_find(find: &Find) -> Self {
        Self::Find(find.message)
    }

    /// What a session's cancellation is about.
    pub fn of_cancel(cancel: &Cancel) -> Self {
        Self::Cancel { account: cancel.account, like: cancel.like, what: cancel.what }
    }

    /// What a session's replacement is about.
    pub fn of_replace(replace: Replace) -> Self {
        let Replace { account, like, message, due, expires, receipts, text, .. } = replace;
        Self::Replace(Box::new(Replacing { account, like, message, due, expires, receipts, text }))
    }
}

impl From<Cancelled> for Answer {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled { count: cancelled.count, more: cancelled.more }
    }
}
