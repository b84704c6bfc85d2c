//! A submit_sm: what is accepted, what is refused and with which code, and what the operator gets of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu};
use smsc_proto::smpp::tlv::tag;
use smsc_tests::configuration::Configuration;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::{Answer, Operator};

#[test]
fn an_accepted_message_has_a_decimal_id_and_reaches_the_operator() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message_id = node.transceiver("demo").submit_ok(&Message::to("46701234567").text("hello"));
    assert!(message_id.bytes().all(|octet| octet.is_ascii_digit()), "{message_id} is digits only (S42)");
    assert!(message_id.parse::<u64>().unwrap() < 1 << 63);
    assert_eq!(operator.expect_message().message.as_text(), "hello");
}

#[test]
fn a_message_arrives_as_it_was_submitted() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message = Message::to("46701234567").from("Brand").octets(b"\x00\x01 all \xff octets").with(|message| {
        message.service_type = Bytes::from_static(b"CMT");
        (message.protocol_id, message.data_coding, message.priority_flag) = (0x41, 0xF5, 2);
    });
    node.transmitter("demo").submit_ok(&message);
    let arrived = operator.expect_message().message;
    assert_eq!(arrived.registered_delivery & 1, 1, "operators are always asked for receipts");
    let expected = message.with(|message| {
        message.registered_delivery = arrived.registered_delivery;
        message.validity_period = arrived.validity_period.clone();
        message.esm_class = arrived.esm_class;
    });
    assert_eq!(arrived, expected);
}

#[test]
fn tlvs_pass_in_order_whoever_invented_them() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let message = Message::to("46701234567")
        .tlv(0x1401, b"template")
        .tlv(tag::USER_MESSAGE_REFERENCE, &[0, 7])
        .tlv(0x1400, b"entity\0")
        .tlv(0x3FFF, b"");
    node.transmitter("demo").submit_ok(&message);
    assert_eq!(operator.expect_message().message.tlvs, message.tlvs, "Q10");
}

#[test]
fn a_message_payload_of_any_length_arrives_whole() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    for length in [1, 255, 4_000, 60_000] {
        let payload = (0..length).map(|index| index as u8).collect::<Vec<_>>();
        esme.submit_ok(&Message::to("46701234567").payload(&payload));
        assert_eq!(operator.expect_message().message.user_data(), payload);
    }
}

#[test]
fn of_short_message_and_message_payload_the_payload_wins() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let both = Message::to("46701234567").payload(b"the payload").text("the short message");
    node.transmitter("demo").submit_ok(&both);
    assert_eq!(operator.expect_message().message.user_data(), b"the payload", "S26");
}

#[test]
fn an_empty_message_and_an_empty_source_are_legal() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    esme.submit_ok(&Message::to("46701234567").text(""));
    assert_eq!(operator.expect_message().message.user_data(), b"", "S38");
    esme.submit_ok(&Message::to("46701234567").with(|message| message.source = Default::default()));
    assert_eq!(operator.expect_message().message.as_text(), "hello", "S40");
}

#[test]
fn octets_behind_the_message_that_are_no_tlv_are_ignored() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    for stray in 1..=3 {
        let mut octets = Message::to("46701234567").submit_sm(stray).to_vec();
        octets.resize(octets.len() + stray as usize, 0);
        let length = octets.len() as u32;
        octets[..4].copy_from_slice(&length.to_be_bytes());
        esme.connection().write(octets);
        assert!(esme.answer_to(stray).is_ok(), "{stray} stray octets (Q9)");
    }
}

