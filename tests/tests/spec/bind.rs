//! Who may bind, as what, and how a session begins and ends.

use smsc_proto::smpp::command_id::CommandId;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::{BindKind, Pdu};
use smsc_tests::configuration::Configuration;
use smsc_tests::connection::Connection;
use smsc_tests::esme::{PASSWORD, bind_of};
use smsc_tests::message::Message;
use smsc_tests::node::{Node, usual};
use smsc_tests::operator::Operator;

const KINDS: [BindKind; 3] = [BindKind::Transmitter, BindKind::Receiver, BindKind::Transceiver];

/// A node that has an account and nothing else.
fn node() -> Node {
    Configuration::new().account("demo").start()
}

/// The body of the answer to a bind, as it stands on the wire.
fn raw_bind_resp(connection: &Connection, system_id: &str, password: &str, version: u8) -> Vec<u8> {
    let bind = bind_of(system_id, password, version);
    let number = connection.request(&Pdu::Bind(BindKind::Transceiver, bind));
    connection.expect_response(number).body.to_vec()
}

#[test]
fn an_account_may_bind_as_transmitter_receiver_or_transceiver() {
    let node = node();
    for kind in KINDS {
        let esme = node.connect();
        let (status, resp) = esme.bind_as(kind, bind_of("demo", PASSWORD, 0x34));
        assert_eq!(status, CommandStatus::ESME_ROK);
        assert!(!resp.system_id.is_empty(), "a bind_resp says who we are");
        assert!(resp.sc_interface_version.is_some(), "a 3.4 session learns our version (S21)");
        esme.unbind();
    }
}

// S21
#[test]
fn an_unknown_higher_version_is_answered_with_ours() {
    let node = node();
    let (status, resp) = node.connect().bind_as(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x7F));
    assert_eq!((status, resp.sc_interface_version), (CommandStatus::ESME_ROK, Some(0x50)));
}

#[test]
fn a_session_of_version_3_3_is_sent_no_tlv() {
    let node = node();
    let esme = node.connect();
    let body = raw_bind_resp(esme.connection(), "demo", PASSWORD, 0x33);
    let name_ends = body.iter().position(|octet| *octet == 0).unwrap();
    assert_eq!(name_ends + 1, body.len(), "nothing follows the system_id (S22): {body:?}");
}

// S15
#[test]
fn an_unknown_system_id_and_a_wrong_password_have_codes_of_their_own() {
    let node = node();
    let esme = node.connect();
    let bind = |name, password| esme.bind_as(BindKind::Transceiver, bind_of(name, password, 0x34)).0;
    assert_eq!(bind("nobody", PASSWORD), CommandStatus::ESME_RINVSYSID);
    assert_eq!(bind("demo", "wrong"), CommandStatus::ESME_RINVPASWD);
}

// S15
#[test]
fn a_cautious_centre_tells_nobody_which_of_the_two_was_wrong() {
    let node = Configuration::new().account("demo").section("session", "bind_errors = \"uniform\"").start();
    let esme = node.connect();
    let bind = |name, password| esme.bind_as(BindKind::Transceiver, bind_of(name, password, 0x34)).0;
    assert_eq!(bind("nobody", PASSWORD), CommandStatus::ESME_RBINDFAIL);
    assert_eq!(bind("demo", "wrong"), CommandStatus::ESME_RBINDFAIL);
}

#[test]
fn a_refused_bind_is_answered_with_a_system_id() {
    let node = node();
    for version in [0x33, 0x34, 0x50] {
        let body = raw_bind_resp(node.connect().connection(), "demo", "wrong", version);
        assert_eq!(body.iter().filter(|octet| **octet == 0).count(), 1, "one C-string (S14): {body:?}");
        assert_eq!(body.last(), Some(&0));
    }
}

// S13
#[test]
fn a_bind_may_be_tried_again_on_the_same_connection() {
    let node = node();
    let esme = node.connect();
    assert_ne!(esme.bind_as(BindKind::Transceiver, bind_of("demo", "wrong", 0x34)).0, CommandStatus::ESME_ROK);
    assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
}

