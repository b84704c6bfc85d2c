//! The cleaner: moves what is alive of the oldest record to the head of the journal, so that the record can go.
//!
//! Only the oldest record is ever dropped, so an event never goes before one that it builds on. One call moves at most
//! [`CleaningRules::step_max`](super::CleaningRules) entries and some 256 KiB of bodies; while anything is left,
//! [`wants_cleaning`](Partition::wants_cleaning) names the same record again.
//!
//! A body that is not in memory is taken from the record at hand. One that goes over several records is read back first;
//! the cleaner waits for it.

use smsc_proto::timestamp::Timestamp;

use super::delivery::Body;
use super::{Batch, Partition};
use crate::error::StoreError;
use crate::event::{BodyOctets, Entry, Event, EventReader, Progress};
use crate::journal::RecordNumber;
use crate::lifecycle::Stage;
use crate::name::Name;
use crate::record::RecordView;

/// Octets re-appended per call, about.
const STEP_OCTETS_MAX: u32 = 256 << 10;

/// Something in a record that may be alive.
enum Kept<'a> {
    /// A delivery, with its body if all of that stands in one piece in the record.
    Delivery(u64, Option<&'a [u8]>),
    Parked(u64),
}

impl Partition {
    /// Which old record, if any, should be read and given to [`clean`](Self::clean): the oldest, when the journal holds
    /// far more than what is alive. Records without anything alive go by themselves.
    pub fn wants_cleaning(&self) -> Option<RecordNumber> {
        let oldest = self.ledger.wants_cleaning(&self.cleaning).filter(|number| *number < self.durable_end);
        oldest.filter(|_| !self.cleaner_waits())
    }

    /// Re-appends what is alive of an old record, which may then be dropped with this batch. Call it again, in a later
    /// batch, if [`wants_cleaning`](Self::wants_cleaning) still names the record: the rest was left for another time.
    pub fn clean(&mut self, number: RecordNumber, record: &[u8], batch: &mut Batch) {
        match self.kept_in(number, record) {
            Ok(kept) => self.move_to_head(kept, batch),
            // It was sound when it was written. Left where it is, it does no harm; the next start will tell.
            Err(error) => tracing::error!(%error, "an old record cannot be cleaned"),
        }
        self.ledger.drop_dead();
    }

    /// The bases of a record that are still alive, in order.
    fn kept_in<'a>(&self, number: RecordNumber, record: &'a [u8]) -> Result<Vec<Kept<'a>>, StoreError> {
        let view = RecordView::read(number, record)?;
        let names: Vec<_> = view.names.iter().map(|name| Name::intern(name)).collect();
        let mut reader = EventReader::new(number, &names, view.base, view.events, view.events_at);
        let mut kept = Vec::new();
        let is_alive = |slot: u64| self.slab.get(slot).is_some_and(|delivery| delivery.record == number);
        let mut last = None;
        while !reader.at_end() {
            match reader.read()? {
                Event::Accepted { slot, body, .. } | Event::Keep { slot, body, .. } => {
                    last = match body {
                        BodyOctets::Here(total, part) => (part.len() == total).then_some(part),
                        BodyOctets::AsBefore => last,
                    };
                    if is_alive(slot) {
                        kept.push(Kept::Delivery(slot, last));
                    }
                }
                Event::Retained { slot, .. } if is_alive(slot) => kept.push(Kept::Delivery(slot, None)),
                Event::Parked { number: parked, .. } => {
                    if self.parked.get(parked).is_some_and(|entry| entry.record == number) {
                        kept.push(Kept::Parked(parked));
                    }
                }
                Event::Retained { .. }
                | Event::BodyPart { .. }
                | Event::Sent { .. }
                | Event::Again { .. }
                | Event::Unresolved { .. }
                | Event::Final { .. }
                | Event::FinalOwed { .. }
                | Event::ReceiptEnds { .. }
                | Event::CdrWritten { .. }
                | Event::ParkedEnds { .. }
                | Event::Rerouted { .. }
                | Event::Replaced { .. } => {}
            }
        }
        Ok(kept)
    }

    fn move_to_head(&mut self, kept: Vec<Kept<'_>>, batch: &mut Batch) {
        let now = self.latest;
        let mut written = 0;
        for kept in kept.into_iter().take(self.cleaning.step_max.max(1)) {
            if written > STEP_OCTETS_MAX {
                break;
            }
            written += match kept {
                Kept::Delivery(slot, body) => match self.keep(now, slot, body, batch) {
                    Some(octets) => octets,
                    None => break,
                },
                Kept::Parked(parked) => {
                    let Some(receipt) = self.parked.get(parked).map(|entry| entry.receipt.clone()) else { continue };
                    self.parked_base_goes(parked);
                    let (record, octets) = self.record(now, &Event::Parked { number: parked, receipt }, batch);
                    self.ledger.add(record, octets);
                    self.parked.moved(parked, record, octets);
                    octets
                }
            };
            self.counters.cleaned += 1;
        }
    }

    fn parked_base_goes(&mut self, number: u64) {
        if let Some(entry) = self.parked.get(number) {
            self.ledger.remove(entry.record, entry.octets);
        }
    }

    /// Re-appends all that is known of a delivery; returns how many octets, or `None` if its body must be read first.
    fn keep(&mut self, now: Timestamp, slot: u64, in_record: Option<&[u8]>, batch: &mut Batch) -> Option<u32> {
        let delivery = self.slab.get(slot)?;
        let (record, octets) = if delivery.stage == Stage::Retained {
            let summary = self.summary(slot, delivery.due)?;
            let worth = summary.worth;
            let (record, octets) = self.record(now, &Event::Retained { slot, summary, parked: None }, batch);
            self.rebase(slot, record, worth);
            return Some(octets);
        } else {
            let entry = Entry {
                tick: delivery.tick,
                accepted: delivery.accepted,
                origin: self.origin_of(delivery),
                outbox: self.outboxes.get(delivery.outbox).outbox,
                priority: delivery.priority,
                receipts: delivery.receipts,
                due: delivery.due,
                expires: delivery.expires,
                destination: delivery.destination,
                fingerprint: delivery.fingerprint,
                marks: delivery.marks,
                peer: self.peers.get_or_unknown(delivery.peer),
            };
            let progress = Progress {
                enroute: delivery.stage == Stage::Enroute,
                taken: delivery.taken,
                state: delivery.state,
                error: delivery.error,
                done: delivery.done,
                attempts: delivery.attempts,
                unanswered: delivery.unanswered,
                ids: self.ids_of(slot, delivery),
                owed: self.owed.of(slot, delivery),
            };
            let event = |body| Event::Keep { slot, entry, progress, body };
            match (delivery.body.clone(), in_record) {
                (Body::Memory(body), _) => self.record_with_body(now, slot, &body, event, batch),
                (Body::None, Some(body)) => self.record_with_body(now, slot, body, event, batch),
                (Body::None, None) => {
                    self.read_for_cleaner(slot);
                    return None;
                }
            }
        };
        self.rebase(slot, record, octets);
        // Its body may have been read back for this only.
        self.rest(slot);
        Some(octets + self.keep_text(now, slot, batch))
    }
}
