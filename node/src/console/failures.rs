//! The last attempts to deliver that came to nothing, so that a message's life can be told with the names of its errors.
//!
//! The store keeps how many attempts there were and what became of the message; why each one failed only this remembers,
//! since the node's start, and no more than [`KEPT_MAX`] of them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use smsc_proto::ids::MessageId;
use smsc_proto::timestamp::Timestamp;
use smsc_store::Name;

use crate::attempt::Answer;

/// Attempts that are kept; the oldest go first.
pub const KEPT_MAX: usize = 20_000;

/// An attempt to hand a message to an operator, or a message or receipt to an ESME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Of which message.
    pub message_id: MessageId,
    /// When its answer came, or no answer was awaited any more.
    pub at: Timestamp,
    /// To whom.
    pub towards: Name,
    /// 1 for the first.
    pub number: u32,
    /// What it was told.
    pub answer: Answer,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Failures {
    kept: Mutex<VecDeque<FailedAttempt>>,
}

impl Failures {
    /// Remembers one.
    pub fn add(&self, attempt: FailedAttempt) {
        let mut kept = self.kept();
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(attempt);
    }

    /// Those of a message, oldest first. Looks through all: for questions of people.
    pub fn of(&self, message_id: MessageId) -> Vec<FailedAttempt> {
        self.kept().iter().filter(|attempt| attempt.message_id == message_id).copied().collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<FailedAttempt>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(message_id: u64, number: u32) -> FailedAttempt {
        FailedAttempt {
            message_id: MessageId::from_u64(message_id).expect("an id"),
            at: Timestamp::from_millis(u64::from(number)),
            towards: Name::intern("ex-a"),
            number,
            answer: Answer::Status("ESME_RTHROTTLED", 0x58),
        }
    }

    #[test]
    fn a_messages_failed_attempts_are_told_in_their_order() {
        let failures = Failures::default();
        [attempt(7, 1), attempt(8, 1), attempt(7, 2)].into_iter().for_each(|one| failures.add(one));
        let numbers: Vec<_> = failures.of(attempt(7, 1).message_id).iter().map(|one| one.number).collect();
        assert_eq!(numbers, [1, 2]);
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many() {
        let failures = Failures::default();
        failures.add(attempt(7, 1));
        (0..KEPT_MAX).for_each(|_| failures.add(attempt(8, 1)));
        assert_eq!(failures.of(attempt(7, 1).message_id), []);
        assert_eq!(failures.of(attempt(8, 1).message_id).len(), KEPT_MAX);
    }
}
