#![allow(clippy::unwrap_used)]

use smsc_proto::ids::{MessageId, OperatorMessageId};
use smsc_proto::timestamp::Timestamp;
use smsc_store::{Content, LeasedDelivery, Name, Origin};

use super::*;

/// The number that the peer gave its link, and ours for it.
const THEIRS: HolderNumber = 7;
const OURS: Holder = Holder(100);
const ANSWER_MAX: Duration = Duration::from_secs(35);

fn here() -> PartitionId {
    PartitionId::new(0).unwrap()
}

fn in_life(life: u64) -> Vec<Owned> {
    vec![Owned { partition: here(), life }]
}

fn outbox() -> Outbox {
    Outbox::Operator(Name::intern("op-a"))
}

fn lease(slot: u64) -> Lease {
    Lease { partition: here(), slot, number: 1 }
}

fn delivery(slot: u64) -> LeasedDelivery {
    LeasedDelivery {
        lease: lease(slot),
        message_id: MessageId::from_tick(slot, here()),
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

/// One peer's link, as its owner sees it.
struct Side {
    side: OwnerSide,
    now: Instant,
    steps: Vec<OwnerStep>,
}

impl Side {
    /// A peer in its first run, with a link.
    fn open() -> Self {
        let mut side = Self { side: OwnerSide::new(ANSWER_MAX), now: Instant::now(), steps: Vec::new() };
        side.opens(1);
        side.registers();
        side.side.resumed(&mut side.steps);
        side.steps.clear();
        side
    }

    fn opens(&mut self, run: u128) {
        self.side.opened(Uuid::from_u128(run), &in_life(0), &mut self.steps);
        self.side.owns(in_life(0), &mut self.steps);
    }

    fn registers(&mut self) {
        self.side.register(THEIRS, outbox(), || OURS, &mut self.steps);
    }

    fn pulls(&mut self) {
        self.side.pull(here(), THEIRS, 10, &mut self.steps);
    }

    /// The store answers a pull.
    fn leases(&mut self, slots: impl IntoIterator<Item = u64>) {
        let items = slots.into_iter().map(delivery).collect();
        let leased = Leased { outbox: outbox(), partition: here(), holder: OURS, room: 10, items };
        self.side.leased(self.now, leased, &mut self.steps);
    }

    /// The peer has these.
    fn gave(slots: impl IntoIterator<Item = u64>) -> Self {
        let mut side = Self::open();
        side.pulls();
        side.leases(slots);
        side.steps.clear();
        side
    }

    fn hears(&mut self, batch: u64, items: Vec<Settlement>) {
        self.side.settle(batch, here(), THEIRS, items, &mut self.steps);
    }

    fn store_confirms(&mut self) {
        self.side.settled(Settled { partition: here(), holder: OURS, count: 1 }, &mut self.steps);
    }

    fn waits(&mut self, time: Duration) {
        self.now += time;
        self.side.handle_timeout(self.now, &mut self.steps);
    }

    fn steps(&mut self) -> Vec<OwnerStep> {
        std::mem::take(&mut self.steps)
    }

    /// Slots that are given back as never written, and such as are lost.
    fn taken_back(&mut self) -> (Vec<u64>, Vec<u64>) {
        let (mut back, mut lost) = (Vec::new(), Vec::new());
        for step in self.steps() {
            match step {
                OwnerStep::GiveBack { leases, .. } => back.extend(leases.iter().map(|lease| lease.slot)),
                OwnerStep::Lost { lease, .. } => lost.push(lease.slot),
                _ => {}
            }
        }
        back.sort_unstable();
        lost.sort_unstable();
        (back, lost)
    }

    /// Batches of outcomes that the peer is told are durable.
    fn confirmed(&mut self) -> Vec<u64> {
        let confirmed =
            |step| if let OwnerStep::Send(ToHolder::Confirmed { batch }) = step { Some(batch) } else { None };
        self.steps().into_iter().filter_map(confirmed).collect()
    }
}

#[test]
fn an_outcome_is_settled_in_the_store_and_confirmed_when_that_says_so() {
    let mut side = Side::gave([1]);
    side.hears(5, vec![sent(1)]);
    let steps = side.steps();
    assert!(matches!(&steps[..], [OwnerStep::Settle { items, .. }] if *items == [sent(1)]), "{steps:?}");
    side.store_confirms();
    assert_eq!(side.confirmed(), [5]);
    assert_eq!(side.side.given(), 0);
}

#[test]
fn a_broken_stream_takes_nothing_back() {
    let mut side = Side::gave([1, 2]);
    side.side.closed();
    side.waits(ANSWER_MAX - Duration::from_millis(1));
    assert_eq!(side.taken_back(), (vec![], vec![]));
}

#[test]
fn without_a_stream_a_lease_is_lost_when_its_answer_could_have_come() {
    let mut side = Side::gave([1]);
    side.side.closed();
    assert_eq!(side.side.poll_timeout(), Some(side.now + ANSWER_MAX));
    side.waits(ANSWER_MAX);
    assert_eq!(side.taken_back(), (vec![], vec![1]));
}

#[test]
fn while_there_is_a_stream_the_holder_answers_for_what_it_has() {
    let mut side = Side::gave([1]);
    side.waits(10 * ANSWER_MAX);
    assert_eq!(side.taken_back(), (vec![], vec![]));
}

#[test]
fn what_the_peer_neither_lists_nor_settles_was_never_written() {
    let mut side = Side::gave([1, 2, 3]);
    side.side.closed();
    side.opens(1);
    side.registers();
    side.side.holding(vec![lease(1)]);
    side.hears(9, vec![sent(2)]);
    side.side.resumed(&mut side.steps);
    assert_eq!(side.taken_back(), (vec![3], vec![]));
    assert_eq!(side.side.given(), 1);
}

#[test]
fn a_peer_that_was_started_anew_has_lost_what_it_had() {
    let mut side = Side::gave([1, 2]);
    side.side.closed();
    side.opens(2);
    assert_eq!(side.taken_back(), (vec![], vec![1, 2]));
    assert_eq!(side.side.given(), 0);
}

#[test]
fn a_holder_that_is_not_named_any_more_is_released() {
    let mut side = Side::open();
    side.side.closed();
    side.opens(1);
    side.side.resumed(&mut side.steps);
    let steps = side.steps();
    assert!(matches!(steps[..], [OwnerStep::Release { holder: OURS }]), "{steps:?}");
}

#[test]
fn what_a_pull_of_an_earlier_stream_brings_is_given_back_at_once() {
    let mut side = Side::open();
    side.pulls();
    side.side.closed();
    side.opens(1);
    side.registers();
    side.side.resumed(&mut side.steps);
    side.steps.clear();
    side.leases([1]);
    assert_eq!(side.taken_back(), (vec![1], vec![]));
    side.pulls();
    side.leases([1]);
    assert_eq!(side.side.given(), 1, "the next answer is that to the next pull");
}

#[test]
fn of_a_lease_that_was_taken_back_only_the_word_that_it_was_sent_counts() {
    let mut side = Side::gave([1, 2]);
    side.side.closed();
    side.waits(ANSWER_MAX);
    side.opens(1);
    side.steps.clear();
    let refused = Outcome::Unanswered { retry_at: Timestamp::default() };
    side.hears(3, vec![sent(1), Settlement::new(lease(2), refused)]);
    let steps = side.steps();
    let late = Settlement { late: true, ..sent(1) };
    assert!(matches!(&steps[..], [OwnerStep::Settle { items, .. }] if *items == [late]), "{steps:?}");
    side.store_confirms();
    assert_eq!(side.confirmed(), [3]);
}

#[test]
fn a_ring_while_there_is_no_stream_is_passed_on() {
    let mut side = Side::open();
    side.side.closed();
    side.side.ring(Ring { outbox: outbox(), partition: here(), holder: OURS }, &mut side.steps);
    let steps = side.steps();
    assert!(matches!(steps[..], [OwnerStep::Pull { room: 0, holder: OURS, .. }]), "{steps:?}");
}

#[test]
fn every_pull_is_answered_also_for_a_holder_that_has_gone() {
    let mut side = Side::open();
    side.pulls();
    side.side.release(THEIRS, &mut side.steps);
    side.steps.clear();
    side.leases([1]);
    let steps = side.steps();
    let answer = |step: &OwnerStep| matches!(step, OwnerStep::Send(ToHolder::Leased { items, .. }) if items.is_empty());
    assert!(steps.iter().all(answer) && steps.len() == 1, "{steps:?}");
    assert_eq!(side.side.given(), 0, "the store has it back with the release");
}

#[test]
fn what_the_store_confirms_for_an_earlier_stream_is_told_to_nobody() {
    let mut side = Side::gave([1]);
    side.hears(5, vec![sent(1)]);
    side.side.closed();
    side.opens(1);
    side.registers();
    side.hears(5, vec![sent(1)]);
    side.side.resumed(&mut side.steps);
    side.steps.clear();
    side.store_confirms();
    assert!(side.confirmed().is_empty());
    side.store_confirms();
    assert_eq!(side.confirmed(), [5], "it was said again, and is durable now");
}

// --- partitions that come and go ---

/// What the peer is told of partitions: the number of the word, and the lives.
fn told(side: &mut Side) -> Vec<(u64, Vec<u64>)> {
    let told = |step| match step {
        OwnerStep::Send(ToHolder::Owned { number, owned }) => {
            Some((number, owned.into_iter().map(|owned| owned.life).collect()))
        }
        _ => None,
    };
    side.steps().into_iter().filter_map(told).collect()
}

#[test]
fn a_partition_that_goes_takes_its_leases_and_questions_with_it() {
    let mut side = Side::gave([1]);
    side.pulls();
    side.hears(4, vec![sent(1)]);
    side.side.owns(Vec::new(), &mut side.steps);
    assert_eq!(told(&mut side), [(1, vec![])]);
    assert_eq!(side.side.given(), 0);
    side.store_confirms();
    side.leases([2]);
    assert!(side.steps().is_empty(), "late words of the store are for nobody");
}

#[test]
fn what_the_peer_says_before_it_has_heard_of_the_new_life_is_for_the_old_one() {
    let mut side = Side::gave([1]);
    side.side.owns(in_life(1), &mut side.steps);
    let registered = side.steps().into_iter().filter(|step| matches!(step, OwnerStep::Register { .. })).count();
    assert_eq!(registered, 1, "the new life rings the same holders");
    side.pulls();
    side.hears(4, vec![sent(1)]);
    assert!(side.steps().is_empty());
    side.side.heard(1);
    side.pulls();
    assert!(matches!(side.steps()[..], [OwnerStep::Pull { .. }]));
}

#[test]
fn what_has_changed_since_the_greeting_is_told_first() {
    let mut side = Side::open();
    side.side.closed();
    side.side.owns(in_life(7), &mut side.steps);
    assert_eq!(told(&mut side), [], "there is nobody to tell");
    side.side.opened(Uuid::from_u128(1), &in_life(7), &mut side.steps);
    side.side.owns(in_life(7), &mut side.steps);
    assert_eq!(told(&mut side), [], "the greeting has said it");
    side.side.closed();
    side.side.opened(Uuid::from_u128(1), &in_life(7), &mut side.steps);
    side.side.owns(in_life(8), &mut side.steps);
    assert_eq!(told(&mut side), [(1, vec![8])]);
}
