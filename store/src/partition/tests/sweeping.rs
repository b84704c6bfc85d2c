//! Ending and moving what waits, in steps; trying at once what waits for its next attempt.

use std::time::Duration;

use smsc_proto::ids::MessageRef;
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::cast::*;
use crate::messages::*;

fn unanswered(node: &Node) -> Outcome {
    Outcome::Unanswered { retry_at: node.now.plus(Duration::from_secs(600)) }
}

#[test]
fn what_waits_is_counted_and_ended_in_steps_and_its_sender_is_told() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![mt(); 2_500]);
    node.apply(command);
    let now = node.now;
    assert_eq!(node.sweep(Sweeping::CountEnds, now), 2_500);
    assert_eq!(node.outbox(op_a()).ready, 2_500, "counting changes nothing");
    assert_eq!(node.sweep(Sweeping::End, now), 2_500);
    assert_eq!(node.outbox(op_a()).ready, 0);
    assert!(node.pull(op_a(), 9).is_empty());
    let told = node.pull(demo(), 9);
    let is_told =
        |leased: &LeasedDelivery| matches!(leased.content, Content::Receipt { state: MessageState::Deleted, .. });
    assert!(told.iter().all(is_told));
    assert_eq!(told.len(), 9, "receipts wait as for a cancellation");
    assert_eq!(node.sweep(Sweeping::End, now), 0);
}

#[test]
fn what_was_accepted_later_and_what_may_be_with_the_operator_is_not_ended() {
    let mut node = Node::new();
    let old = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    let outcome = unanswered(&node);
    node.settle(lease, outcome);
    node.accept(&mt());
    node.pull_one(op_a());
    let until = node.now;
    let scheduled = node.accept(&Draft { due: HOUR, ..mt() });
    node.pass(1_000);
    let young = node.accept(&mt());
    assert_eq!(node.sweep(Sweeping::End, until), 1);
    let mut place = |id| node.search(Searching::Message(MessageRef::Id(id))).deliveries.remove(0).place;
    assert_eq!((place(scheduled), place(young)), (DeliveryPlace::Ready, DeliveryPlace::Ready));
    assert_eq!(place(old), DeliveryPlace::Retry, "it may have reached the operator");
}

#[test]
fn what_waits_for_one_operator_waits_for_another_and_keeps_its_order() {
    let mut node = Node::new();
    let ids: Vec<_> = (0..5).map(|_| node.accept(&mt())).collect();
    node.accept(&Draft { due: HOUR, ..mt() });
    let now = node.now;
    assert_eq!(node.sweep(Sweeping::CountMoves, now), 6);
    assert_eq!(node.sweep(Sweeping::Move(op_b()), now), 6);
    let moved: Vec<_> = node.pull(op_b(), 9).iter().map(|leased| leased.message_id).collect();
    assert_eq!((moved, node.outbox(op_b()).scheduled), (ids, 1));
    assert_eq!(node.sweep(Sweeping::Move(op_b()), Timestamp::default()), 0, "an empty one has nothing to move");
}

#[test]
fn what_waits_for_its_next_attempt_is_tried_at_once() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    assert_eq!(node.hurry(id), 0, "it waits for nothing but a link");
    let lease = node.pull_one(op_a()).lease;
    assert_eq!(node.hurry(id), 0, "it is under way");
    let outcome = unanswered(&node);
    node.settle(lease, outcome);
    assert!(node.pull(op_a(), 1).is_empty());
    assert_eq!(node.hurry(id), 1);
    assert_eq!(node.pull_one(op_a()).message_id, id);
    let scheduled = node.accept(&Draft { due: HOUR, ..mt() });
    assert_eq!(node.hurry(scheduled), 0, "its sender wants it later");
}
