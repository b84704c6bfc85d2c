//! Restarts: what the journal brings back, and what it must never bring back.

use bytes::Bytes;
use smsc_proto::ids::PartitionId;
use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::error::StoreError;
use crate::messages::*;
use crate::partition::{Command, Partition};
use crate::record::RecordView;

#[test]
fn accepted_messages_survive_a_crash_and_open_leases_are_due_again() {
    let mut node = Node::new();
    let ids = [node.accept(&mt()), node.accept(&mt())];
    node.pull(op_a(), 1);
    node.crash();
    let leased: Vec<_> = node.pull(op_a(), 9).iter().map(|leased| leased.message_id).collect();
    assert_eq!(leased, ids);
}

#[test]
fn a_restart_brings_back_every_stage() {
    let mut node = Node::new();
    node.accept(&Draft { priority: 3, ..mt() });
    node.accept(&Draft { due: HOUR, ..mt() });
    node.accept(&mo());
    node.send(&several(&[op_b()]), 1);
    node.send(&several(&[op_b()]), 2);
    node.receipt(OperatorReceipt { operator: crate::name::Name::intern("op-b"), ..delivrd(2) });
    node.receipt(delivrd(99));
    let before = picture(&node);
    node.crash();
    assert_eq!(picture(&node), before);
    node.crash();
    assert_eq!(picture(&node), before);
}

#[test]
fn ids_go_on_rising_after_a_restart_even_with_a_clock_that_went_back() {
    let mut node = Node::new();
    let before = node.accept(&mt());
    node.now = smsc_proto::timestamp::Timestamp::from_millis(node.now.as_millis() - HOUR);
    node.crash();
    assert!(node.accept(&mt()) > before);
}

#[test]
fn ids_go_on_rising_when_everything_was_cleaned_away() {
    let mut node = Node::new();
    node.options.retention_messages_max = 0;
    node.crash();
    let draft = Draft { receipts: 0, ..mt() };
    let before = node.accept(&draft);
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, refused());
    node.receipt(delivrd(1));
    assert_eq!(node.journal.len(), 1);
    node.crash();
    assert!(node.accept(&draft) > before);
}

#[test]
fn a_body_larger_than_a_record_survives() {
    let mut node = Node::new();
    let body: Vec<u8> = (0..70 * 1024).map(|at| at as u8).collect();
    let draft = Draft { body: body.into(), ..several(&[op_a(), op_a()]) };
    node.accept(&draft);
    assert!(node.journal.len() >= 4);
    node.crash();
    let leased = node.pull(op_a(), 9);
    assert!(leased.len() == 2 && leased.iter().all(|leased| leased.body[..] == draft.body[..]));
}

fn torn(records: usize) -> Node {
    let mut node = Node::new();
    node.accept(&mt());
    let command = node.accept_all(&vec![Draft { body: vec![1; 30_000].into(), ..mt() }; 3]);
    let mut batch = node.partition.begin();
    node.partition.apply(node.now, command, false, &mut batch);
    let mut sealed = node.partition.seal(&mut batch);
    assert_eq!(sealed.records.len(), 3);
    sealed.records.truncate(records);
    sealed.keep_from = 0;
    node.append(sealed);
    node.crash();
    node
}

#[test]
fn a_batch_is_replayed_whole_or_not_at_all() {
    for (records, messages) in [(0, 1), (1, 1), (2, 1), (3, 4)] {
        let node = torn(records);
        assert_eq!(node.outbox(op_a()).ready, messages, "{records} of 3 records");
    }
}

#[test]
fn the_rest_of_a_torn_batch_never_mixes_with_what_comes_after() {
    let mut node = torn(2);
    assert_eq!(node.stats().counters.replay_torn, 1);
    let command = node.accept_all(&vec![Draft { body: vec![2; 30_000].into(), ..mt() }; 3]);
    node.apply(command);
    let before = picture(&node);
    node.crash();
    assert_eq!(picture(&node), before);
    assert_eq!(node.pull(op_a(), 9).iter().filter(|leased| leased.body[0] == 1).count(), 0);
}

