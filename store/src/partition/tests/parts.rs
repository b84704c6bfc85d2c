//! A message that was cut into parts: one receipt for all of them.

use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::messages::*;
use crate::options::StoreOptions;

/// A message of so many parts for op-a that asks for receipts.
fn in_parts(count: usize, receipts: u8) -> Draft {
    Draft { receipts: ReceiptRequest(receipts).of_a_part().0, ..several(&vec![op_a(); count]) }
}

/// The parts are with the operator, under the ids 1, 2 and so on.
fn enroute(node: &mut Node, count: usize, receipts: u8) {
    node.accept(&in_parts(count, receipts));
    for (leased, id) in node.pull(op_a(), 9).into_iter().zip(1..) {
        node.settle(leased.lease, sent(id));
    }
}

fn failed(id: u64) -> OperatorReceipt {
    OperatorReceipt { state: MessageState::Undeliverable, error: *b"042", ..delivrd(id) }
}

/// The states of the receipts that the account gets.
fn receipts(node: &mut Node) -> Vec<MessageState> {
    let state = |leased: &LeasedDelivery| match leased.content {
        Content::Receipt { state, .. } => state,
        Content::Message => panic!("an account gets no MT"),
    };
    node.pull(demo(), 9).iter().map(state).collect()
}

#[test]
fn the_receipt_comes_when_the_last_part_is_delivered() {
    let mut node = Node::new();
    enroute(&mut node, 3, 1);
    for id in [2, 3] {
        assert!(node.receipt(delivrd(id)));
        assert_eq!(receipts(&mut node), []);
    }
    node.receipt(delivrd(1));
    assert_eq!(receipts(&mut node), [MessageState::Delivered]);
    node.check_counts();
}

#[test]
fn the_first_failure_is_that_of_the_message_and_nothing_follows_it() {
    let mut node = Node::new();
    enroute(&mut node, 3, 1);
    node.receipt(delivrd(1));
    node.receipt(failed(2));
    assert_eq!(receipts(&mut node), [MessageState::Undeliverable]);
    node.receipt(delivrd(3));
    assert_eq!(receipts(&mut node), []);
}

#[test]
fn a_part_that_is_refused_or_expires_fails_the_message() {
    let mut node = Node::new();
    node.accept(&in_parts(2, 1));
    let lease = node.pull(op_a(), 1)[0].lease;
    node.settle(lease, refused());
    assert_eq!(receipts(&mut node), [MessageState::Rejected]);
    node.wait(48 * HOUR);
    assert_eq!(receipts(&mut node), [], "the other part expires");
}

#[test]
fn who_asks_for_failures_hears_nothing_of_parts_that_arrive() {
    let mut node = Node::new();
    enroute(&mut node, 2, 2);
    node.receipt(delivrd(1));
    node.receipt(delivrd(2));
    assert_eq!(receipts(&mut node), []);
}

#[test]
fn who_asks_for_success_hears_nothing_when_a_part_has_failed() {
    let mut node = Node::new();
    enroute(&mut node, 2, 3);
    node.receipt(failed(1));
    node.receipt(delivrd(2));
    assert_eq!(receipts(&mut node), []);
}

#[test]
fn parts_are_combined_also_over_restarts() {
    for (first, expected) in [(delivrd(1), MessageState::Delivered), (failed(1), MessageState::Undeliverable)] {
        let mut node = Node::new();
        enroute(&mut node, 2, 1);
        node.crash();
        node.receipt(first);
        node.crash();
        node.receipt(delivrd(2));
        node.crash();
        assert_eq!(receipts(&mut node), [expected]);
        let before = picture(&node);
        node.crash();
        assert_eq!(picture(&node), before);
    }
}

#[test]
fn a_part_that_is_not_kept_any_more_still_counts() {
    let mut node = Node::with(StoreOptions { retention_messages_max: 0, ..options() });
    enroute(&mut node, 3, 1);
    node.receipt(delivrd(1));
    node.receipt(failed(2));
    assert_eq!(receipts(&mut node), [MessageState::Undeliverable]);
    node.crash();
    node.receipt(delivrd(3));
    assert_eq!(receipts(&mut node), [MessageState::Undeliverable], "and no second one");
}

#[test]
fn destinations_have_receipts_of_their_own() {
    let mut node = Node::new();
    node.accept(&several(&[op_a(), op_a()]));
    for (leased, id) in node.pull(op_a(), 9).into_iter().zip(1..) {
        node.settle(leased.lease, sent(id));
    }
    node.receipt(delivrd(1));
    node.receipt(failed(2));
    assert_eq!(receipts(&mut node), [MessageState::Delivered, MessageState::Undeliverable]);
}
