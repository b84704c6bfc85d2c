//! Looking for messages: by any of their names, by destination and time, never more than a step at once.

use actix::Recipient;
use smsc_proto::ids::{MessageId, MessageRef, OperatorMessageId, PartitionId};
use smsc_proto::message_state::MessageState;
use smsc_proto::timestamp::Timestamp;

use super::cast::*;
use crate::abandoned::abandon;
use crate::messages::*;
use crate::name::Name;
use crate::options::OutboxRules;
use crate::partition::Command;

fn to(destination: u64) -> Draft {
    Draft { destination, ..mt() }
}

fn ids(step: &SearchStep) -> Vec<MessageId> {
    step.deliveries.iter().map(|delivery| delivery.status.message_id).collect()
}

fn towards(destination: u64, from: Timestamp, until: Timestamp) -> Searching {
    Searching::Destination { destination, from, until, highest: None, limit: 100, after: None }
}

/// All steps together.
fn search_all(node: &mut Node, what: Searching) -> Vec<MessageId> {
    let mut found = Vec::new();
    let mut next = Some(what);
    while let Some(what) = next.take() {
        let step = node.search(what.clone());
        found.extend(ids(&step));
        if let (Some(place), Searching::Destination { destination, from, until, highest, limit, .. }) =
            (step.next, what)
        {
            next = Some(Searching::Destination { destination, from, until, highest, limit, after: Some(place) });
        }
    }
    found
}

#[test]
fn a_message_says_where_it_is_on_its_way() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    let place = |node: &mut Node| node.search(Searching::Message(MessageRef::Id(id))).deliveries.remove(0).place;
    assert_eq!(place(&mut node), DeliveryPlace::Ready);
    let lease = node.pull_one(op_a()).lease;
    assert_eq!(place(&mut node), DeliveryPlace::Leased);
    node.settle(lease, sent(5));
    assert_eq!(place(&mut node), DeliveryPlace::Enroute);
    node.receipt(delivrd(5));
    let detail = node.search(Searching::Message(MessageRef::Id(id))).deliveries.remove(0);
    assert_eq!(
        (detail.place, detail.status.state),
        (DeliveryPlace::Ready, MessageState::Delivered),
        "its receipt waits"
    );
    assert_eq!(detail.outbox, op_a());
}

#[test]
fn a_message_is_found_by_its_operators_id_and_by_no_other_operators() {
    let mut node = Node::new();
    let id = node.send(&mt(), 77);
    node.send(&mt(), 78);
    let known_to =
        |operator, id| Searching::OperatorId { operator: Name::intern(operator), id: OperatorMessageId::Decimal(id) };
    assert_eq!(ids(&node.search(known_to("op-a", 77))), [id]);
    assert!(node.search(known_to("op-b", 77)).deliveries.is_empty());
    assert!(node.search(known_to("op-a", 79)).deliveries.is_empty());
}

#[test]
fn messages_to_a_number_are_found_newest_first_within_the_time() {
    let mut node = Node::new();
    let first = node.accept(&to(1));
    node.accept(&to(2));
    node.pass(10_000);
    let middle = node.now;
    let second = node.accept(&to(1));
    node.pass(10_000);
    let third = node.accept(&to(1));
    let ever = (Timestamp::default(), node.now.plus(std::time::Duration::from_secs(1)));
    assert_eq!(search_all(&mut node, towards(1, ever.0, ever.1)), [third, second, first]);
    assert_eq!(search_all(&mut node, towards(1, middle, ever.1)), [third, second]);
    assert_eq!(search_all(&mut node, towards(1, ever.0, middle)), [first]);
    assert!(search_all(&mut node, towards(3, ever.0, ever.1)).is_empty());
}

#[test]
fn a_look_through_many_messages_takes_several_steps_and_misses_none() {
    let mut node = Node::new();
    let mut expected = Vec::new();
    for number in 0..5_000_u64 {
        let id = node.accept(&to(number % 100));
        if number % 100 == 7 {
            expected.insert(0, id);
        }
    }
    let until = node.now.plus(std::time::Duration::from_secs(1));
    let from = Timestamp::default();
    let what = |after| Searching::Destination { destination: 7, from, until, highest: None, limit: 1, after };
    let first = node.search(what(None));
    assert!(first.next.is_some() && first.deliveries.len() < 50, "a step ends when there are enough");
    assert_eq!(search_all(&mut node, what(None)), expected);
}

#[test]
fn of_messages_of_one_millisecond_those_up_to_an_id_are_found() {
    let mut node = Node::new();
    let all: Vec<MessageId> = (0..5).map(|_| node.accept(&to(1))).collect();
    let until = node.now.plus(std::time::Duration::from_secs(1));
    let up_to = |highest: MessageId| Searching::Destination {
        destination: 1,
        from: Timestamp::default(),
        until,
        highest: Some(highest),
        limit: 100,
        after: None,
    };
    assert_eq!(search_all(&mut node, up_to(all[2])), [all[2], all[1], all[0]]);
    let other = PartitionId::new(1023).expect("below 1024");
    let of_other = |tick| MessageId::from_tick(tick, other);
    assert_eq!(search_all(&mut node, up_to(of_other(all[2].tick()))).len(), 5, "a higher partition's id is higher");
    assert!(search_all(&mut node, up_to(of_other(all[0].tick() - 1))).is_empty());
}

#[test]
fn a_partition_that_leaves_says_that_it_was_not_reached_and_not_that_there_is_nothing() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    assert!(node.search(Searching::Message(MessageRef::Id(id))).reached);
    let reply: Recipient<SearchStep> = node.to();
    let search = || {
        let what = Searching::Message(MessageRef::Id(id));
        Command::Search(Search { tag: 1, what, reply: reply.clone() })
    };
    // Never looked at; and looked at, but not answered.
    let (now, partition) = (node.now, node.partition.id());
    abandon(partition, search());
    let mut batch = node.partition.begin();
    node.partition.apply(now, search(), false, &mut batch);
    batch.abandon();
    let told = node.inbox().searched;
    assert_eq!(told.iter().map(|step| (step.partition, step.reached)).collect::<Vec<_>>(), [(partition, false); 2]);
}

#[test]
fn an_outbox_is_held_to_its_new_rules_at_once() {
    let mut node = Node::new();
    node.accept(&mt());
    node.apply(Command::SetRules(SetRules {
        outbox: op_a(),
        rules: OutboxRules { waiting_max: 1, ..OutboxRules::default() },
    }));
    assert_eq!(node.try_accept(&mt()), Err(AcceptRefusal::OutboxFull));
    node.apply(Command::SetRules(SetRules { outbox: op_a(), rules: OutboxRules::default() }));
    node.accept(&mt());
}
