//! What is asked of a partition, and what it answers. Everything comes in batches.
//!
//! Answers go to `Recipient`s, so that this crate knows nothing of who asks.

mod cdr;
mod operations;
mod search;
mod strays;
mod sweep;

use std::net::IpAddr;
use std::sync::Arc;

use actix::prelude::*;
use bytes::Bytes;
use smallvec::SmallVec;
use smsc_proto::ids::{MessageId, OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::timestamp::Timestamp;

use crate::fingerprint::Fingerprint;
use crate::name::Name;

pub use cdr::*;
pub use operations::*;
pub use search::*;
pub use strays::*;
pub use sweep::*;

/// Where a message waits: for an operator (MT), or for an account (MO and receipts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outbox {
    /// MT for the operator of that name.
    Operator(Name),
    /// MO and receipts for the account of that name.
    Account(Name),
}

/// Who brought a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// MT, submitted by the account.
    Account(Name),
    /// MO, from the operator.
    Operator(Name),
}

/// Which receipts the sender asked for: registered_delivery, bits 1-0 and 4 (S36). Bits 3-2 are for the handset.
///
/// Bit 7 is ours: the message is one of the parts that a longer one was cut into, and one receipt is due for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptRequest(pub u8);

impl ReceiptRequest {
    /// What a registered_delivery asks for. Its bits 7-5 mean nothing.
    pub const fn of_registered_delivery(octet: u8) -> Self {
        Self(octet & 0b1_1111)
    }

    const OF_A_PART: u8 = 0x80;

    /// The same for each part of a message that was cut.
    #[must_use]
    pub const fn of_a_part(self) -> Self {
        Self(self.0 | Self::OF_A_PART)
    }

    /// Whether one receipt is due for all parts together.
    pub const fn is_of_a_part(self) -> bool {
        self.0 & Self::OF_A_PART != 0
    }

    /// Nothing is due for this part any more: another one stands for the message.
    #[must_use]
    pub const fn silenced(self) -> Self {
        Self(self.0 & Self::OF_A_PART)
    }

    /// Whether a receipt is due for that final state.
    pub const fn wants(self, state: MessageState) -> bool {
        let success = matches!(state, MessageState::Delivered | MessageState::Accepted);
        match self.0 & 0b11 {
            0 => false,
            1 => true,
            2 => !success,
            _ => success,
        }
    }

    /// Whether intermediate notifications are asked for.
    pub const fn wants_intermediate(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// Messages to keep; answered with one [`Accepted`] when they are durable.
#[derive(Debug)]
pub struct Accept {
    /// Who is answered.
    pub reply: Recipient<Accepted>,
    /// The messages, all for the partition that the batch is sent to.
    pub items: Vec<NewMessage>,
}

/// A message to keep.
#[derive(Debug)]
pub struct NewMessage {
    /// The asker's mark (a sequence_number), returned with the answer.
    pub tag: u32,
    /// Who brought it.
    pub origin: Origin,
    /// The wire body (submit_sm or deliver_sm) as it is to be sent on. The partition copies it: a share of a read
    /// buffer is welcome.
    pub body: Bytes,
    /// 0..=3, higher leaves first.
    pub priority: u8,
    /// Not before this.
    pub due: Timestamp,
    /// Not after this: the end of its validity.
    pub expires: Timestamp,
    /// Which receipts are asked for.
    pub receipts: ReceiptRequest,
    /// Hash of the destination's digits ([`crate::handle::address_hash`]): receipts are matched with it.
    pub destination: u64,
    /// What a later question about it must repeat.
    pub fingerprint: Fingerprint,
    /// Whether the sender knows it by its alias, not by its id (S23).
    pub aliased: bool,
    /// Whether it takes the place of the newest pending message like it: same account, source, destination and
    /// service_type (S37). That one ends as DELETED.
    pub replaces: bool,
    /// One, or several: destinations of submit_multi, segments of a message that we split.
    pub deliveries: SmallVec<[NewDelivery; 1]>,
    /// For the CDR.
    pub peer: Peer,
}

/// One delivery of a new message.
#[derive(Debug)]
pub struct NewDelivery {
    /// Where it waits.
    pub outbox: Outbox,
    /// Its own body when it differs from the message's.
    pub body: Option<Bytes>,
    /// Its own destination when it differs from the message's.
    pub destination: Option<u64>,
}

/// Over which connection a message came, for the CDR.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The peer's address.
    pub address: IpAddr,
    /// How it was bound.
    pub bind: BindKind,
}

/// Which messages of a batch are durable now. Sent only after the journal's sync.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Accepted {
    /// Tag and id, or why not.
    pub items: Vec<(u32, Result<MessageId, AcceptRefusal>)>,
}

