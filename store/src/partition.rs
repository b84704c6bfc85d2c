//! The state of one partition: commands in, events and answers out. No thread, no disk, no clock.

use bytes::Bytes;
use smsc_proto::ids::PartitionId;
use smsc_proto::timestamp::Timestamp;

use crate::error::StoreError;
use crate::journal::RecordNumber;
use crate::messages::*;
use crate::options::StoreOptions;

/// Everything that a partition can be asked.
#[allow(missing_docs)]
pub enum Command {
    Accept(Accept),
    Pull(Pull),
    Settle(Settle),
    Register(Register),
    Release(Release),
    Receipts(RecordReceipts),
    Reroute(Reroute),
    Find(Find),
}

/// What one turn of the state thread produced: records for the journal, and what is released once they are durable.
pub struct Batch {
    // replies, staged slots, records being written … (store helper S1)
}

/// What is owed to the journal thread.
pub struct Records {
    /// Number of the first record.
    pub first: RecordNumber,
    /// Encoded records, each at most RECORD_SIZE_MAX, each with version, checksum, and highest id given.
    pub records: Vec<Bytes>,
    /// Records below this number may be dropped with this append.
    pub keep_from: RecordNumber,
}

/// The state machine.
pub struct Partition {}

impl Partition {
    /// An empty partition.
    pub fn new(_id: PartitionId, _options: &StoreOptions) -> Self {
        todo!()
    }

    /// Start-up: applies one record of the journal. Records come in order.
    pub fn replay(&mut self, _number: RecordNumber, _record: &[u8]) -> Result<(), StoreError> {
        todo!()
    }

    /// Start-up: the last record has been applied. Open leases are due again.
    pub fn recovered(&mut self, _now: Timestamp) {
        todo!()
    }

    /// A fresh batch.
    pub fn begin(&mut self) -> Batch {
        todo!()
    }

    /// Applies one command: changes the state, adds events and answers to the batch.
    /// `disk_low`: new messages are refused.
    pub fn apply(&mut self, _now: Timestamp, _command: Command, _disk_low: bool, _batch: &mut Batch) {
        todo!()
    }

    /// Does what is due: retries become ready, validity and retention end, parked receipts are tried again.
    /// Bounded work per call.
    pub fn handle_timeout(&mut self, _now: Timestamp, _batch: &mut Batch) {
        todo!()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        todo!()
    }

    /// Which old record, if any, should be read and given to [`clean`](Self::clean): the oldest, when the journal holds
    /// far more than what is alive.
    pub fn wants_cleaning(&self) -> Option<RecordNumber> {
        todo!()
    }

    /// Re-appends what is alive of an old record, which may then be dropped with this batch.
    pub fn clean(&mut self, _number: RecordNumber, _record: &[u8], _batch: &mut Batch) {
        todo!()
    }

    /// Closes the batch: its records, numbered. Empty records mean that nothing needs the disk.
    pub fn seal(&mut self, _batch: &mut Batch) -> Records {
        todo!()
    }

    /// The batch is durable: its answers leave, its messages become visible, outboxes ring.
    pub fn release(&mut self, _now: Timestamp, _batch: Batch) {
        todo!()
    }
}
