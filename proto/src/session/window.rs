//! Outstanding requests of one session, by sequence_number.
//!
//! A response frees its slot; so does the response timer, which hands the request back to the caller. A sequence_number
//! is never reused while outstanding (5.0 §2.6, S5).
//!
//! We choose the sequence numbers, so the table needs no hashing: a request lies in slot `sequence_number mod size`, and
//! a number whose slot is taken is passed over. The table holds at least twice as many slots as requests, therefore a
//! free one is near. The slots are also a list in the order of sending, which is the order of deadlines, because the
//! response time is the same for all.

use std::collections::VecDeque;
use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::smpp::command_id::CommandId;

/// The highest sequence_number; 1 follows (3.4 §5.1.4, S5).
pub(super) const SEQUENCE_MAX: u32 = 0x7FFF_FFFF;

/// No slot.
const NONE: u32 = u32::MAX;

/// Slots of the first table.
const SLOTS_MIN: usize = 8;

#[derive(Debug)]
struct Slot<T> {
    sequence_number: u32,
    request: CommandId,
    /// In reading time; `None`: it may take for ever.
    deadline: Option<Instant>,
    mark: T,
    older: u32,
    newer: u32,
}

/// What a response belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled<T> {
    /// A request that was outstanding, and is no more.
    InTime(T),
    /// A request that was reported unanswered.
    Late(T),
}

#[derive(Debug)]
pub(super) struct Window<T> {
    size_max: usize,
    count: usize,
    slots: Vec<Option<Slot<T>>>,
    oldest: u32,
    newest: u32,
    /// The last number given out.
    last_sequence: u32,
    unanswered: Unanswered<T>,
}

impl<T: Clone> Window<T> {
    pub(super) fn new(size_max: usize) -> Self {
        Self {
            size_max,
            count: 0,
            slots: Vec::new(),
            oldest: NONE,
            newest: NONE,
            last_sequence: 0,
            unanswered: Unanswered { by_sequence: FxHashMap::default(), order: VecDeque::new() },
        }
    }

    /// A smaller window takes effect as requests are answered.
    pub(super) fn set_size_max(&mut self, size_max: usize) {
        self.size_max = size_max;
    }

    pub(super) fn room(&self) -> usize {
        self.size_max.saturating_sub(self.count)
    }

    /// The next number for a PDU of ours that is not kept here: bind, unbind, enquire_link.
    pub(super) fn next_sequence(&mut self) -> u32 {
        // At least half of the slots are free, and whole runs of taken ones are passed once per turn of the table.
        loop {
            self.last_sequence = if self.last_sequence >= SEQUENCE_MAX { 1 } else { self.last_sequence + 1 };
            let slot = self.slot_of(self.last_sequence);
            if self.slots.get(slot).is_none_or(Option::is_none) {
                self.unanswered.forget(self.last_sequence);
                return self.last_sequence;
            }
        }
    }

    /// Takes a request in and returns its number; `None`: the window is full.
    ///
    /// The caller writes the PDU afterwards, so that no response can come before the request is known (Q4).
    pub(super) fn insert(&mut self, request: CommandId, deadline: Option<Instant>, mark: T) -> Option<u32> {
        if self.room() == 0 {
            return None;
        }
        if self.slots.len() < 2 * (self.count + 1) {
            self.grow();
        }
        let sequence_number = self.next_sequence();
        let index = self.slot_of(sequence_number);
        let older = self.newest;
        self.slots[index] = Some(Slot { sequence_number, request, deadline, mark, older, newer: NONE });
        let index = index as u32;
        self.set_newer(older, index);
        self.newest = index;
        self.count += 1;
        Some(sequence_number)
    }

    /// What the response with this number and command_id belongs to; a generic_nack settles any request (S3).
    pub(super) fn settle(&mut self, sequence_number: u32, response: CommandId) -> Option<Settled<T>> {
        let answers = |request: CommandId| response == CommandId::GENERIC_NACK || response == request.response();
        let index = self.slot_of(sequence_number);
        let found =
            self.slots.get(index).and_then(Option::as_ref).filter(|slot| slot.sequence_number == sequence_number);
        match found {
            Some(slot) if answers(slot.request) => self.remove(index).map(|slot| Settled::InTime(slot.mark)),
            Some(_) => None,
            None => self.unanswered.take(sequence_number, answers).map(Settled::Late),
        }
    }

