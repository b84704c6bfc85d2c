//! A long message for an operator that takes parts only, or payloads only; and one receipt for all of it.

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::tlv::tag;
use smsc_proto::text::ucs2;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Answer, Operator, Submitted};

const LONG: &str = "[{€}] O freunde, nicht diese toene! Sondern lasst uns angenehmere anstimmen, und freudenvollere. ";

fn node(operator: &Operator, long_messages: &str) -> Node {
    usual_with(operator, &format!("long_messages = {long_messages:?}")).start()
}

/// A message of three parts, by its length.
fn long_message() -> Message {
    Message::to("46701234567").payload(&smsc_proto::text::gsm7::encode(&LONG.repeat(4)).unwrap()).receipt()
}

/// What a handset shows of these parts, in whatever order they came.
fn put_together(parts: &[Submitted]) -> String {
    let number = |part: &Submitted| match part.message.tlv_value(tag::SAR_SEGMENT_SEQNUM) {
        Some(number) => number[0],
        None => part.message.user_data()[5],
    };
    let mut parts = parts.to_vec();
    parts.sort_by_key(number);
    parts.iter().map(|part| part.message.as_text_of_part()).collect()
}

// S41: 153 septets a part, and no escape parted from its septet.
#[test]
fn a_long_message_is_cut_into_parts_that_a_handset_puts_together() {
    for marking in ["udh", "sar"] {
        let operator = Operator::start("op-a");
        let node = node(&operator, marking);
        node.transmitter("demo").submit_ok(&long_message());
        let parts = operator.expect_messages(3);
        assert_eq!(put_together(&parts), LONG.repeat(4), "{marking}");
        for part in &parts {
            let header = if marking == "udh" { 6 } else { 0 };
            assert!(part.message.short_message.len() - header <= 153, "{part:?}");
            assert_eq!(part.message.tlv_value(tag::MESSAGE_PAYLOAD), None);
        }
    }
}

// S41: 67 characters a part, and no surrogate parted from the other.
#[test]
fn ucs2_is_cut_between_characters() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "udh");
    let text = "🎉漢字".repeat(40);
    let message = Message::to("46701234567").payload(&ucs2::encode(&text)).with(|message| message.data_coding = 8);
    node.transmitter("demo").submit_ok(&message);
    let parts = operator.expect_messages(3);
    assert_eq!(put_together(&parts), text);
    assert!(parts.iter().all(|part| part.message.short_message.len() <= 140 && part.message.data_coding == 8));
}

#[test]
fn two_long_messages_are_told_apart() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "udh");
    let esme = node.transmitter("demo");
    esme.submit_ok(&long_message());
    esme.submit_ok(&long_message());
    let references: Vec<u8> = operator.expect_messages(6).iter().map(|part| part.message.user_data()[3]).collect();
    assert_eq!((references[0], references[3]), (references[2], references[5]));
    assert_ne!(references[0], references[3]);
}

// DESIGN §4.1: one message, one id, one final state, one receipt.
#[test]
fn the_receipt_comes_once_when_all_parts_are_delivered() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "udh");
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&long_message());
    let parts = operator.expect_messages(3);
    operator.report(&parts[2], MessageState::Delivered);
    operator.report(&parts[0], MessageState::Delivered);
    operator.expect_all_acknowledged();
    assert_eq!(esme.deliveries(), [], "a part is still on its way");
    operator.report(&parts[1], MessageState::Delivered);
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat), (message_id, "DELIVRD".to_owned()));
    operator.expect_all_acknowledged();
    assert_eq!(esme.deliveries(), []);
}

#[test]
fn a_part_that_fails_is_the_failure_of_the_message_and_nothing_follows() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "udh");
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&long_message());
    let parts = operator.expect_messages(3);
    operator.report(&parts[0], MessageState::Delivered);
    operator.report(&parts[1], MessageState::Undeliverable);
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat), (message_id, "UNDELIV".to_owned()));
    operator.report(&parts[2], MessageState::Delivered);
    operator.expect_all_acknowledged();
    assert_eq!(esme.deliveries(), []);
}

