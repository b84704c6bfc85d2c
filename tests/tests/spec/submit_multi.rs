//! submit_multi: one message to many, each with a fate and a receipt of its own (S45).

use std::collections::HashSet;

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Destination};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::message::{Message, international};
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

const THREE: [&str; 3] = ["46701111111", "46702222222", "46703333333"];

fn message() -> Message {
    Message::to("").receipt()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn s45_each_destination_has_a_receipt_of_its_own_under_one_id() {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let answer = esme.submit_multi(&message().text("to all"), &THREE).unwrap();
    let message_id = text(&answer.message_id.unwrap());
    assert_eq!(answer.unsuccessful, []);
    let submitted = operator.expect_messages(3);
    assert!(submitted.iter().all(|submitted| submitted.message.as_text() == "to all"));
    let receipts = [(); 3].map(|()| esme.expect_receipt());
    assert!(receipts.iter().all(|receipt| receipt.message_id == message_id));
    let about = receipts.iter().map(|receipt| text(&receipt.message.source.digits)).collect::<HashSet<_>>();
    assert_eq!(about, THREE.map(str::to_owned).into());
}

#[test]
fn s45_a_partial_failure_is_rok_and_names_who_failed_and_why() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").operator(&operator).route("46", "op-a").start();
    let esme = node.transceiver("demo");
    let answer = esme.submit_multi(&message(), &["46701111111", "4912345", "46CALLME"]).unwrap();
    let failed = answer.unsuccessful.iter().map(|failed| (text(&failed.address.digits), failed.status));
    let no_route = CommandStatus::ESME_RINVDSTADR;
    assert_eq!(failed.collect::<Vec<_>>(), [("4912345".to_owned(), no_route), ("46CALLME".to_owned(), no_route)]);
    assert_eq!(answer.unsuccessful[0].address, international("4912345"), "with TON and NPI");
    assert_eq!(operator.expect_message().message.destination, international("46701111111"));
}

#[test]
fn s45_when_all_fail_it_is_a_submit_that_failed() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").operator(&operator).route("46", "op-a").start();
    let refused = node.transceiver("demo").submit_multi(&message(), &["4912345", ""]);
    assert_eq!(refused, Err(CommandStatus::ESME_RSUBMITFAIL));
}

#[test]
fn s45_lists_are_not_offered_and_none_is_no_number() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let list = Destination::List("friends".into());
    let both = vec![Destination::Sme(international("46701111111")), list];
    assert_eq!(esme.submit_multi_to(&message(), both), Err(CommandStatus::ESME_RCNTSUBDL));
    assert_eq!(esme.submit_multi(&message(), &[]), Err(CommandStatus::ESME_RINVNUMDESTS));
    assert_eq!(operator.message_count(), 0);
}

#[test]
fn s45_254_destinations_are_taken_and_255_by_5_0_only() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let numbers = (0..255).map(|number| format!("46701{number:06}")).collect::<Vec<_>>();
    let numbers = numbers.iter().map(String::as_str).collect::<Vec<_>>();
    let esme = node.transceiver("demo");
    assert!(esme.submit_multi(&message(), &numbers[..254]).is_ok());
    assert_eq!(esme.submit_multi(&message(), &numbers), Err(CommandStatus::ESME_RINVNUMDESTS));
    let newer = node.connect();
    newer.bind_as(BindKind::Transmitter, bind_of("demo", PASSWORD, 0x50));
    assert!(newer.submit_multi(&message(), &numbers).is_ok());
    let arrived = operator.expect_messages(254 + 255);
    let last = arrived[254..].iter().map(|submitted| text(&submitted.message.destination.digits));
    assert_eq!(last.collect::<HashSet<_>>().len(), 255);
}

#[test]
fn s45_a_destination_that_stands_there_twice_counts_once() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_multi(&message().text("first"), &["46701111111", "+46701111111", "46701111111"]).unwrap();
    esme.submit_ok(&Message::to("46701111111").text("second"));
    let arrived = operator.expect_messages(2).iter().map(|submitted| submitted.message.as_text()).collect::<Vec<_>>();
    assert_eq!(arrived, ["first", "second"]);
}

#[test]
fn s45_the_accounts_rate_counts_destinations() {
    let operator = Operator::start("op-a");
    let keys = "throughput_max = 10";
    let node = Configuration::new().account_with("demo", keys).operator(&operator).route("", "op-a").start();
    let esme = node.transceiver("demo");
    let numbers = (0..10).map(|number| format!("4670123456{number}")).collect::<Vec<_>>();
    let numbers = numbers.iter().map(String::as_str).collect::<Vec<_>>();
    assert!(esme.submit_multi(&message(), &numbers).is_ok(), "it is let in as a whole");
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RTHROTTLED));
}

#[test]
fn s45_a_query_answers_the_least_advanced_and_a_cancellation_ends_what_is_pending() {
    let (first, second) = (Operator::start("op-a"), Operator::start("op-b"));
    second.closes();
    let configuration = Configuration::new().account("demo").operator(&first).operator(&second);
    let node = configuration.route("46701", "op-a").route("46702", "op-b").start();
    let esme = node.transceiver("demo");
    let answer = esme.submit_multi(&message(), &["46701111111", "46702222222"]).unwrap();
    let message_id = text(&answer.message_id.unwrap());
    first.report(&first.expect_message(), MessageState::Delivered);
    assert_eq!(esme.expect_receipt().stat, "DELIVRD");
    assert_eq!(esme.query(&message_id).unwrap().message_state, MessageState::Enroute as u8);
    assert_eq!(esme.cancel(&message_id), CommandStatus::ESME_ROK);
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.stat.as_str(), text(&receipt.message.source.digits)), ("DELETED", "46702222222".to_owned()));
}

#[test]
fn s45_a_message_to_many_survives_a_kill_as_a_whole() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    node.transmitter("demo").submit_multi(&message(), &THREE).unwrap();
    let _node = node.restart();
    operator.opens();
    let arrived = operator.expect_messages(3);
    let to = arrived.iter().map(|submitted| text(&submitted.message.destination.digits)).collect::<HashSet<_>>();
    assert_eq!(to, THREE.map(str::to_owned).into());
}

#[test]
fn s37_a_submit_multi_cannot_replace() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let replacing = message().with(|message| message.replace_if_present = 1);
    let refused = node.transceiver("demo").submit_multi(&replacing, &THREE);
    assert_eq!(refused, Err(CommandStatus::ESME_RINVSUBREP));
}