#[test]
fn ids_of_a_torn_batch_are_not_given_again() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![Draft { body: vec![1; 30_000].into(), ..mt() }; 3]);
    let mut batch = node.partition.begin();
    node.partition.apply(node.now, command, false, &mut batch);
    let mut sealed = node.partition.seal(&mut batch);
    sealed.records.truncate(1);
    node.append(sealed);
    let highest = RecordView::read(1, &node.journal[&1]).unwrap().marks.tick;
    node.crash();
    assert!(node.accept(&mt()).tick() > highest);
}

fn journal_of_three() -> Node {
    let mut node = Node::new();
    for _ in 0..3 {
        node.accept(&mt());
    }
    node
}

#[test]
fn a_damaged_record_stops_the_start_and_says_which() {
    let mut node = journal_of_three();
    let mut record = node.journal[&2].to_vec();
    record[80] ^= 4;
    node.journal.insert(2, record.into());
    assert!(matches!(node.try_crash(), Err(StoreError::Damaged { record: 2, .. })));
}

#[test]
fn a_truncated_record_stops_the_start() {
    let mut node = journal_of_three();
    let record = node.journal[&3].slice(..40);
    node.journal.insert(3, record);
    assert!(matches!(node.try_crash(), Err(StoreError::Damaged { record: 3, .. })));
}

#[test]
fn a_repeated_record_stops_the_start() {
    let mut node = journal_of_three();
    let record = node.journal[&3].clone();
    node.journal.insert(4, record.clone());
    assert!(matches!(node.try_crash(), Err(StoreError::Damaged { record: 4, .. })));
    let mut partition = Partition::new(PartitionId::new(0).unwrap(), &options());
    partition.replay(3, &record).unwrap();
    assert!(matches!(partition.replay(3, &record), Err(StoreError::Damaged { record: 3, .. })));
}

#[test]
fn a_missing_record_stops_the_start() {
    let mut node = journal_of_three();
    node.journal.remove(&2);
    assert!(matches!(node.try_crash(), Err(StoreError::Gap { missing: 2, next: 3 })));
}

fn resealed(record: &Bytes, change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut content = record[..record.len() - 4].to_vec();
    change(&mut content);
    content.extend(crc32fast::hash(&content).to_le_bytes());
    content.into()
}

#[test]
fn an_unknown_event_stops_the_start_and_says_where() {
    let mut node = journal_of_three();
    let record = resealed(&node.journal[&2], |content| {
        let events_at = RecordView::read(2, &node.journal[&2]).unwrap().events_at;
        content[events_at] = 200;
    });
    let events_at = RecordView::read(2, &record).unwrap().events_at;
    node.journal.insert(2, record);
    assert!(matches!(node.try_crash(), Err(StoreError::Damaged { record: 2, offset, .. }) if offset == events_at));
}

#[test]
fn a_receipt_that_an_operator_would_get_stops_the_start() {
    let mut node = Node::new();
    node.accept(&mo());
    node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, refused());
    // The event that makes a receipt of the MT message, about the MO message: both slots are one octet.
    let record = resealed(&node.journal[&3], |content| {
        let events_at = RecordView::read(3, &node.journal[&3]).unwrap().events_at;
        content[events_at + 1] += 2;
    });
    node.journal.insert(3, record);
    let error = node.try_crash();
    assert!(
        matches!(error, Err(StoreError::Damaged { record: 3, what, .. }) if what.contains("operator")),
        "{error:?}"
    );
}

#[test]
fn a_newer_format_stops_the_start() {
    let mut node = journal_of_three();
    let record = resealed(&node.journal[&2], |content| content[0] = 9);
    node.journal.insert(2, record);
    assert!(matches!(node.try_crash(), Err(StoreError::NewerFormat { found: 9, known: 3 })));
}

#[test]
fn octets_behind_the_last_event_are_damage() {
    let mut node = journal_of_three();
    let record = resealed(&node.journal[&2], |content| content.push(1));
    node.journal.insert(2, record);
    assert!(matches!(node.try_crash(), Err(StoreError::Damaged { record: 2, .. })));
}

#[test]
fn an_empty_journal_is_an_empty_partition() {
    let mut node = Node::new();
    node.crash();
    assert_eq!((node.stats().held, node.partition.poll_timeout()), (0, None));
    let id = node.accept(&mt());
    node.apply(Command::Release(Release { holder: LINK }));
    assert_eq!(node.state(id), Some(MessageState::Enroute));
}
