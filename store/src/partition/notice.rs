//! Intermediate notifications: an operator reports that it still tries, and the sender has asked to be told (S36).
//!
//! A notice is a delivery of its own for the account. Its body is a head that says what it reports, and behind that the
//! body of the message that it is about, whose addresses it needs. It is news and no promise: there is one per message,
//! none while the account has no room for it, none when the body is not at hand, and none before the operator's response
//! has told which message it is about.

use std::sync::Arc;

use smsc_proto::message_state::MessageState;
use smsc_proto::receipt::ReceiptError;
use smsc_proto::timestamp::Timestamp;

use super::delivery::{Body, Delivery, Marks};
use super::{Batch, Partition};
use crate::event::{Entry, Event, ParkedReceipt};
use crate::fingerprint::Fingerprint;
use crate::message_id::MessageIds;
use crate::messages::*;

/// What a notice reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    /// Of the message.
    tick: u64,
    accepted: Timestamp,
    aliased: bool,
    state: MessageState,
    error: ReceiptError,
    done: Timestamp,
}

impl Notice {
    const HEAD: usize = 8 + 8 + 8 + 1 + 1 + 3;

    fn write(&self, about: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(Self::HEAD + about.len());
        body.extend(self.tick.to_le_bytes());
        body.extend(self.accepted.as_millis().to_le_bytes());
        body.extend(self.done.as_millis().to_le_bytes());
        body.extend([u8::from(self.aliased), self.state as u8]);
        body.extend(self.error);
        body.extend_from_slice(about);
        body
    }

    /// Makes of a leased notice what it is to the ESME: something about the message, with the message's body.
    pub(super) fn unfold(leased: &mut LeasedDelivery, ids: &MessageIds) {
        let Some((notice, about)) = Self::read(&leased.body) else { return };
        leased.message_id = ids.id(notice.tick);
        leased.aliased = notice.aliased;
        leased.accepted = notice.accepted;
        leased.content = Content::Receipt { state: notice.state, error: notice.error, done: notice.done };
        leased.body = about.into();
    }

    /// The notice, and the body that it is about.
    fn read(body: &[u8]) -> Option<(Self, &[u8])> {
        let (tick, rest) = body.split_first_chunk()?;
        let (accepted, rest) = rest.split_first_chunk()?;
        let (done, rest) = rest.split_first_chunk()?;
        let ([aliased, state, error @ ..], about) = rest.split_first_chunk::<5>()?;
        let notice = Self {
            tick: u64::from_le_bytes(*tick),
            accepted: Timestamp::from_millis(u64::from_le_bytes(*accepted)),
            done: Timestamp::from_millis(u64::from_le_bytes(*done)),
            aliased: *aliased != 0,
            state: MessageState::from_octet(*state)?,
            error: *error,
        };
        Some((notice, about))
    }
}

impl Partition {
    /// An operator has reported a state that is not final.
    pub(super) fn notify(&mut self, now: Timestamp, report: &ParkedReceipt, batch: &mut Batch) {
        self.counters.intermediate += 1;
        let Some(slot) = self.correlate(report) else { return };
        let Some(delivery) = self.slab.get(slot).filter(|delivery| self.wants_notice(delivery)) else { return };
        let Body::Memory(body) = &delivery.body else { return };
        let notice = Notice {
            tick: delivery.tick,
            accepted: delivery.accepted,
            aliased: delivery.marks.aliased(),
            state: report.state,
            error: report.error,
            done: report.done,
        };
        let body: Arc<[u8]> = notice.write(&self.replacements.apply(slot, body)).into();
        self.make_notice(now, slot, body, batch);
    }

    fn wants_notice(&self, delivery: &Delivery) -> bool {
        let account = self.outboxes.get(delivery.origin);
        !delivery.is_receipt()
            && delivery.receipts.wants_intermediate()
            && !delivery.marks.notified()
            && matches!(account.outbox, Outbox::Account(_))
            && account.waiting < account.rules.waiting_max
            && self.held() < self.limits.messages_max
    }

    fn make_notice(&mut self, now: Timestamp, about: u64, body: Arc<[u8]>, batch: &mut Batch) {
        let tick = self.ids.next_tick(now);
        let Some(delivery) = self.slab.get_mut(about) else { return };
        delivery.marks = delivery.marks.with_notified();
        let (priority, destination, peer) = (delivery.priority, delivery.destination, delivery.peer);
        let account = self.outboxes.get(delivery.origin);
        let Outbox::Account(name) = account.outbox else { return };
        let entry = Entry {
            tick,
            accepted: now,
            origin: Origin::Account(name),
            outbox: account.outbox,
            priority,
            receipts: ReceiptRequest::default(),
            due: now,
            expires: now.plus(account.rules.receipt_lifetime),
            destination,
            fingerprint: Fingerprint::default(),
            marks: Marks::default(),
            peer: self.peers.get_or_unknown(peer),
        };
        let slot = self.slab.next_slot();
        let event = |body| Event::Accepted { slot, entry, body };
        let (record, octets) = self.record_with_body(now, slot, &body, event, batch);
        self.insert(slot, &entry, Body::Memory(body.clone()), record, octets);
        self.slab.wake_at(slot, entry.expires);
        batch.staged.push((slot, self.first_lease));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_as_it_was_written() {
        let notice = Notice {
            tick: 77,
            accepted: Timestamp::from_millis(1),
            aliased: true,
            state: MessageState::Enroute,
            error: *b"042",
            done: Timestamp::from_millis(u64::MAX),
        };
        let body = notice.write(b"about");
        assert_eq!(Notice::read(&body), Some((notice, &b"about"[..])));
        assert_eq!(Notice::read(&body[..28]), None);
    }
}
