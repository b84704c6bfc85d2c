//! The peer's requests: how many the owner has not answered yet, and those that are held back until it has (S17).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::SessionOptions;
use crate::smpp::codec::Frame;

/// A request that waits for a place among the unanswered ones.
#[derive(Debug)]
struct Held {
    frame: Frame,
    /// `None`: it may wait for ever.
    deadline: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct PeerRequests {
    /// 0: no limit.
    unanswered_max: usize,
    unanswered: usize,
    held: VecDeque<Held>,
    held_max: usize,
    held_for: Duration,
}

impl PeerRequests {
    pub(super) fn new(options: &SessionOptions) -> Self {
        Self {
            unanswered_max: options.requests_max,
            unanswered: 0,
            held: VecDeque::new(),
            held_max: options.held_max,
            held_for: options.held_for,
        }
    }

    pub(super) fn set_unanswered_max(&mut self, unanswered_max: usize) {
        self.unanswered_max = unanswered_max;
    }

    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Whether nothing of the peer waits for an answer.
    pub(super) fn all_answered(&self) -> bool {
        self.unanswered == 0 && self.held.is_empty()
    }

    /// Whether the owner may be given one more.
    pub(super) fn has_place(&self) -> bool {
        self.unanswered_max == 0 || self.unanswered < self.unanswered_max
    }

    /// Whether a request that comes now may go to the owner at once: not past those that are held back.
    pub(super) fn may_pass(&self) -> bool {
        self.held.is_empty() && self.has_place()
    }

    /// The owner was given one.
    pub(super) fn given(&mut self) {
        self.unanswered += 1;
    }

    /// The owner answered one.
    pub(super) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Whether as many are held back as may be.
    pub(super) fn is_full(&self) -> bool {
        self.held_max > 0 && self.held.len() >= self.held_max
    }

    /// Holds a request back, or returns it if there is no room: then it is to be refused.
    pub(super) fn hold(&mut self, now: Instant, frame: Frame) -> Result<(), Frame> {
        if self.held.len() >= self.held_max {
            return Err(frame);
        }
        let deadline = if self.held_for.is_zero() { None } else { now.checked_add(self.held_for) };
        self.held.push_back(Held { frame, deadline });
        Ok(())
    }

    /// The oldest that is held back.
    pub(super) fn take_oldest(&mut self) -> Option<Frame> {
        self.held.pop_front().map(|held| held.frame)
    }

    /// The oldest that is held back, if it has waited too long.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Frame> {
        if self.next_deadline()? > now {
            return None;
        }
        self.take_oldest()
    }

    /// When the oldest will have waited too long.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.held.front().and_then(|held| held.deadline)
    }

    /// Nobody will answer any more.
    pub(super) fn clear(&mut self) {
        self.unanswered = 0;
        self.held = VecDeque::new();
    }

    /// Gives memory back that a burst has taken.
    pub(super) fn shrink(&mut self) {
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
    }
}
