//! Pulling: leases, staging, and holders that go away.

use super::cast::*;
use crate::messages::*;
use crate::partition::Command;

#[test]
fn a_message_cannot_be_pulled_before_it_is_durable() {
    let mut node = Node::new();
    let command = node.accept_all(&[mt()]);
    let mut batch = node.partition.begin();
    node.partition.apply(node.now, command, false, &mut batch);
    assert!(node.pull(op_a(), 5).is_empty());
    let records = node.partition.seal(&mut batch);
    assert!(node.pull(op_a(), 5).is_empty());
    node.append(records);
    node.partition.release(node.now, batch);
    assert_eq!(node.pull(op_a(), 5).len(), 1);
}

#[test]
fn a_pull_brings_at_most_what_there_is_room_for() {
    let mut node = Node::new();
    for _ in 0..5 {
        node.accept(&mt());
    }
    assert_eq!((node.pull(op_a(), 3).len(), node.pull(op_a(), 3).len(), node.pull(op_a(), 3).len()), (3, 2, 0));
}

#[test]
fn an_unknown_outbox_is_empty() {
    assert!(Node::new().pull(op_b(), 1).is_empty());
}

#[test]
fn a_lease_carries_all_that_the_link_needs() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let leased = node.pull_one(op_a());
    assert_eq!((leased.message_id, leased.attempt, leased.content), (id, 1, Content::Message));
    assert_eq!((&leased.body[..], leased.origin), (&b"submit_sm"[..], mt().origin));
    assert_eq!(leased.expires.since(leased.accepted).as_secs(), 48 * 3_600);
}

#[test]
fn messages_leave_in_the_order_in_which_they_came() {
    let mut node = Node::new();
    let ids: Vec<_> = (0..10).map(|_| node.accept(&mt())).collect();
    let leased: Vec<_> = node.pull(op_a(), 10).iter().map(|leased| leased.message_id).collect();
    assert_eq!(leased, ids);
}

#[test]
fn what_was_not_sent_keeps_its_place() {
    let mut node = Node::new();
    let ids: Vec<_> = (0..4)
        .map(|_| {
            node.pass(1);
            node.accept(&mt())
        })
        .collect();
    let leased = node.pull(op_a(), 2);
    node.settle(leased[0].lease, Outcome::NotSent);
    node.settle(leased[1].lease, Outcome::NotSent);
    let again = node.pull(op_a(), 10);
    assert_eq!(again.iter().map(|leased| leased.message_id).collect::<Vec<_>>(), ids);
    assert!(again.iter().all(|leased| leased.attempt == 1));
}

#[test]
fn a_holder_that_goes_leaves_its_leases_to_others() {
    let mut node = Node::new();
    node.accept(&mt());
    node.accept(&mt());
    let lost = node.pull(op_a(), 2);
    node.settle(lost[0].lease, sent(1));
    node.apply(Command::Release(Release { holder: LINK }));
    let again = node.pull_one(op_a());
    assert_eq!((again.message_id, again.attempt), (lost[1].message_id, 1));
}

#[test]
fn an_outcome_for_a_lease_that_was_released_changes_nothing() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.apply(Command::Release(Release { holder: LINK }));
    node.settle(lease, refused());
    assert_eq!(node.stats().counters.stale_settlements, 1);
    assert_eq!(node.pull_one(op_a()).message_id, id);
}

#[test]
fn releasing_a_holder_writes_nothing() {
    let mut node = Node::new();
    node.accept(&mt());
    node.pull(op_a(), 1);
    let mut batch = node.partition.begin();
    node.partition.apply(node.now, Command::Release(Release { holder: LINK }), false, &mut batch);
    assert!(node.partition.seal(&mut batch).records.is_empty());
    node.partition.release(node.now, batch);
}

#[test]
fn many_settled_leases_do_not_pile_up_behind_their_holder() {
    let mut node = Node::new();
    for id in 0..400 {
        node.send(&mt(), id);
    }
    node.accept(&mt());
    node.pull_one(op_a());
    node.apply(Command::Release(Release { holder: LINK }));
    assert_eq!(node.outbox(op_a()).ready, 1);
}

#[test]
fn a_batch_that_forms_while_another_is_written_stays_invisible_when_that_one_is_released() {
    let mut node = Node::new();
    let first = node.accept_all(&[Draft { validity: 0, ..mt() }]);
    let now = node.now;
    let mut one = node.partition.begin();
    node.partition.apply(now, first, false, &mut one);
    let records = node.partition.seal(&mut one);
    node.append(records);
    let mut two = node.partition.begin();
    // The message of the first batch expires in the second: its receipt is not durable with the first.
    node.partition.handle_timeout(now, &mut two);
    node.partition.release(now, one);
    assert!(node.pull(demo(), 1).is_empty() && node.pull(op_a(), 1).is_empty());
    let records = node.partition.seal(&mut two);
    node.append(records);
    node.partition.release(now, two);
    assert_eq!(node.pull(demo(), 1).len(), 1);
}
