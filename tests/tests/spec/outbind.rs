//! outbind: an ESME that waits to be called is called when something waits for it (S18).

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::WaitingEsme;
use smsc_tests::message::Message;
use smsc_tests::node::Node;
use smsc_tests::operator::Operator;

fn node_that_calls(operator: &Operator, esme: &WaitingEsme) -> Node {
    let keys = format!("outbind = \"{}\"", esme.address());
    let configuration = Configuration::new().account_with("demo", &keys).account("other");
    configuration
        .operator(operator)
        .route("", "op-a")
        .mo_route("*", "demo")
        .section("session", "session_init = \"1s\"")
        .start()
}

#[test]
fn s18_an_esme_is_called_when_a_message_waits_and_no_receiver_is_bound() {
    let (operator, esme) = (Operator::start("op-a"), WaitingEsme::start());
    let node = node_that_calls(&operator, &esme);
    let receiver = node.receiver("demo");
    assert_eq!(operator.deliver(&Message::to("72345").text("while bound")), CommandStatus::ESME_ROK);
    assert_eq!(receiver.expect_delivery().message.as_text(), "while bound");
    receiver.unbind();
    operator.deliver(&Message::to("72345").text("while nobody is"));
    let (called, outbind) = esme.expect_call();
    assert_eq!((&outbind.system_id[..], &outbind.password[..]), (&b"smsc"[..], &b""[..]));
    assert_eq!(called.bind(BindKind::Receiver, "demo"), CommandStatus::ESME_ROK);
    assert_eq!(called.expect_delivery().message.as_text(), "while nobody is");
    assert_eq!(esme.calls(), 0, "nobody was called while a receiver was bound");
}

#[test]
fn s18_a_receipt_that_waits_is_reason_enough() {
    let (operator, esme) = (Operator::start("op-a"), WaitingEsme::start());
    operator.reports(MessageState::Delivered);
    let node = node_that_calls(&operator, &esme);
    let message_id = node.transmitter("demo").submit_ok(&Message::to("46701234567").receipt());
    let (called, _) = esme.expect_call();
    assert_eq!(called.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
    assert_eq!(called.expect_receipt().message_id, message_id);
}

#[test]
fn s18_only_the_account_that_was_called_may_bind_and_not_as_a_transmitter() {
    let (operator, esme) = (Operator::start("op-a"), WaitingEsme::start());
    let _node = node_that_calls(&operator, &esme);
    operator.deliver(&Message::to("72345"));
    let (called, _) = esme.expect_call();
    assert_eq!(called.bind(BindKind::Transmitter, "demo"), CommandStatus::ESME_RINVBNDSTS);
    assert_eq!(called.bind(BindKind::Receiver, "other"), CommandStatus::ESME_RINVSYSID);
    called.expect_end();
}

#[test]
fn s18_who_does_not_bind_in_time_is_cut_off_and_called_again() {
    let (operator, esme) = (Operator::start("op-a"), WaitingEsme::start());
    let _node = node_that_calls(&operator, &esme);
    operator.deliver(&Message::to("72345"));
    let (silent, _) = esme.expect_call();
    silent.expect_end();
    let (called, _) = esme.expect_call();
    assert_eq!(called.bind(BindKind::Receiver, "demo"), CommandStatus::ESME_ROK);
    called.expect_delivery();
}
