//! Messages from handsets: to which account they go, and that none is acknowledged and lost.

use bytes::Bytes;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::text::concatenation::{Marking, encode_text};
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual, usual_with};
use smsc_tests::operator::Operator;

/// A handset's message to a service number.
fn from_handset(number: &str, text: &str) -> Message {
    Message::to(number).from("46701234567").text(text)
}

/// An operator, and two accounts that want its messages.
fn two_accounts(operator: &Operator) -> Configuration {
    Configuration::new().account("demo").account("shop").operator(operator)
}

#[test]
fn a_message_reaches_the_account_of_its_number_as_it_came() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.receiver("demo");
    let message = from_handset("72345", "").octets(b"\x00\x01\xff octets").with(|message| {
        (message.esm_class, message.data_coding, message.protocol_id) = (0x40, 0xF5, 0x41);
        message.service_type = Bytes::from_static(b"CMT");
    });
    assert_eq!(operator.deliver(&message), CommandStatus::ESME_ROK);
    assert_eq!(esme.expect_delivery().message, message);
}

#[test]
fn an_exact_number_beats_a_prefix_and_a_longer_prefix_a_shorter_one() {
    let operator = Operator::start("op-a");
    let configuration = two_accounts(&operator);
    let node = configuration.mo_route("7*", "demo").mo_route("72*", "shop").mo_route("72345", "demo").start();
    let (demo, shop) = (node.receiver("demo"), node.receiver("shop"));
    for (number, esme) in [("71000", &demo), ("72000", &shop), ("72345", &demo), ("723456", &shop)] {
        assert_eq!(operator.deliver(&from_handset(number, number)), CommandStatus::ESME_ROK);
        assert_eq!(esme.expect_delivery().message.as_text(), number);
    }
}

#[test]
fn a_keyword_chooses_among_the_accounts_of_a_number() {
    let operator = Operator::start("op-a");
    let keyword = "keyword = \"JOIN\"";
    let node = two_accounts(&operator).mo_route("72345", "demo").mo_route_with("72345", "shop", keyword).start();
    let (demo, shop) = (node.receiver("demo"), node.receiver("shop"));
    for (text, esme) in [("JOIN now", &shop), ("join", &shop), ("JOINED", &demo), ("please JOIN", &demo), ("", &demo)] {
        assert_eq!(operator.deliver(&from_handset("72345", text)), CommandStatus::ESME_ROK);
        assert_eq!(esme.expect_delivery().message.as_text(), text);
    }
}

#[test]
fn a_route_may_be_for_one_operators_messages_only() {
    let (a, b) = (Operator::start("op-a"), Operator::start("op-b"));
    let node = two_accounts(&a)
        .operator(&b)
        .mo_route("72345", "demo")
        .mo_route_with("72345", "shop", "operator = \"op-b\"")
        .start();
    let (demo, shop) = (node.receiver("demo"), node.receiver("shop"));
    a.deliver(&from_handset("72345", "from a"));
    assert_eq!(demo.expect_delivery().message.as_text(), "from a");
    b.deliver(&from_handset("72345", "from b"));
    assert_eq!(shop.expect_delivery().message.as_text(), "from b");
}

#[test]
fn a_message_that_no_account_wants_is_refused() {
    let operator = Operator::start("op-a");
    let node = two_accounts(&operator).mo_route("72345", "demo").start();
    assert_eq!(operator.deliver(&from_handset("99999", "hello")), CommandStatus::ESME_RX_R_APPN, "S53");
    assert_eq!(operator.deliver(&from_handset("72345", "hello")), CommandStatus::ESME_ROK);
    assert_eq!(node.receiver("demo").expect_delivery().message.as_text(), "hello");
}

#[test]
fn a_message_waits_for_a_receiver_that_binds_later() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    assert_eq!(operator.deliver(&from_handset("72345", "patience")), CommandStatus::ESME_ROK);
    assert_eq!(node.transmitter("demo").deliveries(), [], "a transmitter is never delivered to");
    assert_eq!(node.receiver("demo").expect_delivery().message.as_text(), "patience");
}

