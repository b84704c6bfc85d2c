//! Spilled bodies come back: which records are read, when, and what waits for them.
//!
//! Whole records are read ahead of need, in the order in which deliveries leave: a record holds hundreds of messages
//! that are due one after the other, so one read brings back all of them. The state thread never reads: it takes
//! [`ReadRequest`]s out of the partition ([`Partition::take_reads`]), a thread of its own carries them out, and the
//! answer comes as a command. A record that is being read is not dropped, and neither is any after it.
//!
//! A body that cannot be read back ends the partition, as an append error does ([`Partition::take_failure`]).

use std::collections::BTreeMap;

use smsc_proto::timestamp::Timestamp;

use super::delivery::Body;
use super::{Batch, Partition, ReadBack, ReadRequest};
use crate::error::StoreError;
use crate::journal::{RECORD_SIZE_MAX, RecordNumber};
use crate::lifecycle::Stage;
use crate::messages::Reroute;
use crate::outbox::OutboxIndex;

/// Requests under way at most, with one more for the cleaner. Beyond some, more do not make the disk faster.
pub const READS_MAX: usize = 64;

/// Entries of one priority of an outbox whose bodies are read ahead: some 50 ms at full speed.
const AHEAD: u64 = 8_192;

/// The same of those that came late or came back. They are looked through with every pull, so they are few.
const AHEAD_LATE: usize = 128;

/// What is being read, and what waits for it.
#[derive(Default)]
pub(super) struct Reads {
    /// Requests not answered yet, by record.
    under_way: BTreeMap<RecordNumber, usize>,
    count: usize,
    /// Requests not taken yet.
    requests: Vec<ReadRequest>,
    /// The delivery whose body the cleaner waits for.
    pub(super) cleaner_waits_for: Option<u64>,
    /// Steps of re-routing that wait for bodies.
    pub(super) reroutes: Vec<Reroute>,
    /// Whether the steps that wait should be tried again.
    pub(super) try_reroutes: bool,
    failure: Option<StoreError>,
}

impl Reads {
    fn has_room(&self) -> bool {
        self.count < READS_MAX
    }

    /// Whether a request for this record is still open to more slots.
    fn joins(&self, number: RecordNumber) -> bool {
        self.requests.last().is_some_and(|request| request.number == number)
    }

    fn ask(&mut self, number: RecordNumber, slot: u64) {
        match self.requests.last_mut().filter(|request| request.number == number) {
            Some(request) => request.slots.push(slot),
            None => {
                self.requests.push(ReadRequest { number, slots: vec![slot] });
                *self.under_way.entry(number).or_default() += 1;
                self.count += 1;
            }
        }
    }

    fn answered(&mut self, number: RecordNumber) {
        let Some(count) = self.under_way.get_mut(&number) else { return };
        *count -= 1;
        self.count -= 1;
        if *count == 0 {
            self.under_way.remove(&number);
        }
    }

    /// The oldest record that is being read.
    pub(super) fn oldest(&self) -> Option<RecordNumber> {
        self.under_way.first_key_value().map(|(number, _)| *number)
    }
}

/// How a request for one body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It is asked for, or need not be.
    Fine,
    /// Not now: too much is under way, memory is full, or the record is not durable yet.
    Later,
}

impl Partition {
    /// Records to read. Each must be answered with [`Command::ReadBack`](super::Command::ReadBack).
    pub fn take_reads(&mut self) -> Vec<ReadRequest> {
        std::mem::take(&mut self.reads.requests)
    }

    /// A body could not be read back: the partition must not go on.
    pub fn take_failure(&mut self) -> Option<StoreError> {
        self.reads.failure.take()
    }

    /// Bodies are here.
    pub(super) fn read_back(&mut self, ReadBack { number, bodies }: ReadBack) {
        self.reads.answered(number);
        self.reads.try_reroutes = true;
        let bodies = match bodies {
            Ok(bodies) => bodies,
            Err(error) => {
                self.reads.failure.get_or_insert(error);
                return;
            }
        };
        self.counters.read_back += 1;
        for (slot, body) in bodies {
            let Some(delivery) = self.slab.get_mut(slot) else { continue };
            delivery.marks.set_asked(false);
            if !delivery.is_spilled() {
                continue;
            }
            self.outboxes.leave(delivery);
            // One that stands elsewhere by now may have another body there. It is asked for again.
            if delivery.record == number {
                delivery.body = Body::Memory(body);
            }
            self.outboxes.enter(delivery);
            if delivery.stage == Stage::Ready {
                self.outboxes.serve_or_read(delivery.place());
            }
        }
    }

