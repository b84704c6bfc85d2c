//! Bodies beyond `memory_max`: which leave memory, and how they come back.

use super::cast::*;
use crate::error::StoreError;
use crate::messages::*;
use crate::options::StoreOptions;
use crate::partition::{Command, ReadRequest, Records};

/// Octets of memory that a body of a hundred octets takes.
const BODY: u64 = 132;

fn node(memory_max: u64) -> Node {
    Node::with(StoreOptions { memory_max, ..options() })
}

/// Messages with bodies of a hundred octets, all different, accepted together.
fn accept(node: &mut Node, count: u32) {
    let drafts: Vec<_> = (0..count).map(|number| Draft { body: body(number), ..mt() }).collect();
    let command = node.accept_all(&drafts);
    node.turn_with(command);
}

fn body(number: u32) -> bytes::Bytes {
    number.to_le_bytes().repeat(25).into()
}

impl Node {
    /// Applies a command, and reads nothing.
    fn turn_with(&mut self, command: Command) -> Vec<ReadRequest> {
        let now = self.now;
        self.turn(|partition, batch| partition.apply(now, command, false, batch));
        self.partition.take_reads()
    }

    /// Pulls, and reads nothing. What it got, and what is to be read.
    fn pull_once(&mut self, outbox: Outbox, room: u32) -> (Vec<LeasedDelivery>, Vec<ReadRequest>) {
        let requests = self.turn_with(self.pull_command(outbox, LINK, room));
        (self.inbox().leased, requests)
    }

    /// Carries these requests out.
    fn answer(&mut self, requests: Vec<ReadRequest>) -> Vec<ReadRequest> {
        let mut further = Vec::new();
        for request in requests {
            let read_back = request.carry_out(&mut |number| Ok(self.journal.get(&number).cloned()));
            further.extend(self.turn_with(Command::ReadBack(read_back)));
        }
        further
    }
}

#[test]
fn what_comes_first_keeps_its_body_and_the_rest_is_spilled() {
    let mut node = node(8 * 10 * BODY);
    accept(&mut node, 100);
    let stats = node.stats();
    assert_eq!((stats.body_octets, stats.spilled), (70 * BODY, 30), "seven eighths are for a short outbox");
    let (leased, _) = node.pull_once(op_a(), 100);
    let bodies: Vec<_> = leased.iter().map(|leased| leased.body.to_vec()).collect();
    assert_eq!(bodies, (0..70).map(|number| body(number).to_vec()).collect::<Vec<_>>());
}

#[test]
fn what_is_spilled_leaves_whole_and_in_order() {
    let mut node = node(0);
    accept(&mut node, 1_000);
    assert_eq!(node.stats().body_octets, 0);
    let leased = node.pull(op_a(), 1_000);
    assert!(leased.iter().zip(0..).all(|(leased, number)| leased.body[..] == body(number)), "{}", leased.len());
}

#[test]
fn a_pull_does_not_wait_and_the_holder_is_rung_when_bodies_are_there() {
    let mut node = node(0);
    node.apply(Command::Register(Register { outbox: op_a(), holder: LINK, ring: node.to() }));
    accept(&mut node, 3);
    node.partition.take_reads();
    let (leased, _) = node.pull_once(op_a(), 10);
    assert!(leased.is_empty() && node.inbox().rings.is_empty());
    let mut node = self::node(0);
    accept(&mut node, 3);
    node.turn_with(Command::Register(Register { outbox: op_a(), holder: LINK, ring: node.to() }));
    let (leased, requests) = node.pull_once(op_a(), 10);
    assert!(leased.is_empty() && requests.is_empty(), "they were asked for when the holder came");
}

#[test]
fn one_read_brings_back_all_that_is_due_of_a_record() {
    let mut node = node(0);
    accept(&mut node, 300);
    assert_eq!(node.journal.len(), 1);
    let (_, requests) = node.pull_once(op_a(), 10);
    assert_eq!(requests.len(), 1);
    assert!(node.answer(requests).is_empty());
    assert_eq!((node.pull_once(op_a(), 300).0.len(), node.stats().counters.read_back), (300, 1));
}

