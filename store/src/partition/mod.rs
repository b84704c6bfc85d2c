//! The state of one partition: commands in, events and answers out. No thread, no disk, no clock.
//!
//! How it is driven: [`begin`](Partition::begin) a batch, [`apply`](Partition::apply) commands to it (and
//! [`handle_timeout`](Partition::handle_timeout), [`clean`](Partition::clean)), [`seal`](Partition::seal) it, make its
//! records durable, then [`release`](Partition::release) it. The next batch may form while the one before is written.
//! Batches are sealed and released in the order in which they began; several may be open at a time if only one of
//! them gets anything but pulls, registrations and releases, which write nothing.
//!
//! What always holds here:
//! - State changes at once, but what a peer may see of it (answers, deliveries to pull) waits for the batch's release.
//! - A final state, the receipt to deliver and the parked receipt that brought it are one event, and a batch becomes
//!   visible on replay as a whole or not at all.
//! - Leases are not kept: after a restart what was leased is due again.
//! - Bodies beyond `memory_max` are not in memory: [`memory`] says which stay, [`read_back`] brings the others back.

mod accept;
mod addresses;
mod batch;
mod cancel;
mod cleaning;
pub(crate) mod delivery;
mod find;
mod ledger;
mod memory;
mod notice;
mod outcome;
mod owed;
mod peers;
mod pull;
mod read_back;
mod read_request;
mod receipts;
mod replace;
mod replacements;
mod replay;
mod reroute;
mod search;
pub(crate) mod slab;
mod stats;
pub(crate) mod sweep;
mod timers;

use std::collections::BTreeSet;
use std::time::Duration;

use actix::Recipient;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smsc_proto::ids::{OperatorMessageId, PartitionId};
use smsc_proto::timestamp::Timestamp;

use crate::event::{BodyOctets, Event};
use crate::journal::RecordNumber;
use crate::lifecycle::Stage;
use crate::message_id::MessageIds;
use crate::messages::*;
use crate::options::StoreOptions;
use crate::outbox::{Fifo, OutboxIndex, Outboxes};
use crate::receipt_index::{KeyIndex, ParkedReceipts};
use crate::record::{HighMarks, OVERHEAD, RecordWriter};

use addresses::AddressIndex;
use batch::Answer;
pub use batch::{Batch, Records};
use delivery::{Body, Delivery};
pub use ledger::CleaningRules;
use ledger::Ledger;
use memory::Memory;
use owed::OwedCdrs;
use peers::Peers;
use pull::Leases;
pub use read_back::READS_MAX;
use read_back::Reads;
pub use read_request::{ReadBack, ReadRecord, ReadRequest};
use replacements::Replacements;
use replay::Replay;
use slab::Slab;
pub use stats::{Counters, OutboxStats, PartitionStats};

/// Everything that a partition can be asked.
#[allow(missing_docs)]
pub enum Command {
    Accept(Accept),
    Pull(Pull),
    Settle(Settle),
    Register(Register),
    Release(Release),
    Receipts(RecordReceipts),
    Seek(SeekReceipts),
    /// From now on parked receipts are looked for elsewhere too, by whom this names.
    SeekElsewhere(Recipient<SeekParked>),
    EndParked(Vec<EndParked>),
    /// A peer has joined: all parked receipts are looked for anew.
    TryParkedAgain,
    Reroute(Reroute),
    Find(Find),
    ReadBack(ReadBack),
    Cancel(Cancel),
    Replace(Replace),
    Search(Search),
    Sweep(Sweep),
    Hurry(Hurry),
    SetRules(SetRules),
    TakeCdrs(TakeCdrs),
}

/// Receipts that match nothing and are kept, at most: some 100 MB. Beyond it operators are told to try again.
const PARKED_COUNT_MAX: usize = 500_000;
/// After a start, operators and peers get so long to bring the receipts that they hold before we write one ourselves.
const START_GRACE_MAX: Duration = Duration::from_secs(600);

