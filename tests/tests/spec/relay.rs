//! Messages of one node through the links and binds of another: the transmitter, the operator's link and the receiver may
//! each be at a node of their own, and nothing is lost when one of them goes.

use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::ledger::Bounds;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::storm::Storm;

/// The node where messages are submitted, the one where receipts are read, the one with the operator's link.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// An address where no operator is.
const NOBODY: &str = "127.0.0.1:9";

/// Three nodes with account `demo`, of which the last reaches the operator.
struct Apart {
    operator: Operator,
    cluster: Cluster,
}

impl Apart {
    fn start() -> Self {
        Self::start_with(|configuration| configuration)
    }

    /// The same, all with these changes.
    fn start_with(change: impl Fn(Configuration) -> Configuration) -> Self {
        let operator = Operator::start("op-a");
        let plain = Configuration::new().account("demo").route("", "op-a").mo_route("*", "demo");
        let cluster = Cluster::start_with(3, &change(plain), |number, configuration| match number {
            // One is placed on each node.
            C => configuration.operator_with(&operator, "links = 3"),
            _ => configuration.operator_at("op-a", NOBODY, "links = 3"),
        });
        let apart = Self { operator, cluster };
        for number in [A, B, C] {
            apart.node(number).expect_metric("smsc_cluster_relay_up", &[], 2.0);
        }
        apart.operator.expect_links(1);
        apart
    }

    fn node(&self, number: usize) -> &Node {
        self.cluster.node(number)
    }

    /// Waits until the relay between all nodes that run is up.
    fn expect_relays(&self) {
        let others = self.cluster.nodes().count() as f64 - 1.0;
        for (_, node) in self.cluster.nodes() {
            node.expect_metric("smsc_cluster_relay_up", &[], others);
        }
    }

    /// A node has been killed and is there again.
    fn restarts(&mut self, number: usize) {
        self.cluster.kill(number);
        self.cluster.bring_back(number);
        self.expect_relays();
    }
}

fn message() -> Message {
    Message::to("46701234567").receipt()
}

/// Not before a minute from now.
fn later(message: Message) -> Message {
    message.with(|message| message.schedule_delivery_time = "000000000100000R".into())
}

fn numbered(count: usize) -> Vec<Message> {
    (0..count).map(|n| Message::to(&format!("4670123{n:04}")).text(&n.to_string()).receipt()).collect()
}

#[test]
fn a_message_leaves_by_the_link_of_another_node_and_its_receipt_comes_to_a_third() {
    let apart = Apart::start();
    let receiver = apart.node(B).receiver("demo");
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message().text("far"));
    let submitted = apart.operator.expect_message();
    assert_eq!(submitted.message.as_text(), "far");
    let receipt = apart.operator.report(&submitted, MessageState::Delivered);
    assert_eq!(apart.operator.expect_answer(receipt), CommandStatus::ESME_ROK);
    let receipt = receiver.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str(), receipt.text.as_str()), (message_id, "DELIVRD", "far"));
}

#[test]
fn every_message_leaves_once_and_every_receipt_comes_once() {
    let apart = Apart::start();
    apart.operator.reports(MessageState::Delivered);
    let receiver = apart.node(B).receiver("demo");
    let mut accepted = Vec::new();
    let transmitter = apart.node(A).transmitter("demo");
    transmitter.submit_all(numbered(2_000), 100, |_, answer| accepted.push(answer.unwrap()));
    let mut told = (0..2_000).map(|_| receiver.expect_receipt().message_id).collect::<Vec<_>>();
    accepted.sort();
    told.sort();
    assert_eq!(accepted, told);
    assert_eq!(apart.operator.message_count(), 2_000);
    assert!(receiver.deliveries().is_empty());
}

#[test]
fn several_partitions_of_a_node_are_reached_like_one() {
    let apart = Apart::start_with(|configuration| configuration.section("store", "partitions = 3"));
    apart.operator.reports(MessageState::Delivered);
    let receiver = apart.node(B).receiver("demo");
    let transmitter = apart.node(A).transmitter("demo");
    transmitter.submit_all(numbered(300), 100, |_, answer| assert!(answer.is_ok()));
    let mut told = (0..300).map(|_| receiver.expect_receipt().message_id).collect::<Vec<_>>();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 300);
}

#[test]
fn a_message_from_a_handset_comes_to_the_node_where_the_account_is_bound() {
    let apart = Apart::start();
    let receiver = apart.node(B).receiver("demo");
    let message = Message::to("72345").from("46701234567").text("from afar");
    assert_eq!(apart.operator.deliver(&message), CommandStatus::ESME_ROK);
    assert_eq!(receiver.expect_delivery().message.as_text(), "from afar");
}

#[test]
fn a_message_waits_for_the_receiver_wherever_it_binds() {
    let apart = Apart::start();
    apart.operator.reports(MessageState::Delivered);
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message());
    apart.node(A).expect_metric("smsc_messages_final_total", &[("state", "delivered")], 1.0);
    assert_eq!(apart.node(B).receiver("demo").expect_receipt().message_id, message_id);
}

