//! More waits than memory holds: it leaves whole, in order, and also after `kill -9`.

use std::collections::BTreeSet;

use smsc_proto::message_state::MessageState;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

/// A node that keeps no body in memory that is not about to leave: less than the least that the journal itself needs.
fn without_memory(operator: &Operator) -> Configuration {
    usual(operator).section("store", "memory_max = \"1MiB\"")
}

fn submit(node: &Node, numbers: std::ops::Range<usize>) {
    let messages = numbers.map(|number| Message::to("46701234567").text(&number.to_string()).receipt());
    node.transmitter("demo").submit_all(messages, 100, |_, answer| assert!(answer.is_ok()));
}

fn texts(operator: &Operator) -> Vec<String> {
    operator.messages().into_iter().map(|one| one.message.as_text()).collect()
}

#[test]
fn a_backlog_larger_than_memory_max_is_delivered_whole_and_in_order() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = without_memory(&operator).start();
    submit(&node, 0..5_000);
    node.expect_metric("smsc_store_spilled_messages", &[], 5_000.0);
    node.expect_metric("smsc_store_bodies_bytes", &[], 0.0);
    operator.opens();
    operator.expect_messages(5_000);
    let expected: Vec<_> = (0..5_000).map(|number| number.to_string()).collect();
    assert!(texts(&operator) == expected, "whole, once each, and in order");
    // What the store counts is told twice a second.
    node.expect_metric_above("smsc_store_records_read_total", &[], 0.0);
    let read = node.metric("smsc_store_records_read_total", &[]);
    assert!((1.0..2_500.0).contains(&read), "whole records at a time: {read}");
}

#[test]
fn a_kill_in_the_backlog_loses_nothing_of_it() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = without_memory(&operator).start();
    submit(&node, 0..4_000);
    let node = node.restart();
    node.expect_metric("smsc_store_spilled_messages", &[], 4_000.0);
    operator.opens();
    operator.expect_messages(1_000);
    let _node = node.restart();
    let window = 10;
    while texts(&operator).into_iter().collect::<BTreeSet<_>>().len() < 4_000 {
        operator.expect_message();
    }
    let copies = operator.message_count() - 4_000;
    assert!(copies <= window, "{copies} came twice, but only one window was on its way");
}

#[test]
fn a_receipt_tells_of_a_message_that_had_left_memory() {
    let operator = Operator::start("op-a");
    let node = without_memory(&operator).start();
    let message_id = node.transmitter("demo").submit_ok(&Message::to("46701234567").text("long ago").receipt());
    let submitted = operator.expect_message();
    node.expect_metric("smsc_store_spilled_messages", &[], 1.0);
    operator.report(&submitted, MessageState::Delivered);
    let receipt = node.receiver("demo").expect_receipt();
    assert_eq!((receipt.message_id, receipt.text.as_str()), (message_id, "long ago"));
    assert_eq!(receipt.message.source, submitted.message.destination, "from the handset");
}
