//! Accepting: when a message is ours, and when we have no room for it.

use super::cast::*;
use crate::messages::*;
use crate::options::{OutboxRules, StoreOptions};
use crate::partition::Command;
use smsc_proto::message_state::MessageState;

#[test]
fn an_accepted_message_is_answered_only_when_its_batch_is_released() {
    let mut node = Node::new();
    let command = node.accept_all(&[mt()]);
    let mut batch = node.partition.begin();
    node.partition.apply(node.now, command, false, &mut batch);
    let records = node.partition.seal(&mut batch);
    assert_eq!(records.records.len(), 1);
    assert!(node.inbox().accepted.is_empty());
    node.partition.release(node.now, batch);
    assert_eq!(node.inbox().accepted.len(), 1);
}

#[test]
fn ids_rise_in_the_order_of_acceptance() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![mt(); 50]);
    node.apply(command);
    let ids: Vec<_> = node.inbox().accepted.into_iter().map(|(_, id)| id.unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_batch_without_events_needs_no_disk() {
    let mut node = Node::new();
    let pull = node.pull_command(op_a(), LINK, 5);
    let mut batch = node.partition.begin();
    assert!(batch.is_empty());
    node.partition.apply(node.now, pull, false, &mut batch);
    assert!(node.partition.seal(&mut batch).records.is_empty());
    assert!(!batch.is_empty());
    node.partition.release(node.now, batch);
}

#[test]
fn a_full_store_refuses_and_takes_again_when_there_is_room() {
    let mut node = Node::with(StoreOptions { messages_max: 2, ..options() });
    let draft = Draft { receipts: 0, ..mt() };
    node.accept(&draft);
    node.accept(&draft);
    assert_eq!(node.try_accept(&draft), Err(AcceptRefusal::StoreFull));
    let lease = node.pull(op_a(), 1)[0].lease;
    node.settle(lease, refused());
    assert!(node.try_accept(&draft).is_ok());
    assert_eq!(node.stats().counters.refused, 1);
}

#[test]
fn a_full_outbox_refuses_and_others_do_not() {
    let mut node = Node::with_rules(op_a(), OutboxRules { waiting_max: 1, ..OutboxRules::default() });
    node.accept(&mt());
    assert_eq!(node.try_accept(&mt()), Err(AcceptRefusal::OutboxFull));
    assert!(node.try_accept(&several(&[op_b()])).is_ok());
}

#[test]
fn a_receipt_takes_its_messages_place_and_fills_no_outbox() {
    let mut node = Node::with_rules(demo(), OutboxRules { waiting_max: 1, ..OutboxRules::default() });
    for id in 0..3 {
        node.send(&mt(), id);
        assert!(node.receipt(delivrd(id)));
    }
    assert_eq!((node.outbox(demo()).ready, node.outbox(demo()).waiting), (3, 0));
    assert!(node.try_accept(&mo()).is_ok());
    assert_eq!(node.try_accept(&mo()), Err(AcceptRefusal::OutboxFull));
}

#[test]
fn a_low_disk_refuses_new_messages_and_still_settles_old_ones() {
    let mut node = Node::new();
    let id = node.accept(&Draft { receipts: 0, ..mt() });
    let lease = node.pull_one(op_a()).lease;
    let command = node.accept_all(&[mt()]);
    let now = node.now;
    node.turn(|partition, batch| partition.apply(now, command, true, batch));
    assert_eq!(node.inbox().accepted[0].1, Err(AcceptRefusal::DiskLow));
    node.settle(lease, refused());
    assert_eq!(node.state(id), Some(MessageState::Rejected));
}

#[test]
fn a_message_to_several_outboxes_is_one_message_with_several_deliveries() {
    let mut node = Node::new();
    let id = node.accept(&several(&[op_a(), op_b(), op_a()]));
    assert_eq!((node.outbox(op_a()).ready, node.outbox(op_b()).ready), (2, 1));
    let lease = node.pull_one(op_b()).lease;
    node.settle(lease, refused());
    let states: Vec<_> = node.find(id).into_iter().map(|status| status.state).collect();
    assert_eq!(states, [MessageState::Enroute, MessageState::Rejected, MessageState::Enroute]);
    assert_eq!(node.pull_one(demo()).message_id, id);
}

#[test]
fn deliveries_may_have_bodies_of_their_own() {
    let mut node = Node::new();
    let mut message = node.message(&several(&[op_a(), op_a(), op_a()]));
    message.deliveries[1].body = Some("second segment".into());
    node.apply(Command::Accept(Accept { reply: node.to(), items: vec![message] }));
    node.crash();
    let bodies: Vec<_> = node.pull(op_a(), 9).into_iter().map(|leased| leased.body).collect();
    assert_eq!(
        bodies,
        [(*b"submit_sm").into(), (*b"second segment").into(), <std::sync::Arc<[u8]>>::from(*b"submit_sm")]
    );
}

#[test]
fn a_shared_body_is_written_once_per_record() {
    let mut node = Node::new();
    node.accept(&Draft { body: vec![7; 1_000].into(), ..several(&[op_a(); 100]) });
    assert!(node.stats().journal_octets < 10_000);
    node.crash();
    assert!(node.pull(op_a(), 200).iter().all(|leased| leased.body.len() == 1_000));
}

#[test]
fn a_message_without_a_delivery_is_refused() {
    let mut node = Node::new();
    assert_eq!(node.try_accept(&several(&[])), Err(AcceptRefusal::StoreFull));
}