    /// The deadline of the oldest request.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.slot(self.oldest).and_then(|slot| slot.deadline)
    }

    /// Takes the oldest request out if its time is over, and remembers it for a late response.
    pub(super) fn expire(&mut self, now: Instant) -> Option<T> {
        if self.next_deadline()? > now {
            return None;
        }
        let slot = self.remove(self.oldest as usize)?;
        self.unanswered.remember(slot.sequence_number, slot.request, slot.mark.clone(), self.size_max);
        Some(slot.mark)
    }

    /// Takes everything out, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        let mut marks = Vec::with_capacity(self.count);
        while self.oldest != NONE {
            marks.extend(self.remove(self.oldest as usize).map(|slot| slot.mark));
        }
        marks
    }

    /// As if that number had been the last.
    #[cfg(test)]
    pub(super) fn start_after(&mut self, sequence_number: u32) {
        self.last_sequence = sequence_number;
    }

    fn slot_of(&self, sequence_number: u32) -> usize {
        // The number of slots is a power of two, or zero: then there is no slot 0 either.
        sequence_number as usize & self.slots.len().saturating_sub(1)
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        self.slots.get(index as usize).and_then(Option::as_ref)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        self.slots.get_mut(index as usize).and_then(Option::as_mut)
    }

    fn remove(&mut self, index: usize) -> Option<Slot<T>> {
        let slot = self.slots.get_mut(index)?.take()?;
        self.set_newer(slot.older, slot.newer);
        match self.slot_mut(slot.newer) {
            Some(newer) => newer.older = slot.older,
            None => self.newest = slot.older,
        }
        self.count -= 1;
        Some(slot)
    }

    fn set_newer(&mut self, of: u32, newer: u32) {
        match self.slot_mut(of) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Doubles the table. Numbers that differ in their low bits differ in one bit more, too: nothing collides.
    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(SLOTS_MIN);
        let mut order = Vec::with_capacity(self.count);
        while self.oldest != NONE {
            order.extend(self.remove(self.oldest as usize));
        }
        self.slots.resize_with(size, || None);
        for slot in order {
            let index = self.slot_of(slot.sequence_number);
            let older = self.newest;
            self.slots[index] = Some(Slot { older, newer: NONE, ..slot });
            self.set_newer(older, index as u32);
            self.newest = index as u32;
            self.count += 1;
        }
    }
}

/// The requests last reported unanswered, at most as many as the window holds.
#[derive(Debug)]
struct Unanswered<T> {
    by_sequence: FxHashMap<u32, (CommandId, T)>,
    /// In the order in which their time ran out; also those that were answered since.
    order: VecDeque<u32>,
}

impl<T> Unanswered<T> {
    fn remember(&mut self, sequence_number: u32, request: CommandId, mark: T, size_max: usize) {
        while self.order.len() >= size_max.max(1) {
            if let Some(oldest) = self.order.pop_front() {
                self.by_sequence.remove(&oldest);
            }
        }
        self.order.push_back(sequence_number);
        self.by_sequence.insert(sequence_number, (request, mark));
    }

    fn take(&mut self, sequence_number: u32, answers: impl Fn(CommandId) -> bool) -> Option<T> {
        let (request, _) = self.by_sequence.get(&sequence_number)?;
        if !answers(*request) {
            return None;
        }
        self.by_sequence.remove(&sequence_number).map(|(_, mark)| mark)
    }