#[test]
fn no_more_records_are_read_at_once_than_there_is_room_for() {
    let mut node = node(1 << 20);
    for _ in 0..200 {
        accept(&mut node, 300);
    }
    let spilled = node.stats().spilled;
    assert!(spilled > 50_000, "{spilled}");
    while node.pull_once(op_a(), 1).0.len() == 1 {}
    assert!(node.partition.reads.oldest().is_some());
    for _ in 0..100 {
        let (leased, requests) = node.pull_once(op_a(), 100);
        let octets = node.stats().body_octets;
        // What is on lease counts too: here all of it.
        assert!(requests.len() <= 24 || leased.is_empty(), "{} requests", requests.len());
        node.answer(requests);
        assert!(octets < (1 << 20) + 100 * 48 * 1_024, "{octets} octets of bodies");
    }
}

#[test]
fn a_body_over_several_records_comes_back_for_each_of_its_deliveries() {
    let mut node = node(0);
    let octets: Vec<u8> = (0..100_000_u32).map(|at| (at / 7) as u8).collect();
    let draft = Draft { body: octets.into(), ..several(&[op_a(), op_a(), op_b()]) };
    node.accept(&draft);
    let mut leased = node.pull(op_a(), 9);
    leased.extend(node.pull(op_b(), 9));
    assert!(leased.len() == 3 && leased.iter().all(|leased| leased.body[..] == draft.body[..]));
}

#[test]
fn a_body_in_two_pieces_of_one_record_is_shared_by_its_deliveries() {
    let mut node = node(0);
    let draft = Draft { body: vec![7; 42_000].into(), ..several(&[op_a(), op_a()]) };
    node.accept(&draft);
    assert_eq!(node.journal.len(), 1, "otherwise this tests nothing");
    node.crash();
    let leased = node.pull(op_a(), 9);
    assert!(leased.len() == 2 && leased.iter().all(|leased| leased.body[..] == draft.body[..]));
}

#[test]
fn a_record_that_is_being_read_is_not_dropped() {
    let mut node = node(0);
    node.options.retention_messages_max = 0;
    node.crash();
    let id = node.accept(&Draft { receipts: 0, validity: 1_000, ..mt() });
    let (_, requests) = node.pull_once(op_a(), 1);
    node.wait_without_reading(2_000);
    assert!(node.find(id).is_empty(), "it has expired, and is forgotten");
    accept(&mut node, 1);
    assert_eq!(node.journal.first_key_value().map(|(number, _)| *number), Some(requests[0].number()));
    node.answer(requests);
    accept(&mut node, 1);
    assert!(node.journal.len() <= 2);
}

impl Node {
    fn wait_without_reading(&mut self, millis: u64) {
        self.pass(millis);
        let now = self.now;
        self.turn(|partition, batch| partition.handle_timeout(now, batch));
    }
}

#[test]
fn a_message_that_was_moved_while_it_was_read_leaves_all_the_same() {
    let mut node = node(0);
    accept(&mut node, 1);
    let (_, requests) = node.pull_once(op_a(), 1);
    let slot = node.partition.slab.next_slot() - 1;
    let record = node.journal[&1].clone();
    let kept = node.partition.slab.get(slot).unwrap().record;
    node.turn(|partition, batch| partition.clean(kept, &record, batch));
    assert_ne!(node.partition.slab.get(slot).unwrap().record, kept);
    let further = node.answer(requests);
    node.answer(further);
    assert_eq!(node.pull(op_a(), 1)[0].body[..], body(0));
}

#[test]
fn a_damaged_record_ends_the_partition() {
    let mut node = node(0);
    accept(&mut node, 3);
    let mut record = node.journal[&1].to_vec();
    record[100] ^= 1;
    node.journal.insert(1, record.into());
    let (_, requests) = node.pull_once(op_a(), 1);
    node.answer(requests);
    assert!(matches!(node.partition.take_failure(), Some(StoreError::Damaged { record: 1, .. })));
}

