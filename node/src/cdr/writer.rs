//! The actor that takes call detail records from the store, writes them, and tells the store which are on the disk.
//!
//! It has a thread of its own, since it waits for the disk. Its mailbox carries one answer per partition and what people
//! ask; what it has taken and not written is one batch per partition. If it stops, or cannot write, nothing is lost: the
//! store keeps what is owed, refuses new messages when it is full of that, and offers all of it again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use actix::prelude::*;
use metrics::{Counter, counter};
use smsc_proto::ids::PartitionId;
use smsc_proto::timestamp::Timestamp;
use smsc_store::clock::Clock;
use smsc_store::partition::Command;
use smsc_store::{Cdr, CdrKey, CdrKind, CdrsTaken, StoreHandle, TakeCdrs};
use tokio::sync::oneshot;

use super::files::{CdrFiles, CdrOptions};
use super::folder::ClosedFile;
use super::record::kind_name;
use super::{CdrError, CdrStatus};

/// How often the store is asked: at low load one fdatasync each time there is anything.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// Records taken at a time, at most: some 4 MB of lines.
const TAKE_MAX: usize = 8_192;
/// A partition that has not answered for so long has left this node.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After a failure, when it is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How often a failure that goes on is logged.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// See the module.
pub struct CdrWriter {
    store: StoreHandle,
    files: CdrFiles,
    status: CdrStatus,
    clock: Clock,
    /// Partitions that were asked and have not answered.
    asked: HashMap<PartitionId, Instant>,
    /// Taken and not written.
    held: VecDeque<Held>,
    /// After a failure.
    retry_at: Option<Instant>,
    say_at: Option<Instant>,
    flush: Option<Flush>,
    metrics: Metrics,
}

struct Held {
    partition: PartitionId,
    cdrs: Vec<Cdr>,
    written: usize,
}

struct Flush {
    /// Partitions that have nothing more.
    empty: HashSet<PartitionId>,
    done: oneshot::Sender<()>,
}

struct Metrics {
    records: [(CdrKind, Counter); 2],
    errors: Counter,
    files: Counter,
}

/// The way to the writer.
#[derive(Clone)]
pub struct CdrHandle {
    writer: Addr<CdrWriter>,
    /// What is known of it.
    pub status: CdrStatus,
    /// Where and how it writes.
    pub options: CdrOptions,
}

/// Closes the file that is being written. Answered with it; none: nothing was written since the last.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Option<ClosedFile>, CdrError>")]
struct Rotate;

/// Writes all that is owed, then closes the file.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct FlushAll(oneshot::Sender<()>);

impl CdrHandle {
    /// Closes the file that is being written; `None`: the writer hangs or has stopped.
    pub async fn rotate(&self, within: Duration) -> Option<Result<Option<ClosedFile>, CdrError>> {
        tokio::time::timeout(within, self.writer.send(Rotate)).await.ok()?.ok()
    }

    /// Writes all that is owed and closes the file; whether that was done in time. What is not is written after the next
    /// start.
    pub async fn flush(&self, until: tokio::time::Instant) -> bool {
        let (done, written) = oneshot::channel();
        self.writer.do_send(FlushAll(done));
        matches!(tokio::time::timeout_at(until, written).await, Ok(Ok(())))
    }
}

