//! Cancelling: what is still pending ends as DELETED, by the events of any other final state.

use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::outcome::Verdict;
use super::{Batch, Partition};
use crate::lifecycle::NO_ERROR;
use crate::messages::*;

/// Deliveries that one step ends: the partition serves others between two steps.
const STEP_MAX: usize = 1_000;

impl Partition {
    /// One step. A delivery that is with an operator, or may be, stays: nobody could take it back (S47).
    pub(super) fn cancel(&mut self, now: Timestamp, cancel: Cancel, batch: &mut Batch) {
        let Cancel { tag, account, like, what, reply } = cancel;
        let mut slots = match what {
            Cancelling::Message(message) => self.withdrawable_of(account, like, message),
            Cancelling::Between { destination } => {
                let there = self.withdrawable_between(account, like, destination);
                there.map(|(slot, _)| slot).take(STEP_MAX + 1).collect()
            }
        };
        let more = slots.len() > STEP_MAX;
        slots.truncate(STEP_MAX);
        let count = slots.len() as u32;
        for slot in slots {
            self.withdraw(now, slot, batch);
        }
        batch.answers.push(Answer::Cancelled(reply, Cancelled { tag, count, more, reached: true }));
    }

    /// Ends the newest pending message that a new one takes the place of, if there is one (S37).
    pub(super) fn withdraw_replaced(&mut self, now: Timestamp, message: &NewMessage, batch: &mut Batch) {
        let Origin::Account(account) = message.origin else { return };
        let like = message.fingerprint;
        let mut newest_first = self.withdrawable_between(account, like, message.destination).rev();
        let found = newest_first.find(|(_, delivery)| delivery.fingerprint == like).map(|(slot, _)| slot);
        drop(newest_first);
        if let Some(slot) = found {
            self.withdraw(now, slot, batch);
        }
    }

    /// Ends it as DELETED.
    pub(super) fn withdraw(&mut self, now: Timestamp, slot: u64, batch: &mut Batch) {
        let verdict = Verdict { state: MessageState::Deleted, error: NO_ERROR, done: now, parked: None };
        self.finalise(now, slot, verdict, batch);
    }
}
