//! Start-up: the state out of the journal.

use rustc_hash::FxHashMap;
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::delivery::{Body, Delivery, OperatorId};
use super::outcome::become_receipt;
use super::{Partition, START_GRACE_MAX};
use crate::error::StoreError;
use crate::event::{BodyOctets, Entry, Event, EventReader, OperatorIds, Owed, Progress, Summary};
use crate::journal::RecordNumber;
use crate::lifecycle::{NO_ERROR, Stage};
use crate::messages::{Origin, Outbox, ReceiptRequest};
use crate::name::Name;
use crate::record::{OVERHEAD, RecordView};

const OWES_EARLY: &str = "what is not final owes no call detail record";
const NOT_FINAL: &str = "a final state is not final";
const NO_RECEIPTS: &str = "a receipt would be due to an operator";

/// What is known only while the journal is read.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The record that must come next.
    next: Option<RecordNumber>,
    /// Records of a batch whose last record has not come yet.
    batch: Vec<(RecordNumber, Box<[u8]>)>,
    names: FxHashMap<Box<str>, Name>,
    /// The body of the event before, if it stands in the same record.
    last: Option<Body>,
    partial: Option<Partial>,
}

/// A body that goes on.
#[derive(Debug)]
struct Partial {
    slot: u64,
    /// How long it will be, and is.
    total: usize,
    length: usize,
    /// What is there, unless the body is left in the journal.
    octets: Option<Vec<u8>>,
}

impl Partition {
    /// Start-up: applies one record of the journal. Records come in order.
    pub fn replay(&mut self, number: RecordNumber, record: &[u8]) -> Result<(), StoreError> {
        let view = RecordView::read(number, record)?;
        match self.replay.next {
            None => self.ledger.begin(number),
            Some(next) if number == next => {}
            Some(next) if number > next => return Err(StoreError::Gap { missing: next, next: number }),
            Some(_) => {
                return Err(StoreError::Damaged { record: number, offset: 0, what: "it comes after a later record" });
            }
        }
        let begins_journal = self.replay.next.is_none();
        self.replay.next = Some(number + 1);
        // The rest of a batch that a crash cut off never came: another batch begins.
        if view.first && !self.replay.batch.is_empty() {
            self.replay.batch.clear();
            self.counters.replay_torn += 1;
        }
        // The cleaner may have dropped the beginning of the oldest batch, which was whole once.
        if !view.first && self.replay.batch.is_empty() && !begins_journal {
            return Err(StoreError::Damaged {
                record: number,
                offset: 1,
                what: "it goes on with a batch that has ended",
            });
        }
        // Also what is never applied must not be given again: ids are promised to rise.
        self.ids.given(view.marks.tick);
        self.slab.given(view.marks.slot);
        self.next_parked = self.next_parked.max(view.marks.parked);
        self.ledger.closed(number, record.len() as u32);
        self.next_record = number + 1;
        if !view.last {
            self.replay.batch.push((number, record.into()));
            return Ok(());
        }
        for (number, record) in std::mem::take(&mut self.replay.batch) {
            self.apply_record(&RecordView::read(number, &record)?)?;
        }
        self.apply_record(&view)?;
        match self.replay.partial.take() {
            None => Ok(()),
            Some(_) => Err(StoreError::Damaged { record: number, offset: record.len(), what: "a body is not whole" }),
        }
    }

    /// Start-up: the last record has been applied. Open leases are due again.
    pub fn recovered(&mut self, now: Timestamp) {
        self.latest = now;
        let replay = std::mem::take(&mut self.replay);
        self.counters.replay_torn += u64::from(!replay.batch.is_empty());
        self.durable_end = self.next_record;
        // Operators have kept receipts for us while we were away: nothing is written in their stead at once.
        self.synthetic_from = now.plus(self.limits.receipt_grace.min(START_GRACE_MAX));
        self.sort_retained();
        self.owed.sort();
        for chunk in self.slab.chunks() {
            let slots: Vec<(u64, Stage)> = self.slab.chunk(chunk).map(|(slot, d)| (slot, d.stage)).collect();
            for (slot, stage) in slots {
                // Sets the time of its chunk.
                self.change(slot, |_| {});
                if stage == Stage::Staged {
                    self.make_visible(now, slot);
                } else {
                    self.rest(slot);
                }
            }
        }
        self.parked.try_all_again(now);
    }

