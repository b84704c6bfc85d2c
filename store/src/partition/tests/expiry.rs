//! Validity, grace and lifetimes.

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;

use super::cast::*;
use crate::messages::*;
use crate::options::OutboxRules;

#[test]
fn a_waiting_message_expires_with_its_validity() {
    let mut node = Node::new();
    let id = node.accept(&Draft { validity: 1_000, ..mt() });
    node.wait(999);
    assert_eq!(node.state(id), Some(MessageState::Enroute));
    node.wait(1);
    assert_eq!(node.state(id), Some(MessageState::Expired));
    assert!(node.pull(op_a(), 1).is_empty());
    assert!(matches!(node.pull_one(demo()).content, Content::Receipt { state: MessageState::Expired, .. }));
}

#[test]
fn an_expired_message_is_not_handed_out_before_the_timer_has_run() {
    let mut node = Node::new();
    let id = node.accept(&Draft { validity: 1_000, ..mt() });
    node.pass(1_000);
    assert!(node.pull(op_a(), 1).is_empty());
    node.wait(0);
    assert_eq!(node.state(id), Some(MessageState::Expired));
}

#[test]
fn a_leased_message_does_not_expire_but_one_that_comes_back_does() {
    let mut node = Node::new();
    let id = node.accept(&Draft { validity: 1_000, ..mt() });
    let lease = node.pull_one(op_a()).lease;
    node.wait(HOUR);
    assert_eq!(node.state(id), Some(MessageState::Enroute));
    node.settle(lease, Outcome::NotSent);
    node.wait(0);
    assert_eq!(node.state(id), Some(MessageState::Expired));
}

#[test]
fn a_retry_that_is_later_than_the_validity_ends_with_it() {
    let mut node = Node::new();
    let id = node.accept(&Draft { validity: 1_000, ..mt() });
    let lease = node.pull_one(op_a()).lease;
    let at = node.now.plus(std::time::Duration::from_secs(3_600));
    node.settle(lease, Outcome::Retry { at, status: CommandStatus(88) });
    node.wait(1_000);
    assert_eq!(node.state(id), Some(MessageState::Expired));
    node.wait(2 * HOUR);
    assert_eq!(node.outbox(op_a()).ready, 0);
}

#[test]
fn a_scheduled_message_is_due_at_its_time() {
    let mut node = Node::new();
    let id = node.accept(&Draft { due: HOUR, ..mt() });
    assert_eq!((node.state(id), node.outbox(op_a()).scheduled), (Some(MessageState::Scheduled), 1));
    assert!(node.pull(op_a(), 1).is_empty());
    node.wait(HOUR);
    assert_eq!(node.state(id), Some(MessageState::Enroute));
    assert_eq!(node.pull_one(op_a()).attempt, 1);
}

#[test]
fn a_missing_receipt_is_written_at_the_end_of_validity_and_grace() {
    let mut node = Node::new();
    let id = node.send(&Draft { validity: HOUR, ..mt() }, 5);
    node.wait(2 * HOUR - 1);
    assert_eq!(node.state(id), Some(MessageState::Enroute));
    node.wait(1);
    assert_eq!(node.state(id), Some(MessageState::Expired));
    assert!(matches!(node.pull_one(demo()).content, Content::Receipt { state: MessageState::Expired, .. }));
}

#[test]
fn after_a_start_the_operators_may_bring_their_receipts_before_we_write_one() {
    let mut node = Node::new();
    let id = node.send(&Draft { validity: HOUR, ..mt() }, 5);
    node.pass(5 * HOUR);
    node.crash();
    node.wait(0);
    assert_eq!(node.state(id), Some(MessageState::Enroute));
    assert!(node.receipt(delivrd(5)));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn after_a_start_a_missing_receipt_is_written_ten_minutes_later_at_most() {
    let mut node = Node::new();
    let id = node.send(&Draft { validity: HOUR, ..mt() }, 5);
    node.pass(5 * HOUR);
    node.crash();
    node.wait(600_000);
    assert_eq!(node.state(id), Some(MessageState::Expired));
}

#[test]
fn a_receipt_without_a_receiver_is_given_up_after_its_lifetime() {
    let rules = OutboxRules { receipt_lifetime: std::time::Duration::from_secs(60), ..OutboxRules::default() };
    let mut node = Node::with_rules(demo(), rules);
    let id = node.send(&mt(), 5);
    node.receipt(delivrd(5));
    node.wait(59_999);
    assert_eq!(node.outbox(demo()).ready, 1);
    node.wait(1);
    assert_eq!((node.outbox(demo()).ready, node.stats().counters.receipts_expired), (0, 1));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn an_mo_message_expires_without_a_receipt() {
    let mut node = Node::new();
    let id = node.accept(&Draft { validity: 1_000, ..mo() });
    node.wait(1_000);
    assert_eq!((node.state(id), node.stats().held), (Some(MessageState::Expired), 0));
}

#[test]
fn thousands_that_expire_at_once_are_ended_in_steps() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![Draft { validity: 1_000, ..mt() }; 10_000]);
    node.apply(command);
    node.pass(1_000);
    let now = node.now;
    node.turn(|partition, batch| partition.handle_timeout(now, batch));
    let first_step = node.stats().counters.finals[MessageState::Expired as usize];
    assert!(first_step > 0 && first_step < 10_000, "{first_step}");
    node.wait(0);
    assert_eq!(node.stats().counters.finals[MessageState::Expired as usize], 10_000);
    assert_eq!(node.outbox(demo()).ready, 10_000);
}
