//! Which partitions in PostgreSQL this node has: adopts those that it should have, starts them, lets them go.
//!
//! One thread. It says in the databases that the node is there, looks who else is and who owns what
//! ([`Register`]), and takes the steps that [`ownership`](crate::ownership) names. It opens partitions on threads of
//! their own, since a replay may take long. A partition that fails, because another node took it over or its journal is
//! broken, is taken down, its holders are told, and it is adopted again when that is possible: the process goes on.
//!
//! Its mailbox carries the ends and beginnings of partitions, at most one of each at a time, and one stop. If the thread
//! is lost the partitions go on, and no other is adopted: the node is told, and stops.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use smsc_proto::ids::PartitionId;

use crate::board::Board;
use crate::commit::Ended;
use crate::error::{StoreError, panic_text};
use crate::handle::StoreHandle;
use crate::journal::Tenure;
use crate::journal::postgres::{PartitionRow, PostgresError, PostgresOptions, Register};
use crate::lanes::{Lanes, Stop};
use crate::metrics::PostgresMetrics;
use crate::opening::{Opened, Opener};
use crate::options::PARTITIONS_MAX;
use crate::ownership::{FreeSince, Step, steps};
use crate::remote::Owned;

/// Events that wait at most: each partition has at most one that begins and one that ends.
const EVENTS_MAX: usize = 4 * PARTITIONS_MAX as usize;
/// How long a partition that failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
const AFTER_FAILURE_MAX: Duration = Duration::from_secs(30);

enum Event {
    Opened(PartitionId, Result<Box<Opened>, StoreError>),
    Ended(PartitionId, Ended),
    Close(Instant, Sender<Result<(), StoreError>>),
    StopAtOnce,
}

/// The way to the keeper's thread. Dropping it stops the partitions at once.
pub(crate) struct Keeper {
    events: Sender<Event>,
    waiting: Arc<Tenure>,
}

impl Keeper {
    /// Opens the databases, adopts what is to be had, and goes on with that on a thread of its own. Blocks until the
    /// first partitions are replayed.
    pub(crate) fn start(
        options: &PostgresOptions,
        homes: Vec<PartitionId>,
        opener: Opener,
        board: Arc<Board>,
        handle: StoreHandle,
        lost: impl FnOnce(StoreError) + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (waiting, options) = (Arc::new(Tenure::default()), Arc::new(options.clone()));
        let partitions = u16::try_from(homes.len()).unwrap_or(PARTITIONS_MAX);
        let (events, queue) = bounded(EVENTS_MAX);
        let (began, beginning) = bounded(1);
        let (stop, sender) = (waiting.clone(), events.clone());
        let begin = move || -> Result<KeeperThread, StoreError> {
            let register = Register::open(options.clone(), partitions, stop)?;
            let mut thread = KeeperThread {
                options,
                register,
                opener: Arc::new(opener),
                board,
                handle,
                events: sender,
                queue,
                held: BTreeMap::new(),
                failures: BTreeMap::new(),
                free: FreeSince::default(),
                metrics: PostgresMetrics::new(),
                replicated: None,
                reachable: true,
            };
            thread.begin()?;
            Ok(thread)
        };
        let run = move || {
            let run = AssertUnwindSafe(|| match begin() {
                Ok(mut thread) => {
                    let _ = began.send(Ok(()));
                    thread.run();
                }
                Err(error) => _ = began.send(Err(error)),
            });
            if let Err(panic) = panic::catch_unwind(run) {
                lost(panicked(&*panic));
            }
        };
        let spawned = thread::Builder::new().name("smsc-keeper".into()).spawn(run);
        spawned.map_err(StoreError::io("start the thread", "of the keeper"))?;
        // It is gone without a word only if it panicked.
        beginning.recv().unwrap_or_else(|_| Err(panicked(&"before it began")))?;
        Ok(Self { events, waiting })
    }

    /// Lets all partitions finish and lets go of them. Blocks, at most so long.
    pub(crate) fn close(&self, deadline: Duration) -> Result<(), StoreError> {
        let timed_out = || StoreError::StopTimedOut { seconds: deadline.as_secs() };
        let until = Instant::now() + deadline;
        let (sender, closed) = bounded(1);
        self.events.send_deadline(Event::Close(until, sender), until).map_err(|_| timed_out())?;
        // It may be waiting for a database.
        closed.recv_deadline(until + Duration::from_millis(200)).map_err(|_| timed_out())?
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.waiting.give_up();
        let _ = self.events.try_send(Event::StopAtOnce);
    }
}

/// A partition that this node has, or is taking.
enum Held {
    Opening,
    Running(Arc<Lanes>),
    Retiring(Arc<Lanes>),
}

impl Held {
    fn lanes(&self) -> Option<&Lanes> {
        match self {
            Self::Opening => None,
            Self::Running(lanes) | Self::Retiring(lanes) => Some(lanes),
        }
    }
}

