//! replace_sm: another text for a message that has not left yet (S48, S19, S26).

use std::time::{Duration, Instant};

use bytes::Bytes;
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::ReplaceSm;
use smsc_proto::smpp::tlv::{Tlv, TlvBytes, tag};
use smsc_tests::esme::new_text;
use smsc_tests::message::{Message, international};
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

const OK: CommandStatus = CommandStatus::ESME_ROK;
const FAILED: CommandStatus = CommandStatus::ESME_RREPLACEFAIL;

fn message() -> Message {
    Message::to("46701234567").text("old")
}

#[test]
fn s48_the_new_text_leaves_in_the_coding_of_the_old_and_the_id_stays() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let unicode = message().octets(b"\0o\0l\0d").with(|message| (message.data_coding, message.protocol_id) = (8, 0x41));
    let message_id = esme.submit_ok(&unicode.tlv(tag::USER_MESSAGE_REFERENCE, &[0, 7]));
    assert_eq!(esme.replace(&message_id, "\0n\0e\0w"), OK);
    operator.opens();
    let submitted = operator.expect_message();
    assert_eq!((submitted.message.as_text().as_str(), submitted.message.protocol_id), ("new", 0x41));
    assert_eq!(submitted.message.tlv_value(tag::USER_MESSAGE_REFERENCE), Some(&[0, 7][..]));
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id, "the receipt that the replacement asked for");
}

#[test]
fn s19_a_transmitter_and_a_transceiver_may_replace_and_a_receiver_may_not() {
    let (_operator, node) = Node::waiting();
    let message_id = node.transmitter("demo").submit_ok(&message());
    for esme in [node.transmitter("demo"), node.transceiver("demo")] {
        assert_eq!(esme.replace(&message_id, "new"), OK);
    }
    assert_eq!(node.receiver("demo").replace(&message_id, "new"), CommandStatus::ESME_RINVBNDSTS);
}

#[test]
fn s26_a_message_payload_replaces_too_and_wins_over_a_short_message() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().payload(&[b'o'; 1_000]));
    let long = [b'n'; 1_500];
    let tlvs = TlvBytes::from_tlvs(&[Tlv { tag: tag::MESSAGE_PAYLOAD, value: &long }]);
    assert_eq!(esme.replace_with(ReplaceSm { tlvs, ..new_text(&message_id, "dropped") }), OK);
    operator.opens();
    let arrived = operator.expect_message().message;
    assert_eq!((arrived.user_data(), &arrived.short_message[..]), (&long[..], &b""[..]));
    assert_eq!(arrived.tlvs.len(), 1, "one message_payload");
}

#[test]
fn s48_a_replaced_text_survives_a_kill() {
    let (operator, node) = Node::waiting();
    let message_id = node.transmitter("demo").submit_ok(&message());
    assert_eq!(node.transmitter("demo").replace(&message_id, "new"), OK);
    let _node = node.restart();
    operator.opens();
    assert_eq!(operator.expect_message().message.as_text(), "new");
}

#[test]
fn s48_times_are_replaced_and_empty_ones_stay() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let begin = Instant::now();
    let message_id = esme.submit_ok(&message().with(|message| {
        message.schedule_delivery_time = "000000010000000R".into();
    }));
    let sooner = Bytes::from_static(b"000000000002000R");
    assert_eq!(esme.replace_with(ReplaceSm { schedule_delivery_time: sooner, ..new_text(&message_id, "sooner") }), OK);
    assert_eq!(esme.replace(&message_id, "soon"), OK);
    let arrived = operator.expect_message();
    assert_eq!(arrived.message.as_text(), "soon");
    assert!(arrived.at - begin >= Duration::from_millis(1_950), "it came after {:?}", arrived.at - begin);
}

#[test]
fn s48_what_is_not_pending_or_not_ones_own_is_not_replaced() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    operator.expect_message();
    assert_eq!(esme.replace(&message_id, "new"), FAILED);
    let scheduled = esme.submit_ok(&message().with(|message| {
        message.schedule_delivery_time = "000000010000000R".into();
    }));
    let source = international("46700000001");
    assert_eq!(esme.replace_with(ReplaceSm { source, ..new_text(&scheduled, "new") }), FAILED);
    assert_eq!(esme.replace("no id at all", "new"), FAILED);
}

#[test]
fn what_is_wrong_with_a_replacement_is_said_by_the_code_of_its_field() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let with = |change: fn(&mut ReplaceSm)| {
        let mut replace = new_text(&message_id, "new");
        change(&mut replace);
        esme.replace_with(replace)
    };
    let canned = with(|replace| replace.sm_default_msg_id = 1);
    assert_eq!(canned, CommandStatus::ESME_RINVDFTMSGID, "S37");
    let nonsense = with(|replace| replace.schedule_delivery_time = "tomorrow at nine".into());
    assert_eq!(nonsense, CommandStatus::ESME_RINVSCHED, "S30");
    let over = with(|replace| replace.validity_period = "200101000000000+".into());
    assert_eq!(over, CommandStatus::ESME_RINVEXPIRY, "S32");
    let late = with(|replace| replace.schedule_delivery_time = "000101000000000R".into());
    assert_eq!(late, CommandStatus::ESME_RINVEXPIRY, "it would leave after the end of its validity");
}
