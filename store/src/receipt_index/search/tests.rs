#![allow(clippy::unwrap_used)]

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::*;
use crate::name::Name;

const OURS: u16 = 0;
const THEIRS: [u16; 2] = [16, 32];

fn partition(number: u16) -> PartitionId {
    PartitionId::new(number).unwrap()
}

fn all() -> Vec<PartitionId> {
    [OURS].into_iter().chain(THEIRS).map(partition).collect()
}

fn receipt(tag: u32) -> OperatorReceipt {
    OperatorReceipt {
        tag,
        operator: Name::intern("op-a"),
        operator_message_id: OperatorMessageId::Decimal(7),
        state: MessageState::Delivered,
        error: *b"000",
        done: Timestamp::default(),
        destination: 1,
    }
}

/// A search, and what it asked for since it was looked at last.
struct Desk {
    search: Search<&'static str>,
    now: Instant,
    steps: Vec<Step<&'static str>>,
}

impl Desk {
    fn new() -> Self {
        Self { search: Search::default(), now: Instant::now(), steps: Vec::new() }
    }

    /// The link `north` brought a receipt under the tag 9.
    fn stray(&mut self, why: Stray) {
        self.search.seek(self.now, receipt(9), "north", why, &all(), &mut self.steps);
    }

    fn parked(&mut self, overdue: bool) {
        let parked = ParkedSought { number: 5, receipt: receipt(0), overdue };
        self.search.seek_parked(partition(OURS), parked, &all(), &mut self.steps);
    }

    /// Who is asked now, and how.
    fn asked(&mut self) -> Vec<(u16, Matching)> {
        let ask = |step: Step<&'static str>| match step {
            Step::Ask { partition, matching, .. } => (partition.number(), matching),
            other => panic!("nobody is asked: {other:?}"),
        };
        std::mem::take(&mut self.steps).into_iter().map(ask).collect()
    }

    fn steps(&mut self) -> Vec<Step<&'static str>> {
        std::mem::take(&mut self.steps)
    }

    fn unmatched(&mut self, why: Stray) {
        self.search.unmatched(0, why, &mut self.steps);
    }

    fn recorded(&mut self) {
        self.search.recorded(0, true, &mut self.steps);
    }

    fn is_idle(&self) -> bool {
        self.search.sought.is_empty()
    }
}

const ANSWER: Step<&'static str> = Step::Answer { reply: "north", tag: 9, kept: true };

fn park() -> Step<&'static str> {
    Step::Park { receipt: receipt(0) }
}

fn ends(end: ParkedEnd) -> Step<&'static str> {
    Step::End { partition: partition(OURS), end: EndParked { number: 5, end } }
}

#[test]
fn a_stray_receipt_is_asked_for_everywhere_at_once_and_answered_when_one_has_it() {
    let mut desk = Desk::new();
    desk.stray(Stray::Unmatched);
    assert_eq!(desk.asked(), [(0, Matching::Exact), (16, Matching::Exact), (32, Matching::Exact)]);
    desk.unmatched(Stray::Unmatched);
    desk.recorded();
    assert_eq!(desk.steps(), [ANSWER]);
    desk.unmatched(Stray::Unmatched);
    assert!(desk.steps().is_empty() && desk.is_idle());
}

#[test]
fn only_one_at_a_time_is_asked_to_be_forgiving() {
    let mut desk = Desk::new();
    desk.stray(Stray::Unmatched);
    desk.steps();
    (0..2).for_each(|_| desk.unmatched(Stray::Unmatched));
    assert!(desk.steps().is_empty());
    for expected in [32, 16, 0] {
        desk.unmatched(Stray::Unmatched);
        assert_eq!(desk.asked(), [(expected, Matching::Forgiving)]);
    }
}

#[test]
fn what_is_nowhere_is_parked_and_then_answered() {
    let mut desk = Desk::new();
    desk.stray(Stray::Unmatched);
    (0..6).for_each(|_| desk.unmatched(Stray::Unmatched));
    assert_eq!(desk.steps().pop(), Some(park()));
    desk.recorded();
    assert_eq!(desk.steps(), [ANSWER]);
}

#[test]
fn an_owner_that_is_out_of_reach_has_it_parked_here_at_once() {
    let mut desk = Desk::new();
    desk.stray(Stray::OutOfReach);
    assert_eq!(desk.steps(), [park()]);
}

#[test]
fn an_operator_waits_no_longer_than_a_second() {
    let mut desk = Desk::new();
    desk.stray(Stray::Unmatched);
    desk.steps();
    assert_eq!(desk.search.poll_timeout(), Some(desk.now + ANSWER_MAX));
    desk.search.handle_timeout(desk.now + ANSWER_MAX, &mut desk.steps);
    assert_eq!(desk.steps(), [park()]);
    desk.unmatched(Stray::Unmatched);
    desk.recorded();
    assert_eq!(desk.steps(), [ANSWER], "parked, or recorded by an owner after all: it is durable");
}

#[test]
fn a_parked_receipt_is_asked_for_everywhere_but_where_it_is() {
    let mut desk = Desk::new();
    desk.parked(false);
    assert_eq!(desk.asked(), [(16, Matching::Exact), (32, Matching::Exact)]);
    desk.recorded();
    assert_eq!(desk.steps(), [ends(ParkedEnd::Found)]);
}

#[test]
fn a_parked_receipt_stays_until_it_is_overdue() {
    for (overdue, last) in [(false, None), (true, Some(ends(ParkedEnd::GivenUp)))] {
        let mut desk = Desk::new();
        desk.parked(overdue);
        (0..3).for_each(|_| desk.unmatched(Stray::Unmatched));
        desk.steps();
        desk.unmatched(Stray::Unmatched);
        assert_eq!(desk.steps().pop(), last);
        assert!(desk.is_idle());
    }
}

#[test]
fn nothing_is_given_up_while_somebody_is_out_of_reach() {
    let mut desk = Desk::new();
    desk.parked(true);
    desk.unmatched(Stray::OutOfReach);
    (0..3).for_each(|_| desk.unmatched(Stray::Unmatched));
    assert!(!desk.steps().contains(&ends(ParkedEnd::GivenUp)));
    assert!(desk.is_idle());
}

#[test]
fn a_parked_receipt_of_a_node_alone_is_given_up_when_it_is_overdue() {
    let mut desk = Desk::new();
    let parked = ParkedSought { number: 5, receipt: receipt(0), overdue: true };
    desk.search.seek_parked(partition(OURS), parked, &[partition(OURS)], &mut desk.steps);
    assert_eq!(desk.steps(), [ends(ParkedEnd::GivenUp)]);
}

#[test]
fn parked_receipts_are_not_all_looked_for_at_once() {
    let mut desk = Desk::new();
    (0..2 * SOUGHT_MAX).for_each(|_| desk.parked(false));
    assert_eq!(desk.search.sought.len(), SOUGHT_MAX);
    desk.steps();
    desk.stray(Stray::Unmatched);
    assert_eq!(desk.steps().len(), 1, "parked without being looked for, and answered");
}