    /// The cleaner has moved retained deliveries behind younger ones: back into the order in which they go.
    fn sort_retained(&mut self) {
        let mut retained: Vec<(u64, Timestamp)> = self.retained.iter().collect();
        retained.retain(|(slot, _)| self.slab.get(*slot).is_some_and(|delivery| delivery.stage == Stage::Retained));
        retained.sort_unstable_by_key(|(slot, since)| (*since, *slot));
        retained.dedup();
        self.retained.clear();
        for entry in retained {
            self.retained.push(entry);
        }
        self.trim_retained();
    }

    fn apply_record(&mut self, view: &RecordView<'_>) -> Result<(), StoreError> {
        let names: Vec<Name> = view.names.iter().map(|text| self.replay.name(text)).collect();
        let mut reader = EventReader::new(view.number, &names, view.base, view.events, view.events_at);
        self.replay.last = None;
        for index in 0..view.count {
            let began = reader.position();
            let event = reader.read()?;
            let overhead = if index == 0 { OVERHEAD } else { 0 };
            let octets = overhead + (reader.position() - began) as u32;
            self.apply_event(view.number, event, octets).map_err(|what| reader.damaged(what))?;
        }
        if reader.at_end() { Ok(()) } else { Err(reader.damaged("octets follow the last event")) }
    }

