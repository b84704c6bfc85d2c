//! Group commit: the state thread and the journal thread of one partition. The only durability barrier.
//!
//! ```text
//!  lanes ─> state thread: apply, encode ── batch n+1 ──┐        (pipeline of depth 1)
//!               ^                                      v
//!               └── batch n durable: release <── journal thread: append, sync
//! ```
//!
//! While the journal thread makes batch n durable, the state thread applies what comes in and encodes batch n+1. There
//! is no delay on purpose: the disk is the clock. A batch so small that a hand-over would cost more than it saves is
//! appended by the state thread itself.
//!
//! Bodies that are not in memory are read by a third thread ([`reader`]), which neither of the two ever waits for.
//!
//! An answer leaves in [`Partition::release`], which is called in one place, after the append of its batch came back
//! without an error. An append error is final: nothing is retried and nothing is answered any more, and only a replay can
//! go on: with an embedded journal that is the next start of the node, elsewhere the partition is adopted again.
//!
//! Of a journal on other machines ([`remote`]) the journal thread also looks after the lease, and makes every append.

mod reader;
mod remote;
pub(crate) mod writer;

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use smsc_proto::timestamp::Timestamp;

use crate::abandoned::{abandon, refuse};
use crate::board::Desk;
use crate::clock::Clock;
use crate::commit::reader::Reads;
use crate::commit::remote::{Flow, Remote};
use crate::commit::writer::{Disk, Job, Writer};
use crate::error::{StoreError, panic_text};
use crate::journal::{JournalReader, RecordNumber};
use crate::lanes::{Lanes, Room, Sleep, Stop, Taken};
use crate::messages::{AcceptRefusal, RecordReceipts, Reroute, SeekReceipts, Settle};
use crate::metrics::PartitionMetrics;
use crate::partition::sweep::SWEEP_STEP;
use crate::partition::{Batch, Command, Partition, Records};

pub(crate) use reader::OldRecords;
pub(crate) use writer::Appended;

/// Items of each lane in one batch: enough that the sync no longer matters, few enough that it stays below 10 ms.
const BATCH_ITEMS: usize = 4_096;

/// Octets of new bodies in one batch: sled must not need several segments between two syncs.
const BATCH_OCTETS: usize = 2 << 20;

/// A batch of at most so many items is appended by the state thread itself. Handing it over would wake two threads.
const INLINE_ITEMS: usize = 32;

/// While an append is under way the state thread is woken for no fewer items than this: it can do nothing for them but
/// apply them, which costs less than waking up.
const PIPELINE_ITEMS: usize = 128;

/// Old records read for the cleaner at a time, at most: what a large batch appends.
const CLEAN_RECORDS: usize = 48;

/// How often one old record is given to the cleaner, which takes a part of it each time, in one batch.
const CLEAN_STEPS: usize = 4;

/// How often the statistics are made anew, and the disk is looked at when nothing is written.
const STATS_EVERY: Duration = Duration::from_millis(500);

/// How often a state thread looks how an append on other machines gets on.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long holders get to settle what they have when the partition is to leave in order, and how often we look.
const RETIRE_MAX: Duration = Duration::from_secs(10);
const RETIRE_LOOK: Duration = Duration::from_millis(20);

/// How urgently a command rings: the messages that it is about.
pub(crate) fn items_of(command: &Command) -> usize {
    match command {
        Command::Accept(accept) => accept.items.len(),
        Command::Settle(Settle { items, .. }) => items.len(),
        Command::Receipts(RecordReceipts { items, .. }) => items.len(),
        Command::Seek(SeekReceipts { receipts, .. }) => receipts.items.len(),
        Command::EndParked(ends) => ends.len(),
        // Somebody's window is idle meanwhile: it does not wait for an append that is under way.
        Command::Pull(_) | Command::ReadBack(_) | Command::Register(_) | Command::Release(_) => PIPELINE_ITEMS,
        Command::Reroute(Reroute { step_max, .. }) => *step_max as usize,
        Command::Sweep(_) => SWEEP_STEP,
        Command::Hurry(_) => 1,
        Command::Find(_) | Command::Cancel(_) | Command::Replace(_) | Command::Search(_) | Command::SetRules(_) => 1,
        Command::SeekElsewhere(_) | Command::TryParkedAgain | Command::TakeCdrs(_) => 1,
    }
}

