//! Final messages that can be asked for, and for how long.

use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::messages::*;
use crate::options::StoreOptions;

fn finished(node: &mut Node, id: u64) -> smsc_proto::ids::MessageId {
    let message = node.send(&mt(), id);
    node.receipt(delivrd(id));
    let lease = node.pull_one(demo()).lease;
    node.settle(lease, Outcome::Delivered);
    message
}

#[test]
fn a_final_message_can_be_asked_for_until_its_retention_ends() {
    let mut node = Node::new();
    let id = finished(&mut node, 5);
    node.wait(24 * HOUR - 1);
    let status = node.find(id).remove(0);
    assert_eq!((status.state, status.attempts, status.done), (MessageState::Delivered, 1, Some(delivrd(5).done)));
    node.wait(1);
    assert!(node.find(id).is_empty());
    assert_eq!(node.stats().live_octets, 0);
}

#[test]
fn beyond_their_bound_the_oldest_go_first() {
    let mut node = Node::with(StoreOptions { retention_messages_max: 2, ..options() });
    let ids = [1, 2, 3].map(|id| finished(&mut node, id));
    assert!(node.find(ids[0]).is_empty());
    assert!(!node.find(ids[1]).is_empty() && !node.find(ids[2]).is_empty());
}

#[test]
fn an_undelivered_receipt_is_never_forgotten() {
    let mut node = Node::with(StoreOptions { retention_messages_max: 0, ..options() });
    let id = node.send(&mt(), 5);
    node.receipt(delivrd(5));
    node.wait(48 * HOUR);
    assert_eq!(node.pull_one(demo()).message_id, id);
}

#[test]
fn a_forgotten_message_is_unknown_to_receipts_too() {
    let mut node = Node::with(StoreOptions { retention_messages_max: 0, ..options() });
    finished(&mut node, 5);
    node.receipt(delivrd(5));
    assert_eq!(node.stats().parked, 1);
}

#[test]
fn retained_messages_are_there_after_a_restart_and_the_forgotten_are_not() {
    let mut node = Node::with(StoreOptions { retention_messages_max: 2, ..options() });
    let ids = [1, 2, 3].map(|id| finished(&mut node, id));
    node.crash();
    assert!(node.find(ids[0]).is_empty());
    assert_eq!((node.state(ids[2]), node.stats().retained), (Some(MessageState::Delivered), 2));
    assert_eq!(node.find(ids[1])[0].operator_message_id, Some(smsc_proto::ids::OperatorMessageId::Decimal(2)));
}

#[test]
fn a_message_of_another_partition_is_unknown() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let elsewhere = smsc_proto::ids::PartitionId::new(3).unwrap();
    assert!(node.find(smsc_proto::ids::MessageId::from_tick(id.tick(), elsewhere)).is_empty());
}
