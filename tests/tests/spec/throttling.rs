//! Rates: what an account may send, what an operator takes, and what happens beyond.

use std::time::{Duration, Instant};

use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::PATIENCE;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Answer, Operator};

fn node_with_rate(operator: &Operator, rate: u32) -> Node {
    Configuration::new()
        .account_with("demo", &format!("throughput_max = {rate}"))
        .operator(operator)
        .route("", "op-a")
        .start()
}

// S44
#[test]
fn what_exceeds_the_accounts_rate_is_throttled_and_the_session_kept() {
    let operator = Operator::start("op-a");
    let node = node_with_rate(&operator, 5);
    let esme = node.transmitter("demo");
    let numbers = esme.send_all(&vec![Message::to("46701234567"); 50]);
    let answers = numbers.into_iter().map(|number| esme.answer_to(number)).collect::<Vec<_>>();
    let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1..=15).contains(&accepted), "{accepted} of 50 at 5 a second");
    let throttled = answers.iter().filter(|answer| **answer == Err(CommandStatus::ESME_RTHROTTLED)).count();
    assert_eq!(accepted + throttled, 50);
    esme.enquire_link();
    operator.expect_messages(accepted);
}

#[test]
fn a_throttled_account_may_send_again_a_little_later() {
    let operator = Operator::start("op-a");
    let node = node_with_rate(&operator, 5);
    let esme = node.transmitter("demo");
    let deadline = Instant::now() + PATIENCE;
    while esme.submit(&Message::to("46701234567")).is_ok() {
        assert!(Instant::now() < deadline, "five a second are never exceeded");
    }
    while esme.submit(&Message::to("46701234567")) == Err(CommandStatus::ESME_RTHROTTLED) {
        assert!(Instant::now() < deadline, "the rate never allows another message");
    }
}

#[test]
fn the_rate_is_the_accounts_and_not_the_sessions() {
    let operator = Operator::start("op-a");
    let node = node_with_rate(&operator, 5);
    let esmes = [node.transmitter("demo"), node.transmitter("demo"), node.transceiver("demo")];
    let answers = esmes.iter().flat_map(|esme| (0..20).map(|_| esme.submit(&Message::to("46701234567"))));
    let accepted = answers.filter(Result::is_ok).count();
    assert!(accepted <= 20, "{accepted} of 60 at 5 a second");
}

// Q26, Q36
#[test]
fn a_message_that_the_operator_throttles_comes_again() {
    for status in [CommandStatus::ESME_RTHROTTLED, CommandStatus::ESME_RMSGQFUL] {
        let operator = Operator::start("op-a");
        operator.answers_next([Answer::Refuse(status), Answer::Refuse(status)]);
        let node = Node::with(&operator);
        node.transmitter("demo").submit_ok(&Message::to("46701234567").text("patience"));
        let attempts = operator.expect_messages(3);
        assert!(attempts.iter().all(|attempt| attempt.message.as_text() == "patience"));
        assert!(attempts[1].at - attempts[0].at >= Duration::from_millis(190), "not before its time");
        node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 1.0);
    }
}

#[test]
fn a_throttling_operator_slows_the_link_and_loses_nothing() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "window = 10\nthroughput_max = 200").start();
    operator.answers_next(vec![Answer::Refuse(CommandStatus::ESME_RTHROTTLED); 20]);
    let messages = (0..100).map(|number| Message::to("46701234567").text(&format!("message {number}")));
    node.transmitter("demo").submit_all(messages, 100, |_, answer| assert!(answer.is_ok()));
    let texts = operator.expect_messages(120).into_iter().map(|attempt| attempt.message.as_text());
    assert_eq!(texts.collect::<std::collections::HashSet<_>>().len(), 100);
}

#[test]
fn the_operators_rate_is_kept() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "throughput_max = 20\nwindow = 100").start();
    operator.expect_links(1);
    let messages = (0..60).map(|_| Message::to("46701234567"));
    node.transmitter("demo").submit_all(messages, 60, |_, answer| assert!(answer.is_ok()));
    let attempts = operator.expect_messages(60);
    let took = attempts[59].at - attempts[0].at;
    assert!(took >= Duration::from_millis(1_800), "60 at 20 a second, a second's worth at once, took {took:?}");
}

// S44
#[test]
fn a_message_of_many_parts_is_admitted_as_one() {
    let operator = Operator::start("op-a");
    let node = node_with_rate(&operator, 5);
    let esme = node.transmitter("demo");
    let part = |number: u8| {
        let octets = [5, 0, 3, 7, 12, number, b'x'];
        Message::to("46701234567").octets(&octets).with(|message| message.esm_class = 0x40)
    };
    for number in 1..=12 {
        assert!(esme.submit(&part(number)).is_ok(), "part {number}");
    }
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RTHROTTLED), "they are owed");
    operator.expect_messages(12);
}
