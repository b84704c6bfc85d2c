//! Nodes whose clocks differ, and one that was away for a week.

use smsc_proto::message_state::MessageState;
use smsc_tests::clock::SettableClock;
use smsc_tests::cluster::Cluster;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::operator::Operator;

const HOUR: i64 = 3_600;
const WEEK: i64 = 7 * 24 * HOUR;

/// Where messages are submitted, where receipts are read, and where the operator's link is.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

/// Three nodes with those clocks, of which the last reaches the operator.
fn three(operator: &Operator, clocks: [&SettableClock; 3]) -> Cluster {
    let plain = Configuration::new().account("demo").route("", "op-a");
    let cluster = Cluster::start_with(3, &plain, |number, configuration| {
        let configuration = clocks[number].of(configuration);
        match number {
            C => configuration.operator_with(operator, "links = 3"),
            _ => configuration.operator_at("op-a", "127.0.0.1:9", "links = 3"),
        }
    });
    expect_relays(&cluster);
    operator.expect_links(1);
    cluster
}

fn expect_relays(cluster: &Cluster) {
    let others = cluster.nodes().count() as f64 - 1.0;
    cluster.nodes().for_each(|(_, node)| node.expect_metric("smsc_cluster_relay_up", &[], others));
}

#[test]
fn clocks_an_hour_apart_hold_up_no_message_and_no_receipt() {
    let (Some(ahead), Some(right), Some(behind)) = (SettableClock::new(), SettableClock::new(), SettableClock::new())
    else {
        return;
    };
    ahead.set(HOUR);
    behind.set(-HOUR);
    let operator = Operator::start("op-a");
    // The one that submits is an hour ahead, the one that sends is an hour behind; and the other way round.
    for clocks in [[&ahead, &right, &behind], [&behind, &right, &ahead]] {
        let cluster = three(&operator, clocks);
        let receiver = cluster.node(B).receiver("demo");
        let message_id = cluster.node(A).transmitter("demo").submit_ok(&message().text("across"));
        let submitted = operator.expect_message();
        cluster.node(B).transmitter("demo").expect_state(&message_id, MessageState::Enroute);
        operator.report(&submitted, MessageState::Delivered);
        let receipt = receiver.expect_receipt();
        assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "DELIVRD"));
        assert!(receiver.deliveries().is_empty(), "it comes once");
    }
    assert_eq!(operator.message_count(), 2);
}

#[test]
fn a_node_that_returns_after_a_week_finds_the_receipts_that_came_meanwhile_and_ends_what_has_expired() {
    let Some(clock) = SettableClock::new() else { return };
    let operator = Operator::start("op-a");
    let mut cluster = three(&operator, [&clock; 3]);
    let submits = cluster.node(A).transmitter("demo");
    let sent = submits.submit_ok(&message().text("sent"));
    let submitted = operator.expect_message();
    cluster.node(B).transmitter("demo").expect_state(&sent, MessageState::Enroute);
    cluster.node(C).expect_metric("smsc_cluster_relay_unconfirmed", &[], 0.0);
    // In an hour, for two days.
    let later = message().with(|message| message.schedule_delivery_time = "000000010000000R".into());
    let waits = submits.submit_ok(&later);
    cluster.kill(A);
    let receipt = operator.report(&submitted, MessageState::Delivered);
    operator.expect_answer(receipt);
    clock.set(WEEK);
    cluster.bring_back(A);
    expect_relays(&cluster);
    let receiver = cluster.node(B).receiver("demo");
    assert_eq!(receiver.expect_receipt_of(&sent).stat, "DELIVRD");
    assert_eq!(receiver.expect_receipt_of(&waits).stat, "EXPIRED");
    assert_eq!(operator.message_count(), 1, "what has expired is not sent");
}
