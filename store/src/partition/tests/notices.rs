//! Intermediate notifications: to those who asked, once, and worth no more than the message (S36).

use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::messages::*;

fn still_trying(id: u64) -> OperatorReceipt {
    OperatorReceipt { state: MessageState::Enroute, error: *b"027", ..delivrd(id) }
}

fn asking() -> Draft {
    Draft { receipts: 0x11, ..mt() }
}

#[test]
fn who_asked_is_told_once_that_an_operator_still_tries() {
    let mut node = Node::new();
    let id = node.send(&asking(), 5);
    for _ in 0..2 {
        assert!(node.receipt(still_trying(5)));
    }
    let notice = node.pull_one(demo());
    assert_eq!((notice.message_id, &notice.body[..]), (id, &b"submit_sm"[..]));
    assert!(matches!(notice.content, Content::Receipt { state: MessageState::Enroute, error: [b'0', b'2', b'7'], .. }));
    node.settle(notice.lease, Outcome::Delivered);
    assert_eq!((node.state(id), node.find(id).len()), (Some(MessageState::Enroute), 1));
}

#[test]
fn who_did_not_ask_is_not_told() {
    let mut node = Node::new();
    node.send(&mt(), 5);
    assert!(node.receipt(still_trying(5)));
    assert!(node.pull(demo(), 5).is_empty());
}

#[test]
fn the_final_receipt_follows_all_the_same() {
    let mut node = Node::new();
    let id = node.send(&asking(), 5);
    node.receipt(still_trying(5));
    node.receipt(delivrd(5));
    let states: Vec<_> = node.pull(demo(), 5).into_iter().map(|leased| (leased.message_id, leased.content)).collect();
    assert!(matches!(states[0], (first, Content::Receipt { state: MessageState::Enroute, .. }) if first == id));
    assert!(matches!(states[1], (second, Content::Receipt { state: MessageState::Delivered, .. }) if second == id));
}

#[test]
fn a_notice_survives_a_crash_and_is_no_final_message() {
    let mut node = Node::new();
    let id = node.send(&asking(), 5);
    node.receipt(still_trying(5));
    node.crash();
    let notice = node.pull_one(demo());
    assert_eq!(notice.message_id, id);
    node.settle(notice.lease, Outcome::Delivered);
    assert_eq!(node.stats().counters.finals, [0; 10]);
    node.crash();
    assert!(node.pull(demo(), 5).is_empty());
}
