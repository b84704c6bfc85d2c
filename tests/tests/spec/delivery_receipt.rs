//! The receipt follows the final state, and reaches the account: in its form, once, and whenever somebody binds.

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::BindKind;
use smsc_proto::smpp::tlv::tag;
use smsc_tests::esme::{Esme, PASSWORD, bind_of};
use smsc_tests::message::{Message, international};
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::{Answer, IdForm, Operator, receipt};

/// An operator that reports every message as delivered, and a node that uses it.
fn delivering() -> (Operator, Node) {
    let operator = Operator::start("op-a");
    operator.reports(MessageState::Delivered);
    let node = Node::with(&operator);
    (operator, node)
}

fn message() -> Message {
    Message::to("46701234567").receipt()
}

// S28, S49, S50, Q13
#[test]
fn a_receipt_has_the_form_that_clients_look_for() {
    let (_operator, node) = delivering();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().from("Brand").text("Your code is 4711, do not share it"));
    let receipt = esme.expect_receipt();
    assert_eq!(receipt.message_id, message_id, "the same digits as in the response (S42)");
    assert_eq!(receipt.receipted_message_id, Some(message_id), "and in the TLV (Q13)");
    assert_eq!((receipt.stat.as_str(), receipt.message_state), ("DELIVRD", Some(MessageState::Delivered as u8)));
    assert_eq!((receipt.delivered.as_str(), receipt.err.as_str()), ("001", "000"));
    assert_eq!(receipt.text, "Your code is 4711, d");
    let carrier = receipt.message;
    assert_eq!((carrier.esm_class, carrier.data_coding, carrier.registered_delivery), (0x04, 0, 0), "S50");
    assert_eq!(carrier.source, international("46701234567"), "from whom the message went to");
    assert_eq!((carrier.destination.ton, &carrier.destination.digits[..]), (5, &b"Brand"[..]));
}

#[test]
fn the_text_in_a_receipt_is_left_out_where_it_is_no_plain_text() {
    let (_operator, node) = delivering();
    let esme = node.transceiver("demo");
    let unicode = message().octets(b"\0h\0e\0j").with(|message| message.data_coding = 8);
    let binary = message().octets(b"\x01\x02\x03").with(|message| message.data_coding = 4);
    let part = message().octets(b"\x05\x00\x03\x07\x02\x01hello").with(|message| message.esm_class = 0x40);
    for message in [unicode, binary, part] {
        esme.submit_ok(&message);
        assert_eq!(esme.expect_receipt().text, "", "S49");
    }
}

// S22
#[test]
fn a_session_of_version_3_3_is_sent_receipts_without_tlvs() {
    let (_operator, node) = delivering();
    let esme = node.connect();
    esme.bind_as(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x33));
    esme.submit_ok(&message());
    let delivery = esme.expect_delivery().message;
    assert_eq!(delivery.tlvs, [], "S22");
    assert!(delivery.as_text().contains("stat:DELIVRD"));
}

// S52, Q24
#[test]
fn a_transmitters_receipts_reach_the_accounts_receiver() {
    let (_operator, node) = delivering();
    let (transmitter, receiver) = (node.transmitter("demo"), node.receiver("demo"));
    let message_id = transmitter.submit_ok(&message());
    assert_eq!(receiver.expect_receipt().message_id, message_id);
    assert_eq!(transmitter.deliveries(), [], "never to a transmitter (Q24)");
}

// S52
#[test]
fn a_receipt_waits_for_a_receiver_that_binds_later() {
    let (operator, node) = delivering();
    let message_id = node.transmitter("demo").submit_ok(&message());
    operator.expect_message();
    operator.expect_all_acknowledged();
    assert_eq!(node.receiver("demo").expect_receipt().message_id, message_id);
}

#[test]
fn a_receipt_that_was_not_acknowledged_comes_again_on_the_next_bind() {
    let (_operator, node) = delivering();
    let first = node.transceiver("demo");
    first.holds_deliveries();
    let message_id = first.submit_ok(&message());
    assert_eq!(first.expect_receipt().message_id, message_id);
    drop(first);
    assert_eq!(node.receiver("demo").expect_receipt().message_id, message_id, "Q2");
}

#[test]
fn a_receipt_that_was_acknowledged_does_not_come_again() {
    let (_operator, node) = delivering();
    let first = node.transceiver("demo");
    first.submit_ok(&message().text("first"));
    assert_eq!(first.expect_receipt().text, "first");
    first.unbind();
    let second = node.transceiver("demo");
    second.submit_ok(&message().text("second"));
    assert_eq!(second.expect_receipt().text, "second");
    assert_eq!(second.deliveries(), []);
}

#[test]
fn an_esme_that_cannot_take_a_receipt_now_is_asked_again() {
    let (_operator, node) = delivering();
    let esme = node.transceiver("demo");
    esme.answers_deliveries_with(CommandStatus::ESME_RX_T_APPN);
    let message_id = esme.submit_ok(&message());
    assert_eq!(esme.expect_receipt().message_id, message_id);
    esme.answers_deliveries_with(CommandStatus::ESME_ROK);
    assert_eq!(esme.expect_receipt().message_id, message_id, "S51");
}

