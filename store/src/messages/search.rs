//! What an operations engineer asks: where is this message? By any of its names, or by its destination and time.

use std::sync::Arc;

use actix::prelude::*;
use smsc_proto::ids::{MessageId, MessageRef, OperatorMessageId, PartitionId};
use smsc_proto::timestamp::Timestamp;

use super::{DeliveryStatus, Outbox};
use crate::name::Name;

/// Looks for messages; answered with one [`SearchStep`]. A look through many messages takes several steps: whoever asks
/// goes on with [`SearchStep::next`], so that the partition serves others in between.
#[derive(Clone, Debug)]
pub struct Search {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// For which.
    pub what: Searching,
    /// Who is answered.
    pub reply: Recipient<SearchStep>,
}

/// Which messages are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Searching {
    /// This one.
    Message(MessageRef),
    /// Those that the operator knows by that id, after its transform. Found while the id is kept: until the message is
    /// forgotten.
    OperatorId {
        /// Which operator.
        operator: Name,
        /// Its id.
        id: OperatorMessageId,
    },
    /// Those to that destination, newest first. Goes through all messages of the time, some 60,000 a step.
    Destination {
        /// [`crate::handle::address_hash`] of the destination.
        destination: u64,
        /// Accepted at or after this, by the time in their ids.
        from: Timestamp,
        /// Accepted before this.
        until: Timestamp,
        /// No id higher than this one.
        highest: Option<MessageId>,
        /// At most so many deliveries a step.
        limit: usize,
        /// Where the step before ended.
        after: Option<SearchPlace>,
    },
}

/// How far a look through a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchPlace {
    pub(crate) lowest_tick: u64,
    pub(crate) chunk: u64,
}

impl SearchPlace {
    /// All messages of that partition with a higher id were looked at, and perhaps deliveries of this one.
    pub const fn reached(self, partition: PartitionId) -> MessageId {
        MessageId::from_tick(self.lowest_tick, partition)
    }
}

/// What a partition has found in one step.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct SearchStep {
    /// The asker's mark.
    pub tag: u32,
    /// Who answers.
    pub partition: PartitionId,
    /// What was found.
    pub deliveries: Vec<DeliveryDetail>,
    /// Where to go on; `None`: that was all.
    pub next: Option<SearchPlace>,
    /// False: the partition is on its way to another node, and may know more.
    pub reached: bool,
}

impl SearchStep {
    /// The answer for a partition that is out of reach.
    pub const fn out_of_reach(tag: u32, partition: PartitionId) -> Self {
        Self { tag, partition, deliveries: Vec::new(), next: None, reached: false }
    }
}

/// All that is known of a delivery.
#[derive(Clone, Debug)]
pub struct DeliveryDetail {
    /// Its state.
    pub status: DeliveryStatus,
    /// Where the message waits or went: an operator for MT, an account for MO.
    pub outbox: Outbox,
    /// Where it is now.
    pub place: DeliveryPlace,
    /// 0..=3, higher leaves first.
    pub priority: u8,
    /// Attempts whose answer never came.
    pub unanswered: u32,
    /// Not before this, message or receipt.
    pub due: Timestamp,
    /// The end of its validity; of an undelivered receipt the end of its lifetime.
    pub expires: Timestamp,
    /// The wire body, if it is in memory: a final message has none, and what is spilled is not read back for this.
    pub body: Option<Arc<[u8]>>,
}

/// Where a delivery is now. Of a final message it is the receipt that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryPlace {
    /// Changed a moment ago, not durable yet.
    Storing,
    /// Not due yet, never tried.
    Scheduled,
    /// Not due yet, tried before.
    Retry,
    /// Due: waits for a link or a bind with room.
    Ready,
    /// Handed to a link or a bind, not answered.
    Leased,
    /// With the operator: waits for its receipt.
    Enroute,
    /// Nothing more to do.
    Done,
}

/// Other rules for an outbox from now on. What waits already stays, also beyond them.
#[derive(Clone, Copy, Debug)]
pub struct SetRules {
    /// Which.
    pub outbox: Outbox,
    /// What it is held to.
    pub rules: crate::options::OutboxRules,
}