    /// The number is in use again: an answer to it is none to the old request.
    fn forget(&mut self, sequence_number: u32) {
        if !self.by_sequence.is_empty() {
            self.by_sequence.remove(&sequence_number);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SUBMIT: CommandId = CommandId::SUBMIT_SM;
    const ANSWER: CommandId = CommandId::SUBMIT_SM_RESP;

    fn window(size_max: usize) -> Window<&'static str> {
        Window::new(size_max)
    }

    #[test]
    fn numbers_begin_at_one_and_count_up() {
        let mut window = window(3);
        assert_eq!(window.insert(SUBMIT, None, "a"), Some(1));
        assert_eq!(window.next_sequence(), 2, "enquire_link counts in the same row");
        assert_eq!(window.insert(SUBMIT, None, "b"), Some(3));
    }

    #[test]
    fn a_full_window_takes_nothing_until_a_response_frees_a_slot() {
        let mut window = window(2);
        let first = window.insert(SUBMIT, None, "a").unwrap();
        window.insert(SUBMIT, None, "b").unwrap();
        assert_eq!((window.room(), window.insert(SUBMIT, None, "c")), (0, None));
        assert_eq!(window.settle(first, ANSWER), Some(Settled::InTime("a")));
        assert_eq!(window.room(), 1);
        assert!(window.insert(SUBMIT, None, "c").is_some());
    }

    #[test]
    fn responses_may_come_in_any_order_and_count_once() {
        let mut window = window(3);
        let numbers: Vec<_> = ["a", "b", "c"].map(|mark| window.insert(SUBMIT, None, mark).unwrap()).into();
        assert_eq!(window.settle(numbers[1], ANSWER), Some(Settled::InTime("b")));
        assert_eq!(window.settle(numbers[1], ANSWER), None);
        assert_eq!(window.settle(numbers[2], ANSWER), Some(Settled::InTime("c")));
        assert_eq!(window.settle(numbers[0], ANSWER), Some(Settled::InTime("a")));
    }

    #[test]
    fn only_its_own_response_or_a_generic_nack_answers_a_request() {
        let mut window = window(1);
        let number = window.insert(SUBMIT, None, "a").unwrap();
        assert_eq!(window.settle(number, CommandId::DATA_SM_RESP), None);
        assert_eq!(window.settle(number + 8, ANSWER), None, "the same slot, another number");
        assert_eq!(window.settle(number, CommandId::GENERIC_NACK), Some(Settled::InTime("a")));
    }

    #[test]
    fn numbers_wrap_to_one_and_pass_over_what_is_outstanding() {
        let mut window = window(4);
        assert_eq!(window.insert(SUBMIT, None, "old"), Some(1));
        window.start_after(SEQUENCE_MAX - 1);
        assert_eq!(window.insert(SUBMIT, None, "last"), Some(SEQUENCE_MAX));
        assert_eq!(window.insert(SUBMIT, None, "first"), Some(2));
        assert_eq!(window.settle(1, ANSWER), Some(Settled::InTime("old")));
    }

    #[test]
    fn the_oldest_expires_first_and_a_late_response_still_finds_it() {
        let start = Instant::now();
        let due = |seconds| Some(start + Duration::from_secs(seconds));
        let mut window = window(4);
        let a = window.insert(SUBMIT, due(1), "a").unwrap();
        let b = window.insert(SUBMIT, due(2), "b").unwrap();
        window.insert(SUBMIT, due(3), "c").unwrap();
        window.settle(b, ANSWER);
        assert_eq!(window.expire(start), None);
        assert_eq!(window.next_deadline(), due(1));
        let later = start + Duration::from_secs(2);
        assert_eq!((window.expire(later), window.expire(later)), (Some("a"), None));
        assert_eq!(window.settle(a, ANSWER), Some(Settled::Late("a")));
        assert_eq!(window.settle(a, ANSWER), None);
    }

    #[test]
    fn the_memory_of_unanswered_requests_is_bounded_by_the_window() {
        let now = Instant::now();
        let mut window = Window::new(2);
        let numbers: Vec<_> = (0..50)
            .map(|mark| {
                let number = window.insert(SUBMIT, Some(now), mark).unwrap();
                assert_eq!(window.expire(now), Some(mark));
                number
            })
            .collect();
        let remembered: Vec<_> = numbers.iter().filter_map(|number| window.settle(*number, ANSWER)).collect();
        assert_eq!(remembered, [Settled::Late(48), Settled::Late(49)]);
        assert!(window.unanswered.order.len() <= 2);
    }

    #[test]
    fn a_number_in_use_again_is_no_late_response_to_the_old_request() {
        let now = Instant::now();
        let mut window = window(4);
        let number = window.insert(SUBMIT, Some(now), "old").unwrap();
        assert_eq!(window.expire(now), Some("old"));
        window.start_after(number - 1);
        assert_eq!(window.insert(SUBMIT, None, "new"), Some(number));
        assert_eq!(window.settle(number, ANSWER), Some(Settled::InTime("new")));
        assert_eq!(window.settle(number, ANSWER), None);
    }

    #[test]
    fn the_order_survives_that_first_middle_and_last_are_answered() {
        for answered in 0..3 {
            let mut window = Window::new(4);
            let numbers: Vec<_> = (0..3).map(|mark| window.insert(SUBMIT, None, mark).unwrap()).collect();
            window.settle(numbers[answered], ANSWER).unwrap();
            window.insert(SUBMIT, None, 3).unwrap();
            let expected: Vec<_> = (0..4).filter(|mark| *mark != answered).collect();
            assert_eq!(window.take_all(), expected);
        }
    }

    #[test]
    fn everything_comes_back_oldest_first_whatever_the_table_grew_to() {
        let mut window = Window::new(1000);
        let numbers: Vec<_> = (0..1000).map(|mark| window.insert(SUBMIT, None, mark).unwrap()).collect();
        for number in numbers.iter().step_by(2) {
            window.settle(*number, ANSWER).unwrap();
        }
        assert_eq!(window.take_all(), (1..1000).step_by(2).collect::<Vec<_>>());
        assert_eq!((window.room(), window.take_all()), (1000, vec![]));
    }

    #[test]
    fn a_request_that_is_never_answered_does_not_make_the_table_grow() {
        let mut window = Window::new(4);
        window.insert(SUBMIT, None, 0).unwrap();
        for mark in 1..10_000 {
            let number = window.insert(SUBMIT, None, mark).unwrap();
            assert_ne!(number, 1);
            assert_eq!(window.settle(number, ANSWER), Some(Settled::InTime(mark)));
        }
        assert_eq!(window.slots.len(), SLOTS_MIN);
    }
}
