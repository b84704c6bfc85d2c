//! Call detail records that are owed: a final state stays, with its body, until whoever writes CDRs has it on a disk.
//!
//! ```text
//! final state ──> owed ──> taken ──> written: the delivery is retained, if its receipt is done with
//!                  ^          │
//!                  └──────────┘ a restart, or another owner of the partition
//! ```
//!
//! What is owed is part of the events that bring it about, so it is durable with the final state and offered again until
//! an event says that it is written. An owed record keeps its message's place: when nobody writes, `messages_max` is what
//! bounds them, and new messages are refused rather than one record dropped.
//!
//! A partition of a node without CDRs makes none; those that it finds in its journal it keeps for `store.retention`.

use rustc_hash::FxHashMap;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::delivery::{Body, Delivery};
use super::outcome::{Verdict, become_receipt};
use super::{Batch, Partition};
use crate::event::{Event, Owed};
use crate::lifecycle::Stage;
use crate::messages::*;
use crate::outbox::Fifo;

/// The map is cut into so many, that none stalls the partition when it grows.
const SHARDS: usize = 256;

/// Records whose bodies are being read back, at most.
const READING_MAX: usize = 2_048;

/// A key in one number.
type Packed = u64;

const fn pack(slot: u64, kind: CdrKind) -> Packed {
    slot << 1 | matches!(kind, CdrKind::Receipt) as u64
}

const fn unpack(packed: Packed) -> CdrKey {
    let kind = if packed & 1 == 0 { CdrKind::Final } else { CdrKind::Receipt };
    CdrKey { slot: packed >> 1, kind }
}

/// What is owed, and who has it.
#[derive(Debug)]
pub(super) struct OwedCdrs {
    on: bool,
    /// All that is owed, and since when.
    since: Vec<FxHashMap<Packed, Timestamp>>,
    count: u64,
    /// Not taken yet, oldest first.
    queue: Fifo<(Packed, Timestamp)>,
    /// Their bodies are being read back.
    reading: Vec<(Packed, Timestamp)>,
    /// With the writer, oldest first; what is written leaves when it is the oldest.
    taken: Fifo<(Packed, Timestamp)>,
}

impl OwedCdrs {
    /// None. `on`: whether final states are to be written down.
    pub(super) fn new(on: bool) -> Self {
        let since = (0..SHARDS).map(|_| FxHashMap::default()).collect();
        Self { on, since, count: 0, queue: Fifo::default(), reading: Vec::new(), taken: Fifo::default() }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.on
    }

    /// How many.
    pub(super) const fn len(&self) -> u64 {
        self.count
    }

    /// Since when the oldest is.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let fronts = [self.queue.front(), self.taken.front(), self.reading.first().copied()];
        fronts.into_iter().flatten().map(|(_, since)| since).min()
    }

    /// What the journal is to know of a delivery that is written anew.
    pub(super) fn of(&self, slot: u64, delivery: &Delivery) -> Owed {
        let since = |kind| delivery.marks.owes(kind).then(|| self.since(pack(slot, kind)).unwrap_or_default());
        Owed { only: delivery.stage == Stage::Owed, last: since(CdrKind::Final), receipt: since(CdrKind::Receipt) }
    }

    /// After a replay, in which events came in the cleaner's order: oldest first, and each once.
    pub(super) fn sort(&mut self) {
        let mut all: Vec<_> = self.since.iter().flatten().map(|(packed, since)| (*packed, *since)).collect();
        all.sort_unstable_by_key(|(packed, since)| (*since, *packed));
        self.queue.clear();
        for entry in all {
            self.queue.push(entry);
        }
    }

    fn since(&self, packed: Packed) -> Option<Timestamp> {
        self.since[packed as usize % SHARDS].get(&packed).copied()
    }

    fn add(&mut self, slot: u64, kind: CdrKind, since: Timestamp) {
        let packed = pack(slot, kind);
        if self.since[packed as usize % SHARDS].insert(packed, since).is_none() {
            self.count += 1;
            self.queue.push((packed, since));
        }
    }

    fn remove(&mut self, slot: u64, kind: CdrKind) {
        let packed = pack(slot, kind);
        if self.since[packed as usize % SHARDS].remove(&packed).is_some() {
            self.count -= 1;
        }
    }

    /// Lets go of what was taken first and is written.
    fn trim_taken(&mut self) {
        while let Some((packed, _)) = self.taken.front()
            && self.since(packed).is_none()
        {
            self.taken.pop();
        }
    }
}

