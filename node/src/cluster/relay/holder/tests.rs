#![allow(clippy::unwrap_used)]

use smsc_proto::ids::{MessageId, OperatorMessageId};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Content, Name, Origin};

use super::*;

const LINK: Holder = Holder(7);
const THERE: u16 = 16;

fn there() -> PartitionId {
    PartitionId::new(THERE).unwrap()
}

fn in_life(life: u64) -> Vec<Owned> {
    vec![Owned { partition: there(), life }]
}

fn lease(slot: u64) -> Lease {
    Lease { partition: there(), slot, number: 1 }
}

fn delivery(slot: u64) -> LeasedDelivery {
    LeasedDelivery {
        lease: lease(slot),
        message_id: MessageId::from_tick(slot, there()),
        aliased: false,
        origin: Origin::Account(Name::intern("demo")),
        content: Content::Message,
        body: b"body"[..].into(),
        attempt: 1,
        accepted: Timestamp::default(),
        expires: Timestamp::default(),
    }
}

fn sent(slot: u64) -> Settlement {
    let operator_message_id = Some(OperatorMessageId::Decimal(slot));
    Settlement::new(lease(slot), Outcome::Sent { operator_message_id, receipt_expected: true })
}

fn retry(slot: u64) -> Settlement {
    Settlement::new(lease(slot), Outcome::Unanswered { retry_at: Timestamp::default() })
}

/// A link of this node and what it has of one owner.
struct Side {
    side: HolderSide,
    steps: Vec<HolderStep>,
}

impl Side {
    /// A link that is registered, and no stream.
    fn new() -> Self {
        let mut side = Self { side: HolderSide::default(), steps: Vec::new() };
        side.side.register(LINK, Outbox::Operator(Name::intern("op-a")), &mut side.steps);
        side
    }

    /// A stream to the owner in its first run.
    fn open() -> Self {
        let mut side = Self::new();
        side.opens(1);
        side.steps.clear();
        side
    }

    fn opens(&mut self, run: u128) {
        self.side.opened(Uuid::from_u128(run), in_life(0), &mut self.steps);
    }

    fn breaks(&mut self) {
        self.side.closed(&mut self.steps);
    }

    fn pulls(&mut self, room: u32) {
        self.side.pull(there(), LINK, room, &mut self.steps);
    }

    fn gets(&mut self, slots: impl IntoIterator<Item = u64>, more: bool) -> Result<(), RelayError> {
        let items = slots.into_iter().map(delivery).collect();
        self.side.leased(there(), LINK.0, items, more, &mut self.steps)
    }

    /// It has these on lease.
    fn has(&mut self, slots: impl IntoIterator<Item = u64>) {
        self.pulls(10);
        self.gets(slots, false).unwrap();
        self.steps.clear();
    }

    fn settles(&mut self, items: Vec<Settlement>) {
        self.side.settle(there(), LINK, items, &mut self.steps);
    }

    /// What is said to the owner since it was looked at last.
    fn said(&mut self) -> Vec<ToOwner> {
        let said = std::mem::take(&mut self.steps).into_iter();
        said.filter_map(|step| if let HolderStep::Send(said) = step { Some(said) } else { None }).collect()
    }

    /// How many places in the window have become free.
    fn freed(&mut self) -> u32 {
        let steps = std::mem::take(&mut self.steps).into_iter();
        let freed = steps.map(|step| match step {
            HolderStep::Settled { count, .. } => count,
            HolderStep::Leased { room, items, .. } => room - items.len() as u32,
            HolderStep::Send(_) | HolderStep::Ring { .. } | HolderStep::Elsewhere { .. } => 0,
        });
        freed.sum()
    }
}

fn outcomes(batch: u64, items: Vec<Settlement>) -> ToOwner {
    ToOwner::Outcomes { batch, partition: there(), holder: LINK.0, items }
}

#[test]
fn a_new_stream_begins_with_registrations_open_leases_and_unconfirmed_outcomes() {
    let mut side = Side::open();
    side.has([1, 2]);
    side.settles(vec![sent(1)]);
    side.breaks();
    side.steps.clear();
    side.opens(1);
    let outbox = Outbox::Operator(Name::intern("op-a"));
    assert_eq!(
        side.said(),
        [
            ToOwner::Register { holder: LINK.0, outbox },
            ToOwner::Holding { leases: vec![lease(2)] },
            outcomes(0, vec![sent(1)]),
            ToOwner::Resumed,
        ]
    );
}