#[test]
fn a_record_that_is_gone_ends_the_partition() {
    let mut node = node(0);
    accept(&mut node, 3);
    node.journal.clear();
    let (_, requests) = node.pull_once(op_a(), 1);
    node.answer(requests);
    assert!(matches!(node.partition.take_failure(), Some(StoreError::Gap { missing: 1, .. })));
}

#[test]
fn a_record_without_the_body_ends_the_partition() {
    let mut node = node(0);
    accept(&mut node, 1);
    let read_back = ReadRequest { number: 1, slots: vec![0, 9] }.carry_out(&mut |_| Ok(Some(node.journal[&1].clone())));
    node.turn_with(Command::ReadBack(read_back));
    assert!(matches!(node.partition.take_failure(), Some(StoreError::Damaged { record: 1, .. })));
}

#[test]
fn nothing_is_read_before_it_is_durable() {
    let mut node = node(0);
    accept(&mut node, 1);
    let record = node.journal[&1].clone();
    let mut batch = node.partition.begin();
    node.partition.clean(1, &record, &mut batch);
    let Records { records, first, .. } = node.partition.seal(&mut batch);
    let (_, requests) = node.pull_once(op_a(), 1);
    assert!(requests.is_empty(), "its new place is not durable yet");
    node.append(Records { records, first, keep_from: 0 });
    node.partition.release(node.now, batch);
    assert_eq!(node.partition.take_reads().len(), 1);
}

#[test]
fn messages_with_an_operator_leave_room_for_those_that_are_due() {
    let mut node = node(8 * 10 * BODY);
    accept(&mut node, 60);
    for (leased, id) in node.pull(op_a(), 60).into_iter().zip(0..) {
        node.settle(leased.lease, sent(id));
    }
    assert!(node.stats().body_octets <= 40 * BODY, "{}", node.stats().body_octets / BODY);
    accept(&mut node, 30);
    assert_eq!(node.pull_once(op_a(), 30).0.len(), 30, "without reading");
    node.receipt(delivrd(59));
    assert_eq!(node.pull_one(demo()).body[..], body(59));
}

#[test]
fn a_replay_keeps_no_more_than_memory_max() {
    let mut node = node(8 * 10 * BODY);
    for _ in 0..10 {
        accept(&mut node, 100);
    }
    node.crash();
    assert!((1..=60 * BODY).contains(&node.stats().body_octets), "{}", node.stats().body_octets);
    let leased = node.pull(op_a(), 1_000);
    assert!(leased.iter().zip(0..).all(|(leased, number)| leased.body[..] == body(number % 100)));
    assert_eq!(leased.len(), 1_000);
}

#[test]
fn a_journal_that_reads_nothing_back_keeps_all_bodies() {
    let mut node = node(0);
    node.partition.keep_all_bodies();
    accept(&mut node, 100);
    assert_eq!((node.stats().spilled, node.pull_once(op_a(), 100).0.len()), (0, 100));
}

#[test]
fn rerouting_waits_for_the_bodies_that_it_chooses_by() {
    let mut node = node(0);
    accept(&mut node, 300);
    let choose = std::sync::Arc::new(|_, octets: &[u8]| (octets[0] % 2 == 1).then(op_b));
    let reroute = Reroute { from: op_a(), step_max: 1_000, choose, reply: node.to() };
    let requests = node.turn_with(Command::Reroute(reroute));
    assert!(node.inbox().rerouted.is_empty() && !requests.is_empty());
    node.answer(requests);
    node.wait(0);
    let step = node.inbox().rerouted.remove(0);
    assert_eq!((step.moved, step.more), (64, true), "of the first 128");
    assert_eq!(node.stats().body_octets, 0, "those that stay leave memory again");
}