/// Whether a record can leave.
enum Found {
    Here(Cdr),
    /// Its body must be read back first.
    Spilled,
    /// It is not owed any more.
    Written,
}

impl Partition {
    /// The message is final, and that is to be written down; until when a receipt about it is to be delivered, if any is.
    pub(super) fn finalise_owing(
        &mut self,
        now: Timestamp,
        slot: u64,
        verdict: Verdict,
        receipt_expires: Option<Timestamp>,
        batch: &mut Batch,
    ) {
        let Some(attempts) = self.slab.get(slot).map(|delivery| delivery.attempts) else { return };
        let Verdict { state, error, done, parked } = verdict;
        let event = Event::FinalOwed { slot, state, error, done, at: now, attempts, receipt_expires, parked };
        let octets = self.record(now, &event, batch).1;
        self.grow(slot, octets);
        self.parked_ends(parked);
        self.become_final_owing(slot, (state, error, done), now, receipt_expires);
        if receipt_expires.is_some() {
            self.change_and_stage(slot, batch, |_| {});
        } else {
            self.rest(slot);
        }
    }

    pub(super) fn become_final_owing(
        &mut self,
        slot: u64,
        (state, error, done): (MessageState, ReceiptError, Timestamp),
        at: Timestamp,
        receipt_expires: Option<Timestamp>,
    ) {
        self.change(slot, |delivery| {
            become_receipt(delivery, state, error, done);
            delivery.marks = delivery.marks.with_owed(CdrKind::Final);
            match receipt_expires {
                Some(expires) => {
                    (delivery.due, delivery.expires, delivery.stage) = (at, expires, Stage::Staged);
                }
                None => delivery.stage = Stage::Owed,
            }
        });
        self.owed.add(slot, CdrKind::Final, at);
    }

    /// Nothing is left to deliver: the receipt has arrived, was refused, or is given up (since when).
    pub(super) fn receipt_ends(&mut self, now: Timestamp, slot: u64, given_up: Option<Timestamp>, batch: &mut Batch) {
        let given_up = given_up.filter(|_| self.owed.is_on());
        let Some(delivery) = self.slab.get(slot) else { return };
        if !delivery.marks.owes_any() && given_up.is_none() {
            return self.retain(now, slot, None, batch);
        }
        self.unqueue(slot);
        let octets = self.record(now, &Event::ReceiptEnds { slot, given_up }, batch).1;
        self.grow(slot, octets);
        self.become_owed(slot, given_up);
        self.rest(slot);
    }

    pub(super) fn become_owed(&mut self, slot: u64, given_up: Option<Timestamp>) {
        self.change(slot, |delivery| {
            delivery.stage = Stage::Owed;
            if given_up.is_some() {
                delivery.marks = delivery.marks.with_owed(CdrKind::Receipt);
            }
        });
        if let Some(since) = given_up {
            self.owed.add(slot, CdrKind::Receipt, since);
        }
    }

    /// Takes note of what is written, and hands out what is owed.
    pub(super) fn take_cdrs(&mut self, now: Timestamp, take: TakeCdrs, batch: &mut Batch) {
        let TakeCdrs { written, max, reply } = take;
        for key in written {
            self.counters.cdrs_written += u64::from(self.cdr_ends(now, key, batch));
        }
        self.owed.trim_taken();
        let mut items = Vec::with_capacity(max.min(self.owed.len() as usize));
        for entry in std::mem::take(&mut self.owed.reading) {
            self.offer(entry, max, &mut items);
        }
        while items.len() < max
            && self.owed.reading.len() < READING_MAX
            && let Some(entry) = self.owed.queue.front()
        {
            if !self.offer(entry, max, &mut items) {
                break;
            }
            self.owed.queue.pop();
        }
        let left = (self.owed.queue.len() + self.owed.reading.len()) as u64;
        batch.answers.push(Answer::Cdrs(reply, CdrsTaken { partition: self.id, items, left }));
    }

    /// Hands out one record, or has its body read; false if neither is possible now.
    fn offer(&mut self, entry: (Packed, Timestamp), max: usize, items: &mut Vec<Cdr>) -> bool {
        match self.find_cdr(entry) {
            Found::Here(_) if items.len() >= max => self.owed.reading.push(entry),
            Found::Here(cdr) => {
                self.owed.taken.push(entry);
                items.push(cdr);
            }
            Found::Spilled => {
                let asked = self.ask_for_owed(unpack(entry.0).slot);
                // One that is being read already stays where it is; it may have left memory again.
                if asked || self.owed.queue.front() != Some(entry) {
                    self.owed.reading.push(entry);
                }
                return asked;
            }
            Found::Written => {}
        }
        true
    }