#[test]
fn an_esme_that_refuses_a_receipt_is_not_asked_again() {
    type Refusal = fn(&Esme, &smsc_tests::esme::Delivery);
    let refusals: [Refusal; 3] = [
        |esme, delivery| esme.answer(delivery, CommandStatus::ESME_RX_R_APPN),
        |esme, delivery| esme.answer(delivery, CommandStatus::ESME_RX_P_APPN),
        |esme, delivery| esme.nack(delivery),
    ];
    let (_operator, node) = delivering();
    for refuse in refusals {
        let esme = node.transceiver("demo");
        esme.holds_deliveries();
        esme.submit_ok(&message().text("refused"));
        refuse(&esme, &esme.expect_delivery());
        esme.unbind();
        let next = node.transceiver("demo");
        next.submit_ok(&message().text("next"));
        assert_eq!(next.expect_receipt().text, "next", "a nack counts as answered, too (S3)");
    }
}

// S36, Q20
#[test]
fn receipts_come_as_they_were_asked_for() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let asked = [0, 1, 2, 3].map(|registered_delivery| {
        [MessageState::Delivered, MessageState::Undeliverable].map(|state| {
            let message = message().with(|message| message.registered_delivery = registered_delivery);
            let message_id = esme.submit_ok(&message);
            operator.expect_answer(operator.report(&operator.expect_message(), state));
            message_id
        })
    });
    node.expect_metric("smsc_messages_final_total", &[], 8.0);
    let [_, [delivered, undelivered], [_, failed], [succeeded, _]] = asked;
    let mut expected = [delivered, undelivered, failed, succeeded];
    let mut receipts = expected.clone().map(|_| esme.expect_receipt().message_id);
    expected.sort();
    receipts.sort();
    assert_eq!(receipts, expected, "0 none, 1 always, 2 failure, 3 success (S36)");
    assert_eq!(esme.deliveries(), []);
}

#[test]
fn every_final_state_of_the_operators_is_told_in_its_word() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    for (state, word) in [
        (MessageState::Delivered, "DELIVRD"),
        (MessageState::Expired, "EXPIRED"),
        (MessageState::Deleted, "DELETED"),
        (MessageState::Undeliverable, "UNDELIV"),
        (MessageState::Unknown, "UNKNOWN"),
        (MessageState::Rejected, "REJECTD"),
    ] {
        let message_id = esme.submit_ok(&message());
        operator.report(&operator.expect_message(), state);
        let receipt = esme.expect_receipt();
        assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, word));
        assert_eq!(receipt.message_state, Some(state as u8), "text and TLV agree (S50)");
        assert_eq!(receipt.delivered, if state == MessageState::Delivered { "001" } else { "000" });
    }
}

// Q20
#[test]
fn what_is_not_final_is_not_reported() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let submitted = operator.expect_message();
    for state in [MessageState::Enroute, MessageState::Accepted, MessageState::Delivered] {
        assert_eq!(operator.expect_answer(operator.report(&submitted, state)), CommandStatus::ESME_ROK);
    }
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "DELIVRD"));
    assert_eq!(esme.deliveries(), []);
}

// Q22
#[test]
fn a_receipt_may_beat_the_response_to_its_message() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let submitted = operator.expect_message();
    let early = operator.report(&submitted, MessageState::Delivered);
    assert_eq!(operator.expect_answer(early), CommandStatus::ESME_ROK);
    operator.accepts(&submitted);
    assert_eq!(esme.expect_receipt().message_id, message_id, "Q22");
}

// Q23
#[test]
fn a_receipt_that_comes_twice_changes_nothing() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let submitted = operator.expect_message();
    for state in [MessageState::Delivered, MessageState::Delivered, MessageState::Undeliverable] {
        assert_eq!(operator.expect_answer(operator.report(&submitted, state)), CommandStatus::ESME_ROK, "Q23");
    }
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "DELIVRD"), "the first final state stays");
    esme.submit_ok(&message().text("fence"));
    operator.report(&operator.expect_message(), MessageState::Delivered);
    assert_eq!(esme.expect_receipt().text, "fence");
}

// Q22
#[test]
fn a_receipt_for_a_message_that_nobody_sent_is_kept_and_harms_nobody() {
    let (operator, node) = delivering();
    let stranger = receipt(&message(), "4711", MessageState::Delivered);
    assert_eq!(operator.expect_answer(operator.send(stranger)), CommandStatus::ESME_ROK);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    assert_eq!(esme.expect_receipt().message_id, message_id);
    assert_eq!(esme.deliveries(), []);
}

