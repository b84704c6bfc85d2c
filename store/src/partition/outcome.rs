//! What becomes of leases, and final states.

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::delivery::{Body, Delivery, OperatorId};
use super::{Batch, Partition};
use crate::event::{Event, OperatorIds, Summary};
use crate::journal::RecordNumber;
use crate::lifecycle::{NO_ERROR, Situation, Stage, Step, after};
use crate::messages::*;
use crate::name::Name;
use crate::outbox::OutboxIndex;
use crate::receipt_index::key_of;

/// Ids that one message may have at its operators, at most: the first, and those of late responses.
const IDS_MAX: usize = 8;

/// A final state, and who says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    pub(super) state: MessageState,
    pub(super) error: ReceiptError,
    /// When it was reached.
    pub(super) done: Timestamp,
    /// The parked receipt that brought it.
    pub(super) parked: Option<u64>,
}

impl Partition {
    pub(super) fn settle(&mut self, now: Timestamp, settle: Settle, batch: &mut Batch) {
        let Settle { holder, items, reply } = settle;
        let count = u32::try_from(items.iter().filter(|settlement| !settlement.late).count()).unwrap_or(u32::MAX);
        for settlement in items {
            self.settle_one(now, settlement, batch);
        }
        if let Some(reply) = reply {
            batch.answers.push(Answer::Settled(reply, Settled { partition: self.id, holder, count }));
        }
    }

    fn settle_one(&mut self, now: Timestamp, settlement: Settlement, batch: &mut Batch) {
        let Settlement { lease, outcome, .. } = settlement;
        let slot = lease.slot;
        let Some(delivery) = self.slab.get(slot).filter(|_| lease.partition == self.id) else {
            self.counters.stale_settlements += 1;
            return;
        };
        if delivery.stage != Stage::Leased || delivery.number != lease.number {
            return self.settle_late(now, lease, outcome, batch);
        }
        let place = self.outboxes.get(delivery.place());
        let situation = Situation {
            to_operator: matches!(place.outbox, Outbox::Operator(_)),
            receipt: delivery.is_receipt(),
            unanswered: delivery.unanswered,
            unanswered_max: place.rules.unanswered_max,
            taken: delivery.taken,
        };
        match after(situation, outcome, now) {
            Step::Enroute(id) => {
                let outbox = delivery.outbox;
                self.count_attempt(slot, false);
                self.sent(now, slot, outbox, id, false, batch);
            }
            Step::Final(state, error) => {
                self.count_attempt(slot, false);
                self.finalise(now, slot, Verdict { state, error, done: now, parked: None }, batch);
            }
            Step::ReceiptEnds(arrived) => {
                if arrived {
                    self.counters.receipts_delivered += 1;
                } else {
                    self.counters.receipts_refused += 1;
                }
                self.receipt_ends(now, slot, None, batch);
            }
            Step::Again { due, unanswered } => {
                self.count_attempt(slot, unanswered);
                self.counters.possible_duplicates += u64::from(unanswered);
                self.send_again(now, slot, due, batch);
            }
            Step::Elsewhere(outbox) => {
                self.count_attempt(slot, false);
                self.send_elsewhere(now, slot, outbox, batch);
            }
            Step::Unresolved { unanswered } => {
                self.count_attempt(slot, unanswered);
                self.leave_unresolved(now, slot, batch);
            }
            Step::Returned => self.give_back(now, slot),
        }
    }

    /// An outcome for a lease that is no longer open changes nothing, but for a late response: the operator has it.
    fn settle_late(&mut self, now: Timestamp, lease: Lease, outcome: Outcome, batch: &mut Batch) {
        let slot = lease.slot;
        let late = self.slab.get(slot).filter(|delivery| !delivery.is_receipt() && lease.number <= delivery.number);
        let Some((delivery, Outcome::Sent { operator_message_id, receipt_expected })) = late.map(|d| (d, outcome))
        else {
            self.counters.stale_settlements += 1;
            return;
        };
        let outbox = match self.moved_from.get(&slot) {
            Some((before, number)) if lease.number <= *number => *before,
            _ => delivery.outbox,
        };
        let Outbox::Operator(operator) = self.outboxes.get(outbox).outbox else {
            self.counters.stale_settlements += 1;
            return;
        };
        if operator_message_id.as_ref().is_some_and(|id| self.is_known_as(slot, operator, id)) {
            self.counters.stale_settlements += 1;
            return;
        }
        self.counters.late_responses += 1;
        if receipt_expected {
            self.sent(now, slot, outbox, operator_message_id, true, batch);
        } else {
            let verdict = Verdict { state: MessageState::Accepted, error: NO_ERROR, done: now, parked: None };
            self.finalise(now, slot, verdict, batch);
        }
    }