    fn find_cdr(&self, (packed, at): (Packed, Timestamp)) -> Found {
        let key = unpack(packed);
        let owing = self.slab.get(key.slot).filter(|delivery| delivery.marks.owes(key.kind));
        let Some(delivery) = owing else { return Found::Written };
        let Body::Memory(body) = &delivery.body else { return Found::Spilled };
        let aliases = self.aliases.get(&key.slot);
        let alias = || aliases.and_then(|aliases| aliases.first()).map(|(_, id)| id.clone());
        Found::Here(Cdr {
            key,
            message_id: self.ids.id(delivery.tick),
            aliased: delivery.marks.aliased(),
            origin: self.origin_of(delivery),
            outbox: self.outboxes.get(delivery.outbox).outbox,
            body: self.replacements.apply(key.slot, body),
            priority: delivery.priority,
            state: delivery.state,
            error: delivery.error,
            accepted: delivery.accepted,
            done: delivery.done,
            at,
            attempts: u32::from(delivery.attempts),
            operator_message_id: delivery.operator_id.get().or_else(alias),
            peer: self.peers.get(delivery.peer),
        })
    }

    /// A record is written, or given up; whether it was owed.
    fn cdr_ends(&mut self, now: Timestamp, CdrKey { slot, kind }: CdrKey, batch: &mut Batch) -> bool {
        let Some(delivery) = self.slab.get(slot).filter(|delivery| delivery.marks.owes(kind)) else { return false };
        let nothing_left = delivery.stage == Stage::Owed && !delivery.marks.without_owed(kind).owes_any();
        self.owe_no_more(slot, kind);
        if nothing_left {
            self.retain(now, slot, None, batch);
        } else {
            let octets = self.record(now, &Event::CdrWritten { slot, kind }, batch).1;
            self.grow(slot, octets);
        }
        true
    }

    pub(super) fn owe_no_more(&mut self, slot: u64, kind: CdrKind) {
        if let Some(delivery) = self.slab.get_mut(slot) {
            delivery.marks = delivery.marks.without_owed(kind);
        }
        self.owed.remove(slot, kind);
    }

    /// Whatever of a delivery was owed, is not any more.
    pub(super) fn owe_nothing(&mut self, slot: u64) {
        self.owe_no_more(slot, CdrKind::Final);
        self.owe_no_more(slot, CdrKind::Receipt);
    }

    /// On replay: a delivery that the cleaner wrote anew, and what its marks say that it owes.
    pub(super) fn owe_again(&mut self, slot: u64, owed: Owed) {
        for (kind, since) in [(CdrKind::Final, owed.last), (CdrKind::Receipt, owed.receipt)] {
            if let Some(since) = since {
                self.owed.add(slot, kind, since);
            }
        }
    }

    /// On replay: whether that delivery is final and not only kept to be asked for.
    pub(super) fn may_owe(&self, slot: u64) -> bool {
        self.slab.get(slot).is_some_and(|delivery| delivery.is_receipt() && delivery.stage != Stage::Retained)
    }

    /// Without CDRs here, what is owed all the same is given up in time: another node may have been meant to write it,
    /// or this one again, after its next start.
    pub(super) fn drop_old_cdrs(&mut self, now: Timestamp, count_max: usize, batch: &mut Batch) {
        let mut dropped = 0_u64;
        for _ in 0..count_max {
            if self.next_cdr_to_drop().is_none_or(|due| due > now) {
                break;
            }
            let Some((packed, _)) = self.owed.queue.pop() else { break };
            dropped += u64::from(self.cdr_ends(now, unpack(packed), batch));
        }
        if dropped > 0 {
            self.counters.cdrs_dropped += dropped;
            tracing::warn!(
                dropped,
                "call detail records that nobody wrote for store.retention are dropped: [cdr] is off"
            );
        }
    }

    /// When [`drop_old_cdrs`](Self::drop_old_cdrs) has something to do.
    pub(super) fn next_cdr_to_drop(&self) -> Option<Timestamp> {
        let oldest = if self.owed.is_on() { None } else { self.owed.queue.front() };
        oldest.map(|(_, since)| since.plus(self.limits.retention))
    }
}
