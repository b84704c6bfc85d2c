//! Receipts that are looked for in partition after partition, until one has their message.

use actix::prelude::*;
use smsc_proto::ids::PartitionId;

use super::{OperatorReceipt, ReceiptsRecorded, RecordReceipts};

/// How like its message a receipt must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The operator's id and the destination.
    Exact,
    /// The operator's id alone will do where one message only has it: operators rewrite addresses.
    Forgiving,
}

/// Receipts for whoever has their messages. What the partition has a message for is recorded and answered; the rest is
/// given back undone, and parked nowhere.
#[derive(Debug)]
pub struct SeekReceipts {
    /// The receipts, and who is answered for those that are recorded.
    pub receipts: RecordReceipts,
    /// How like their messages they must be.
    pub matching: Matching,
    /// Who is given the rest.
    pub strays: Recipient<StrayReceipts>,
}

/// Receipts that one partition gives back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StrayReceipts {
    /// Which; `None`: none was asked yet.
    pub partition: Option<PartitionId>,
    /// Why.
    pub why: Stray,
    /// The receipts, and who is to be answered in the end.
    pub receipts: RecordReceipts,
}

/// Why a partition gives receipts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// It has no message for them.
    Unmatched,
    /// Its node cannot be reached, or did not answer in time.
    OutOfReach,
}

/// Parked receipts whose time has come to be looked for elsewhere; answered with [`EndParked`] for those that were found
/// or are given up.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SeekParked {
    /// Where they are parked.
    pub partition: PartitionId,
    /// Which.
    pub items: Vec<ParkedSought>,
}

/// One parked receipt that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedSought {
    /// Its number in its partition.
    pub number: u64,
    /// What it says.
    pub receipt: OperatorReceipt,
    /// It has waited for `store.parked_max`: if it is nowhere, and everybody could be asked, it is given up.
    pub overdue: bool,
}

/// What became of a parked receipt elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndParked {
    /// Its number in its partition.
    pub number: u64,
    /// How it ends.
    pub end: ParkedEnd,
}

/// How a parked receipt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkedEnd {
    /// Another partition has its message, and has recorded it durably.
    Found,
    /// No partition has a message for it, and it has waited for `store.parked_max`.
    GivenUp,
}

/// The answer to receipts that one asker sent, all alike.
impl ReceiptsRecorded {
    /// That one was kept, or had no room.
    pub fn one(tag: u32, kept: bool) -> Self {
        Self { items: vec![(tag, kept)] }
    }
}