#[test]
fn parts_survive_a_kill_and_their_receipt_is_still_one() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = node(&operator, "udh");
    let message_id = node.transmitter("demo").submit_ok(&long_message());
    operator.expect_messages(3);
    let node = node.restart();
    operator.releases();
    let parts = operator.expect_messages(3);
    assert_eq!(put_together(&parts), LONG.repeat(4));
    let esme = node.transceiver("demo");
    for part in &parts {
        operator.report(part, MessageState::Delivered);
    }
    assert_eq!(esme.expect_receipt().message_id, message_id);
    operator.expect_all_acknowledged();
    assert_eq!(esme.deliveries(), []);
}

#[test]
fn a_message_that_one_message_holds_is_not_cut() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "udh");
    let esme = node.transmitter("demo");
    esme.submit_ok(&Message::to("46701234567").octets(&[b'a'; 160]));
    assert_eq!(operator.expect_message().message.short_message.len(), 160);
    esme.submit_ok(&Message::to("46701234567").payload(&[b'b'; 160]));
    let arrived = operator.expect_message().message;
    assert_eq!((arrived.short_message.len(), arrived.tlvs), (160, vec![]), "nor does it come as a payload");
}

#[test]
fn an_operator_that_takes_payloads_gets_a_long_message_whole() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "payload");
    node.transmitter("demo").submit_ok(&Message::to("46701234567").octets(&[b'a'; 200]));
    let arrived = operator.expect_message().message;
    assert_eq!((arrived.short_message.len(), arrived.user_data().len()), (0, 200));
}

// S27: the marks of a customer's own parts, as the operator wants them.
#[test]
fn a_customers_own_parts_are_marked_anew() {
    let by_header =
        Message::to("46701234567").octets(b"\x05\x00\x03\x2A\x02\x01hello").with(|part| part.esm_class = 0x40);
    let by_tlvs = Message::to("46701234567")
        .tlv(tag::SAR_MSG_REF_NUM, &[0, 0x2A])
        .tlv(tag::SAR_TOTAL_SEGMENTS, &[2])
        .tlv(tag::SAR_SEGMENT_SEQNUM, &[1]);
    for (wanted, sent, expected) in [("udh", &by_tlvs, &by_header), ("sar", &by_header, &by_tlvs)] {
        let operator = Operator::start("op-a");
        let node = node(&operator, wanted);
        node.transmitter("demo").submit_ok(sent);
        let arrived = operator.expect_message().message;
        assert_eq!((&arrived.short_message, &arrived.tlvs), (&expected.short_message, &expected.tlvs), "{wanted}");
        assert_eq!(arrived.esm_class & 0x40, expected.esm_class & 0x40);
    }
}

// S38
#[test]
fn a_message_of_more_than_255_parts_is_too_long() {
    let operator = Operator::start("op-a");
    let node = node(&operator, "udh");
    let refused = node.transmitter("demo").submit(&Message::to("46701234567").payload(&[b'a'; 60_000]));
    assert_eq!(refused, Err(CommandStatus::ESME_RINVMSGLEN));
}

// S41, Q29: the handset's size counts, in the alphabet that it gets.
#[test]
fn a_text_that_has_to_change_its_alphabet_is_cut_by_what_it_becomes() {
    let operator = Operator::start("op-a");
    let node = Configuration::new()
        .account_with("demo", "alphabet = \"utf8\"")
        .operator_with(&operator, "long_messages = \"udh\"")
        .route("", "op-a")
        .start();
    let text = "ж".repeat(100);
    node.transmitter("demo").submit_ok(&Message::to("46701234567").octets(text.as_bytes()));
    let parts = operator.expect_messages(2);
    assert!(parts.iter().all(|part| part.message.data_coding == 8));
    assert_eq!(put_together(&parts), text);
}
