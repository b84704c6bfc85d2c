//! cancel_sm: what has not left yet can be taken back, and nothing else (S47).

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{CancelSm, OwnedAddress};
use smsc_tests::esme::usual_source;
use smsc_tests::message::{Message, international};
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

const OK: CommandStatus = CommandStatus::ESME_ROK;
const FAILED: CommandStatus = CommandStatus::ESME_RCANCELFAIL;

fn message() -> Message {
    Message::to("46701234567")
}

#[test]
fn s47_a_waiting_message_is_deleted_and_never_leaves() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().text("cancelled"));
    assert_eq!(esme.cancel(&message_id), OK);
    assert_eq!(esme.query(&message_id).unwrap().message_state, MessageState::Deleted as u8);
    assert_eq!(esme.cancel(&message_id), FAILED, "it is final");
    esme.submit_ok(&message().text("kept"));
    operator.opens();
    assert_eq!(operator.expect_message().message.as_text(), "kept");
}

#[test]
fn s47_s36_a_cancelled_message_is_a_failure_to_who_asked_for_failures() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    for (registered_delivery, reported) in [(1, true), (2, true), (3, false), (0, false)] {
        let message = message().with(|message| message.registered_delivery = registered_delivery);
        let message_id = esme.submit_ok(&message);
        assert_eq!(esme.cancel(&message_id), OK);
        if reported {
            let receipt = esme.expect_receipt();
            assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "DELETED"));
        }
    }
    assert_eq!(esme.deliveries(), []);
}

#[test]
fn s47_a_cancelled_message_stays_so_after_a_kill() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().text("cancelled"));
    assert_eq!(esme.cancel(&message_id), OK);
    let node = node.restart();
    let esme = node.transceiver("demo");
    assert_eq!(esme.query(&message_id).unwrap().message_state, MessageState::Deleted as u8);
    esme.submit_ok(&message().text("kept"));
    operator.opens();
    assert_eq!(operator.expect_message().message.as_text(), "kept");
}

#[test]
fn s47_what_an_operator_has_cannot_be_cancelled() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let submitted = operator.expect_message();
    assert_eq!(esme.cancel(&message_id), FAILED);
    operator.report(&submitted, MessageState::Delivered);
    esme.expect_state(&message_id, MessageState::Delivered);
}

#[test]
fn s47_only_the_source_and_the_account_count_beside_the_id() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual(&operator).account("other").start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    assert_eq!(node.transceiver("other").cancel(&message_id), FAILED);
    let from = |source: OwnedAddress| CancelSm {
        message_id: message_id.clone().into(),
        source,
        destination: international("4999"),
        ..CancelSm::default()
    };
    assert_eq!(esme.cancel_with(from(international("46700000001"))), FAILED);
    let any_plan = OwnedAddress { ton: 0, npi: 0, ..usual_source() };
    assert_eq!(
        esme.cancel_with(from(any_plan)),
        OK,
        "TON and NPI of 0 match anything, and the destination is passed over"
    );
}

#[test]
fn s47_without_an_id_all_between_two_addresses_are_cancelled() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    for _ in 0..3 {
        esme.submit_ok(&message().text("cancelled"));
    }
    esme.submit_ok(&Message::to("46709999999").text("to another"));
    esme.submit_ok(&message().from("Brand").text("from another"));
    assert_eq!(esme.cancel_all_to("46701234567"), OK);
    assert_eq!(esme.cancel_all_to("46701234567"), FAILED, "nothing is left");
    operator.opens();
    let mut left = operator.expect_messages(2).iter().map(|submitted| submitted.message.as_text()).collect::<Vec<_>>();
    left.sort();
    assert_eq!(left, ["from another", "to another"]);
}

#[test]
fn s47_without_an_id_the_service_type_narrows_and_the_account_is_its_own() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual(&operator).account("other").start();
    let (esme, other) = (node.transceiver("demo"), node.transceiver("other"));
    let of_service = |service: &'static str| message().with(|message| message.service_type = service.into());
    esme.submit_ok(&of_service("WAP"));
    esme.submit_ok(&of_service("CMT"));
    let cancel = CancelSm {
        service_type: "WAP".into(),
        source: usual_source(),
        destination: international("46701234567"),
        ..CancelSm::default()
    };
    assert_eq!(other.cancel_with(cancel.clone()), FAILED);
    assert_eq!(esme.cancel_with(cancel.clone()), OK);
    assert_eq!(esme.cancel_with(cancel), FAILED);
    operator.opens();
    assert_eq!(operator.expect_message().message.service_type, "CMT");
}

#[test]
fn s47_thousands_are_cancelled_with_one_request() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let rest = esme.submit_all(vec![message(); 2_500], 50, |_, answer| assert!(answer.is_ok()));
    assert!(rest.is_empty());
    assert_eq!(esme.cancel_all_to("46701234567"), OK);
    assert_eq!(esme.cancel_all_to("46701234567"), FAILED);
    node.expect_metric("smsc_messages_final_total", &[("state", "deleted")], 2_500.0);
}

#[test]
fn a_destination_that_is_no_number_cancels_nothing() {
    let (_operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let cancel = CancelSm { source: usual_source(), ..CancelSm::default() };
    assert_eq!(esme.cancel_with(cancel), CommandStatus::ESME_RINVDSTADR);
    assert_eq!(esme.cancel("no id at all"), FAILED);
}

#[test]
fn s37_a_message_may_take_the_place_of_a_waiting_one() {
    let (operator, node) = Node::waiting();
    let esme = node.transceiver("demo");
    let replaced = esme.submit_ok(&message().text("old news").receipt());
    let replacing = |text: &str| message().text(text).with(|message| message.replace_if_present = 1);
    let new = esme.submit_ok(&replacing("news"));
    assert_ne!(new, replaced, "an id is given once (S42)");
    assert_eq!(esme.expect_receipt_of(&replaced).stat, "DELETED");
    esme.submit_ok(&replacing("elsewhere").from("Brand"));
    operator.opens();
    let left = operator.expect_messages(2).iter().map(|submitted| submitted.message.as_text()).collect::<Vec<_>>();
    assert_eq!(left, ["news", "elsewhere"], "where nothing is to be replaced it is a plain new message");
}
