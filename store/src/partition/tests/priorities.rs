//! Which of several due messages leaves first.

use super::cast::*;
use crate::messages::*;

#[test]
fn higher_priorities_leave_more_often_and_none_starves() {
    let mut node = Node::new();
    for priority in 0..4 {
        let command = node.accept_all(&vec![Draft { priority, body: vec![priority].into(), ..mt() }; 30]);
        node.apply(command);
    }
    let mut left = [0; 4];
    for leased in node.pull(op_a(), 30) {
        left[usize::from(leased.body[0])] += 1;
    }
    assert_eq!(left, [2, 4, 8, 16]);
}

#[test]
fn the_weights_hold_over_small_pulls_too() {
    let mut node = Node::new();
    for priority in 0..4 {
        let command = node.accept_all(&vec![Draft { priority, body: vec![priority].into(), ..mt() }; 30]);
        node.apply(command);
    }
    let mut left = [0; 4];
    for _ in 0..30 {
        left[usize::from(node.pull(op_a(), 1)[0].body[0])] += 1;
    }
    assert_eq!(left, [2, 4, 8, 16]);
}

#[test]
fn one_priority_alone_takes_all_the_room() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![mt(); 40]);
    node.apply(command);
    assert_eq!(node.pull(op_a(), 100).len(), 40);
}

#[test]
fn among_equals_the_longest_due_leaves_first() {
    let mut node = Node::new();
    let scheduled = node.accept(&Draft { due: 1_000, ..mt() });
    node.wait(2_000);
    let fresh = node.accept(&mt());
    node.pass(1);
    let last = node.accept(&mt());
    let order: Vec<_> = node.pull(op_a(), 9).iter().map(|leased| leased.message_id).collect();
    assert_eq!(order, [scheduled, fresh, last]);
}

#[test]
fn a_retry_queues_up_by_its_own_due_time() {
    let mut node = Node::new();
    let tried = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, Outcome::Unanswered { retry_at: node.now.plus(std::time::Duration::from_millis(500)) });
    node.pass(200);
    let before = node.accept(&mt());
    node.pass(600);
    let after = node.accept(&mt());
    node.wait(0);
    let order: Vec<_> = node.pull(op_a(), 9).iter().map(|leased| leased.message_id).collect();
    assert_eq!(order, [before, tried, after]);
}