// Q14, Q15
#[test]
fn the_operators_ids_may_look_different_in_receipts() {
    let decimal = |id: u64| id.to_string();
    for (keys, form) in [
        ("response_hex", IdForm { in_response: |id| format!("{id:x}"), in_receipt: decimal }),
        ("receipt_hex", IdForm { in_response: decimal, in_receipt: |id| format!("{id:X}") }),
        ("trim_zeros", IdForm { in_response: |id| format!("{id:016}"), in_receipt: decimal }),
        ("fold_case", IdForm { in_response: |id| format!("id-{id:x}"), in_receipt: |id| format!("ID-{id:X}") }),
        ("as_is", IdForm { in_response: |id| format!("f81d4fae-{id}"), in_receipt: |id| format!("f81d4fae-{id}") }),
    ] {
        let operator = Operator::start("op-a");
        operator.writes_ids(form);
        operator.reports(MessageState::Delivered);
        let node = usual_with(&operator, &format!("message_id = {keys:?}")).start();
        let esme = node.transceiver("demo");
        let message_id = esme.submit_ok(&message());
        assert_eq!(esme.expect_receipt().message_id, message_id, "{keys} (Q14)");
    }
}

// Q16 to Q19
#[test]
fn receipts_are_read_in_all_the_forms_that_operators_give_them() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let forms: [fn(Message, &str) -> Message; 6] = [
        |base, id| Message { tlvs: vec![], ..base.text(&format!("id:{id} stat:DELIVRD")) },
        |base, id| Message {
            tlvs: vec![],
            ..base.text(&format!("ID:{id} submitdate:20261126120000 Stat:delivrd Text:x"))
        },
        |base, id| Message {
            tlvs: vec![],
            esm_class: 0x44,
            ..base.text(&format!("id:{id} done date:0000000000 stat:DELIVRD err:1F"))
        },
        |base, id| Message { tlvs: vec![], ..base }.payload(format!("id:{id} stat:DELIVRD err:000").as_bytes()),
        |base, _| base.text(""),
        |base, id| Message { tlvs: base.tlvs[..1].to_vec(), ..base.text(&format!("id:{id} stat:DELIVRD")) },
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let message_id = esme.submit_ok(&message());
        let submitted = operator.expect_message();
        let id = &submitted.operator_message_id;
        operator.send(form(receipt(&submitted.message, id, MessageState::Delivered), id));
        let receipt = esme.expect_receipt();
        assert_eq!(
            (receipt.message_id, receipt.stat),
            (message_id, "DELIVRD".to_owned()),
            "form {number} (Q16 to Q19)"
        );
    }
}

#[test]
fn a_refusal_for_good_is_reported_as_failure() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    for (status, word) in [(CommandStatus::ESME_RINVDSTADR, "UNDELIV"), (CommandStatus::ESME_RX_R_APPN, "REJECTD")] {
        operator.answers_next([Answer::Refuse(status)]);
        let message_id = esme.submit_ok(&message().with(|message| message.registered_delivery = 2));
        let receipt = esme.expect_receipt();
        assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, word));
        assert_ne!(receipt.err, "000", "the reason is told");
    }
}

#[test]
fn with_an_operator_that_sends_no_receipts_its_response_is_the_end() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "receipts = \"never\"").start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "ACCEPTD"));
}

#[test]
fn a_message_whose_operator_stays_away_expires() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().validity("000000000001000R"));
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "EXPIRED"));
    operator.opens();
    operator.expect_links(1);
    esme.submit_ok(&message().text("fence"));
    assert_eq!(operator.expect_message().message.as_text(), "fence", "what expired is not sent any more");
}

#[test]
fn a_message_whose_receipt_never_comes_expires_after_a_grace() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).section("store", "receipt_grace = \"1s\"").start();
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message().validity("000000000001000R"));
    let submitted = operator.expect_message();
    let receipt = esme.expect_receipt();
    assert_eq!((receipt.message_id, receipt.stat.as_str()), (message_id, "EXPIRED"));
    let late = operator.report(&submitted, MessageState::Delivered);
    assert_eq!(operator.expect_answer(late), CommandStatus::ESME_ROK);
    assert_eq!(esme.deliveries(), [], "a final state never changes");
}

// Q21
#[test]
fn receipts_come_over_the_receiver_of_a_pair_of_links() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "bind = \"transmitter+receiver\"").start();
    operator.expect_links(2);
    operator.reports(MessageState::Delivered);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&message());
    assert_eq!(esme.expect_receipt().message_id, message_id, "Q21");
    assert!(operator.bound_kinds().contains(&BindKind::Receiver));
}

// S52
#[test]
fn receipts_of_several_binds_are_shared_and_none_comes_twice() {
    let (operator, node) = delivering();
    let esmes = [node.transceiver("demo"), node.transceiver("demo"), node.receiver("demo")];
    let messages = (0..300).map(|number| message().text(&format!("{number}")));
    esmes[0].submit_all(messages, 50, |_, answer| assert!(answer.is_ok()));
    operator.expect_messages(300);
    let deliveries = smsc_tests::esme::expect_deliveries(&[&esmes[0], &esmes[1], &esmes[2]], 300);
    let ids = deliveries.iter().filter_map(|one| one.message.tlv_value(tag::RECEIPTED_MESSAGE_ID));
    assert_eq!(ids.collect::<std::collections::HashSet<_>>().len(), 300);
}