#[test]
fn an_outcomes_place_in_the_window_is_free_when_the_owner_has_confirmed_it() {
    let mut side = Side::open();
    side.has([1, 2]);
    side.settles(vec![sent(1), sent(2)]);
    assert_eq!(side.freed(), 0);
    side.side.confirmed(0, &mut side.steps);
    assert_eq!(side.freed(), 2);
    assert_eq!(side.side.load(), (0, 0));
}

#[test]
fn without_a_stream_nothing_holds_the_window_up() {
    let mut side = Side::open();
    side.has([1, 2, 3]);
    side.settles(vec![sent(1)]);
    side.pulls(4);
    side.steps.clear();
    side.breaks();
    assert_eq!(side.freed(), 1 + 4, "the outcome that nobody confirms, the pull that nobody answers");
    side.settles(vec![sent(2)]);
    assert_eq!(side.freed(), 1);
    side.pulls(6);
    assert_eq!(side.freed(), 6);
    side.opens(1);
    side.side.confirmed(0, &mut side.steps);
    assert_eq!(side.freed(), 0, "no place is freed twice");
    assert_eq!(side.side.load(), (1, 1), "one on lease, one unconfirmed");
}

#[test]
fn an_owner_that_was_started_anew_is_told_only_what_was_sent_after_all() {
    let mut side = Side::open();
    side.has([1, 2, 3]);
    side.settles(vec![sent(1), retry(2)]);
    side.breaks();
    side.opens(2);
    let late = |slot: u64| Settlement { lease: Lease { number: 0, ..lease(slot) }, late: true, ..sent(slot) };
    let said = side.said();
    assert!(said.contains(&outcomes(0, vec![late(1)])), "{said:?}");
    assert!(!said.iter().any(|said| matches!(said, ToOwner::Holding { .. })), "it knows none of its leases: {said:?}");
    side.settles(vec![sent(3)]);
    assert_eq!(side.said(), [outcomes(1, vec![late(3)])]);
}

#[test]
fn an_outcome_that_is_worth_nothing_to_a_new_owner_frees_its_place_at_once() {
    let mut side = Side::open();
    side.has([1]);
    side.breaks();
    side.opens(2);
    side.steps.clear();
    side.settles(vec![retry(1)]);
    assert_eq!(side.freed(), 1);
    assert_eq!(side.side.load(), (0, 0));
}

#[test]
fn a_late_response_ends_no_later_lease_of_the_same_message() {
    let mut side = Side::open();
    side.has([1]);
    let late = Settlement { lease: Lease { number: 0, ..lease(1) }, late: true, ..sent(1) };
    side.settles(vec![late]);
    assert_eq!(side.side.load(), (1, 1));
    side.side.confirmed(0, &mut side.steps);
    assert_eq!(side.freed(), 0, "it had no place");
}

#[test]
fn the_answer_to_a_pull_may_come_in_parts() {
    let mut side = Side::open();
    side.pulls(5);
    side.gets([1, 2], true).unwrap();
    side.gets([3], false).unwrap();
    assert_eq!(side.freed(), 2);
    assert_eq!(side.side.load(), (3, 0));
}

#[test]
fn what_nobody_asked_for_ends_the_stream() {
    let mut side = Side::open();
    assert_eq!(side.gets([1], false), Err(RelayError::NotAskedFor { partition: THERE }));
    side.pulls(1);
    assert!(side.gets([1, 2], false).is_err(), "more than the room that was asked for");
}

#[test]
fn what_comes_for_a_link_that_has_gone_is_the_owners_again_when_it_hears_that() {
    let mut side = Side::open();
    side.pulls(5);
    side.side.release(LINK, &mut side.steps);
    assert_eq!(side.said().pop(), Some(ToOwner::Release { holder: LINK.0 }));
    side.gets([1], false).unwrap();
    assert!(side.steps.is_empty());
    assert_eq!(side.side.load(), (0, 0));
}

#[test]
fn a_ring_for_a_link_that_has_gone_rings_nobody() {
    let mut side = Side::open();
    side.side.ring(99, there(), &mut side.steps);
    assert!(side.steps.is_empty());
}

