//! Start-up: the journal is replayed into a partition.
//!
//! A batch that was being appended when the process or the power went is there in part, or not at all: the journal ends
//! with its last whole record, and the partition leaves out a batch whose last record is missing. Nobody was answered
//! for it, so either is right. Everything before it must be whole.
//! Leases that were open are due again, because nobody knows any more what became of them.

use std::path::Path;
use std::time::{Duration, Instant};

use smsc_proto::timestamp::Timestamp;

use crate::error::StoreError;
use crate::journal::Journal;
use crate::partition::Partition;
use crate::record::RecordView;

/// How often a long replay says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// What was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records.
    pub records: u64,
    /// Their octets.
    pub octets: u64,
    /// The time of the newest: the clock must not start before it.
    pub newest: Timestamp,
}

/// Replays the journal of that folder into an empty partition.
pub fn replay(folder: &Path, journal: &mut dyn Journal, partition: &mut Partition) -> Result<Replayed, StoreError> {
    let started = Instant::now();
    let mut spoken = started;
    let mut replayed = Replayed::default();
    let on_disk = journal.size();
    let folder = folder.display();
    let mut last = None;
    journal.replay(&mut |number, record| {
        partition.replay(number, record)?;
        last = Some(number);
        replayed.records += 1;
        replayed.octets += record.len() as u64;
        if spoken.elapsed() >= PROGRESS_EVERY {
            spoken = Instant::now();
            let Replayed { records, octets, .. } = replayed;
            tracing::info!(%folder, records, octets, on_disk, seconds = started.elapsed().as_secs(), "replaying the journal");
        }
        Ok(())
    })?;
    if let Some(number) = last
        && let Some(mut reader) = journal.reader()
        && let Some(record) = reader.read(number)?
    {
        replayed.newest = Timestamp::from_millis(RecordView::read(number, &record)?.base.time);
    }
    let Replayed { records, octets, .. } = replayed;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%folder, records, octets, milliseconds, "the journal is replayed");
    Ok(replayed)
}
