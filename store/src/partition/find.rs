//! Questions about one message, by its id or its alias.

use smsc_proto::ids::{MessageAlias, MessageId, MessageRef};
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::{Batch, Partition};
use crate::fingerprint::Fingerprint;
use crate::lifecycle::Stage;
use crate::messages::*;
use crate::name::Name;

impl Partition {
    pub(super) fn find(&self, Find { tag, message, reply }: Find, batch: &mut Batch) {
        let slots = self.slots_of(message);
        let deliveries = slots.into_iter().filter_map(|slot| self.status(slot)).collect();
        batch.answers.push(Answer::Found(reply, Found { tag, deliveries, reached: true }));
    }

    pub(super) fn status(&self, slot: u64) -> Option<DeliveryStatus> {
        let delivery = self.slab.get(slot)?;
        Some(DeliveryStatus {
            message_id: self.ids.id(delivery.tick),
            origin: self.origin_of(delivery),
            fingerprint: delivery.fingerprint,
            destination: delivery.destination,
            state: match (delivery.state, delivery.stage) {
                (MessageState::Enroute, Stage::Scheduled) => MessageState::Scheduled,
                (state, _) => state,
            },
            error: delivery.error,
            attempts: u32::from(delivery.attempts),
            accepted: delivery.accepted,
            done: delivery.state.is_final().then_some(delivery.done),
            operator_message_id: delivery
                .operator_id
                .get()
                .or_else(|| self.aliases.get(&slot).and_then(|aliases| aliases.first()).map(|(_, id)| id.clone())),
        })
    }

    /// The deliveries of a message, in rising order of their slots.
    pub(super) fn slots_of(&self, message: MessageRef) -> Vec<u64> {
        match message {
            MessageRef::Id(id) if id.partition() == self.id => self.slab.with_tick(id.tick()),
            MessageRef::Id(_) => Vec::new(),
            MessageRef::Alias(alias) => self.by_alias.get(u64::from(alias.as_u32())).to_vec(),
        }
    }

    /// The deliveries of a message that the account may still withdraw.
    pub(super) fn withdrawable_of(&self, account: Name, like: Fingerprint, message: MessageRef) -> Vec<u64> {
        let Some(account) = self.outboxes.find(Outbox::Account(account)) else { return Vec::new() };
        let mut slots = self.slots_of(message);
        slots.retain(|slot| {
            self.slab.get(*slot).is_some_and(|delivery| {
                delivery.origin == account && delivery.is_withdrawable() && delivery.fingerprint.has_source_of(like)
            })
        });
        slots
    }

    /// The next id; one whose alias is not taken by a message that is kept, if its sender is to know it by that (S23).
    pub(super) fn next_tick(&mut self, now: Timestamp, aliased: bool) -> u64 {
        loop {
            let tick = self.ids.next_tick(now);
            if !aliased || self.by_alias.get(alias_key(self.ids.id(tick))).is_empty() {
                return tick;
            }
        }
    }

    /// From now on a delivery is found by its message's alias, if it has one.
    pub(super) fn remember_alias(&mut self, slot: u64) {
        if let Some(delivery) = self.slab.get(slot)
            && delivery.marks.aliased()
        {
            self.by_alias.insert(alias_key(self.ids.id(delivery.tick)), slot);
        }
    }

    /// It is forgotten.
    pub(super) fn forget_alias(&mut self, slot: u64) {
        if let Some(delivery) = self.slab.get(slot)
            && delivery.marks.aliased()
        {
            self.by_alias.remove(alias_key(self.ids.id(delivery.tick)), slot);
        }
    }
}

fn alias_key(id: MessageId) -> u64 {
    u64::from(MessageAlias::of(id).as_u32())
}