#[test]
fn an_operator_that_says_later_is_tried_again_by_the_schedule() {
    let apart = Apart::start();
    apart.operator.answers_next([Answer::Refuse(CommandStatus::ESME_RMSGQFUL)]);
    apart.node(A).transmitter("demo").submit_ok(&message().text("again"));
    let texts = apart.operator.expect_messages(2).into_iter().map(|one| one.message.as_text());
    assert_eq!(texts.collect::<Vec<_>>(), ["again", "again"]);
}

// --- questions at any node ---

#[test]
fn any_node_tells_what_became_of_a_message() {
    let apart = Apart::start();
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message());
    let elsewhere = apart.node(B).transceiver("demo");
    elsewhere.expect_state(&message_id, MessageState::Enroute);
    apart.operator.report(&apart.operator.expect_message(), MessageState::Delivered);
    elsewhere.expect_state(&message_id, MessageState::Delivered);
}

#[test]
fn a_message_is_cancelled_at_any_node() {
    let apart = Apart::start();
    let submits = apart.node(A).transmitter("demo");
    let message_id = submits.submit_ok(&later(message()));
    let elsewhere = apart.node(B).transceiver("demo");
    assert_eq!(elsewhere.cancel(&message_id), CommandStatus::ESME_ROK);
    assert_eq!(elsewhere.expect_receipt().stat, "DELETED");
    assert_eq!(elsewhere.cancel(&message_id), CommandStatus::ESME_RCANCELFAIL);
    (0..3).for_each(|_| _ = submits.submit_ok(&later(Message::to("46701234568"))));
    assert_eq!(elsewhere.cancel_all_to("46701234568"), CommandStatus::ESME_ROK);
}

#[test]
fn a_message_gets_another_text_at_any_node() {
    let apart = Apart::start();
    let soon = message().with(|message| message.schedule_delivery_time = "000000000002000R".into());
    let message_id = apart.node(A).transmitter("demo").submit_ok(&soon);
    let replace = apart.node(B).transmitter("demo").replace(&message_id, "new");
    assert_eq!(replace, CommandStatus::ESME_ROK);
    assert_eq!(apart.operator.expect_message().message.as_text(), "new");
}

#[test]
fn a_question_about_a_message_whose_node_is_away_is_one_to_ask_again() {
    let mut apart = Apart::start();
    let message_id = apart.node(A).transmitter("demo").submit_ok(&later(message()));
    let elsewhere = apart.node(B).transmitter("demo");
    apart.cluster.kill(A);
    apart.node(B).expect_metric("smsc_cluster_relay_up", &[("peer", "0")], 0.0);
    assert_eq!(elsewhere.query(&message_id).unwrap_err(), CommandStatus::ESME_RSYSERR);
    assert_eq!(elsewhere.cancel(&message_id), CommandStatus::ESME_RSYSERR);
    assert_eq!(elsewhere.replace(&message_id, "new"), CommandStatus::ESME_RSYSERR);
    apart.cluster.bring_back(A);
    apart.expect_relays();
    elsewhere.expect_state(&message_id, MessageState::Enroute);
}

// --- nodes that go ---

#[test]
fn a_receipt_that_comes_while_its_messages_node_is_away_is_kept_and_brought_to_it() {
    let mut apart = Apart::start();
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message());
    let submitted = apart.operator.expect_message();
    apart.node(B).transmitter("demo").expect_state(&message_id, MessageState::Enroute);
    apart.node(C).expect_metric("smsc_cluster_relay_unconfirmed", &[], 0.0);
    apart.cluster.kill(A);
    let began = Instant::now();
    let receipt = apart.operator.report(&submitted, MessageState::Delivered);
    assert_eq!(apart.operator.expect_answer(receipt), CommandStatus::ESME_ROK);
    assert!(began.elapsed() < Duration::from_secs(4), "the operator waited for {:?}", began.elapsed());
    apart.cluster.bring_back(A);
    assert_eq!(apart.node(B).receiver("demo").expect_receipt().message_id, message_id);
    assert_eq!(apart.operator.message_count(), 1);
}

#[test]
fn a_receipt_of_a_node_that_stands_still_is_answered_after_a_second_and_comes_once() {
    let apart = Apart::start();
    let receiver = apart.node(B).receiver("demo");
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message());
    let submitted = apart.operator.expect_message();
    apart.node(B).transmitter("demo").expect_state(&message_id, MessageState::Enroute);
    apart.node(C).expect_metric("smsc_cluster_relay_unconfirmed", &[], 0.0);
    apart.cluster.freeze(A);
    let began = Instant::now();
    let receipt = apart.operator.report(&submitted, MessageState::Delivered);
    assert_eq!(apart.operator.expect_answer(receipt), CommandStatus::ESME_ROK);
    let took = began.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(4), "the operator waited for {took:?}");
    apart.cluster.thaw(A);
    assert_eq!(receiver.expect_receipt().message_id, message_id);
    assert!(receiver.deliveries().is_empty());
}

