//! Replacing: other times, receipts and text for a message that is still pending.

use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::{Batch, Partition};
use crate::event::{Event, TextOctets};
use crate::messages::*;

impl Partition {
    /// Changes all deliveries of the message that are still pending, or none. They leave with their new text only when
    /// that is durable.
    pub(super) fn replace(&mut self, now: Timestamp, replace: Replace, batch: &mut Batch) {
        let result = self.try_replace(now, &replace, batch);
        batch.answers.push(Answer::Replaced(replace.reply, Replaced { tag: replace.tag, result }));
    }

    fn try_replace(&mut self, now: Timestamp, replace: &Replace, batch: &mut Batch) -> Result<(), NotReplaced> {
        let slots = self.withdrawable_of(replace.account, replace.like, replace.message);
        // The parts of a message that was cut have texts of their own, and the operator may have some of them already.
        let is_cut = |slot: &u64| self.slab.get(*slot).is_some_and(|delivery| delivery.receipts.is_of_a_part());
        if slots.is_empty() || slots.iter().any(is_cut) {
            return Err(NotReplaced::NotPending);
        }
        let length = replace.text.octets.len();
        if length > NewText::LENGTH_MAX || !self.replacements.has_room(length * slots.len()) {
            return Err(NotReplaced::NoRoom);
        }
        let times = |slot: u64| {
            let delivery = self.slab.get(slot)?;
            Some((slot, replace.due.unwrap_or(delivery.due), replace.expires.unwrap_or(delivery.expires)))
        };
        let changes: Vec<_> = slots.into_iter().filter_map(times).collect();
        if changes.iter().any(|(_, due, expires)| expires <= due || *expires <= now) {
            return Err(NotReplaced::TimesCross);
        }
        let text = TextOctets { octets: &replace.text.octets, payload: replace.text.payload };
        for (slot, due, expires) in changes {
            let event = Event::Replaced { slot, due, expires, receipts: replace.receipts, text };
            let octets = self.record(now, &event, batch).1;
            self.grow(slot, octets);
            self.replacements.insert(slot, text);
            self.unqueue(slot);
            self.change_and_stage(slot, batch, |delivery| {
                (delivery.due, delivery.expires, delivery.receipts) = (due, expires, replace.receipts);
            });
        }
        Ok(())
    }

    /// Start-up: what such an event says. Of a receipt only the text counts, which it quotes.
    pub(super) fn apply_replaced(
        &mut self,
        slot: u64,
        due: Timestamp,
        expires: Timestamp,
        receipts: ReceiptRequest,
        text: TextOctets<'_>,
    ) {
        self.replacements.insert(slot, text);
        self.change(slot, |delivery| {
            if !delivery.is_receipt() {
                (delivery.due, delivery.expires, delivery.receipts) = (due, expires, receipts);
            }
        });
    }

    /// Re-appends the text of a delivery whose base was re-appended, if it was replaced. Returns its octets.
    pub(super) fn keep_text(&mut self, now: Timestamp, slot: u64, batch: &mut Batch) -> u32 {
        let Some(delivery) = self.slab.get(slot) else { return 0 };
        let (due, expires, receipts) = (delivery.due, delivery.expires, delivery.receipts);
        // Taken out for the moment: it is written by the partition that holds it.
        let Some(text) = self.replacements.take(slot) else { return 0 };
        let event = Event::Replaced { slot, due, expires, receipts, text: text.as_octets() };
        let octets = self.record(now, &event, batch).1;
        self.grow(slot, octets);
        self.replacements.put(slot, text);
        octets
    }
}
