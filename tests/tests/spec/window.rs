//! How many requests may be unanswered, both ways and on both edges.

use std::time::Duration;

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::QUIET;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Answer, Operator};

fn numbered(count: usize) -> Vec<Message> {
    (0..count).map(|number| Message::to("46701234567").text(&format!("message {number}"))).collect()
}

#[test]
fn a_whole_window_may_be_submitted_in_one_piece() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    for number in esme.send_all(&numbered(100)) {
        assert!(esme.answer_to(number).is_ok());
    }
    operator.expect_messages(100);
}

// S17
#[test]
fn what_exceeds_the_window_is_held_back_or_refused_but_always_answered() {
    let operator = Operator::start("op-a");
    let node =
        Configuration::new().account_with("demo", "window_max = 2").operator(&operator).route("", "op-a").start();
    let esme = node.transmitter("demo");
    let numbers = esme.send_all(&numbered(2_000));
    // Served between the submits that are held back (S17).
    esme.enquire_link();
    let answers = numbers.into_iter().map(|number| esme.answer_to(number));
    let refused = answers.filter_map(Result::err).collect::<Vec<_>>();
    assert!(refused.iter().all(|status| *status == CommandStatus::ESME_RMSGQFUL), "{refused:?}");
    operator.expect_messages(2_000 - refused.len());
}

#[test]
fn the_operators_window_is_never_exceeded() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = usual_with(&operator, "window = 3").start();
    let esme = node.transmitter("demo");
    for number in esme.send_all(&numbered(20)) {
        assert!(esme.answer_to(number).is_ok(), "what waits for the operator is accepted");
    }
    operator.expect_messages(3);
    std::thread::sleep(QUIET);
    assert_eq!(operator.message_count(), 3);
    operator.releases();
    operator.expect_messages(17);
    assert_eq!(operator.outstanding_max(), 3);
}

#[test]
fn each_link_has_a_window_of_its_own() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = usual_with(&operator, "window = 2\nlinks = 2").start();
    operator.expect_links(2);
    let messages = (0..20).map(|number| Message::to(&format!("467012345{number:02}")));
    node.transmitter("demo").submit_all(messages, 20, |_, answer| assert!(answer.is_ok()));
    operator.expect_messages(4);
    operator.releases();
    operator.expect_messages(16);
    assert_eq!(operator.outstanding_max(), 2);
}

#[test]
fn an_esme_is_delivered_no_more_than_its_window_before_it_answers() {
    let operator = Operator::start("op-a");
    let node = Configuration::new()
        .account_with("demo", "deliver_window = 2")
        .operator(&operator)
        .mo_route("*", "demo")
        .start();
    let esme = node.receiver("demo");
    esme.holds_deliveries();
    for number in 0..6 {
        let answer = operator.deliver(&Message::to("72345").text(&format!("message {number}")));
        assert_eq!(answer, CommandStatus::ESME_ROK);
    }
    let first = [esme.expect_delivery(), esme.expect_delivery()];
    std::thread::sleep(QUIET);
    assert_eq!(esme.deliveries(), []);
    esme.answers_deliveries_with(CommandStatus::ESME_ROK);
    first.iter().for_each(|delivery| esme.answer(delivery, CommandStatus::ESME_ROK));
    (0..4).for_each(|_| drop(esme.expect_delivery()));
}

#[test]
fn what_the_operator_does_not_answer_is_sent_again() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Hold]);
    let node = usual_with(&operator, "window = 1").section("session", "response = \"400ms\"").start();
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("again"));
    let (first, second) = (operator.expect_message(), operator.expect_message());
    assert_eq!((first.message.as_text(), second.message.as_text()), ("again".into(), "again".into()));
    assert!(second.at - first.at >= Duration::from_millis(400));
}

#[test]
fn after_so_many_attempts_without_an_answer_a_message_is_not_sent_again() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let keys = "unanswered_max = 2\nretry = [\"100ms\"]";
    let node = usual_with(&operator, keys).section("session", "response = \"300ms\"").start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567").receipt());
    let attempts = operator.expect_messages(2);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(operator.message_count(), 2, "it may have arrived, so it waits for a receipt now");
    operator.accepts(&attempts[0]);
    operator.report(&attempts[0], MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id, "a late response is still a response");
}

#[test]
fn a_late_response_withdraws_the_attempt_that_has_not_left() {
    let operator = Operator::start("op-a");
    operator.answers_next([Answer::Hold]);
    let node = usual_with(&operator, "retry = [\"2s\"]").section("session", "response = \"300ms\"").start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567").receipt());
    let first = operator.expect_message();
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "timeout")], 1.0);
    operator.accepts(&first);
    operator.report(&first, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id);
    std::thread::sleep(Duration::from_millis(2_300));
    assert_eq!(operator.message_count(), 1, "the handset gets it once");
}
