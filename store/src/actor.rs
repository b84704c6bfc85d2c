//! The store's front: opens the partitions, answers questions about them, and stops them in order.
//!
//! `Store` owns the threads of all partitions. Messages do not pass through it: sessions and links use the
//! [`StoreHandle`] on their own threads. Its mailbox carries questions of the console and one [`CloseStore`]; if it is
//! lost, the threads stop at once and what was acknowledged is found again at the next start.
//!
//! Partitions of the node's own are always here, and the node ends when one of them fails. Those in PostgreSQL come and
//! go, which is the [`keeper`](crate::keeper)'s affair.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use actix::prelude::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use smsc_proto::ids::PartitionId;

use crate::board::{Board, PartitionSnapshot};
use crate::commit::Ended;
use crate::error::StoreError;
use crate::folder::DataFolder;
use crate::free_space::{FreeSpaceProbe, system_probe};
use crate::handle::StoreHandle;
use crate::journal::Journal;
use crate::journal::postgres::{PARTITIONS_FROM, PostgresOptions};
use crate::keeper::Keeper;
use crate::lanes::{Lanes, Stop};
use crate::metrics::StoreMetrics;
use crate::opening::Opener;
use crate::options::{JournalKind, OutboxRules, PARTITIONS_MAX, StoreOptions};

/// A partition of the node's own can no longer keep messages. It has stopped answering; the node must exit and be
/// started again.
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
        let opener = Opener::new(share_of(&options), parts, folder.clone());
        match (options.journal, &options.postgres) {
            (JournalKind::Postgres, Some(postgres)) => Self::open_kept(&options, postgres, opener, failed),
            (JournalKind::Sled | JournalKind::Nothing | JournalKind::Postgres, _) => {
                Self::open_own(&options, &folder, opener, failed)
            }
        }
    }

    /// The partitions of this node's own, which are always here.
    fn open_own(
        options: &StoreOptions,
        folder: &Arc<DataFolder>,
        opener: Opener,
        failed: Recipient<StoreFailed>,
    ) -> Result<(StoreHandle, StoreThreads), StoreError> {
        let accepting: Vec<_> = (0..options.partitions).filter_map(|k| partition_id(options, k)).collect();
        let mut all = folder.partitions(options.node_number)?;
        let drained = all.iter().filter(|id| !accepting.contains(id)).count();
        if drained > 0 {
            tracing::info!(drained, "partitions above store.partitions take no new messages and are drained");
        }
        all.extend(&accepting);
        all.sort_unstable();
        all.dedup();

        let opened: Vec<_> = thread::scope(|scope| {
            let opening: Vec<_> = all.iter().map(|id| scope.spawn(|| opener.open(*id))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| Err(Opener::panicked(&*panic)))
            };
            opening.into_iter().map(join).collect()
        });
        let opened = opened.into_iter().collect::<Result<Vec<_>, _>>()?;

        let board = Arc::new(Board::new(&all, true, StoreMetrics::new()));
        let (ended, results) = bounded(all.len());
        let mut lanes = Vec::new();
        for (index, opened) in opened.into_iter().enumerate() {
            let (id, way) = (opened.id, Arc::new(Lanes::new()));
            lanes.push((id, way.clone()));
            let end = End { id, failed: failed.clone(), ended: ended.clone(), folder: folder.clone() };
            opened.start(&board, index, way, move |result| end.tell(result))?;
        }
        let handle = StoreHandle::new(lanes.clone(), &accepting, board);
        Ok((handle, StoreThreads(Threads::Own { lanes, results })))
    }

    /// Partitions that other nodes may have as well, each at its time.
    fn open_kept(
        options: &StoreOptions,
        postgres: &PostgresOptions,
        opener: Opener,
        failed: Recipient<StoreFailed>,
    ) -> Result<(StoreHandle, StoreThreads), StoreError> {
        let numbered = |count: u16| (0..count).filter_map(|k| PartitionId::new(PARTITIONS_FROM + k));
        let all: Vec<_> = numbered(PARTITIONS_MAX).collect();
        let homes: Vec<_> = numbered(options.partitions).collect();
        let board = Arc::new(Board::new(&all, false, StoreMetrics::new()));
        let handle = StoreHandle::moving(&homes, board.clone());
        let first = homes[0];
        let lost = move |error| failed.do_send(StoreFailed { partition: first, error: Arc::new(error) });
        let keeper = Keeper::start(postgres, homes, opener, board, handle.clone(), lost)?;
        Ok((handle, StoreThreads(Threads::Kept(keeper))))
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
pub struct StoreThreads(Threads);

enum Threads {
    Own { lanes: Vec<(PartitionId, Arc<Lanes>)>, results: Receiver<Ended> },
    Kept(Keeper),
}

impl StoreThreads {
    /// Lets no more in, makes durable and answers what is queued, closes the journals. Blocks, at most so long.
    pub fn close(self, deadline: Duration) -> Result<(), StoreError> {
        let (lanes, results) = match &self.0 {
            Threads::Own { lanes, results } => (lanes, results),
            Threads::Kept(keeper) => return keeper.close(deadline),
        };
        for (_, lanes) in lanes {
            lanes.stop(Stop::Drained);
        }
        let until = Instant::now() + deadline;
        let mut first_error = Ok(());
        for _ in lanes {
            let Ok(result) = results.recv_deadline(until) else {
                return first_error.and(Err(StoreError::StopTimedOut { seconds: deadline.as_secs() }));
            };
            first_error = first_error.and(result);
        }
        first_error
    }
}

impl Drop for StoreThreads {
    fn drop(&mut self) {
        // A keeper stops its partitions by itself.
        if let Threads::Own { lanes, .. } = &self.0 {
            for (_, lanes) in lanes {
                lanes.stop(Stop::AtOnce);
            }
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

fn partition_id(options: &StoreOptions, k: u16) -> Option<PartitionId> {
    PartitionId::new(options.node_number * PARTITIONS_MAX + k)
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
