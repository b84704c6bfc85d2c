//! A journal in memory: it outlives the partition that writes it, not the process. For tests of what lies above.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::error::StoreError;
use crate::journal::{EachRecord, Journal, JournalReader, RecordNumber};

/// Keeps records in memory. Clones share them, so that a "restarted" partition finds what the first one wrote.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    records: Arc<Mutex<BTreeMap<RecordNumber, Bytes>>>,
}

impl MemoryJournal {
    /// The records, oldest first.
    pub fn records(&self) -> Vec<(RecordNumber, Bytes)> {
        self.lock().iter().map(|(number, record)| (*number, record.clone())).collect()
    }

    /// Puts a record in place of another, or after the last, as a damaged disk would.
    pub fn overwrite(&self, number: RecordNumber, record: Bytes) {
        self.lock().insert(number, record);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecordNumber, Bytes>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournalReader for MemoryJournal {
    fn read(&mut self, number: RecordNumber) -> Result<Option<Bytes>, StoreError> {
        Ok(self.lock().get(&number).cloned())
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, first: RecordNumber, records: &[Bytes], keep_from: RecordNumber) -> Result<(), StoreError> {
        let mut kept = self.lock();
        kept.extend((first..).zip(records.iter().cloned()));
        *kept = kept.split_off(&keep_from);
        Ok(())
    }

    fn replay(&mut self, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        self.records().iter().try_for_each(|(number, record)| each(*number, record))
    }

    fn reader(&self) -> Option<Box<dyn JournalReader>> {
        Some(Box::new(self.clone()))
    }

    fn size(&self) -> u64 {
        self.lock().values().map(|record| record.len() as u64).sum()
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
