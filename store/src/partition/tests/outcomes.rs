//! Outcomes of leases, row by row of the table (DESIGN §4.3).

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;

use super::cast::*;
use crate::messages::*;
use crate::partition::Command;

fn lost(node: &Node, after: u64) -> Outcome {
    Outcome::LinkLost { retry_at: node.now.plus(std::time::Duration::from_millis(after)) }
}

fn silent(node: &Node, after: u64) -> Outcome {
    Outcome::Unanswered { retry_at: node.now.plus(std::time::Duration::from_millis(after)) }
}

fn retry(node: &Node, after: u64) -> Outcome {
    Outcome::Retry { at: node.now.plus(std::time::Duration::from_millis(after)), status: CommandStatus(88) }
}

#[test]
fn a_sent_message_is_enroute_under_the_operators_id() {
    let mut node = Node::new();
    let id = node.send(&mt(), 77);
    let status = node.find(id).remove(0);
    assert_eq!((status.state, status.attempts), (MessageState::Enroute, 1));
    assert_eq!(status.operator_message_id, Some(OperatorMessageId::Decimal(77)));
    assert_eq!(node.outbox(op_a()).enroute, 1);
}

#[test]
fn without_receipts_from_the_operator_a_sent_message_is_accepted_and_final() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, Outcome::Sent { operator_message_id: None, receipt_expected: false });
    assert_eq!(node.state(id), Some(MessageState::Accepted));
    assert!(matches!(node.pull_one(demo()).content, Content::Receipt { state: MessageState::Accepted, .. }));
}

#[test]
fn a_retry_is_due_at_its_time_and_counts_as_an_attempt() {
    let mut node = Node::new();
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, retry(&node, 5_000));
    assert_eq!(node.outbox(op_a()).retry, 1);
    node.wait(4_999);
    assert!(node.pull(op_a(), 1).is_empty());
    node.wait(1);
    assert_eq!(node.pull_one(op_a()).attempt, 2);
}

#[test]
fn a_refused_message_is_final_and_its_failure_receipt_waits() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, refused());
    let receipt = node.pull_one(demo());
    assert_eq!((receipt.message_id, &receipt.body[..], receipt.attempt), (id, &b"submit_sm"[..], 1));
    let done = node.now;
    assert_eq!(receipt.content, Content::Receipt { state: MessageState::Rejected, error: *b"011", done });
}

#[test]
fn no_receipt_is_made_that_was_not_asked_for() {
    for receipts in [0, 3] {
        let mut node = Node::new();
        let id = node.accept(&Draft { receipts, ..mt() });
        let lease = node.pull_one(op_a()).lease;
        node.settle(lease, refused());
        assert!(node.pull(demo(), 1).is_empty(), "registered_delivery {receipts}");
        assert_eq!(node.state(id), Some(MessageState::Rejected));
    }
}

#[test]
fn a_lost_link_has_the_message_due_at_once_the_first_time_then_by_the_schedule() {
    let mut node = Node::new();
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, lost(&node, 5_000));
    let second = node.pull_one(op_a());
    assert_eq!((second.attempt, node.stats().counters.possible_duplicates), (2, 1));
    node.settle(second.lease, lost(&node, 5_000));
    assert!(node.pull(op_a(), 1).is_empty());
    node.wait(5_000);
    assert_eq!(node.pull_one(op_a()).attempt, 3);
}

#[test]
fn an_unanswered_message_is_due_by_the_schedule() {
    let mut node = Node::new();
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, silent(&node, 5_000));
    assert!(node.pull(op_a(), 1).is_empty());
    node.wait(5_000);
    assert_eq!(node.pull_one(op_a()).attempt, 2);
}

#[test]
fn after_three_unanswered_attempts_it_is_not_sent_again_and_waits_for_a_receipt() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    for _ in 0..3 {
        let lease = node.pull_one(op_a()).lease;
        node.settle(lease, silent(&node, 0));
    }
    node.wait(24 * HOUR);
    assert!(node.pull(op_a(), 1).is_empty());
    assert_eq!((node.state(id), node.outbox(op_a()).enroute), (Some(MessageState::Enroute), 1));
    node.wait(25 * HOUR);
    assert_eq!(node.state(id), Some(MessageState::Expired));
}

#[test]
fn a_late_response_records_the_id_and_withdraws_the_resend() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, silent(&node, 5_000));
    node.settle(lease, sent(77));
    node.wait(5_000);
    assert!(node.pull(op_a(), 1).is_empty());
    assert_eq!(node.stats().counters.late_responses, 1);
    assert!(node.receipt(delivrd(77)));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn a_late_response_withdraws_a_resend_that_is_due_already() {
    let mut node = Node::new();
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, lost(&node, 0));
    assert_eq!(node.outbox(op_a()).ready, 1);
    node.settle(lease, sent(77));
    assert!(node.pull(op_a(), 1).is_empty());
    assert_eq!((node.outbox(op_a()).ready, node.outbox(op_a()).enroute), (0, 1));
}

#[test]
fn after_a_late_response_the_outcome_of_the_copy_does_not_matter() {
    for outcome in [refused(), Outcome::NotSent, Outcome::Unanswered { retry_at: Default::default() }] {
        let mut node = Node::new();
        let id = node.accept(&mt());
        let first = node.pull_one(op_a()).lease;
        node.settle(first, lost(&node, 0));
        let second = node.pull_one(op_a()).lease;
        node.settle(first, sent(77));
        node.settle(second, outcome);
        assert!(node.pull(op_a(), 1).is_empty());
        assert!(node.receipt(delivrd(77)));
        assert_eq!(node.state(id), Some(MessageState::Delivered));
    }
}

