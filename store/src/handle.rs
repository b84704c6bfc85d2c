//! The way into a partition: a channel with two lanes.

use std::sync::Arc;

use smsc_proto::ids::PartitionId;

use crate::messages::*;

/// A cheap copy of the way into the store. All calls return at once; answers come to the `Recipient` in the message.
#[derive(Clone)]
pub struct StoreHandle {
    partitions: Arc<[PartitionHandle]>,
}

#[derive(Clone)]
struct PartitionHandle {}

/// The hash of an address's digits by which partitions are chosen and receipts matched. The same in every process.
pub fn address_hash(_digits: &[u8]) -> u64 {
    todo!()
}

impl StoreHandle {
    /// The partitions of this node.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.partitions.iter().map(|_| todo!())
    }

    /// The partition of new messages to this destination hash.
    pub fn partition_for(&self, _destination: u64) -> PartitionId {
        todo!()
    }

    /// Offers new messages; gives the batch back when the partition has no room (ESME_RMSGQFUL).
    pub fn accept(&self, _partition: PartitionId, _accept: Accept) -> Result<(), Accept> {
        todo!()
    }

    /// Pulls.
    pub fn pull(&self, _partition: PartitionId, _pull: Pull) {
        todo!()
    }

    /// Settles leases; the batch goes to the partition of its leases.
    pub fn settle(&self, _partition: PartitionId, _settle: Settle) {
        todo!()
    }

    /// Registers for rings in all partitions.
    pub fn register(&self, _register: Register) {
        todo!()
    }

    /// Ends a holder in all partitions.
    pub fn release(&self, _release: Release) {
        todo!()
    }

    /// Records receipts: each goes to the partition that its destination hash names, on a miss to the others.
    pub fn receipts(&self, _receipts: RecordReceipts) {
        todo!()
    }

    /// Re-routes in all partitions.
    pub fn reroute(&self, _reroute: Reroute) {
        todo!()
    }

    /// Finds a message.
    pub fn find(&self, _find: Find) {
        todo!()
    }
}
