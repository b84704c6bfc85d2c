//! Re-routing what waits for an operator that is gone.

use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::messages::*;
use crate::partition::Command;

fn step(node: &mut Node, step_max: u32, to: Outbox) -> (u32, bool) {
    node.apply(Command::Reroute(Reroute { from: op_a(), step_max, choose: always(to), reply: node.to() }));
    let rerouted = node.inbox().rerouted.remove(0);
    (rerouted.moved, rerouted.more)
}

#[test]
fn waiting_messages_move_and_keep_their_order() {
    let mut node = Node::new();
    let ids: Vec<_> = (0..5).map(|_| node.accept(&mt())).collect();
    assert_eq!(step(&mut node, 1_000, op_b()).0, 5);
    let moved: Vec<_> = node.pull(op_b(), 9).iter().map(|leased| leased.message_id).collect();
    assert_eq!(moved, ids);
    assert!(node.pull(op_a(), 9).is_empty());
}

#[test]
fn a_step_looks_at_no_more_than_it_may_and_the_next_goes_on() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![mt(); 25]);
    node.apply(command);
    assert_eq!(step(&mut node, 10, op_b()), (10, true));
    assert_eq!(step(&mut node, 10, op_b()), (10, true));
    assert_eq!(step(&mut node, 10, op_b()), (5, false));
}

#[test]
fn messages_that_stay_do_not_hold_up_the_others() {
    let mut node = Node::new();
    for body in [b"stay", b"stay", b"stay", b"move"] {
        node.accept(&Draft { body: body[..].into(), ..mt() });
    }
    let mut moved = 0;
    let mut more = true;
    while more {
        let choose = std::sync::Arc::new(|_, body: &[u8]| (body == b"move").then(op_b));
        node.apply(Command::Reroute(Reroute { from: op_a(), step_max: 2, choose, reply: node.to() }));
        let step = node.inbox().rerouted.remove(0);
        moved += step.moved;
        more = step.more;
    }
    assert_eq!((moved, node.outbox(op_a()).ready, node.outbox(op_b()).ready), (1, 3, 1));
}

#[test]
fn scheduled_messages_and_retries_move_too() {
    let mut node = Node::new();
    node.accept(&Draft { due: HOUR, ..mt() });
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, Outcome::Unanswered { retry_at: node.now.plus(std::time::Duration::from_secs(9)) });
    assert_eq!(step(&mut node, 10, op_b()).0, 2);
    assert_eq!((node.outbox(op_b()).scheduled, node.outbox(op_b()).retry), (1, 1));
    node.wait(HOUR);
    assert_eq!(node.pull(op_b(), 9).len(), 2);
}

#[test]
fn what_is_leased_or_enroute_or_a_receipt_stays() {
    let mut node = Node::new();
    node.send(&mt(), 5);
    node.receipt(delivrd(5));
    node.send(&mt(), 6);
    node.accept(&mt());
    node.pull_one(op_a());
    assert_eq!(step(&mut node, 10, op_b()), (0, false));
    node.apply(Command::Reroute(Reroute { from: demo(), step_max: 9, choose: always(op_b()), reply: node.to() }));
    assert_eq!(node.inbox().rerouted[0].moved, 0);
}

#[test]
fn an_empty_or_unknown_outbox_has_nothing_to_move() {
    let mut node = Node::new();
    assert_eq!(step(&mut node, 10, op_b()), (0, false));
}

#[test]
fn a_moved_message_is_there_after_a_restart() {
    let mut node = Node::new();
    node.accept(&mt());
    step(&mut node, 10, op_b());
    node.crash();
    assert_eq!((node.pull(op_a(), 1).len(), node.pull(op_b(), 1).len()), (0, 1));
    assert_eq!(node.partition.outboxes(), [op_b()]);
}

#[test]
fn a_late_response_of_the_operator_that_it_left_is_understood() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, Outcome::Unanswered { retry_at: node.now });
    assert_eq!(step(&mut node, 10, op_b()).0, 1);
    node.settle(lease, sent(5));
    assert!(node.pull(op_b(), 1).is_empty());
    node.crash();
    assert!(node.receipt(delivrd(5)));
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn outboxes_that_hold_something_are_listed() {
    let mut node = Node::new();
    node.accept(&mt());
    node.accept(&mo());
    assert_eq!(node.partition.outboxes(), [op_a(), demo()]);
    node.pull(op_a(), 1);
    assert_eq!(node.partition.outboxes(), [op_a(), demo()]);
}