#[test]
fn a_receipt_finds_its_message_after_the_node_that_sent_it_was_started_anew() {
    let mut apart = Apart::start();
    let receiver = apart.node(B).receiver("demo");
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message());
    let submitted = apart.operator.expect_message();
    apart.node(B).transmitter("demo").expect_state(&message_id, MessageState::Enroute);
    apart.node(C).expect_metric("smsc_cluster_relay_unconfirmed", &[], 0.0);
    apart.restarts(C);
    apart.operator.expect_links(1);
    // Nobody remembers where the message is: all are asked.
    apart.operator.report(&submitted, MessageState::Delivered);
    assert_eq!(receiver.expect_receipt().message_id, message_id);
}

#[test]
fn what_was_out_when_the_node_with_the_link_was_killed_is_sent_again_when_it_is_back() {
    let mut apart = Apart::start();
    apart.operator.answers(Answer::Hold);
    apart.node(A).transmitter("demo").submit_ok(&message().text("out"));
    apart.operator.expect_message();
    apart.operator.answers(Answer::Accept);
    apart.restarts(C);
    assert_eq!(apart.operator.expect_message().message.as_text(), "out");
}

#[test]
fn an_answer_that_comes_while_the_messages_node_is_away_is_kept_for_it() {
    let mut apart = Apart::start();
    apart.operator.answers(Answer::Hold);
    let message_id = apart.node(A).transmitter("demo").submit_ok(&message());
    let submitted = apart.operator.expect_message();
    apart.cluster.freeze(A);
    apart.node(C).expect_metric("smsc_cluster_relay_up", &[("peer", "0")], 0.0);
    apart.operator.releases();
    apart.node(C).expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 1.0);
    apart.cluster.thaw(A);
    apart.expect_relays();
    apart.operator.report(&submitted, MessageState::Delivered);
    assert_eq!(apart.node(B).receiver("demo").expect_receipt().message_id, message_id);
    assert_eq!(apart.operator.message_count(), 1, "a broken stream is not a death");
    apart.cluster.terminate(C);
}

#[test]
fn a_node_that_stands_still_holds_up_nobody_elses_messages() {
    let apart = Apart::start();
    apart.node(A).transmitter("demo").submit_ok(&message());
    apart.operator.expect_message();
    apart.cluster.freeze(A);
    let transmitter = apart.node(B).transmitter("demo");
    transmitter.submit_all(numbered(100), 100, |_, answer| assert!(answer.is_ok()));
    apart.operator.expect_messages(100);
    apart.cluster.thaw(A);
}

// --- under load ---

/// A link or a bind may outlive the node whose messages it carries, and be lost with its own node later: a window each time.
const TWICE: Bounds = Bounds {
    copies_per_link: 2 * Storm::BOUNDS.copies_per_link,
    repeated_per_bind: 2 * Storm::BOUNDS.repeated_per_bind,
    ..Storm::BOUNDS
};

/// Each node is lost under load for a while, one after the other.
fn each_is_lost_in_turn(partitions: usize, bounds: Bounds, lose: impl Fn(&mut Cluster, usize)) {
    let storm = Storm::new();
    let cluster = Cluster::start_with(3, &Configuration::new(), |number, given| {
        let given = given.section("store", &format!("partitions = {partitions}"));
        if number == C { storm.draws_in(given, 3) } else { storm.draws_in_without_links(given, 3) }
    });
    storm.operator().expect_links(4);
    let balance = storm.rage_apart(cluster, [A, B], |mut cluster| {
        for number in [A, B, C] {
            storm.ledger().expect(storm.ledger().count() + 1_500);
            lose(&mut cluster, number);
        }
        storm.ledger().expect(storm.ledger().count() + 1_500);
        cluster
    });
    eprintln!(
        "{} accepted, {} copies, {} receipts repeated",
        balance.accepted, balance.copies, balance.receipts_repeated
    );
    balance.assert_within(bounds);
}

#[test]
fn nodes_killed_under_load_one_after_the_other_lose_nothing() {
    each_is_lost_in_turn(1, TWICE, |cluster, number| {
        cluster.kill(number);
        cluster.bring_back(number);
    });
}

#[test]
fn nodes_of_two_partitions_killed_under_load_lose_nothing() {
    each_is_lost_in_turn(2, TWICE, |cluster, number| {
        cluster.kill(number);
        cluster.bring_back(number);
    });
}

#[test]
fn nodes_that_stand_still_under_load_lose_nothing_and_repeat_nothing() {
    each_is_lost_in_turn(1, Storm::CALM, |cluster, number| {
        cluster.freeze(number);
        let other = if number == A { B } else { A };
        cluster.node(other).expect_metric("smsc_cluster_relay_up", &[("peer", &number.to_string())], 0.0);
        cluster.thaw(number);
    });
}
