//! Cancelling: what is pending ends as DELETED, and what is not, or belongs to another, stays (S47).

use smsc_proto::ids::MessageRef;
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;

use super::cast::*;
use crate::fingerprint::Fingerprint;
use crate::messages::*;
use crate::name::Name;

fn by_id(id: smsc_proto::ids::MessageId) -> Cancelling {
    Cancelling::Message(MessageRef::Id(id))
}

const BETWEEN: Cancelling = Cancelling::Between { destination: 4_670 };

fn own() -> Fingerprint {
    mt().fingerprint
}

#[test]
fn a_pending_message_is_deleted_and_its_receipt_says_so() {
    let mut node = Node::new();
    let id = node.accept(&mt());
    assert_eq!(node.cancel(own(), by_id(id)), 1);
    assert_eq!(node.state(id), Some(MessageState::Deleted));
    assert!(node.pull(op_a(), 5).is_empty());
    assert!(matches!(node.pull_one(demo()).content, Content::Receipt { state: MessageState::Deleted, .. }));
}

#[test]
fn a_cancelled_message_stays_so_after_a_crash() {
    let mut node = Node::new();
    let [silent, told] = [0, 2].map(|receipts| node.accept(&Draft { receipts, ..mt() }));
    node.cancel(own(), BETWEEN);
    node.crash();
    assert_eq!((node.state(silent), node.state(told)), (Some(MessageState::Deleted), Some(MessageState::Deleted)));
    assert!(node.pull(op_a(), 5).is_empty());
    assert_eq!(node.pull(demo(), 5).len(), 1, "a failure is reported to who asked for failures (S36)");
}

#[test]
fn scheduled_and_waiting_messages_can_be_cancelled() {
    let mut node = Node::new();
    let scheduled = node.accept(&Draft { due: HOUR, ..mt() });
    let retried = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    let at = node.now.plus(std::time::Duration::from_secs(60));
    node.settle(lease, Outcome::Retry { at, status: CommandStatus(88) });
    for id in [scheduled, retried] {
        assert_eq!(node.cancel(own(), by_id(id)), 1);
    }
    node.wait(2 * HOUR);
    assert!(node.pull(op_a(), 5).is_empty());
}

#[test]
fn what_is_with_an_operator_or_may_be_cannot_be_cancelled() {
    let mut node = Node::new();
    let sent = node.send(&mt(), 5);
    let lost = node.accept(&mt());
    let lease = node.pull_one(op_a()).lease;
    let retry_at = node.now;
    node.settle(lease, Outcome::LinkLost { retry_at });
    for id in [sent, lost] {
        assert_eq!(node.cancel(own(), by_id(id)), 0);
        assert_eq!(node.state(id), Some(MessageState::Enroute));
    }
    node.pull(op_a(), 5);
    assert_eq!(node.cancel(own(), BETWEEN), 0, "nor what is on lease");
}

#[test]
fn a_final_message_cannot_be_cancelled() {
    let mut node = Node::new();
    let id = node.send(&mt(), 5);
    node.receipt(delivrd(5));
    assert_eq!(node.cancel(own(), by_id(id)), 0);
    assert_eq!(node.state(id), Some(MessageState::Delivered));
}

#[test]
fn a_message_is_cancelled_by_its_own_account_and_source_only() {
    let mut node = Node::new();
    let other = Origin::Account(Name::intern("other"));
    let foreign = node.accept(&Draft { origin: other, ..mt() });
    let id = node.accept(&mt());
    assert_eq!(node.cancel(own(), by_id(foreign)), 0);
    assert_eq!(node.cancel(from("46700000001"), by_id(id)), 0);
    assert_eq!(node.cancel(own(), BETWEEN), 1, "the other account's stays");
    assert_eq!(node.state(foreign), Some(MessageState::Enroute));
}

#[test]
fn all_deliveries_of_a_message_that_are_pending_are_cancelled() {
    let mut node = Node::new();
    let id = node.accept(&several(&[op_a(), op_a(), op_b()]));
    let lease = node.pull_one(op_b()).lease;
    node.settle(lease, sent(5));
    assert_eq!(node.cancel(own(), by_id(id)), 2, "S45");
    let states: Vec<_> = node.find(id).into_iter().map(|status| status.state).collect();
    assert_eq!(states, [MessageState::Deleted, MessageState::Deleted, MessageState::Enroute]);
}

#[test]
fn all_between_two_addresses_are_cancelled_those_before_and_after_the_first_question() {
    let mut node = Node::new();
    let elsewhere = node.accept(&Draft { destination: 99, ..mt() });
    let reply = node.accept(&Draft { fingerprint: from("46700000001"), ..mt() });
    for round in 0..3 {
        for _ in 0..3 {
            node.accept(&mt());
        }
        assert_eq!(node.cancel(own(), BETWEEN), 3, "round {round}");
    }
    for id in [elsewhere, reply] {
        assert_eq!(node.state(id), Some(MessageState::Enroute));
    }
}

#[test]
fn a_service_type_narrows_a_cancellation_by_address() {
    let service = |service_type: &str| {
        let source = smsc_proto::address::Address::new(1, 1, b"46700000000");
        Fingerprint::of(source, service_type.as_bytes())
    };
    let mut node = Node::new();
    let plain = node.accept(&mt());
    let voice = node.accept(&Draft { fingerprint: service("VMN"), ..mt() });
    assert_eq!(node.cancel(service("WAP"), BETWEEN), 0);
    assert_eq!(node.cancel(service("VMN"), BETWEEN), 1);
    assert_eq!(node.state(plain), Some(MessageState::Enroute));
    assert_eq!(node.state(voice), Some(MessageState::Deleted));
}

#[test]
fn thousands_are_cancelled_in_steps() {
    let mut node = Node::new();
    let command = node.accept_all(&vec![mt(); 2_500]);
    node.apply(command);
    node.inbox();
    node.apply(crate::partition::Command::Cancel(Cancel {
        tag: 9,
        account: Name::intern("demo"),
        like: own(),
        what: BETWEEN,
        reply: node.to(),
    }));
    let Cancelled { tag, count, more, .. } = node.inbox().cancelled.remove(0);
    assert_eq!((tag, count, more), (9, 1_000, true));
    assert_eq!(node.cancel(own(), BETWEEN), 1_500);
}

#[test]
fn a_message_that_replaces_takes_the_place_of_the_newest_like_it() {
    let mut node = Node::new();
    let [old, newer] = [(); 2].map(|()| node.accept(&Draft { receipts: 0, ..mt() }));
    let elsewhere = node.accept(&Draft { destination: 99, ..mt() });
    let replacing = node.accept(&Draft { replaces: true, receipts: 0, ..mt() });
    assert_eq!(node.state(newer), Some(MessageState::Deleted), "S37");
    for id in [old, elsewhere, replacing] {
        assert_eq!(node.state(id), Some(MessageState::Enroute));
    }
    node.crash();
    assert_eq!(node.pull(op_a(), 9).len(), 3);
}

#[test]
fn a_message_that_would_replace_one_that_has_left_is_a_plain_new_one() {
    let mut node = Node::new();
    let sent = node.send(&mt(), 5);
    let replacing = node.accept(&Draft { replaces: true, ..mt() });
    assert_eq!((node.state(sent), node.state(replacing)), (Some(MessageState::Enroute), Some(MessageState::Enroute)));
    assert_eq!(node.pull(op_a(), 9).len(), 1);
}
