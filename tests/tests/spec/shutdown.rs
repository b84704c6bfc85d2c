//! A node that is told to stop finishes what is in its windows, says goodbye everywhere, and leaves nothing half done.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::PATIENCE;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, get, usual};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::storm::Storm;

fn message() -> Message {
    Message::to("46701234567").receipt()
}

#[test]
fn sigterm_unbinds_everywhere_and_ends_with_0() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    let esmes = [node.transmitter("demo"), node.receiver("demo"), node.transceiver("demo")];
    let (_, ended) = node.terminate();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for esme in &esmes {
        esme.expect_unbind();
        esme.expect_end();
    }
    operator.expect_unbinds(1);
}

#[test]
fn sigint_does_the_same() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    node.process().interrupt();
    esme.expect_unbind();
    assert_eq!(node.expect_end().1.code, Some(0));
}

#[test]
fn a_node_with_nothing_to_do_stops_at_once() {
    let node = Configuration::new().account("demo").section("drain", "deadline = \"60s\"").start();
    let begin = Instant::now();
    assert_eq!(node.terminate().1.code, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(5), "it took {:?}", begin.elapsed());
}

#[test]
fn a_stopping_node_is_not_ready_and_takes_no_connections() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = Node::with(&operator);
    node.transmitter("demo").submit_ok(&message());
    operator.expect_message();
    node.process().terminate();
    let (smpp, http) = (node.place().smpp(), node.place().http());
    let deadline = Instant::now() + PATIENCE;
    while matches!(get(http, "/readyz"), Ok((200, _))) || TcpStream::connect(smpp).is_ok() {
        assert!(Instant::now() < deadline, "the node still takes connections");
        std::thread::sleep(Duration::from_millis(10));
    }
    operator.releases();
    assert_eq!(node.expect_end().1.code, Some(0));
}

#[test]
fn what_is_in_the_operators_window_is_finished_first() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = Node::with(&operator);
    let message_id = node.transmitter("demo").submit_ok(&message());
    let submitted = operator.expect_message();
    node.process().terminate();
    std::thread::sleep(smsc_tests::QUIET);
    operator.releases();
    let (place, ended) = node.expect_end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let node = place.start_again();
    operator.expect_binds(2);
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(node.receiver("demo").expect_receipt().message_id, message_id);
    assert_eq!(operator.message_count(), 1, "it was answered, so it is not sent again");
}

#[test]
fn what_an_esme_has_not_acknowledged_is_waited_for() {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.holds_deliveries();
    esme.submit_ok(&message());
    let delivery = esme.expect_delivery();
    node.process().terminate();
    std::thread::sleep(smsc_tests::QUIET);
    esme.answer(&delivery, CommandStatus::ESME_ROK);
    esme.expect_unbind();
    let node = node.expect_end().0.start_again();
    let esme = node.transceiver("demo");
    esme.submit_ok(&message().text("fence"));
    assert_eq!(esme.expect_receipt().text, "fence", "what was acknowledged does not come again");
}

#[test]
fn what_waits_is_there_after_the_next_start() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    node.transmitter("demo").submit_ok(&message().text("patience"));
    let _node = node.terminate().0.start_again();
    operator.opens();
    assert_eq!(operator.expect_message().message.as_text(), "patience");
}

#[test]
fn peers_that_do_not_answer_delay_the_end_no_longer_than_the_deadline() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = usual(&operator).section("drain", "deadline = \"2s\"").start();
    let esme = node.transceiver("demo");
    esme.ignores_unbind();
    esme.submit_ok(&message().text("again"));
    operator.expect_message();
    let begin = Instant::now();
    let (place, ended) = node.terminate();
    assert!(ended.code.is_some(), "{ended:?}");
    assert!(begin.elapsed() < Duration::from_secs(8), "it took {:?}", begin.elapsed());
    operator.answers(Answer::Accept);
    let _node = place.start_again();
    assert_eq!(operator.expect_message().message.as_text(), "again", "what was not answered is not lost");
}

#[test]
fn an_esme_that_goes_on_submitting_is_answered_to_the_end() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    let texts = (0..100_000).map(|number| Message::to("46701234567").text(&number.to_string()));
    let mut accepted = 0;
    std::thread::scope(|scope| {
        let submitter = scope.spawn(|| esme.submit_all(texts, 50, |_, answer| accepted += usize::from(answer.is_ok())));
        operator.expect_messages(100);
        let ended = node.terminate().1;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let unanswered = submitter.join().unwrap();
        assert!(!unanswered.is_empty(), "the node went before all were submitted");
    });
    assert!(accepted >= 100);
}

#[test]
fn sigterm_under_load_ends_in_time_and_nothing_comes_twice() {
    let storm = Storm::new();
    let balance = storm.rage(storm.configuration().start(), |node| {
        storm.ledger().expect(5_000);
        let begin = Instant::now();
        let (place, ended) = node.terminate();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(begin.elapsed() < Duration::from_secs(15), "the deadline was passed: {:?}", begin.elapsed());
        let node = place.start_again();
        storm.ledger().expect(storm.ledger().count() + 1_000);
        node
    });
    balance.assert_within(Storm::CALM);
}
