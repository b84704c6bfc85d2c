//! Receipts: correlation, parking, duplicates (DESIGN §4.4).

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::messages::*;
use crate::name::Name;
use crate::options::StoreOptions;

#[test]
fn the_receipt_follows_the_final_state() {
    let mut node = Node::new();
    let id = node.send(&mt(), 5);
    assert!(node.receipt(delivrd(5)));
    let receipt = node.pull_one(demo());
    let Content::Receipt { state, done, .. } = receipt.content else { panic!("a receipt, not the message") };
    assert_eq!((receipt.message_id, state, done), (id, MessageState::Delivered, delivrd(5).done));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn a_receipt_that_beats_its_response_is_parked_and_taken_up_with_it() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    assert!(node.receipt(delivrd(5)));
    assert_eq!(node.stats().parked, 1);
    node.settle(lease, sent(5));
    assert_eq!((node.state(id), node.stats().parked), (Some(MessageState::Delivered), 0));
    assert_eq!(node.pull_one(demo()).message_id, id);
}

#[test]
fn a_parked_receipt_survives_a_restart() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    assert!(node.receipt(delivrd(5)));
    node.crash();
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, sent(5));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
    node.crash();
    assert_eq!((node.stats().parked, node.outbox(demo()).ready), (0, 1));
}

#[test]
fn a_receipt_that_never_matches_is_given_up_after_parked_max_and_counted() {
    let mut node = Node::new();
    assert!(node.receipt(delivrd(5)));
    node.wait(9 * 24 * HOUR);
    assert_eq!(node.stats().parked, 1);
    node.wait(25 * HOUR);
    assert_eq!((node.stats().parked, node.stats().counters.receipts_given_up), (0, 1));
    node.crash();
    assert_eq!(node.stats().parked, 0);
}

#[test]
fn parked_receipts_are_bounded_and_the_operator_is_told() {
    let mut node = Node::new();
    node.partition.limits.parked_count_max = 2;
    assert!(node.receipt(delivrd(1)) && node.receipt(delivrd(2)));
    assert!(!node.receipt(delivrd(3)));
    assert!(node.receipt(delivrd(2)), "one that is kept already needs no room");
    assert_eq!(node.stats().counters.receipts_turned_away, 1);
}

#[test]
fn a_duplicate_changes_nothing_and_is_counted() {
    let mut node = Node::new();
    let id = node.send(&mt(), 5);
    node.receipt(delivrd(5));
    let failed = OperatorReceipt { state: MessageState::Undeliverable, ..delivrd(5) };
    assert!(node.receipt(delivrd(5)) && node.receipt(failed.clone()));
    let lease = node.pull_one(demo()).lease;
    node.settle(lease, Outcome::Delivered);
    assert!(node.receipt(failed));
    assert!(node.pull(demo(), 1).is_empty());
    assert_eq!(node.stats().counters.duplicate_receipts, 3);
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn enroute_and_acceptd_do_not_end_a_message() {
    for state in [MessageState::Enroute, MessageState::Accepted, MessageState::Scheduled] {
        let mut node = Node::new();
        let id = node.send(&mt(), 5);
        assert!(node.receipt(OperatorReceipt { state, ..delivrd(5) }));
        assert_eq!((node.state(id), node.stats().counters.intermediate), (Some(MessageState::Enroute), 1));
        assert!(node.receipt(delivrd(5)));
        assert_eq!(node.state(id), Some(MessageState::Delivered));
    }
}

#[test]
fn a_receipt_of_another_operator_with_the_same_id_is_not_ours() {
    let mut node = Node::new();
    let id = node.send(&mt(), 5);
    assert!(node.receipt(OperatorReceipt { operator: Name::intern("op-b"), ..delivrd(5) }));
    assert_eq!((node.state(id), node.stats().parked), (Some(MessageState::Enroute), 1));
}

#[test]
fn an_id_that_is_not_a_number_is_matched_octet_by_octet() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    let text = OperatorMessageId::Text(b"00aF"[..].into());
    node.settle(lease, Outcome::Sent { operator_message_id: Some(text.clone()), receipt_expected: true });
    let other = OperatorMessageId::Text(b"00af"[..].into());
    node.receipt(OperatorReceipt { operator_message_id: other, ..delivrd(0) });
    assert_eq!(node.state(id), Some(MessageState::Enroute));
    node.receipt(OperatorReceipt { operator_message_id: text, ..delivrd(0) });
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn a_reused_id_goes_to_the_newest_message_whose_destination_matches() {
    let mut node = Node::new();
    let other = Draft { destination: 1, ..mt() };
    let ids = [node.send(&mt(), 5), node.send(&mt(), 5), node.send(&other, 5)];
    assert!(node.receipt(delivrd(5)));
    let states = ids.map(|id| node.state(id).unwrap());
    assert_eq!(states, [MessageState::Enroute, MessageState::Delivered, MessageState::Enroute]);
}

#[test]
fn a_rewritten_destination_is_forgiven_where_only_one_message_has_the_id() {
    let mut node = Node::new();
    let id = node.send(&mt(), 5);
    assert!(node.receipt(OperatorReceipt { destination: 99, ..delivrd(5) }));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn a_rewritten_destination_is_not_guessed_where_several_messages_have_the_id() {
    let mut node = Node::new();
    node.send(&mt(), 5);
    node.send(&mt(), 5);
    assert!(node.receipt(OperatorReceipt { destination: 99, ..delivrd(5) }));
    assert_eq!((node.stats().parked, node.outbox(op_a()).enroute), (1, 2));
}

#[test]
fn a_reused_id_whose_receipt_beats_the_response_is_no_duplicate_of_the_old_message() {
    let mut node = Node::new();
    node.send(&mt(), 5);
    node.receipt(delivrd(5));
    let second = node.accept(&Draft { destination: 99, ..mt() });
    let lease = node.pull_one(op_a()).lease;
    assert!(node.receipt(OperatorReceipt { destination: 99, ..delivrd(5) }));
    node.settle(lease, sent(5));
    assert_eq!(node.state(second), Some(MessageState::Delivered));
}

#[test]
fn a_receipt_after_the_synthetic_one_changes_nothing() {
    let mut node = Node::with(StoreOptions { retention: std::time::Duration::from_secs(864_000), ..options() });
    let id = node.send(&mt(), 5);
    node.wait(50 * HOUR);
    assert_eq!((node.state(id), node.stats().counters.synthetic_receipts), (Some(MessageState::Expired), 1));
    assert!(node.receipt(delivrd(5)));
    assert_eq!((node.state(id), node.stats().counters.late_receipts), (Some(MessageState::Expired), 1));
    assert_eq!(node.pull(demo(), 9).len(), 1);
}

#[test]
fn parked_receipts_are_looked_up_again_when_a_peer_joins() {
    let mut node = Node::new();
    node.receipt(delivrd(5));
    node.wait(HOUR);
    let now = node.now;
    node.partition.try_parked_again(now);
    assert_eq!(node.partition.poll_timeout(), Some(now.plus(std::time::Duration::from_millis(50))));
}
