//! The store's front: opens the partitions, answers questions about them, and stops them in order.
//!
//! `Store` owns the threads of all partitions. Messages do not pass through it: sessions and links use the
//! [`StoreHandle`] on their own threads. Its mailbox carries questions of the console and one [`CloseStore`]; if it is
//! lost, the threads stop at once and what was acknowledged is found again at the next start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use actix::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use smsc_proto::ids::PartitionId;

use crate::board::{Board, PartitionSnapshot};
use crate::clock::Clock;
use crate::commit::writer::Writer;
use crate::commit::{self, Ended, Machinery};
use crate::error::StoreError;
use crate::folder::{DataFolder, make_folder};
use crate::free_space::{FreeSpace, FreeSpaceProbe, system_probe};
use crate::handle::StoreHandle;
use crate::journal::{Journal, JournalReader, NothingJournal, SledJournal};
use crate::lanes::{Lanes, Stop};
use crate::metrics::StoreMetrics;
use crate::options::{JournalKind, OutboxRules, StoreOptions};
use crate::partition::Partition;
use crate::recovery;

/// What of `store.memory_max` is for the journal's pages, within these bounds. sled's cache gets half of it, since sled
/// keeps more than its cache may hold: at least a page in each of its 256 parts. With less than the least, it would read a
/// page from the disk for each record that it appends to it.
const PAGES_MIN: u64 = 8 << 20;
const PAGES_MAX: u64 = 64 << 20;

/// A partition can no longer keep messages. It has stopped answering; the node must exit and be started again.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct StoreFailed {
    /// Which one.
    pub partition: PartitionId,
    /// Why.
    pub error: Arc<StoreError>,
}

/// Asks for what the partitions said about themselves last.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Vec<Arc<PartitionSnapshot>>")]
pub struct GetStoreStats;

/// Stops the store: what is queued becomes durable, then the journals are closed. Answered with [`StoreClosed`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseStore {
    /// How long it may take.
    pub deadline: Duration,
    /// Who is told.
    pub reply: Recipient<StoreClosed>,
}

/// The store is closed, or why it is not.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct StoreClosed {
    /// An error says which part of the way down failed; nothing that was acknowledged is lost.
    pub result: Result<(), Arc<StoreError>>,
}

/// What a test or a measurement puts in place of the machine's own.
#[derive(Clone)]
pub struct StoreParts {
    /// Asks for the room on the disk.
    pub free_space: FreeSpaceProbe,
    /// Stands between a partition and its journal.
    #[allow(clippy::type_complexity)]
    pub around_journal: Arc<dyn Fn(PartitionId, Box<dyn Journal>) -> Box<dyn Journal> + Send + Sync>,
}

impl Default for StoreParts {
    fn default() -> Self {
        Self { free_space: system_probe(), around_journal: Arc::new(|_, journal| journal) }
    }
}

/// The store actor.
pub struct Store {
    handle: StoreHandle,
    threads: Option<StoreThreads>,
}

impl Store {
    /// Opens the data folder, replays the journals and starts the partitions. Blocks until everything is replayed.
    ///
    /// `failed` is told when a partition fails later.
    pub fn open(
        options: StoreOptions,
        failed: Recipient<StoreFailed>,
    ) -> Result<(StoreHandle, StoreThreads), StoreError> {
        Self::open_with(options, failed, StoreParts::default())
    }

    /// [`open`](Self::open) with other parts.
    pub fn open_with(
        options: StoreOptions,
        failed: Recipient<StoreFailed>,
        parts: StoreParts,
    ) -> Result<(StoreHandle, StoreThreads), StoreError> {
        options.check()?;
        let folder = Arc::new(DataFolder::open(&options)?);
        let accepting: Vec<_> = (0..options.partitions).filter_map(|k| partition_id(&options, k)).collect();
        let mut all = folder.partitions(options.node_number)?;
        let drained = all.iter().filter(|id| !accepting.contains(id)).count();
        if drained > 0 {
            tracing::info!(drained, "partitions above store.partitions take no new messages and are drained");
        }
        all.extend(&accepting);
        all.sort_unstable();
        all.dedup();

        let share = share_of(&options);
        let opened: Vec<_> = thread::scope(|scope| {
            let open = |id: &PartitionId| {
                let (path, id) = (folder.partition(*id), *id);
                let (share, parts) = (&share, &parts);
                scope.spawn(move || open_partition(id, path, share, parts))
            };
            let opening: Vec<_> = all.iter().map(open).collect();
            opening.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| Err(panicked(&*panic)))).collect()
        });
        let opened = opened.into_iter().collect::<Result<Vec<_>, _>>()?;

        let board = Arc::new(Board::new(&all, StoreMetrics::new()));
        let (ended, results) = bounded(all.len());
        let mut lanes = Vec::new();
        for (index, (id, partition, clock, writer, reader)) in opened.into_iter().enumerate() {
            let way = Arc::new(Lanes::new());
            lanes.push((id, way.clone()));
            let machinery = Machinery {
                name: id.number().to_string(),
                partition,
                clock,
                writer,
                reader,
                lanes: way,
                desk: board.desk(index),
                metrics: board.metrics().partition(),
            };
            let end = End { id, failed: failed.clone(), ended: ended.clone(), folder: folder.clone() };
            commit::start(machinery, move |result| end.tell(result))?;
        }
        let handle = StoreHandle::new(lanes.clone(), &accepting, board);
        Ok((handle, StoreThreads { lanes, results }))
    }

    /// The actor around an open store.
    pub fn new(handle: StoreHandle, threads: StoreThreads) -> Self {
        Self { handle, threads: Some(threads) }
    }
}

