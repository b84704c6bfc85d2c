//! Finding a message: by its id, and by the alias of sessions before 3.4 (S23).

use smsc_proto::ids::{MessageAlias, MessageRef};
use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::options::StoreOptions;

fn aliased() -> Draft {
    Draft { aliased: true, ..mt() }
}

#[test]
fn a_message_is_found_by_its_alias_only_if_its_sender_knows_it_so() {
    let mut node = Node::new();
    let known = node.accept(&aliased());
    let unknown = node.accept(&mt());
    let found = |node: &mut Node, id| node.find_by(MessageRef::Alias(MessageAlias::of(id)));
    assert_eq!(found(&mut node, known)[0].message_id, known);
    assert!(found(&mut node, unknown).is_empty());
    assert!(node.pull(op_a(), 1)[0].aliased);
}

#[test]
fn an_alias_lives_as_long_as_its_message_is_kept() {
    let retention = std::time::Duration::from_secs(60);
    let mut node = Node::with(StoreOptions { retention, ..options() });
    let id = node.send(&Draft { receipts: 0, ..aliased() }, 5);
    node.receipt(delivrd(5));
    node.crash();
    let alias = MessageRef::Alias(MessageAlias::of(id));
    assert_eq!(node.find_by(alias)[0].state, MessageState::Delivered);
    node.wait(60_000);
    assert!(node.find_by(alias).is_empty());
}

#[test]
fn a_question_is_told_what_it_must_repeat() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let status = node.find(id).remove(0);
    assert_eq!((status.fingerprint, status.origin, status.destination), (mt().fingerprint, mt().origin, 4_670));
    node.crash();
    assert_eq!(node.find(id), [status]);
}

#[test]
fn a_final_message_still_knows_its_source() {
    let mut node = Node::new();
    let id = node.send(&Draft { receipts: 0, ..mt() }, 5);
    node.receipt(delivrd(5));
    node.crash();
    let status = node.find(id).remove(0);
    assert_eq!((status.state, status.fingerprint), (MessageState::Delivered, mt().fingerprint));
}
