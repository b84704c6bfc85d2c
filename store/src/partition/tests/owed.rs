//! Call detail records: each final state owes one, until it is written, whatever happens in between.

use std::time::Duration;

use smsc_proto::message_state::MessageState;

use super::cast::*;
use crate::messages::*;
use crate::name::Name;
use crate::options::{OutboxRules, StoreOptions};
use crate::partition::CleaningRules;

fn with_cdr() -> StoreOptions {
    StoreOptions { cdr: true, ..options() }
}

fn keys(cdrs: &[Cdr]) -> Vec<CdrKey> {
    cdrs.iter().map(|cdr| cdr.key).collect()
}

#[test]
fn a_final_state_is_offered_with_what_is_known_of_the_message() {
    let mut node = Node::with(with_cdr());
    let message = node.send(&Draft { body: "the body".into(), priority: 2, ..mt() }, 7);
    assert!(node.take_cdrs(10).is_empty(), "it is not final");
    node.pass(1_000);
    node.receipt(delivrd(7));
    let cdrs = node.take_cdrs(10);
    let [cdr] = &cdrs[..] else { panic!("one record: {cdrs:?}") };
    assert_eq!((cdr.message_id, cdr.state, cdr.key.kind), (message, MessageState::Delivered, CdrKind::Final));
    assert_eq!((&cdr.body[..], cdr.priority, cdr.attempts), (&b"the body"[..], 2, 1));
    assert_eq!((cdr.origin, cdr.outbox), (mt().origin, op_a()));
    assert_eq!((cdr.at, cdr.done.as_millis()), (node.now, 1_764_000_000_777));
    assert_eq!(cdr.operator_message_id.as_ref().map(ToString::to_string).as_deref(), Some("7"));
    assert!(cdr.peer.is_some());
}

#[test]
fn what_is_taken_is_not_offered_again_but_after_a_restart() {
    let mut node = Node::with(with_cdr());
    node.send(&mt(), 7);
    node.receipt(delivrd(7));
    let taken = keys(&node.take_cdrs(10));
    assert!(node.take_cdrs(10).is_empty());
    node.crash();
    assert_eq!(keys(&node.take_cdrs(10)), taken, "under the same name");
    node.write_cdrs(taken);
    node.crash();
    assert!(node.take_cdrs(10).is_empty());
    assert_eq!(node.stats().cdrs_owed, 0);
}

#[test]
fn a_message_keeps_its_place_until_its_record_is_written_and_its_receipt_taken() {
    for receipt_first in [true, false] {
        let mut node = Node::with(with_cdr());
        let message = node.send(&mt(), 7);
        node.receipt(delivrd(7));
        let lease = node.pull_one(demo()).lease;
        let cdrs = keys(&node.take_cdrs(10));
        if receipt_first {
            node.settle(lease, Outcome::Delivered);
        } else {
            node.write_cdrs(cdrs.clone());
        }
        assert_eq!((node.stats().held, node.stats().retained), (1, 0));
        node.crash();
        if receipt_first {
            node.write_cdrs(cdrs);
        } else {
            let lease = node.pull_one(demo()).lease;
            node.settle(lease, Outcome::Delivered);
        }
        assert_eq!((node.stats().held, node.stats().retained, node.stats().cdrs_owed), (0, 1, 0));
        assert_eq!(node.state(message), Some(MessageState::Delivered));
    }
}

#[test]
fn every_way_to_end_owes_one_record() {
    let mut node = Node::with(with_cdr());
    let quiet = Draft { receipts: 0, ..mt() };
    node.accept(&quiet);
    let lease = node.pull_one(op_a()).lease;
    node.settle(lease, refused());
    node.accept(&mo());
    let lease = node.pull_one(demo()).lease;
    node.settle(lease, Outcome::Delivered);
    let cancelled = node.accept(&Draft { due: HOUR, ..quiet.clone() });
    node.cancel(quiet.fingerprint, Cancelling::Message(smsc_proto::ids::MessageRef::Id(cancelled)));
    node.accept(&Draft { due: HOUR, validity: HOUR, ..quiet.clone() });
    node.wait(2 * HOUR);
    node.accept(&several(&[op_a(), op_b()]));
    for operator in [op_a(), op_b()] {
        let lease = node.pull_one(operator).lease;
        node.settle(lease, Outcome::Sent { operator_message_id: None, receipt_expected: false });
    }
    let states: Vec<MessageState> = node.take_cdrs(10).iter().map(|cdr| cdr.state).collect();
    use MessageState::*;
    assert_eq!(states, [Rejected, Delivered, Deleted, Expired, Accepted, Accepted]);
}

#[test]
fn an_intermediate_notification_owes_none() {
    let mut node = Node::with(with_cdr());
    node.send(&Draft { receipts: 0x11, ..mt() }, 7);
    node.receipt(OperatorReceipt { state: MessageState::Enroute, ..delivrd(7) });
    for leased in node.pull(demo(), 10) {
        node.settle(leased.lease, Outcome::Delivered);
    }
    assert!(node.take_cdrs(10).is_empty());
}