#[test]
fn an_owner_that_never_confirms_is_asked_for_nothing_until_it_does() {
    let mut side = Side::open();
    for slot in 0..UNCONFIRMED_MAX as u64 {
        side.has([slot]);
        side.settles(vec![sent(slot)]);
    }
    side.steps.clear();
    side.pulls(10);
    assert_eq!(side.freed(), 10, "nothing is asked for");
    side.side.confirmed(0, &mut side.steps);
    let steps = std::mem::take(&mut side.steps);
    assert!(steps.iter().any(|step| matches!(step, HolderStep::Ring { holder: LINK, .. })), "{steps:?}");
}

#[test]
fn two_copies_under_one_number_are_settled_one_after_the_other() {
    let mut side = Side::open();
    side.has([1]);
    side.breaks();
    side.opens(2);
    side.has([1]);
    side.settles(vec![retry(1)]);
    assert!(side.said().is_empty(), "the earlier copy's, which is worth nothing to the new owner");
    side.settles(vec![sent(1)]);
    assert_eq!(side.said(), [outcomes(1, vec![sent(1)])]);
    assert_eq!(side.side.load(), (0, 1));
}

// --- partitions that come and go ---

/// The word that a message was sent, after its lease has ended.
fn late(slot: u64) -> Settlement {
    let mut late = Settlement { late: true, ..sent(slot) };
    late.lease.number = 0;
    late
}

#[test]
fn pulls_of_a_partition_that_has_gone_are_answered_with_nothing() {
    let mut side = Side::open();
    side.pulls(10);
    side.steps.clear();
    side.side.owned(1, Vec::new(), &mut side.steps);
    assert!(matches!(
        side.steps[..],
        [HolderStep::Leased { room: 10, .. }, HolderStep::Send(ToOwner::Heard { number: 1 })]
    ));
    side.steps.clear();
    side.pulls(10);
    assert_eq!((side.said(), side.side.load()), (vec![], (0, 0)), "it is not asked any more");
}

#[test]
fn in_a_new_life_of_the_partition_only_what_was_sent_is_said_and_late() {
    let mut side = Side::open();
    side.has([1, 2, 3]);
    side.settles(vec![sent(1), retry(2)]);
    side.steps.clear();
    side.side.owned(1, in_life(1), &mut side.steps);
    assert_eq!(side.said(), [ToOwner::Heard { number: 1 }, outcomes(0, vec![late(1)])]);
    side.settles(vec![sent(3)]);
    assert_eq!(side.said(), [outcomes(1, vec![late(3)])], "its lease was of the life before");
}

#[test]
fn what_is_not_confirmed_is_kept_until_another_node_has_the_partition() {
    let mut side = Side::open();
    side.has([1, 2]);
    side.settles(vec![sent(1)]);
    side.steps.clear();
    side.side.owned(1, Vec::new(), &mut side.steps);
    assert_eq!(side.freed(), 1, "nobody waits for a confirmation");
    side.settles(vec![sent(2)]);
    side.steps.clear();
    side.side.superseded(Owned { partition: there(), life: 5 }, &mut side.steps);
    let elsewhere = side.steps.iter().map(|step| match step {
        HolderStep::Elsewhere { items, .. } => items.clone(),
        other => panic!("{other:?}"),
    });
    assert_eq!(elsewhere.collect::<Vec<_>>(), [vec![late(1)], vec![late(2)]]);
    assert_eq!(side.side.load(), (0, 0));
}

#[test]
fn an_owner_that_vanished_is_not_told_of_what_another_one_has() {
    let mut side = Side::open();
    side.has([1, 2]);
    side.settles(vec![sent(1)]);
    side.breaks();
    side.steps.clear();
    side.side.superseded(Owned { partition: there(), life: 5 }, &mut side.steps);
    side.steps.clear();
    side.opens(1);
    assert!(!side.said().iter().any(|said| matches!(said, ToOwner::Outcomes { .. } | ToOwner::Holding { .. })));
}

#[test]
fn a_word_about_an_earlier_life_changes_nothing() {
    let mut side = Side::open();
    side.side.owned(1, in_life(6), &mut side.steps);
    side.has([1]);
    side.side.superseded(Owned { partition: there(), life: 5 }, &mut side.steps);
    assert_eq!((side.said(), side.side.load()), (vec![], (1, 0)));
}