/// Why a message was not taken. All of them mean "try later".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AcceptRefusal {
    /// `store.messages_max` messages wait in this node.
    #[error("store.messages_max messages are waiting")]
    StoreFull,
    /// `waiting_max` messages wait in this outbox.
    #[error("waiting_max messages are waiting for this account or operator")]
    OutboxFull,
    /// Less than `store.disk_free_min` is free.
    #[error("the disk has less than store.disk_free_min free")]
    DiskLow,
    /// The journal on other machines does not get on.
    #[error("the journal does not get on: PostgreSQL or its synchronous standby is gone")]
    JournalStalled,
    /// Another node has its partition: whether it was kept there is not known.
    #[error("its partition was lost to another node before it was answered")]
    PartitionLost,
    /// This node has no partition, and none that has one is in reach, or has room.
    #[error("this node has no partition, and no owner of one takes it")]
    OwnerOutOfReach,
}

/// Asks for what is due in an outbox. Never waits: answered with 0..=room deliveries at once.
#[derive(Debug)]
pub struct Pull {
    /// Which outbox.
    pub outbox: Outbox,
    /// Who holds the leases: ends with [`Release`].
    pub holder: Holder,
    /// At most so many. 0 answers a ring that the holder has no room for: another one is rung.
    pub room: u32,
    /// What is left of the room when nothing more is due.
    pub rest: Rest,
    /// Who is answered.
    pub reply: Recipient<Leased>,
}

/// What becomes of room that a [`Pull`] asked for and nothing was due for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It is free again, and so is all that stood: the holder, which may pull from several partitions, is rung when
    /// something is due. With a room of 0 nothing is leased.
    Returns,
    /// It stands: what becomes due later is leased into it, without ring or pull, and the pull itself is only answered
    /// with deliveries. The room of a [`Settle`] that wants a reply stands again as well, instead of the reply. For a
    /// holder that pulls from this partition alone: it saves four wake-ups of threads for each message at low load.
    Stands,
}

/// Somebody who holds leases: one bound session or link. Unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder(pub u64);

/// Deliveries handed out, in the order in which they are to be sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leased {
    /// From which outbox.
    pub outbox: Outbox,
    /// From which partition.
    pub partition: PartitionId,
    /// To whom.
    pub holder: Holder,
    /// What ends of the room that was asked for: that part of the holder's window is free again except for the items.
    pub room: u32,
    /// The deliveries; fewer than `room` means that the outbox has nothing more that is due, and rings when it has.
    pub items: Vec<LeasedDelivery>,
}

/// One delivery on lease. Every lease ends with a [`Settlement`] or with [`Release`].
#[derive(Clone, Debug)]
pub struct LeasedDelivery {
    /// Names the delivery and this attempt.
    pub lease: Lease,
    /// Our id of the message.
    pub message_id: MessageId,
    /// Whether its sender knows it by its alias.
    pub aliased: bool,
    /// Who brought the message.
    pub origin: Origin,
    /// The message, or a receipt about it.
    pub content: Content,
    /// The wire body of the message (also of the message that a receipt is about).
    pub body: Arc<[u8]>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When the message was accepted.
    pub accepted: Timestamp,
    /// The end of its validity.
    pub expires: Timestamp,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The message itself.
    Message,
    /// A receipt about it, or an intermediate notification: by whether the state is final.
    Receipt {
        /// The state that it reports.
        state: MessageState,
        /// Three digits for `err:`.
        error: ReceiptError,
        /// When that state was reached.
        done: Timestamp,
    },
}

/// Names one attempt of one delivery in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The owner of the delivery.
    pub partition: PartitionId,
    /// Its slot there.
    pub slot: u64,
    /// Which lease of this slot.
    pub number: u32,
}

impl Lease {
    /// Which life of the partition it is of: a partition that begins anew, here or elsewhere, ends all leases.
    pub const fn life(self) -> u32 {
        self.number >> Self::IN_ONE_LIFE_BITS
    }

    /// Leases of one delivery in one life: more than it has attempts.
    pub(crate) const IN_ONE_LIFE_BITS: u32 = 16;
}

/// Outcomes of leases; answered with [`Settled`] when durable.
#[derive(Debug)]
pub struct Settle {
    /// Who held them.
    pub holder: Holder,
    /// All of the partition that the batch is sent to.
    pub items: Vec<Settlement>,
    /// Who is answered; nobody when the holder is gone.
    pub reply: Option<Recipient<Settled>>,
}

/// What became of one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which lease. An outcome for a lease that is no longer open changes nothing, a late response excepted.
    pub lease: Lease,
    /// What became of it.
    pub outcome: Outcome,
    /// It was settled as unanswered before, and the answer came after all: no place in the window ends with it.
    pub late: bool,
}

