//! What operators want otherwise than others: senders, types of numbers, what we say in our bind, and who is next.

use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_tests::configuration::Configuration;
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual_with};
use smsc_tests::operator::{Answer, Operator, Submitted};

fn source(submitted: &Submitted) -> (u8, u8, String) {
    let source = &submitted.message.source;
    (source.ton, source.npi, String::from_utf8(source.digits.to_vec()).unwrap())
}

#[test]
fn our_bind_says_what_the_operator_wants_to_hear() {
    let operator = Operator::start("op-a");
    let _node = usual_with(&operator, "system_type = \"VMA\"\naddress_range = \"^467\"").start();
    let bind = operator.expect_binds(1).remove(0);
    assert_eq!((&bind.system_type[..], &bind.address_range[..]), (&b"VMA"[..], &b"^467"[..]));
}

// Q32
#[test]
fn senders_are_rewritten_for_the_operator_that_wants_others() {
    let operator = Operator::start("op-a");
    let senders = "senders = [{ from = \"Brand\", to = \"46700000001\" }, { from = \"46*\", to = \"Shop\" }]";
    let node = usual_with(&operator, senders).start();
    let esme = node.transceiver("demo");
    let sent_as = |sender: &str| {
        esme.submit_ok(&Message::to("46701234567").from(sender).receipt());
        operator.expect_message()
    };
    assert_eq!(source(&sent_as("46709999999")), (5, 0, "Shop".to_owned()));
    assert_eq!(source(&sent_as("Other")), (5, 0, "Other".to_owned()));
    let submitted = sent_as("Brand");
    assert_eq!(source(&submitted), (1, 1, "46700000001".to_owned()));
    operator.report(&submitted, MessageState::Delivered);
    assert_eq!(&esme.expect_receipt().message.destination.digits[..], b"Brand", "its receipt is for who submitted");
}

// Q32
#[test]
fn numbers_are_typed_as_the_operator_wants_them() {
    let operator = Operator::start("op-a");
    let rules = "ton_npi = { destination = [0, 1], number = [1, 1], short_code = [3, 0], name = [5, 0] }";
    let node = usual_with(&operator, rules).start();
    let esme = node.transmitter("demo");
    for (sender, expected) in [("46701234567", (1, 1)), ("72345", (3, 0)), ("Brand", (5, 0))] {
        let message = Message::to("46701234567").from(sender).with(|message| {
            (message.source.ton, message.source.npi) = (0, 0);
        });
        esme.submit_ok(&message);
        let arrived = operator.expect_message();
        let destination = &arrived.message.destination;
        assert_eq!((destination.ton, destination.npi), (0, 1));
        assert_eq!(source(&arrived), (expected.0, expected.1, sender.to_owned()));
    }
}

#[test]
fn an_operator_that_tolerates_one_bind_gets_one_at_a_time() {
    let operator = Operator::start("op-a");
    let node = usual_with(&operator, "exclusive = true").start();
    let esme = node.transmitter("demo");
    for _ in 0..3 {
        operator.expect_links(1);
        operator.drops_links();
        esme.submit_ok(&Message::to("46701234567"));
    }
    operator.expect_messages(3);
    operator.expect_links(1);
    let twice = usual_keys(&operator, "exclusive = true\nlinks = 2").start_in_vain();
    assert!(twice.stderr.contains("operator[0].exclusive"), "{twice:?}");
}

fn usual_keys(operator: &Operator, keys: &str) -> Configuration {
    Configuration::new().account("demo").operator_with(operator, keys).route("", operator.name())
}

/// A route over `op-a`, then `op-b`, then `op-c`; to all of them ESME_RINVSRCADR means the next.
fn in_turn(operators: [&Operator; 3]) -> Node {
    let [a, b, c] = operators;
    let keys = "status = { ESME_RINVSRCADR = \"next\" }\nretry = [\"300ms\"]";
    let route = "operators = [{ name = \"op-a\" }]\nfailover = [\"op-b\", \"op-c\"]";
    let configuration = Configuration::new().account("demo").operator_with(a, keys).operator_with(b, keys);
    let node = configuration.operator_with(c, keys).route_with("", route).start();
    operators.iter().for_each(|operator| operator.expect_links(1));
    node
}

#[test]
fn a_message_that_one_operator_does_not_want_goes_to_the_next() {
    let [a, b, c] = ["op-a", "op-b", "op-c"].map(Operator::start);
    for operator in [&a, &b] {
        operator.answers(Answer::Refuse(CommandStatus::ESME_RINVSRCADR));
    }
    let node = in_turn([&a, &b, &c]);
    let esme = node.transceiver("demo");
    let message_id = esme.submit_ok(&Message::to("46701234567").text("whoever wants it").receipt());
    let taken = c.expect_message();
    assert_eq!(taken.message.as_text(), "whoever wants it");
    c.report(&taken, MessageState::Delivered);
    assert_eq!(esme.expect_receipt().message_id, message_id);
    assert_eq!((a.message_count(), b.message_count(), c.message_count()), (1, 1, 1));
}

#[test]
fn the_last_operator_is_asked_again_when_nobody_wants_a_message() {
    let operators = ["op-a", "op-b", "op-c"].map(Operator::start);
    for operator in &operators {
        operator.answers(Answer::Refuse(CommandStatus::ESME_RINVSRCADR));
    }
    let [a, b, c] = &operators;
    let node = in_turn([a, b, c]);
    node.transmitter("demo").submit_ok(&Message::to("46701234567"));
    c.expect_messages(3);
    assert_eq!((a.message_count(), b.message_count()), (1, 1), "it does not go round in circles");
}

#[test]
fn a_message_that_moved_on_survives_a_kill_at_its_new_place() {
    let [a, b, c] = ["op-a", "op-b", "op-c"].map(Operator::start);
    a.answers(Answer::Refuse(CommandStatus::ESME_RINVSRCADR));
    b.answers(Answer::Hold);
    let node = in_turn([&a, &b, &c]);
    node.transmitter("demo").submit_ok(&Message::to("46701234567").text("moved"));
    b.expect_message();
    let _node = node.restart();
    assert_eq!(b.expect_message().message.as_text(), "moved");
    assert_eq!(a.message_count(), 1);
}