/// Whether its answer promises nothing about the disk.
const fn is_prompt(command: &Command) -> bool {
    matches!(command, Command::Pull(_) | Command::Register(_) | Command::Release(_) | Command::ReadBack(_))
}

/// Everything that the threads of a partition are made of.
pub(crate) struct Machinery {
    pub(crate) name: String,
    pub(crate) partition: Partition,
    pub(crate) clock: Clock,
    pub(crate) writer: Writer,
    /// Reads records back, if the journal can.
    pub(crate) reader: Option<Box<dyn JournalReader>>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) desk: Desk,
    pub(crate) metrics: PartitionMetrics,
}

/// How a partition ended: by [`Lanes::stop`] or by an error.
pub(crate) type Ended = Result<(), StoreError>;

/// Starts the threads. `ended` is called once, by the state thread as the last that it does.
pub(crate) fn start(machinery: Machinery, ended: impl FnOnce(Ended) + Send + 'static) -> Result<(), StoreError> {
    let Machinery { name, partition, clock, writer, reader, lanes, desk, metrics } = machinery;
    let reads = reader.map(|reader| Reads::start(&name, reader, lanes.clone())).transpose()?;
    let remote = writer.lease().map(Remote::new);
    let tended = remote.is_some();
    let writer = Arc::new(Mutex::new(writer));
    let (jobs, queue) = bounded(1);
    let (their_writer, their_lanes) = (writer.clone(), lanes.clone());
    let journal = spawn(format!("smsc-journal-{name}"), move |name| {
        journal_thread(name, &queue, &their_writer, &their_lanes, tended)
    })?;
    let cleaning = if reads.is_some() { Cleaning::Possible } else { Cleaning::Impossible };
    let mut state = StateThread {
        partition,
        clock,
        lanes,
        writer,
        reads,
        jobs,
        taken: Taken::default(),
        applied: Room::NONE,
        forming: None,
        sealed: Vec::new(),
        in_flight: None,
        old: Vec::new(),
        asked_for_old: false,
        written: 0,
        cleaned: None,
        cleaning,
        desk,
        metrics,
        disk_low: false,
        stats_due: Instant::now(),
        remote,
        retire_until: None,
    };
    spawn(format!("smsc-state-{name}"), move |name| {
        let result = guarded(name, || state.run());
        // Whatever the reason: nobody gets in any more, and who is in is not answered.
        let (late, late_accepts) = state.lanes.shut_down();
        state.desk.close();
        if state.remote.is_some() {
            state.abandon(late.into_iter().chain(late_accepts.into_iter().map(|(accept, _)| Command::Accept(accept))));
        }
        let StateThread { jobs, writer, reads, remote, taken, .. } = state;
        if let Some(remote) = &remote
            && (result.is_err() || taken.stop == Some(Stop::AtOnce))
        {
            // Neither the journal thread nor the reader waits for the medium any more.
            remote.lease.give_up();
        }
        drop(jobs);
        let joined = journal.join().and(reads.map_or(Ok(()), Reads::stop));
        let result = result.and_then(|()| {
            joined.map_err(|panic| StoreError::Panicked { thread: name.into(), what: panic_text(&*panic) })?;
            guarded(name, || lock(&writer).close())
        });
        drop(writer);
        ended(result);
    })?;
    Ok(())
}

fn spawn(name: String, run: impl FnOnce(&str) + Send + 'static) -> Result<thread::JoinHandle<()>, StoreError> {
    let builder = thread::Builder::new().name(name.clone());
    builder.spawn(move || run(&name)).map_err(StoreError::io("start the thread", "of a partition"))
}

/// Runs, and makes a panic an error: a thread that is gone without a word would leave every caller waiting.
fn guarded(thread: &str, run: impl FnOnce() -> Ended) -> Ended {
    let caught = panic::catch_unwind(AssertUnwindSafe(run));
    caught.unwrap_or_else(|panic| Err(StoreError::Panicked { thread: thread.into(), what: panic_text(&*panic) }))
}