struct KeeperThread {
    options: Arc<PostgresOptions>,
    register: Register,
    opener: Arc<Opener>,
    board: Arc<Board>,
    handle: StoreHandle,
    events: Sender<Event>,
    queue: Receiver<Event>,
    held: BTreeMap<PartitionId, Held>,
    /// How often in a row a partition has failed, and until when it is left alone.
    failures: BTreeMap<PartitionId, (u32, Instant)>,
    free: FreeSince,
    metrics: PostgresMetrics,
    replicated: Option<bool>,
    reachable: bool,
}

impl KeeperThread {
    /// The first round: everything that is to be had is there when it returns.
    fn begin(&mut self) -> Result<(), StoreError> {
        for database in 0..self.register.databases() {
            self.look(database)?;
        }
        while self.held.values().any(|held| matches!(held, Held::Opening)) {
            let Ok(event) = self.queue.recv() else { break };
            match event {
                // What is wrong with the database is wrong with all partitions, and to be seen to before anybody is served.
                Event::Opened(_, Err(error)) if !passes(&error) && !is_its_own(&error) => {
                    self.stop(Stop::AtOnce);
                    return Err(error);
                }
                event => _ = self.handle_event(event),
            }
        }
        Ok(())
    }

    fn run(&mut self) {
        // Twice within a renewal: adoption comes soon after the end of a lease.
        let every = (self.options.lease() / 8).max(Duration::from_millis(100));
        let mut due = Instant::now() + every;
        loop {
            match self.queue.recv_deadline(due) {
                Ok(event) => {
                    if !self.handle_event(event) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.round();
                    due = Instant::now() + every;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// False after the last one.
    fn handle_event(&mut self, event: Event) -> bool {
        match event {
            Event::Opened(id, opened) => self.opened(id, opened),
            Event::Ended(id, result) => self.ended(id, result),
            Event::Close(until, reply) => {
                let closed = self.close(until);
                let _ = reply.send(closed);
                return false;
            }
            Event::StopAtOnce => {
                self.stop(Stop::AtOnce);
                return false;
            }
        }
        true
    }

    fn round(&mut self) {
        for database in 0..self.register.databases() {
            match self.look(database) {
                Ok(()) => {
                    if !std::mem::replace(&mut self.reachable, true) {
                        tracing::info!("PostgreSQL says again who owns which partition");
                    }
                }
                Err(error) => {
                    if std::mem::replace(&mut self.reachable, false) {
                        tracing::warn!(%error, "PostgreSQL does not say who owns which partition");
                    }
                }
            }
        }
    }

    fn look(&mut self, database: usize) -> Result<(), PostgresError> {
        let registered = self.register.look(database)?;
        self.see_replication(registered.is_replicated);
        let is_elsewhere = |id: &PartitionId| {
            let me = self.options.owner();
            registered.partitions.iter().any(|row| row.id == *id && !row.is_free && row.owner.as_deref() != Some(me))
        };
        self.failures.retain(|id, _| !is_elsewhere(id));
        self.metrics.out_of_service.set(self.failures.len() as f64);
        let mine: Vec<_> = self.held.keys().copied().filter(|id| holds(&registered.partitions, *id)).collect();
        // A partition of a node that does not take it waits for it no longer than this.
        let patience = self.options.lease() * 2;
        let (me, now) = (self.options.owner(), Instant::now());
        let steps = steps(now, me, &registered.nodes, &registered.partitions, &mine, &mut self.free, patience);
        for step in steps {
            match step {
                Step::Adopt(id) => self.adopt(now, id),
                Step::HandBack(id) => self.hand_back(id),
            }
        }
        Ok(())
    }

    fn see_replication(&mut self, is_replicated: bool) {
        self.metrics.replicated.set(if is_replicated { 1.0 } else { 0.0 });
        if self.replicated.replace(is_replicated) != Some(is_replicated) && !is_replicated {
            tracing::warn!(
                "synchronous_standby_names is empty: what is acknowledged is on one machine, and lost with it"
            );
        }
    }

    fn adopt(&mut self, now: Instant, id: PartitionId) {
        if self.index(id).is_none() || self.failures.get(&id).is_some_and(|(_, until)| now < *until) {
            return;
        }
        let (opener, events) = (self.opener.clone(), self.events.clone());
        let open = move || {
            let opening = AssertUnwindSafe(|| opener.open(id));
            let opened = panic::catch_unwind(opening);
            let opened = opened.unwrap_or_else(|panic| Err(Opener::panicked(&*panic)));
            let _ = events.send(Event::Opened(id, opened.map(Box::new)));
        };
        match thread::Builder::new().name(format!("smsc-open-{}", id.number())).spawn(open) {
            Ok(_) => _ = self.held.insert(id, Held::Opening),
            Err(error) => tracing::error!(%error, "a thread to open a partition cannot be started"),
        }
    }

    fn opened(&mut self, id: PartitionId, opened: Result<Box<Opened>, StoreError>) {
        let (Ok(opened), Some(index)) = (opened.map_err(|error| self.failed(id, &error)), self.index(id)) else {
            self.held.remove(&id);
            return;
        };
        let (lanes, events, life) = (Arc::new(Lanes::new()), self.events.clone(), opened.life);
        let ended = move |result| _ = events.send(Event::Ended(id, result));
        match opened.start(&self.board, index, lanes.clone(), ended) {
            Ok(()) => {
                self.held.insert(id, Held::Running(lanes.clone()));
                self.failures.remove(&id);
                self.metrics.out_of_service.set(self.failures.len() as f64);
                self.board.set_here(index, true);
                self.handle.add(Owned { partition: id, life }, lanes);
            }
            Err(error) => {
                self.held.remove(&id);
                self.failed(id, &error);
            }
        }
    }

    fn ended(&mut self, id: PartitionId, result: Ended) {
        self.held.remove(&id);
        if let Some(index) = self.index(id) {
            self.board.set_here(index, false);
        }
        self.handle.remove(id);
        match result {
            Ok(()) => tracing::info!(partition = id.number(), "the partition has left this node"),
            Err(error) => self.failed(id, &error),
        }
    }

    /// It is left alone for a while, longer with every failure in a row.
    fn failed(&mut self, id: PartitionId, error: &StoreError) {
        let partition = id.number();
        if let StoreError::Postgres(PostgresError::OwnedElsewhere { .. }) = error {
            tracing::info!(partition, %error, "a partition is not to be had yet");
            return;
        }
        tracing::error!(partition, %error, "a partition has failed and is not served: it will be adopted again");
        let (count, _) = self.failures.get(&id).copied().unwrap_or((0, Instant::now()));
        // What passes by itself is tried again soon.
        let count = if passes(error) { 0 } else { count };
        let pause = AFTER_FAILURE.saturating_mul(1 << count.min(5)).min(AFTER_FAILURE_MAX);
        self.failures.insert(id, (count + 1, Instant::now() + pause));
        self.metrics.out_of_service.set(self.failures.len() as f64);
    }

    fn hand_back(&mut self, id: PartitionId) {
        let Some(Held::Running(lanes)) = self.held.get(&id) else { return };
        tracing::info!(partition = id.number(), "another node has fewer partitions: this one is handed over");
        let lanes = lanes.clone();
        self.handle.retire(id);
        lanes.stop(Stop::Retired);
        self.held.insert(id, Held::Retiring(lanes));
    }

    fn close(&mut self, until: Instant) -> Result<(), StoreError> {
        self.stop(Stop::Drained);
        let mut first_error = Ok(());
        while !self.held.is_empty() {
            let Ok(event) = self.queue.recv_deadline(until) else {
                let left = until.saturating_duration_since(Instant::now());
                return first_error.and(Err(StoreError::StopTimedOut { seconds: left.as_secs() }));
            };
            match event {
                // It was just adopted: its lease ends by itself, or it is taken back at the next start.
                Event::Opened(id, _) => _ = self.held.remove(&id),
                Event::Ended(id, result) => {
                    self.held.remove(&id);
                    first_error = first_error
                        .and(result.map_err(|error| StoreError::Failed { partition: id, error: Arc::new(error) }));
                }
                Event::Close(..) => {}
                Event::StopAtOnce => self.stop(Stop::AtOnce),
            }
        }
        self.register.leave();
        first_error
    }

    fn stop(&self, stop: Stop) {
        for lanes in self.held.values().filter_map(Held::lanes) {
            lanes.stop(stop);
        }
    }

    /// Its place on the board: partitions are numbered from 960, and their last four bits say which.
    fn index(&self, id: PartitionId) -> Option<usize> {
        let from = crate::journal::postgres::PARTITIONS_FROM;
        let index = id.number().checked_sub(from)?;
        (index < PARTITIONS_MAX).then_some(usize::from(index))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> StoreError {
    StoreError::Panicked { thread: "the keeper of the partitions".into(), what: panic_text(panic) }
}

fn holds(partitions: &[PartitionRow], id: PartitionId) -> bool {
    partitions.iter().any(|row| row.id == id)
}

/// Whether it is about one partition's records, whatever the others are like.
fn is_its_own(error: &StoreError) -> bool {
    match error {
        StoreError::Postgres(error) => {
            matches!(
                error,
                PostgresError::LostRecords { .. } | PostgresError::ForeignRecords { .. } | PostgresError::Fenced
            )
        }
        StoreError::Damaged { .. } | StoreError::Gap { .. } | StoreError::Panicked { .. } => true,
        _ => false,
    }
}

/// Whether a partition that could not be opened at the start may be opened later.
fn passes(error: &StoreError) -> bool {
    match error {
        StoreError::Postgres(error) => error.may_pass(),
        _ => false,
    }
}