    /// Does what an event says; the sentence says why it cannot be true.
    fn apply_event(&mut self, record: RecordNumber, event: Event<'_>, octets: u32) -> Result<(), &'static str> {
        match event {
            Event::Accepted { slot, entry, body } => {
                if self.slab.get(slot).is_some() {
                    return Err("a delivery was accepted twice");
                }
                if entry.marks.owes_any() {
                    return Err(OWES_EARLY);
                }
                let body = self.replayed_body(slot, body)?;
                self.insert(slot, &entry, body, record, octets);
            }
            Event::BodyPart { slot, part } => match self.replay.part(slot, part)? {
                Some(body) => {
                    self.grow(slot, octets);
                    self.change(slot, |delivery| delivery.body = body);
                }
                None => self.counters.replay_ignored += 1,
            },
            Event::Sent { slot, operator, attempts, unanswered, id } => {
                if !self.goes_on(slot, octets, false) {
                    return Ok(());
                }
                let outbox = self.outboxes.index(Outbox::Operator(operator));
                // The operator that it was re-routed to keeps the ids that it gave; nothing was sent under them.
                self.become_enroute(slot, outbox);
                self.change(slot, |delivery| (delivery.attempts, delivery.unanswered) = (attempts, unanswered));
                if let Some(id) = id {
                    self.remember_id(slot, outbox, id);
                }
            }
            Event::Again { slot, due, attempts, unanswered } => {
                if self.slab.get(slot).is_some_and(|delivery| delivery.stage != Stage::Retained)
                    && self.goes_on(slot, octets, true)
                {
                    self.change(slot, |delivery| {
                        (delivery.due, delivery.attempts, delivery.unanswered) = (due, attempts, unanswered);
                        delivery.stage = Stage::Staged;
                    });
                }
            }
            Event::Unresolved { slot, attempts, unanswered } => {
                if self.goes_on(slot, octets, false) {
                    self.change(slot, |delivery| {
                        (delivery.attempts, delivery.unanswered) = (attempts, unanswered);
                        delivery.stage = Stage::Enroute;
                    });
                }
            }
            Event::Final { slot, state, error, done, due, attempts, receipt_expires, parked } => {
                self.parked_ends(parked);
                if !state.is_final() {
                    return Err(NOT_FINAL);
                }
                if self.slab.get(slot).is_some_and(|delivery| matches!(self.origin_of(delivery), Origin::Operator(_))) {
                    return Err(NO_RECEIPTS);
                }
                if self.goes_on(slot, octets, false) {
                    self.combine_parts(slot, state);
                    self.change(slot, |delivery| {
                        become_receipt(delivery, state, error, done);
                        (delivery.due, delivery.expires, delivery.attempts) = (due, receipt_expires, attempts);
                        delivery.stage = Stage::Staged;
                    });
                }
            }
            Event::FinalOwed { slot, state, error, done, at, attempts, receipt_expires, parked } => {
                self.parked_ends(parked);
                if !state.is_final() {
                    return Err(NOT_FINAL);
                }
                let is_mo =
                    self.slab.get(slot).is_some_and(|delivery| matches!(self.origin_of(delivery), Origin::Operator(_)));
                if is_mo && receipt_expires.is_some() {
                    return Err(NO_RECEIPTS);
                }
                if self.goes_on(slot, octets, false) {
                    self.combine_parts(slot, state);
                    self.become_final_owing(slot, (state, error, done), at, receipt_expires);
                    self.change(slot, |delivery| delivery.attempts = attempts);
                }
            }
            Event::ReceiptEnds { slot, given_up } => {
                if self.may_owe(slot) && self.goes_on(slot, octets, true) {
                    self.become_owed(slot, given_up);
                }
            }
            Event::CdrWritten { slot, kind } => {
                if self.may_owe(slot) && self.goes_on(slot, octets, true) {
                    self.owe_no_more(slot, kind);
                }
            }
            Event::Retained { slot, summary, parked } => {
                self.parked_ends(parked);
                if !summary.state.is_final() {
                    return Err(NOT_FINAL);
                }
                self.apply_retained(slot, summary, record);
            }
            Event::Parked { number, receipt } => {
                // It would end its message when that is known.
                if !receipt.state.is_final() {
                    return Err(NOT_FINAL);
                }
                self.parked_ends(Some(number));
                self.ledger.add(record, octets);
                self.parked.insert(number, receipt, record, octets);
                self.next_parked = self.next_parked.max(number + 1);
            }
            Event::ParkedEnds { number } => self.parked_ends(Some(number)),
            Event::Rerouted { slot, outbox } => {
                if self.goes_on(slot, octets, false) {
                    let outbox = self.outboxes.index(outbox);
                    self.change(slot, |delivery| delivery.outbox = outbox);
                }
            }
            Event::Replaced { slot, due, expires, receipts, text } => {
                if self.slab.get(slot).is_some_and(|delivery| delivery.stage != Stage::Retained)
                    && self.goes_on(slot, octets, true)
                {
                    self.apply_replaced(slot, due, expires, receipts, text);
                }
            }
            Event::Keep { slot, entry, progress, body } => {
                if progress.state.is_final() && matches!(entry.origin, Origin::Operator(_)) && !progress.owed.only {
                    return Err(NO_RECEIPTS);
                }
                if progress.state.is_final() && progress.enroute {
                    return Err("what is final waits for no receipt");
                }
                let owes = entry.marks.owes_any() || progress.owed != Owed::default();
                if !progress.state.is_final() && owes {
                    return Err(OWES_EARLY);
                }
                let body = self.replayed_body(slot, body)?;
                self.forget(slot);
                self.insert(slot, &entry, body, record, octets);
                self.apply_progress(slot, progress);
            }
        }
        Ok(())
    }

    /// Whether the delivery that an event goes on with is there; its base may have been cleaned away, and then a later
    /// base says everything again.
    fn goes_on(&mut self, slot: u64, octets: u32, receipts_too: bool) -> bool {
        let there = self.slab.get(slot).is_some_and(|delivery| receipts_too || !delivery.is_receipt());
        if there {
            self.grow(slot, octets);
        } else {
            self.counters.replay_ignored += 1;
        }
        there
    }

    /// The body of a base: kept in memory while there is room for it.
    fn replayed_body(&mut self, slot: u64, octets: BodyOctets<'_>) -> Result<Body, &'static str> {
        let length = match octets {
            BodyOctets::Here(total, _) => total,
            BodyOctets::AsBefore => 0,
        };
        let keep = self.memory.keeps_replayed(length, self.outboxes.body_octets);
        self.replay.body(slot, octets, keep)
    }

    pub(super) fn insert(&mut self, slot: u64, entry: &Entry, body: Body, record: RecordNumber, octets: u32) {
        let delivery = Delivery {
            tick: entry.tick,
            accepted: entry.accepted,
            due: entry.due,
            expires: entry.expires,
            done: Timestamp::default(),
            destination: entry.destination,
            record,
            body,
            operator_id: OperatorId::None,
            fingerprint: entry.fingerprint,
            octets,
            number: self.first_lease,
            outbox: self.outboxes.index(entry.outbox),
            origin: self.origin_index(entry.origin),
            peer: self.peers.hold(entry.peer),
            attempts: 0,
            unanswered: 0,
            priority: entry.priority,
            stage: Stage::Staged,
            state: MessageState::Enroute,
            receipts: entry.receipts,
            taken: false,
            marks: entry.marks,
            error: NO_ERROR,
        };
        self.ids.given(entry.tick);
        self.ledger.add(record, octets);
        self.outboxes.enter(&delivery);
        self.slab.put(slot, delivery);
        self.remember_alias(slot);
    }

    fn apply_progress(&mut self, slot: u64, progress: Progress) {
        let Progress { enroute, taken, state, error, done, attempts, unanswered, ids, owed } = progress;
        self.change(slot, |delivery| {
            (delivery.state, delivery.error, delivery.done) = (state, error, done);
            (delivery.attempts, delivery.unanswered) = (attempts, unanswered);
            // What was on lease beside an attempt that was taken is not due again.
            if enroute || taken {
                delivery.stage = Stage::Enroute;
            }
            if owed.only {
                delivery.stage = Stage::Owed;
            }
        });
        self.remember_ids(slot, ids);
        self.owe_again(slot, owed);
    }

    fn apply_retained(&mut self, slot: u64, summary: Summary, record: RecordNumber) {
        if self.slab.get(slot).is_none() {
            self.insert_summary(slot, &summary, record);
        }
        let Summary { state, error, done, retained, attempts, worth, ids, .. } = summary;
        if self.slab.get(slot).is_some_and(|delivery| !delivery.is_receipt()) {
            self.combine_parts(slot, state);
        }
        self.remember_ids(slot, ids);
        self.change(slot, |delivery| {
            (delivery.state, delivery.error, delivery.done, delivery.attempts) = (state, error, done, attempts);
        });
        self.become_retained(slot, retained, record, worth);
        // Not to the bound at once: the cleaner's copies of old ones come late, so the order is not that of age.
        if self.retained.len() as u64 > self.limits.retention_messages_max.saturating_mul(2).saturating_add(1_024) {
            self.sort_retained();
        }
    }

    fn insert_summary(&mut self, slot: u64, summary: &Summary, record: RecordNumber) {
        let delivery = Delivery {
            tick: summary.tick,
            accepted: summary.accepted,
            destination: summary.destination,
            fingerprint: summary.fingerprint,
            marks: summary.marks,
            record,
            outbox: self.outboxes.index(summary.outbox),
            origin: self.origin_index(summary.origin),
            receipts: ReceiptRequest::default(),
            state: summary.state,
            stage: Stage::Retained,
            ..Delivery::gone()
        };
        self.ids.given(summary.tick);
        self.ledger.add(record, 0);
        self.outboxes.enter(&delivery);
        self.slab.put(slot, delivery);
        self.remember_alias(slot);
    }

    fn remember_ids(&mut self, slot: u64, ids: OperatorIds) {
        for (operator, id) in ids {
            let outbox = self.outboxes.index(Outbox::Operator(operator));
            self.remember_id(slot, outbox, id);
        }
    }
}

impl Replay {
    fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.names.get(text) {
            return *name;
        }
        let name = Name::intern(text);
        self.names.insert(text.into(), name);
        name
    }

    /// The body of a base; one that goes on comes with its parts. Without `keep` it stays in the journal.
    fn body(&mut self, slot: u64, octets: BodyOctets<'_>, keep: bool) -> Result<Body, &'static str> {
        if self.partial.is_some() {
            return Err("a body is not whole");
        }
        match octets {
            BodyOctets::AsBefore => self.last.clone().ok_or("a body refers to one that is not in this record"),
            BodyOctets::Here(total, part) if part.len() < total => {
                self.last = None;
                let octets = keep.then(|| part.to_vec());
                self.partial = Some(Partial { slot, total, length: part.len(), octets });
                Ok(Body::None)
            }
            BodyOctets::Here(_, part) => {
                let body = if keep { Body::Memory(part.into()) } else { Body::None };
                self.last = Some(body.clone());
                Ok(body)
            }
        }
    }

    /// Goes on with a body: `None` if its beginning was cleaned away, else the body as far as it is known.
    fn part(&mut self, slot: u64, part: &[u8]) -> Result<Option<Body>, &'static str> {
        let Some(partial) = &mut self.partial else { return Ok(None) };
        partial.length += part.len();
        if partial.slot != slot || partial.length > partial.total {
            return Err("a part of a body belongs to no body");
        }
        if let Some(octets) = &mut partial.octets {
            octets.extend_from_slice(part);
        }
        if partial.length < partial.total {
            return Ok(Some(Body::None));
        }
        let whole = self.partial.take().and_then(|partial| partial.octets);
        let body = whole.map_or(Body::None, |octets| Body::Memory(octets.into()));
        // One that ends in the record where it begins may be referred to.
        self.last = Some(body.clone());
        Ok(Some(body))
    }
}