/// `tended`: the journal has things to do beside appends.
fn journal_thread(name: &str, jobs: &Receiver<Job>, writer: &Mutex<Writer>, lanes: &Lanes, mut tended: bool) {
    let mut until = None;
    loop {
        if tended {
            let tend = || lock(writer).tend();
            let caught = panic::catch_unwind(AssertUnwindSafe(tend));
            let panicked = |panic: Box<dyn std::any::Any + Send>| {
                Err(StoreError::Panicked { thread: name.into(), what: panic_text(&*panic) })
            };
            until = caught.unwrap_or_else(panicked).unwrap_or_else(|error| {
                lanes.failed(error);
                None
            });
            // What is still handed over is in vain: the state thread ends.
            tended = until.is_some();
        }
        let job = match until {
            Some(until) => jobs.recv_deadline(until),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match job {
            Ok(job) => lanes.appended(run_job(name, writer, &job)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn run_job(thread: &str, writer: &Mutex<Writer>, job: &Job) -> Appended {
    let caught = panic::catch_unwind(AssertUnwindSafe(|| lock(writer).run(job)));
    caught.unwrap_or_else(|panic| Appended {
        result: Err(StoreError::Panicked { thread: thread.into(), what: panic_text(&*panic) }),
        took: Duration::ZERO,
        disk: Disk { low: true, space: None, size: 0 },
    })
}

fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    // After a panic the writer is used no more, except to be closed, which may fail in its own way.
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A batch that takes commands.
struct Forming {
    batch: Batch,
    items: [usize; 2],
    octets: usize,
}

const FIRST: usize = 0;
const SECOND: usize = 1;

impl Forming {
    fn items(&self) -> usize {
        self.items[FIRST] + self.items[SECOND]
    }

    fn has_room_in(&self, lane: usize) -> bool {
        self.items[lane] < BATCH_ITEMS && self.octets < BATCH_OCTETS
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cleaning {
    Possible,
    /// The journal does not give back what it was given: there is nothing to clean.
    Impossible,
}

struct StateThread {
    partition: Partition,
    clock: Clock,
    lanes: Arc<Lanes>,
    writer: Arc<Mutex<Writer>>,
    /// `None`: nothing can be read back, and the partition asks for nothing.
    reads: Option<Reads>,
    jobs: Sender<Job>,
    taken: Taken,
    /// What was applied of the second lane since the lanes were told.
    applied: Room,
    forming: Option<Forming>,
    /// Batches that wait for the journal thread, with their records.
    sealed: Vec<(Batch, Records)>,
    /// The batches that the journal thread has.
    in_flight: Option<Vec<Batch>>,
    /// Old records for the cleaner, newest first.
    old: Vec<(RecordNumber, Bytes)>,
    asked_for_old: bool,
    /// Records that were written since old ones were asked for.
    written: usize,
    /// The last one that was cleaned into the batch that forms.
    cleaned: Option<RecordNumber>,
    cleaning: Cleaning,
    desk: Desk,
    metrics: PartitionMetrics,
    disk_low: bool,
    stats_due: Instant,
    /// `None`: the journal is on this machine, and ours alone.
    remote: Option<Remote>,
    /// Until when leases may stay open, once the partition is to leave.
    retire_until: Option<Instant>,
}

impl StateThread {
    /// The partition goes on elsewhere, and who waits for it here is told. With a journal of this node's own nobody is: the
    /// node ends.
    fn abandon(&mut self, late: impl Iterator<Item = Command>) {
        let batches = self.sealed.drain(..).map(|(batch, _)| batch);
        let batches = batches.chain(self.in_flight.take().unwrap_or_default());
        batches.chain(self.forming.take().map(|forming| forming.batch)).for_each(Batch::abandon);
        let taken = self.taken.first.drain(..);
        let taken = taken.chain(self.taken.second.drain(..).map(|(accept, _)| Command::Accept(accept)));
        taken.chain(late).for_each(|command| abandon(self.partition.id(), command));
    }

    fn run(&mut self) -> Ended {
        let disk = lock(&self.writer).look();
        self.see(disk);
        loop {
            let sleep = self.sleep();
            self.lanes.take(&mut self.taken, std::mem::replace(&mut self.applied, Room::NONE), sleep);
            if self.taken.stop == Some(Stop::AtOnce) {
                return Ok(());
            }
            if let Some(failure) = self.taken.failure.take() {
                return Err(failure);
            }
            if let Some(old) = self.taken.old.take() {
                self.take_old(old?);
            }
            let now = self.clock.now();
            self.look_at_journal(now);
            self.apply(now);
            if let Some(failure) = self.partition.take_failure() {
                return Err(failure);
            }
            match self.taken.appended.take() {
                Some(appended) => self.finish(now, appended)?,
                None if self.in_flight.is_none() => self.hand_over(now)?,
                None => {}
            }
            if let Some(reads) = &self.reads {
                reads.ask(self.partition.take_reads())?;
            }
            self.publish(now);
            if self.is_drained() {
                return Ok(());
            }
        }
    }

    /// Whether messages may be handed out and taken now, by how the journal on other machines gets on.
    fn look_at_journal(&mut self, now: Timestamp) {
        let Some(remote) = &mut self.remote else { return };
        let clock = Instant::now();
        let retiring = self.taken.stop == Some(Stop::Retired);
        self.partition.set_lending(now, remote.lease.is_held(clock) && !retiring);
        if retiring {
            let until = *self.retire_until.get_or_insert(clock + RETIRE_MAX);
            if self.partition.leased() == 0 || clock >= until {
                self.lanes.stop(Stop::Drained);
            }
        }
        let (before, age) = (remote.look(clock), remote.age(clock));
        let flow = remote.flow();
        self.desk.see_journal(age, remote.lease.left(clock), flow == Flow::Stalled);
        match (before, flow) {
            (None, _) => {}
            (Some(_), Flow::Slow) => tracing::warn!(partition = self.partition.id().number(), "an append takes long"),
            (Some(_), Flow::Stalled) => {
                tracing::error!(
                    partition = self.partition.id().number(),
                    "an append hangs: new messages are refused. PostgreSQL or its synchronous standby is gone"
                );
                self.lanes.shut(true);
            }
            (Some(before), Flow::Runs) => {
                tracing::info!(partition = self.partition.id().number(), "appends get on again");
                if before == Flow::Stalled {
                    self.lanes.shut(false);
                }
            }
        }
        if flow == Flow::Stalled {
            for (accept, room) in self.taken.second.drain(..) {
                self.applied.add(room);
                refuse(accept, AcceptRefusal::JournalStalled);
            }
        }
    }

    fn takes_new_messages(&self) -> bool {
        self.remote.as_ref().is_none_or(|remote| remote.flow() == Flow::Runs)
    }

    fn is_drained(&self) -> bool {
        self.taken.stop == Some(Stop::Drained)
            && self.taken.is_empty()
            && self.forming.is_none()
            && self.sealed.is_empty()
            && self.in_flight.is_none()
    }

    /// How long there is nothing to do.
    fn sleep(&mut self) -> Sleep {
        if self.in_flight.is_some() {
            // The end of the append wakes us; timers can wait for it.
            let waiting = if self.takes_new_messages() { self.taken.is_empty() } else { self.taken.first.is_empty() };
            let items = match &self.forming {
                Some(forming) if !forming.has_room_in(FIRST) || !forming.has_room_in(SECOND) => usize::MAX,
                _ if waiting => PIPELINE_ITEMS,
                _ => 0,
            };
            let until = self.remote.as_ref().map(|_| Instant::now() + LOOK_EVERY);
            return Sleep { items, until };
        }
        if self.taken.stop == Some(Stop::Retired) && self.taken.is_empty() && self.forming.is_none() {
            return Sleep { items: 1, until: Some(Instant::now() + RETIRE_LOOK) };
        }
        if !self.taken.is_empty() || self.forming.is_some() || self.taken.stop.is_some() {
            return Sleep { items: 0, until: None };
        }
        let now = self.clock.now();
        let timer = self.partition.poll_timeout().map_or(STATS_EVERY, |due| due.since(now).min(STATS_EVERY));
        Sleep { items: 1, until: Some(self.stats_due.min(Instant::now() + timer)) }
    }

    /// Applies what was taken, the first lane first, as far as the batch has room.
    fn apply(&mut self, now: Timestamp) {
        let mut prompt = None;
        while let Some(command) = self.taken.first.pop_front_if(|_| has_room(self.forming.as_ref(), FIRST)) {
            if is_prompt(&command) {
                let batch = prompt.get_or_insert_with(|| self.partition.begin());
                self.partition.apply(now, command, self.disk_low, batch);
            } else {
                let forming = forming(&mut self.forming, &mut self.partition);
                forming.items[FIRST] += items_of(&command);
                self.partition.apply(now, command, self.disk_low, &mut forming.batch);
            }
        }
        let takes = self.takes_new_messages();
        while let Some((accept, room)) =
            self.taken.second.pop_front_if(|_| takes && has_room(self.forming.as_ref(), SECOND))
        {
            let forming = forming(&mut self.forming, &mut self.partition);
            forming.items[SECOND] += room.messages;
            forming.octets += room.octets;
            self.applied.add(room);
            self.partition.apply(now, Command::Accept(accept), self.disk_low, &mut forming.batch);
        }
        if let Some(due) = self.partition.poll_timeout().filter(|due| *due <= now) {
            let forming = forming(&mut self.forming, &mut self.partition);
            self.partition.handle_timeout(now, &mut forming.batch);
            self.desk.late_by(now.since(due));
        }
        while let Some((number, record)) = self.old.pop() {
            for _ in 0..CLEAN_STEPS {
                if self.partition.wants_cleaning() != Some(number) {
                    break;
                }
                let forming = forming(&mut self.forming, &mut self.partition);
                self.partition.clean(number, &record, &mut forming.batch);
                self.cleaned = Some(number);
            }
        }
        if let Some(batch) = prompt {
            self.answer_promptly(now, batch);
        }
    }

    /// Releases a batch at once if it needs nothing of the disk, as pulls do: it does not wait for the append that is
    /// under way, nor for the next one.
    fn answer_promptly(&mut self, now: Timestamp, mut batch: Batch) {
        let records = self.partition.seal(&mut batch);
        if records.records.is_empty() {
            self.partition.release(now, batch);
        } else {
            self.sealed.push((batch, records));
        }
    }

    /// An append came back: what is durable is released, and the next one starts; a large one first, so that the journal
    /// thread has work meanwhile.
    fn finish(&mut self, now: Timestamp, appended: Appended) -> Ended {
        if let Some(remote) = &mut self.remote {
            remote.ends();
        }
        // If it failed, who waits for it is still to be told.
        self.take_result(appended)?;
        // Who is answered now finds the lanes open again.
        self.look_at_journal(now);
        let durable = self.in_flight.take().unwrap_or_default();
        if self.forming.as_ref().is_some_and(|forming| forming.items() > INLINE_ITEMS) {
            self.hand_over(now)?;
            self.release(now, durable);
            Ok(())
        } else {
            self.release(now, durable);
            self.hand_over(now)
        }
    }

    fn take_result(&mut self, appended: Appended) -> Ended {
        let Appended { result, took, disk } = appended;
        self.metrics.appended(took, result.is_ok());
        result?;
        self.see(disk);
        Ok(())
    }

    fn take_old(&mut self, mut old: Vec<(RecordNumber, Bytes)>) {
        self.asked_for_old = false;
        self.partition.hold_records(None);
        old.reverse();
        self.old = old;
    }

    fn release(&mut self, now: Timestamp, durable: Vec<Batch>) {
        for batch in durable {
            self.partition.release(now, batch);
        }
    }

    /// Seals the batch and sees that it becomes durable. Only called while no append is under way.
    fn hand_over(&mut self, now: Timestamp) -> Ended {
        let mut items = 0;
        if let Some(mut forming) = self.forming.take() {
            let records = self.partition.seal(&mut forming.batch);
            items = forming.items();
            self.sealed.push((forming.batch, records));
        }
        let (records, batches) = join(self.sealed.drain(..));
        self.ask_for_old(records.records.len())?;
        self.cleaned = None;
        if records.records.is_empty() {
            // Nothing for the disk, so nothing to wait for.
            self.release(now, batches);
            return Ok(());
        }
        let inline = self.remote.is_none() && items <= INLINE_ITEMS && records.records.len() == 1;
        let job = Job { records };
        if inline {
            let appended = run_job("the state thread", &self.writer, &job);
            self.take_result(appended)?;
            let now = self.clock.now();
            self.release(now, batches);
            return Ok(());
        }
        self.in_flight = Some(batches);
        if let Some(remote) = &mut self.remote {
            remote.begins(Instant::now());
        }
        let gone = |_| StoreError::Panicked { thread: "the journal thread".into(), what: "it is gone".into() };
        self.jobs.send(job).map_err(gone)
    }

    /// Has old records read for the cleaner, once at a time.
    fn ask_for_old(&mut self, written: usize) -> Ended {
        self.written += written;
        if self.asked_for_old {
            return Ok(());
        }
        let (Some((from, count)), Some(reads)) = (self.wants_old(written), &self.reads) else { return Ok(()) };
        self.asked_for_old = true;
        self.written = 0;
        self.partition.hold_records(Some(from));
        reads.ask_for_old(from, count)
    }

    /// Which old records to read: half more than were written meanwhile. With fewer the cleaner would not keep up, since
    /// most of what ends is kept to be asked for and is moved once; with many more it would get in the way.
    fn wants_old(&mut self, written: usize) -> Option<(RecordNumber, usize)> {
        if self.cleaning == Cleaning::Impossible || self.taken.stop.is_some() {
            return None;
        }
        let oldest = self.partition.wants_cleaning()?;
        if written == 0 && self.cleaned == Some(oldest) {
            // It was read, nothing of it could be moved, and it would be read again for ever.
            tracing::error!(
                record = oldest,
                "the oldest record of the journal cannot be cleaned: the journal will grow"
            );
            self.cleaning = Cleaning::Impossible;
            return None;
        }
        Some((oldest, (self.written + self.written / 2 + 1).min(CLEAN_RECORDS)))
    }

    fn see(&mut self, disk: Disk) {
        self.disk_low = disk.low;
        self.desk.see(disk);
    }

    fn publish(&mut self, now: Timestamp) {
        let clock = Instant::now();
        if clock < self.stats_due {
            return;
        }
        self.stats_due = clock + STATS_EVERY;
        // While the journal thread looks after a lease, the disk can wait.
        let disk = match self.in_flight {
            None => self.writer.try_lock().ok().map(|mut writer| writer.look()),
            Some(_) => None,
        };
        if let Some(disk) = disk {
            self.see(disk);
        }
        self.desk.publish(now, &self.partition);
    }
}

fn has_room(forming: Option<&Forming>, lane: usize) -> bool {
    forming.is_none_or(|forming| forming.has_room_in(lane))
}

fn forming<'a>(forming: &'a mut Option<Forming>, partition: &mut Partition) -> &'a mut Forming {
    forming.get_or_insert_with(|| Forming { batch: partition.begin(), items: [0, 0], octets: 0 })
}

/// One append out of several batches, whose records are numbered on from one to the next.
fn join(sealed: impl Iterator<Item = (Batch, Records)>) -> (Records, Vec<Batch>) {
    let mut joined = Records { first: 0, records: Vec::new(), keep_from: 0 };
    let mut batches = Vec::new();
    for (batch, records) in sealed {
        if joined.records.is_empty() {
            joined.first = records.first;
            joined.records = records.records;
        } else {
            joined.records.extend(records.records);
        }
        joined.keep_from = joined.keep_from.max(records.keep_from);
        batches.push(batch);
    }
    (joined, batches)
}
