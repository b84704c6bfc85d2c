//! What becomes due: who is told, how often, and to whom it goes without a word.

use super::cast::*;
use crate::messages::*;
use crate::partition::Command;

fn register(node: &mut Node, outbox: Outbox, holder: Holder) {
    node.apply(Command::Register(Register { outbox, holder, ring: node.to() }));
}

#[test]
fn a_holder_is_rung_once_when_an_empty_outbox_gets_something() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    assert!(node.inbox().rings.is_empty());
    for _ in 0..3 {
        let command = node.accept_all(&[mt()]);
        node.apply(command);
    }
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn a_holder_that_registers_late_is_rung_at_once() {
    let mut node = Node::new();
    node.accept(&mt());
    register(&mut node, op_a(), LINK);
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn the_ring_is_repeated_only_after_the_outbox_was_emptied() {
    let mut node = Node::new();
    node.accept(&mt());
    register(&mut node, op_a(), LINK);
    node.inbox();
    assert_eq!(node.pull(op_a(), 1).len(), 1);
    let command = node.accept_all(&[mt()]);
    node.apply(command);
    assert!(node.inbox().rings.is_empty(), "it took all it asked for: it asks again by itself");
    assert_eq!(node.pull(op_a(), 5).len(), 1);
    let command = node.accept_all(&[mt()]);
    node.apply(command);
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn as_many_holders_are_rung_as_there_are_messages() {
    let mut node = Node::new();
    register(&mut node, op_a(), Holder(7));
    register(&mut node, op_a(), Holder(8));
    register(&mut node, op_a(), Holder(9));
    let command = node.accept_all(&[mt(), mt()]);
    node.apply(command);
    assert_eq!(node.inbox().rings, [op_a(), op_a()]);
}

#[test]
fn a_holder_with_room_for_all_is_rung_alone() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    register(&mut node, op_a(), Holder(8));
    assert!(node.pull(op_a(), 10).is_empty());
    let command = node.accept_all(&[mt(), mt()]);
    node.apply(command);
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn a_holder_without_room_passes_the_ring_on() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    register(&mut node, op_a(), Holder(8));
    node.accept(&mt());
    let no_room = node.pull_command(op_a(), LINK, 0);
    node.apply(no_room);
    let inbox = node.inbox();
    assert!(inbox.leased.is_empty());
    assert_eq!(inbox.rings, [op_a()]);
}

#[test]
fn what_a_full_holder_leaves_rings_the_others() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    assert!(node.pull(op_a(), 10).is_empty());
    register(&mut node, op_a(), Holder(8));
    let command = node.accept_all(&[mt(), mt()]);
    node.apply(command);
    assert_eq!(node.inbox().rings, [op_a()], "the first had room for both");
    let one_only = node.pull_command(op_a(), LINK, 1);
    node.apply(one_only);
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn what_a_lost_holder_was_rung_for_rings_the_others() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    register(&mut node, op_a(), Holder(8));
    let command = node.accept_all(&[mt()]);
    node.apply(command);
    assert_eq!(node.inbox().rings, [op_a()]);
    node.apply(Command::Release(Release { holder: LINK }));
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn a_released_holder_is_rung_no_more() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    node.apply(Command::Release(Release { holder: LINK }));
    let command = node.accept_all(&[mt()]);
    node.apply(command);
    assert!(node.inbox().rings.is_empty());
}

#[test]
fn a_holder_that_registers_twice_is_rung_once() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    register(&mut node, op_a(), LINK);
    let command = node.accept_all(&[mt()]);
    node.apply(command);
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn a_message_that_becomes_due_rings() {
    let mut node = Node::new();
    register(&mut node, op_a(), LINK);
    node.accept(&Draft { due: 1_000, ..mt() });
    assert!(node.inbox().rings.is_empty());
    node.wait(1_000);
    assert_eq!(node.inbox().rings, [op_a()]);
}

#[test]
fn a_final_state_rings_the_receivers() {
    let mut node = Node::new();
    register(&mut node, demo(), BIND);
    node.send(&mt(), 5);
    node.apply(Command::Receipts(RecordReceipts { reply: node.to(), items: vec![delivrd(5)] }));
    assert_eq!(node.inbox().rings, [demo()]);
}

#[test]
fn what_a_lost_holder_leaves_rings_the_others() {
    let mut node = Node::new();
    node.accept(&mt());
    node.pull(op_a(), 1);
    register(&mut node, op_a(), Holder(7));
    node.apply(Command::Release(Release { holder: LINK }));
    assert_eq!(node.inbox().rings, [op_a()]);
}

fn stand(node: &mut Node, holder: Holder, room: u32) {
    register(node, op_a(), holder);
    node.inbox();
    node.apply(Command::Pull(Pull { outbox: op_a(), holder, room, rest: Rest::Stands, reply: node.to() }));
}

#[test]
fn what_becomes_due_goes_into_room_that_stands() {
    let mut node = Node::new();
    stand(&mut node, LINK, 10);
    assert!(node.inbox().leased.is_empty());
    let command = node.accept_all(&[mt(), mt()]);
    node.apply(command);
    let inbox = node.inbox();
    assert_eq!((inbox.leased.len(), inbox.rings.len()), (2, 0));
}

#[test]
fn no_more_is_leased_than_room_stands_until_leases_are_settled() {
    let mut node = Node::new();
    stand(&mut node, LINK, 2);
    let command = node.accept_all(&[mt(), mt(), mt()]);
    node.apply(command);
    let leased = node.inbox().leased;
    assert_eq!(leased.len(), 2);
    let items = vec![Settlement::new(leased[0].lease, Outcome::NotSent)];
    node.apply(Command::Settle(Settle { holder: LINK, items, reply: Some(node.to()) }));
    let inbox = node.inbox();
    assert_eq!((inbox.leased.len(), inbox.settled), (1, 0), "instead of an answer");
}

#[test]
fn a_late_response_makes_no_room() {
    let mut node = Node::new();
    stand(&mut node, LINK, 1);
    let command = node.accept_all(&[mt(), mt()]);
    node.apply(command);
    let lease = node.inbox().leased[0].lease;
    let outcome = Outcome::Sent { operator_message_id: None, receipt_expected: true };
    let items = vec![Settlement { lease, outcome, late: true }];
    node.apply(Command::Settle(Settle { holder: LINK, items, reply: Some(node.to()) }));
    assert!(node.inbox().leased.is_empty());
}

#[test]
fn messages_go_in_turn_to_holders_whose_room_stands() {
    let mut node = Node::new();
    stand(&mut node, Holder(7), 10);
    stand(&mut node, Holder(8), 10);
    for _ in 0..4 {
        let command = node.accept_all(&[mt()]);
        node.apply(command);
    }
    assert_eq!(node.inbox().leased.len(), 4);
    node.apply(Command::Release(Release { holder: Holder(7) }));
    assert_eq!(node.inbox().leased.len(), 2, "what one had goes to the other");
}

#[test]
fn room_that_stood_comes_back_when_it_is_asked_back() {
    let mut node = Node::new();
    stand(&mut node, LINK, 10);
    node.accept(&mt());
    let recall = node.pull_command(op_a(), LINK, 0);
    node.apply(recall);
    let inbox = node.inbox();
    assert_eq!((inbox.leased.len(), inbox.room), (0, 9), "one is used, nine come back");
    node.accept(&mt());
    let inbox = node.inbox();
    assert!(inbox.leased.is_empty() && inbox.rings.is_empty(), "it pulls again by itself");
}
