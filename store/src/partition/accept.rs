//! New messages.

use std::sync::Arc;

use smsc_proto::ids::MessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::delivery::{Body, Delivery, Marks, OperatorId};
use super::{Batch, Partition};
use crate::event::{BodyOctets, Entry, Event};
use crate::journal::RecordNumber;
use crate::lifecycle::{NO_ERROR, Stage};
use crate::messages::*;

/// The body that deliveries of one message share, and where it stands in the journal.
struct Shared {
    body: Arc<[u8]>,
    /// The record that holds all of it; `None` while it was not written, or in parts.
    record: Option<RecordNumber>,
}

impl Partition {
    pub(super) fn accept(&mut self, now: Timestamp, accept: Accept, disk_low: bool, batch: &mut Batch) {
        let Accept { reply, items } = accept;
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let (tag, deliveries) = (item.tag, item.deliveries.len() as u64);
            let answer = match self.refusal(&item, disk_low) {
                Some(refusal) => {
                    self.counters.refused += 1;
                    Err(refusal)
                }
                None => {
                    self.counters.accepted += deliveries;
                    Ok(self.accept_message(now, item, batch))
                }
            };
            answers.push((tag, answer));
        }
        batch.answers.push(Answer::Accepted(reply, Accepted { items: answers }));
    }

    fn refusal(&mut self, message: &NewMessage, disk_low: bool) -> Option<AcceptRefusal> {
        let new = message.deliveries.len() as u64;
        if disk_low {
            Some(AcceptRefusal::DiskLow)
        } else if new == 0 || self.held() + new > self.limits.messages_max {
            // A message without a delivery could never reach a final state.
            Some(AcceptRefusal::StoreFull)
        } else {
            let full = message.deliveries.iter().any(|delivery| {
                let index = self.outboxes.index(delivery.outbox);
                let state = self.outboxes.get(index);
                state.waiting + new > state.rules.waiting_max
            });
            full.then_some(AcceptRefusal::OutboxFull)
        }
    }

    /// Deliveries that take a place of `messages_max`: all but those kept only to be asked for.
    pub(super) fn held(&self) -> u64 {
        let totals = &self.outboxes.totals;
        totals.iter().sum::<u64>() - totals[Stage::Retained as usize]
    }

    fn accept_message(&mut self, now: Timestamp, message: NewMessage, batch: &mut Batch) -> MessageId {
        if message.replaces {
            self.withdraw_replaced(now, &message, batch);
        }
        let tick = self.next_tick(now, message.aliased);
        let marks = Marks::new(message.aliased);
        let origin = self.origin_index(message.origin);
        let mut shared: Option<Shared> = None;
        for delivery in message.deliveries {
            let outbox = self.outboxes.index(delivery.outbox);
            let entry = Entry {
                tick,
                accepted: now,
                origin: message.origin,
                outbox: delivery.outbox,
                priority: message.priority.min(3),
                receipts: message.receipts,
                // The order in an outbox is that of arrival here: senders' clocks differ by a millisecond or two.
                due: message.due.max(now),
                expires: message.expires,
                destination: delivery.destination.unwrap_or(message.destination),
                fingerprint: message.fingerprint,
                marks,
                peer: message.peer,
            };
            let slot = self.slab.next_slot();
            let (body, record, octets) = match delivery.body {
                Some(own) => {
                    let body: Arc<[u8]> = own.as_ref().into();
                    let event = |body| Event::Accepted { slot, entry, body };
                    let (record, octets) = self.record_with_body(now, slot, &body, event, batch);
                    // The next one cannot refer to the shared body over this one.
                    if let Some(shared) = &mut shared {
                        shared.record = None;
                    }
                    (body, record, octets)
                }
                None => {
                    let shared =
                        shared.get_or_insert_with(|| Shared { body: message.body.as_ref().into(), record: None });
                    let (record, octets) = self.record_shared(now, slot, entry, shared, batch);
                    (shared.body.clone(), record, octets)
                }
            };
            self.ledger.add(record, octets);
            let peer = self.peers.hold(message.peer);
            let delivery = Delivery {
                tick,
                accepted: now,
                due: entry.due,
                expires: entry.expires,
                done: Timestamp::default(),
                destination: entry.destination,
                record,
                body: Body::Memory(body),
                operator_id: OperatorId::None,
                fingerprint: entry.fingerprint,
                octets,
                number: self.first_lease,
                outbox,
                origin,
                peer,
                attempts: 0,
                unanswered: 0,
                priority: entry.priority,
                stage: Stage::Staged,
                state: MessageState::Enroute,
                receipts: entry.receipts,
                taken: false,
                marks,
                error: NO_ERROR,
            };
            self.outboxes.enter(&delivery);
            self.addresses.insert(slot, &delivery);
            self.slab.push(delivery);
            if message.aliased {
                self.remember_alias(slot);
            }
            self.slab.wake_at(slot, entry.expires);
            batch.staged.push((slot, self.first_lease));
        }
        self.ids.id(tick)
    }

    /// Writes a delivery with the message's body: once per record, the others refer to the one before.
    fn record_shared(
        &mut self,
        now: Timestamp,
        slot: u64,
        entry: Entry,
        shared: &mut Shared,
        batch: &mut Batch,
    ) -> (RecordNumber, u32) {
        let short = Event::Accepted { slot, entry, body: BodyOctets::AsBefore };
        if shared.record == Some(batch.writer.number()) && batch.writer.room(&short.names()) >= short.size_max() {
            return self.record(now, &short, batch);
        }
        let event = |body| Event::Accepted { slot, entry, body };
        let (record, octets) = self.record_with_body(now, slot, &shared.body, event, batch);
        shared.record = (record == batch.writer.number()).then_some(record);
        (record, octets)
    }
}
