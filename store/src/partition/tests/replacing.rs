//! Replacing: another text, other times and receipts for what is still pending (S48).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::pdu::SmFields;

use super::cast::*;
use crate::messages::*;
use crate::options::StoreOptions;
use crate::partition::CleaningRules;

/// A submit_sm of that text in UCS-2.
fn ucs2(text: &[u8]) -> Bytes {
    let mut body = BytesMut::new();
    SmFields { data_coding: 8, short_message: text, ..SmFields::default() }.encode(&[], &mut body);
    body.freeze()
}

fn draft() -> Draft {
    Draft { body: ucs2(b"\0o\0l\0d"), ..mt() }
}

#[test]
fn the_new_text_leaves_and_the_coding_stays() {
    let mut node = Node::new();
    let id = node.accept(&draft());
    assert_eq!(node.replace(node.new_text(id, b"\0n\0e\0w")), Ok(()));
    assert_eq!(node.pull_one(op_a()).body[..], ucs2(b"\0n\0e\0w")[..]);
}

#[test]
fn it_leaves_only_when_it_is_durable() {
    let mut node = Node::new();
    let id = node.accept(&draft());
    let replace = crate::partition::Command::Replace(node.new_text(id, b"\0n"));
    let mut batch = node.partition.begin();
    let now = node.now;
    node.partition.apply(now, replace, false, &mut batch);
    let records = node.partition.seal(&mut batch);
    assert!(node.pull(op_a(), 5).is_empty());
    node.append(records);
    node.partition.release(now, batch);
    assert_eq!(node.pull_one(op_a()).body[..], ucs2(b"\0n")[..]);
}

#[test]
fn a_replaced_text_survives_crash_and_cleaner() {
    let options = StoreOptions { retention_messages_max: 1, ..options() };
    let mut node = Node::cleaning(options, CleaningRules { slack: 0, step_max: 10 });
    let id = node.accept(&draft());
    node.replace(node.new_text(id, b"\0n\0e\0w")).unwrap();
    for _ in 0..50 {
        node.accept(&Draft { receipts: 0, outboxes: vec![op_b()], ..mt() });
        let lease = node.pull_one(op_b()).lease;
        node.settle(lease, refused());
    }
    assert!(node.clean() > 0);
    let before = picture(&node);
    node.crash();
    assert_eq!(picture(&node), before);
    assert_eq!(node.pull_one(op_a()).body[..], ucs2(b"\0n\0e\0w")[..]);
}

#[test]
fn the_receipt_is_about_the_new_text() {
    let mut node = Node::new();
    let id = node.accept(&draft());
    node.replace(node.new_text(id, b"\0n\0e\0w")).unwrap();
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, sent(5));
    node.receipt(delivrd(5));
    node.crash();
    assert_eq!(node.pull_one(demo()).body[..], ucs2(b"\0n\0e\0w")[..]);
}

#[test]
fn times_and_receipts_are_replaced_too_and_empty_times_stay() {
    let mut node = Node::new();
    let id = node.accept(&Draft { due: HOUR, validity: 2 * HOUR, ..draft() });
    node.replace(Replace { receipts: ReceiptRequest(0), ..node.new_text(id, b"\0n") }).unwrap();
    node.wait(HOUR - 1);
    assert!(node.pull(op_a(), 5).is_empty(), "the schedule is as before");
    let at = |millis| node.now.plus(Duration::from_millis(millis));
    let sooner = Replace {
        due: Some(at(0)),
        expires: Some(at(1_000)),
        receipts: ReceiptRequest(0),
        ..node.new_text(id, b"\0n")
    };
    node.replace(sooner).unwrap();
    assert_eq!(node.outbox(op_a()).ready, 1);
    node.wait(1_000);
    assert_eq!(node.state(id), Some(MessageState::Expired));
    assert!(node.pull(demo(), 5).is_empty(), "no receipt is asked for any more");
}

#[test]
fn a_message_that_would_expire_before_it_leaves_is_not_replaced() {
    let mut node = Node::new();
    let id = node.accept(&Draft { validity: HOUR, ..draft() });
    let due = Some(node.now.plus(Duration::from_millis(2 * HOUR)));
    let replace = Replace { due, ..node.new_text(id, b"\0n") };
    assert_eq!(node.replace(replace), Err(NotReplaced::TimesCross));
    assert_eq!(node.pull_one(op_a()).body[..], ucs2(b"\0o\0l\0d")[..]);
}

#[test]
fn what_has_left_or_belongs_to_another_is_not_replaced() {
    let mut node = Node::new();
    let sent = node.send(&draft(), 5);
    assert_eq!(node.replace(node.new_text(sent, b"\0n")), Err(NotReplaced::NotPending));
    let id = node.accept(&draft());
    let other_source = Replace { like: from("46700000001"), ..node.new_text(id, b"\0n") };
    assert_eq!(node.replace(other_source), Err(NotReplaced::NotPending));
    let other_account = Replace { account: crate::name::Name::intern("other"), ..node.new_text(id, b"\0n") };
    assert_eq!(node.replace(other_account), Err(NotReplaced::NotPending));
    node.pull_one(op_a());
    assert_eq!(node.replace(node.new_text(id, b"\0n")), Err(NotReplaced::NotPending), "on lease");
}

#[test]
fn a_text_may_be_replaced_again_and_the_last_one_counts() {
    let mut node = Node::new();
    let id = node.accept(&draft());
    for text in [&b"\0a"[..], b"\0b", b"\0c"] {
        node.replace(node.new_text(id, text)).unwrap();
        node.crash();
    }
    assert_eq!(node.pull_one(op_a()).body[..], ucs2(b"\0c")[..]);
}