/// The state machine.
pub struct Partition {
    id: PartitionId,
    limits: Limits,
    ids: MessageIds,
    slab: Slab,
    outboxes: Outboxes,
    /// Scheduled messages and retries by due time.
    not_due: BTreeSet<(Timestamp, u64)>,
    leases: Leases,
    memory: Memory,
    reads: Reads,
    peers: Peers,
    correlations: KeyIndex,
    /// Further operator's ids of a message, from late responses.
    aliases: FxHashMap<u64, SmallVec<[(OutboxIndex, OperatorMessageId); 1]>>,
    /// From which outbox a message was re-routed that may have been sent there, and its number then.
    moved_from: FxHashMap<u64, (OutboxIndex, u32)>,
    /// Messages by the alias that their senders know them by.
    by_alias: KeyIndex,
    addresses: AddressIndex,
    replacements: Replacements,
    parked: ParkedReceipts,
    next_parked: u64,
    /// Who looks for parked receipts in other partitions; `None`: there are none.
    elsewhere: Option<Recipient<SeekParked>>,
    /// Retained deliveries, oldest first, and since when.
    retained: Fifo<(u64, Timestamp)>,
    owed: OwedCdrs,
    ledger: Ledger,
    cleaning: CleaningRules,
    next_record: RecordNumber,
    held_for_cleaner: Option<RecordNumber>,
    /// Records below this one can be read back.
    durable_end: RecordNumber,
    /// No receipt is written in an operator's stead before.
    synthetic_from: Timestamp,
    /// The latest time that was told.
    latest: Timestamp,
    replay: Replay,
    counters: Counters,
    spare: Vec<RecordWriter>,
    lending: bool,
    /// The number of a delivery's first lease, less one.
    first_lease: u32,
}

/// What of the options is asked for again and again.
#[derive(Clone, Copy, Debug)]
struct Limits {
    messages_max: u64,
    retention: Duration,
    retention_messages_max: u64,
    receipt_grace: Duration,
    parked_max: Duration,
    parked_count_max: usize,
}

impl Partition {
    /// An empty partition. Bounds in the options (`messages_max` and its like) are this partition's share.
    pub fn new(id: PartitionId, options: &StoreOptions) -> Self {
        Self {
            id,
            limits: Limits {
                messages_max: options.messages_max,
                retention: options.retention,
                retention_messages_max: options.retention_messages_max,
                receipt_grace: options.receipt_grace,
                parked_max: options.parked_max,
                parked_count_max: PARKED_COUNT_MAX,
            },
            ids: MessageIds::new(id),
            slab: Slab::default(),
            outboxes: Outboxes::new(options),
            not_due: BTreeSet::new(),
            leases: Leases::default(),
            memory: Memory::new(options.memory_max),
            reads: Reads::default(),
            peers: Peers::default(),
            correlations: KeyIndex::default(),
            aliases: FxHashMap::default(),
            moved_from: FxHashMap::default(),
            by_alias: KeyIndex::default(),
            addresses: AddressIndex::default(),
            replacements: Replacements::default(),
            parked: ParkedReceipts::default(),
            next_parked: 1,
            elsewhere: None,
            retained: Fifo::default(),
            owed: OwedCdrs::new(options.cdr),
            ledger: Ledger::default(),
            cleaning: CleaningRules::default(),
            next_record: 1,
            held_for_cleaner: None,
            durable_end: 0,
            synthetic_from: Timestamp::default(),
            latest: Timestamp::default(),
            replay: Replay::default(),
            counters: Counters::default(),
            spare: Vec::new(),
            lending: true,
            first_lease: 1,
        }
    }

    /// With other rules for the cleaner.
    #[must_use]
    pub fn with_cleaning(mut self, rules: CleaningRules) -> Self {
        self.cleaning = rules;
        self
    }

    /// For a partition that may begin anew while holders still have its leases: those of this life get numbers that the
    /// ones of the lives before did not have. `epoch`: which life it is.
    #[must_use]
    pub const fn in_life(mut self, epoch: u64) -> Self {
        self.first_lease = (epoch as u32) << Lease::IN_ONE_LIFE_BITS | 1;
        self
    }

    /// Which partition this is.
    pub const fn id(&self) -> PartitionId {
        self.id
    }

    /// The outboxes where something waits: those of removed operators are to be re-routed.
    pub fn outboxes(&self) -> Vec<Outbox> {
        self.outboxes.iter().filter(|state| state.holds() > 0).map(|state| state.outbox).collect()
    }

    /// A fresh batch.
    pub fn begin(&mut self) -> Batch {
        let mut writer = self.spare.pop().unwrap_or_default();
        writer.begin(self.next_record);
        Batch { writer, answers: Vec::new(), staged: Vec::new(), end: 0 }
    }

