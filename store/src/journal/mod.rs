//! The journal: a sequence of records, appended durably, replayed in order, dropped from its oldest end.

pub mod durable_mark;
pub mod log_file;
pub mod memory;
pub mod nothing;
pub mod postgres;
pub mod sled;
pub mod tenure;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::error::StoreError;

pub use memory::MemoryJournal;
pub use nothing::NothingJournal;
pub use postgres::PostgresJournal;
pub use sled::SledJournal;
pub use tenure::Tenure;

/// Octets of one record at most: sled keeps larger values in files that it never syncs.
pub const RECORD_SIZE_MAX: usize = 48 * 1024;

/// The place of a record: rises by one with every record.
pub type RecordNumber = u64;

/// What a record is handed to.
pub type EachRecord<'a> = dyn FnMut(RecordNumber, &[u8]) -> Result<(), StoreError> + 'a;

/// Reads records of a journal that another thread appends to. It is dropped before the journal is closed.
pub trait JournalReader: Send {
    /// Reads a record that is durable and that no append has let go of: `None` if it is not there all the same. Reading
    /// in rising order is the fastest.
    fn read(&mut self, number: RecordNumber) -> Result<Option<Bytes>, StoreError>;
}

/// A medium that keeps records.
pub trait Journal: Send {
    /// Appends the records under the numbers from `first` on, drops every record below `keep_from`, and makes all of
    /// it durable before it returns. An error is final: nothing is retried.
    fn append(&mut self, first: RecordNumber, records: &[Bytes], keep_from: RecordNumber) -> Result<(), StoreError>;

    /// Hands every record to `each`, oldest first.
    fn replay(&mut self, each: &mut EachRecord<'_>) -> Result<(), StoreError>;

    /// A way to read single records, on another thread, which never waits for an append nor makes one wait.
    /// `None`: records cannot be read back, and all bodies stay in memory.
    fn reader(&self) -> Option<Box<dyn JournalReader>>;

    /// For a medium that other machines keep, and whose partition another node may take over: for how long it is ours.
    /// Appends to such a medium may take any time, so they are never made by the state thread.
    fn lease(&self) -> Option<Arc<Tenure>> {
        None
    }

    /// Does what is due beside appends, and says when to call it next. An error is final.
    fn tend(&mut self) -> Result<Option<Instant>, StoreError> {
        Ok(None)
    }

    /// Octets on the medium.
    fn size(&self) -> u64;

    /// Octets of these that hold nothing any more and will be written anew before the journal grows, at least.
    fn reusable(&self) -> u64 {
        0
    }

    /// Writes what is still to be written and lets go of the medium. Nothing is called after it.
    fn close(&mut self) -> Result<(), StoreError>;
}
