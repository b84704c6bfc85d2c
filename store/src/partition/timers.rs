//! What time does: messages become due, expire, are given up, are forgotten.

use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::outcome::Verdict;
use super::{Batch, Partition, end_of};
use crate::lifecycle::{NO_ERROR, Stage};

/// Bounds of one call.
const DUE_MAX: usize = 4_096;
const CHUNKS_MAX: usize = 4;
const PARKED_MAX: usize = 256;
const FORGET_MAX: usize = 4_096;

impl Partition {
    /// Does what is due: retries become ready, validity and retention end, parked receipts are tried again.
    /// Bounded work per call; [`poll_timeout`](Self::poll_timeout) stays in the past while there is more.
    pub fn handle_timeout(&mut self, now: Timestamp, batch: &mut Batch) {
        self.latest = now;
        self.become_due(now);
        self.resume_reroutes(now, batch);
        for _ in 0..CHUNKS_MAX {
            let Some(chunk) = self.slab.take_woken(now) else { break };
            self.end_in_chunk(now, chunk, batch);
        }
        self.try_due_parked(now, PARKED_MAX, batch);
        self.drop_old_cdrs(now, FORGET_MAX, batch);
        for _ in 0..FORGET_MAX {
            let Some((slot, since)) = self.retained.front() else { break };
            if since.plus(self.limits.retention) > now {
                break;
            }
            self.retained.pop();
            self.forget(slot);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let due = self.not_due.first().map(|(due, _)| *due);
        let forget = self.retained.front().map(|(_, since)| since.plus(self.limits.retention));
        let resume = self.has_reroutes_to_resume().then_some(self.latest);
        let drop_cdrs = self.next_cdr_to_drop();
        [due, self.slab.next_wake(), self.parked.next_due(), forget, resume, drop_cdrs].into_iter().flatten().min()
    }

    fn become_due(&mut self, now: Timestamp) {
        for _ in 0..DUE_MAX {
            let Some((_, slot)) = self.not_due.first().copied().filter(|(due, _)| *due <= now) else { break };
            self.not_due.pop_first();
            self.make_visible(now, slot);
        }
    }

    fn end_in_chunk(&mut self, now: Timestamp, chunk: u64, batch: &mut Batch) {
        let mut ended = Vec::new();
        let mut next: Option<(Timestamp, u64)> = None;
        for (slot, delivery) in self.slab.chunk(chunk) {
            match end_of(delivery, &self.limits, self.synthetic_from) {
                Some(end) if end <= now => ended.push(slot),
                Some(end) if next.is_none_or(|(earliest, _)| end < earliest) => next = Some((end, slot)),
                Some(_) | None => {}
            }
        }
        if let Some((end, slot)) = next {
            self.slab.wake_at(slot, end);
        }
        for slot in ended {
            self.end(now, slot, batch);
        }
    }

    /// The time of a delivery is over.
    fn end(&mut self, now: Timestamp, slot: u64, batch: &mut Batch) {
        let Some(delivery) = self.slab.get(slot) else { return };
        if delivery.is_receipt() {
            tracing::info!(
                message_id = %self.ids.id(delivery.tick),
                "no receiver took the receipt within account.receipt_lifetime: it is given up"
            );
            self.counters.receipts_expired += 1;
            let account = delivery.origin;
            self.outboxes.get_mut(account).receipts_expired += 1;
            return self.receipt_ends(now, slot, Some(now), batch);
        }
        if delivery.stage == Stage::Enroute {
            self.counters.synthetic_receipts += 1;
        }
        let verdict = Verdict { state: MessageState::Expired, error: NO_ERROR, done: now, parked: None };
        self.finalise(now, slot, verdict, batch);
    }
}
