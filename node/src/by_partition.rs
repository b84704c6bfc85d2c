//! What one turn of a session gathers for the store, by partition.

use smsc_proto::ids::PartitionId;

/// Batches by partition. A node has few partitions, as a rule one: a list is faster than a map.
#[derive(Debug)]
pub struct ByPartition<T> {
    batches: Vec<(PartitionId, Vec<T>)>,
}

impl<T> Default for ByPartition<T> {
    fn default() -> Self {
        Self { batches: Vec::new() }
    }
}

impl<T> ByPartition<T> {
    /// Adds an item to its partition's batch.
    pub fn push(&mut self, partition: PartitionId, item: T) {
        match self.batches.iter_mut().find(|(batch, _)| *batch == partition) {
            Some((_, items)) => items.push(item),
            None => self.batches.push((partition, vec![item])),
        }
    }

    /// The batches, none of them empty; leaves nothing behind.
    pub fn take(&mut self) -> Vec<(PartitionId, Vec<T>)> {
        std::mem::take(&mut self.batches)
    }
}