    /// Applies one command: changes the state, adds events and answers to the batch.
    /// `disk_low`: new messages are refused.
    pub fn apply(&mut self, now: Timestamp, command: Command, disk_low: bool, batch: &mut Batch) {
        self.latest = now;
        match command {
            Command::Accept(accept) => self.accept(now, accept, disk_low, batch),
            Command::Pull(pull) => self.pull(now, pull, batch),
            Command::Settle(settle) => self.settle(now, settle, batch),
            Command::Register(register) => self.register(register),
            Command::Release(release) => self.release_holder(now, release),
            Command::Receipts(receipts) => self.receipts(now, receipts, batch),
            Command::Seek(seek) => self.seek(now, seek, batch),
            Command::SeekElsewhere(elsewhere) => self.elsewhere = Some(elsewhere),
            Command::EndParked(ends) => self.end_all_parked(now, ends, batch),
            Command::TryParkedAgain => self.try_parked_again(now),
            Command::Reroute(reroute) => self.reroute(now, reroute, batch),
            Command::Find(find) => self.find(find, batch),
            Command::ReadBack(read_back) => self.read_back(read_back),
            Command::Cancel(cancel) => self.cancel(now, cancel, batch),
            Command::Replace(replace) => self.replace(now, replace, batch),
            Command::Search(search) => self.search(search, batch),
            Command::Sweep(sweep) => self.sweep(now, sweep, batch),
            Command::Hurry(hurry) => self.hurry(now, hurry, batch),
            Command::SetRules(SetRules { outbox, rules }) => self.outboxes.set_rules(outbox, rules),
            Command::TakeCdrs(take) => self.take_cdrs(now, take, batch),
        }
    }

    /// Closes the batch: its records, numbered. Empty records mean that nothing needs the disk.
    pub fn seal(&mut self, batch: &mut Batch) -> Records {
        let first = self.next_record;
        debug_assert!(
            batch.writer.is_empty() || batch.writer.first() == first,
            "batches with events are sealed in the order in which they began"
        );
        let (records, last) = batch.writer.finish(self.marks());
        if let Some((number, octets)) = last {
            self.ledger.closed(number, octets);
            self.next_record = number + 1;
            batch.end = self.next_record;
        }
        let alive = self.ledger.drop_dead();
        // A record that is being read stays until it is here.
        let keep_from =
            [self.reads.oldest(), self.held_for_cleaner].into_iter().flatten().fold(alive, RecordNumber::min);
        Records { first, records, keep_from }
    }

    /// The records from this one on are being read for the cleaner, and stay until they are here (`None`).
    pub fn hold_records(&mut self, from: Option<RecordNumber>) {
        self.held_for_cleaner = from;
    }

    /// The batch is durable: its answers leave, its messages become visible, and go to who has room for them.
    pub fn release(&mut self, now: Timestamp, batch: Batch) {
        let Batch { writer, answers, staged, end } = batch;
        debug_assert!(writer.is_empty(), "a batch is sealed before it is released");
        if end > self.durable_end {
            self.durable_end = end;
            self.reads.try_reroutes = true;
        }
        for (slot, number) in staged {
            let still_staged = self
                .slab
                .get(slot)
                .is_some_and(|delivery| delivery.stage == Stage::Staged && delivery.number == number);
            if still_staged {
                self.make_visible(now, slot);
            }
        }
        for answer in answers {
            match answer {
                Answer::Settled(_, Settled { holder, count, .. }) if self.room_again(holder, count) => {}
                answer => answer.send(),
            }
        }
        self.serve(now);
        self.read_ahead();
        if self.spare.len() < 2 {
            self.spare.push(writer);
        }
    }

    fn marks(&self) -> HighMarks {
        HighMarks { tick: self.ids.highest(), slot: self.slab.next_slot(), parked: self.next_parked }
    }

    /// Adds an event to the batch: in which record, and how many octets of the journal it costs.
    fn record(&mut self, now: Timestamp, event: &Event<'_>, batch: &mut Batch) -> (RecordNumber, u32) {
        let names = event.names();
        if let Some((number, octets)) = batch.writer.reserve(&names, event.size_max(), self.marks(), now) {
            self.ledger.closed(number, octets);
        }
        let number = batch.writer.number();
        let overhead = if batch.writer.is_fresh() { OVERHEAD } else { 0 };
        (number, overhead + event.write(&mut batch.writer))
    }

