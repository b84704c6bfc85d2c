//! What touches the disk for one partition: the journal, and the watch on the room that is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::free_space::{FreeSpace, Space};
use crate::journal::{Journal, Tenure};
use crate::partition::Records;

/// What the journal is asked for in one go.
pub(crate) struct Job {
    /// To append.
    pub(crate) records: Records,
}

/// What came of a [`Job`].
pub(crate) struct Appended {
    /// An error is final.
    pub(crate) result: Result<(), StoreError>,
    /// How long the append took.
    pub(crate) took: Duration,
    /// What lies on the disk, and how full it is.
    pub(crate) disk: Disk,
}

/// The state of the disk after a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk {
    /// New messages are to be refused.
    pub(crate) low: bool,
    /// Its room, when the system said it.
    pub(crate) space: Option<Space>,
    /// Octets of the journal.
    pub(crate) size: u64,
}

/// Carries out jobs; used by one thread at a time.
pub(crate) struct Writer {
    journal: Box<dyn Journal>,
    space: FreeSpace,
}

impl Writer {
    pub(crate) fn new(journal: Box<dyn Journal>, space: FreeSpace) -> Self {
        Self { journal, space }
    }

    pub(crate) fn run(&mut self, job: &Job) -> Appended {
        let started = Instant::now();
        let Records { first, records, keep_from } = &job.records;
        let result = self.journal.append(*first, records, *keep_from);
        let finished = Instant::now();
        let written = records.iter().map(|record| record.len() as u64).sum();
        self.space.sample(finished, written, || self.journal.reusable());
        Appended { result, took: finished - started, disk: self.disk() }
    }

    /// Looks at the disk again, when nothing is written.
    pub(crate) fn look(&mut self) -> Disk {
        self.space.sample(Instant::now(), 0, || self.journal.reusable());
        self.disk()
    }

    /// For how long the partition is ours, if that ends.
    pub(crate) fn lease(&self) -> Option<Arc<Tenure>> {
        self.journal.lease()
    }

    /// Does what is due beside appends; when it is to be called next.
    pub(crate) fn tend(&mut self) -> Result<Option<Instant>, StoreError> {
        self.journal.tend()
    }

    pub(crate) fn close(&mut self) -> Result<(), StoreError> {
        self.journal.close()
    }

    fn disk(&self) -> Disk {
        Disk { low: self.space.is_low(), space: self.space.space(), size: self.journal.size() }
    }
}
