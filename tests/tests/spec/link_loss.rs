//! Links break, operators go away and come back: messages wait, and none is lost.

use std::collections::HashSet;
use std::time::Duration;

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::{Answer, Operator};
use smsc_tests::port::Port;
use smsc_tests::storm::Storm;

fn numbered(count: usize) -> Vec<Message> {
    (0..count).map(|number| Message::to("46701234567").text(&number.to_string()).receipt()).collect()
}

fn texts(operator: &Operator) -> HashSet<String> {
    operator.messages().into_iter().map(|submitted| submitted.message.as_text()).collect()
}

// Q35
#[test]
fn link_loss_returns_outstanding_messages() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = usual_with(&operator, "window = 10").start();
    let esme = node.transceiver("demo");
    let ids =
        esme.send_all(&numbered(30)).into_iter().map(|number| esme.answer_to(number).unwrap()).collect::<Vec<_>>();
    operator.expect_messages(10);
    operator.answers(Answer::Accept);
    operator.reports(MessageState::Delivered);
    operator.drops_links();
    operator.expect_messages(30);
    assert_eq!(texts(&operator).len(), 30);
    ids.iter().for_each(|message_id| assert_eq!(esme.expect_receipt_of(message_id).stat, "DELIVRD"));
}

// Q35
#[test]
fn an_operator_that_drops_link_after_link_loses_nothing_and_sees_at_most_a_window_again() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "window = 5\nretry = [\"50ms\"]").start();
    let esme = node.transmitter("demo");
    let numbers = esme.send_all(&numbered(300));
    for drops in 1..=5 {
        operator.expect_messages(20);
        operator.drops_links();
        operator.expect_binds(drops + 1);
    }
    numbers.into_iter().for_each(|number| assert!(esme.answer_to(number).is_ok()));
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 300.0);
    assert_eq!(texts(&operator).len(), 300);
    assert!(operator.message_count() <= 300 + 5 * 5, "{} attempts", operator.message_count());
}

#[test]
fn an_operator_that_is_down_delays_and_does_not_lose() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(50), 50, |_, answer| assert!(answer.is_ok()));
    operator.opens();
    operator.expect_messages(50);
    assert_eq!(texts(&operator).len(), 50);
}

#[test]
fn an_operator_that_refuses_our_bind_is_asked_again() {
    let operator = Operator::start("op-a");
    operator.answers_binds_with(CommandStatus::ESME_RBINDFAIL);
    let node = Node::with(&operator);
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("patience"));
    let binds = operator.expect_binds(2);
    assert_eq!((&binds[0].system_id[..], &binds[0].password[..]), (&b"smsc"[..], &b"secret"[..]));
    operator.answers_binds_with(CommandStatus::ESME_ROK);
    assert_eq!(operator.expect_message().message.as_text(), "patience");
}

#[test]
fn an_operator_that_does_not_answer_enquire_link_is_left_and_bound_anew() {
    let operator = Operator::start("op-a");
    let keys = "enquire_link = \"100ms\"\nresponse = \"300ms\"\nenquire_link_misses = 1";
    let node = usual(&operator).section("session", keys).start();
    operator.expect_links(1);
    operator.ignores_enquire_links();
    operator.expect_binds(2);
    operator.answers_enquire_links();
    node.transmitter("demo").submit_ok(&Message::to("46701234567"));
    operator.expect_message();
}

#[test]
fn an_operator_that_stops_reading_is_left_and_its_messages_go_over_the_next_link() {
    let operator = Operator::start("op-a");
    let keys = "enquire_link = \"200ms\"\nresponse = \"500ms\"\nenquire_link_misses = 1";
    let node = usual_with(&operator, "window = 10").section("session", keys).start();
    operator.expect_links(1);
    operator.stops_reading();
    let esme = node.transmitter("demo");
    esme.submit_all(numbered(20), 20, |_, answer| assert!(answer.is_ok()));
    operator.expect_binds(2);
    operator.expect_messages(20);
    assert_eq!(texts(&operator).len(), 20);
}