#[test]
fn a_message_that_was_not_acknowledged_comes_again_on_the_next_bind() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.receiver("demo");
    esme.holds_deliveries();
    operator.deliver(&from_handset("72345", "again"));
    esme.expect_delivery();
    drop(esme);
    assert_eq!(node.receiver("demo").expect_delivery().message.as_text(), "again");
}

#[test]
fn a_message_that_the_esme_refuses_is_not_sent_again() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.receiver("demo");
    esme.answers_deliveries_with(CommandStatus::ESME_RX_R_APPN);
    operator.deliver(&from_handset("72345", "refused"));
    esme.expect_delivery();
    esme.unbind();
    operator.deliver(&from_handset("72345", "next"));
    assert_eq!(node.receiver("demo").expect_delivery().message.as_text(), "next");
}

#[test]
fn an_account_that_collects_nothing_makes_operators_wait_in_the_end() {
    let operator = Operator::start("op-a");
    let node =
        Configuration::new().account_with("demo", "waiting_max = 3").operator(&operator).mo_route("*", "demo").start();
    for _ in 0..3 {
        assert_eq!(operator.deliver(&from_handset("72345", "one of three")), CommandStatus::ESME_ROK);
    }
    let fourth = operator.send(from_handset("72345", "one too many"));
    assert_eq!(operator.expect_answer(fourth), CommandStatus::ESME_RX_T_APPN);
    let esme = node.receiver("demo");
    let texts = (0..4).map(|_| esme.expect_delivery().message.as_text()).collect::<Vec<_>>();
    assert!(texts.contains(&"one too many".to_owned()), "the operator tries again, and nothing is lost");
}

#[test]
fn many_messages_arrive_once_each() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).start();
    let esmes = [node.receiver("demo"), node.transceiver("demo")];
    for number in 0..500 {
        operator.send(from_handset("72345", &format!("{number}")));
    }
    operator.expect_all_acknowledged();
    let deliveries = smsc_tests::esme::expect_deliveries(&[&esmes[0], &esmes[1]], 500);
    let texts = deliveries.iter().map(|delivery| delivery.message.as_text());
    assert_eq!(texts.collect::<std::collections::HashSet<_>>().len(), 500);
}

#[test]
fn a_reply_finds_its_way_back() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    esme.submit_ok(&Message::to("46701234567").from("72345").text("shall we?"));
    let asked = operator.expect_message().message;
    let reply = Message { source: asked.destination, destination: asked.source, ..Message::default() }.text("yes");
    assert_eq!(operator.deliver(&reply), CommandStatus::ESME_ROK);
    let delivered = esme.expect_delivery().message;
    assert_eq!((&delivered.source.digits[..], delivered.as_text()), (&b"46701234567"[..], "yes".to_owned()));
}

/// MO messages to 72345 only, and what no route takes is parked.
fn parking(operator: &Operator, keys: &str) -> Configuration {
    let park = format!("mo_no_route = \"park\"\n{keys}");
    Configuration::new().account("demo").operator(operator).mo_route("72345", "demo").section("router", &park)
}

// S53: never acknowledged and dropped.
#[test]
fn a_message_without_a_route_is_kept_until_there_is_one() {
    let operator = Operator::start("op-a");
    let node = parking(&operator, "").start();
    let esme = node.transceiver("demo");
    assert_eq!(operator.deliver(&from_handset("99999", "patient")), CommandStatus::ESME_ROK);
    assert_eq!(esme.deliveries(), []);
    drop(esme);
    let place = node.kill();
    place.configure(&parking(&operator, "").mo_route("99999", "demo"));
    let node = place.start_again();
    assert_eq!(node.transceiver("demo").expect_delivery().message.as_text(), "patient");
}

