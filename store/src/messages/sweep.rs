//! What an operations engineer does to what waits: end it, have it wait elsewhere, try it at once.

use actix::prelude::*;
use smsc_proto::ids::{MessageRef, PartitionId};
use smsc_proto::timestamp::Timestamp;

use super::Outbox;
use crate::outbox::ReroutePlace;

/// Goes through the messages that wait in an outbox; answered with [`Swept`] when durable. It takes several steps: whoever
/// asks goes on with [`Swept::next`], so that the partition serves others in between.
///
/// What is with an operator, or may be, is not under way here: it is left alone, and so are receipts.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// Where they wait.
    pub outbox: Outbox,
    /// Only those that were accepted at or before this.
    pub accepted_until: Timestamp,
    /// What is done to them.
    pub what: Sweeping,
    /// Where the step before ended.
    pub after: Option<SweepPlace>,
    /// Who is answered.
    pub reply: Recipient<Swept>,
}

/// What is done to what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sweeping {
    /// Nothing: what could be ended is counted.
    CountEnds,
    /// It ends as DELETED, with receipts and records as for a cancellation.
    End,
    /// Nothing: what could be moved is counted.
    CountMoves,
    /// It waits in that outbox from now on.
    Move(Outbox),
}

/// How far a sweep through an outbox has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepPlace(pub(crate) ReroutePlace);

/// A step of a sweep is durable.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Swept {
    /// The asker's mark.
    pub tag: u32,
    /// Who answers.
    pub partition: PartitionId,
    /// To how many it was done.
    pub count: u32,
    /// Where to go on; `None`: that was all.
    pub next: Option<SweepPlace>,
    /// False: the partition is on its way to another node; what was done is not known.
    pub reached: bool,
}

impl Swept {
    /// The answer for a partition that is out of reach.
    pub const fn out_of_reach(tag: u32, partition: PartitionId) -> Self {
        Self { tag, partition, count: 0, next: None, reached: false }
    }
}

/// Has a message tried at once that waits for its next attempt. Answered with [`Hurried`]. Nothing of it is kept: after a
/// restart it waits for the time that it had.
#[derive(Clone, Debug)]
pub struct Hurry {
    /// The asker's mark, returned with the answer.
    pub tag: u32,
    /// Which.
    pub message: MessageRef,
    /// Who is answered.
    pub reply: Recipient<Hurried>,
}

/// Deliveries are due now.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Hurried {
    /// The asker's mark.
    pub tag: u32,
    /// How many.
    pub count: u32,
    /// False: the partition is on its way to another node.
    pub reached: bool,
}

impl Hurried {
    /// The answer for a partition that is out of reach.
    pub const fn out_of_reach(tag: u32) -> Self {
        Self { tag, count: 0, reached: false }
    }
}