#[test]
fn links_cut_in_the_middle_of_their_windows_lose_nothing_and_repeat_at_most_a_window_each() {
    let storm = Storm::new();
    let operator = storm.operator();
    let balance = storm.rage(storm.configuration().start(), |node| {
        for cuts in 1..=5 {
            operator.answers(Answer::Hold);
            operator.expect_held(cuts * Storm::ALL_WINDOWS);
            operator.drops_links();
            operator.answers(Answer::Accept);
            storm.ledger().expect(storm.ledger().count() + 1_000);
        }
        node
    });
    balance.assert_within(Storm::BOUNDS);
    assert!(balance.copies >= 5 * Storm::ALL_WINDOWS, "the windows were full: {balance:?}");
    assert_eq!((balance.receipts_of_strangers, balance.receipts_repeated), (0, 0), "no ESME noticed anything");
}

#[test]
fn an_operator_that_stops_reading_under_load_costs_no_message_and_no_receipt() {
    let storm = Storm::new();
    let keys = "enquire_link = \"200ms\"\nresponse = \"500ms\"\nenquire_link_misses = 1";
    let balance = storm.rage(storm.configuration().section("session", keys).start(), |node| {
        storm.ledger().expect(1_000);
        storm.operator().stops_reading();
        storm.operator().expect_binds(8);
        storm.ledger().expect(storm.ledger().count() + 1_000);
        node
    });
    balance.assert_within(Storm::BOUNDS);
}

#[test]
fn an_operator_that_takes_its_leave_is_answered_and_bound_anew() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    operator.expect_links(1);
    operator.unbinds();
    operator.expect_binds(2);
    operator.expect_links(1);
    node.transmitter("demo").submit_ok(&Message::to("46701234567"));
    operator.expect_message();
}

#[test]
fn the_next_address_is_tried_when_one_is_dead() {
    let (operator, dead) = (Operator::start("op-a"), Port::take());
    let keys = format!("addresses = [\"{}\", \"{}\"]", dead.address(), operator.address());
    let node = Configuration::new().account("demo").operator_with(&operator, &keys).route("", "op-a").start();
    operator.expect_links(1);
    node.transmitter("demo").submit_ok(&Message::to("46701234567"));
    operator.expect_message();
}

#[test]
fn as_many_links_are_bound_as_are_configured() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "links = 3").start();
    operator.expect_links(3);
    assert_eq!(operator.bound_kinds(), [BindKind::Transceiver; 3]);
    node.expect_metric("smsc_link_sessions", &[("link", "op-a")], 3.0);
    operator.drops_links();
    operator.expect_binds(6);
    operator.expect_links(3);
}

#[test]
fn a_pair_of_links_is_bound_as_transmitter_and_receiver() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "bind = \"transmitter+receiver\"").start();
    operator.expect_links(2);
    let kinds = operator.bound_kinds();
    assert!(kinds.contains(&BindKind::Transmitter) && kinds.contains(&BindKind::Receiver), "{kinds:?}");
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("over the transmitter"));
    assert_eq!(operator.expect_message().message.as_text(), "over the transmitter");
    operator.deliver(&Message::to("72345").text("over the receiver"));
    assert_eq!(node.receiver("demo").expect_delivery().message.as_text(), "over the receiver");
}

#[test]
fn a_message_that_the_operator_took_before_the_link_broke_gets_its_receipt_over_the_next() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567").receipt());
    let submitted = operator.expect_message();
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 1.0);
    operator.drops_links();
    operator.expect_binds(2);
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id, "Q21");
}

#[test]
fn reconnecting_slows_down_while_nobody_answers() {
    let operator = Operator::start("op-a");
    operator.answers_binds_with(CommandStatus::ESME_RSYSERR);
    let _node = Node::with(&operator);
    operator.expect_binds(1);
    std::thread::sleep(Duration::from_secs(3));
    let attempts = operator.expect_binds(1).len();
    assert!((2..=12).contains(&attempts), "{attempts} attempts in 3 s");
}

#[test]
fn an_esme_that_vanishes_in_the_middle_of_a_submit_harms_nobody() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    let octets = Message::to("46701234567").submit_sm(9);
    esme.connection().write(octets.slice(..30));
    drop(esme);
    node.expect_metric("smsc_sessions", &[("account", "demo")], 0.0);
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("the next"));
    assert_eq!(operator.expect_message().message.as_text(), "the next");
    assert_eq!(operator.message_count(), 1);
}
