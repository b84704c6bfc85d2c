//! The cleaner: the journal stays short, and nothing alive is lost by it.

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::options::StoreOptions;
use crate::partition::CleaningRules;

/// Cleans soon; without any slack the heads of small records alone would keep it busy.
const EAGER: CleaningRules = CleaningRules { slack: 1_000, step_max: 8 };

fn eager(options: StoreOptions) -> Node {
    Node::cleaning(options, EAGER)
}

/// Messages that come and go without a trace.
fn traffic(node: &mut Node, messages: u64) {
    for id in 0..messages {
        node.send(&Draft { receipts: 0, body: vec![0; 200].into(), ..mt() }, 1_000 + id);
        node.receipt(delivrd(1_000 + id));
    }
}

#[test]
fn records_without_anything_alive_go_by_themselves() {
    let mut node = eager(StoreOptions { retention_messages_max: 0, ..options() });
    traffic(&mut node, 100);
    assert!(node.journal.len() <= 2, "{} records", node.journal.len());
    assert_eq!(node.stats().counters.cleaned, 0);
}

#[test]
fn what_is_alive_in_an_old_record_moves_to_the_head() {
    let mut node = eager(StoreOptions { retention_messages_max: 0, ..options() });
    let old = node.accept(&several(&[op_b()]));
    traffic(&mut node, 100);
    node.clean();
    assert!(node.journal.len() < 20, "{} records", node.journal.len());
    assert!(node.stats().counters.cleaned > 0);
    let before = picture(&node);
    node.crash();
    assert_eq!(picture(&node), before);
    assert_eq!(node.pull_one(op_b()).message_id, old);
}

#[test]
fn the_cleaner_keeps_every_stage() {
    let mut node = eager(StoreOptions { retention_messages_max: 3, ..options() });
    let b = |draft: Draft| Draft { outboxes: vec![op_b()], ..draft };
    node.accept(&b(Draft { priority: 2, ..mt() }));
    node.accept(&b(Draft { due: 9 * HOUR, ..mt() }));
    node.accept(&mo());
    node.accept(&b(Draft { body: vec![3; 70_000].into(), ..mt() }));
    node.accept(&Draft { due: 9 * HOUR, ..several(&[op_b(), op_b(), op_a()]) });
    node.send(&mt(), 1);
    node.send(&mt(), 2);
    node.receipt(delivrd(2));
    node.receipt(delivrd(3));
    node.send(&Draft { receipts: 0, ..mt() }, 4);
    node.receipt(delivrd(4));
    let before = picture(&node);
    for _ in 0..4 {
        // Dead weight, so that everything alive is moved again and again.
        for _ in 0..600 {
            node.receipt(delivrd(3));
            let id = node.accept(&Draft { receipts: 0, body: vec![0; 400].into(), validity: 0, ..several(&[op_b()]) });
            node.wait(0);
            assert_eq!(node.state(id), Some(MessageState::Expired));
        }
        node.clean();
    }
    assert!(node.stats().counters.cleaned > 20, "{}", node.stats().counters.cleaned);
    let after = picture(&node);
    for (slot, was) in before.iter().filter(|(_, was)| !was.starts_with("retained")) {
        assert_eq!(after.get(slot), Some(was));
    }
    node.crash();
    assert_eq!(picture(&node), after);
    assert!(node.receipt(delivrd(1)));
    assert_eq!(node.outbox(demo()).ready, 3);
}

#[test]
fn a_crash_between_the_steps_of_the_cleaner_loses_nothing() {
    let mut node = Node::cleaning(
        StoreOptions { retention_messages_max: 0, ..options() },
        CleaningRules { slack: 1_000, step_max: 3 },
    );
    let command = node.accept_all(&vec![several(&[op_b()]); 20]);
    node.apply(command);
    traffic(&mut node, 60);
    let mut steps = 0;
    while let Some(number) = node.partition.wants_cleaning() {
        let record = node.journal[&number].clone();
        node.turn(|partition, batch| partition.clean(number, &record, batch));
        let before = picture(&node);
        node.crash();
        assert_eq!(picture(&node), before);
        steps += 1;
    }
    assert!(steps >= 7, "twenty messages, three a step: {steps}");
    assert_eq!(node.pull(op_b(), 99).len(), 20);
}

#[test]
fn retained_messages_are_not_copied_round_and_round() {
    let mut node = eager(StoreOptions { retention_messages_max: 500, ..options() });
    node.partition.cleaning.slack = 20_000;
    for id in 0..4_000 {
        node.send(&Draft { receipts: 0, body: vec![0; 100].into(), ..mt() }, id);
        node.receipt(delivrd(id));
        node.clean();
    }
    let stats = node.stats();
    assert_eq!((stats.retained, stats.counters.cleaned), (500, 0));
    assert!(stats.journal_octets < 500 * 1_000, "{} octets", stats.journal_octets);
    let before = stats.live_octets;
    node.crash();
    assert_eq!(node.stats().live_octets, before, "a restart values them the same");
}

#[test]
fn a_record_that_is_not_durable_yet_is_not_asked_for() {
    let mut node = eager(options());
    let command = node.accept_all(&vec![mt(); 3]);
    let now = node.now;
    let mut batch = node.partition.begin();
    node.partition.apply(now, command, false, &mut batch);
    let records = node.partition.seal(&mut batch);
    assert_eq!(node.partition.wants_cleaning(), None);
    node.append(records);
    node.partition.release(now, batch);
}

#[test]
fn a_moved_message_still_finds_its_receipt() {
    let mut node = eager(StoreOptions { retention_messages_max: 0, ..options() });
    let id = node.send(&Draft { outboxes: vec![op_a()], ..mt() }, 7);
    traffic(&mut node, 100);
    node.clean();
    node.crash();
    assert_eq!(node.find(id)[0].operator_message_id, Some(OperatorMessageId::Decimal(7)));
    node.receipt(delivrd(7));
    assert_eq!(node.pull_one(demo()).message_id, id);
}

#[test]
fn a_damaged_old_record_is_left_alone() {
    let mut node = eager(StoreOptions { retention_messages_max: 0, ..options() });
    node.accept(&several(&[op_b()]));
    traffic(&mut node, 50);
    let number = node.partition.wants_cleaning().unwrap();
    node.turn(|partition, batch| partition.clean(number, b"not a record", batch));
    assert_eq!((node.partition.wants_cleaning(), node.outbox(op_b()).ready), (Some(number), 1));
}