    /// Asks for the bodies that leave next, wherever somebody pulls.
    pub(super) fn read_ahead(&mut self) {
        for index in self.outboxes.take_to_read() {
            let mut asked = Asked::Fine;
            for priority in (0..4).rev() {
                if self.read_queue(index, priority) == Asked::Later {
                    asked = Asked::Later;
                }
            }
            if asked == Asked::Later {
                self.outboxes.read_later(index);
            }
        }
    }

    fn read_queue(&mut self, index: OutboxIndex, priority: usize) -> Asked {
        let ready = &mut self.outboxes.get_mut(index).ready;
        let Some(front) = ready.front(priority, &self.slab, index) else { return Asked::Fine };
        // What leaves next is read even if memory is full, or nothing would ever leave.
        let mut needed = front.spilled && !front.asked;
        let late: Vec<u64> = ready.late(priority).take(AHEAD_LATE).collect();
        let mut window = ready.window(priority, AHEAD, needed);
        for slot in late {
            if self.ask_for_ready(slot, index, &mut needed) == Asked::Later {
                return Asked::Later;
            }
        }
        let mut asked = Asked::Fine;
        while asked == Asked::Fine
            && !window.is_empty()
            && let Some(slot) = self.outboxes.get(index).ready.at(priority, window.start)
        {
            asked = self.ask_for_ready(slot, index, &mut needed);
            window.start += u64::from(asked == Asked::Fine);
        }
        self.outboxes.get_mut(index).ready.read_to(priority, window.start);
        asked
    }

    fn ask_for_ready(&mut self, slot: u64, index: OutboxIndex, needed: &mut bool) -> Asked {
        let Some(delivery) = self.slab.get(slot) else { return Asked::Fine };
        if delivery.stage != Stage::Ready
            || delivery.place() != index
            || !delivery.is_spilled()
            || delivery.marks.asked()
        {
            return Asked::Fine;
        }
        let under_way = (self.reads.count * RECORD_SIZE_MAX) as u64;
        let is_full = self.memory.room_to_read(self.outboxes.body_octets) <= under_way;
        if is_full && !*needed && !self.reads.joins(delivery.record) {
            return Asked::Later;
        }
        let asked = self.ask_for(slot);
        *needed &= asked == Asked::Later;
        asked
    }

    /// Asks for one body, if it is not under way already.
    fn ask_for(&mut self, slot: u64) -> Asked {
        let Some(delivery) = self.slab.get_mut(slot).filter(|delivery| !delivery.marks.asked()) else {
            return Asked::Fine;
        };
        let fits = self.reads.has_room() || self.reads.joins(delivery.record);
        if delivery.record >= self.durable_end || !fits {
            return Asked::Later;
        }
        delivery.marks.set_asked(true);
        self.reads.ask(delivery.record, slot);
        Asked::Fine
    }

    /// A call detail record needs a body; false: not now, too much is under way.
    pub(super) fn ask_for_owed(&mut self, slot: u64) -> bool {
        self.ask_for(slot) == Asked::Fine
    }

    /// The cleaner needs a body that goes over several records, of which it has only one.
    pub(super) fn read_for_cleaner(&mut self, slot: u64) {
        let Some(delivery) = self.slab.get_mut(slot) else { return };
        self.reads.cleaner_waits_for = Some(slot);
        if !delivery.marks.set_asked(true) {
            self.reads.ask(delivery.record, slot);
        }
    }

    /// Whether the body that the cleaner needs is still being read.
    pub(super) fn cleaner_waits(&self) -> bool {
        let delivery = self.reads.cleaner_waits_for.and_then(|slot| self.slab.get(slot));
        delivery.is_some_and(|delivery| delivery.marks.asked())
    }

    /// Whether bodies of these deliveries are missing. Those that can be are asked for.
    pub(super) fn misses_bodies(&mut self, slots: &[u64]) -> bool {
        let mut missing = false;
        for slot in slots {
            if self.slab.get(*slot).is_some_and(|delivery| delivery.is_spilled()) {
                missing = true;
                self.ask_for(*slot);
            }
        }
        missing
    }

    /// Steps of re-routing that waited for bodies are tried again.
    pub(super) fn resume_reroutes(&mut self, now: Timestamp, batch: &mut Batch) {
        if std::mem::take(&mut self.reads.try_reroutes) {
            for reroute in std::mem::take(&mut self.reads.reroutes) {
                self.reroute(now, reroute, batch);
            }
        }
    }

    /// Whether [`resume_reroutes`](Self::resume_reroutes) has something to do.
    pub(super) fn has_reroutes_to_resume(&self) -> bool {
        self.reads.try_reroutes && !self.reads.reroutes.is_empty()
    }
}