#[test]
fn a_receipt_that_is_given_up_owes_a_record_of_its_own() {
    let rules = OutboxRules { receipt_lifetime: Duration::from_secs(60), ..OutboxRules::default() };
    let mut node = Node::with(StoreOptions { outboxes: vec![(demo(), rules)], ..with_cdr() });
    let message = node.send(&mt(), 7);
    node.receipt(delivrd(7));
    let written = keys(&node.take_cdrs(10));
    node.write_cdrs(written.clone());
    node.wait(61_000);
    node.crash();
    let cdrs = node.take_cdrs(10);
    let [cdr] = &cdrs[..] else { panic!("one record: {cdrs:?}") };
    assert_eq!((cdr.message_id, cdr.key.kind, cdr.state), (message, CdrKind::Receipt, MessageState::Delivered));
    assert_ne!(cdr.key, written[0]);
    node.write_cdrs(keys(&cdrs));
    assert_eq!((node.stats().held, node.stats().cdrs_owed, node.stats().retained), (0, 0, 1));
}

#[test]
fn nobody_who_writes_means_no_room_for_new_messages_and_nothing_lost() {
    let mut node = Node::with(StoreOptions { messages_max: 3, ..with_cdr() });
    let quiet = Draft { receipts: 0, ..mt() };
    for id in 0..3 {
        node.send(&quiet, id);
        node.receipt(delivrd(id));
    }
    assert_eq!(node.try_accept(&quiet), Err(AcceptRefusal::StoreFull));
    let cdrs = keys(&node.take_cdrs(10));
    assert_eq!(cdrs.len(), 3);
    node.write_cdrs(cdrs);
    assert!(node.try_accept(&quiet).is_ok());
}

#[test]
fn the_cleaner_moves_what_is_owed_and_a_restart_still_offers_it_in_order() {
    let rules = CleaningRules { slack: 1_000, step_max: 8 };
    let mut node = Node::cleaning(StoreOptions { retention_messages_max: 0, ..with_cdr() }, rules);
    for id in 0..3 {
        node.send(&Draft { receipts: (id % 2) as u8, body: vec![id as u8; 300].into(), ..mt() }, id);
        node.receipt(delivrd(id));
        node.pass(1_000);
    }
    let first = keys(&node.take_cdrs(3));
    // Traffic whose records are written at once, so that the journal outgrows what is alive.
    for id in 10..200 {
        node.send(&Draft { receipts: 0, body: vec![0; 300].into(), ..mt() }, id);
        node.receipt(delivrd(id));
        let cdrs = keys(&node.take_cdrs(10));
        node.write_cdrs(cdrs);
        node.clean();
    }
    assert!(node.stats().counters.cleaned > 0);
    let before = picture(&node);
    node.crash();
    assert_eq!(picture(&node), before);
    let cdrs = node.take_cdrs(10);
    assert_eq!(keys(&cdrs), first);
    assert!(cdrs.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert!(cdrs.iter().enumerate().all(|(id, cdr)| cdr.body[..] == vec![id as u8; 300]));
}

#[test]
fn a_replaced_text_is_in_the_record() {
    let mut node = Node::with(with_cdr());
    let body = submit_sm(b"the first text");
    let message = node.accept(&Draft { due: HOUR, body, receipts: 0, ..mt() });
    let replace = Replace { receipts: ReceiptRequest(0), ..node.new_text(message, b"another") };
    node.replace(replace).unwrap();
    node.cancel(mt().fingerprint, Cancelling::Message(smsc_proto::ids::MessageRef::Id(message)));
    assert_eq!(node.take_cdrs(1)[0].body[..], submit_sm(b"another")[..]);
}

#[test]
fn a_partition_without_cdrs_keeps_what_it_finds_for_a_while() {
    let mut node = Node::with(with_cdr());
    node.send(&Draft { receipts: 0, ..mt() }, 7);
    node.receipt(delivrd(7));
    node.options.cdr = false;
    node.crash();
    assert_eq!(node.take_cdrs(10).len(), 1, "somebody may still write it");
    node.crash();
    node.wait(25 * HOUR);
    let stats = node.stats();
    assert_eq!((stats.cdrs_owed, stats.counters.cdrs_dropped, stats.held), (0, 1, 0));
}

#[test]
fn without_cdrs_nothing_is_owed_and_the_journal_is_as_the_release_before_reads_it() {
    let mut node = Node::new();
    node.send(&mt(), 7);
    node.receipt(delivrd(7));
    assert_eq!(node.stats().cdrs_owed, 0);
    assert!(node.journal.values().all(|record| record[0] == 2));
    let mut node = Node::with(with_cdr());
    node.send(&mt(), 7);
    node.receipt(delivrd(7));
    assert!(node.journal.values().any(|record| record[0] == 3));
}

#[test]
fn the_oldest_says_how_far_the_writer_is_behind() {
    let mut node = Node::with(with_cdr());
    assert_eq!(node.stats().cdrs_owed_since, None);
    let began = node.now;
    for id in 0..2 {
        node.send(&Draft { receipts: 0, ..mt() }, id);
        node.receipt(delivrd(id));
        node.pass(1_000);
    }
    assert_eq!(node.stats().cdrs_owed_since, Some(began));
    let first = keys(&node.take_cdrs(1));
    assert_eq!(node.stats().cdrs_owed_since, Some(began), "taken is not written");
    node.write_cdrs(first);
    assert_eq!(node.stats().cdrs_owed_since, Some(began.plus(Duration::from_secs(1))));
}

#[test]
fn a_record_that_nobody_owes_is_no_matter() {
    let mut node = Node::with(with_cdr());
    node.accept(&mt());
    node.write_cdrs(vec![CdrKey { slot: 0, kind: CdrKind::Final }, CdrKey { slot: 99, kind: CdrKind::Receipt }]);
    assert_eq!(node.stats().counters.cdrs_written, 0);
    assert_eq!(node.pull_one(op_a()).origin, Origin::Account(Name::intern("demo")));
}