impl Settlement {
    /// The one that ends the lease.
    pub const fn new(lease: Lease, outcome: Outcome) -> Self {
        Self { lease, outcome, late: false }
    }
}

/// The outcome table of the design, for operators and for ESMEs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The operator took it under this id (`None`: it gave none): enroute until the receipt comes.
    Sent {
        /// The operator's id after its transform.
        operator_message_id: Option<OperatorMessageId>,
        /// False when the operator sends no receipts: final, ACCEPTED.
        receipt_expected: bool,
    },
    /// The ESME took the MO or receipt: done.
    Delivered,
    /// Not now: due again then. `attempt` counts on.
    Retry {
        /// When.
        at: Timestamp,
        /// What the peer said.
        status: CommandStatus,
    },
    /// Refused by this operator, and the route has another one: due there at once.
    Elsewhere {
        /// Where.
        outbox: Outbox,
        /// What the peer said.
        status: CommandStatus,
    },
    /// Refused for good: final, failure receipt if asked for.
    Refused {
        /// What the peer said.
        status: CommandStatus,
        /// UNDELIVERABLE or REJECTED.
        state: MessageState,
        /// For the receipt.
        error: ReceiptError,
    },
    /// Written, and the link was lost before the response. The first time due at once, then at `retry_at`; after
    /// `unanswered_max` not sent again.
    LinkLost {
        /// When to send again if this is not the first loss.
        retry_at: Timestamp,
    },
    /// Written, and no response in time.
    Unanswered {
        /// When to send again.
        retry_at: Timestamp,
    },
    /// Never written to the wire: due at once, the attempt does not count.
    NotSent,
}

/// Outcomes are durable: the credit of so many leases is free again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settled {
    /// The partition.
    pub partition: PartitionId,
    /// Whose leases they were.
    pub holder: Holder,
    /// How many settlements, late ones not counted.
    pub count: u32,
}

/// Asks to be rung when the outbox goes from empty to due, and rings at once if it is due now. Of several holders as
/// many are rung as have room for what is due, in turn. Every ring is answered with a [`Pull`].
#[derive(Clone, Debug)]
pub struct Register {
    /// Which outbox.
    pub outbox: Outbox,
    /// Who.
    pub holder: Holder,
    /// Whom to ring.
    pub ring: Recipient<Ring>,
}

/// Something is due in an outbox: pull.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Ring {
    /// Which outbox.
    pub outbox: Outbox,
    /// In which partition.
    pub partition: PartitionId,
    /// Who is rung.
    pub holder: Holder,
}

/// A partition has left this node, or begins anew: what was asked for there is not answered any more, room that stood
/// there is free, and its leases have ended. What was sent of them may be settled as late.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Gone {
    /// Which partition.
    pub partition: PartitionId,
}

/// A holder is gone: forget its registrations; its open leases count as [`Outcome::NotSent`] (whatever was written has
/// been settled before).
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// Who.
    pub holder: Holder,
}

/// Receipts from an operator; answered with [`ReceiptsRecorded`] when durable.
#[derive(Debug)]
pub struct RecordReceipts {
    /// Who is answered.
    pub reply: Recipient<ReceiptsRecorded>,
    /// The receipts.
    pub items: Vec<OperatorReceipt>,
}

/// One receipt from an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorReceipt {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// Which operator.
    pub operator: Name,
    /// Its id after the operator's transform.
    pub operator_message_id: OperatorMessageId,
    /// What it reports.
    pub state: MessageState,
    /// After `err:`.
    pub error: ReceiptError,
    /// When, by the operator's word; ours if it gives none.
    pub done: Timestamp,
    /// Hash of its source address (the original destination): tells reused ids apart.
    pub destination: u64,
}

/// Receipts that are durable now: correlated, parked, or known already.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReceiptsRecorded {
    /// Their tags, and whether there was room to keep them: not is ESME_RX_T_APPN.
    pub items: Vec<(u32, bool)>,
}

/// Moves waiting messages of one outbox elsewhere, at most `step_max`; answered with how many moved and are left.
pub struct Reroute {
    /// From where.
    pub from: Outbox,
    /// At most so many are looked at (1,000).
    pub step_max: u32,
    /// The new place of a message with this origin and body; `None`: it stays.
    #[allow(clippy::type_complexity)]
    pub choose: Arc<dyn Fn(Origin, &[u8]) -> Option<Outbox> + Send + Sync>,
    /// Who is answered.
    pub reply: Recipient<Rerouted>,
}

/// A step of re-routing is durable.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Rerouted {
    /// From where.
    pub from: Outbox,
    /// In which partition.
    pub partition: PartitionId,
    /// How many moved.
    pub moved: u32,
    /// Whether there are more that this step did not look at.
    pub more: bool,
}
