//! Versions 3.3, 3.4 and 5.0, and what each is told (S21 to S23, S28, S54, Q11).

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{AlertNotification, BindKind, Pdu};
use smsc_proto::smpp::tlv::tag;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{Esme, PASSWORD, bind_of};
use smsc_tests::message::{Message, international};
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

fn bound(node: &Node, version: u8) -> Esme {
    let esme = node.connect();
    let (status, _) = esme.bind_as(BindKind::Transceiver, bind_of("demo", PASSWORD, version));
    assert_eq!(status, CommandStatus::ESME_ROK);
    esme
}

fn message() -> Message {
    Message::to("46701234567").receipt()
}

#[test]
fn s23_a_3_3_session_is_given_eight_hex_digits_in_response_and_receipt() {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = Node::with(&operator);
    let esme = bound(&node, 0x33);
    let alias = esme.submit_ok(&message());
    assert!(alias.len() == 8 && alias.bytes().all(|digit| digit.is_ascii_hexdigit()), "{alias}");
    assert!(esme.expect_delivery().message.as_text().starts_with(&format!("id:{alias} ")));
}

#[test]
fn s23_the_receipt_carries_the_alias_whoever_takes_it() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let alias = bound(&node, 0x33).submit_ok(&message());
    let newer = node.receiver("demo");
    operator.report(&operator.expect_message(), MessageState::Delivered);
    let receipt = newer.expect_receipt();
    assert_eq!((receipt.message_id, receipt.receipted_message_id), (alias.clone(), Some(alias)));
}

#[test]
fn s23_query_cancel_and_replace_know_the_alias_and_a_kill_does_not_forget_it() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let alias = bound(&node, 0x33).submit_ok(&message());
    let node = node.restart();
    let esme = bound(&node, 0x33);
    assert_eq!(esme.query(&alias.to_uppercase()).unwrap().message_state, MessageState::Enroute as u8);
    assert_eq!(esme.replace(&alias, "new"), CommandStatus::ESME_ROK);
    assert_eq!(esme.cancel(&alias), CommandStatus::ESME_ROK);
    assert_eq!(esme.query(&alias).unwrap().message_state, MessageState::Deleted as u8);
}

#[test]
fn s23_a_3_3_session_may_ask_by_the_full_id_too() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message_id = node.transmitter("demo").submit_ok(&message());
    assert_eq!(bound(&node, 0x33).query(&message_id).unwrap().message_state, MessageState::Enroute as u8);
}

#[test]
fn s22_a_3_3_session_is_sent_neither_tlvs_nor_alerts() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = bound(&node, 0x33);
    assert_eq!(operator.deliver(&Message::to("72345").tlv(0x1400, b"x")), CommandStatus::ESME_ROK);
    assert_eq!(esme.expect_delivery().message.tlvs, []);
    esme.submit_ok(&message().tlv(tag::SET_DPF, &[1]));
    let submitted = operator.expect_message();
    operator.alerts(&AlertNotification { source: submitted.message.destination, ..AlertNotification::default() });
    operator.deliver(&Message::to("72345").text("after the alert"));
    esme.expect_delivery();
    assert!(esme.connection().take(|frame| frame.header.command_id == CommandId::ALERT_NOTIFICATION).is_empty());
}

#[test]
fn s28_q11_congestion_state_is_told_to_5_0_sessions_that_opt_in_and_to_no_other() {
    let operator = Operator::start("op-a");
    let opted_in = "tlv = { extra_to_esme = true }";
    for (keys, version, told) in [(opted_in, 0x50, true), (opted_in, 0x34, false), ("", 0x50, false)] {
        let node = Configuration::new().account_with("demo", keys).operator(&operator).route("", "op-a").start();
        let esme = bound(&node, version);
        let frame = esme.connection().expect_response(esme.send(&message()));
        let Pdu::SubmitSmResp(body) = Pdu::decode(&frame).unwrap() else { panic!("{frame:?}") };
        let congestion = body.tlvs.tlvs().get(tag::CONGESTION_STATE).map(<[u8]>::to_vec);
        assert_eq!(congestion.is_some(), told, "{keys:?} {version:#x}");
        assert!(congestion.is_none_or(|state| state.len() == 1 && state[0] <= 100));
    }
}

#[test]
fn s54_an_alert_reaches_who_asked_for_it_with_set_dpf_and_only_once() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let number = esme.send(&message().from("Brand").tlv(tag::SET_DPF, &[1]));
    assert!(esme.answer_to(number).is_ok());
    let subscriber = operator.expect_message().message.destination;
    let alert = AlertNotification { source: subscriber.clone(), ..AlertNotification::default() };
    let is_alert = |frame: &smsc_proto::smpp::codec::Frame| frame.header.command_id == CommandId::ALERT_NOTIFICATION;
    operator.alerts(&alert);
    let frame = esme.connection().expect("alert_notification", is_alert);
    let Pdu::AlertNotification(told) = Pdu::decode(&frame).unwrap() else { panic!("{frame:?}") };
    assert_eq!((told.source, &told.esme.digits[..]), (subscriber, &b"Brand"[..]));
    operator.alerts(&alert);
    operator.alerts(&AlertNotification { source: international("46709999999"), ..AlertNotification::default() });
    operator.deliver(&Message::to("72345").text("after the alerts"));
    esme.expect_delivery();
    assert!(esme.connection().take(is_alert).is_empty());
}

#[test]
fn s54_dpf_result_is_reported_to_who_set_the_flag() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = bound(&node, 0x50);
    let dpf_result = |message: &Message| {
        let frame = esme.connection().expect_response(esme.send(message));
        let Pdu::SubmitSmResp(body) = Pdu::decode(&frame).unwrap() else { panic!("{frame:?}") };
        body.tlvs.tlvs().get(tag::DPF_RESULT).map(<[u8]>::to_vec)
    };
    assert_eq!(dpf_result(&message().tlv(tag::SET_DPF, &[1])), Some(vec![1]));
    assert_eq!(dpf_result(&message()), None);
}
