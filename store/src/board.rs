//! What the partitions say about themselves, for questions and metrics: a notice per partition, renewed by its state
//! thread about twice a second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smsc_proto::ids::PartitionId;
use smsc_proto::timestamp::Timestamp;

use crate::commit::writer::Disk;
use crate::free_space::Space;
use crate::metrics::StoreMetrics;
use crate::partition::{Partition, PartitionStats};

/// One partition at one moment.
#[derive(Clone, Debug)]
pub struct PartitionSnapshot {
    /// Which.
    pub partition: PartitionId,
    /// When.
    pub taken: Timestamp,
    /// Whether it answers; false after a failure or the stop.
    pub running: bool,
    /// Whether the disk is too full for new messages.
    pub disk_low: bool,
    /// The room on its disk, if the system said it.
    pub disk: Option<Space>,
    /// How late it began with what was due, at worst since the snapshot before.
    pub due_lag: Duration,
    /// Octets of its journal on the disk.
    pub journal_size: u64,
    /// How long the append that is under way has taken, where the journal is on other machines.
    pub append_age: Duration,
    /// For how long the partition is surely this node's, if that ends.
    pub lease_left: Option<Duration>,
    /// Its messages and outboxes.
    pub stats: PartitionStats,
}

/// The notices of all partitions.
pub(crate) struct Board {
    notices: Box<[Notice]>,
    metrics: StoreMetrics,
}

struct Notice {
    /// Whether the partition is on this node.
    here: AtomicBool,
    writable: AtomicBool,
    snapshot: Mutex<Arc<PartitionSnapshot>>,
}

impl Board {
    /// `here`: whether they are on this node from the beginning.
    pub(crate) fn new(partitions: &[PartitionId], here: bool, metrics: StoreMetrics) -> Self {
        let notice = |partition: &PartitionId| Notice {
            here: AtomicBool::new(here),
            writable: AtomicBool::new(true),
            snapshot: Mutex::new(Arc::new(PartitionSnapshot {
                partition: *partition,
                taken: Timestamp::default(),
                running: true,
                disk_low: false,
                disk: None,
                due_lag: Duration::ZERO,
                journal_size: 0,
                append_age: Duration::ZERO,
                lease_left: None,
                stats: PartitionStats::default(),
            })),
        };
        Self { notices: partitions.iter().map(notice).collect(), metrics }
    }

    /// The place of one partition's thread.
    pub(crate) fn desk(self: &Arc<Self>, index: usize) -> Desk {
        let disk = Disk { low: false, space: None, size: 0 };
        self.notices[index].writable.store(true, Ordering::Relaxed);
        let (append_age, lease_left) = (Duration::ZERO, None);
        Desk { board: self.clone(), index, disk, due_lag: Duration::ZERO, append_age, lease_left }
    }

    pub(crate) const fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    pub(crate) fn snapshots(&self) -> Vec<Arc<PartitionSnapshot>> {
        self.here().map(|notice| notice.lock().clone()).collect()
    }

    pub(crate) fn is_writable(&self) -> bool {
        let mut here = self.here().peekable();
        here.peek().is_some() && here.all(|notice| notice.writable.load(Ordering::Relaxed))
    }

    /// A partition has come to this node, or left it.
    pub(crate) fn set_here(&self, index: usize, here: bool) {
        self.notices[index].here.store(here, Ordering::Relaxed);
        self.metrics.publish(&self.snapshots());
    }

    fn here(&self) -> impl Iterator<Item = &Notice> {
        self.notices.iter().filter(|notice| notice.here.load(Ordering::Relaxed))
    }
}

impl Notice {
    fn lock(&self) -> MutexGuard<'_, Arc<PartitionSnapshot>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where one state thread writes its notice.
pub(crate) struct Desk {
    board: Arc<Board>,
    index: usize,
    disk: Disk,
    due_lag: Duration,
    append_age: Duration,
    lease_left: Option<Duration>,
}

impl Desk {
    /// The disk was looked at.
    pub(crate) fn see(&mut self, disk: Disk) {
        self.disk = disk;
        self.notice().writable.store(!disk.low, Ordering::Relaxed);
    }

    /// How the journal on other machines gets on.
    pub(crate) fn see_journal(&mut self, append_age: Duration, lease_left: Duration, stalled: bool) {
        (self.append_age, self.lease_left) = (append_age, Some(lease_left));
        self.notice().writable.store(!self.disk.low && !stalled, Ordering::Relaxed);
    }

    /// Something was due so long ago.
    pub(crate) fn late_by(&mut self, lag: Duration) {
        self.due_lag = self.due_lag.max(lag);
    }

    /// Renews the notice, and the metrics that are made of all of them.
    pub(crate) fn publish(&mut self, now: Timestamp, partition: &Partition) {
        let Disk { low, space, size } = self.disk;
        let id = self.notice().lock().partition;
        let snapshot = PartitionSnapshot {
            partition: id,
            taken: now,
            running: true,
            disk_low: low,
            disk: space,
            due_lag: std::mem::take(&mut self.due_lag),
            journal_size: size,
            append_age: self.append_age,
            lease_left: self.lease_left,
            stats: partition.stats(now),
        };
        *self.notice().lock() = Arc::new(snapshot);
        self.board.metrics.publish(&self.board.snapshots());
    }

    /// The partition answers no more.
    pub(crate) fn close(&self) {
        self.notice().writable.store(false, Ordering::Relaxed);
        let mut snapshot = self.notice().lock();
        let mut last = PartitionSnapshot::clone(&snapshot);
        last.running = false;
        *snapshot = Arc::new(last);
        drop(snapshot);
        self.board.metrics.publish(&self.board.snapshots());
    }

    fn notice(&self) -> &Notice {
        &self.board.notices[self.index]
    }
}