    /// Counts an attempt; of a receipt, in the field that messages count unanswered attempts with.
    fn count_attempt(&mut self, slot: u64, unanswered: bool) {
        if let Some(delivery) = self.slab.get_mut(slot) {
            if delivery.is_receipt() {
                delivery.unanswered = delivery.unanswered.saturating_add(1);
            } else {
                delivery.attempts = delivery.attempts.saturating_add(1);
                delivery.unanswered = delivery.unanswered.saturating_add(u8::from(unanswered));
            }
        }
    }

    /// The operator of that outbox has the message, under this id. A receipt that came before is taken up at once.
    fn sent(
        &mut self,
        now: Timestamp,
        slot: u64,
        outbox: OutboxIndex,
        id: Option<OperatorMessageId>,
        late: bool,
        batch: &mut Batch,
    ) {
        let Some(delivery) = self.slab.get(slot) else { return };
        let Outbox::Operator(operator) = self.outboxes.get(outbox).outbox else { return };
        let (attempts, unanswered) = (delivery.attempts, delivery.unanswered);
        let event = Event::Sent { slot, operator, attempts, unanswered, id: id.clone() };
        if late && delivery.stage == Stage::Leased {
            // A copy is on its way already; what becomes of it does not matter any more.
            self.change(slot, |delivery| delivery.taken = true);
        } else {
            self.become_enroute(slot, outbox);
        }
        let octets = self.record(now, &event, batch).1;
        self.grow(slot, octets);
        if let Some(id) = id {
            self.remember_id(slot, outbox, id.clone());
            self.take_up_parked(now, operator, &id, batch);
        }
    }

    /// It waits for the receipt of that outbox's operator; a resend that has not left is withdrawn.
    pub(super) fn become_enroute(&mut self, slot: u64, outbox: OutboxIndex) {
        self.unqueue(slot);
        self.moved_from.remove(&slot);
        // An id belongs to the operator that gave it.
        if let Some(delivery) = self.slab.get_mut(slot).filter(|delivery| delivery.outbox != outbox)
            && let Some(id) = std::mem::replace(&mut delivery.operator_id, OperatorId::None).get()
        {
            self.aliases.entry(slot).or_default().push((delivery.outbox, id));
        }
        self.change(slot, |delivery| {
            delivery.outbox = outbox;
            delivery.stage = Stage::Enroute;
        });
        self.rest(slot);
    }

    /// Finds the message by this id from now on.
    pub(super) fn remember_id(&mut self, slot: u64, outbox: OutboxIndex, id: OperatorMessageId) {
        let Outbox::Operator(operator) = self.outboxes.get(outbox).outbox else { return };
        if self.is_known_as(slot, operator, &id) {
            return;
        }
        let Some(delivery) = self.slab.get_mut(slot) else { return };
        let key = key_of(operator, &id);
        if delivery.operator_id == OperatorId::None && delivery.outbox == outbox {
            delivery.operator_id = OperatorId::new(id);
        } else {
            let aliases = self.aliases.entry(slot).or_default();
            if aliases.len() + 1 >= IDS_MAX {
                return;
            }
            aliases.push((outbox, id));
        }
        self.correlations.insert(key, slot);
    }

    /// Whether that operator knows the message by this id.
    pub(super) fn is_known_as(&self, slot: u64, operator: Name, id: &OperatorMessageId) -> bool {
        let operates = |index: OutboxIndex| self.outboxes.get(index).outbox == Outbox::Operator(operator);
        let Some(delivery) = self.slab.get(slot) else { return false };
        delivery.operator_id.is(id) && operates(delivery.outbox)
            || self
                .aliases
                .get(&slot)
                .is_some_and(|aliases| aliases.iter().any(|(index, alias)| alias == id && operates(*index)))
    }

