//! A journal that keeps nothing: it measures what all but the disk costs.

use bytes::Bytes;

use crate::error::StoreError;
use crate::journal::{EachRecord, Journal, JournalReader, RecordNumber};

/// Keeps nothing. What is acknowledged over it is lost with the process.
#[derive(Debug, Default)]
pub struct NothingJournal;

impl Journal for NothingJournal {
    fn append(&mut self, _first: RecordNumber, _records: &[Bytes], _keep: RecordNumber) -> Result<(), StoreError> {
        Ok(())
    }

    fn replay(&mut self, _each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn reader(&self) -> Option<Box<dyn JournalReader>> {
        None
    }

    fn size(&self) -> u64 {
        0
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
