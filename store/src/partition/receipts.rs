//! Receipts from operators: to which message they belong, and where they wait if to none yet.

use smallvec::SmallVec;
use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::outcome::Verdict;
use super::{Batch, Partition};
use crate::event::{Event, ParkedReceipt};
use crate::lifecycle::ends_message;
use crate::messages::*;
use crate::name::Name;
use crate::receipt_index::key_of;

impl Partition {
    pub(super) fn receipts(&mut self, now: Timestamp, receipts: RecordReceipts, batch: &mut Batch) {
        let RecordReceipts { reply, items } = receipts;
        let mut answers = Vec::with_capacity(items.len());
        for receipt in items {
            let tag = receipt.tag;
            answers.push((tag, self.receipt(now, receipt, batch)));
        }
        batch.answers.push(Answer::Receipts(reply, ReceiptsRecorded { items: answers }));
    }

    /// Records what belongs to messages of this partition, and gives the rest back.
    pub(super) fn seek(&mut self, now: Timestamp, seek: SeekReceipts, batch: &mut Batch) {
        let SeekReceipts { receipts: RecordReceipts { reply, items }, matching, strays } = seek;
        let mut recorded = Vec::with_capacity(items.len());
        let mut rest = Vec::new();
        for item in items {
            let receipt = parked(now, &item);
            let Some(slot) = self.correlate(&receipt, matching) else {
                rest.push(item);
                continue;
            };
            if ends_message(receipt.state) {
                self.receipt_for(now, slot, &receipt, None, batch);
            } else {
                self.notify(now, Some(slot), &receipt, batch);
            }
            recorded.push((item.tag, true));
        }
        if !rest.is_empty() {
            let receipts = RecordReceipts { reply: reply.clone(), items: rest };
            let back = StrayReceipts { partition: Some(self.id), why: Stray::Unmatched, receipts };
            batch.answers.push(Answer::Strays(strays, back));
        }
        if !recorded.is_empty() {
            batch.answers.push(Answer::Receipts(reply, ReceiptsRecorded { items: recorded }));
        }
    }

    /// Whether there was room to keep it.
    fn receipt(&mut self, now: Timestamp, receipt: OperatorReceipt, batch: &mut Batch) -> bool {
        let receipt = parked(now, &receipt);
        if !ends_message(receipt.state) {
            // Says nothing that the message's state does not say already: not final.
            let about = self.correlate(&receipt, Matching::Forgiving);
            self.notify(now, about, &receipt, batch);
            return true;
        }
        match self.correlate(&receipt, Matching::Forgiving) {
            Some(slot) => {
                self.receipt_for(now, slot, &receipt, None, batch);
                true
            }
            None => self.park(now, receipt, batch),
        }
    }

    /// The delivery that a receipt is about: the newest with that id whose destination matches. Where only one has the
    /// id, the destination may differ, since operators rewrite addresses; but then it must still wait for a receipt:
    /// else the receipt of a message with a reused id would be taken for a duplicate when it beats its response.
    pub(super) fn correlate(&self, receipt: &ParkedReceipt, matching: Matching) -> Option<u64> {
        let mut candidates = 0;
        let mut only = None;
        for slot in self.correlations.get(key_of(receipt.operator, &receipt.id)).iter().rev() {
            let Some(delivery) = self.slab.get(*slot) else { continue };
            if !self.is_known_as(*slot, receipt.operator, &receipt.id) {
                continue;
            }
            if delivery.destination == receipt.destination {
                return Some(*slot);
            }
            candidates += 1;
            only = (!delivery.is_receipt()).then_some(*slot);
        }
        only.filter(|_| candidates == 1 && matching == Matching::Forgiving)
    }

    /// A receipt has found its message. Duplicates and late ones change nothing.
    fn receipt_for(
        &mut self,
        now: Timestamp,
        slot: u64,
        receipt: &ParkedReceipt,
        parked: Option<u64>,
        batch: &mut Batch,
    ) {
        let Some(delivery) = self.slab.get(slot) else { return };
        if delivery.is_receipt() {
            if delivery.state == MessageState::Expired && receipt.state != MessageState::Expired {
                self.counters.late_receipts += 1;
            } else {
                self.counters.duplicate_receipts += 1;
            }
            if let Some(number) = parked {
                self.end_parked(now, number, batch);
            }
            return;
        }
        self.counters.receipts_matched += 1;
        let verdict = Verdict { state: receipt.state, error: receipt.error, done: receipt.done, parked };
        self.finalise(now, slot, verdict, batch);
    }

