//! data_sm in both directions: a submission, and for accounts that want it so the carrier of receipts and MO messages
//! (S33, S39, S10, Q12).

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::smpp::tlv::tag;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::message::{Message, international};
use smsc_tests::node::Node;
use smsc_tests::operator::{Operator, receipt};

fn message() -> Message {
    Message::to("46701234567").payload(b"hello")
}

/// An operator, and a node whose account wants its deliveries as data_sm.
fn preferring_data_sm() -> (Operator, Node) {
    let operator = Operator::start("op-a");
    let configuration = Configuration::new().account_with("demo", "receipt_pdu = \"data_sm\"").operator(&operator);
    (operator, configuration.route("", "op-a").mo_route("*", "demo").start())
}

#[test]
fn s33_a_data_sm_is_a_submission_with_a_message_payload() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_data(&message().receipt()).unwrap();
    let submitted = operator.expect_message();
    assert_eq!(submitted.message.user_data(), b"hello");
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id);
}

#[test]
fn s33_qos_time_to_live_is_its_validity() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let short = message().receipt().tlv(tag::QOS_TIME_TO_LIVE, &1_u32.to_be_bytes());
    let message_id = esme.submit_data(&short).unwrap();
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "EXPIRED"));
    let crooked = esme.submit_data(&message().tlv(tag::QOS_TIME_TO_LIVE, &[0, 1]));
    assert_eq!(crooked, Err(CommandStatus::ESME_RINVTLVLEN), "S25");
}

#[test]
fn s33_in_5_0_it_supersedes_the_validity_period_of_a_submit_sm_and_in_3_4_it_does_not() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let both = Message::to("46701234567").receipt().validity("000000010000000R");
    let both = both.tlv(tag::QOS_TIME_TO_LIVE, &1_u32.to_be_bytes());
    let older = node.transceiver("demo").submit_ok(&both);
    let newer = node.connect();
    newer.bind_as(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x50));
    let superseded = newer.submit_ok(&both);
    newer.expect_state(&superseded, MessageState::Expired);
    assert_eq!(newer.query(&older).unwrap().message_state, MessageState::Enroute as u8);
}

#[test]
fn s39_its_addresses_may_be_longer_than_a_submit_sm_can_carry_and_are_refused_by_their_codes() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let long = "4".repeat(40);
    let to = message().with(|message| message.destination = international(&long));
    assert_eq!(esme.submit_data(&to), Err(CommandStatus::ESME_RINVDSTADR));
    let from = message().with(|message| message.source = international(&long));
    assert_eq!(esme.submit_data(&from), Err(CommandStatus::ESME_RINVSRCADR));
    assert!(esme.submit_data(&message()).is_ok());
}

#[test]
fn s10_a_receiver_may_not_submit_by_data_sm() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    assert_eq!(node.receiver("demo").submit_data(&message()), Err(CommandStatus::ESME_RINVBNDSTS));
}

#[test]
fn q12_receipts_and_mo_messages_come_as_data_sm_to_who_wants_them_so() {
    let (operator, node) = preferring_data_sm();
    operator.reports(MessageState::Delivered);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567").receipt());
    let delivery = esme.expect_delivery();
    assert_eq!(delivery.command_id, CommandId::DATA_SM);
    assert!(delivery.message.as_text().starts_with(&format!("id:{message_id} ")));
    assert_eq!(delivery.message.esm_class, 0x04);
    assert_eq!(operator.deliver(&Message::to("72345").text("hi")), CommandStatus::ESME_ROK);
    let mobile_originated = esme.expect_delivery();
    assert_eq!((mobile_originated.command_id, mobile_originated.message.user_data()), (CommandId::DATA_SM, &b"hi"[..]));
}

#[test]
fn q12_a_data_sm_resp_settles_a_receipt_and_its_refusal_brings_it_again() {
    let (operator, node) = preferring_data_sm();
    operator.reports(MessageState::Delivered);
    let esme = node.transceiver("demo");
    esme.answers_deliveries_with(CommandStatus::ESME_RDELIVERYFAILURE);
    esme.submit_ok(&Message::to("46701234567").receipt());
    let first = esme.expect_delivery();
    esme.answers_deliveries_with(CommandStatus::ESME_ROK);
    assert_eq!(esme.expect_delivery().message, first.message);
    esme.unbind();
    let next = node.transceiver("demo");
    assert_eq!(next.deliveries(), [], "it was acknowledged");
}

#[test]
fn s22_a_session_of_3_3_is_never_sent_a_data_sm() {
    let (operator, node) = preferring_data_sm();
    operator.reports(MessageState::Delivered);
    let esme = node.connect();
    esme.bind_as(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x33));
    esme.submit_ok(&Message::to("46701234567").receipt());
    assert_eq!(esme.expect_delivery().command_id, CommandId::DELIVER_SM);
}

#[test]
fn receipts_and_mo_messages_may_come_as_data_sm_from_an_operator() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567").receipt());
    let submitted = operator.expect_message();
    let report = receipt(&submitted.message, &submitted.operator_message_id, MessageState::Delivered);
    let text = report.short_message.clone();
    assert_eq!(operator.expect_answer(operator.send_data(report.payload(&text))), CommandStatus::ESME_ROK);
    assert_eq!(esme.expect_receipt().message_id, message_id);
    let hello = Message::to("72345").payload(b"hello");
    assert_eq!(operator.expect_answer(operator.send_data(hello)), CommandStatus::ESME_ROK);
    assert_eq!(esme.expect_delivery().message.as_text(), "hello");
}
