//! What the binds of a run share: its phase, its counts, and the number of the next message.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;

use super::receipts::Receipts;
use super::tally::Tally;
use super::template::Template;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Messages go out.
    Sending = 0,
    /// No more messages; responses and receipts are waited for.
    Draining = 1,
    /// Unbind.
    Over = 2,
}

/// One run, as all its binds see it.
#[derive(Debug)]
pub(super) struct Run {
    /// The window of each bind.
    pub(super) window: usize,
    /// How long a message waits for its response.
    pub(super) response_timeout: Duration,
    templates: Vec<Template>,
    bound: AtomicUsize,
    phase: AtomicU8,
    interrupts: AtomicU8,
    outstanding: AtomicUsize,
    next: AtomicU64,
    count: u64,
    tally: Mutex<Tally>,
    receipts: Option<Mutex<Receipts>>,
}

impl Run {
    /// A run of at most `count` messages, written by the templates in turn (at least one). `receipts`: whether they are
    /// waited for.
    pub(super) fn new(
        receipts: bool,
        window: usize,
        response_timeout: Duration,
        templates: Vec<Template>,
        count: u64,
    ) -> Self {
        let receipts = receipts.then(|| Mutex::new(Receipts::new()));
        Self {
            window,
            response_timeout,
            templates,
            bound: AtomicUsize::new(0),
            phase: AtomicU8::new(Phase::Sending as u8),
            interrupts: AtomicU8::new(0),
            outstanding: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            count,
            tally: Mutex::new(Tally::new()),
            receipts,
        }
    }

    /// Appends message `number`.
    pub(super) fn write(&self, sequence_number: u32, number: u64, out: &mut BytesMut) {
        let templates = self.templates.len() as u64;
        self.templates[(number % templates) as usize].write(sequence_number, number / templates, out);
    }

    /// A bind is bound.
    pub(super) fn came(&self) {
        self.bound.fetch_add(1, Ordering::AcqRel);
    }

    /// A bind is lost.
    pub(super) fn went(&self) {
        self.bound.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many are bound.
    pub(super) fn bound(&self) -> usize {
        self.bound.load(Ordering::Acquire)
    }

    /// Where it is.
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Sending,
            1 => Phase::Draining,
            _ => Phase::Over,
        }
    }

    /// The next phase begins; the binds are to be woken.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// Somebody is impatient.
    pub(super) fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::AcqRel);
    }

    /// How often somebody was: the first time ends the sending, the second the waiting.
    pub(super) fn interrupts(&self) -> u8 {
        self.interrupts.load(Ordering::Acquire)
    }

    /// Takes the numbers of up to `wanted` messages of an unpaced run: the first, and how many there are. They count as
    /// outstanding.
    pub(super) fn claim(&self, wanted: usize) -> (u64, usize) {
        if wanted == 0 || self.is_all_claimed() {
            return (0, 0);
        }
        // Outstanding first: whoever sees that all are claimed must not find that none is outstanding.
        self.outstanding.fetch_add(wanted, Ordering::AcqRel);
        let first = self.next.fetch_add(wanted as u64, Ordering::AcqRel);
        let claimed = self.count.saturating_sub(first).min(wanted as u64) as usize;
        self.settled(wanted - claimed);
        (first, claimed)
    }

    /// Takes one message of a paced run, unless its number is beyond the run. It counts as outstanding.
    pub(super) fn claim_number(&self, number: u64) -> bool {
        if number >= self.count {
            return false;
        }
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        self.next.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// How many messages of the run were never claimed.
    pub(super) fn unclaimed(&self) -> u64 {
        self.count.saturating_sub(self.next.load(Ordering::Acquire))
    }

    /// Whether every message of the run has gone out or is about to.
    pub(super) fn is_all_claimed(&self) -> bool {
        self.next.load(Ordering::Acquire) >= self.count
    }

    /// Outstanding messages were answered, or never will be.
    pub(super) fn settled(&self, number: usize) {
        self.outstanding.fetch_sub(number, Ordering::AcqRel);
    }

    /// How many messages wait for their responses.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Acquire)
    }

    /// The counts. Held for one batch, never over an await.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits for receipts; `None` when none are asked for. Taken after the tally where both are needed.
    pub(super) fn receipts(&self) -> Option<MutexGuard<'_, Receipts>> {
        self.receipts.as_ref().map(|receipts| receipts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many messages wait for their receipts.
    pub(super) fn receipts_waiting(&self) -> u64 {
        self.receipts().map_or(0, |receipts| receipts.waiting())
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::address::Address;

    use super::*;

    #[test]
    fn no_more_messages_are_claimed_than_the_run_has() {
        let templates = vec![Template::new(Address::default(), "46", 1, 1)];
        let run = Run::new(true, 10, Duration::from_secs(30), templates, 25);
        assert_eq!(run.claim(10), (0, 10));
        assert_eq!(run.claim(10), (10, 10));
        assert!(!run.is_all_claimed());
        assert_eq!(run.claim(10), (20, 5));
        assert!(run.is_all_claimed());
        assert_eq!(run.claim(10).1, 0);
        assert_eq!((run.outstanding(), run.unclaimed()), (25, 0));
        assert!(run.claim_number(24) && !run.claim_number(25));
    }
}
