//! query_sm: an account learns what became of its messages, and of nobody else's (S46, S34).

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, OwnedAddress};
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of, usual_source};
use smsc_tests::message::{Message, international};
use smsc_tests::node::Node;
use smsc_tests::operator::{Answer, Operator};

const NOT_FOUND: CommandStatus = CommandStatus::ESME_RQUERYFAIL;

fn message() -> Message {
    Message::to("46701234567")
}

#[test]
fn s46_a_message_is_enroute_until_its_receipt_comes_and_then_in_its_final_state() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let before = esme.query(&message_id).unwrap();
    assert_eq!((&before.message_id[..], before.message_state), (message_id.as_bytes(), MessageState::Enroute as u8));
    assert_eq!(before.final_date, "", "S34");
    operator.report(&operator.expect_message(), MessageState::Delivered);
    esme.expect_state(&message_id, MessageState::Delivered);
}

#[test]
fn s34_the_final_date_has_seventeen_octets_in_utc() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Refuse(CommandStatus::ESME_RINVDSTADR));
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    esme.expect_state(&message_id, MessageState::Undeliverable);
    let answer = esme.query(&message_id).unwrap();
    let (digits, zone) = answer.final_date.split_at(12);
    assert!(digits.iter().all(u8::is_ascii_digit) && zone == b"000+", "{:?}", answer.final_date);
    assert_eq!(answer.error_code, 11, "as err: of the receipt says");
}

#[test]
fn s46_the_source_must_be_as_it_was_submitted() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let like = |ton, npi| OwnedAddress { ton, npi, ..usual_source() };
    for source in [like(1, 1), like(0, 0), like(1, 0)] {
        assert!(esme.query_from(&message_id, &source).is_ok(), "{source:?}: 0 matches anything");
    }
    for source in [like(5, 0), international("46700000001"), OwnedAddress::default()] {
        assert_eq!(esme.query_from(&message_id, &source), Err(NOT_FOUND), "{source:?}");
    }
}

#[test]
fn s46_s40_a_message_without_source_is_asked_for_without_one() {
    let operator = Operator::start("op-a");
    let keys = "source_default = \"72345\"";
    let node = Configuration::new().account_with("demo", keys).operator(&operator).route("", "op-a").start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().with(|message| message.source = OwnedAddress::default()));
    assert!(esme.query_from(&message_id, &OwnedAddress::default()).is_ok());
    assert_eq!(esme.query_from(&message_id, &international("72345")), Err(NOT_FOUND));
}

#[test]
fn s46_another_accounts_message_is_not_found() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").account("other").operator(&operator).route("", "op-a").start();
    let message_id = node.transceiver("demo").submit_ok(&message());
    let other = node.transceiver("other");
    assert_eq!(other.query(&message_id), Err(NOT_FOUND));
    assert_eq!(other.query("1"), Err(NOT_FOUND), "exactly as one that never was");
    assert_eq!(other.query("no id at all"), Err(NOT_FOUND));
}

#[test]
fn s46_it_works_from_any_bind_and_after_a_kill() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message_id = node.transmitter("demo").submit_ok(&message());
    operator.report(&operator.expect_message(), MessageState::Delivered);
    operator.expect_all_acknowledged();
    let node = node.restart();
    let answer = node.transmitter("demo").query(&message_id).unwrap();
    assert_eq!(answer.message_state, MessageState::Delivered as u8);
}

#[test]
fn s46_a_scheduled_message_is_scheduled_to_5_0_and_enroute_to_3_4() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().with(|message| {
        message.schedule_delivery_time = "000000010000000R".into();
    }));
    assert_eq!(esme.query(&message_id).unwrap().message_state, MessageState::Enroute as u8);
    let newer = node.connect();
    newer.bind_as(BindKind::Transmitter, bind_of("demo", PASSWORD, 0x50));
    assert_eq!(newer.query(&message_id).unwrap().message_state, MessageState::Scheduled as u8);
}

#[test]
fn s9_a_receiver_may_not_ask() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    assert_eq!(node.receiver("demo").query("1"), Err(CommandStatus::ESME_RINVBNDSTS));
}