#[test]
fn both_ids_find_a_message_that_was_sent_twice() {
    for receipt in [77, 78] {
        let mut node = Node::new();
        let id = node.accept(&mt());
        let first = node.pull_one(op_a()).lease;
        node.settle(first, lost(&node, 0));
        let second = node.pull_one(op_a()).lease;
        node.settle(first, sent(77));
        node.settle(second, sent(78));
        node.crash();
        assert!(node.receipt(delivrd(receipt)));
        assert_eq!(node.state(id), Some(MessageState::Delivered));
    }
}

#[test]
fn ids_of_two_operators_stay_apart_when_a_message_moved_between_them() {
    for receipt_from in ["op-a", "op-b"] {
        let mut node = Node::new();
        let id = node.accept(&mt());
        let first = node.pull_one(op_a()).lease;
        node.settle(first, silent(&node, 0));
        node.apply(Command::Reroute(Reroute { from: op_a(), step_max: 9, choose: always(op_b()), reply: node.to() }));
        let second = node.pull_one(op_b()).lease;
        node.settle(first, sent(5));
        node.settle(second, sent(6));
        for _ in 0..2 {
            node.crash();
            let stranger = if receipt_from == "op-a" { 6 } else { 5 };
            let operator = crate::name::Name::intern(receipt_from);
            node.receipt(OperatorReceipt { operator, ..delivrd(stranger) });
            assert_eq!(node.state(id), Some(MessageState::Enroute));
        }
        let own = if receipt_from == "op-a" { 5 } else { 6 };
        node.receipt(OperatorReceipt { operator: crate::name::Name::intern(receipt_from), ..delivrd(own) });
        assert_eq!(node.state(id), Some(MessageState::Delivered));
    }
}

#[test]
fn the_link_of_a_late_response_may_go_while_the_copy_is_on_lease() {
    let mut node = Node::new();
    node.accept(&mt());
    let first = node.pull_one(op_a()).lease;
    node.settle(first, lost(&node, 0));
    node.pull_one(op_a());
    node.settle(first, sent(77));
    node.apply(Command::Release(Release { holder: LINK }));
    assert!(node.pull(op_a(), 1).is_empty());
    assert_eq!(node.outbox(op_a()).enroute, 1);
}

#[test]
fn the_same_outcome_twice_counts_once() {
    let mut node = Node::new();
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, sent(7));
    node.settle(lease, sent(7));
    assert_eq!((node.stats().counters.stale_settlements, node.outbox(op_a()).enroute), (1, 1));
}

#[test]
fn an_mo_message_ends_when_the_esme_takes_it() {
    let mut node = Node::new();
    let id = node.accept(&mo());
    let leased = node.pull_one(demo());
    assert_eq!((leased.content, leased.origin), (Content::Message, mo().origin));
    node.settle(leased.lease, Outcome::Delivered);
    assert_eq!(node.state(id), Some(MessageState::Delivered));
    assert!(node.pull(demo(), 1).is_empty());
}

#[test]
fn an_mo_message_that_the_esme_refuses_is_final_and_counted() {
    let mut node = Node::new();
    let id = node.accept(&mo());
    let lease = node.pull_one(demo()).lease;
    node.settle(lease, refused());
    assert_eq!(node.state(id), Some(MessageState::Rejected));
    assert_eq!(node.stats().counters.finals[MessageState::Rejected as usize], 1);
}

#[test]
fn a_receipt_is_delivered_until_the_esme_takes_it() {
    let mut node = Node::new();
    let id = node.send(&mt(), 5);
    node.receipt(delivrd(5));
    let lease = node.pull_one(demo()).lease;
    node.settle(lease, retry(&node, 1_000));
    assert!(node.pull(demo(), 1).is_empty());
    node.wait(1_000);
    let second = node.pull_one(demo());
    assert_eq!(second.attempt, 2);
    node.settle(second.lease, lost(&node, HOUR));
    let third = node.pull_one(demo());
    assert_eq!(third.attempt, 3);
    node.settle(third.lease, Outcome::Delivered);
    assert!(node.pull(demo(), 1).is_empty());
    assert_eq!((node.state(id), node.stats().retained), (Some(MessageState::Delivered), 1));
}

#[test]
fn a_receipt_that_the_esme_refuses_for_good_is_counted_and_ends() {
    let mut node = Node::new();
    node.send(&mt(), 5);
    node.receipt(delivrd(5));
    let lease = node.pull_one(demo()).lease;
    node.settle(lease, refused());
    assert!(node.pull(demo(), 1).is_empty());
    assert_eq!((node.stats().counters.receipts_refused, node.stats().held), (1, 0));
}

fn elsewhere() -> Outcome {
    Outcome::Elsewhere { outbox: op_b(), status: CommandStatus(0x0A) }
}

#[test]
fn a_message_that_another_operator_is_to_have_is_due_there_at_once() {
    let mut node = Node::new();
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, elsewhere());
    assert!(node.pull(op_a(), 9).is_empty());
    assert_eq!(node.pull_one(op_b()).attempt, 2);
    node.crash();
    assert!(node.pull(op_a(), 9).is_empty());
    assert_eq!(node.pull_one(op_b()).attempt, 2, "also after a restart");
    node.check_counts();
}

#[test]
fn a_late_response_of_the_operator_that_a_message_has_left_still_counts() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let first = node.pull_one(op_a()).lease;
    node.settle(first, lost(&node, 0));
    let second = node.pull_one(op_a()).lease;
    node.settle(second, elsewhere());
    node.settle(first, sent(77));
    assert!(node.pull(op_b(), 9).is_empty(), "it is with the first operator");
    assert!(node.receipt(delivrd(77)));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}