    /// Adds an event with a body, which goes on in further records if one has no room for it.
    fn record_with_body<'a>(
        &mut self,
        now: Timestamp,
        slot: u64,
        body: &'a [u8],
        event: impl FnOnce(BodyOctets<'a>) -> Event<'a>,
        batch: &mut Batch,
    ) -> (RecordNumber, u32) {
        /// Leaves room for the other fields and the names.
        const PART_MAX: usize = 40 * 1024;
        let (part, mut rest) = body.split_at(body.len().min(PART_MAX));
        let (number, mut octets) = self.record(now, &event(BodyOctets::Here(body.len(), part)), batch);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(PART_MAX));
            octets += self.record(now, &Event::BodyPart { slot, part }, batch).1;
            rest = after;
        }
        (number, octets)
    }

    /// Changes a delivery, and keeps the counts of its outbox and the time of its chunk right.
    fn change(&mut self, slot: u64, change: impl FnOnce(&mut Delivery)) {
        let Some(delivery) = self.slab.get_mut(slot) else { return };
        self.outboxes.leave(delivery);
        let was_pending = delivery.is_pending();
        change(delivery);
        self.outboxes.enter(delivery);
        if was_pending && !delivery.is_pending() {
            self.addresses.remove(slot, delivery);
        }
        if let Some(end) = end_of(delivery, &self.limits, self.synthetic_from) {
            self.slab.wake_at(slot, end);
        }
    }

    /// Changes a delivery; what it is now becomes visible when the batch is durable.
    fn change_and_stage(&mut self, slot: u64, batch: &mut Batch, change: impl FnOnce(&mut Delivery)) {
        self.change(slot, |delivery| {
            change(delivery);
            delivery.stage = Stage::Staged;
            delivery.number = delivery.number.wrapping_add(1);
            batch.staged.push((slot, delivery.number));
        });
    }

    /// A further event of a delivery was written: it is worth more.
    fn grow(&mut self, slot: u64, octets: u32) {
        if let Some(delivery) = self.slab.get_mut(slot) {
            delivery.octets += octets;
            self.ledger.grow(octets);
        }
    }

    /// The base of a delivery stands in another record now.
    fn rebase(&mut self, slot: u64, record: RecordNumber, octets: u32) {
        if let Some(delivery) = self.slab.get_mut(slot) {
            self.ledger.remove(delivery.record, delivery.octets);
            (delivery.record, delivery.octets) = (record, octets);
            self.ledger.add(record, octets);
        }
    }

    /// Puts a delivery where it can be pulled, or where it waits to be due.
    fn make_visible(&mut self, now: Timestamp, slot: u64) {
        let Some(delivery) = self.slab.get_mut(slot) else { return };
        self.outboxes.leave(delivery);
        delivery.stage = if delivery.due <= now {
            Stage::Ready
        } else if delivery.next_attempt() == 1 {
            Stage::Scheduled
        } else {
            Stage::Retry
        };
        if !self.memory.keeps(delivery, &self.outboxes) {
            delivery.body = Body::None;
        }
        self.outboxes.enter(delivery);
        if delivery.stage == Stage::Ready {
            self.outboxes.queue(slot, delivery);
        } else {
            self.not_due.insert((delivery.due, slot));
        }
    }

    /// Takes a delivery out of what is not due yet; the ready queues skip what is no longer ready.
    fn unqueue(&mut self, slot: u64) {
        if let Some(delivery) = self.slab.get(slot)
            && matches!(delivery.stage, Stage::Scheduled | Stage::Retry)
        {
            self.not_due.remove(&(delivery.due, slot));
        }
    }

    fn origin_of(&self, delivery: &Delivery) -> Origin {
        match self.outboxes.get(delivery.origin).outbox {
            Outbox::Account(name) => Origin::Account(name),
            Outbox::Operator(name) => Origin::Operator(name),
        }
    }

    /// The number under which an origin is kept: that of the outbox with the same name.
    fn origin_index(&mut self, origin: Origin) -> OutboxIndex {
        self.outboxes.index(match origin {
            Origin::Account(name) => Outbox::Account(name),
            Origin::Operator(name) => Outbox::Operator(name),
        })
    }
}

/// When time ends the stage of a delivery, if nothing else does.
fn end_of(delivery: &Delivery, limits: &Limits, synthetic_from: Timestamp) -> Option<Timestamp> {
    match delivery.stage {
        Stage::Staged | Stage::Scheduled | Stage::Retry | Stage::Ready => Some(delivery.expires),
        Stage::Enroute => Some(delivery.expires.plus(limits.receipt_grace).max(synthetic_from)),
        // A leased message does not expire: its outcome decides.
        Stage::Leased | Stage::Retained | Stage::Owed | Stage::Gone => None,
    }
}

#[cfg(test)]
mod tests;