/// What is wrong with a submit, and the code that says so.
fn refusals() -> Vec<(&'static str, Message, CommandStatus)> {
    let good = || Message::to("46701234567");
    vec![
        ("no destination", Message::to(""), CommandStatus::ESME_RINVDSTADR),
        ("letters in the destination", Message::to("46701CALLME"), CommandStatus::ESME_RINVDSTADR),
        ("no route", Message::to("990000"), CommandStatus::ESME_RINVDSTADR),
        (
            "a datagram that leaves later",
            good().with(|message| {
                message.esm_class = 1;
                message.schedule_delivery_time = "000000010000000R".into();
            }),
            CommandStatus::ESME_RINVESMCLASS,
        ),
        ("transaction mode", good().with(|message| message.esm_class = 2), CommandStatus::ESME_RINVESMCLASS),
        ("priority 4 before 5.0", good().with(|message| message.priority_flag = 4), CommandStatus::ESME_RINVPRTFLG),
        ("replace flag 2", good().with(|message| message.replace_if_present = 2), CommandStatus::ESME_RINVREPFLAG),
        ("canned message", good().with(|message| message.sm_default_msg_id = 1), CommandStatus::ESME_RINVDFTMSGID),
        ("validity of 15 characters", good().validity("00000000000500R"), CommandStatus::ESME_RINVEXPIRY),
        ("validity that is over", good().validity("200101000000000+"), CommandStatus::ESME_RINVEXPIRY),
        (
            "schedule of nonsense",
            good().with(|message| message.schedule_delivery_time = "tomorrow at nine".into()),
            CommandStatus::ESME_RINVSCHED,
        ),
        (
            "validity before the schedule",
            good().validity("000000000100000R").with(|message| {
                message.schedule_delivery_time = "000000010000000R".into();
            }),
            CommandStatus::ESME_RINVEXPIRY,
        ),
    ]
}

// S30, S32, S35, S37, S40, Q33
#[test]
fn what_cannot_be_delivered_is_refused_with_the_code_of_its_field() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").operator(&operator).route("46", "op-a").start();
    let esme = node.transceiver("demo");
    for (what, message, status) in refusals() {
        assert_eq!(esme.submit(&message), Err(status), "{what}");
    }
    esme.submit_ok(&Message::to("46701234567").text("after all refusals"));
    assert_eq!(operator.expect_message().message.as_text(), "after all refusals");
    assert_eq!(operator.message_count(), 1);
}

#[test]
fn a_refused_submit_is_answered_by_a_header_in_3_4_and_an_empty_id_elsewhere() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    for (version, body) in [(0x33, &b"\0"[..]), (0x34, b""), (0x50, b"\0")] {
        let esme = node.connect();
        esme.bind_as(BindKind::Transmitter, bind_of("demo", PASSWORD, version));
        let number = esme.send(&Message::to(""));
        let frame = esme.connection().expect_response(number);
        assert_eq!(frame.header.command_id, CommandId::SUBMIT_SM_RESP);
        assert_eq!(&frame.body[..], body, "version {version:#x} (S14)");
    }
}

// S37
#[test]
fn priority_4_exists_in_5_0_only() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.connect();
    esme.bind_as(BindKind::Transmitter, bind_of("demo", PASSWORD, 0x50));
    esme.submit_ok(&Message::to("46701234567").with(|message| message.priority_flag = 4));
    let refused = esme.submit(&Message::to("46701234567").with(|message| message.priority_flag = 5));
    assert_eq!(refused, Err(CommandStatus::ESME_RINVPRTFLG));
}

// S40
#[test]
fn an_account_sends_only_as_it_may() {
    let operator = Operator::start("op-a");
    let keys = "allowed_sources = [\"Brand\", \"4670*\"]";
    let node = Configuration::new().account_with("demo", keys).operator(&operator).route("", "op-a").start();
    let esme = node.transmitter("demo");
    esme.submit_ok(&Message::to("46701234567").from("Brand"));
    esme.submit_ok(&Message::to("46701234567").from("46700000001"));
    let refused = esme.submit(&Message::to("46701234567").from("Bank"));
    assert_eq!(refused, Err(CommandStatus::ESME_RINVSRCADR));
}

#[test]
fn a_receiver_may_not_submit() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let receiver = node.receiver("demo");
    assert_eq!(receiver.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RINVBNDSTS), "S9");
    receiver.enquire_link();
    operator.deliver(&Message::to("72345"));
    receiver.expect_delivery();
}

#[test]
fn an_esme_may_not_deliver() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let mut octets = bytes::BytesMut::new();
    Message::to("46701234567").encode(CommandId::DELIVER_SM, 77, &mut octets);
    esme.connection().write(octets.freeze());
    let header = esme.connection().expect_response(77).header;
    let refused = (CommandId::DELIVER_SM_RESP, CommandStatus::ESME_RINVBNDSTS);
    assert_eq!((header.command_id, header.command_status), refused, "S10");
    esme.submit_ok(&Message::to("46701234567"));
}