// S13
#[test]
fn after_three_refused_binds_the_connection_is_closed() {
    let node = node();
    let esme = node.connect();
    for _ in 0..3 {
        esme.bind_as(BindKind::Transceiver, bind_of("demo", "wrong", 0x34));
    }
    esme.expect_end();
    assert_eq!(node.connect().bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK, "nobody is banned");
}

// S11
#[test]
fn a_second_bind_is_refused_and_does_not_harm_the_first() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    assert_eq!(esme.bind(BindKind::Transmitter, "demo"), CommandStatus::ESME_RALYBND);
    esme.submit_ok(&Message::to("46701234567"));
}

// S12, Q25
#[test]
fn one_bind_too_many_is_refused_and_closed_until_a_place_is_free() {
    let node = Configuration::new().account_with("demo", "binds_max = 2").start();
    let (first, _second) = (node.transceiver("demo"), node.receiver("demo"));
    let third = node.connect();
    assert_eq!(third.bind(BindKind::Transmitter, "demo"), CommandStatus::ESME_RBINDFAIL);
    third.expect_end();
    first.unbind();
    node.transmitter("demo");
}

// Q2
#[test]
fn an_esme_that_vanished_takes_no_place() {
    let node = Configuration::new().account_with("demo", "binds_max = 1").start();
    drop(node.transceiver("demo"));
    node.expect_metric("smsc_sessions", &[("account", "demo")], 0.0);
    node.transceiver("demo");
}

// S20
#[test]
fn a_connection_that_does_not_bind_is_closed() {
    let node = Configuration::new().account("demo").section("session", "session_init = \"300ms\"").start();
    node.connect().expect_end();
    let esme = node.connect();
    esme.enquire_link();
    esme.expect_end();
}

// S17, Q5
#[test]
fn enquire_link_is_answered_before_the_bind() {
    let node = node();
    let esme = node.connect();
    esme.enquire_link();
    assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
    esme.enquire_link();
}

// S9
#[test]
fn a_submit_before_the_bind_is_refused_and_the_bind_still_possible() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.connect();
    assert_eq!(esme.submit(&Message::to("46701234567")), Err(CommandStatus::ESME_RINVBNDSTS));
    assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
    esme.submit_ok(&Message::to("46701234567"));
}

// Q3
#[test]
fn a_bind_and_its_first_submit_may_come_in_one_segment() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.connect();
    let mut segment = bytes::BytesMut::new();
    let bind = Pdu::Bind(BindKind::Transceiver, bind_of("demo", PASSWORD, 0x34));
    bind.encode(CommandStatus::ESME_ROK, 1, &mut segment);
    segment.extend_from_slice(&Message::to("46701234567").submit_sm(2));
    esme.connection().write(segment.freeze());
    assert_eq!(esme.connection().expect_response(1).header.command_status, CommandStatus::ESME_ROK);
    assert!(esme.answer_to(2).is_ok());
}

// S16
#[test]
fn unbind_is_answered_and_the_connection_closed() {
    let node = node();
    for kind in KINDS {
        let esme = node.connect();
        assert_eq!(esme.bind(kind, "demo"), CommandStatus::ESME_ROK);
        esme.unbind();
    }
    node.expect_metric("smsc_sessions", &[("account", "demo")], 0.0);
}

// S16
#[test]
fn what_was_submitted_before_an_unbind_is_answered_before_it() {
    let operator = Operator::start("op-a");
    let node = Node::with(&operator);
    let esme = node.transceiver("demo");
    let messages = (0..50).map(|_| Message::to("46701234567")).collect::<Vec<_>>();
    let numbers = esme.send_all(&messages);
    esme.unbind();
    for number in numbers {
        assert!(esme.answer_to(number).is_ok());
    }
}