    fn park(&mut self, now: Timestamp, receipt: ParkedReceipt, batch: &mut Batch) -> bool {
        let again = self.parked.with_key(key_of(receipt.operator, &receipt.id)).iter().any(|number| {
            self.parked.get(*number).is_some_and(|entry| {
                entry.receipt.operator == receipt.operator
                    && entry.receipt.id == receipt.id
                    && entry.receipt.state == receipt.state
                    && entry.receipt.destination == receipt.destination
            })
        });
        if again {
            self.counters.duplicate_receipts += 1;
            return true;
        }
        if self.parked.len() >= self.limits.parked_count_max {
            self.counters.receipts_turned_away += 1;
            return false;
        }
        let number = self.next_parked;
        self.next_parked += 1;
        self.counters.receipts_parked += 1;
        let (record, octets) = self.record(now, &Event::Parked { number, receipt: receipt.clone() }, batch);
        self.ledger.add(record, octets);
        self.parked.insert(number, receipt, record, octets);
        true
    }

    /// A message has got an id: the receipts that came before it are for it.
    pub(super) fn take_up_parked(&mut self, now: Timestamp, operator: Name, id: &OperatorMessageId, batch: &mut Batch) {
        let numbers = self.parked.with_key(key_of(operator, id));
        if numbers.is_empty() {
            return;
        }
        // Nearly always one, and taking it up changes the index.
        let numbers: SmallVec<[u64; 4]> = numbers.iter().copied().collect();
        for number in numbers {
            self.try_parked(now, number, batch);
        }
    }

    /// Looks a parked receipt up again; whether it has found its message.
    fn try_parked(&mut self, now: Timestamp, number: u64, batch: &mut Batch) -> bool {
        let Some(receipt) = self.parked.get(number).map(|entry| entry.receipt.clone()) else { return true };
        let Some(slot) = self.correlate(&receipt, Matching::Forgiving) else { return false };
        self.receipt_for(now, slot, &receipt, Some(number), batch);
        true
    }

    /// Looks up again those whose time has come, at most so many; those without a message are looked for elsewhere, if
    /// there is an elsewhere, before they are given up.
    pub(super) fn try_due_parked(&mut self, now: Timestamp, count_max: usize, batch: &mut Batch) {
        let mut sought = Vec::new();
        for _ in 0..count_max {
            let Some(number) = self.parked.take_due(now) else { break };
            if self.try_parked(now, number, batch) {
                continue;
            }
            let Some(entry) = self.parked.get(number) else { continue };
            let overdue = entry.receipt.parked.plus(self.limits.parked_max) <= now;
            match &self.elsewhere {
                Some(_) => sought.push(ParkedSought { number, receipt: told_again(&entry.receipt), overdue }),
                None if overdue => self.give_up(now, number, batch),
                None => {}
            }
        }
        if let Some(elsewhere) = self.elsewhere.clone().filter(|_| !sought.is_empty()) {
            let seek = SeekParked { partition: self.id, items: sought };
            batch.answers.push(Answer::SeekParked(elsewhere, seek));
        }
    }

    /// What became elsewhere of receipts that are parked here.
    pub(super) fn end_all_parked(&mut self, now: Timestamp, ends: Vec<EndParked>, batch: &mut Batch) {
        for EndParked { number, end } in ends {
            match end {
                // It may have ended meanwhile.
                _ if self.parked.get(number).is_none() => {}
                ParkedEnd::Found => self.end_parked(now, number, batch),
                ParkedEnd::GivenUp => self.give_up(now, number, batch),
            }
        }
    }

    fn give_up(&mut self, now: Timestamp, number: u64, batch: &mut Batch) {
        if let Some(entry) = self.parked.get(number) {
            tracing::warn!(
                operator = %entry.receipt.operator,
                operator_message_id = %entry.receipt.id,
                "a receipt that matched no message for store.parked_max is given up"
            );
        }
        self.counters.receipts_given_up += 1;
        self.end_parked(now, number, batch);
    }

    fn end_parked(&mut self, now: Timestamp, number: u64, batch: &mut Batch) {
        self.record(now, &Event::ParkedEnds { number }, batch);
        self.parked_ends(Some(number));
    }

    /// A parked receipt has found its message, or was given up, by an event that says so.
    pub(super) fn parked_ends(&mut self, number: Option<u64>) {
        if let Some(entry) = number.and_then(|number| self.parked.remove(number)) {
            self.ledger.remove(entry.record, entry.octets);
        }
    }

    /// Has all parked receipts looked up again from now on: a peer joined.
    pub fn try_parked_again(&mut self, now: Timestamp) {
        self.parked.try_all_again(now);
    }
}

/// A receipt as it is kept when it is parked now.
fn parked(now: Timestamp, receipt: &OperatorReceipt) -> ParkedReceipt {
    ParkedReceipt {
        operator: receipt.operator,
        id: receipt.operator_message_id.clone(),
        state: receipt.state,
        error: receipt.error,
        done: receipt.done,
        destination: receipt.destination,
        parked: now,
    }
}

/// A parked receipt as others are told of it.
fn told_again(receipt: &ParkedReceipt) -> OperatorReceipt {
    OperatorReceipt {
        tag: 0,
        operator: receipt.operator,
        operator_message_id: receipt.id.clone(),
        state: receipt.state,
        error: receipt.error,
        done: receipt.done,
        destination: receipt.destination,
    }
}