impl Actor for Store {
    type Context = Context<Self>;
}

impl Handler<GetStoreStats> for Store {
    type Result = MessageResult<GetStoreStats>;

    fn handle(&mut self, _: GetStoreStats, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.handle.stats())
    }
}

impl Handler<CloseStore> for Store {
    type Result = ();

    fn handle(&mut self, CloseStore { deadline, reply }: CloseStore, _: &mut Self::Context) {
        let Some(threads) = self.threads.take() else {
            return reply.do_send(StoreClosed { result: Ok(()) });
        };
        // It waits for the disk, which an arbiter must not.
        let closing = reply.clone();
        let close = move || closing.do_send(StoreClosed { result: threads.close(deadline).map_err(Arc::new) });
        if let Err(error) = thread::Builder::new().name("smsc-store-close".into()).spawn(close) {
            let error = StoreError::io("start a thread to close", "the store")(error);
            reply.do_send(StoreClosed { result: Err(Arc::new(error)) });
        }
    }
}

/// The threads of all partitions. Dropping it stops them at once; [`close`](Self::close) stops them in order.
pub struct StoreThreads {
    lanes: Vec<(PartitionId, Arc<Lanes>)>,
    results: Receiver<Ended>,
}

impl StoreThreads {
    /// Lets no more in, makes durable and answers what is queued, closes the journals. Blocks, at most so long.
    pub fn close(self, deadline: Duration) -> Result<(), StoreError> {
        for (_, lanes) in &self.lanes {
            lanes.stop(Stop::Drained);
        }
        let until = Instant::now() + deadline;
        let mut first_error = Ok(());
        for _ in &self.lanes {
            let Ok(result) = self.results.recv_deadline(until) else {
                return first_error.and(Err(StoreError::StopTimedOut { seconds: deadline.as_secs() }));
            };
            first_error = first_error.and(result);
        }
        first_error
    }
}

impl Drop for StoreThreads {
    fn drop(&mut self) {
        for (_, lanes) in &self.lanes {
            lanes.stop(Stop::AtOnce);
        }
    }
}

/// What is to be told when a partition ends.
struct End {
    id: PartitionId,
    failed: Recipient<StoreFailed>,
    ended: Sender<Ended>,
    folder: Arc<DataFolder>,
}

impl End {
    fn tell(self, result: Ended) {
        let Self { id, failed, ended, folder } = self;
        // The folder first: whoever waits for the end may open it again.
        drop(folder);
        if let Err(error) = result {
            tracing::error!(partition = id.number(), %error, "the partition has failed and answers no more");
            let error = Arc::new(error);
            failed.do_send(StoreFailed { partition: id, error: error.clone() });
            let _ = ended.try_send(Err(StoreError::Failed { partition: id, error }));
        } else {
            let _ = ended.try_send(Ok(()));
        }
    }
}

type Opened = (PartitionId, Partition, Clock, Writer, Option<Box<dyn JournalReader>>);

fn open_partition(
    id: PartitionId,
    path: PathBuf,
    options: &StoreOptions,
    parts: &StoreParts,
) -> Result<Opened, StoreError> {
    let at_path = |source| StoreError::InPartition { folder: path.clone(), source: Box::new(source) };
    let pages = (options.memory_max / 4).clamp(PAGES_MIN, PAGES_MAX);
    let cache = (pages / 2).max(PAGES_MIN);
    let (journal, watched): (Box<dyn Journal>, &Path) = match options.journal {
        JournalKind::Nothing => (Box::new(NothingJournal), &options.data_dir),
        JournalKind::Sled => {
            make_folder(&path)?;
            (Box::new(SledJournal::open(&path, options.durability, cache).map_err(at_path)?), &path)
        }
    };
    let mut journal = (parts.around_journal)(id, journal);
    let bodies = StoreOptions { memory_max: options.memory_max.saturating_sub(pages), ..options.clone() };
    let mut partition = Partition::new(id, &bodies);
    let reader = journal.reader();
    if reader.is_none() {
        partition.keep_all_bodies();
    }
    let replayed = recovery::replay(&path, &mut *journal, &mut partition).map_err(at_path)?;
    let mut clock = Clock::starting_at(replayed.newest);
    partition.recovered(clock.now());
    let space = FreeSpace::new(watched.to_owned(), parts.free_space.clone(), options.disk_free_min);
    Ok((id, partition, clock, Writer::new(journal, space), reader))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> StoreError {
    StoreError::Panicked { thread: "the start of a partition".into(), what: crate::error::panic_text(panic) }
}

fn partition_id(options: &StoreOptions, k: u16) -> Option<PartitionId> {
    PartitionId::new(options.node_number * crate::options::PARTITIONS_MAX + k)
}

/// What one partition may use of what the node may use.
fn share_of(options: &StoreOptions) -> StoreOptions {
    let partitions = u64::from(options.partitions);
    let share = |whole: u64| whole.div_ceil(partitions);
    let mut options = options.clone();
    options.memory_max = share(options.memory_max);
    options.messages_max = share(options.messages_max);
    options.retention_messages_max = share(options.retention_messages_max);
    for (_, OutboxRules { waiting_max, .. }) in &mut options.outboxes {
        *waiting_max = share(*waiting_max);
    }
    options
}