#[test]
fn an_operation_that_is_not_offered_is_not_pretended() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let broadcast = Pdu::Unsupported(CommandId::BROADCAST_SM, Bytes::from_static(b"\0\0\0\0\0\0"));
    let query = Pdu::Unsupported(CommandId::QUERY_BROADCAST_SM, Bytes::from_static(b"1\0\0\0\0"));
    let cancel = Pdu::Unsupported(CommandId::CANCEL_BROADCAST_SM, Bytes::from_static(b"\x001\0\0\0\0"));
    for pdu in [broadcast, query, cancel] {
        let header = esme.connection().expect_response(esme.connection().request(&pdu)).header;
        let nacked = (CommandId::GENERIC_NACK, CommandStatus::ESME_RINVCMDID);
        assert_eq!((header.command_id, header.command_status), nacked, "{:?} (S4)", pdu.command_id());
    }
    esme.submit_ok(&Message::to("46701234567"));
}

// Q32
#[test]
fn a_number_may_be_written_with_plus_or_00() {
    let operator = Operator::start("op-a");
    let node = Configuration::new().account("demo").operator(&operator).route("46", "op-a").start();
    let esme = node.transmitter("demo");
    for number in ["46701234567", "+46701234567", "0046701234567"] {
        esme.submit_ok(&Message::to(number).text(number));
        assert_eq!(operator.expect_message().message.as_text(), number, "Q32");
    }
}

// S42
#[test]
fn ids_rise_and_none_is_given_twice() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    let numbers = esme.send_all(&vec![Message::to("46701234567"); 100]);
    let ids = numbers.into_iter().map(|number| esme.answer_to(number).unwrap().parse::<u64>().unwrap());
    let ids = ids.collect::<Vec<_>>();
    assert!(ids.is_sorted_by(|earlier, later| earlier < later), "{ids:?}");
}

// S31
#[test]
fn a_scheduled_message_leaves_at_its_time_and_not_before() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transmitter("demo");
    let begin = Instant::now();
    esme.submit_ok(&Message::to("46701234567").text("later").with(|message| {
        message.schedule_delivery_time = "000000000002000R".into();
    }));
    esme.submit_ok(&Message::to("46701234567").text("now"));
    assert_eq!(operator.expect_message().message.as_text(), "now");
    let later = operator.expect_message();
    assert_eq!(later.message.as_text(), "later");
    assert!(later.at - begin >= Duration::from_millis(1_950), "it came after {:?}", later.at - begin);
}

#[test]
fn a_full_queue_refuses_and_takes_messages_again_when_there_is_room() {
    let operator = Operator::start("op-a");
    operator.answers(Answer::Hold);
    let node = usual_with_room(&operator, 5);
    let esme = node.transmitter("demo");
    for _ in 0..5 {
        esme.submit_ok(&Message::to("46701234567"));
    }
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RMSGQFUL), "S43");
    operator.releases();
    operator.expect_messages(5);
    node.expect_metric("smsc_delivery_attempts_total", &[("link", "op-a"), ("result", "ok")], 5.0);
    for message in 0..5 {
        esme.submit_ok(&Message::to("46701234567").text(&format!("message {message}")));
    }
}

fn usual_with_room(operator: &Operator, waiting_max: u32) -> Node {
    let keys = format!("waiting_max = {waiting_max}\nreceipts = \"never\"");
    smsc_tests::node::usual_with(operator, &keys).start()
}

#[test]
fn a_full_store_refuses_too() {
    let operator = Operator::start("op-a");
    operator.closes();
    let node = usual(&operator).section("store", "messages_max = 5").start();
    let esme = node.transmitter("demo");
    for _ in 0..5 {
        esme.submit_ok(&Message::to("46701234567"));
    }
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RMSGQFUL));
    operator.opens();
    operator.expect_messages(5);
}

#[test]
fn a_disk_that_is_nearly_full_refuses_new_messages_and_delivers_the_old() {
    let operator = Operator::start("op-a");
    operator.closes();
    let configuration = usual(&operator);
    let node = configuration.start();
    let message_id = node.transmitter("demo").submit_ok(&Message::to("46701234567").text("before").receipt());
    let place = node.kill();
    // More than any disk has free: the node takes its disk for nearly full.
    place.configure(&configuration.section("store", "disk_free_min = \"1000TiB\""));
    let node = place.start_again();
    let esme = node.transceiver("demo");
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RMSGQFUL));
    operator.opens();
    operator.report(&operator.expect_message(), smsc_proto::message_state::MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id);
    assert_eq!(operator.deliver(&Message::to("72345")), CommandStatus::ESME_RX_T_APPN);
}