impl CdrWriter {
    /// Starts the writer on a thread of its own.
    pub fn start(options: CdrOptions, store: StoreHandle) -> CdrHandle {
        let status = CdrStatus::default();
        let metrics = Metrics {
            records: [CdrKind::Final, CdrKind::Receipt]
                .map(|kind| (kind, counter!("smsc_cdr_records_total", "type" => kind_name(kind)))),
            errors: counter!("smsc_cdr_errors_total"),
            files: counter!("smsc_cdr_files_total"),
        };
        let writer = Self {
            store,
            files: CdrFiles::new(options.clone()),
            status: status.clone(),
            clock: Clock::starting_at(Timestamp::default()),
            asked: HashMap::new(),
            held: VecDeque::new(),
            retry_at: None,
            say_at: None,
            flush: None,
            metrics,
        };
        let writer = Actor::start_in_arbiter(&Arbiter::new().handle(), move |_| writer);
        CdrHandle { writer, status, options }
    }

    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match self.write_all(ctx) {
            Ok(()) => self.fine(),
            Err(error) => self.failed(&error),
        }
    }

    /// Writes what is held, oldest first, and closes the file if it is time.
    fn write_all(&mut self, ctx: &mut Context<Self>) -> Result<(), CdrError> {
        let now = self.clock.now();
        self.files.open(now)?;
        while let Some(mut held) = self.held.pop_front() {
            let before = held.written;
            let result = self.files.write(now, &held.cdrs, &mut held.written);
            let written = &held.cdrs[before..held.written];
            for (kind, counter) in &self.metrics.records {
                counter.increment(written.iter().filter(|cdr| cdr.key.kind == *kind).count() as u64);
            }
            self.status.wrote(now, written.len() as u64, &self.files);
            if let Err(error) = result {
                self.held.push_front(held);
                return Err(error);
            }
            let keys = held.cdrs.iter().map(|cdr| cdr.key).collect();
            // A full batch: there is more. Else the next round is soon enough.
            let max = if held.cdrs.len() == TAKE_MAX || self.flush.is_some() { TAKE_MAX } else { 0 };
            self.ask(held.partition, keys, max, ctx);
        }
        if let Some(closed) = self.files.rotate_if_due(now)? {
            self.closed(closed);
        }
        Ok(())
    }

    fn ask(&mut self, partition: PartitionId, written: Vec<CdrKey>, max: usize, ctx: &Context<Self>) {
        let take = TakeCdrs { written, max, reply: ctx.address().recipient() };
        // One that has left this node offers them again wherever it is.
        if self.store.send_local(partition, Command::TakeCdrs(take)) {
            self.asked.insert(partition, Instant::now());
        }
    }

    fn ask_all(&mut self, ctx: &Context<Self>) {
        let partitions: Vec<PartitionId> = self.store.partitions().collect();
        for partition in partitions {
            let asked = self.asked.get(&partition).is_some_and(|since| since.elapsed() < ANSWER_WITHIN);
            if !asked && self.held.iter().all(|held| held.partition != partition) {
                self.ask(partition, Vec::new(), TAKE_MAX, ctx);
            }
        }
    }

    fn closed(&mut self, closed: ClosedFile) {
        self.metrics.files.increment(1);
        self.status.closed(closed, &self.files);
    }

    fn fine(&mut self) {
        self.retry_at = None;
        if self.status.failing(self.clock.now(), None) {
            self.say_at = None;
            tracing::info!(event = "cdr.recovered", "call detail records are written again");
        }
    }

    fn failed(&mut self, error: &CdrError) {
        self.metrics.errors.increment(1);
        let clock = Instant::now();
        self.retry_at = Some(clock + RETRY_EVERY);
        self.status.failing(self.clock.now(), Some(error.to_string()));
        if self.say_at.is_none_or(|at| clock >= at) {
            self.say_at = Some(clock + SAY_EVERY);
            tracing::error!(
                event = "cdr.failed",
                %error,
                "call detail records cannot be written: they are kept, and new messages are refused when store.messages_max is full"
            );
        }
    }

    /// The end of a flush, once no partition has anything more.
    fn end_flush(&mut self) {
        let Some(flush) = &self.flush else { return };
        let all_empty = self.store.partitions().all(|partition| flush.empty.contains(&partition));
        if !all_empty || !self.held.is_empty() || self.retry_at.is_some() {
            return;
        }
        match self.files.rotate(self.clock.now()) {
            Ok(closed) => {
                if let Some(closed) = closed {
                    self.closed(closed);
                }
                if let Some(flush) = self.flush.take() {
                    // Who waits no longer knows that it was not done.
                    let _ = flush.done.send(());
                }
            }
            Err(error) => self.failed(&error),
        }
    }
}

impl Actor for CdrWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.work(ctx);
        self.ask_all(ctx);
        ctx.run_interval(ASK_EVERY, |writer, ctx| {
            writer.work(ctx);
            writer.ask_all(ctx);
            writer.end_flush();
        });
    }
}

impl Handler<CdrsTaken> for CdrWriter {
    type Result = ();

    fn handle(&mut self, taken: CdrsTaken, ctx: &mut Self::Context) {
        let CdrsTaken { partition, items, left } = taken;
        self.asked.remove(&partition);
        if let Some(flush) = &mut self.flush {
            if items.is_empty() && left == 0 {
                flush.empty.insert(partition);
            } else {
                flush.empty.remove(&partition);
            }
        }
        if !items.is_empty() {
            self.held.push_back(Held { partition, cdrs: items, written: 0 });
            self.work(ctx);
        }
        self.end_flush();
    }
}

impl Handler<Rotate> for CdrWriter {
    type Result = Result<Option<ClosedFile>, CdrError>;

    fn handle(&mut self, _: Rotate, _: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let closed = self.files.open(now).and_then(|()| self.files.rotate(now));
        match &closed {
            Ok(Some(closed)) => self.closed(closed.clone()),
            Ok(None) => {}
            Err(error) => self.failed(error),
        }
        closed
    }
}

impl Handler<FlushAll> for CdrWriter {
    type Result = ();

    fn handle(&mut self, FlushAll(done): FlushAll, ctx: &mut Self::Context) {
        self.flush = Some(Flush { empty: HashSet::new(), done });
        self.ask_all(ctx);
        self.end_flush();
    }
}
