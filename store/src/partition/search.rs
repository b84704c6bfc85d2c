//! Looking for messages on behalf of operations: never more than a step's worth of work at a time.

use smsc_proto::ids::MessageId;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::delivery::{Body, Delivery};
use super::{Batch, Partition};
use crate::lifecycle::Stage;
use crate::messages::*;
use crate::receipt_index::key_of;

/// Chunks of 1,024 messages that one step looks through: about a millisecond.
const CHUNKS_A_STEP: usize = 64;
/// Deliveries that a step returns at most, whatever the asker says.
const FOUND_MAX: usize = 1_000;

impl Partition {
    pub(super) fn search(&self, Search { tag, what, reply }: Search, batch: &mut Batch) {
        let (slots, next) = match what {
            Searching::Message(message) => (self.slots_of(message), None),
            Searching::OperatorId { operator, id } => {
                let known = self.correlations.get(key_of(operator, &id)).iter().rev().copied();
                (known.filter(|slot| self.is_known_as(*slot, operator, &id)).take(FOUND_MAX).collect(), None)
            }
            Searching::Destination { destination, from, until, highest, limit, after } => {
                self.look_through(destination, (from, until), highest, limit.min(FOUND_MAX), after)
            }
        };
        let deliveries = slots.into_iter().filter_map(|slot| self.detail(slot)).collect();
        let step = SearchStep { tag, partition: self.id, deliveries, next, reached: true };
        batch.answers.push(Answer::Searched(reply, step));
    }

    /// Newest first: whole chunks, until there are `limit` or the step's work is done.
    fn look_through(
        &self,
        destination: u64,
        (from, until): (Timestamp, Timestamp),
        highest: Option<MessageId>,
        limit: usize,
        after: Option<SearchPlace>,
    ) -> (Vec<u64>, Option<SearchPlace>) {
        // Of the millisecond of the highest id a partition with a lower number has higher ticks.
        let end = highest.map_or(u64::MAX, |highest| highest.tick().saturating_add(MessageId::SEQUENCES));
        let ticks = MessageId::tick_at(from.as_millis())..MessageId::tick_at(until.as_millis()).min(end);
        let is_low = |tick| highest.is_none_or(|highest| self.ids.id(tick) <= highest);
        let begin = after.map_or((ticks.end, 0), |place| (place.lowest_tick, place.chunk));
        let mut found = Vec::new();
        let mut last = None;
        for (lowest_tick, chunk) in self.slab.chunks_before(begin).take(CHUNKS_A_STEP) {
            let fits = |delivery: &Delivery| {
                delivery.destination == destination && ticks.contains(&delivery.tick) && is_low(delivery.tick)
            };
            let there = self.slab.chunk(chunk).filter(|(_, delivery)| fits(delivery)).map(|(slot, _)| slot);
            let there: Vec<u64> = there.collect();
            found.extend(there.into_iter().rev());
            // Ticks rise with slots: what lies before this chunk is older.
            if lowest_tick < ticks.start {
                return (found, None);
            }
            last = Some(SearchPlace { lowest_tick, chunk });
            if found.len() >= limit {
                break;
            }
        }
        // Without any left the next step finds nothing and says so.
        (found, last)
    }

    fn detail(&self, slot: u64) -> Option<DeliveryDetail> {
        let status = self.status(slot)?;
        let delivery = self.slab.get(slot)?;
        Some(DeliveryDetail {
            status,
            outbox: self.outboxes.get(delivery.outbox).outbox,
            place: match delivery.stage {
                Stage::Staged => DeliveryPlace::Storing,
                Stage::Scheduled => DeliveryPlace::Scheduled,
                Stage::Retry => DeliveryPlace::Retry,
                Stage::Ready => DeliveryPlace::Ready,
                Stage::Leased => DeliveryPlace::Leased,
                Stage::Enroute => DeliveryPlace::Enroute,
                Stage::Retained | Stage::Owed | Stage::Gone => DeliveryPlace::Done,
            },
            priority: delivery.priority,
            unanswered: u32::from(delivery.unanswered),
            due: delivery.due,
            expires: delivery.expires,
            body: match &delivery.body {
                Body::Memory(body) => Some(body.clone()),
                Body::None => None,
            },
        })
    }
}