// S20
#[test]
fn a_silent_esme_is_asked_whether_it_is_there_and_closed_when_it_is_not() {
    let keys = "enquire_link = \"200ms\"\nresponse = \"400ms\"\nenquire_link_misses = 2";
    let node = Configuration::new().account("demo").section("session", keys).start();
    let esme = node.transceiver("demo");
    esme.expect_enquire_link();
    esme.expect_enquire_link();
    esme.ignores_enquire_links();
    esme.expect_end();
}

// S20
#[test]
fn an_esme_that_sends_nothing_of_its_own_is_unbound_in_the_end() {
    let keys = "enquire_link = \"0s\"\ninactivity = \"400ms\"";
    let node = Configuration::new().account("demo").section("session", keys).start();
    let esme = node.transceiver("demo");
    esme.expect_unbind();
    esme.expect_end();
}

// S20
#[test]
fn an_answered_enquire_link_keeps_a_session_that_only_listens() {
    let keys = "enquire_link = \"100ms\"\ninactivity = \"1s\"";
    let node = Configuration::new().account("demo").section("session", keys).start();
    let esme = node.receiver("demo");
    for _ in 0..20 {
        esme.expect_enquire_link();
    }
    esme.enquire_link();
}

#[test]
fn names_and_passwords_may_be_longer_than_the_specification_has_them() {
    let (name, password) = ("a-name-of-more-than-fifteen", "a-password-of-more-than-eight");
    let node = Configuration::new().account_with(name, &format!("password = {password:?}")).start();
    let (status, _) = node.connect().bind_as(BindKind::Transceiver, bind_of(name, password, 0x34));
    assert_eq!(status, CommandStatus::ESME_ROK, "Q28");
}

#[test]
fn a_password_may_be_kept_as_its_hash() {
    let hash = argon2_of(PASSWORD);
    let node = Configuration::new().account_with("demo", &format!("password_hash = {hash:?}")).start();
    let esme = node.connect();
    let (wrong, _) = esme.bind_as(BindKind::Transceiver, bind_of("demo", "wrong", 0x34));
    assert_eq!(wrong, CommandStatus::ESME_RINVPASWD);
    assert_eq!(esme.bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_ROK);
}

fn argon2_of(password: &str) -> String {
    use argon2::password_hash::{PasswordHasher, SaltString};
    let salt = SaltString::encode_b64(b"salt of a test").unwrap();
    argon2::Argon2::default().hash_password(password.as_bytes(), &salt).unwrap().to_string()
}

#[test]
fn an_account_binds_only_from_its_networks() {
    let elsewhere = Configuration::new().account_with("demo", "allow_from = [\"10.0.0.0/8\"]").start();
    assert_eq!(elsewhere.connect().bind(BindKind::Transceiver, "demo"), CommandStatus::ESME_RBINDFAIL);
    let here = Configuration::new().account_with("demo", "allow_from = [\"10.0.0.0/8\", \"127.0.0.0/8\"]").start();
    here.transceiver("demo");
}

#[test]
fn deliveries_of_one_account_never_reach_another() {
    let operator = Operator::start("op-a");
    let node = usual(&operator).account("other").start();
    let (demo, other) = (node.transceiver("demo"), node.transceiver("other"));
    operator.deliver(&Message::to("72345").text("for demo"));
    assert_eq!(demo.expect_delivery().message.as_text(), "for demo");
    assert_eq!(other.deliveries(), []);
}

// Q34
#[test]
fn a_response_that_nobody_waits_for_is_ignored() {
    let node = node();
    let esme = node.transceiver("demo");
    for command_id in [CommandId::DELIVER_SM_RESP, CommandId::ENQUIRE_LINK_RESP, CommandId::GENERIC_NACK] {
        let mut octets = bytes::BytesMut::new();
        let status = CommandStatus::ESME_ROK;
        smsc_proto::smpp::codec::encode_header_only(command_id, status, 4_711, &mut octets);
        esme.connection().write(octets.freeze());
    }
    esme.enquire_link();
}