// S53
#[test]
fn a_parked_message_whose_route_never_comes_ends() {
    let operator = Operator::start("op-a");
    let node = parking(&operator, "mo_park_max = \"1s\"").start();
    assert_eq!(operator.deliver(&from_handset("99999", "too patient")), CommandStatus::ESME_ROK);
    node.expect_metric("smsc_messages_final_total", &[("state", "expired")], 1.0);
    let place = node.kill();
    place.configure(&parking(&operator, "").mo_route("99999", "demo"));
    assert_eq!(place.start_again().transceiver("demo").deliveries(), []);
}

// S51: the table that is published.
#[test]
fn an_esmes_answer_says_whether_a_message_comes_again() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let mut ended = 0.0;
    for (status, again) in [
        (CommandStatus::ESME_RX_T_APPN, true),
        (CommandStatus::ESME_RTHROTTLED, true),
        (CommandStatus::ESME_RMSGQFUL, true),
        (CommandStatus::ESME_RUNKNOWNERR, true),
        (CommandStatus::ESME_RX_P_APPN, false),
        (CommandStatus::ESME_RX_R_APPN, false),
        (CommandStatus::ESME_RINVCMDID, false),
    ] {
        esme.answers_deliveries_with(status);
        operator.deliver(&from_handset("72345", "hello"));
        esme.expect_delivery();
        if again {
            esme.answers_deliveries_with(CommandStatus::ESME_ROK);
            esme.expect_delivery();
        }
        ended += 1.0;
        node.expect_metric("smsc_messages_final_total", &[], ended);
        assert_eq!(esme.deliveries(), [], "{status}");
    }
}

/// The parts of a long message from a handset.
fn in_parts(text: &str, reference: u16) -> Vec<Message> {
    let (data_coding, segments) = encode_text(text, Marking::Udh, reference).unwrap();
    let parts = segments.into_iter().map(|segment| {
        Message::to("72345").from("46701234567").octets(&segment.short_message).with(|message| {
            (message.esm_class, message.data_coding) = (segment.esm_class, data_coding);
        })
    });
    parts.collect()
}

#[test]
fn parts_are_put_together_where_the_operator_is_configured_so() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "mo_long_messages = \"payload\"").start();
    let esme = node.transceiver("demo");
    let text = "join, all of you, and take your time. ".repeat(12);
    let mut dispatches: Vec<_> = in_parts(&text, 7).into_iter().rev().map(|part| operator.send(part)).collect();
    let arrived = esme.expect_delivery().message;
    assert_eq!((arrived.as_text(), arrived.esm_class, arrived.short_message.len()), (text, 0, 0));
    assert!(dispatches.drain(..).all(|dispatch| operator.expect_answer(dispatch) == CommandStatus::ESME_ROK));
    operator.deliver(&from_handset("72345", "a short one"));
    assert_eq!(esme.expect_delivery().message.as_text(), "a short one");
}

#[test]
fn a_part_whose_others_never_come_is_delivered_as_it_came() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "mo_long_messages = \"payload\"").start();
    let esme = node.transceiver("demo");
    let part = in_parts(&"one of several. ".repeat(20), 7).remove(1);
    let dispatch = operator.send(part.clone());
    assert_eq!(esme.expect_delivery().message.user_data(), part.user_data());
    assert_eq!(operator.expect_answer(dispatch), CommandStatus::ESME_ROK);
}

// Nothing is acknowledged before it is kept, held or not.
#[test]
fn parts_that_were_held_when_the_node_died_come_again() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "mo_long_messages = \"payload\"").start();
    let text = "nothing is lost with a memory. ".repeat(12);
    let parts = in_parts(&text, 7);
    parts[..2].iter().for_each(|part| {
        operator.send(part.clone());
    });
    node.expect_metric("smsc_pdus_total", &[("side", "operator"), ("command", "deliver_sm")], 2.0);
    let node = node.restart();
    operator.send(parts[2].clone());
    assert_eq!(node.transceiver("demo").expect_delivery().message.as_text(), text);
}