    /// What the operators call a message.
    pub(super) fn ids_of(&self, slot: u64, delivery: &Delivery) -> OperatorIds {
        let name = |index: OutboxIndex| match self.outboxes.get(index).outbox {
            Outbox::Operator(name) | Outbox::Account(name) => name,
        };
        let mut ids = OperatorIds::new();
        if let Some(id) = delivery.operator_id.get() {
            ids.push((name(delivery.outbox), id));
        }
        for (index, id) in self.aliases.get(&slot).into_iter().flatten() {
            ids.push((name(*index), id.clone()));
        }
        ids
    }

    fn send_again(&mut self, now: Timestamp, slot: u64, due: Timestamp, batch: &mut Batch) {
        let Some(delivery) = self.slab.get(slot) else { return };
        let event = Event::Again { slot, due, attempts: delivery.attempts, unanswered: delivery.unanswered };
        let octets = self.record(now, &event, batch).1;
        self.grow(slot, octets);
        self.change_and_stage(slot, batch, |delivery| delivery.due = due);
    }

    /// Another operator of its route is to send it.
    fn send_elsewhere(&mut self, now: Timestamp, slot: u64, outbox: Outbox, batch: &mut Batch) {
        self.send_again(now, slot, now, batch);
        let octets = self.record(now, &Event::Rerouted { slot, outbox }, batch).1;
        self.grow(slot, octets);
        let to = self.outboxes.index(outbox);
        let Some(delivery) = self.slab.get(slot) else { return };
        let (from, unanswered, number) = (delivery.outbox, delivery.unanswered, delivery.number);
        if unanswered > 0 {
            // The operator that it leaves may have it all the same: its late response is still to be understood.
            self.moved_from.entry(slot).or_insert((from, number));
        }
        self.change(slot, |delivery| delivery.outbox = to);
    }

    fn leave_unresolved(&mut self, now: Timestamp, slot: u64, batch: &mut Batch) {
        let Some(delivery) = self.slab.get(slot) else { return };
        let event = Event::Unresolved { slot, attempts: delivery.attempts, unanswered: delivery.unanswered };
        let octets = self.record(now, &event, batch).1;
        self.grow(slot, octets);
        self.change(slot, |delivery| delivery.stage = Stage::Enroute);
        self.rest(slot);
    }

    /// The message is final. The receipt, if one is asked for, waits for the account from the batch's release on.
    pub(super) fn finalise(&mut self, now: Timestamp, slot: u64, verdict: Verdict, batch: &mut Batch) {
        let Verdict { state, error, done, parked } = verdict;
        self.combine_parts(slot, state);
        let Some(delivery) = self.slab.get(slot) else { return };
        debug_assert!(!delivery.is_receipt(), "a final state never changes");
        // The end of an intermediate notification is no message's.
        if !delivery.is_notice() {
            self.counters.finals[state as usize] += 1;
        }
        let origin = self.outboxes.get(delivery.origin);
        let wanted = matches!(origin.outbox, Outbox::Account(_)) && delivery.receipts.wants(state);
        let receipt_expires = now.plus(origin.rules.receipt_lifetime);
        let attempts = delivery.attempts;
        let owes = self.owed.is_on() && !delivery.is_notice();
        self.unqueue(slot);
        self.moved_from.remove(&slot);
        if owes {
            return self.finalise_owing(now, slot, verdict, wanted.then_some(receipt_expires), batch);
        }
        if !wanted {
            self.change(slot, |delivery| (delivery.state, delivery.error, delivery.done) = (state, error, done));
            return self.retain(now, slot, parked, batch);
        }
        let event = Event::Final { slot, state, error, done, due: now, attempts, receipt_expires, parked };
        let octets = self.record(now, &event, batch).1;
        self.grow(slot, octets);
        self.parked_ends(parked);
        self.change_and_stage(slot, batch, |delivery| {
            become_receipt(delivery, state, error, done);
            (delivery.due, delivery.expires) = (now, receipt_expires);
        });
    }

