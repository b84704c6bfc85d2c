//! Outstanding requests of one connection by sequence_number, in an array.
//!
//! Sequence numbers rise by one, so that the place of a request is its distance from the oldest one: no hashing, no
//! allocation per request.

use std::collections::VecDeque;

/// The highest sequence_number; after it comes 1 (S5).
const SEQUENCE_NUMBER_MAX: u32 = 0x7FFF_FFFF;

/// What belongs to each outstanding request. Bounded by its room: a request that is never answered holds at most
/// `room * 4` places open, then nothing more is taken in until it is settled.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    slots: VecDeque<Option<T>>,
    oldest: u32,
    outstanding: usize,
    window: usize,
}

impl<T> Ring<T> {
    /// Room for `window` outstanding requests; the first sequence_number is `first`.
    pub(crate) fn new(window: usize, first: u32) -> Self {
        Self { slots: VecDeque::with_capacity(window.min(4_096)), oldest: first, outstanding: 0, window }
    }

    /// How many more requests may go out.
    pub(crate) fn room(&self) -> usize {
        let by_window = self.window - self.outstanding;
        let by_length = (self.window * 4).saturating_sub(self.slots.len());
        by_window.min(by_length)
    }

    /// How many are outstanding.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Takes a request in and gives it its sequence_number. Ask [`room`](Self::room) before.
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let sequence_number = wrapped(self.oldest, self.slots.len() as u32);
        self.slots.push_back(Some(item));
        self.outstanding += 1;
        sequence_number
    }

    /// Gives a number to a request that nobody waits for, enquire_link say.
    pub(crate) fn skip(&mut self) -> u32 {
        let sequence_number = wrapped(self.oldest, self.slots.len() as u32);
        self.slots.push_back(None);
        self.drop_settled();
        sequence_number
    }

    /// The request that a response answers; `None` if there is no such request outstanding.
    pub(crate) fn take(&mut self, sequence_number: u32) -> Option<T> {
        let place = distance(self.oldest, sequence_number)? as usize;
        let item = self.slots.get_mut(place)?.take()?;
        self.outstanding -= 1;
        if place == 0 {
            self.drop_settled();
        }
        Some(item)
    }

    /// The request that has waited longest.
    pub(crate) fn oldest(&self) -> Option<&T> {
        self.slots.front().and_then(Option::as_ref)
    }

    /// Takes the request that has waited longest.
    pub(crate) fn take_oldest(&mut self) -> Option<T> {
        self.take(self.oldest)
    }

    fn drop_settled(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.oldest = wrapped(self.oldest, 1);
        }
    }
}

/// `number + steps`, from 0x7FFFFFFF on to 1.
fn wrapped(number: u32, steps: u32) -> u32 {
    let sum = u64::from(number) + u64::from(steps);
    let over = sum.saturating_sub(u64::from(SEQUENCE_NUMBER_MAX));
    if over == 0 { sum as u32 } else { over as u32 }
}

/// How many steps lead from `from` to `to`; `None` for numbers that are never given.
fn distance(from: u32, to: u32) -> Option<u32> {
    if to == 0 || to > SEQUENCE_NUMBER_MAX {
        return None;
    }
    Some(if to >= from { to - from } else { SEQUENCE_NUMBER_MAX - from + to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_may_come_in_any_order() {
        let mut ring = Ring::new(3, 1);
        let numbers: Vec<u32> = ["a", "b", "c"].into_iter().map(|item| ring.push(item)).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(ring.room(), 0);

        assert_eq!(ring.take(2), Some("b"));
        assert_eq!(ring.oldest(), Some(&"a"));
        assert_eq!(ring.take(1), Some("a"));
        assert_eq!(ring.oldest(), Some(&"c"), "the gap that b left is closed");
        assert_eq!((ring.outstanding(), ring.room()), (1, 2));
    }

    #[test]
    fn a_response_settles_once_and_only_what_was_sent() {
        let mut ring = Ring::new(2, 1);
        ring.push("a");
        assert_eq!(ring.take(1), Some("a"));
        assert_eq!(ring.take(1), None);
        assert_eq!(ring.take(7), None);
        assert_eq!(ring.take(0), None);
        assert_eq!(ring.take(0x8000_0001), None);
    }

    #[test]
    fn numbers_wrap_to_one() {
        let mut ring = Ring::new(4, SEQUENCE_NUMBER_MAX - 1);
        let numbers: Vec<u32> = (0..4).map(|item| ring.push(item)).collect();
        assert_eq!(numbers, [SEQUENCE_NUMBER_MAX - 1, SEQUENCE_NUMBER_MAX, 1, 2]);
        assert_eq!(ring.take(1), Some(2));
        assert_eq!(ring.take(SEQUENCE_NUMBER_MAX - 1), Some(0));
        assert_eq!(ring.take_oldest(), Some(1));
        assert_eq!(ring.take(2), Some(3));
        assert_eq!(ring.outstanding(), 0);
    }

    #[test]
    fn one_request_without_an_answer_holds_a_bounded_number_of_places() {
        let mut ring = Ring::new(2, 1);
        ring.push(0);
        let mut sent = 1;
        while ring.room() > 0 {
            let number = ring.push(sent);
            ring.take(number);
            sent += 1;
        }
        assert_eq!(sent, 8, "four times the window");
        assert_eq!(ring.take(1), Some(0));
        assert_eq!(ring.room(), 2);
    }

    #[test]
    fn a_number_that_nobody_waits_for_leaves_no_trace() {
        let mut ring: Ring<&str> = Ring::new(2, 1);
        assert_eq!(ring.skip(), 1);
        assert_eq!(ring.push("a"), 2);
        assert_eq!(ring.skip(), 3);
        assert_eq!(ring.take(3), None);
        assert_eq!(ring.take(2), Some("a"));
        assert_eq!((ring.room(), ring.push("b")), (2, 4));
    }
}