    /// One receipt is due for all parts of a message that was cut: DELIVRD when the last part is delivered, or the first
    /// failure. Decides whether this part stands for the message; if not, nothing is due for it.
    ///
    /// Written nowhere: a replay comes to the same by the states of the parts.
    pub(super) fn combine_parts(&mut self, slot: u64, state: MessageState) {
        let Some(delivery) = self.slab.get(slot).filter(|delivery| delivery.receipts.is_of_a_part()) else { return };
        let slots = self.slab.with_tick(delivery.tick);
        let open = |other: u64| other != slot && self.slab.get(other).is_some_and(|delivery| !delivery.is_receipt());
        let others: Vec<u64> = slots.into_iter().filter(|other| open(*other)).collect();
        let delivered = matches!(state, MessageState::Delivered | MessageState::Accepted);
        let silenced = if !delivered {
            others
        } else if others.is_empty() {
            Vec::new()
        } else {
            vec![slot]
        };
        for silenced in silenced {
            self.change(silenced, |delivery| delivery.receipts = delivery.receipts.silenced());
        }
    }

    /// Nothing is left to deliver: what is kept is what can be asked for.
    pub(super) fn retain(&mut self, now: Timestamp, slot: u64, parked: Option<u64>, batch: &mut Batch) {
        self.unqueue(slot);
        let Some(summary) = self.summary(slot, now) else { return };
        let worth = summary.worth;
        let (record, _) = self.record(now, &Event::Retained { slot, summary, parked }, batch);
        self.parked_ends(parked);
        self.become_retained(slot, now, record, worth);
        self.trim_retained();
    }

    /// What is kept of a final message.
    pub(super) fn summary(&self, slot: u64, retained: Timestamp) -> Option<Summary> {
        let delivery = self.slab.get(slot)?;
        Some(Summary {
            tick: delivery.tick,
            accepted: delivery.accepted,
            origin: self.origin_of(delivery),
            outbox: self.outboxes.get(delivery.outbox).outbox,
            state: delivery.state,
            error: delivery.error,
            done: delivery.done,
            retained,
            attempts: delivery.attempts,
            destination: delivery.destination,
            fingerprint: delivery.fingerprint,
            marks: delivery.marks,
            worth: worth_retained(delivery),
            ids: self.ids_of(slot, delivery),
        })
    }

    /// From now on only its summary is kept, which stands in this record.
    pub(super) fn become_retained(&mut self, slot: u64, since: Timestamp, record: RecordNumber, worth: u32) {
        let Some((peer, owes)) = self.slab.get(slot).map(|delivery| (delivery.peer, delivery.marks.owes_any())) else {
            return;
        };
        self.rebase(slot, record, worth);
        self.peers.release(peer);
        self.replacements.take(slot);
        if owes {
            self.owe_nothing(slot);
        }
        self.change(slot, |delivery| {
            delivery.stage = Stage::Retained;
            delivery.body = Body::None;
            delivery.peer = 0;
            delivery.due = since;
        });
        self.retained.push((slot, since));
    }

    /// Holds the number of retained deliveries to its bound: the oldest go.
    pub(super) fn trim_retained(&mut self) {
        while self.retained.len() as u64 > self.limits.retention_messages_max
            && let Some((slot, _)) = self.retained.pop()
        {
            self.forget(slot);
        }
    }

    /// Removes every trace of a delivery. Needs no event: a replay comes to the same by time and number.
    pub(super) fn forget(&mut self, slot: u64) {
        let Some(delivery) = self.slab.get(slot) else { return };
        let owes = delivery.marks.owes_any();
        for (operator, id) in self.ids_of(slot, delivery) {
            self.correlations.remove(key_of(operator, &id), slot);
        }
        self.aliases.remove(&slot);
        self.moved_from.remove(&slot);
        self.replacements.take(slot);
        if owes {
            self.owe_nothing(slot);
        }
        self.forget_alias(slot);
        if let Some(delivery) = self.slab.remove(slot) {
            self.outboxes.leave(&delivery);
            self.ledger.remove(delivery.record, delivery.octets);
            self.peers.release(delivery.peer);
        }
    }
}

/// A retained delivery counts for half of all that it has written: then the journal may be as long as the history that
/// is to be kept, and the cleaner need not copy that history again and again.
fn worth_retained(delivery: &Delivery) -> u32 {
    /// Half of what the summary itself takes at low load, where each event has a record of its own.
    const SUMMARY: u32 = 100;
    if delivery.stage == Stage::Retained { delivery.octets } else { delivery.octets / 2 + SUMMARY }
}

/// From now on the delivery is the receipt.
pub(super) fn become_receipt(delivery: &mut Delivery, state: MessageState, error: ReceiptError, done: Timestamp) {
    (delivery.state, delivery.error, delivery.done) = (state, error, done);
    delivery.taken = false;
    delivery.unanswered = 0;
}
